//! One worker: takes chunks, reads them in a task of its own, writes them, commits in segments.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, BatchBuilder};
use crate::chunk::{ConversionTotals, Cursor, Receipt, Segment, Window, add_conversions};
use crate::encode::{ColumnSpec, RowEncoder};
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
    memory: Arc<Semaphore>,
    permits: u32,
}

/// A batch on its way from reader to writer, with the memory it may use.
struct Filled {
    batch: Batch,
    cursor: Option<Cursor>,
    _permit: OwnedSemaphorePermit,
}

/// What the reader says when it has no more.
enum Message {
    Rows(Filled),
    End(Window),
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

    pub(super) async fn work(self: Arc<Self>) -> Result<()> {
        loop {
            if self.stop.is_cancelled() {
                return Err(cancelled());
            }
            let Some(job) = self.queue().next() else { return Ok(()) };
            let receipt = self.chunk(&job).await.map_err(|e| e.at("chunk", &job.chunk.id));
            let receipt = match receipt {
                Ok(receipt) => receipt,
                Err(error) => {
                    self.stop.cancel();
                    return Err(error);
                }
            };
            let (last, quarantined) = {
                let mut queue = self.queue();
                (queue.finish(&job, receipt), queue.quarantined())
            };
            if last {
                self.observer.event(&Event::TableDone { table: job.chunk.id.table.clone() });
            }
            self.check_quarantine(quarantined)?;
        }
    }

    fn check_quarantine(&self, quarantined: u64) -> Result<()> {
        if quarantined > self.options.max_quarantined {
            return Err(Error::new(
                ErrorKind::TooManyRejects,
                format!("{quarantined} rows in quarantine, more than the limit of {}", self.options.max_quarantined),
            )
            .hint("look at migrate.quarantine for the reasons; correct the plan, or raise --max-quarantine"));
        }
        Ok(())
    }

