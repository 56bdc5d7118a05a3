//! One change at a time, and what it is called.

use std::collections::BTreeMap;

use migrate_core::catalog::Key;
use migrate_core::memory::{Cell, MemorySource};
use migrate_validate::{DifferenceKind, Options};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

use crate::migrated::*;

#[tokio::test]
async fn nothing_is_found_where_nothing_was_changed() {
    let done = Migrated::tables(&[("A", 30), ("B", 0), ("C", 1)]).await;
    for found in [done.by_destination_alone().await, done.with_source().await] {
        assert!(found.agrees() && found.complete);
        assert_eq!(found.quarantined, 0);
        let counts: Vec<(String, u64)> = found
            .tables
            .iter()
            .map(|t| (t.source.to_string(), t.rows.unwrap()))
            .collect();
        assert_eq!(
            counts,
            [("dbo.A".into(), 30), ("dbo.B".into(), 0), ("dbo.C".into(), 1)]
        );
        assert!(
            found
                .tables
                .iter()
                .all(|t| Some(t.ledger) == t.stored && t.differences.is_empty() && t.complete)
        );
    }
    assert!(
        done.with_source()
            .await
            .tables
            .iter()
            .all(|t| t.read_again == t.stored)
    );
}

#[tokio::test]
async fn every_bit_of_a_row_counts() {
    let done = Migrated::tables(&[("A", 12)]).await;
    let row = tuple(&cells(5));
    // id: bytes 6 to 9; name: 14 to 19; n: 24 to 31. Between them are lengths.
    for (column, bytes) in [("id", 6..10), ("name", 14..20), ("n", 24..32)] {
        for (byte, bit) in bytes.flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
            let mut flipped = row.clone();
            flipped[byte] ^= 1 << bit;
            done.sink.tamper(&t("A"), |stored| {
                let at = place(stored, 5);
                stored[at] = flipped.clone();
            });
            let [table] = done.with_source().await.tables.try_into().unwrap();
            assert!(!table.agrees());
            if column == "id" {
                // The destination has another key now, which may be another row's, and lacks this one.
                let new = i32::from_be_bytes(flipped[6..10].try_into().unwrap());
                assert_eq!(table.differences.len(), 2, "{byte} {bit}");
                assert!(named(&table).contains(&missing(id(5))));
                assert!(named(&table).contains(&extra(json!({ "id": new }))));
            } else {
                assert_eq!(named(&table), [changed(id(5), &[column])], "{byte} {bit}");
            }
            done.sink.tamper(&t("A"), |stored| {
                let at = stored.iter().position(|r| *r == flipped).unwrap();
                stored[at] = row.clone();
            });
        }
    }
    assert!(done.with_source().await.agrees());
}

#[tokio::test]
async fn only_the_table_that_was_changed_is_named() {
    let done = Migrated::tables(&[("A", 30), ("B", 30), ("C", 30)]).await;
    done.sink.tamper(&t("B"), |stored| stored[0][30] ^= 1);
    for found in [done.by_destination_alone().await, done.with_source().await] {
        assert!(!found.agrees());
        let differing: Vec<String> = found
            .tables
            .iter()
            .filter(|t| !t.agrees())
            .map(|t| t.target.to_string())
            .collect();
        assert_eq!(differing, ["dbo.B"]);
    }
}

#[tokio::test]
async fn rows_that_are_missing_extra_or_doubled() {
    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 17);
        stored.remove(at);
    });
    let table = done.differs(&[missing(id(17))]).await;
    assert_eq!((table.ledger.rows, table.rows), (30, Some(29)));

    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| stored.push(tuple(&cells(30))));
    done.differs(&[extra(id(30))]).await;

    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| stored.push(tuple(&cells(4))));
    done.differs(&[extra(id(4))]).await;

    // As many rows as before, and none of them new.
    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 9);
        stored[at] = tuple(&cells(4));
    });
    let table = done.differs(&[extra(id(4)), missing(id(9))]).await;
    assert_eq!(Some(table.ledger.rows), table.rows);
}

#[tokio::test]
async fn values_swapped_between_rows_and_between_columns() {
    let done = Migrated::tables(&[("A", 30)]).await;
    let (mut four, mut six) = (cells(4), cells(6));
    std::mem::swap(&mut four[1], &mut six[1]);
    done.sink.tamper(&t("A"), |stored| {
        for (id, cells) in [(4, &four), (6, &six)] {
            let at = place(stored, id);
            stored[at] = tuple(cells);
        }
    });
    done.differs(&[changed(id(4), &["name"]), changed(id(6), &["name"])])
        .await;
}

#[tokio::test]
async fn null_is_not_empty() {
    for (before, after) in [
        (Cell::Null, Cell::Text(String::new())),
        (Cell::Text(String::new()), Cell::Null),
    ] {
        let row = |cell: &Cell| vec![Cell::Int(1), cell.clone(), Cell::Int(0)];
        let done = Migrated::over(MemorySource::new("s").table(t("A"), &COLUMNS, vec![row(&before)])).await;
        done.sink
            .tamper(&t("A"), |stored| stored[0] = tuple(&row(&after)));
        done.differs(&[changed(id(1), &["name"])]).await;
    }
}

