//! Every value, against a reading of the file in another language.

use std::path::{Path, PathBuf};
use std::process::Command;

use migrate_testkit::all_types;
use migrate_testkit::bacpac::{Layout, Options, TimeBytes};

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, both, newest};

/// What the other reader says of each table, but for those that are left out.
fn verdicts(file: &Path, database: &Database, left_out: &[&str]) -> Vec<String> {
    let psql = database.cluster.psql(&database.name).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/bacpac_oracle.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).arg(file).args(["compare", "--dsn"]);
    command
        .arg(format!("dbname={}", database.name))
        .arg("--psql")
        .arg(psql.get_program());
    command.args(left_out.iter().flat_map(|table| ["--except", table]));
    for (name, value) in psql.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{text}{errors}");
    assert_eq!(errors, "");
    text.lines().map(str::to_owned).collect()
}

fn agrees(file: &Path, database: &Database, tables: usize) {
    let verdicts = verdicts(file, database, &[]);
    assert_eq!(verdicts.len(), tables, "{database}: {verdicts:#?}");
    for verdict in &verdicts {
        assert!(verdict.contains(" rows equal"), "{database}: {verdicts:#?}");
    }
}

#[test]
fn the_bundled_database() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        migrate(&folder, ["run", crm().to_str().unwrap()])
            .to(&database)
            .ends(0);
        agrees(&crm(), &database, 10);
    }
}

/// PostgreSQL cannot hold what is in `dbo.Nul` and `dbo.Surrogates`.
fn every_type(database: &Database, options: Options) {
    let folder = Folder::new();
    let file = folder.file("all.bacpac");
    all_types::write_with(&file, options).unwrap();
    migrate(&folder, ["run", "all.bacpac"]).to(database).ends(3);
    let verdicts = verdicts(&file, database, &["dbo.Nul", "dbo.Surrogates"]);
    let equal: Vec<&str> = verdicts
        .iter()
        .filter_map(|v| Some(v.split_once(" rows equal")?.0))
        .collect();
    let expected = [
        "dbo.Scalars: 4",
        "dbo.Times: 4",
        "dbo.Clr: 4",
        "dbo.Variants: 11",
        "dbo.Empty: 0",
        "dbo.Order Details & more: 1",
    ];
    assert_eq!(equal, expected, "{database}, {options:?}: {verdicts:#?}");
    assert_eq!(
        database.sql("select source_name, count(*) from migrate.quarantine group by 1 order by 1"),
        "Nul|4\nSurrogates|4"
    );
}

#[test]
fn every_type_on_both_servers() {
    for server in both() {
        every_type(&Database::new(&server), Options::default());
    }
}

#[test]
fn every_type_in_every_layout() {
    let server = newest();
    for time in [TimeBytes::Always5, TimeBytes::ByScale] {
        for clr_prefix in [8, 2] {
            for variant_prefix in [8, 4, 2] {
                let layout = Layout {
                    time,
                    clr_prefix,
                    variant_prefix,
                };
                let options = Options {
                    layout,
                    ..Options::default()
                };
                every_type(&Database::new(&server), options);
            }
        }
    }
}

/// What the other reader steps over: computed by hand from the specifications of the types.
#[test]
fn shapes_and_variants() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        all_types::write(folder.file("all.bacpac")).unwrap();
        migrate(&folder, ["run", "all.bacpac"]).to(&database).ends(3);
        let expected = [
            r#"1|{"type": "int", "value": -7}"#,
            r#"2|{"type": "bigint", "value": 9223372036854775807}"#,
            r#"3|{"type": "bit", "value": true}"#,
            r#"4|{"type": "float", "value": 2.5}"#,
            r#"5|{"type": "datetime", "value": "2024-02-29T00:00:01.000"}"#,
            r#"6|{"type": "numeric(10,2)", "value": -123.45}"#,
            r#"7|{"type": "uniqueidentifier", "value": "00112233-4455-6677-8899-aabbccddeeff"}"#,
            r#"8|{"type": "nvarchar(4000)", "value": "naïve 北京"}"#,
            r#"9|{"type": "varchar(8000)", "value": "ascii"}"#,
            r#"10|{"type": "varbinary(8000)", "value": "0x00FF"}"#,
            "11|",
        ];
        let variants = database.sql("select id, value from dbo.\"Variants\" order by id");
        assert_eq!(variants.lines().collect::<Vec<_>>(), expected, "{database}");
        // Longitude before latitude.
        let expected = [
            "0101000020e6100000000000000000f87f000000000000f87f|0101000000000000000000f87f000000000000f87f",
            "0101000020e61000007593180456965ec017d9cef753d34740|0101000000000000000000f83f00000000000002c0",
            "0102000020e61000000200000000000000008066c000000000008056c000000000008066400000000000805640|\
             0102000020346c00000200000000000000000000000000000000000000ffffffffffffef7f0000000000000080",
        ];
        let shapes = database.sql(
            "select distinct encode(geography, 'hex'), encode(geometry, 'hex') from dbo.\"Clr\" order by 1",
        );
        assert_eq!(shapes.lines().collect::<Vec<_>>(), expected, "{database}");
    }
}

