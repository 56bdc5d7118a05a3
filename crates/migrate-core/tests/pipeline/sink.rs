//! A sink to which the script happens, and which judges rows as a server would.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use migrate_core::batch::{Batch, BatchBuilder, Reject};
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Checkpoint, Chunk, ChunkId, Receipt, Segment};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::memory::MemorySink;
use migrate_core::observer::Observer;
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::sink::{ChunkWriter, Completion, Progress, Sink, WriteMode};
use migrate_core::{Error, ErrorKind, Result};

use crate::faults::{Fault, Guard, Point, Script};
use crate::source::Outstanding;

/// Whether the server refuses a row, given its tuple.
pub(crate) type Judge = fn(&[u8]) -> bool;

#[derive(Clone)]
pub(crate) struct FaultySink {
    pub(crate) inner: MemorySink,
    pub(crate) script: Arc<Script>,
    pub(crate) outstanding: Arc<Outstanding>,
    /// Refuses rows, if there is one.
    pub(crate) judge: Option<Judge>,
    /// How long a write takes.
    pub(crate) pause: Duration,
    /// Steps that fail in the end.
    pub(crate) failed_steps: Vec<(String, String)>,
    /// The modes of writers in the order in which they were opened.
    pub(crate) modes: Arc<Mutex<Vec<WriteMode>>>,
}

#[async_trait]
impl Sink for FaultySink {
    async fn begin(&self, plan: &Plan) -> Result<Progress> {
        let fault = self.script.before(Point::Begin).await?;
        let progress = self.inner.begin(plan).await?;
        self.script.after(Point::Begin, fault).await?;
        Ok(progress)
    }

    async fn register(
        &self,
        table: &ObjectName,
        chunks: &[Chunk],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()> {
        let fault = self.script.before(Point::Register).await?;
        self.inner.register(table, chunks, checkpoint).await?;
        self.script.after(Point::Register, fault).await
    }

    async fn restart(&self, table: &TablePlan) -> Result<()> {
        self.inner.restart(table).await
    }

    async fn writer(
        &self,
        table: &TablePlan,
        chunk: &ChunkId,
        mode: WriteMode,
    ) -> Result<(Box<dyn ChunkWriter>, Receipt)> {
        self.modes.lock().unwrap().push(mode);
        let fault = self.script.before(Point::Writer).await?;
        let (inner, receipt) = self.inner.writer(table, chunk, mode).await?;
        self.script.after(Point::Writer, fault).await?;
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        let writer = FaultyWriter {
            inner,
            encoder: Arc::new(RowEncoder::compile(&specs)?),
            table: table.clone(),
            chunk: chunk.clone(),
            mode,
            refused: false,
            _guard: Guard::new(&self.script),
            of: self.clone(),
        };
        Ok((Box::new(writer), receipt))
    }

    async fn complete(&self, plan: &Plan, observer: &dyn Observer) -> Result<Completion> {
        let fault = self.script.before(Point::Complete).await?;
        if !self.failed_steps.is_empty() {
            return Ok(Completion {
                steps: 1,
                failed: self.failed_steps.clone(),
            });
        }
        let completion = self.inner.complete(plan, observer).await?;
        self.script.after(Point::Complete, fault).await?;
        Ok(completion)
    }

    async fn close(&self) -> Result<()> {
        self.script.before(Point::Close).await?;
        self.inner.close().await
    }
}

struct FaultyWriter {
    inner: Box<dyn ChunkWriter>,
    encoder: Arc<RowEncoder>,
    table: TablePlan,
    chunk: ChunkId,
    mode: WriteMode,
    /// Whether a row of the segment was refused, which a fast writer learns when it commits.
    refused: bool,
    _guard: Guard,
    of: FaultySink,
}

impl FaultyWriter {
    async fn steal(&mut self, fault: Option<Fault>) {
        if fault == Some(Fault::Steal) {
            self.of
                .inner
                .writer(&self.table, &self.chunk, self.mode)
                .await
                .unwrap();
        }
    }

    /// The batch with its refused rows among the rejects.
    fn judged(&self, batch: &Batch, judge: Judge) -> Result<Batch> {
        let mut builder = BatchBuilder::new(Arc::clone(&self.encoder), usize::MAX / 2);
        let mut rejects = batch.rejects.clone();
        for row in batch.iter() {
            if judge(row) {
                rejects.push(Reject {
                    column: String::new(),
                    reason: "the server says no".into(),
                    key: String::new(),
                    row: serde_json::Value::Null,
                });
            } else {
                builder.push_tuple(row)?;
            }
        }
        let mut judged = builder.take()?;
        judged.rejects = rejects;
        Ok(judged)
    }
}

#[async_trait]
impl ChunkWriter for FaultyWriter {
    async fn write(&mut self, batch: &Batch) -> Result<()> {
        let fault = self.of.script.before(Point::Write).await?;
        self.steal(fault).await;
        if !self.of.pause.is_zero() {
            tokio::time::sleep(self.of.pause).await;
        }
        match self.of.judge {
            Some(judge) if self.mode == WriteMode::Careful => {
                let judged = self.judged(batch, judge)?;
                self.inner.write(&judged).await?;
            }
            judge => {
                self.refused |= judge.is_some_and(|judge| batch.iter().any(judge));
                self.inner.write(batch).await?;
            }
        }
        self.of.outstanding.subtract(batch.read() as usize);
        self.of.script.after(Point::Write, fault).await
    }

    async fn commit(mut self: Box<Self>, segment: Segment) -> Result<Receipt> {
        let fault = self.of.script.before(Point::Commit).await?;
        self.steal(fault).await;
        if self.refused {
            return Err(Error::destination(ErrorKind::DataRejected, "a row is refused"));
        }
        let of = self.of.clone();
        let mut receipt = self.inner.commit(segment).await?;
        of.script.after(Point::Commit, fault).await?;
        if fault == Some(Fault::Miscount) {
            receipt.read += 1;
        }
        Ok(receipt)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        let fault = self.of.script.before(Point::Abort).await?;
        self.inner.abort().await?;
        self.of.script.after(Point::Abort, fault).await
    }
}
