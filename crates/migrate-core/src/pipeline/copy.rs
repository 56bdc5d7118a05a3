//! One worker: takes chunks, reads them in a task of its own, writes them, commits in segments.
//!
//! Chunks of several tables that one reading gives are written side by side, each through its own writer, and commit at
//! the same place in the source, one after the other. Each keeps its own receipt: where a run ends between two of those
//! commits, the tables are at different places, and the rest of each is read by itself.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, BatchBuilder};
use crate::chunk::{Cursor, Receipt, Segment, Window};
use crate::encode::{KnownKeys, RowEncoder};
use crate::error::{Error, ErrorKind, Result, Side};
use crate::observer::{Event, Observer};
use crate::plan::{Plan, TablePlan};
use crate::retry::Failures;
use crate::sink::{Sink, WriteMode};
use crate::source::{Fill, GroupReader, Snapshot};

use super::gate::Gate;
use super::pending::{Pending, Reported, column_names, give_up_all, place};
use super::queue::{Job, Part, Queue};
use super::throttle::Throttle;
use super::{Options, TableOutcome, cancelled};

/// One permit stands for this many bytes: a semaphore counts to less than a large budget has bytes.
const PERMIT_BYTES: usize = 1024;

/// What all workers share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    snapshot: Arc<dyn Snapshot>,
    sink: Arc<dyn Sink>,
    plan: Arc<Plan>,
    options: Options,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
    /// Keys that were given before.
    known: Arc<KnownKeys>,
    memory: Arc<Semaphore>,
    permits: u32,
    throttle: Throttle,
    gate: Gate,
}

/// A batch for each table on its way from reader to writers, with the memory they may use.
struct Filled {
    batches: Vec<Batch>,
    /// The place in the source after all of them.
    cursor: Option<Cursor>,
    /// Where the batches' memory goes for the next ones.
    spent: std::sync::mpsc::SyncSender<Vec<Batch>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Filled {
    fn drop(&mut self) {
        // The reader may be gone, or have enough.
        let _ = self.spent.try_send(std::mem::take(&mut self.batches));
    }
}

/// A chunk's table, with what turns its rows into tuples.
struct Lane<'p> {
    part: &'p Part,
    table: &'p TablePlan,
    encoder: Arc<RowEncoder>,
}

/// What the reader says.
enum Message {
    Rows(Filled),
    /// It has no more.
    End(Window),
}

/// Held by every task of a run: once all are dropped, no task is left.
pub(super) type Alive = mpsc::Sender<Infallible>;

/// What a chunk's attempts leave to the next one.
#[derive(Default)]
struct Course {
    /// Something became durable since the last failure.
    advanced: bool,
    /// Commits that failed without saying whether they were carried out, by the chunk's place in the job.
    unsettled: BTreeMap<usize, Unsettled>,
}

/// How an attempt ended that met no error.
enum Outcome {
    /// Everything is copied.
    Done,
    /// The tables are at different places in the source, and cannot go on together.
    Apart,
}

/// What was to be committed on top of which receipt.
struct Unsettled {
    before: Receipt,
    reported: Reported,
}

impl Shared {
    pub(super) fn new(
        queue: Queue,
        snapshot: &Arc<dyn Snapshot>,
        sink: &Arc<dyn Sink>,
        plan: &Arc<Plan>,
        options: &Options,
        observer: &Arc<dyn Observer>,
        stop: CancellationToken,
        known: Arc<KnownKeys>,
    ) -> Self {
        let permits = (options.memory / PERMIT_BYTES).clamp(1, 1 << 28) as u32;
        Self {
            queue: Mutex::new(queue),
            snapshot: Arc::clone(snapshot),
            sink: Arc::clone(sink),
            plan: Arc::clone(plan),
            options: options.clone(),
            observer: Arc::clone(observer),
            stop,
            known,
            memory: Arc::new(Semaphore::new(permits as usize)),
            permits,
            throttle: Throttle::new(options.max_rate),
            gate: Gate::new(),
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        // The queue is plain data: a panic elsewhere leaves it usable.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn outcomes(&self) -> Vec<TableOutcome> {
        self.queue().outcomes()
    }

    pub(super) fn quarantined(&self) -> u64 {
        self.queue().quarantined()
    }

    /// Follows what the destination says about a pause. Never ends.
    pub(super) async fn watch_gate(&self) {
        self.gate.watch(&self.sink, self.observer.as_ref()).await;
    }

    /// Gives up what neither ends nor fails.
    async fn in_time<T>(&self, side: Side, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.options.stall;
        match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(stalled(side, limit)),
        }
    }

