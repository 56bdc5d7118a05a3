//! What only some tables have.

use migrate_core::ErrorKind;
use migrate_core::catalog::ObjectName;
use migrate_testkit::bacpac::{ColumnSpec, DatabaseSpec, IndexSpec, SequenceSpec, SqlType, TableSpec};

use super::from_spec::{Computed, recording};
use crate::live::catalog::questions::{IndexRow, ModuleRow, OtherRow, Recording, TypeRow};
use crate::live::catalog::{Discovered, Storage, TableFacts, assemble};

/// Two tables, one of them with a bit of everything.
fn plain() -> Recording {
    let table = TableSpec::new("dbo", "T")
        .column(ColumnSpec::new("id", SqlType::Int).identity(1, 1, Some(41)))
        .column(ColumnSpec::new("code", SqlType::NVarChar(Some(20))).not_null())
        .column(ColumnSpec::new("note", SqlType::Xml).default("DF_note", "(N'<a/>')"))
        .column(ColumnSpec::computed("twice", "([id]*(2))", false))
        .primary_key("PK_T", &["id"])
        .unique("UQ_T", &["code"])
        .check("CK_T", "([id]>(0))")
        .index(IndexSpec::new("IX_T", &["-code"]).filter("([code]>N'A')"));
    let other = TableSpec::new("dbo", "U").column(ColumnSpec::new("id", SqlType::Int));
    let sequence = SequenceSpec {
        schema: "dbo".into(),
        name: "S".into(),
        ty: SqlType::Int,
        start: 1,
        increment: 1,
        minimum: None,
        maximum: None,
        cycle: false,
        current: Some(5),
    };
    let spec = DatabaseSpec::new("D")
        .table(table)
        .table(other)
        .sequence(sequence);
    recording(&spec, &Computed::from([(("T", "twice"), (SqlType::Int, true))]))
}

fn found(change: impl FnOnce(&mut Recording)) -> Discovered {
    let mut recording = plain();
    change(&mut recording);
    assemble::discovered(recording, "host").unwrap()
}

fn name() -> ObjectName {
    ObjectName::new("dbo", "T")
}

fn notes(change: impl FnOnce(&mut Recording)) -> Vec<String> {
    found(change).catalog.tables.remove(0).notes
}

fn facts(change: impl FnOnce(&mut Recording)) -> TableFacts {
    found(change).tables.remove(&name()).unwrap()
}

/// The one note that there is about computed columns that are not stored.
const TWICE: &str = "column twice: is stored and takes space, where SQL Server computes it when it is read";

