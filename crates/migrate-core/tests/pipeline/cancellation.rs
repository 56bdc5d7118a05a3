//! Cancelling ends everything soon, and loses nothing.

use std::time::Duration;

use migrate_core::ErrorKind;
use migrate_core::observer::Event;
use migrate_core::stored::Stored;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::Stage;

const TABLES: [(&str, usize); 2] = [("A", 40), ("B", 20)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_call_it_ends_the_run_and_a_second_run_completes_it() {
    for commit_bytes in [300, u64::MAX] {
        for point in [Split, Register, Read, Fill, Finish, Writer, Write, Commit, Verify] {
            let mut undisturbed = Stage::new(&TABLES, 15).await;
            undisturbed.options.commit_bytes = commit_bytes;
            undisturbed.succeeds(&[]).await;
            let calls = undisturbed.script.calls(point);
            assert!(calls > 0);
            for n in 0..calls {
                let mut stage = Stage::new(&TABLES, 15).await;
                stage.options.commit_bytes = commit_bytes;
                let outcome = stage.run(&[(point, n, Cancel)]).await;
                if stage.script.pending() > 0 {
                    // Segments depend on the interleaving a little: the call was not made this time.
                    outcome.unwrap();
                    continue;
                }
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{point:?} {n}");
                assert_eq!(error.hint_text(), Some("run the same command again to go on"));
                assert_eq!(stage.script.calls(Complete), 0);
                let report = stage.succeeds(&[]).await;
                assert!(report.resumed);
                stage.assert_complete(&TABLES).await;
                assert_eq!(
                    stage.script.calls(Split),
                    2,
                    "{point:?} {n}: a table is split once"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_was_uncommitted_is_taken_back() {
    for n in 0..5 {
        let mut stage = Stage::new(&[("A", 40)], 40).await;
        stage.run(&[(Write, n, Cancel)]).await.unwrap_err();
        assert_eq!((stage.recorder.net(), stage.ids("A").len()), ((0, 0), 0));
    }
}

#[tokio::test]
async fn before_the_start_nothing_is_written() {
    let mut stage = Stage::new(&TABLES, 10).await;
    stage.begin_anew();
    stage.token.cancel();
    assert_eq!(stage.future().await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(
        (
            stage.script.calls(Split),
            stage.script.calls(Writer),
            stage.script.calls(Close)
        ),
        (0, 0, 1)
    );
    assert!(
        stage
            .sink
            .inner
            .ledger()
            .await
            .unwrap()
            .unwrap()
            .tables
            .is_empty()
    );
}

#[tokio::test]
async fn a_source_that_hangs_does_not_hold_it_up() {
    for point in [Fill, Finish] {
        for n in [0, 1] {
            let mut stage = Stage::new(&TABLES, 10).await;
            stage.script.add(&[(point, n, Hang)]);
            stage.begin_anew();
            let run = tokio::spawn(stage.future());
            stage.script.hung.notified().await;
            stage.token.cancel();
            let error = run.await.unwrap().unwrap_err();
            assert_eq!((error.kind(), stage.script.alive()), (ErrorKind::Cancelled, 0));
            stage.succeeds(&[]).await;
            stage.assert_complete(&TABLES).await;
        }
    }
}

#[tokio::test]
async fn a_wait_before_a_retry_does_not_hold_it_up() {
    let mut stage = Stage::new(&TABLES, 10).await;
    stage.options.retry.first = Duration::from_hours(1);
    let error = stage
        .run_until(&[(Fill, 3, Transient)], |e| matches!(e, Event::Retrying { .. }))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_failing_worker_stops_the_others_but_not_the_caller() {
    let mut stage = Stage::new(&[("A", 200)], 10).await;
    stage.fails(&[(Write, 2, Fatal)]).await;
    assert!(!stage.token.is_cancelled());
    assert!(stage.script.calls(Commit) < 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_worker_of_a_dropped_run_lets_its_reader_go() {
    let mut stage = Stage::new(&[("A", 400)], 400).await;
    stage.script.add(&[(Write, 3, Hang)]);
    stage.begin_anew();
    let run = tokio::spawn(stage.future());
    stage.script.hung.notified().await;
    assert!(stage.script.alive() >= 2);
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    // Dropping cannot wait; the tasks end on their own.
    while stage.script.alive() > 0 {
        tokio::task::yield_now().await;
    }
    stage.succeeds(&[]).await;
    stage.assert_complete(&[("A", 400)]).await;
}
