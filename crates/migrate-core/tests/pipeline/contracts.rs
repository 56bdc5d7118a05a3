//! What a source or a sink promises, and what happens if it does not keep it.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::Catalog;
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use migrate_core::memory::MemorySink;
use migrate_core::observer::{Event, Silent};
use migrate_core::pipeline::{self, Options, Report};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{Capabilities, ChunkReader, Fill, Snapshot, Source};
use migrate_core::stored::Stored;
use migrate_core::value::Value;
use migrate_core::{ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::{Stage, t, tuple};

#[tokio::test]
async fn a_receipt_that_does_not_balance_is_a_bug_and_said_to_be_one() {
    for commit_bytes in [1, u64::MAX] {
        let mut stage = Stage::new(&[("A", 9)], 9).await;
        stage.options.commit_bytes = commit_bytes;
        let error = stage.fails(&[(Commit, 0, Miscount)]).await;
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(
            error.to_string(),
            "the chunk's receipt does not account for every row read (chunk dbo.A#0)"
        );
    }
}

#[tokio::test]
async fn a_table_that_changed_begins_anew_and_the_others_go_on() {
    let mut stage = Stage::new(&[("A", 9), ("B", 9)], 3).await;
    stage.options.workers = 1;
    // All of A and a part of B are there.
    stage.fails(&[(Commit, 4, Fatal)]).await;
    let reads = stage.source.order.lock().unwrap().len();
    *stage.source.changed.lock().unwrap() = vec![t("A")];
    stage.succeeds(&[]).await;
    let restarted = stage
        .recorder
        .count(|e| matches!(e, Event::TableRestarted { table } if table == &t("A")));
    assert_eq!(restarted, 1);
    stage.assert_complete(&[("A", 9), ("B", 9)]).await;
    // Three chunks of A again, and the two of B that were left.
    assert_eq!(stage.source.order.lock().unwrap().len() - reads, 5);
}

#[tokio::test]
async fn once_all_rows_are_there_no_table_begins_anew() {
    let mut stage = Stage::new(&[("A", 9)], 3).await;
    stage.fails(&[(Verify, 0, Fatal)]).await;
    *stage.source.changed.lock().unwrap() = vec![t("A")];
    stage.succeeds(&[]).await;
    assert_eq!(
        stage
            .recorder
            .count(|e| matches!(e, Event::TableRestarted { .. })),
        0
    );
    stage.assert_complete(&[("A", 9)]).await;
}

#[tokio::test]
async fn steps_that_fail_leave_a_report_that_is_not_clean() {
    let mut stage = Stage::new(&[("A", 9)], 9).await;
    stage.sink.failed_steps = vec![("index i".into(), "too wide".into())];
    let report = stage.succeeds(&[]).await;
    assert!(!report.is_clean());
    assert_eq!(
        (report.steps, &report.failed_steps),
        (1, &stage.sink.failed_steps)
    );
    stage.sink.failed_steps.clear();
    let report = stage.succeeds(&[]).await;
    assert!(report.is_clean() && !report.already_complete);
    stage.assert_complete(&[("A", 9)]).await;
}

#[tokio::test]
async fn a_condition_that_the_source_cannot_carry_out_is_refused_before_anything_is_touched() {
    let mut stage = Stage::new(&[("A", 9), ("B", 9)], 9).await;
    let mut plan = (*stage.plan).clone();
    plan.tables[1].filter = Some("id > 3".into());
    stage.plan = plan.into();
    let error = stage.fails(&[]).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "this source cannot carry out a `where` condition (table dbo.B)"
    );
    assert_eq!(stage.script.calls(Begin), 0);
    assert_eq!(stage.sink.inner.ledger().await.unwrap(), None);
}

/// Numbers its chunks as told, and leaves odd rows out.
#[derive(Clone)]
struct Evens {
    ordinals: Vec<u32>,
    table: &'static str,
}

#[async_trait]
impl Source for Evens {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            filter: true,
            ..Capabilities::default()
        }
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(Catalog::default())
    }

    async fn snapshot(&self, _: &Plan) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Snapshot for Evens {
    async fn split(&self, _: &TablePlan, _: ChunkGoal) -> Result<Vec<Chunk>> {
        let chunk = |ordinal: &u32| Chunk {
            id: ChunkId {
                table: t(self.table),
                ordinal: *ordinal,
            },
            token: String::new(),
            rows: None,
            bytes: None,
        };
        Ok(self.ordinals.iter().map(chunk).collect())
    }

    async fn read(
        &self,
        _: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        assert_eq!(after, None);
        let first = chunk.id.ordinal as usize * 10;
        Ok(Box::new(EvenReader {
            at: first,
            end: first + 10,
        }))
    }
}

struct EvenReader {
    at: usize,
    end: usize,
}

#[async_trait]
impl ChunkReader for EvenReader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        // One row at a time, and none from most calls: a batch may hold nothing but what was left out.
        out.begin_row();
        if self.at % 2 == 1 {
            out.skip_row();
        } else {
            out.push(Value::Int64(self.at as i64));
            let text = tuple(self.at);
            match text.get(18..) {
                Some(words) if !words.is_empty() => {
                    out.push(Value::Text(std::str::from_utf8(words).unwrap()))
                }
                _ => out.push(Value::Null),
            }
            out.end_row(String::new)?;
        }
        self.at += 1;
        Ok(if self.at < self.end { Fill::More } else { Fill::End })
    }

    fn cursor(&self) -> Option<Cursor> {
        None
    }
}

async fn run_evens(source: Evens) -> (Result<Report>, MemorySink) {
    let stage = Stage::new(&[("A", 1)], 1).await;
    let mut plan = (*stage.plan).clone();
    plan.tables[0].filter = Some("id % 2 = 0".into());
    let sink = MemorySink::new();
    let options = Options {
        commit_bytes: 1,
        ..Options::default()
    };
    let outcome = pipeline::run(
        Arc::new(source),
        Arc::new(sink.clone()),
        Arc::new(plan),
        options,
        Arc::new(Silent),
        CancellationToken::new(),
    );
    (outcome.await, sink)
}

#[tokio::test]
async fn rows_left_out_are_accounted_for_also_without_cursors() {
    let (outcome, sink) = run_evens(Evens {
        ordinals: vec![0, 1, 2],
        table: "A",
    })
    .await;
    let report = outcome.unwrap();
    let total = report.total();
    assert_eq!((total.read, total.filtered, total.digest.rows), (30, 15, 15));
    assert!(report.is_clean());
    let mut expected: Vec<Vec<u8>> = (0..30).step_by(2).map(tuple).collect();
    expected.sort();
    assert_eq!(sink.rows(&t("A")), expected);
}

#[tokio::test]
async fn chunks_that_are_not_numbered_from_zero_are_refused() {
    for (ordinals, table) in [
        (vec![1, 2], "A"),
        (vec![0, 0], "A"),
        (vec![0, 2], "A"),
        (vec![0], "B"),
    ] {
        let (outcome, sink) = run_evens(Evens { ordinals, table }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(
            error.to_string(),
            "a source split a table into chunks that are not numbered 0, 1, 2... (table dbo.A)"
        );
        assert!(sink.ledger().await.unwrap().unwrap().tables.is_empty());
    }
}
