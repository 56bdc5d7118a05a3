//! Errors that pass, errors that stay, and what is stored after each.

use std::time::Duration;

use migrate_core::ErrorKind;
use migrate_core::observer::Event;
use migrate_core::stored::Stored;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::faults::{Fault, Point};
use crate::stage::{Stage, t};

const TABLES: [(&str, usize); 2] = [("A", 60), ("B", 25)];

fn retries(stage: &Stage) -> usize {
    stage.recorder.count(|e| matches!(e, Event::Retrying { .. }))
}

#[tokio::test]
async fn an_undisturbed_run_copies_everything() {
    let mut stage = Stage::new(&TABLES, 10).await;
    let report = stage.succeeds(&[]).await;
    stage.assert_complete(&TABLES).await;
    assert!(report.is_clean() && !report.resumed && !report.already_complete);
    let rows: Vec<u64> = report.tables.iter().map(|t| t.receipt.digest.rows).collect();
    assert_eq!(rows, [60, 25]);
    assert_eq!(report.total().read, 85);
    assert_eq!(
        (
            stage.script.calls(Split),
            stage.script.calls(Read),
            stage.script.calls(Commit)
        ),
        (2, 9, 9)
    );
    assert_eq!(
        (
            stage.script.calls(Complete),
            stage.script.calls(Close),
            retries(&stage)
        ),
        (1, 1, 0)
    );
    assert_eq!(
        *stage.source.verified.lock().unwrap(),
        [(t("A"), 60), (t("B"), 25)]
    );
}

#[tokio::test]
async fn a_read_error_leaves_nothing_of_its_segment() {
    for fault in [Fatal, DoneFatal] {
        let mut stage = Stage::new(&[("A", 60)], 60).await;
        let error = stage.fails(&[(Fill, 7, fault)]).await;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(error.to_string(), "scripted loss in Fill (chunk dbo.A#0)");
        assert_eq!(stage.ids("A"), [0_usize; 0]);
        assert_eq!((stage.receipt("A").await.read, stage.recorder.net()), (0, (0, 0)));
        assert_eq!(
            (
                retries(&stage),
                stage.script.calls(Commit),
                stage.script.calls(Complete)
            ),
            (0, 0, 0)
        );

        let report = stage.succeeds(&[]).await;
        assert!(report.resumed);
        stage.assert_complete(&[("A", 60)]).await;
        assert_eq!(stage.script.calls(Split), 1);
    }
}

#[tokio::test]
async fn a_read_error_keeps_what_was_committed_before() {
    let mut stage = Stage::new(&[("A", 60)], 60).await;
    stage.options.commit_bytes = 600;
    stage.fails(&[(Fill, 12, Fatal)]).await;
    let kept = stage.ids("A");
    assert!(!kept.is_empty() && kept.len() < 60);
    assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>());
    let receipt = stage.receipt("A").await;
    assert_eq!((receipt.read as usize, receipt.done), (kept.len(), false));
    let ledger = stage.sink.inner.ledger().await.unwrap().unwrap();
    assert_eq!(
        ledger.tables[&t("A")][0].1.cursor.as_ref().map(|c| c.0.clone()),
        Some(kept.len().to_string())
    );
    stage.succeeds(&[]).await;
    stage.assert_complete(&[("A", 60)]).await;
    // The second run wrote the rest alone.
    assert_eq!(stage.recorder.net().0 as usize, 60 - kept.len());
}