    pub(super) async fn work(self: Arc<Self>, alive: Alive) -> Result<()> {
        loop {
            self.gate.pass(&self.stop).await;
            if self.stop.is_cancelled() {
                return Err(cancelled());
            }
            let Some(job) = self.queue().next() else {
                return Ok(());
            };
            let outcome = match self.chunk(&job, &alive).await {
                Ok(Outcome::Apart) => self.one_by_one(job, &alive).await,
                outcome => outcome.map(drop),
            };
            if let Err(error) = outcome {
                self.stop.cancel();
                return Err(error);
            }
            self.check_quarantine(self.quarantined())?;
        }
    }

    async fn one_by_one(self: &Arc<Self>, job: Job, alive: &Alive) -> Result<()> {
        for job in job.apart() {
            self.chunk(&job, alive).await?;
        }
        Ok(())
    }

    pub(super) fn check_quarantine(&self, quarantined: u64) -> Result<()> {
        if quarantined > self.options.max_quarantined {
            return Err(Error::new(
                ErrorKind::TooManyRejects,
                format!(
                    "{quarantined} rows in quarantine, more than the limit of {}",
                    self.options.max_quarantined
                ),
            )
            .hint(
                "look at migrate.quarantine for the reasons; correct the plan, or raise --max-quarantine",
            ));
        }
        Ok(())
    }

    /// Copies a job's chunks, trying again where that may help.
    async fn chunk(self: &Arc<Self>, job: &Job, alive: &Alive) -> Result<Outcome> {
        let mut course = Course::default();
        let outcome = self.attempts(job, alive, &mut course).await;
        for (at, lost) in course.unsettled {
            self.take_back(&job.parts[at], lost.reported);
        }
        outcome.map_err(|e| match job.first() {
            Some(part) => e.at("chunk", &part.chunk.id),
            None => e,
        })
    }

