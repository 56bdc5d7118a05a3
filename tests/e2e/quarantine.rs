//! Values that PostgreSQL cannot hold: put aside with their reason, or changed by the rule that was chosen, and counted.

use migrate_testkit::all_types;
use serde_json::Value;

use crate::cli::{Ended, Folder, migrate};
use crate::server::{Database, both, newest};

const INCOMPLETE: i32 = 3;
const NO_GO: i32 = 7;
const TOO_MANY: i32 = 8;

/// All types: 24 rows that fit, and 8 that hold U+0000 or unpaired surrogates.
fn run(folder: &Folder, database: &Database, more: &[&str], code: i32) -> Ended {
    all_types::write(folder.file("all.bacpac")).unwrap();
    let arguments = ["run", "all.bacpac", "--report", "report.json"];
    migrate(folder, arguments.iter().chain(more))
        .to(database)
        .ends(code)
}

fn report(folder: &Folder) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.file("report.json")).unwrap()).unwrap()
}

/// Read = written + quarantined + filtered, for each table and for all of them.
fn adds_up(report: &Value) {
    let mut sums = [0_u64; 4];
    for table in report["run"]["tables"].as_array().unwrap() {
        let digest = table["digest"].as_str().unwrap();
        let written: u64 = digest.split(':').next().unwrap().parse().unwrap();
        let number = |name: &str| table[name].as_u64().unwrap();
        let numbers = [number("read"), written, number("quarantined"), number("filtered")];
        assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{table}");
        for (sum, n) in sums.iter_mut().zip(numbers) {
            *sum += n;
        }
    }
    let total = &report["total"];
    let names = ["read", "written", "quarantined", "filtered"];
    assert_eq!(sums.map(Value::from), names.map(|name| total[name].clone()));
}

/// The report, the ledger and the tables tell the same.
fn agree(folder: &Folder, database: &Database, read: u64, written: u64, quarantined: u64) {
    let report = report(folder);
    adds_up(&report);
    let total = &report["total"];
    assert_eq!(total["read"], read);
    assert_eq!(total["written"], written);
    assert_eq!(total["quarantined"], quarantined);
    assert_eq!(
        database.sql("select sum(read), sum(written), sum(quarantined) from migrate.chunk"),
        format!("{read}|{written}|{quarantined}")
    );
    assert_eq!(
        database.number("select count(*) from migrate.quarantine"),
        i64::try_from(quarantined).unwrap()
    );
    let code = if quarantined > 0 { NO_GO } else { 0 };
    // With the source read again as well.
    for arguments in [vec!["validate"], vec!["validate", "all.bacpac"]] {
        migrate(folder, arguments)
            .to(database)
            .ends(code)
            .says(&["Validated:"]);
    }
}

#[test]
fn rejected() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let ended = run(&folder, &database, &["--nul", "reject"], INCOMPLETE);
        ended.says(&["Quarantine: 8 rows refused"]);
        agree(&folder, &database, 32, 24, 8);
        assert_eq!(report(&folder)["exit_code"], INCOMPLETE);
        let aside = database.sql(
            "select source_name, coalesce(column_name, '-'), count(*), min(reason)
             from migrate.quarantine
             group by 1, 2
             order by 1, 2",
        );
        let aside: Vec<&str> = aside.lines().collect();
        assert_eq!(aside.len(), 2, "{aside:?}");
        assert!(
            aside[0].starts_with("Nul|wide|4|") && aside[0].contains("U+0000"),
            "{aside:?}"
        );
        assert!(
            aside[1].starts_with("Surrogates|value|4|") && aside[1].contains("surrogate"),
            "{aside:?}"
        );
        // Each row can be found in the source again, and is kept as it was.
        let places =
            "select string_agg(key, '; ' order by id) from migrate.quarantine where source_name = 'Nul'";
        assert_eq!(
            database.sql(places),
            "part 1, row 1; part 1, row 2; part 1, row 3; part 1, row 4"
        );
        // The text "mid", U+0000, "dle", which PostgreSQL's JSON cannot hold either.
        let text = serde_json::json!({"$utf16le": "\\x6d0069006400000064006c006500"});
        let row = "select row from migrate.quarantine where source_name = 'Nul' and key = 'part 1, row 2'";
        assert_eq!(
            serde_json::from_str::<Value>(&database.sql(row)).unwrap(),
            serde_json::json!({"id": 2, "wide": text, "narrow": text})
        );
        assert_eq!(database.number("select count(*) from dbo.\"Nul\""), 0);
        assert_eq!(database.number("select count(*) from dbo.\"Scalars\""), 4);
        migrate(&folder, ["status"])
            .to(&database)
            .ends(0)
            .says(&["8 rows", "dbo.Nul.wide"]);
        // Again: still so, and nothing twice.
        run(&folder, &database, &["--nul", "reject"], INCOMPLETE);
        agree(&folder, &database, 32, 24, 8);
    }
}