#[tokio::test]
async fn a_table_without_key_is_named_by_whole_rows() {
    // Two rows alike, of which one goes; and one that changes.
    let mut all = rows(10);
    all.push(cells(2));
    let done = Migrated::without_key(|_| {}, all).await;
    assert!(done.with_source().await.agrees());
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 2);
        stored.remove(at);
        let at = place(stored, 3);
        stored[at] = tuple(&[Cell::Int(3), Cell::Text("new".into()), Cell::Int(300)]);
    });
    done.differs(&[
        missing(json!({ "id": 2, "name": "name 2", "n": 200 })),
        extra(json!({ "id": 3, "name": "new", "n": 300 })),
        missing(json!({ "id": 3, "name": null, "n": 300 })),
    ])
    .await;

    // A value that is none any more has a name as well.
    let done = Migrated::without_key(|_| {}, rows(1)).await;
    done.sink.tamper(&t("A"), |stored| stored[0][14] = 0xff);
    done.differs(&[
        missing(json!({ "id": 0, "name": "name 0", "n": 0 })),
        extra(json!({ "id": 0, "name": "\\xff616d652030", "n": 0 })),
    ])
    .await;
}

#[tokio::test]
async fn a_unique_constraint_is_a_key_and_its_nulls_are_not_one_row() {
    let unique = |columns: &[&str]| Key {
        name: Some("UQ".into()),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        clustered: false,
        comment: None,
    };
    let done = Migrated::without_key(|c| c.tables[0].uniques = vec![unique(&["name", "id"])], rows(30)).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 8);
        stored[at][31] ^= 2;
    });
    done.differs(&[changed(json!({ "name": "name 8", "id": 8 }), &["n"])])
        .await;

    // Three rows have no name.
    let done = Migrated::without_key(|c| c.tables[0].uniques = vec![unique(&["name"])], rows(30)).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 13);
        stored.remove(at);
    });
    done.differs(&[missing(json!({ "name": null }))]).await;
}

#[tokio::test]
async fn a_source_that_changed_since_is_told_from_a_destination_that_did() {
    let mut done = Migrated::tables(&[("A", 30)]).await;
    let mut now = rows(29);
    now[12][1] = Cell::Text("renamed".into());
    done.source = MemorySource::new("s").table(t("A"), &COLUMNS, now.clone());
    // The last row is gone, and with it the place where a chunk ends.
    now.push(cells(29));
    let error = run(
        Arc::new(done.sink.clone()),
        Some(Arc::new(done.source.clone())),
        Options::default(),
    )
    .await;
    assert_eq!(error.unwrap_err().kind(), migrate_core::ErrorKind::Corrupt);

    done.source = MemorySource::new("s").table(t("A"), &COLUMNS, now);
    assert!(done.by_destination_alone().await.agrees());
    let [table] = done.with_source().await.tables.try_into().unwrap();
    assert!(!table.agrees());
    assert_eq!(Some(table.ledger), table.stored);
    assert_ne!(table.read_again, table.stored);
    assert_eq!(named(&table), [changed(id(12), &["name"])]);
}

fn flip_all(stored: &mut [Vec<u8>]) {
    for row in stored {
        *row.last_mut().unwrap() ^= 1;
    }
}

#[tokio::test]
async fn differing_rows_are_named_up_to_a_limit() {
    let done = Migrated::tables(&[("A", 90)]).await;
    done.sink.tamper(&t("A"), |stored| flip_all(stored));
    for (limit, named) in [(0, 0), (1, 1), (20, 20), (1000, 90)] {
        let options = Options {
            max_differences: limit,
            ..Options::default()
        };
        let found = run(
            Arc::new(done.sink.clone()),
            Some(Arc::new(done.source.clone())),
            options,
        )
        .await
        .unwrap();
        assert!(!found.agrees());
        assert_eq!(found.tables[0].differences.len(), named);
        assert!(
            found.tables[0]
                .differences
                .iter()
                .all(|d| d.kind == DifferenceKind::Changed(vec!["n".into()]))
        );
    }
}

#[tokio::test]
async fn more_rows_than_are_looked_at_may_differ() {
    let source = MemorySource::new("s")
        .chunk_rows(60_000)
        .table(t("A"), &COLUMNS, rows(60_000));
    let done = Migrated::over(source).await;
    done.sink.tamper(&t("A"), |stored| flip_all(stored));
    let options = Options {
        max_differences: usize::MAX,
        ..Options::default()
    };
    let found = run(
        Arc::new(done.sink.clone()),
        Some(Arc::new(done.source.clone())),
        options,
    )
    .await
    .unwrap();
    // One round of the second reading keeps 50,000 rows of each side.
    let table = &found.tables[0];
    assert_eq!((table.differences.len(), table.more), (60_000, false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_rows_that_were_changed_are_named(
        changes in proptest::collection::btree_map(0..40_usize, 0..4_u8, 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let done = Migrated::tables(&[("A", 40)]).await;
            let mut expected = BTreeMap::new();
            done.sink.tamper(&t("A"), |stored| {
                for (row, change) in &changes {
                    let at = place(stored, *row);
                    let difference = match change {
                        0 => {
                            stored.remove(at);
                            missing(id(*row))
                        }
                        1 => {
                            stored.push(tuple(&cells(*row)));
                            extra(id(*row))
                        }
                        2 => {
                            stored[at] = tuple(&[Cell::Int(*row as i64), Cell::Text("x".into()), Cell::Int(-1)]);
                            changed(id(*row), &["name", "n"])
                        }
                        _ => {
                            stored[at] = tuple(&[cells(*row)[0].clone(), cells(*row)[1].clone(), Cell::Null]);
                            changed(id(*row), &["n"])
                        }
                    };
                    expected.insert(*row, difference);
                }
            });
            let [table] = done.with_source().await.tables.try_into().unwrap();
            assert_eq!(table.agrees(), changes.is_empty());
            assert_eq!(named(&table), expected.into_values().collect::<Vec<_>>());
        });
    }
}
