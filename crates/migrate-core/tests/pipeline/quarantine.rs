//! Rows that the destination has no place for.

use migrate_core::ErrorKind;
use migrate_core::memory::{Cell, MemorySource};
use migrate_core::observer::Event;
use migrate_core::sink::WriteMode;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::{COLUMNS, Stage, t};

/// Rows of which those with the given ids hold a character that PostgreSQL cannot store.
fn with_bad(name: &str, source: MemorySource, rows: usize, bad: &[usize]) -> MemorySource {
    let cells = |id: usize| {
        let text = if bad.contains(&id) { "\0" } else { "good" };
        vec![Cell::Int(id as i64), Cell::Text(text.into())]
    };
    source.table(t(name), &COLUMNS, (0..rows).map(cells).collect())
}

#[tokio::test]
async fn a_row_that_cannot_be_encoded_is_kept_aside_and_counted() {
    for commit_bytes in [1, u64::MAX] {
        let mut stage = Stage::over(with_bad(
            "A",
            MemorySource::new("s").chunk_rows(8),
            30,
            &[3, 4, 29],
        ))
        .await;
        stage.options.commit_bytes = commit_bytes;
        stage.options.max_quarantined = 3;
        let report = stage
            .succeeds(&[(Fill, 1, Transient), (Commit, 0, DoneTransient)])
            .await;
        assert!(!report.is_clean());
        let total = report.total();
        assert_eq!((total.read, total.digest.rows, total.quarantined), (30, 27, 3));
        let mut keys: Vec<String> = stage.rejects().into_iter().map(|r| r.key).collect();
        keys.sort();
        assert_eq!(keys, ["row 29", "row 3", "row 4"]);
        assert!(
            stage
                .rejects()
                .iter()
                .all(|r| r.column == "words" && !r.reason.contains('\0'))
        );
        assert_eq!(stage.recorder.net().0, 27);
        assert_eq!(stage.recorder.net_quarantined(), 3);
    }
}

#[tokio::test]
async fn beyond_the_limit_the_run_stops_until_the_limit_is_raised() {
    for (chunk_rows, commit_bytes) in [(8, u64::MAX), (30, 1), (30, u64::MAX), (4, 1)] {
        let mut stage = Stage::over(with_bad(
            "A",
            MemorySource::new("s").chunk_rows(chunk_rows),
            30,
            &[3, 9, 29],
        ))
        .await;
        stage.options.commit_bytes = commit_bytes;
        stage.options.max_quarantined = 2;
        // However often it is tried: also once everything is copied and only the end is missing.
        for _ in 0..4 {
            let error = stage.fails(&[]).await;
            assert_eq!(error.kind(), ErrorKind::TooManyRejects);
            assert_eq!(error.message(), "3 rows in quarantine, more than the limit of 2");
            assert_eq!(stage.script.calls(Complete), 0);
        }
        stage.options.max_quarantined = 3;
        let total = stage.succeeds(&[]).await.total();
        assert_eq!((total.read, total.digest.rows, total.quarantined), (30, 27, 3));
        assert_eq!(stage.rejects().len(), 3);
    }
}

#[tokio::test]
async fn the_limit_is_for_all_tables_together() {
    let mut source = MemorySource::new("s");
    for name in ["A", "B", "C"] {
        source = with_bad(name, source, 10, &[5]);
    }
    let mut stage = Stage::over(source).await;
    stage.options.workers = 1;
    stage.options.max_quarantined = 2;
    let error = stage.fails(&[]).await;
    assert_eq!(error.kind(), ErrorKind::TooManyRejects);
    // The third table's segment was given up before it was committed.
    assert_eq!((stage.rejects().len(), stage.script.calls(Commit)), (2, 2));
    assert_eq!(stage.recorder.net().0, 18);
}

/// The server finds fault with rows whose id ends in 7.
fn sevens(tuple: &[u8]) -> bool {
    i64::from_be_bytes(tuple[6..14].try_into().unwrap()) % 10 == 7
}

#[tokio::test]
async fn a_segment_that_the_server_refuses_is_written_again_with_care() {
    for commit_bytes in [300, u64::MAX] {
        let mut stage = Stage::new(&[("A", 30)], 30).await;
        stage.options.commit_bytes = commit_bytes;
        stage.options.retry.attempts = 0;
        stage.sink.judge = Some(sevens);
        let report = stage.succeeds(&[]).await;
        let total = report.total();
        assert_eq!((total.read, total.digest.rows, total.quarantined), (30, 27, 3));
        assert_eq!(
            stage.ids("A"),
            (0..30).filter(|id| id % 10 != 7).collect::<Vec<_>>()
        );
        assert_eq!(stage.rejects().len(), 3);
        let modes = stage.sink.modes.lock().unwrap().clone();
        let careful = modes.iter().position(|m| *m == WriteMode::Careful).unwrap();
        assert!(modes[..careful].iter().all(|m| *m == WriteMode::Fast) && careful >= 1);
        assert!(modes[careful..].iter().all(|m| *m == WriteMode::Careful));
        assert_eq!(
            stage
                .recorder
                .count(|e| matches!(e, Event::Retrying { after, .. } if after.is_zero())),
            1
        );
        // Written rows are those that were sent: the server's rejects among them.
        assert_eq!(stage.recorder.net().0, 30);
    }
}

#[tokio::test]
async fn the_servers_rejects_count_towards_the_limit() {
    let mut stage = Stage::new(&[("A", 30)], 30).await;
    stage.options.max_quarantined = 2;
    stage.sink.judge = Some(sevens);
    assert_eq!(stage.fails(&[]).await.kind(), ErrorKind::TooManyRejects);
    assert_eq!(stage.fails(&[]).await.kind(), ErrorKind::TooManyRejects);
    stage.options.max_quarantined = 3;
    assert_eq!(stage.succeeds(&[]).await.total().quarantined, 3);
}
