//! Several tables read in one pass: once, to the same place, and each exactly once whatever happens.

use migrate_core::observer::Event;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::{Stage, t};

/// The first chunks of all three hold the same rows, the second ones of A and C too.
const TABLES: [(&str, usize); 3] = [("A", 24), ("B", 12), ("C", 24)];

#[tokio::test]
async fn one_pass_serves_all_tables() {
    let mut stage = Stage::together(&TABLES, 12).await;
    stage.options.workers = 1;
    stage.succeeds(&[]).await;
    stage.assert_complete(&TABLES).await;
    assert_eq!(stage.script.calls(Read), 2);
    let done = |table: &str| {
        let table = t(table);
        move |e: &Event| matches!(e, Event::TableDone { table: done } if *done == table)
    };
    for (table, _) in TABLES {
        assert_eq!(stage.recorder.count(done(table)), 1, "{table}");
    }
    let rows: usize = TABLES.iter().map(|(_, rows)| rows).sum();
    assert_eq!(stage.recorder.net().0 as usize, rows);
}

#[tokio::test]
async fn a_batch_is_shared_out_among_the_tables() {
    let mut stage = Stage::together(&[("A", 400), ("B", 400)], 400).await;
    stage.options.batch_bytes = 4000;
    stage.succeeds(&[]).await;
    let shared = stage.source.outstanding.most();
    let mut alone = Stage::new(&[("A", 400)], 400).await;
    alone.options.batch_bytes = 4000;
    alone.succeeds(&[]).await;
    // The last row of a batch may be beyond its size, in each table.
    assert!(shared <= alone.source.outstanding.most() + 12, "{shared}");
}

#[tokio::test]
async fn killed_between_the_commits_of_two_tables() {
    let mut undisturbed = Stage::together(&TABLES, 12).await;
    undisturbed.options.commit_bytes = 1;
    undisturbed.succeeds(&[]).await;
    let commits = undisturbed.script.calls(Commit);
    assert!(commits > 10, "many segments: {commits}");
    for k in 0..commits {
        for fault in [DoneFatal, Fatal, DoneTransient, Transient] {
            let mut stage = Stage::together(&TABLES, 12).await;
            stage.options.commit_bytes = 1;
            stage.options.workers = 1;
            if stage.run(&[(Commit, k, fault)]).await.is_err() {
                stage.succeeds(&[]).await;
            }
            stage.assert_complete(&TABLES).await;
        }
    }
}