    /// Copies a chunk, trying again where that may help.
    async fn chunk(self: &Arc<Self>, job: &Job) -> Result<Receipt> {
        let table = self
            .plan
            .tables
            .get(job.table)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a chunk of a table that is not in the plan"))?;
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        let encoder = Arc::new(RowEncoder::compile(&specs)?);
        let mut mode = WriteMode::Fast;
        let mut tries = 0;
        let mut wait = self.options.backoff;
        loop {
            let error = match self.attempt(table, job, &encoder, mode).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if error.kind() == ErrorKind::DataRejected && mode == WriteMode::Fast {
                mode = WriteMode::Careful;
                self.retrying(job, &error, std::time::Duration::ZERO);
            } else if error.is_transient() && tries < self.options.retries && !self.stop.is_cancelled() {
                tries += 1;
                self.retrying(job, &error, wait);
                tokio::select! {
                    () = self.stop.cancelled() => return Err(error),
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
        self.observer.event(&Event::Retrying { chunk: job.chunk.id.clone(), reason, after });
    }

    /// Copies a chunk from its last receipt to its end.
    async fn attempt(
        self: &Arc<Self>,
        table: &TablePlan,
        job: &Job,
        encoder: &Arc<RowEncoder>,
        mode: WriteMode,
    ) -> Result<Receipt> {
        let (writer, receipt) = self.sink.writer(table, &job.chunk.id, mode).await?;
        if receipt.done {
            writer.abort().await?;
            return Ok(receipt);
        }
        let reader = match self.snapshot.read(table, &job.chunk, receipt.cursor.as_ref()).await {
            Ok(reader) => reader,
            Err(error) => {
                writer.abort().await?;
                return Err(error);
            }
        };
        let (sender, mut receiver) = mpsc::channel(2);
        let builder = BatchBuilder::new(Arc::clone(encoder), self.options.batch_bytes);
        let reading: JoinHandle<Result<()>> = tokio::spawn(Arc::clone(self).read(reader, builder, sender));
        let written = self.write(table, job, mode, writer, receipt, &mut receiver).await;
        // A closed channel ends the reader; nothing outlives this call.
        drop(receiver);
        let read = reading
            .await
            .unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a reader panicked").because(e)));
        match (written, read) {
            (Ok(Some(receipt)), _) => Ok(receipt),
            (Ok(None), Err(error)) | (Err(error), Ok(())) => Err(error),
            (Ok(None), Ok(())) => Err(cancelled()),
            // The writer saw the channel close because the reader failed: the reader's error is the cause.
            (Err(written), Err(read)) => {
                Err(if written.kind() == ErrorKind::Cancelled { read } else { written })
            }
        }
    }

    /// Reads until the end, an error, or nobody listens.
    async fn read(
        self: Arc<Self>,
        mut reader: Box<dyn ChunkReader>,
        mut builder: BatchBuilder,
        sender: mpsc::Sender<Message>,
    ) -> Result<()> {
        loop {
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
            let filled = Filled { batch, cursor: reader.cursor(), _permit: permit };
            if sender.send(Message::Rows(filled)).await.is_err() {
                return Ok(());
            }
            if fill == Fill::End {
                let window = reader.finish().await?;
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
                    self.take_back(job, &segment);
                    segment.writer.abort().await?;
                    return Ok(None);
                }
                Some(Message::Rows(filled)) => {
                    if let Err(error) = segment.write(&filled, encoder_names(table)).await {
                        self.take_back(job, &segment);
                        segment.writer.abort().await?;
                        return Err(error);
                    }
                    self.observer.event(&Event::Written {
                        chunk: job.chunk.id.clone(),
                        rows: filled.batch.rows() as u64,
                        bytes: filled.batch.bytes().len() as u64,
                        quarantined: filled.batch.rejects.len() as u64,
                    });
                    if let Err(error) = self.check_quarantine(receipt.quarantined + segment.rejected) {
                        segment.writer.abort().await?;
                        return Err(error);
                    }
                    if segment.bytes >= self.options.commit_bytes
                        && let Some(cursor) = filled.cursor
                    {
                        let before = self.commit(job, segment, Some(cursor), Window::default()).await?;
                        self.check_quarantine(before.quarantined)?;
                        let (writer, now) = self.sink.writer(table, &job.chunk.id, mode).await?;
                        if now != before {
                            writer.abort().await?;
                            return Err(Error::destination(ErrorKind::Fenced, "another run went on with this chunk"));
                        }
                        segment = Pending::new(writer);
                        receipt = now;
                    }
                }
                Some(Message::End(window)) => return self.commit(job, segment, None, window).await.map(Some),
            }
        }
    }

    fn take_back(&self, job: &Job, segment: &Pending) {
        let chunk = job.chunk.id.clone();
        self.observer.event(&Event::TakenBack { chunk, rows: segment.rows, bytes: segment.bytes });
    }

    async fn commit(&self, job: &Job, pending: Pending, cursor: Option<Cursor>, window: Window) -> Result<Receipt> {
        let done = cursor.is_none();
        let (rows, bytes) = (pending.rows, pending.bytes);
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
                self.observer.event(&Event::Committed { chunk, done });
                Ok(receipt)
            }
            Ok(_) => Err(Error::new(ErrorKind::Internal, "the chunk's receipt does not account for every row read")),
            Err(error) => {
                self.observer.event(&Event::TakenBack { chunk, rows, bytes });
                Err(error)
            }
        }
    }
}

fn encoder_names(table: &TablePlan) -> impl Iterator<Item = &str> {
    table.copied().map(|c| c.name.as_str())
}

/// What was written since the last commit.
struct Pending {
    writer: Box<dyn ChunkWriter>,
    read: u64,
    rows: u64,
    bytes: u64,
    filtered: u64,
    rejected: u64,
    conversions: ConversionTotals,
}

impl Pending {
    fn new(writer: Box<dyn ChunkWriter>) -> Self {
        Self {
            writer,
            read: 0,
            rows: 0,
            bytes: 0,
            filtered: 0,
            rejected: 0,
            conversions: ConversionTotals::new(),
        }
    }

    async fn write<'n>(&mut self, filled: &Filled, names: impl Iterator<Item = &'n str>) -> Result<()> {
        let batch = &filled.batch;
        self.writer.write(batch).await?;
        self.read += batch.rows() as u64 + batch.rejects.len() as u64 + batch.filtered;
        self.rows += batch.rows() as u64;
        self.bytes += batch.bytes().len() as u64;
        self.filtered += batch.filtered;
        self.rejected += batch.rejects.len() as u64;
        if !batch.conversions.is_empty() {
            let names: Vec<&str> = names.collect();
            add_conversions(&mut self.conversions, &batch.conversions.by_name(&names));
        }
        Ok(())
    }
}
