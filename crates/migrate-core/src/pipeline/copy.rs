//! One worker: takes chunks, reads them in a task of its own, writes them, commits in segments.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, BatchBuilder};
use crate::chunk::{ConversionTotals, Cursor, Receipt, Segment, Window, add_conversions};
use crate::encode::{KnownKeys, RowEncoder};
use crate::error::{Error, ErrorKind, Result};
use crate::observer::{Event, Observer};
use crate::plan::{Plan, TablePlan};
use crate::sink::{ChunkWriter, Sink, WriteMode};
use crate::source::{ChunkReader, Fill, Snapshot};

use super::queue::{Job, Queue};
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
}

/// A batch on its way from reader to writer, with the memory it may use.
struct Filled {
    batch: Batch,
    cursor: Option<Cursor>,
    /// Where the batch's memory goes for the next one.
    spent: std::sync::mpsc::SyncSender<Batch>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Filled {
    fn drop(&mut self) {
        // The reader may be gone, or have enough.
        let _ = self.spent.try_send(std::mem::take(&mut self.batch));
    }
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
    /// A commit that failed without saying whether it was carried out.
    unsettled: Option<Unsettled>,
}

/// What was to be committed on top of which receipt.
struct Unsettled {
    before: Receipt,
    reported: Reported,
}

/// What observers were told of rows that are not durable yet.
#[derive(Clone, Copy, Default)]
struct Reported {
    rows: u64,
    bytes: u64,
    quarantined: u64,
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