    fn lanes<'p>(&'p self, job: &'p Job) -> Result<Vec<Lane<'p>>> {
        let lane = |part: &'p Part| {
            let table = self.plan.tables.get(part.table).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "a chunk of a table that is not in the plan")
            })?;
            let encoder = Arc::new(RowEncoder::for_table(table, &self.known)?);
            Ok(Lane { part, table, encoder })
        };
        job.parts.iter().map(lane).collect()
    }

    async fn attempts(self: &Arc<Self>, job: &Job, alive: &Alive, course: &mut Course) -> Result<Outcome> {
        let lanes = self.lanes(job)?;
        let mut mode = WriteMode::Fast;
        let mut failures = Failures::default();
        loop {
            let error = match self.attempt(&lanes, mode, alive, course).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            if std::mem::take(&mut course.advanced) {
                // Not the same failure again, but a new one after rows were made durable.
                failures.forget();
            }
            if error.kind() == ErrorKind::DataRejected && mode == WriteMode::Fast {
                mode = WriteMode::Careful;
                self.retrying(job, &error, Duration::ZERO);
            } else if error.is_transient() && self.stop.is_cancelled() {
                // It might have passed; what stopped the run is the reason to give.
                return Err(cancelled());
            } else if error.is_transient()
                && let Some(wait) = failures.next(&self.options.retry)
            {
                self.retrying(job, &error, wait);
                tokio::select! {
                    () = self.stop.cancelled() => return Err(cancelled()),
                    () = tokio::time::sleep(wait) => {}
                }
            } else {
                return Err(error);
            }
        }
    }

    fn retrying(&self, job: &Job, error: &Error, after: Duration) {
        for part in &job.parts {
            let reason = error.to_string();
            self.observer.event(&Event::Retrying {
                what: part.chunk.id.to_string(),
                reason,
                after,
            });
        }
    }

    /// Opens the chunks for writing, and learns what became of commits that failed.
    async fn open(
        &self,
        lanes: &[Lane<'_>],
        mode: WriteMode,
        course: &mut Course,
    ) -> Result<Vec<(Pending, Receipt)>> {
        let mut open = Vec::with_capacity(lanes.len());
        for (at, lane) in lanes.iter().enumerate() {
            let opening = self.sink.writer(lane.table, &lane.part.chunk.id, mode);
            match self.in_time(Side::Destination, opening).await {
                Ok((writer, receipt)) => {
                    self.settle(lane.part, course, at, &receipt);
                    self.queue().note(lane.part, &receipt);
                    open.push((Pending::new(writer), receipt));
                }
                Err(error) => {
                    give_up_all(open).await;
                    return Err(error);
                }
            }
        }
        Ok(open)
    }

    /// Copies chunks from their last receipts to their ends.
    async fn attempt(
        self: &Arc<Self>,
        lanes: &[Lane<'_>],
        mode: WriteMode,
        alive: &Alive,
        course: &mut Course,
    ) -> Result<Outcome> {
        let open = self.open(lanes, mode, course).await?;
        let Some((done, cursor)) = place(&open) else {
            give_up_all(open).await;
            return Ok(Outcome::Apart);
        };
        if done {
            for (lane, (_, receipt)) in lanes.iter().zip(&open) {
                self.finished(lane.part, receipt);
            }
            give_up_all(open).await;
            return Ok(Outcome::Done);
        }
        let parts: Vec<_> = lanes.iter().map(|lane| (lane.table, &lane.part.chunk)).collect();
        let opening = self.snapshot.read_together(&parts, cursor.as_ref());
        let reader = match self.in_time(Side::Source, opening).await {
            Ok(reader) => reader,
            Err(error) => {
                give_up_all(open).await;
                return Err(error);
            }
        };
        let (sender, mut receiver) = mpsc::channel(2);
        // A target of no bytes would be reached before the first row.
        let target = (self.options.batch_bytes / lanes.len()).max(1);
        let builder = |lane: &Lane<'_>| BatchBuilder::new(Arc::clone(&lane.encoder), target);
        let builders = lanes.iter().map(builder).collect();
        // A set of one: should this call be dropped, so is the reader.
        let mut reading = JoinSet::new();
        let (shared, alive) = (Arc::clone(self), alive.clone());
        reading.spawn(async move {
            let outcome = shared.read(reader, builders, sender).await;
            drop(alive);
            outcome
        });
        let written = self.write(lanes, mode, open, course, &mut receiver).await;
        // A closed channel ends the reader; nothing outlives this call.
        drop(receiver);
        let read = match reading.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => {
                Err(Error::source_side(ErrorKind::Internal, "a reader panicked").because(panic))
            }
            None => Ok(()),
        };
        match (written, read) {
            (Ok(true), _) => Ok(Outcome::Done),
            (Ok(false), Err(error)) | (Err(error), Ok(())) => Err(error),
            (Ok(false), Ok(())) => Err(cancelled()),
            // The writer saw the channel close because the reader failed: the reader's error is the cause.
            (Err(written), Err(read)) => Err(if written.kind() == ErrorKind::Cancelled {
                read
            } else {
                written
            }),
        }
    }

    /// Notes a chunk's end.
    fn finished(&self, part: &Part, receipt: &Receipt) {
        if self.queue().finish(part, receipt) {
            self.observer.event(&Event::TableDone {
                table: part.chunk.id.table.clone(),
            });
        }
    }

    /// Reads until the end, an error, or nobody listens.
    async fn read(
        self: Arc<Self>,
        mut reader: Box<dyn GroupReader>,
        mut builders: Vec<BatchBuilder>,
        sender: mpsc::Sender<Message>,
    ) -> Result<()> {
        let (spent, returned) = std::sync::mpsc::sync_channel(1);
        loop {
            if let Ok(batches) = returned.try_recv() {
                for (builder, batch) in builders.iter_mut().zip(batches) {
                    builder.recycle(batch);
                }
            }
            let fill = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(cancelled()),
                () = sender.closed() => return Ok(()),
                fill = self.in_time(Side::Source, reader.fill(&mut builders)) => fill?,
            };
            let batches = builders
                .iter_mut()
                .map(BatchBuilder::take)
                .collect::<Result<Vec<_>>>()?;
            let bytes: usize = batches.iter().map(|b| b.bytes().len()).sum();
            let cost = (bytes / PERMIT_BYTES + 1).min(self.permits as usize) as u32;
            let permit = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(cancelled()),
                () = sender.closed() => return Ok(()),
                permit = Arc::clone(&self.memory).acquire_many_owned(cost) => permit
                    .map_err(|e| Error::new(ErrorKind::Internal, "the memory budget is gone").because(e))?,
            };
            let filled = Filled {
                batches,
                cursor: reader.cursor(),
                spent: spent.clone(),
                _permit: permit,
            };
            if sender.send(Message::Rows(filled)).await.is_err() {
                return Ok(());
            }
            if fill == Fill::End {
                let window = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Err(cancelled()),
                    () = sender.closed() => return Ok(()),
                    window = self.in_time(Side::Source, reader.finish()) => window?,
                };
                // Nobody listening means that the writer failed and says why.
                let _ = sender.send(Message::End(window)).await;
                return Ok(());
            }
        }
    }

    /// Writes what the reader sends; false if the reader stopped before the end.
    async fn write(
        &self,
        lanes: &[Lane<'_>],
        mode: WriteMode,
        mut open: Vec<(Pending, Receipt)>,
        course: &mut Course,
        receiver: &mut mpsc::Receiver<Message>,
    ) -> Result<bool> {
        let mut since = Instant::now();
        loop {
            let message = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                message = self.next(receiver) => message,
            };
            match message {
                None => {
                    self.drop_all(lanes, open).await;
                    return Ok(false);
                }
                Some(Message::Rows(filled)) => {
                    if let Err(error) = self.write_batches(lanes, &mut open, &filled).await {
                        self.drop_all(lanes, open).await;
                        return Err(error);
                    }
                    let bytes: u64 = open.iter().map(|(pending, _)| pending.reported.bytes).sum();
                    let due = bytes >= self.options.commit_bytes
                        || since.elapsed() >= self.options.commit_after
                        || self.gate.is_closed();
                    if due && let Some(cursor) = filled.cursor.clone() {
                        let end = (Some(cursor), Window::default());
                        let before = self.commit_all(lanes, open, course, end).await?;
                        self.check_quarantine(self.quarantined())?;
                        // With nothing open: a pause may last.
                        self.gate.pass(&self.stop).await;
                        since = Instant::now();
                        open = self.open(lanes, mode, course).await?;
                        if !open.iter().map(|(_, now)| now).eq(&before) {
                            give_up_all(open).await;
                            return Err(Error::destination(
                                ErrorKind::Fenced,
                                "another run went on with this chunk",
                            ));
                        }
                    }
                }
                Some(Message::End(window)) => {
                    self.commit_all(lanes, open, course, (None, window)).await?;
                    return Ok(true);
                }
            }
        }
    }

    /// Writes a batch to each table.
    async fn write_batches(
        &self,
        lanes: &[Lane<'_>],
        open: &mut [(Pending, Receipt)],
        filled: &Filled,
    ) -> Result<()> {
        for ((lane, (pending, _)), batch) in lanes.iter().zip(open.iter_mut()).zip(&filled.batches) {
            let writing = pending.write(batch, column_names(lane.table));
            self.in_time(Side::Destination, writing).await?;
            let Reported {
                rows,
                bytes,
                quarantined,
            } = pending.report(batch);
            self.observer.event(&Event::Written {
                chunk: lane.part.chunk.id.clone(),
                rows,
                bytes,
                quarantined,
            });
        }
        let quarantined: u64 = open.iter().map(|(pending, _)| pending.reported.quarantined).sum();
        if quarantined == 0 {
            return Ok(());
        }
        self.check_quarantine(self.quarantined() + quarantined)
    }

    /// Gives up what was written and not committed.
    async fn drop_all(&self, lanes: &[Lane<'_>], open: Vec<(Pending, Receipt)>) {
        for (lane, (pending, _)) in lanes.iter().zip(&open) {
            self.take_back(lane.part, pending.reported);
        }
        give_up_all(open).await;
    }

    /// Commits each table at the same place in the source, and returns the receipts. After an error those behind it are
    /// given up.
    async fn commit_all(
        &self,
        lanes: &[Lane<'_>],
        open: Vec<(Pending, Receipt)>,
        course: &mut Course,
        end: (Option<Cursor>, Window),
    ) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::with_capacity(lanes.len());
        let mut left = open.into_iter();
        for (at, lane) in lanes.iter().enumerate() {
            let Some((pending, before)) = left.next() else {
                break;
            };
            match self
                .commit(lane.part, pending, before, (&mut *course, at), end.clone())
                .await
            {
                Ok(receipt) if receipt.done => {
                    self.finished(lane.part, &receipt);
                    receipts.push(receipt);
                }
                Ok(receipt) => {
                    self.queue().note(lane.part, &receipt);
                    receipts.push(receipt);
                }
                Err(error) => {
                    self.drop_all(&lanes[at + 1..], left.collect()).await;
                    return Err(error);
                }
            }
        }
        Ok(receipts)
    }

    /// What the reader sends next, once its rows may be written.
    async fn next(&self, receiver: &mut mpsc::Receiver<Message>) -> Option<Message> {
        let message = receiver.recv().await;
        if let Some(Message::Rows(filled)) = &message {
            let bytes = filled.batches.iter().map(|b| b.bytes().len()).sum();
            let rows = filled.batches.iter().map(Batch::rows).sum();
            self.throttle.pass(bytes, rows).await;
        }
        message
    }

    fn take_back(&self, part: &Part, reported: Reported) {
        self.observer.event(&Event::TakenBack {
            chunk: part.chunk.id.clone(),
            rows: reported.rows,
            bytes: reported.bytes,
            quarantined: reported.quarantined,
        });
    }

    /// Now that the chunk was opened again, its receipt says whether a commit that failed was carried out.
    fn settle(&self, part: &Part, course: &mut Course, at: usize, now: &Receipt) {
        let Some(unsettled) = course.unsettled.remove(&at) else {
            return;
        };
        if *now == unsettled.before {
            self.take_back(part, unsettled.reported);
        } else {
            course.advanced = true;
            self.observer.event(&Event::Committed {
                chunk: part.chunk.id.clone(),
                done: now.done,
            });
        }
    }

    async fn commit(
        &self,
        part: &Part,
        pending: Pending,
        before: Receipt,
        (course, at): (&mut Course, usize),
        (cursor, window): (Option<Cursor>, Window),
    ) -> Result<Receipt> {
        let done = cursor.is_none();
        let reported = pending.reported;
        let segment = Segment {
            read: pending.read,
            filtered: pending.filtered,
            cursor,
            done,
            window,
            conversions: pending.conversions,
        };
        let chunk = part.chunk.id.clone();
        match self
            .in_time(Side::Destination, pending.writer.commit(segment))
            .await
        {
            Ok(receipt) if receipt.balances() => {
                course.advanced = true;
                self.observer.event(&Event::Committed { chunk, done });
                Ok(receipt)
            }
            Ok(_) => Err(Error::new(
                ErrorKind::Internal,
                "the chunk's receipt does not account for every row read",
            )),
            Err(error) => {
                course.unsettled.insert(at, Unsettled { before, reported });
                Err(error)
            }
        }
    }
}

/// What became of an end from which nothing was heard.
fn stalled(side: Side, limit: Duration) -> Error {
    let (who, what) = match side {
        Side::Source => ("source", "sent"),
        _ => ("destination", "took"),
    };
    let message = format!("the {who} {what} nothing for {} s", limit.as_secs_f64());
    Error::new(ErrorKind::Connection, message)
        .on(side)
        .transient()
        .hint("if it is only slow, give it more time with --stall-timeout")
}
