//! `migrate validate` finds whatever is changed behind its back, however little.

use std::path::Path;

use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};

use crate::cli::{Ended, Folder, crm, migrate};
use crate::server::{Database, both, newest, oldest};

const MISMATCH: i32 = 7;

/// A table with a key, one without, one that stays as it is.
fn write(path: &Path) {
    let keyed = TableSpec::new("dbo", "Keyed")
        .column(ColumnSpec::new("region", SqlType::Int).not_null())
        .column(ColumnSpec::new("code", SqlType::NVarChar(Some(10))).not_null())
        .column(ColumnSpec::new("amount", SqlType::Float))
        .column(ColumnSpec::new("note", SqlType::NVarChar(None)))
        .primary_key("PK_Keyed", &["region", "code"]);
    let heap = TableSpec::new("dbo", "Heap")
        .column(ColumnSpec::new("a", SqlType::Int))
        .column(ColumnSpec::new("b", SqlType::VarBinary(Some(20))));
    let calm = TableSpec::new("dbo", "Calm").column(ColumnSpec::new("a", SqlType::Int));
    let database = DatabaseSpec::new("Proof").table(keyed).table(heap).table(calm);
    let mut file = BacpacWriter::create(path, database, Options::default()).unwrap();
    let keyed = (0..3_000_i64).map(|n| {
        [
            Cell::Int(n / 100),
            Cell::text(format!("code {n}")),
            Cell::F64(n as f64 / 8.0),
            Cell::text("a note"),
        ]
    });
    file.table_rows("dbo", "Keyed", 1_000, keyed).unwrap();
    let heap = (0..500_i64).map(|n| [Cell::Int(n / 2), Cell::Bytes(vec![7; 10])]);
    file.table_rows("dbo", "Heap", 1_000, heap).unwrap();
    file.table_rows("dbo", "Calm", 1_000, (0..9).map(|n| [Cell::Int(n)]))
        .unwrap();
    file.finish().unwrap();
}

struct Bench {
    folder: Folder,
    database: Database,
}

impl Bench {
    fn new(database: Database) -> Self {
        let folder = Folder::new();
        write(&folder.file("proof.bacpac"));
        migrate(&folder, ["run", "proof.bacpac"]).to(&database).ends(0);
        Self { folder, database }
    }

    /// From the destination alone.
    fn alone(&self, code: i32) -> Ended {
        migrate(&self.folder, ["validate", "--json"])
            .to(&self.database)
            .ends(code)
    }

    fn with_source(&self, code: i32) -> Ended {
        migrate(&self.folder, ["validate", "proof.bacpac", "--json"])
            .to(&self.database)
            .ends(code)
    }

    /// Changes something, looks at what is found, and takes it back, after which all is well again.
    fn finds(&self, change: &str, undo: &str, table: &str, differences: &[&str]) {
        self.database.sql(change);
        for (ended, with_source) in [(self.alone(MISMATCH), false), (self.with_source(MISMATCH), true)] {
            let found = ended.json();
            assert_eq!(found["agrees"], false);
            for seen in found["tables"].as_array().unwrap() {
                let name = seen["source"].as_str().map_or_else(
                    || {
                        format!(
                            "{}.{}",
                            seen["source"]["schema"].as_str().unwrap(),
                            seen["source"]["name"].as_str().unwrap()
                        )
                    },
                    str::to_owned,
                );
                assert_eq!(
                    seen["ledger"] != seen["stored"],
                    name == table,
                    "{change}: {seen}"
                );
            }
            let text = migrate(
                &self.folder,
                if with_source {
                    vec!["validate", "proof.bacpac"]
                } else {
                    vec!["validate"]
                },
            )
            .to(&self.database)
            .ends(MISMATCH);
            text.says(&[table]);
            if with_source {
                text.says(differences);
            }
        }
        self.database.sql(undo);
        self.alone(0);
    }
}

#[test]
fn one_bit_of_one_cell() {
    for server in both() {
        let bench = Bench::new(Database::new(&server));
        bench.with_source(0);
        // The lowest bit of a double's fraction.
        bench.finds(
            "update dbo.\"Keyed\" set amount = 187.50000000000003 where region = 15 and code = 'code 1500'",
            "update dbo.\"Keyed\" set amount = 187.5 where region = 15 and code = 'code 1500'",
            "dbo.Keyed",
            &["15", "code 1500", "amount"],
        );
        bench.finds(
            "update dbo.\"Keyed\" set note = 'A note' where code = 'code 2999'",
            "update dbo.\"Keyed\" set note = 'a note' where code = 'code 2999'",
            "dbo.Keyed",
            &["29", "code 2999", "note"],
        );
    }
}

