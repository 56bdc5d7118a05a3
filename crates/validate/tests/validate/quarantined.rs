//! Rows that by design are in the source alone.

use std::sync::Arc;

use migrate_core::digest::Digest;
use migrate_core::memory::{Cell, MemorySource};
use migrate_core::stored::LedgerView;
use migrate_validate::{Options, Validation};

use crate::migrated::*;

/// Thirty rows, of which those with the given ids cannot be encoded.
fn with_nul(bad: &[usize]) -> MemorySource {
    let mut all = rows(30);
    for id in bad {
        all[*id][1] = Cell::Text("\0".into());
    }
    MemorySource::new("s").chunk_rows(7).table(t("A"), &COLUMNS, all)
}

/// As if the server had refused these rows: they are in quarantine and not in the table.
async fn refused_by_server(done: &Migrated, source: &MemorySource, ids: &'static [usize]) -> Validation {
    done.sink.tamper(&t("A"), |stored| {
        stored.retain(|row| !ids.iter().any(|id| *row == tuple(&cells(*id))))
    });
    let edit = Box::new(move |view: &mut LedgerView| {
        for id in ids {
            let mut gone = Digest::default();
            gone.add_row(&tuple(&cells(*id)));
            let receipt = &mut view.tables.get_mut(&t("A")).unwrap()[id / 7].1;
            receipt.digest.subtract(&gone);
            receipt.quarantined += 1;
            view.quarantined += 1;
        }
    });
    let stored = Edited {
        sink: done.sink.clone(),
        edit,
        broken: None,
    };
    run(
        Arc::new(stored),
        Some(Arc::new(source.clone())),
        Options::default(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn rows_that_cannot_be_encoded_raise_no_alarm() {
    let done = Migrated::over(with_nul(&[3, 8])).await;
    for found in [done.by_destination_alone().await, done.with_source().await] {
        assert!(found.agrees());
        assert_eq!((found.quarantined, found.tables[0].rows.unwrap()), (2, 28));
    }
    let [table] = done.with_source().await.tables.try_into().unwrap();
    assert_eq!((table.read_again, table.refused), (table.stored, 0));
}

#[tokio::test]
async fn they_hide_nothing_else() {
    let mut done = Migrated::over(with_nul(&[3, 8])).await;
    // The destination is as it was, the source is not.
    let mut all = rows(30);
    for id in [3, 8] {
        all[id][1] = Cell::Text("\0".into());
    }
    all[20][2] = Cell::Int(7);
    done.source = MemorySource::new("s").table(t("A"), &COLUMNS, all);
    let found = done.with_source().await;
    assert!(!found.agrees());
    assert_eq!(named(&found.tables[0]), [changed(id(20), &["n"])]);
}

#[tokio::test]
async fn rows_that_the_server_refused_raise_no_alarm_either() {
    for (bad, refused) in [(&[][..], &[5_usize][..]), (&[3, 8], &[5, 6, 29]), (&[5], &[0])] {
        let done = Migrated::over(with_nul(bad)).await;
        let found = refused_by_server(&done, &done.source, refused).await;
        assert!(found.agrees(), "{found:?}");
        assert_eq!(found.quarantined as usize, bad.len() + refused.len());
        let table = &found.tables[0];
        assert_eq!(
            (table.refused as usize, table.differences.len()),
            (refused.len(), 0)
        );
        assert_eq!(
            table.read_again.unwrap().rows,
            table.rows.unwrap() + table.refused
        );
    }
}

#[tokio::test]
async fn they_hide_nothing_else_either() {
    // Another row of the source changed, another one is gone from it, or one came: the numbers do not add up.
    let source = |all: Vec<Vec<Cell>>| MemorySource::new("s").table(t("A"), &COLUMNS, all);
    let mut edited = rows(30);
    edited[20][2] = Cell::Int(7);
    let mut doubled = rows(30);
    doubled[20] = cells(21);
    for (all, expected) in [
        (edited, vec![missing(id(5)), changed(id(20), &["n"])]),
        (doubled, vec![missing(id(5)), extra(id(20)), missing(id(21))]),
    ] {
        let done = Migrated::tables(&[("A", 30)]).await;
        let found = refused_by_server(&done, &source(all), &[5]).await;
        assert!(!found.agrees());
        assert_eq!((found.tables[0].refused, named(&found.tables[0])), (0, expected));
    }

    // The destination lost one more than the ledger knows of.
    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 9);
        stored.remove(at);
    });
    let found = refused_by_server(&done, &done.source, &[5]).await;
    assert!(!found.agrees());
    assert_eq!(named(&found.tables[0]), [missing(id(5)), missing(id(9))]);
}
