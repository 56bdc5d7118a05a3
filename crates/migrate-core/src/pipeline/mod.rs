//! Moves a plan's rows from a source into a sink: chunks to workers, largest first; reading and writing of a worker
//! overlapped; memory bounded; every task joined before [`run`] returns.

mod copy;
mod gate;
mod incremental;
mod pending;
mod queue;
mod report;
mod throttle;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalog::ObjectName;
use crate::chunk::{Chunk, ChunkGoal, Receipt};
use crate::error::{Error, ErrorKind, Result};
use crate::observer::{Event, Observer};
use crate::plan::{Plan, TablePlan};
use crate::retry::{Retry, persist};
use crate::sink::{Progress, Sink};
use crate::source::{Snapshot, Source};

pub use incremental::{ChangesReport, run_changes};
pub use report::{Report, TableReport};
pub use throttle::Rate;

use copy::Shared;
use queue::{Grouped, Queue};

/// How a run is carried out. None of it changes the result.
#[derive(Debug, Clone)]
pub struct Options {
    /// Chunks copied at the same time.
    pub workers: usize,
    /// Bytes of encoded rows between readers and writers, over all workers. A row larger than this goes alone.
    pub memory: usize,
    /// Bytes of encoded rows in a batch, about.
    pub batch_bytes: usize,
    /// Bytes of encoded rows after which a chunk commits and remembers where it is.
    pub commit_bytes: u64,
    /// How tables are split.
    pub chunks: ChunkGoal,
    /// Rows in quarantine, over all tables, beyond which the run stops.
    pub max_quarantined: u64,
    /// What becomes of errors that may pass: how often, and how long, the same is tried again.
    pub retry: Retry,
    /// Time after which an end that neither answers nor takes anything is given up as a broken connection is.
    pub stall: Duration,
    /// Time after which a chunk commits even if it has written less than `commit_bytes`, so that what a crash repeats is
    /// bounded where rows are slow.
    pub commit_after: Duration,
    /// How fast rows are written at most.
    pub max_rate: Rate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 4,
            memory: 32 << 20,
            batch_bytes: 1 << 20,
            commit_bytes: 1 << 30,
            chunks: ChunkGoal::default(),
            max_quarantined: 1000,
            retry: Retry::default(),
            stall: Duration::from_mins(10),
            commit_after: Duration::from_mins(1),
            max_rate: Rate::default(),
        }
    }
}

