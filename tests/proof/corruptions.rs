//! Corruptions chosen at random, one row each: all of them are found, with the right key and columns, and repaired.

use std::collections::{BTreeMap, BTreeSet};

use migrate_core::memory::Cell;
use migrate_validate::{DifferenceKind, Layers, Options, Origin};

use crate::every_type;
use crate::how_many;
use crate::loaded::Loaded;
use crate::random::Random;

const ROWS: usize = 1500;

/// Corruptions made before one look.
const ROUND: usize = 100;

/// What was done to `Every`: the row, and what should be found.
type Expected = BTreeMap<String, DifferenceKind>;

struct Round {
    statements: String,
    every: Expected,
    heap: BTreeSet<(String, bool)>,
}

fn key(id: usize) -> String {
    format!("{{\"id\":{id}}}")
}

/// A round of corruptions, each on rows of its own.
fn round(loaded: &Loaded, random: &mut Random, kinds: &mut BTreeSet<String>) -> Round {
    let columns = every_type::columns();
    let names: Vec<&str> = columns.iter().map(|c| c.name).collect();
    let mut free: Vec<usize> = (0..ROWS).collect();
    let mut take = |random: &mut Random| free.swap_remove(random.below(free.len()));
    let mut out = Round {
        statements: String::new(),
        every: Expected::new(),
        heap: BTreeSet::new(),
    };
    // Children of rows that go must not go with them: this is damage, not use.
    out.statements
        .push_str("set session_replication_role = replica;\n");
    for n in 0..ROUND {
        let id = take(random);
        let place = random.below(columns.len());
        let column = &columns[place];
        let mut kind = |name: &str| kinds.insert(format!("{name} {}", column.name));
        match random.below(10) {
            0 => {
                kinds.insert("delete".into());
                out.statements
                    .push_str(&format!("delete from dbo.\"Every\" where id = {id};\n"));
                out.every.insert(key(id), DifferenceKind::Missing);
            }
            1 => {
                kinds.insert("double".into());
                let new = 1_000_000 + n;
                out.statements.push_str(&format!(
                    "insert into dbo.\"Every\" select {new}, {0} from dbo.\"Every\" where id = {id};\n",
                    names.join(", ")
                ));
                out.every.insert(key(new), DifferenceKind::Extra);
            }
            2 => {
                kinds.insert("swap rows".into());
                let other = take(random);
                let all = |side: &str| {
                    names
                        .iter()
                        .map(|n| format!("{side}.{n}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                out.statements.push_str(&format!(
                    "update dbo.\"Every\" a set ({}) = row({}) from dbo.\"Every\" b \
                     where (a.id, b.id) in (({id}, {other}), ({other}, {id}));\n",
                    names.join(", "),
                    all("b")
                ));
                let (one, two) = (&loaded.every[id], &loaded.every[other]);
                let differing = (1..one.len()).filter(|i| one[*i] != two[*i]);
                let differing: Vec<String> = differing.map(|i| names[i - 1].to_owned()).collect();
                for id in [id, other] {
                    out.every
                        .insert(key(id), DifferenceKind::Changed(differing.clone()));
                }
            }
            3 => {
                kinds.insert("swap columns".into());
                out.statements.push_str(&format!(
                    "update dbo.\"Every\" set name = other, other = name where id = {id};\n"
                ));
                let both = vec!["name".to_owned(), "other".to_owned()];
                out.every.insert(key(id), DifferenceKind::Changed(both));
            }
            4 => {
                kinds.insert("heap".into());
                // Rows are there twice: one of them goes, or comes a third time.
                let (value, gone) = (id / 2, random.one_in(2));
                if out
                    .heap
                    .iter()
                    .any(|(key, _)| key.contains(&format!("\"a\":{value},")))
                {
                    continue;
                }
                let text = format!("{{\"a\":{value},\"b\":\"row {value}\"}}");
                assert!(
                    loaded
                        .heap
                        .contains(&vec![Cell::Int(value as i64), Cell::Text(format!("row {value}"))])
                );
                if gone {
                    out.statements.push_str(&format!(
                        "delete from dbo.\"Heap\" where ctid = (select max(ctid) from dbo.\"Heap\" where a = {value});\n"
                    ));
                } else {
                    out.statements.push_str(&format!(
                        "insert into dbo.\"Heap\" values ({value}, 'row {value}');\n"
                    ));
                }
                out.heap.insert((text, gone));
            }
            _ => {
                let sql = match (&loaded.every[id][place + 1], random.one_in(4)) {
                    (Cell::Null, _) => {
                        kind("from null");
                        column.some.to_owned()
                    }
                    (_, true) => {
                        kind("to null");
                        "null".to_owned()
                    }
                    _ => {
                        kind("change");
                        format!(
                            "(select {} from (select {} as c) as old)",
                            column.change, column.name
                        )
                    }
                };
                out.statements.push_str(&format!(
                    "update dbo.\"Every\" set {} = {sql} where id = {id};\n",
                    column.name
                ));
                out.every
                    .insert(key(id), DifferenceKind::Changed(vec![column.name.to_owned()]));
            }
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn every_corruption_is_found_shown_and_repaired() {
    let wanted = how_many("MIGRATE_TEST_CORRUPTIONS", 300);
    let loaded = Loaded::new(ROWS, 1).await;
    let mut random = Random::new(7);
    let (mut made, mut kinds) = (0, BTreeSet::new());
    let rows_only = Options {
        max_differences: usize::MAX,
        layers: Layers {
            digests: true,
            ..Layers::COUNTS
        },
        ..Options::default()
    };
    assert!(loaded.validate(true, rows_only.clone()).await.verdict.go);
    while made < wanted {
        let round = round(&loaded, &mut random, &mut kinds);
        made += round.every.len() + round.heap.len();
        loaded.sql(&round.statements);
        let alone = loaded.validate(false, rows_only.clone()).await;
        let agree: Vec<(String, bool)> = alone
            .tables
            .iter()
            .map(|t| (t.source.to_string(), t.agrees()))
            .collect();
        let heap_is_right = round.heap.is_empty();
        assert_eq!(
            agree,
            [
                ("dbo.Every".into(), false),
                ("dbo.Heap".into(), heap_is_right),
                ("dbo.Child".into(), true)
            ]
        );
        let found = loaded.validate(true, rows_only.clone()).await;
        let every: Expected = found.tables[0]
            .differences
            .iter()
            .map(|d| (d.key.to_string(), d.kind.clone()))
            .collect();
        assert_eq!(every, round.every);
        assert_eq!(found.tables[0].differences.len(), round.every.len());
        for difference in &found.tables[0].differences {
            let known = match &difference.kind {
                DifferenceKind::Changed(columns) => {
                    let (expected, stored) = (
                        difference.expected.as_ref().unwrap(),
                        difference.found.as_ref().unwrap(),
                    );
                    let shown = |row: &serde_json::Value| {
                        row.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
                    };
                    assert_eq!(shown(expected), columns.iter().cloned().collect());
                    assert!(columns.iter().all(|c| expected[c] != stored[c]), "{difference:?}");
                    true
                }
                DifferenceKind::Extra => true,
                // Nothing was noted when the migration ended.
                DifferenceKind::Missing => false,
            };
            assert_eq!(
                difference.origin,
                if known {
                    Origin::ChangedSince
                } else {
                    Origin::Unknown
                }
            );
        }
        let heap: BTreeSet<(String, bool)> = found.tables[1]
            .differences
            .iter()
            .map(|d| (d.key.to_string(), d.kind == DifferenceKind::Missing))
            .collect();
        assert_eq!(heap, round.heap);

        // Rows that were right keep their place and their transaction.
        let places = "select md5(string_agg(id || ' ' || ctid || ' ' || xmin, ',' order by id)) from dbo.\"Every\" where id not in (";
        let ids: Vec<String> = round.every.keys().map(|k| k[6..k.len() - 1].to_owned()).collect();
        let places = format!("{places}{})", ids.join(", "));
        let before = loaded.sql(&places);
        let repairs = loaded.repair().await;
        let repaired: u64 = repairs.iter().map(|r| r.changed + r.added + r.removed).sum();
        assert_eq!(repaired as usize, round.every.len() + round.heap.len());
        for repair in &repairs {
            assert!(
                repair.proven && repair.nothing_else_changed && repair.failed.is_empty(),
                "{repair:?}"
            );
        }
        assert_eq!(loaded.sql(&places), before);
        assert!(loaded.validate(true, rows_only.clone()).await.verdict.go);
        assert_eq!(loaded.repair().await, []);
    }
    // Whatever the number of rounds: every kind of change took part.
    for kind in ["delete", "double", "swap rows", "swap columns", "heap"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    if wanted >= 1000 {
        let changes: BTreeSet<String> = every_type::columns()
            .iter()
            .map(|c| format!("change {}", c.name))
            .collect();
        assert!(changes.is_subset(&kinds), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_changed_a_little() {
    let loaded = Loaded::new(60, 3).await;
    for (place, column) in every_type::columns().iter().enumerate() {
        let id = loaded
            .every
            .iter()
            .position(|row| row[place + 1] != Cell::Null)
            .unwrap();
        loaded.sql(&format!(
            "update dbo.\"Every\" set {0} = (select {1} from (select {0} as c) as old) where id = {id}",
            column.name, column.change
        ));
    }
    let found = loaded
        .validate(
            true,
            Options {
                max_differences: 1000,
                ..Options::default()
            },
        )
        .await;
    let mut changed: BTreeSet<String> = BTreeSet::new();
    for difference in &found.tables[0].differences {
        let DifferenceKind::Changed(columns) = &difference.kind else {
            panic!("{difference:?}")
        };
        changed.extend(columns.iter().cloned());
    }
    let all: BTreeSet<String> = every_type::columns().iter().map(|c| c.name.to_owned()).collect();
    assert_eq!(changed, all);
    assert!(
        loaded
            .repair()
            .await
            .iter()
            .all(|r| r.proven && r.nothing_else_changed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_run_raises_no_alarm() {
    for seed in 0..how_many("MIGRATE_TEST_CLEAN_RUNS", 3) as u64 {
        let loaded = Loaded::new(200, 1000 + seed).await;
        for with_source in [false, true] {
            let options = Options {
                layers: migrate_validate::Level::Full.layers(),
                ..Options::default()
            };
            let found = loaded.validate(with_source, options).await;
            assert!(found.verdict.go, "seed {seed}: {:?}", found.verdict);
            assert_eq!(found.verdict.warnings, Vec::<String>::new(), "seed {seed}");
        }
        assert_eq!(loaded.repair().await, []);
    }
}

/// What is right at the migration's end, and known to have been, was changed since; what never was is told apart.
#[tokio::test(flavor = "multi_thread")]
async fn changed_since_is_told_from_never_right() {
    let loaded = Loaded::new(50, 5).await;
    let note = Options {
        note: true,
        ..Options::default()
    };
    assert!(loaded.validate(false, note).await.verdict.go);
    loaded.sql("delete from dbo.\"Every\" where id = 41; update dbo.\"Every\" set note = 'new' where id = 7");
    let found = loaded.validate(true, Options::default()).await;
    let origins: Vec<Origin> = found.tables[0].differences.iter().map(|d| d.origin).collect();
    assert_eq!(origins, [Origin::ChangedSince, Origin::ChangedSince]);
    assert!(found.tables.iter().all(|t| t.was_right) && found.proven_at.is_some());

    // As if the migration had been completed after the change: no transaction has written the row since.
    loaded
        .sql("update migrate.event set text = (select pg_current_snapshot()::text) where kind = 'snapshot'");
    loaded.sql("delete from migrate.event where kind = 'proof'");
    let found = loaded.validate(true, Options::default()).await;
    let origins: Vec<Origin> = found.tables[0].differences.iter().map(|d| d.origin).collect();
    assert_eq!(origins, [Origin::NotWrittenSince, Origin::Unknown]);
}