    pub(super) async fn work(self: Arc<Self>, alive: Alive) -> Result<()> {
        loop {
            if self.stop.is_cancelled() {
                return Err(cancelled());
            }
            let Some(job) = self.queue().next() else {
                return Ok(());
            };
            let receipt = self
                .chunk(&job, &alive)
                .await
                .map_err(|e| e.at("chunk", &job.chunk.id));
            let receipt = match receipt {
                Ok(receipt) => receipt,
                Err(error) => {
                    self.stop.cancel();
                    return Err(error);
                }
            };
            let (last, quarantined) = {
                let mut queue = self.queue();
                (queue.finish(&job, &receipt), queue.quarantined())
            };
            if last {
                self.observer.event(&Event::TableDone {
                    table: job.chunk.id.table.clone(),
                });
            }
            self.check_quarantine(quarantined)?;
        }
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

    /// Copies a chunk, trying again where that may help.
    async fn chunk(self: &Arc<Self>, job: &Job, alive: &Alive) -> Result<Receipt> {
        let mut course = Course::default();
        let outcome = self.attempts(job, alive, &mut course).await;
        if let Some(lost) = course.unsettled {
            self.take_back(job, lost.reported);
        }
        outcome
    }

    async fn attempts(self: &Arc<Self>, job: &Job, alive: &Alive, course: &mut Course) -> Result<Receipt> {
        let table =
            self.plan.tables.get(job.table).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "a chunk of a table that is not in the plan")
            })?;
        let encoder = Arc::new(RowEncoder::for_table(table, &self.known)?);
        let mut mode = WriteMode::Fast;
        let mut tries = 0;
        let mut wait = self.options.backoff;
        loop {
            let error = match self.attempt(table, job, &encoder, mode, alive, course).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if std::mem::take(&mut course.advanced) {
                // Not the same failure again, but a new one after rows were made durable.
                (tries, wait) = (0, self.options.backoff);
            }
            if error.kind() == ErrorKind::DataRejected && mode == WriteMode::Fast {
                mode = WriteMode::Careful;
                self.retrying(job, &error, std::time::Duration::ZERO);
            } else if error.is_transient() && self.stop.is_cancelled() {
                // It might have passed; what stopped the run is the reason to give.
                return Err(cancelled());
            } else if error.is_transient() && tries < self.options.retries {
                tries += 1;
                self.retrying(job, &error, wait);
                tokio::select! {
                    () = self.stop.cancelled() => return Err(cancelled()),
                    () = tokio::time::sleep(wait) => {}
                }
                wait = (wait * 2).min(std::time::Duration::from_secs(30));
            } else {
                return Err(error);
            }
        }
    }

    fn retrying(&self, job: &Job, error: &Error, after: std::time::Duration) {
        let reason = error.to_string();
        self.observer.event(&Event::Retrying {
            chunk: job.chunk.id.clone(),
            reason,
            after,
        });
    }

    /// Copies a chunk from its last receipt to its end.
    async fn attempt(
        self: &Arc<Self>,
        table: &TablePlan,
        job: &Job,
        encoder: &Arc<RowEncoder>,
        mode: WriteMode,
        alive: &Alive,
        course: &mut Course,
    ) -> Result<Receipt> {
        let (writer, receipt) = self.sink.writer(table, &job.chunk.id, mode).await?;
        self.settle(job, course, &receipt);
        self.queue().note(job, &receipt);
        if receipt.done {
            give_up(writer).await;
            return Ok(receipt);
        }
        let reader = match self
            .snapshot
            .read(table, &job.chunk, receipt.cursor.as_ref())
            .await
        {
            Ok(reader) => reader,
            Err(error) => {
                give_up(writer).await;
                return Err(error);
            }
        };
        let (sender, mut receiver) = mpsc::channel(2);
        // A target of no bytes would be reached before the first row.
        let builder = BatchBuilder::new(Arc::clone(encoder), self.options.batch_bytes.max(1));
        // A set of one: should this call be dropped, so is the reader.
        let mut reading = JoinSet::new();
        let (shared, alive) = (Arc::clone(self), alive.clone());
        reading.spawn(async move {
            let outcome = shared.read(reader, builder, sender).await;
            drop(alive);
            outcome
        });
        let written = self
            .write(table, job, mode, writer, receipt, course, &mut receiver)
            .await;
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
            (Ok(Some(receipt)), _) => Ok(receipt),
            (Ok(None), Err(error)) | (Err(error), Ok(())) => Err(error),
            (Ok(None), Ok(())) => Err(cancelled()),
            // The writer saw the channel close because the reader failed: the reader's error is the cause.
            (Err(written), Err(read)) => Err(if written.kind() == ErrorKind::Cancelled {
                read
            } else {
                written
            }),
        }
    }

    /// Reads until the end, an error, or nobody listens.
    async fn read(
        self: Arc<Self>,
        mut reader: Box<dyn ChunkReader>,
        mut builder: BatchBuilder,
        sender: mpsc::Sender<Message>,
    ) -> Result<()> {
        let (spent, returned) = std::sync::mpsc::sync_channel(1);
        loop {
            if let Ok(batch) = returned.try_recv() {
                builder.recycle(batch);
            }
            let fill = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(cancelled()),
                () = sender.closed() => return Ok(()),
                fill = reader.fill(&mut builder) => fill?,
            };
            let batch = builder.take()?;
            let cost = (batch.bytes().len() / PERMIT_BYTES + 1).min(self.permits as usize) as u32;
            let permit = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(cancelled()),
                () = sender.closed() => return Ok(()),
                permit = Arc::clone(&self.memory).acquire_many_owned(cost) => permit
                    .map_err(|e| Error::new(ErrorKind::Internal, "the memory budget is gone").because(e))?,
            };
            let filled = Filled {
                batch,
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
                    window = reader.finish() => window?,
                };
                // Nobody listening means that the writer failed and says why.
                let _ = sender.send(Message::End(window)).await;
                return Ok(());
            }
        }
    }

    /// Writes what the reader sends. `None` if the reader stopped before the end.
    async fn write(
        &self,
        table: &TablePlan,
        job: &Job,
        mode: WriteMode,
        writer: Box<dyn ChunkWriter>,
        receipt: Receipt,
        course: &mut Course,
        receiver: &mut mpsc::Receiver<Message>,
    ) -> Result<Option<Receipt>> {
        let mut segment = Pending::new(writer);
        let mut receipt = receipt;
        loop {
            let message = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                message = receiver.recv() => message,
            };
            match message {
                None => {
                    self.take_back(job, segment.reported);
                    give_up(segment.writer).await;
                    return Ok(None);
                }
                Some(Message::Rows(filled)) => {
                    if let Err(error) = segment.write(&filled, column_names(table)).await {
                        self.take_back(job, segment.reported);
                        give_up(segment.writer).await;
                        return Err(error);
                    }
                    let Reported {
                        rows,
                        bytes,
                        quarantined,
                    } = segment.report(&filled.batch);
                    self.observer.event(&Event::Written {
                        chunk: job.chunk.id.clone(),
                        rows,
                        bytes,
                        quarantined,
                    });
                    if segment.reported.quarantined > 0
                        && let Err(error) =
                            self.check_quarantine(self.quarantined() + segment.reported.quarantined)
                    {
                        self.take_back(job, segment.reported);
                        give_up(segment.writer).await;
                        return Err(error);
                    }
                    if segment.reported.bytes >= self.options.commit_bytes
                        && let Some(cursor) = filled.cursor.clone()
                    {
                        let segment_end = (Some(cursor), Window::default());
                        let before = self.commit(job, segment, receipt, course, segment_end).await?;
                        self.queue().note(job, &before);
                        self.check_quarantine(self.quarantined())?;
                        let (writer, now) = self.sink.writer(table, &job.chunk.id, mode).await?;
                        if now != before {
                            give_up(writer).await;
                            return Err(Error::destination(
                                ErrorKind::Fenced,
                                "another run went on with this chunk",
                            ));
                        }
                        segment = Pending::new(writer);
                        receipt = now;
                    }
                }
                Some(Message::End(window)) => {
                    return self
                        .commit(job, segment, receipt, course, (None, window))
                        .await
                        .map(Some);
                }
            }
        }
    }

    fn take_back(&self, job: &Job, reported: Reported) {
        self.observer.event(&Event::TakenBack {
            chunk: job.chunk.id.clone(),
            rows: reported.rows,
            bytes: reported.bytes,
            quarantined: reported.quarantined,
        });
    }

    /// Now that the chunk was opened again, its receipt says whether a commit that failed was carried out.
    fn settle(&self, job: &Job, course: &mut Course, now: &Receipt) {
        let Some(unsettled) = course.unsettled.take() else {
            return;
        };
        if *now == unsettled.before {
            self.take_back(job, unsettled.reported);
        } else {
            course.advanced = true;
            self.observer.event(&Event::Committed {
                chunk: job.chunk.id.clone(),
                done: now.done,
            });
        }
    }

    async fn commit(
        &self,
        job: &Job,
        pending: Pending,
        before: Receipt,
        course: &mut Course,
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
        let chunk = job.chunk.id.clone();
        match pending.writer.commit(segment).await {
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
                course.unsettled = Some(Unsettled { before, reported });
                Err(error)
            }
        }
    }
}