/// Carries the plan out. Calling it again after any failure goes on where the last durable receipt says.
///
/// It needs a runtime with timers (`enable_time`, which `#[tokio::main]` includes).
///
/// # Errors
/// The first error that no retry could overcome. Whatever was committed stays committed, and every task has ended.
pub async fn run(
    source: Arc<dyn Source>,
    sink: Arc<dyn Sink>,
    plan: Arc<Plan>,
    options: Options,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Report> {
    let started = Instant::now();
    check_filter(source.as_ref(), &plan)?;
    // Before the destination is touched: the source may refuse the plan.
    let snapshot = source.snapshot(&plan).await?;
    let outcome = drive(&snapshot, &sink, &plan, &options, &observer, &cancel, started).await;
    let closed = sink.close().await;
    let mut report = outcome?;
    closed?;
    report.notes = source.notes();
    Ok(report)
}

fn check_filter(source: &dyn Source, plan: &Plan) -> Result<()> {
    if let Some(table) = plan.tables.iter().find(|t| t.filter.is_some())
        && !source.capabilities().filter
    {
        return Err(Error::new(
            ErrorKind::Config,
            "this source cannot carry out a `where` condition",
        )
        .at("table", &table.source)
        .hint("remove `where` from the plan file"));
    }
    Ok(())
}

async fn drive(
    snapshot: &Arc<dyn Snapshot>,
    sink: &Arc<dyn Sink>,
    plan: &Arc<Plan>,
    options: &Options,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
    started: Instant,
) -> Result<Report> {
    let told = trying(observer, &"beginning");
    // A beginning whose outcome is unknown is found as a migration that goes on.
    let progress = persist(&options.retry, cancel, told, || sink.begin(plan)).await?;
    observer.event(&Event::Began {
        resumed: progress.resumed,
    });
    let mut report = Report::new(plan, progress.resumed);
    if progress.complete {
        for (table, chunks) in &progress.tables {
            report.add_chunks(table, chunks.iter().map(|(_, receipt)| receipt));
        }
        report.already_complete = true;
        report.elapsed = started.elapsed();
        return Ok(report);
    }
    let queue = enqueue(snapshot, sink, plan, options, observer, cancel, &progress).await?;
    let receipts = copy_all(queue, snapshot, sink, plan, options, observer, cancel).await?;
    for (table, receipts, took) in &receipts {
        report.add_chunks(table, receipts.iter());
        report.set_duration(table, *took);
    }
    report.copy_elapsed = started.elapsed();
    if let Some(table) = report.tables.iter().find(|t| !t.receipt.balances()) {
        return Err(Error::new(
            ErrorKind::Internal,
            "rows read are not rows written, quarantined and filtered",
        )
        .at("table", &table.source));
    }
    let read: Vec<(ObjectName, u64)> = report
        .tables
        .iter()
        .map(|t| (t.source.clone(), t.receipt.read))
        .collect();
    snapshot.verify(&read).await?;
    let completion = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(cancelled()),
        completion = sink.complete(plan, observer.as_ref()) => completion?,
    };
    report.steps = completion.steps;
    report.failed_steps = completion.failed;
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Splits tables that were never split, stores the split, and queues what is left to do.
async fn enqueue(
    snapshot: &Arc<dyn Snapshot>,
    sink: &Arc<dyn Sink>,
    plan: &Arc<Plan>,
    options: &Options,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<Queue> {
    let mut queue = Queue::default();
    let mut tables = Vec::with_capacity(plan.tables.len());
    // Once all rows are there, they stay: they are those of one moment, and keys may stand on them.
    let copied = |table: &TablePlan| {
        progress
            .tables
            .get(&table.source)
            .is_some_and(|chunks| chunks.iter().all(|(_, r)| r.done))
    };
    let copying = progress.resumed && !plan.tables.iter().all(copied);
    for table in &plan.tables {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let mut stored = progress.tables.get(&table.source);
        if let Some(known) = stored
            && copying
            && !persist(&options.retry, cancel, trying(observer, &table.source), || {
                snapshot.holds(table, known)
            })
            .await
            .map_err(|e| e.at("table", &table.source))?
        {
            observer.event(&Event::TableRestarted {
                table: table.source.clone(),
            });
            let told = trying(observer, &table.source);
            persist(&options.retry, cancel, told, || sink.restart(table)).await?;
            stored = None;
        }
        let chunks: Vec<(Chunk, Receipt)> = match stored {
            Some(known) => known.clone(),
            None => {
                let told = trying(observer, &table.source);
                let goal = even(options.chunks, table.bytes, options.workers);
                let split = persist(&options.retry, cancel, told, || snapshot.split(table, goal));
                let chunks = split.await.map_err(|e| e.at("table", &table.source))?;
                check_split(&table.source, &chunks)?;
                let told = trying(observer, &table.source);
                let checkpoint = persist(&options.retry, cancel, told, || snapshot.checkpoint(table));
                let checkpoint = checkpoint.await.map_err(|e| e.at("table", &table.source))?;
                let told = trying(observer, &table.source);
                persist(&options.retry, cancel, told, || {
                    sink.register(&table.source, &chunks, checkpoint.as_ref())
                })
                .await?;
                chunks.into_iter().map(|c| (c, Receipt::default())).collect()
            }
        };
        let left = chunks.iter().filter(|(_, r)| !r.done).count();
        observer.event(&Event::TableQueued {
            table: table.source.clone(),
            chunks: left,
            rows: table.rows,
            rows_done: chunks.iter().map(|(_, r)| r.read).sum(),
        });
        if left == 0 {
            observer.event(&Event::TableDone {
                table: table.source.clone(),
            });
        }
        queue.add_table(table.source.clone(), &chunks);
        let group = snapshot.group(table);
        tables.push(Grouped { group, chunks });
    }
    queue.fill(tables);
    Ok(queue)
}

/// Tells observers that something is tried again.
fn trying(observer: &Arc<dyn Observer>, what: &dyn std::fmt::Display) -> impl Fn(&Error, Duration) + use<> {
    let (observer, what) = (Arc::clone(observer), what.to_string());
    move |error, after| {
        observer.event(&Event::Retrying {
            what: what.clone(),
            reason: error.to_string(),
            after,
        });
    }
}

/// The goal under which a table of so many bytes, if it is split at all, has as many chunks for each worker: the last ones end
/// together, and no worker is left to copy the rest alone.
fn even(goal: ChunkGoal, bytes: Option<u64>, workers: usize) -> ChunkGoal {
    let (Some(bytes), workers) = (bytes, workers.max(1) as u64) else {
        return goal;
    };
    let chunks = bytes.div_ceil(goal.bytes.max(1));
    let more = chunks.next_multiple_of(workers);
    if chunks < 2 || more > u64::from(goal.max_chunks) {
        return goal;
    }
    ChunkGoal {
        bytes: bytes.div_ceil(more),
        ..goal
    }
}

/// Receipts are kept by ordinal, so that a source must count from 0.
fn check_split(table: &ObjectName, chunks: &[Chunk]) -> Result<()> {
    let ordered = (0..)
        .zip(chunks)
        .all(|(n, c)| c.id.ordinal == n && &c.id.table == table);
    if ordered {
        return Ok(());
    }
    let message = "a source split a table into chunks that are not numbered 0, 1, 2...";
    Err(Error::source_side(ErrorKind::Internal, message).at("table", table))
}

type TableOutcome = (ObjectName, Vec<Receipt>, Duration);

/// Runs the workers and joins them all, whatever happens to any of them.
async fn copy_all(
    queue: Queue,
    snapshot: &Arc<dyn Snapshot>,
    sink: &Arc<dyn Sink>,
    plan: &Arc<Plan>,
    options: &Options,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<Vec<TableOutcome>> {
    let known = if plan.uses_known_keys() {
        let told = trying(observer, &"reading the keys that were given before");
        Arc::new(persist(&options.retry, cancel, told, || sink.known_keys(plan)).await?)
    } else {
        Arc::default()
    };
    // A failing worker stops the others through this token without cancelling the caller's.
    let stop = cancel.child_token();
    let shared = Arc::new(Shared::new(
        queue,
        snapshot,
        sink,
        plan,
        options,
        observer,
        stop.clone(),
        known,
    ));
    // An earlier run may have stopped here for the same reason.
    shared.check_quarantine(shared.quarantined())?;
    let (alive, mut ended) = mpsc::channel(1);
    let mut workers = JoinSet::new();
    for _ in 0..options.workers.max(1) {
        workers.spawn(Arc::clone(&shared).work(alive.clone()));
    }
    drop(alive);
    let joined = join_all(&mut workers, &stop);
    let first_error = tokio::select! {
        first_error = joined => first_error,
        // It never ends by itself.
        () = shared.watch_gate() => None,
    };
    // A worker that panicked leaves its reader behind.
    let _ = ended.recv().await;
    match first_error {
        Some(error) => Err(error),
        None => Ok(shared.outcomes()),
    }
}

/// Waits for all workers, and returns the first error that is not a consequence of another.
async fn join_all(workers: &mut JoinSet<Result<()>>, stop: &CancellationToken) -> Option<Error> {
    let mut first_error: Option<Error> = None;
    while let Some(joined) = workers.join_next().await {
        let result =
            joined.unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a worker panicked").because(e)));
        if let Err(error) = result {
            stop.cancel();
            // The others end with Cancelled because of the first.
            if first_error
                .as_ref()
                .is_none_or(|e| e.kind() == ErrorKind::Cancelled)
            {
                first_error = Some(error);
            }
        }
    }
    first_error
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled").hint("run the same command again to go on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_out_even_for_the_workers() {
        const MIB: u64 = 1 << 20;
        let goal = ChunkGoal {
            bytes: 32 * MIB,
            max_chunks: 100,
        };
        let chunks = |bytes: u64, workers| {
            let even = even(goal, Some(bytes), workers);
            assert_eq!(even.max_chunks, 100);
            bytes.div_ceil(even.bytes)
        };
        assert_eq!(chunks(138_088_201, 2), 6);
        assert_eq!(chunks(96 * MIB, 4), 4);
        assert_eq!(chunks(64 * MIB, 2), 2);
        assert_eq!(chunks(65 * MIB, 1), 3);
        // What needs no more than one chunk gets one.
        assert_eq!(chunks(32 * MIB, 8), 1);
        assert_eq!(chunks(0, 8), 0);
        // There are never more than there may be.
        assert_eq!(chunks(99 * 32 * MIB, 64), 99);
        assert_eq!(even(goal, None, 8), goal);
    }
}