/// An export that SQL Server itself wrote. Elsewhere than in the project's own environment there is none, and what the
/// testkit writes has to do.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/bacpac")
        .join(name);
    path.exists().then_some(path)
}

#[test]
fn real_exports() {
    for (name, tables, rows) in [
        ("adventureworkslt2025.bacpac", 12, "4,277"),
        ("contosohr.bacpac", 1, "270"),
    ] {
        let Some(file) = real(name) else { return };
        for server in both() {
            let (folder, database) = (Folder::new(), Database::new(&server));
            let run = migrate(&folder, ["run", file.to_str().unwrap()])
                .to(&database)
                .ends(0);
            run.says(&[&format!("Copied {rows} rows")]);
            database.assert_complete();
            agrees(&file, &database, tables);
        }
    }
}

/// Names and keys as PostgreSQL's users like them: what compared without regard to case still does.
#[test]
fn keys_that_ignore_case() {
    for server in both() {
        for choice in ["citext", "collation"] {
            let (folder, database) = (Folder::new(), Database::new(&server));
            let file = crm();
            let arguments = [
                "run",
                file.to_str().unwrap(),
                "--naming",
                "snake",
                "--case-insensitive",
                choice,
                "--schema",
                "dbo=crm",
            ];
            migrate(&folder, arguments).to(&database).ends(0);
            database.assert_complete();
            assert_eq!(
                database.relations(),
                "crm.account crm.contact crm.contract crm.contract_number crm.interaction crm.interaction_number_seq \
                 crm.lead crm.open_pipeline crm.opportunity crm.organization crm.segment_summary crm.session crm.user \
                 crm.verification_token"
            );
            assert_eq!(database.number("select count(*) from crm.interaction"), 26_000);
            let louder = "insert into crm.user (email, updated_at, row_version)
                          select upper(email::text), now(), '' from crm.user where email::text collate \"C\" <> upper(email::text) limit 1";
            assert_eq!(database.refusal(louder), "23505", "{database}, {choice}");
            let email = database.sql("select upper(email::text) from crm.user order by id limit 1");
            let found = format!("select count(*) from crm.user where email = '{email}'");
            assert_eq!(database.number(&found), 1, "{database}, {choice}");
            // A column that is in no key, and one whose collation in the source is binary.
            let unequal = "select (select count(*) from crm.organization where name = upper(name))
                               || ' ' || (select count(*) from crm.session as a
                                          join crm.session as b on a.session_token = upper(b.session_token)
                                          where a.session_token <> upper(a.session_token))";
            assert_eq!(database.sql(unequal), "0 0", "{database}, {choice}");
            let key = "insert into crm.account (user_id, type, provider, provider_account_id)
                       select user_id, type, upper(provider::text), provider_account_id from crm.account limit 1";
            // The check on the provider is a comparison as well.
            assert_eq!(database.refusal(key), "23505", "{database}, {choice}");
        }
    }
}

#[test]
fn columns_that_sql_server_computes() {
    let Some(file) = real("adventureworkslt2025.bacpac") else {
        return;
    };
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        migrate(&folder, ["run", file.to_str().unwrap()])
            .to(&database)
            .ends(0);
        // Order 71774, by hand: 880.3484 + 70.4279 + 22.0087; 356.898 * (1 - 0) * 1.
        let order = r#"select "SalesOrderNumber", "TotalDue" from "SalesLT"."SalesOrderHeader" where "SalesOrderID" = 71774"#;
        assert_eq!(database.sql(order), "SO71774|972.7850", "{database}");
        let line =
            r#"select "LineTotal" from "SalesLT"."SalesOrderDetail" where "SalesOrderDetailID" = 110562"#;
        assert_eq!(database.sql(line), "356.898000", "{database}");
        let wrong = r#"select count(*) from "SalesLT"."SalesOrderDetail"
                       where "LineTotal" <> round("UnitPrice" * (1 - "UnitPriceDiscount"), 6) * "OrderQty""#;
        assert_eq!(database.number(wrong), 0, "{database}");
        let wrong = r#"select count(*) from "SalesLT"."SalesOrderHeader"
                       where "TotalDue" <> "SubTotal" + "TaxAmt" + "Freight"
                          or "SalesOrderNumber" <> 'SO' || "SalesOrderID""#;
        assert_eq!(database.number(wrong), 0, "{database}");
        let parents = r#"select count(*), count(distinct "ParentProductCategoryName") from "SalesLT"."vGetAllCategories""#;
        assert_eq!(database.sql(parents), "37|4", "{database}");
    }
}

/// The other reader has tests of its own.
#[test]
fn the_other_reader() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle");
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s"])
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("\nOK"), "{text}");
}