/// Aborts a writer. Should that fail, there is a better reason to report, and whoever opens the chunk next fences it.
async fn give_up(writer: Box<dyn ChunkWriter>) {
    let _ = writer.abort().await;
}

fn column_names(table: &TablePlan) -> impl Iterator<Item = &str> {
    table.copied().map(|c| c.name.as_str())
}

/// What was written since the last commit.
struct Pending {
    writer: Box<dyn ChunkWriter>,
    read: u64,
    filtered: u64,
    reported: Reported,
    conversions: ConversionTotals,
}

impl Pending {
    fn new(writer: Box<dyn ChunkWriter>) -> Self {
        Self {
            writer,
            read: 0,
            filtered: 0,
            reported: Reported::default(),
            conversions: ConversionTotals::new(),
        }
    }

    /// What there is to tell of a batch that was written.
    fn report(&mut self, batch: &Batch) -> Reported {
        let now = Reported {
            rows: batch.rows() as u64,
            bytes: batch.bytes().len() as u64,
            quarantined: batch.rejects.len() as u64,
        };
        self.reported.rows += now.rows;
        self.reported.bytes += now.bytes;
        self.reported.quarantined += now.quarantined;
        now
    }

    async fn write<'n>(&mut self, filled: &Filled, names: impl Iterator<Item = &'n str>) -> Result<()> {
        let batch = &filled.batch;
        self.writer.write(batch).await?;
        self.read += batch.rows() as u64 + batch.rejects.len() as u64 + batch.filtered;
        self.filtered += batch.filtered;
        if !batch.conversions.is_empty() {
            let names: Vec<&str> = names.collect();
            add_conversions(&mut self.conversions, &batch.conversions.by_name(&names));
        }
        Ok(())
    }
}
