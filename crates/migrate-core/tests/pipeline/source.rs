//! A source to which the script happens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor, Receipt, Window};
use migrate_core::memory::MemorySource;
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{Capabilities, ChunkReader, Fill, GroupReader, Snapshot, Source};

use crate::faults::{Guard, Point, Script};

/// Rows that were read and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Outstanding {
    pub(crate) fn add(&self, rows: usize) {
        let now = self.now.fetch_add(rows, Ordering::SeqCst) + rows;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    pub(crate) fn subtract(&self, rows: usize) {
        self.now.fetch_sub(rows, Ordering::SeqCst);
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub(crate) struct FaultySource {
    pub(crate) inner: MemorySource,
    pub(crate) script: Arc<Script>,
    pub(crate) outstanding: Arc<Outstanding>,
    /// Chunks in the order in which they were read.
    pub(crate) order: Arc<Mutex<Vec<ChunkId>>>,
    /// What `verify` was told.
    pub(crate) verified: Arc<Mutex<Vec<(ObjectName, u64)>>>,
    /// Tables whose stored chunks do not hold.
    pub(crate) changed: Arc<Mutex<Vec<ObjectName>>>,
}

#[async_trait]
impl Source for FaultySource {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn discover(&self) -> Result<Catalog> {
        self.inner.discover().await
    }

    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
        let inner = self.inner.snapshot(plan).await?;
        Ok(Arc::new(FaultySnapshot {
            inner,
            of: self.clone(),
        }))
    }
}

struct FaultySnapshot {
    inner: Arc<dyn Snapshot>,
    of: FaultySource,
}

#[async_trait]
impl Snapshot for FaultySnapshot {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let fault = self.of.script.before(Point::Split).await?;
        let chunks = self.inner.split(table, goal).await?;
        self.of.script.after(Point::Split, fault).await?;
        Ok(chunks)
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        // The pipeline reads single chunks as groups of one.
        self.inner.read(table, chunk, after).await
    }

    fn group(&self, table: &TablePlan) -> Option<String> {
        self.inner.group(table)
    }

    async fn read_together(
        &self,
        parts: &[(&TablePlan, &Chunk)],
        after: Option<&Cursor>,
    ) -> Result<Box<dyn GroupReader>> {
        for (_, chunk) in parts {
            self.of.order.lock().unwrap().push(chunk.id.clone());
        }
        let fault = self.of.script.before(Point::Read).await?;
        let inner = self.inner.read_together(parts, after).await?;
        self.of.script.after(Point::Read, fault).await?;
        Ok(Box::new(FaultyGroup {
            inner,
            tables: parts.len(),
            guard: Guard::new(&self.of.script),
            of: self.of.clone(),
        }))
    }

    async fn holds(&self, table: &TablePlan, _: &[(Chunk, Receipt)]) -> Result<bool> {
        Ok(!self.of.changed.lock().unwrap().contains(&table.source))
    }

    async fn verify(&self, read: &[(ObjectName, u64)]) -> Result<()> {
        self.of.script.before(Point::Verify).await?;
        *self.of.verified.lock().unwrap() = read.to_vec();
        Ok(())
    }
}

struct FaultyGroup {
    inner: Box<dyn GroupReader>,
    tables: usize,
    guard: Guard,
    of: FaultySource,
}

impl FaultyGroup {
    /// The memory source's cursor is a row's number.
    fn at(&self) -> usize {
        self.inner.cursor().map_or(0, |c| c.0.parse().unwrap())
    }
}

#[async_trait]
impl GroupReader for FaultyGroup {
    async fn fill(&mut self, out: &mut [BatchBuilder]) -> Result<Fill> {
        let fault = self.of.script.before(Point::Fill).await?;
        let before = self.at();
        let fill = self.inner.fill(out).await?;
        self.of.outstanding.add((self.at() - before) * self.tables);
        self.of.script.after(Point::Fill, fault).await?;
        Ok(fill)
    }

    fn cursor(&self) -> Option<Cursor> {
        self.inner.cursor()
    }

    async fn finish(self: Box<Self>) -> Result<Window> {
        let Self { inner, guard, of, .. } = *self;
        let fault = of.script.before(Point::Finish).await?;
        let window = inner.finish().await?;
        of.script.after(Point::Finish, fault).await?;
        drop(guard);
        Ok(window)
    }
}