#[test]
fn stripped() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let ended = run(&folder, &database, &["--nul", "strip"], 0);
        ended.says(&["wide: 4 without their U+0000", "narrow: 4 without their U+0000"]);
        agree(&folder, &database, 32, 32, 0);
        let conversions = &report(&folder)["total"]["conversions"];
        assert_eq!(conversions["nul_stripped"], 8);
        assert_eq!(conversions["surrogate_stripped"], 4);
        assert_eq!(
            database.sql("select id, wide, narrow from dbo.\"Nul\" order by id"),
            "1|start|start\n2|middle|middle\n3|end|end\n4||"
        );
        assert_eq!(
            database.sql("select id, value from dbo.\"Surrogates\" order by id"),
            "1|\n2|aa\n3|\n4|a"
        );
    }
}

#[test]
fn replaced() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        run(&folder, &database, &["--nul", "replace"], 0);
        agree(&folder, &database, 32, 32, 0);
        let conversions = &report(&folder)["total"]["conversions"];
        assert_eq!(conversions["nul_replaced"], 8);
        assert_eq!(conversions["surrogate_replaced"], 4);
        assert_eq!(
            database.sql("select id, wide, narrow from dbo.\"Nul\" order by id"),
            "1|\u{fffd}start|\u{fffd}start\n2|mid\u{fffd}dle|mid\u{fffd}dle\n3|end\u{fffd}|end\u{fffd}\n4|\u{fffd}|\u{fffd}"
        );
        assert_eq!(
            database.sql("select id, value from dbo.\"Surrogates\" order by id"),
            "1|\u{fffd}\n2|a\u{fffd}a\n3|\u{fffd}\u{fffd}\n4|a\u{fffd}"
        );
    }
}

#[test]
fn more_than_are_allowed() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let ended = run(
        &folder,
        &database,
        &["--max-quarantined", "3", "--jobs", "1"],
        TOO_MANY,
    );
    ended.complains(&["error: ", "--max-quarantined"]);
    assert_eq!(
        database.number("select count(*) from migrate.run where finished_at is not null"),
        0
    );
    // With a higher limit it goes on.
    run(&folder, &database, &["--max-quarantined", "8"], INCOMPLETE);
    agree(&folder, &database, 32, 24, 8);
}

/// A rule for one table and another for one column.
#[test]
fn rules_for_tables_and_columns() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    all_types::write(folder.file("all.bacpac")).unwrap();
    let plan = "source = \"all.bacpac\"\nnul = \"strip\"\n[tables.\"dbo.Nul\"]\nnul = \"replace\"\n\
                columns.narrow.nul = \"strip\"\n[tables.\"dbo.Surrogates\"]\nnul = \"reject\"\n";
    std::fs::write(folder.file("plan.toml"), plan).unwrap();
    migrate(&folder, ["run", "plan.toml", "--report", "report.json"])
        .to(&database)
        .ends(INCOMPLETE);
    agree(&folder, &database, 32, 28, 4);
    assert_eq!(
        database.sql("select id, wide, narrow from dbo.\"Nul\" order by id"),
        "1|\u{fffd}start|start\n2|mid\u{fffd}dle|middle\n3|end\u{fffd}|end\n4|\u{fffd}|"
    );
}
