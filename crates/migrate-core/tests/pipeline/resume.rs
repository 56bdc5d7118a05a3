//! Killed at any moment and run again, the result is the same.

use migrate_core::ErrorKind;
use migrate_core::observer::Event;
use migrate_core::stored::Stored;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::{Stage, t};

const TABLES: [(&str, usize); 3] = [("A", 30), ("B", 0), ("C", 17)];

async fn in_small_segments() -> Stage {
    let mut stage = Stage::new(&TABLES, 12).await;
    stage.options.commit_bytes = 1;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_each_commit() {
    let mut undisturbed = in_small_segments().await;
    undisturbed.succeeds(&[]).await;
    undisturbed.assert_complete(&TABLES).await;
    let commits = undisturbed.script.calls(Commit);
    assert!(commits > 12, "many segments: {commits}");
    for k in 0..commits {
        // The process dies after the commit was carried out: an error that nothing survives, or the run is dropped.
        let mut stage = in_small_segments().await;
        stage.fails(&[(Commit, k, DoneFatal)]).await;
        stage.succeeds(&[]).await;
        stage.assert_complete(&TABLES).await;

        let mut stage = in_small_segments().await;
        stage.script.add(&[(Commit, k, DoneHang)]);
        stage.begin_anew();
        let run = tokio::spawn(stage.future());
        stage.script.hung.notified().await;
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        // What the dropped run left may go on meanwhile: writers are fenced.
        while stage.script.alive() > 0 {
            tokio::task::yield_now().await;
        }
        let report = stage.succeeds(&[]).await;
        assert!(report.resumed && report.is_clean());
        stage.assert_complete(&TABLES).await;
    }
}

#[tokio::test]
async fn killed_between_the_splits_of_two_tables() {
    for (point, splits) in [(Split, 4), (Register, 4)] {
        let mut stage = in_small_segments().await;
        stage.fails(&[(point, 1, Fatal)]).await;
        assert_eq!(stage.sink.inner.ledger().await.unwrap().unwrap().tables.len(), 1);
        stage.succeeds(&[]).await;
        stage.assert_complete(&TABLES).await;
        // One that failed, and one for each table.
        assert_eq!(stage.script.calls(Split), splits);
    }
}

#[tokio::test]
async fn killed_before_the_end_nothing_is_copied_again() {
    for point in [Verify, Complete] {
        let mut stage = in_small_segments().await;
        stage.fails(&[(point, 0, Fatal)]).await;
        let written = stage.script.calls(Write);
        let report = stage.succeeds(&[]).await;
        assert!(report.resumed && !report.already_complete);
        assert_eq!(
            (stage.script.calls(Write), stage.recorder.net()),
            (written, (0, 0))
        );
        assert_eq!(report.total().digest.rows, 47);
        // What was read is told in full, whoever read it.
        assert_eq!(
            *stage.source.verified.lock().unwrap(),
            [(t("A"), 30), (t("B"), 0), (t("C"), 17)]
        );
        stage.assert_complete(&TABLES).await;
    }
}

#[tokio::test]
async fn a_complete_migration_is_left_alone() {
    let mut stage = in_small_segments().await;
    let first = stage.succeeds(&[]).await;
    let calls = (
        stage.script.calls(Split),
        stage.script.calls(Writer),
        stage.script.calls(Complete),
    );
    let again = stage.succeeds(&[]).await;
    assert!(again.already_complete && again.resumed);
    assert_eq!(
        (
            stage.script.calls(Split),
            stage.script.calls(Writer),
            stage.script.calls(Complete)
        ),
        calls
    );
    assert_eq!(
        *stage.recorder.events.lock().unwrap(),
        [Event::Began { resumed: true }]
    );
    for (a, b) in first.tables.iter().zip(&again.tables) {
        assert_eq!(
            (&a.source, a.receipt.digest, a.receipt.read, a.receipt.bytes),
            (&b.source, b.receipt.digest, b.receipt.read, b.receipt.bytes)
        );
    }
    assert!(again.is_clean());
    stage.assert_complete(&TABLES).await;
}

#[tokio::test]
async fn another_plan_is_refused() {
    let mut stage = in_small_segments().await;
    stage.fails(&[(Commit, 2, Fatal)]).await;
    let before = stage.ids("A");
    let mut other = (*stage.plan).clone();
    other.tables[0].columns[1].nullable = false;
    stage.plan = other.into();
    assert_eq!(stage.fails(&[]).await.kind(), ErrorKind::Conflict);
    assert_eq!(stage.ids("A"), before);
}

#[tokio::test]
async fn what_was_done_before_is_told_to_the_observer() {
    let mut stage = in_small_segments().await;
    stage.options.workers = 1;
    stage.fails(&[(Commit, 3, Fatal)]).await;
    let done = stage.ids("A").len() as u64 + stage.ids("C").len() as u64;
    stage.succeeds(&[]).await;
    let events = stage.recorder.events.lock().unwrap().clone();
    let queued: Vec<(String, u64)> = events
        .iter()
        .filter_map(|e| match e {
            Event::TableQueued { table, rows_done, .. } => Some((table.name.clone(), *rows_done)),
            _ => None,
        })
        .collect();
    assert_eq!(
        queued.iter().map(|(t, _)| t.as_str()).collect::<Vec<_>>(),
        ["A", "B", "C"]
    );
    assert_eq!(queued.iter().map(|(_, n)| n).sum::<u64>(), done);
    assert_eq!(stage.recorder.net().0 as u64, 47 - done);
    // Each table is done once, the empty one before anything is copied.
    let mut finished: Vec<&str> = events
        .iter()
        .filter_map(|e| {
            if let Event::TableDone { table } = e {
                Some(table.name.as_str())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(finished[0], "B");
    finished.sort_unstable();
    assert_eq!(finished, ["A", "B", "C"]);
}