#[tokio::test]
async fn errors_that_may_pass_are_tried_again() {
    for point in [Read, Fill, Finish, Writer, Write, Commit] {
        for n in [0, 1, 4] {
            for fault in [Transient, DoneTransient] {
                let mut stage = Stage::new(&TABLES, 10).await;
                let report = stage.succeeds(&[(point, n, fault)]).await;
                stage.assert_complete(&TABLES).await;
                assert_eq!(
                    (stage.script.pending(), retries(&stage)),
                    (0, 1),
                    "{point:?} {n} {fault:?}"
                );
                assert!(report.is_clean());
                let receipts = report.total();
                assert_eq!(
                    stage.recorder.net(),
                    (85, receipts.bytes as i64),
                    "{point:?} {n} {fault:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_commit_that_was_carried_out_is_not_repeated() {
    for commit_bytes in [1, u64::MAX] {
        for fault in [DoneTransient, DoneFatal] {
            for n in 0..4 {
                let mut stage = Stage::new(&TABLES, 20).await;
                stage.options.commit_bytes = commit_bytes;
                let outcome = stage.run(&[(Commit, n, fault)]).await;
                if fault == DoneTransient {
                    let report = outcome.unwrap();
                    assert_eq!(stage.recorder.net(), (85, report.total().bytes as i64));
                } else {
                    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Connection);
                    stage.succeeds(&[]).await;
                }
                assert_eq!(stage.script.pending(), 0);
                stage.assert_complete(&TABLES).await;
            }
        }
    }
}

#[tokio::test]
async fn errors_that_stay_end_the_run_at_once() {
    for point in [
        Split, Read, Fill, Finish, Verify, Begin, Register, Writer, Write, Commit, Complete, Close,
    ] {
        let mut stage = Stage::new(&TABLES, 10).await;
        let error = stage.fails(&[(point, 0, Fatal)]).await;
        assert_eq!(error.kind(), ErrorKind::Connection, "{point:?}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("scripted loss in {point:?}")),
            "{error}"
        );
        assert_eq!(retries(&stage), 0);
        assert_eq!(
            stage.script.calls(Close),
            1,
            "the sink is closed whatever happens"
        );
        stage.succeeds(&[]).await;
        stage.assert_complete(&TABLES).await;
    }
}

#[tokio::test]
async fn retries_come_to_an_end() {
    for point in [Read, Fill, Finish, Writer, Write, Commit] {
        let mut stage = Stage::new(&[("A", 5)], 100).await;
        stage.options.retry.attempts = 2;
        stage.options.batch_bytes = 1 << 20;
        let always: Vec<(Point, usize, Fault)> = (0..10).map(|n| (point, n, Transient)).collect();
        let error = stage.fails(&always).await;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!((stage.script.calls(point), retries(&stage)), (3, 2), "{point:?}");
        assert_eq!(stage.recorder.net(), (0, 0));
    }
}

#[tokio::test]
async fn waits_double() {
    let mut stage = Stage::new(&[("A", 5)], 100).await;
    stage.options.retry.first = Duration::from_micros(300);
    stage
        .succeeds(&[(Read, 0, Transient), (Read, 1, Transient), (Read, 2, Transient)])
        .await;
    let events = stage.recorder.events.lock().unwrap();
    let waits: Vec<u128> = events
        .iter()
        .filter_map(|e| {
            if let Event::Retrying { after, .. } = e {
                Some(after.as_micros())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(waits, [300, 600, 1200]);
}

#[tokio::test]
async fn retries_are_counted_anew_after_progress() {
    let mut stage = Stage::new(&[("A", 60)], 100).await;
    stage.options.retry.attempts = 1;
    stage.options.commit_bytes = 1;
    let now_and_then: Vec<_> = (0..8)
        .map(|n| (Commit, 2 * n, if n % 2 == 0 { Transient } else { DoneTransient }))
        .collect();
    stage.succeeds(&now_and_then).await;
    assert_eq!((stage.script.pending(), retries(&stage)), (0, 8));
    stage.assert_complete(&[("A", 60)]).await;
    assert_eq!(stage.recorder.net().0, 60);

    // Twice in a row at the same place is more than one retry.
    let mut stage = Stage::new(&[("A", 60)], 100).await;
    stage.options.retry.attempts = 1;
    stage.options.commit_bytes = 1;
    stage
        .fails(&[(Commit, 3, Transient), (Commit, 4, Transient)])
        .await;
    assert_eq!(retries(&stage), 1);
}

#[tokio::test]
async fn a_failing_abort_hides_no_cause() {
    // What failed may pass, what the abort says would not: the run goes on.
    let mut stage = Stage::new(&TABLES, 10).await;
    stage.succeeds(&[(Write, 1, Transient), (Abort, 0, Fatal)]).await;
    assert_eq!(stage.script.pending(), 0);
    stage.assert_complete(&TABLES).await;

    for (point, n) in [(Read, 0), (Fill, 2), (Write, 2)] {
        let mut stage = Stage::new(&[("A", 40)], 40).await;
        let error = stage.fails(&[(point, n, Fatal), (Abort, 0, Transient)]).await;
        assert_eq!(
            error.to_string(),
            format!("scripted loss in {point:?} (chunk dbo.A#0)")
        );
        assert_eq!((retries(&stage), stage.script.pending()), (0, 0));
    }
}

#[tokio::test]
async fn a_chunk_that_turns_out_done_is_not_written_again() {
    let mut stage = Stage::new(&[("A", 5)], 100).await;
    stage
        .succeeds(&[(Commit, 0, DoneTransient), (Abort, 0, Fatal)])
        .await;
    stage.assert_complete(&[("A", 5)]).await;
    assert_eq!(
        (
            stage.script.calls(Read),
            stage.script.calls(Writer),
            stage.script.calls(Abort)
        ),
        (1, 2, 1)
    );
    assert_eq!(
        stage
            .recorder
            .count(|e| matches!(e, Event::Committed { done: true, .. })),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_error_and_no_task_stays() {
    for (point, message) in [
        (Fill, "a reader panicked"),
        (Finish, "a reader panicked"),
        (Read, "a worker panicked"),
        (Writer, "a worker panicked"),
        (Write, "a worker panicked"),
        (Commit, "a worker panicked"),
    ] {
        for n in [0, 3] {
            let mut stage = Stage::new(&TABLES, 10).await;
            let error = stage.fails(&[(point, n, Panic)]).await;
            assert_eq!(
                (error.kind(), error.message()),
                (ErrorKind::Internal, message),
                "{point:?}"
            );
            assert_eq!(stage.script.calls(Close), 1);
            stage.succeeds(&[]).await;
            stage.assert_complete(&TABLES).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_real_error_is_the_one_reported() {
    for n in 0..6 {
        let mut stage = Stage::new(&TABLES, 5).await;
        stage.options.retry.first = Duration::from_hours(1);
        // One worker waits to try again, another fails for good: the wait ends, and does not become the reason.
        let error = stage.fails(&[(Write, n, Transient), (Write, n + 5, Fatal)]).await;
        assert_eq!(error.message(), "scripted loss in Write");
        assert!(!error.is_transient(), "{n}");
    }
}
