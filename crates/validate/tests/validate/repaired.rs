//! Bringing rows back.

use std::sync::Arc;

use migrate_core::ErrorKind;
use migrate_core::memory::{Cell, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::stored::LedgerView;
use migrate_validate::{RepairOptions, TableRepair, repair};
use tokio_util::sync::CancellationToken;

use crate::migrated::*;

async fn repaired(done: &Migrated, batch_rows: usize) -> Vec<TableRepair> {
    let options = RepairOptions {
        batch_rows,
        ..RepairOptions::default()
    };
    let (stored, source) = (Arc::new(done.sink.clone()), Arc::new(done.source.clone()));
    repair(
        stored,
        source,
        options,
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn exactly_the_rows_that_differ_come_back() {
    for batch_rows in [0, 1, 2, 500] {
        let done = Migrated::tables(&[("A", 30), ("B", 30)]).await;
        let right = done.sink.rows(&t("A"));
        assert_eq!(repaired(&done, batch_rows).await, []);
        done.sink.tamper(&t("A"), |stored| {
            let at = place(stored, 17);
            stored.remove(at);
            stored.push(tuple(&cells(4)));
            stored.push(tuple(&cells(99)));
            let at = place(stored, 9);
            *stored[at].last_mut().unwrap() ^= 1;
        });
        let [table] = repaired(&done, batch_rows).await.try_into().unwrap();
        assert_eq!(table.source, t("A"));
        assert_eq!((table.changed, table.added, table.removed), (1, 1, 2));
        assert!(table.proven && table.nothing_else_changed && table.failed.is_empty());
        assert_eq!(done.sink.rows(&t("A")), right);
        assert!(done.with_source().await.verdict.go);
    }
}

#[tokio::test]
async fn a_table_whose_source_changed_is_left_alone() {
    let mut done = Migrated::tables(&[("A", 30)]).await;
    let mut now = rows(30);
    now[12][1] = Cell::Text("renamed".into());
    done.source = MemorySource::new("s").table(t("A"), &COLUMNS, now);
    done.sink.tamper(&t("A"), |stored| {
        stored.pop();
    });
    let before = done.sink.rows(&t("A"));
    let [table] = repaired(&done, 500).await.try_into().unwrap();
    assert_eq!(
        table.failed,
        ["the source's rows are not those that were copied: it has changed since"]
    );
    assert!(!table.proven && table.nothing_else_changed);
    assert_eq!(done.sink.rows(&t("A")), before);
}

#[tokio::test]
async fn there_is_nothing_to_repair_before_the_end() {
    let done = Migrated::tables(&[("A", 30)]).await;
    let stored = Edited {
        sink: done.sink.clone(),
        edit: Box::new(|view: &mut LedgerView| view.complete = false),
        broken: None,
    };
    let error = repair(
        Arc::new(stored),
        Arc::new(done.source.clone()),
        RepairOptions::default(),
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