#[test]
fn tables_of_special_kinds_are_noted() {
    assert_eq!(notes(|_| {}), [TWICE]);
    for (expected, change) in [
        (
            "is system-versioned: PostgreSQL will not write its history, which is in dbo.H",
            (|r| {
                r.tables[0].temporal_type = Some(2);
                r.tables[0].history_schema = Some("dbo".into());
                r.tables[0].history_name = Some("H".into());
            }) as fn(&mut Recording),
        ),
        (
            "is the history of a system-versioned table, and is copied like any other table",
            |r| r.tables[0].temporal_type = Some(1),
        ),
        ("is kept in memory, and becomes an ordinary table", |r| {
            r.tables[0].is_memory_optimized = true;
        }),
        (
            "is kept in memory only: its rows do not outlive a restart of the server, and an ordinary table holds them",
            |r| {
                r.tables[0].is_memory_optimized = true;
                r.tables[0].durability = Some(1);
            },
        ),
        (
            "is watched by change data capture, whose tables are not copied",
            |r| {
                r.tables[0].is_cdc = true;
            },
        ),
        ("is watched by change tracking", |r| {
            r.tables[0].is_change_tracked = true
        }),
        (
            "has a security policy that hides rows: only those that this login sees are copied",
            |r| r.tables[0].is_filtered = true,
        ),
        (
            "is partitioned by ByYear, and is created without partitions",
            |r| {
                r.indexes[0].partition_scheme = Some("ByYear".into());
            },
        ),
        (
            "is a ledger that takes new rows only: PostgreSQL lets them be changed",
            |r| {
                r.tables[0].ledger_type = Some(3);
            },
        ),
        (
            "column note: values are no longer checked against dbo.Notes",
            |r| {
                r.columns[2].xml_schemas = Some("dbo.Notes".into());
            },
        ),
        ("column code: is no longer masked", |r| {
            r.columns[1].is_masked = true
        }),
        (
            "column code: PostgreSQL does not fill it in, as a period column is",
            |r| {
                r.columns[1].generated_always_type = Some(1);
            },
        ),
        (
            "column code: the default or rule that is bound to it is not carried over",
            |r| r.columns[1].has_bound_objects = true,
        ),
        (
            "index dbo.T.IX_T: duplicates are refused, where SQL Server ignores them",
            |r| r.indexes[2].ignores_duplicates = true,
        ),
    ] {
        assert_eq!(notes(change), [expected, TWICE]);
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    for (kind, message, column, change) in [
        (
            ErrorKind::Unsupported,
            "the column is encrypted by the client (Always Encrypted)",
            Some("code"),
            (|r| r.columns[1].is_encrypted = true) as fn(&mut Recording),
        ),
        (
            ErrorKind::Unsupported,
            "column sets are not supported",
            Some("note"),
            |r| {
                r.columns[2].is_column_set = true;
            },
        ),
        (
            ErrorKind::Unsupported,
            "graph tables are not supported",
            None,
            |r| {
                r.tables[0].is_graph = true;
            },
        ),
        (
            ErrorKind::Unsupported,
            "the type tensor is unknown",
            Some("code"),
            |r| {
                r.columns[1].type_name = "tensor".into();
            },
        ),
        (
            ErrorKind::Permission,
            "the login may not read the column",
            Some("code"),
            |r| {
                r.columns[1].is_denied = true;
            },
        ),
        (
            ErrorKind::Permission,
            "the login would read masks instead of values",
            Some("code"),
            |r| {
                r.columns[1].is_masked = true;
                r.database.may_unmask = Some(0);
            },
        ),
        (
            ErrorKind::Unsupported,
            "its clustered index is disabled, and its rows with it",
            None,
            |r| r.indexes[0].is_disabled = true,
        ),
    ] {
        let found = found(change);
        let error = found.missing_right(&name()).unwrap();
        assert_eq!((error.kind(), error.message()), (kind, message));
        let place = column.map_or_else(String::new, |c| format!(", column {c}"));
        assert_eq!(error.to_string(), format!("{message} (table dbo.T{place})"));
        assert!(
            error
                .hint_text()
                .is_some_and(|h| h.contains("leave the table out"))
        );
        assert!(!found.tables[&name()].readable);
        assert_eq!(found.catalog.tables.len(), 2);
        let listed = found
            .catalog
            .manual
            .iter()
            .filter(|m| m.name.starts_with("dbo.T"))
            .count();
        assert_eq!(listed, 1, "{:?}", found.catalog.manual);
    }
    let granted = found(|r| {
        r.columns[1].is_masked = true;
        r.database.may_unmask = Some(0);
        r.tables[0].may_unmask = Some(1);
    });
    assert!(granted.refusals.is_empty());
}

#[test]
fn external_tables_are_listed_and_not_read() {
    let found = found(|r| r.tables[0].is_external = true);
    assert_eq!(found.catalog.tables.len(), 1);
    let [external] = &found.catalog.manual[..] else {
        panic!("{:?}", found.catalog.manual)
    };
    assert_eq!(
        (external.kind.as_str(), external.name.as_str()),
        ("external table", "dbo.T")
    );
}

#[test]
fn orders_come_best_first() {
    let orders = |change: fn(&mut Recording)| -> Vec<String> {
        facts(change).orders.into_iter().map(|o| o.index).collect()
    };
    assert_eq!(orders(|_| {}), ["PK_T", "UQ_T"]);
    // The order in which the table is stored is the best, whichever key it is of.
    assert_eq!(
        orders(|r| {
            r.indexes[0].kind = 2;
            r.indexes[1].kind = 1;
        }),
        ["UQ_T", "PK_T"]
    );
    // A hash index has no order, a disabled one no rows, a filtered one not all of them.
    assert_eq!(orders(|r| r.indexes[0].kind = 7), ["UQ_T", "PK_T"]);
    assert_eq!(orders(|r| r.indexes[1].is_disabled = true), ["PK_T"]);
    assert_eq!(orders(|r| r.indexes[2].is_unique = true), ["PK_T", "UQ_T"]);
    let facts = facts(|_| {});
    let key = &facts.orders[1].columns[0];
    assert_eq!(
        (
            key.name.as_str(),
            key.native.to_string(),
            key.nullable,
            key.descending,
            key.computed
        ),
        ("code", "nvarchar(20)".to_owned(), false, false, false)
    );
    assert_eq!(key.collation.as_deref(), Some("SQL_Latin1_General_CP1_CI_AS"));
}

#[test]
fn storage_is_known() {
    assert_eq!(facts(|_| {}).storage, Storage::Clustered);
    assert_eq!(facts(|r| r.indexes[0].kind = 2).storage, Storage::Heap);
    assert_eq!(
        facts(|r| r.tables[0].is_memory_optimized = true).storage,
        Storage::Memory
    );
    let columns = |r: &mut Recording| {
        r.indexes[0].kind = 2;
        r.indexes.push(IndexRow {
            object_id: r.tables[0].object_id,
            index_id: 9,
            name: Some("CCI".into()),
            kind: 5,
            ..IndexRow::default()
        });
    };
    assert_eq!(facts(columns).storage, Storage::ColumnStore);
    let listed = found(columns).catalog.manual;
    assert_eq!(
        (listed[0].kind.as_str(), listed[0].definition.as_str()),
        (
            "columnstore index",
            "create clustered columnstore index [CCI] on [dbo].[T] ()"
        )
    );
    // A clustered index that is not unique is no key, and an order all the same.
    let facts = facts(|r| {
        r.indexes[0].kind = 2;
        (r.indexes[2].kind, r.indexes[2].has_filter) = (1, false);
    });
    assert_eq!(facts.storage, Storage::Clustered);
    let clustered = facts.clustered.unwrap();
    assert_eq!((clustered.index.as_str(), clustered.unique), ("IX_T", false));
    assert!(clustered.columns[0].descending);
}

#[test]
fn partitions_are_known_by_their_column() {
    let facts = facts(|r| {
        r.indexes[0].partition_scheme = Some("ByCode".into());
        let mut partitioning = r.index_columns[0].clone();
        partitioning.key_ordinal = 0;
        partitioning.partition_ordinal = 1;
        partitioning.column_name = "code".into();
        r.index_columns.push(partitioning);
    });
    assert_eq!(facts.partitioned_by.as_deref(), Some("code"));
    // The column that a key is partitioned by is no part of the key.
    assert_eq!(facts.orders[0].columns.len(), 1);
}

#[test]
fn sequences_of_older_servers_lose_a_number_and_never_repeat_one() {
    let found = found(|r| {
        r.sequences[0].knows_last_used = false;
        r.sequences[0].last_used_value = None;
        r.sequences[0].current_value = Some("1".into());
    });
    assert_eq!(found.catalog.sequences[0].last, Some(1));
    let unused = self::found(|r| r.sequences[0].last_used_value = None);
    assert_eq!(unused.catalog.sequences[0].last, None);
    let far = self::found(|r| r.sequences[0].start_value = Some("9".repeat(30)));
    assert_eq!(far.catalog.sequences.len(), 0);
    assert_eq!(far.catalog.manual[0].kind, "sequence");
}

#[test]
fn everything_else_is_listed() {
    let found = found(|r| {
        let module = |schema: Option<&str>, name: &str, kind: &str, definition: Option<&str>| ModuleRow {
            object_id: 900,
            schema_name: schema.map(str::to_owned),
            name: name.into(),
            kind: kind.into(),
            definition: definition.map(str::to_owned),
            is_encrypted: definition.is_none(),
            assembly: None,
        };
        r.modules = vec![
            module(Some("dbo"), "secret", "V ", None),
            module(
                None,
                "guard",
                "TR",
                Some("create trigger guard on database for drop_table as rollback"),
            ),
            ModuleRow {
                assembly: Some("Geo.Maths.Area".into()),
                is_encrypted: false,
                ..module(Some("dbo"), "area", "FS", None)
            },
        ];
        let other = |kind: &str, schema: Option<&str>, name: &str, definition: &str| OtherRow {
            kind: kind.into(),
            schema_name: schema.map(str::to_owned),
            name: name.into(),
            definition: Some(definition.into()),
        };
        r.others = vec![
            other("SqlSynonym", Some("dbo"), "near", "[far].[dbo].[away]"),
            other("SqlRole", None, "sellers", "create role [sellers]"),
        ];
        r.types = vec![TypeRow {
            schema_name: "dbo".into(),
            name: "List".into(),
            is_table_type: true,
            ..TypeRow::default()
        }];
    });
    let listed: Vec<[&str; 3]> = (found.catalog.manual.iter())
        .map(|m| [m.kind.as_str(), m.name.as_str(), m.definition.as_str()])
        .collect();
    assert_eq!(
        listed,
        [
            ["table type", "dbo.List", "create type [dbo].[List] as table"],
            [
                "DDL trigger",
                "guard",
                "create trigger guard on database for drop_table as rollback"
            ],
            [".NET function", "dbo.area", "external name Geo.Maths.Area"],
            ["view", "dbo.secret", ""],
            ["role", "sellers", "create role [sellers]"],
            [
                "synonym",
                "dbo.near",
                "create synonym [dbo].[near] for [far].[dbo].[away]"
            ],
        ]
    );
    assert_eq!(found.catalog.manual[3].reason, "its text is encrypted");
}

#[test]
fn the_fingerprint_is_of_the_schema_alone() {
    let print = |change: fn(&mut Recording)| found(change).catalog.source.fingerprint;
    let own = print(|_| {});
    assert_eq!(own.len(), 64);
    for (what, change) in [
        ("rows", (|r| r.sizes[0].row_count = Some(9)) as fn(&mut Recording)),
        ("identity", |r| r.columns[0].last = Some("99".into())),
        ("sequence", |r| r.sequences[0].last_used_value = Some("99".into())),
        ("rights", |r| r.tables[0].may_select = false),
        ("version", |r| {
            r.database.version = "Microsoft SQL Server 2025".into()
        }),
        ("name of a default", |r| {
            r.columns[2].default_name = Some("DF__T__note__1234".into())
        }),
        ("order of answers", |r| {
            r.tables.reverse();
            r.columns.reverse();
            r.indexes.reverse();
        }),
    ] {
        assert_eq!(print(change), own, "{what}");
    }
    for (what, change) in [
        ("type", (|r| r.columns[1].max_length = 42) as fn(&mut Recording)),
        ("nullable", |r| r.columns[1].is_nullable = true),
        ("column", |r| r.columns[1].name = "kode".into()),
        ("default", |r| {
            r.columns[2].default_definition = Some("(N'<b/>')".into())
        }),
        ("computed", |r| r.columns[3].computed = Some("([id]*(3))".into())),
        ("check", |r| r.checks[0].definition = Some("([id]>(1))".into())),
        ("key", |r| r.indexes[1].is_unique_constraint = false),
        ("direction", |r| r.index_columns[2].is_descending = false),
        ("filter", |r| {
            r.indexes[2].filter_definition = Some("([code]>N'B')".into())
        }),
        ("seed", |r| r.columns[0].seed = Some("2".into())),
        ("sequence", |r| r.sequences[0].increment = Some("2".into())),
        ("table", |r| {
            r.tables.remove(1);
        }),
        ("collation", |r| {
            r.database.collation_name = Some("Latin1_General_BIN2".into())
        }),
    ] {
        assert_ne!(print(change), own, "{what}");
    }
}

#[test]
fn unnamed_constraints_have_no_name() {
    let found = found(|r| {
        r.indexes[0].is_unnamed = true;
        r.checks[0].is_unnamed = true;
        r.columns[2].is_default_unnamed = true;
    });
    let table = &found.catalog.tables[0];
    assert_eq!(table.primary_key.as_ref().unwrap().name, None);
    assert_eq!(table.checks[0].name, None);
    assert_eq!(table.columns[2].default_name, None);
    assert_eq!(table.uniques[0].name.as_deref(), Some("UQ_T"));
}
