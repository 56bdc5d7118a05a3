//! A later run: only what the source changed since the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::catalog::ObjectName;
use crate::chunk::{Checkpoint, Chunk, Receipt};
use crate::error::{Error, ErrorKind, Result};
use crate::observer::{Event, Observer, Silent};
use crate::plan::{Plan, TablePlan};
use crate::retry::persist;
use crate::round::{Known, Round, Staged, Staging, TableChanges, seconds};
use crate::source::{Snapshot, Source};

use super::queue::{Grouped, Queue};
use super::{Options, TableOutcome, cancelled, check_filter, check_split, copy_all, trying};

/// What a later run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangesReport {
    /// Each table of the plan, in its order.
    pub tables: Vec<TableChanges>,
    /// Whether rows that are gone in the source were looked for.
    pub deletes: bool,
    /// Until the last changed row was staged.
    #[serde(serialize_with = "seconds", rename = "staged_seconds")]
    pub staged: Duration,
    /// The whole run.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub elapsed: Duration,
    /// What the source has to say about how consistently it was read.
    pub notes: Vec<String>,
}

impl ChangesReport {
    /// Whether every row that was read arrived.
    pub fn is_clean(&self) -> bool {
        self.tables.iter().all(|t| t.refused == 0)
    }
}

/// Brings what the source changed since the last run into a destination whose migration is complete. Whatever ends it
/// before its end leaves the destination as it was, and the next call begins at the same place.
///
/// `deletes` asks for rows that are gone in the source to be removed: the keys of all rows are compared.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) where the source cannot tell what changed;
/// [`Conflict`](ErrorKind::Conflict) where the destination's migration is not complete, or of another plan; else the first error
/// that no retry could overcome. Every task has ended.
pub async fn run_changes(
    source: Arc<dyn Source>,
    round: Arc<dyn Round>,
    plan: Arc<Plan>,
    options: Options,
    deletes: bool,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<ChangesReport> {
    if !source.capabilities().changes {
        return Err(Error::source_side(
            ErrorKind::Unsupported,
            "this source cannot tell which rows changed since they were copied",
        )
        .hint("to copy it anew: `migrate clean --data`, then the same command without --incremental"));
    }
    check_filter(source.as_ref(), &plan)?;
    let snapshot = source.snapshot(&plan).await?;
    let run = Run {
        snapshot,
        round,
        plan,
        options,
        deletes,
        observer,
        cancel,
        started: Instant::now(),
    };
    let outcome = run.drive().await;
    let closed = run.round.close().await;
    let mut report = outcome?;
    closed?;
    report.notes = source.notes();
    Ok(report)
}

struct Run {
    snapshot: Arc<dyn Snapshot>,
    round: Arc<dyn Round>,
    plan: Arc<Plan>,
    options: Options,
    deletes: bool,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
    started: Instant,
}

/// A table with what is to be read of it.
struct Wanted {
    whole: bool,
    chunks: Vec<Chunk>,
    checkpoint: Option<Checkpoint>,
}

impl Run {
    async fn drive(&self) -> Result<ChangesReport> {
        let known = self.round.begin(&self.plan).await?;
        self.observer.event(&Event::Began { resumed: true });
        let rows = self.round.staging(Staging::Rows);
        let mut queue = Queue::default();
        let (mut grouped, mut wanted) = (Vec::new(), Vec::new());
        for table in &self.plan.tables {
            if self.cancel.is_cancelled() {
                return Err(cancelled());
            }
            let told = trying(&self.observer, &table.source);
            let found = persist(&self.options.retry, &self.cancel, told, || {
                self.wanted(table, known.get(&table.source))
            });
            let found = found.await.map_err(|e| e.at("table", &table.source))?;
            let told = trying(&self.observer, &table.source);
            persist(&self.options.retry, &self.cancel, told, || {
                rows.register(&table.source, &found.chunks, None)
            })
            .await?;
            self.observer.event(&Event::TableQueued {
                table: table.source.clone(),
                chunks: found.chunks.len(),
                rows: found.whole.then_some(table.rows).flatten(),
                rows_done: 0,
            });
            add(&mut queue, &mut grouped, &table.source, &found.chunks);
            wanted.push(found);
        }
        queue.fill(grouped);
        let receipts = copy_all(
            queue,
            &self.snapshot,
            &rows,
            &self.plan,
            &self.options,
            &self.observer,
            &self.cancel,
        )
        .await?;
        let mut keys = if self.deletes {
            self.stage_keys().await?
        } else {
            BTreeMap::new()
        };
        let staged = self.plan.tables.iter().zip(wanted).zip(receipts);
        let staged: Vec<Staged> = staged
            .map(|((table, wanted), (_, receipts, _))| Staged {
                table: table.source.clone(),
                whole: wanted.whole,
                receipt: sum(&receipts),
                keys: keys.remove(&table.source),
                checkpoint: wanted.checkpoint,
            })
            .collect();
        if let Some(table) = staged.iter().find(|t| !t.receipt.balances()) {
            return Err(Error::new(
                ErrorKind::Internal,
                "rows read are not rows staged, quarantined and filtered",
            )
            .at("table", &table.table));
        }
        let staged_after = self.started.elapsed();
        let tables = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(cancelled()),
            tables = self.round.apply(&self.plan, &staged, self.observer.as_ref()) => tables?,
        };
        Ok(ChangesReport {
            tables,
            deletes: self.deletes,
            staged: staged_after,
            elapsed: self.started.elapsed(),
            notes: Vec::new(),
        })
    }

    /// What has to be read of a table: what changed, or all of it where nobody can tell, or nothing names its rows.
    async fn wanted(&self, table: &TablePlan, known: Option<&Known>) -> Result<Wanted> {
        let goal = self.options.chunks;
        let checkpoint = self.snapshot.checkpoint(table).await?;
        let since = known.and_then(|k| k.checkpoint.as_ref());
        let changed = match (table.row_key(), since) {
            (Some(_), Some(since)) => self.snapshot.changes(table, since, goal).await?,
            _ => None,
        };
        let whole = changed.is_none();
        let chunks = match changed {
            Some(chunks) => chunks,
            None => self.snapshot.split(table, goal).await?,
        };
        check_split(&table.source, &chunks)?;
        Ok(Wanted {
            whole,
            chunks,
            checkpoint,
        })
    }

    /// Stages the keys of all rows of tables whose rows have a name.
    async fn stage_keys(&self) -> Result<BTreeMap<ObjectName, Receipt>> {
        let plan = Arc::new(Plan {
            tables: self.plan.tables.iter().filter_map(keys_of).collect(),
            ..Plan::clone(&self.plan)
        });
        let sink = self.round.staging(Staging::Keys);
        let mut queue = Queue::default();
        let mut grouped = Vec::new();
        for table in &plan.tables {
            let told = trying(&self.observer, &table.source);
            let chunks = persist(&self.options.retry, &self.cancel, told, || {
                self.snapshot.split(table, self.options.chunks)
            });
            let chunks = chunks.await.map_err(|e| e.at("table", &table.source))?;
            check_split(&table.source, &chunks)?;
            let told = trying(&self.observer, &table.source);
            persist(&self.options.retry, &self.cancel, told, || {
                sink.register(&table.source, &chunks, None)
            })
            .await?;
            add(&mut queue, &mut grouped, &table.source, &chunks);
        }
        queue.fill(grouped);
        let silent: Arc<dyn Observer> = Arc::new(Silent);
        let receipts = copy_all(
            queue,
            &self.snapshot,
            &sink,
            &plan,
            &self.options,
            &silent,
            &self.cancel,
        )
        .await?;
        let keys: BTreeMap<ObjectName, Receipt> = receipts
            .into_iter()
            .map(|(table, receipts, _): TableOutcome| (table, sum(&receipts)))
            .collect();
        if let Some((table, _)) = keys.iter().find(|(_, receipt)| receipt.quarantined > 0) {
            return Err(Error::source_side(
                ErrorKind::DataRejected,
                "rows that are gone cannot be told: some keys of the source have no place in the destination",
            )
            .at("table", table)
            .hint("run it without --deletes"));
        }
        Ok(keys)
    }
}

/// The table with the columns of its key alone.
fn keys_of(table: &TablePlan) -> Option<TablePlan> {
    let key: Vec<String> = table.row_key()?.iter().map(|c| c.name.clone()).collect();
    let mut keys = table.clone();
    keys.columns.retain(|c| key.contains(&c.name));
    Some(keys)
}

fn add(queue: &mut Queue, grouped: &mut Vec<Grouped>, table: &ObjectName, chunks: &[Chunk]) {
    let chunks: Vec<(Chunk, Receipt)> = chunks
        .iter()
        .map(|chunk| (chunk.clone(), Receipt::default()))
        .collect();
    queue.add_table(table.clone(), &chunks);
    grouped.push(Grouped { group: None, chunks });
}

fn sum(receipts: &[Receipt]) -> Receipt {
    let mut total = Receipt {
        done: true,
        ..Receipt::default()
    };
    for receipt in receipts {
        total.merge(receipt);
    }
    total
}