#[test]
fn rows_that_come_go_and_double() {
    let bench = Bench::new(Database::new(&newest()));
    bench.finds(
        "delete from dbo.\"Keyed\" where code = 'code 7'",
        "insert into dbo.\"Keyed\" values (0, 'code 7', 0.875, 'a note')",
        "dbo.Keyed",
        &[
            "code 7",
            "missing in the destination",
            "3,000 rows were read, 2,999 are stored",
        ],
    );
    bench.finds(
        "insert into dbo.\"Keyed\" values (99, 'new', 1, null)",
        "delete from dbo.\"Keyed\" where region = 99",
        "dbo.Keyed",
        &["99", "new", "in the destination only"],
    );
    // As many rows as before.
    bench.finds(
        "update dbo.\"Keyed\" set region = 98 where code = 'code 7'",
        "update dbo.\"Keyed\" set region = 0 where code = 'code 7'",
        "dbo.Keyed",
        &["98", "in the destination only", "missing in the destination"],
    );
    // A row twice, in a table that has no key.
    bench.finds(
        "insert into dbo.\"Heap\" select * from dbo.\"Heap\" limit 1",
        "delete from dbo.\"Heap\" where ctid = (select max(ctid) from dbo.\"Heap\")",
        "dbo.Heap",
        &["500 rows were read, 501 are stored"],
    );
    // One is twice, another is gone: the number is right.
    bench.finds(
        "update dbo.\"Heap\" set a = 0 where ctid = (select max(ctid) from dbo.\"Heap\")",
        "update dbo.\"Heap\" set a = 249 where ctid = (select max(ctid) from dbo.\"Heap\")",
        "dbo.Heap",
        &["rows changed"],
    );
    bench.finds(
        "truncate dbo.\"Calm\"",
        "insert into dbo.\"Calm\" select * from generate_series(0, 8)",
        "dbo.Calm",
        &["9 rows were read, 0 are stored"],
    );
}

#[test]
fn a_column_or_a_table_that_is_gone() {
    let bench = Bench::new(Database::new(&newest()));
    for (change, undo, gone) in [
        (
            "alter table dbo.\"Keyed\" rename note to remark",
            "alter table dbo.\"Keyed\" rename remark to note",
            "column \"note\"",
        ),
        (
            "alter table dbo.\"Calm\" rename to \"Quiet\"",
            "alter table dbo.\"Quiet\" rename to \"Calm\"",
            "dbo.Calm",
        ),
        (
            "alter schema dbo rename to odb",
            "alter schema odb rename to dbo",
            "dbo",
        ),
    ] {
        bench.database.sql(change);
        for arguments in [vec!["validate"], vec!["run", "proof.bacpac"]] {
            let found = migrate(&bench.folder, arguments)
                .to(&bench.database)
                .ends(MISMATCH);
            found.says(&["No-go", gone, "somebody dropped or renamed it"]);
        }
        bench.database.sql(undo);
        bench.alone(0);
    }
}

#[test]
fn another_source() {
    let bench = Bench::new(Database::new(&newest()));
    let other = crm();
    migrate(&bench.folder, ["validate", other.to_str().unwrap()])
        .to(&bench.database)
        .ends(2)
        .complains(&["is not the source of this migration"]);
}

#[test]
fn without_a_ledger() {
    let bench = Bench::new(Database::new(&oldest()));
    migrate(&bench.folder, ["clean", "--yes"])
        .to(&bench.database)
        .ends(0);
    let refused = migrate(&bench.folder, ["validate"]).to(&bench.database).ends(2);
    refused.complains(&["error: ", "migrate clean"]);
    // The tables stayed.
    assert_eq!(bench.database.number("select count(*) from dbo.\"Keyed\""), 3_000);
}

