//! Memory, order, and options at their limits.

use std::time::Duration;

use migrate_core::memory::{Cell, MemorySource};
use migrate_core::pg_type::PgType;

use crate::faults::Point::*;
use crate::stage::{COLUMNS, Stage, t};

/// Bytes of a tuple of one bigint and 46 bytes of text.
const ROW: usize = 2 + 4 + 8 + 4 + 46;

fn even_rows(n: usize) -> Vec<Vec<Cell>> {
    (0..n)
        .map(|id| vec![Cell::Int(id as i64), Cell::Text("x".repeat(46))])
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_between_reader_and_writer_stay_within_the_budget() {
    for (memory, workers) in [(16 << 10, 4), (9 << 10, 2), (1, 3)] {
        let mut stage = Stage::over(MemorySource::new("s").chunk_rows(700).table(
            t("A"),
            &COLUMNS,
            even_rows(2800),
        ))
        .await;
        stage.options.memory = memory;
        stage.options.workers = workers;
        stage.options.batch_bytes = 4096;
        stage.sink.pause = Duration::from_millis(1);
        stage.succeeds(&[]).await;
        assert_eq!(stage.receipt("A").await.digest.rows, 2800);
        let most = stage.source.outstanding.most() * ROW;
        // A budget smaller than a batch lets one pass.
        let budget = memory.max(4096 + ROW);
        assert!(
            most <= budget + workers * (4096 + ROW),
            "{most} bytes with a budget of {memory}"
        );
        // The readers did run ahead of the slow sink.
        assert!(most > workers * 4096, "{most} bytes with a budget of {memory}");
    }
}

#[tokio::test]
async fn a_row_larger_than_the_budget_goes_alone() {
    let big = |id: i64| vec![Cell::Int(id), Cell::Text("y".repeat(100_000))];
    let mut rows = even_rows(20);
    rows.insert(7, big(100));
    rows.insert(8, big(101));
    let mut stage = Stage::over(MemorySource::new("s").chunk_rows(6).table(t("A"), &COLUMNS, rows)).await;
    stage.options.memory = 2048;
    stage.options.batch_bytes = 512;
    stage.succeeds(&[]).await;
    let lengths: Vec<usize> = stage.sink.inner.rows(&t("A")).iter().map(Vec::len).collect();
    assert_eq!(lengths.len(), 22);
    assert_eq!(lengths.iter().filter(|l| **l == 100_000 + 18).count(), 2);
}

#[tokio::test]
async fn the_largest_chunk_goes_first() {
    let tables = [("A", 10), ("B", 45), ("C", 25), ("D", 25)];
    let mut stage = Stage::new(&tables, 20).await;
    stage.options.workers = 1;
    stage.succeeds(&[]).await;
    let order: Vec<String> = stage
        .source
        .order
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    // Rows: 20 20 20 20, then 10, then 5 5 5; as in the plan where they are equal.
    assert_eq!(
        order,
        [
            "dbo.B#0", "dbo.B#1", "dbo.C#0", "dbo.D#0", "dbo.A#0", "dbo.B#2", "dbo.C#1", "dbo.D#1"
        ]
    );
    stage.assert_complete(&tables).await;
}

#[tokio::test]
async fn a_goal_of_few_chunks_is_kept() {
    let mut stage = Stage::new(&[("A", 100)], 1).await;
    stage.options.chunks.max_chunks = 7;
    stage.succeeds(&[]).await;
    assert_eq!(stage.script.calls(Read), 7);
    stage.assert_complete(&[("A", 100)]).await;
}

#[tokio::test]
async fn options_of_zero_still_mean_something() {
    let mut stage = Stage::new(&[("A", 9)], 4).await;
    stage.options.workers = 0;
    stage.options.batch_bytes = 0;
    stage.options.memory = 0;
    stage.options.commit_bytes = 0;
    stage.options.retry.attempts = 0;
    stage.succeeds(&[]).await;
    stage.assert_complete(&[("A", 9)]).await;
    // A batch of one row, and a commit of one batch, and one at each chunk's end.
    assert_eq!(
        (stage.script.calls(Write), stage.script.calls(Commit)),
        (9, 9 + 3)
    );
}

#[tokio::test]
async fn a_source_without_tables_or_rows_is_complete_at_once() {
    let mut stage = Stage::over(MemorySource::default()).await;
    assert!(stage.succeeds(&[]).await.is_clean());
    let empty = MemorySource::default().table(t("A"), &[("id", PgType::Int4)], Vec::new());
    let mut stage = Stage::over(empty).await;
    let report = stage.succeeds(&[]).await;
    assert!(report.is_clean());
    assert_eq!((report.total().read, stage.script.calls(Writer)), (0, 0));
    assert!(stage.succeeds(&[]).await.already_complete);
}
