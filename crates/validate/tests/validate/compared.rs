//! Two sides that no migration joins.

use std::sync::Arc;

use migrate_core::mapping::Mapping;
use migrate_core::memory::{Cell, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::pg_type::PgType;
use migrate_core::plan::Target;
use migrate_core::planner;
use migrate_core::source::Source;
use migrate_validate::{Diff, DiffOptions, DiffSide, DifferenceKind, Side, diff};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::migrated::*;

async fn side(source: MemorySource) -> DiffSide {
    let plan = planner::plan(
        &source.discover().await.unwrap(),
        &Mapping::default(),
        &Target::default(),
    )
    .unwrap();
    let side = Side::source(source.snapshot(&plan).await.unwrap());
    DiffSide { plan, side }
}

async fn compare(left: MemorySource, right: MemorySource) -> Diff {
    let (left, right) = (side(left).await, side(right).await);
    diff(
        left,
        right,
        DiffOptions::default(),
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn the_same_rows_in_another_order_and_other_chunks() {
    let mut shuffled = rows(30);
    shuffled.reverse();
    let left = MemorySource::new("a")
        .chunk_rows(7)
        .table(t("A"), &COLUMNS, rows(30));
    let right = MemorySource::new("b")
        .chunk_rows(4)
        .table(t("A"), &COLUMNS, shuffled);
    let found = compare(left, right).await;
    assert!(found.is_same());
    assert_eq!(found.tables[0].left.rows, 30);
}

#[tokio::test]
async fn columns_pair_up_by_name_whatever_their_order() {
    let left = MemorySource::new("a").table(t("Order_Line"), &COLUMNS, rows(30));
    let columns = [("ID", PgType::Int4), ("n", PgType::Int8), ("name", PgType::Text)];
    let mut other: Vec<Vec<Cell>> = rows(30);
    for row in &mut other {
        row.swap(1, 2);
    }
    other[5][1] = Cell::Int(7);
    other.remove(9);
    let right = MemorySource::new("b").table(t("orderline"), &columns, other);
    let found = compare(left, right).await;
    let [table] = found.tables.as_slice() else {
        panic!("{found:?}")
    };
    let kinds: Vec<_> = table.differences.iter().map(|d| (&d.key, &d.kind)).collect();
    assert_eq!(
        kinds,
        [
            (&id(5), &DifferenceKind::Changed(vec!["n".into()])),
            (&id(9), &DifferenceKind::Missing)
        ]
    );
    assert_eq!(table.differences[0].expected, Some(json!({ "n": 500 })));
    assert_eq!(table.differences[0].found, Some(json!({ "n": 7 })));
}

#[tokio::test]
async fn what_only_one_side_has_is_listed() {
    let left =
        MemorySource::new("a")
            .table(t("A"), &COLUMNS, rows(3))
            .table(t("OnlyLeft"), &COLUMNS, rows(3));
    let columns = [
        ("id", PgType::Int4),
        ("name", PgType::Varchar(Some(9))),
        ("m", PgType::Int8),
    ];
    let right =
        MemorySource::new("b")
            .table(t("A"), &columns, rows(3))
            .table(t("OnlyRight"), &COLUMNS, rows(3));
    let found = compare(left, right).await;
    assert!(!found.is_same());
    assert_eq!(found.only_left[0].name, "OnlyLeft");
    assert_eq!(found.only_right[0].name, "OnlyRight");
    let table = &found.tables[0];
    assert_eq!(table.left, table.right);
    let columns: Vec<(&str, &str)> = table
        .columns
        .iter()
        .map(|(c, why)| (c.as_str(), why.as_str()))
        .collect();
    assert_eq!(
        columns,
        [
            ("m", "only the second side has it"),
            ("n", "only the first side has it"),
            ("name", "it is text on one side and varchar(9) on the other"),
        ]
    );
}