#[test]
fn a_repair_brings_back_what_was_wrong_and_the_reports_say_so() {
    for server in both() {
        let bench = Bench::new(Database::new(&server));
        let sum = "select md5(string_agg(k::text, ',' order by code)) from dbo.\"Keyed\" k";
        let before = bench.database.sql(sum);
        bench.database.sql(
            "update dbo.\"Keyed\" set note = 'b note' where code = 'code 5';
             delete from dbo.\"Keyed\" where code = 'code 6';
             insert into dbo.\"Keyed\" values (77, 'new', null, 'x');
             delete from dbo.\"Heap\" where ctid = (select max(ctid) from dbo.\"Heap\")",
        );
        let found = migrate(
            &bench.folder,
            [
                "validate",
                "proof.bacpac",
                "--html",
                "a.html",
                "--markdown",
                "a.md",
                "--rejects",
                "rejects.jsonl",
            ],
        )
        .to(&bench.database)
        .ends(MISMATCH);
        found.says(&[
            "\"a note\" was read, \"b note\" is stored",
            "changed since the migration ended",
            "No-go",
        ]);
        let page = std::fs::read_to_string(bench.folder.file("a.html")).unwrap();
        assert!(page.contains("NO-GO") && page.contains("code 5") && !page.contains("http"));
        assert!(
            std::fs::read_to_string(bench.folder.file("a.md"))
                .unwrap()
                .contains("rows changed")
        );
        let rejects = std::fs::read_to_string(bench.folder.file("rejects.jsonl")).unwrap();
        let kinds: Vec<String> = rejects
            .lines()
            .map(|l| {
                serde_json::from_str::<serde_json::Value>(l).unwrap()["kind"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(kinds.len(), 4, "{rejects}");
        let masked = migrate(&bench.folder, ["validate", "proof.bacpac", "--mask"])
            .to(&bench.database)
            .ends(MISMATCH);
        masked.says(&["*** (6 bytes)"]);
        let repaired = migrate(&bench.folder, ["validate", "proof.bacpac", "--repair"])
            .to(&bench.database)
            .ends(0);
        repaired.says(&[
            "Repaired dbo.Keyed: 3 rows (1 changed back, 1 added, 1 removed); the table is what was read, and nothing else was changed",
            "Repaired dbo.Heap: 1 row (0 changed back, 1 added, 0 removed)",
            "Go: schema as planned",
        ]);
        assert_eq!(bench.database.sql(sum), before);
    }
}

#[test]
fn any_two_databases() {
    let bench = Bench::new(Database::new(&newest()));
    let url = bench.database.url();
    let diff = |right: &str, code: i32| migrate(&bench.folder, ["diff", "proof.bacpac", right]).ends(code);
    diff("proof.bacpac", 0).says(&["The same: 3,509 rows in 3 tables"]);
    diff(&url, 0).says(&["The same: 3,509 rows in 3 tables"]);
    bench.database.sql(
        "update dbo.\"Keyed\" set amount = 0 where code = 'code 8'; alter table dbo.\"Calm\" rename to \"C\"",
    );
    diff(&url, MISMATCH).says(&["code 8", "1.0 in A, 0.0 in B", "dbo.Calm"]);
    // Nobody but the ledger says what was copied, and diff does not need it.
    migrate(&bench.folder, ["clean", "--yes"])
        .to(&bench.database)
        .ends(0);
    // Then it is a source as the other is, and has a table of its own.
    diff(&url, MISMATCH).says(&["code 8", "1.0 in A, 0.0 in B", "dbo.Calm", "dbo.C"]);
    bench.database.sql("alter table dbo.\"C\" rename to \"Calm\"");
    bench
        .database
        .sql("update dbo.\"Keyed\" set amount = 1 where code = 'code 8'");
    diff(&url, 0).says(&["The same: 3,509 rows in 3 tables"]);
}

#[test]
fn the_report_is_as_its_schema_says() {
    let bench = Bench::new(Database::new(&newest()));
    let schema = include_str!("../../docs/validation.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    crate::json_schema::check(&schema, &bench.alone(0).json());
    crate::json_schema::check(&schema, &bench.with_source(0).json());
    bench.database.sql(
        "update dbo.\"Keyed\" set note = null where region < 2; delete from dbo.\"Heap\" where a = 7; drop table dbo.\"Calm\"",
    );
    crate::json_schema::check(&schema, &bench.with_source(MISMATCH).json());
    let repaired = migrate(
        &bench.folder,
        [
            "validate",
            "proof.bacpac",
            "--repair",
            "--json",
            "--level",
            "full",
        ],
    )
    .to(&bench.database)
    .ends(MISMATCH)
    .json();
    crate::json_schema::check(&schema, &repaired);
    assert_eq!(repaired["repairs"][0]["changed"], 200);
    assert_eq!(repaired["repairs"][1]["added"], 2);
}
