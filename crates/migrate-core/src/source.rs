//! What a source of databases has to do.

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::BatchBuilder;
use crate::catalog::{Catalog, ObjectName};
use crate::chunk::{Checkpoint, Chunk, ChunkGoal, Cursor, Position, Receipt, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, TablePlan};
use crate::proof::Answer;

/// What a source can do beyond the contract. Data, and little of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a plan's `where` conditions can be carried out.
    pub filter: bool,
    /// Whether the schema is inferred from rows, so that another look at a source in use may find another one: a
    /// resumed run keeps the plan that it began with.
    pub inferred: bool,
    /// Whether damage may be found only while rows are copied, so that a run that meets it had better leave nothing
    /// behind.
    pub checked_late: bool,
    /// Whether it can tell which rows changed since they were read.
    pub changes: bool,
}

/// A database to read.
///
/// All methods may be called at the same time from several tasks.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Reads the schema and, where that is cheap, the numbers of rows.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where a file's content contradicts itself: a source that can be checked as a
    /// whole is checked here, before anything is written.
    async fn discover(&self) -> Result<Catalog>;

    /// What a person should know about how consistently it is read. More may be said once it was.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Fixes what will be read for the plan, as consistently as the source can.
    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>>;

    /// Answers a query in the source's own language with at most `limit` rows; `None` where there is nobody to ask, such as
    /// a file. Only for questions that a person wrote into the plan.
    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        let _ = (query, limit);
        Ok(None)
    }
}

/// What costs next to nothing where rows are read again, so that a proof reads no more of them than it has to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Going on behind a cursor: what lies before it is not passed over.
    pub by_cursor: bool,
    /// Splitting a table anew, as finely as is asked for, into chunks that can each be read by itself.
    pub by_split: bool,
}

/// One consistent (as far as the source can) reading of a source. Shared by all workers.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// Where changes would have to be followed from, if the source has a history.
    fn position(&self) -> Option<Position> {
        None
    }

    /// Splits a table into chunks that together hold each row exactly once, with ordinals from 0. Called once for a
    /// table in a migration's life: a resume uses the stored chunks. A table without rows has no chunks.
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>>;

    /// Whether what was read of the table under an earlier snapshot is what this one shows at the same places, so that the
    /// stored chunks hold and the rest can be read now. Asked when a run is resumed before all rows were copied; any
    /// doubt is a no, on which the table begins anew.
    async fn holds(&self, table: &TablePlan, chunks: &[(Chunk, Receipt)]) -> Result<bool> {
        let _ = (table, chunks);
        Ok(true)
    }

    /// What of a table can be reached without reading the rest.
    fn reach(&self, table: &TablePlan) -> Reach {
        let _ = table;
        Reach::default()
    }

    /// Up to where this reading of the table goes, for [`changes`](Self::changes) of a later one; `None` where nobody could
    /// tell then. Stored before any row is.
    async fn checkpoint(&self, table: &TablePlan) -> Result<Option<Checkpoint>> {
        let _ = table;
        Ok(None)
    }

    /// The rows that were added or changed since an earlier reading of the table, in chunks as [`split`](Self::split) makes
    /// them. Rows that did not change may be among them; none that did may be missing, within what the table's
    /// [`Watermark`](crate::plan::Watermark) promises. Rows that are gone are not told. `None` where the table has to be read
    /// whole.
    async fn changes(
        &self,
        table: &TablePlan,
        since: &Checkpoint,
        goal: ChunkGoal,
    ) -> Result<Option<Vec<Chunk>>> {
        let _ = (table, since, goal);
        Ok(None)
    }

    /// Starts reading a chunk, after `after` if given. Readers of different chunks run at the same time; the same chunk
    /// may be read again, also from an earlier cursor, and delivers the same rows in the same order.
    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>>;

    /// A name that is the same for tables that one reading gives together. Chunks of such tables that have the same ordinal
    /// and token may be read by [`read_together`](Self::read_together), or each by itself.
    fn group(&self, table: &TablePlan) -> Option<String> {
        let _ = table;
        None
    }

    /// Starts reading chunks of tables of one group, after `after` if given, which is a cursor of any reader of one of them.
    async fn read_together(
        &self,
        parts: &[(&TablePlan, &Chunk)],
        after: Option<&Cursor>,
    ) -> Result<Box<dyn GroupReader>> {
        match parts {
            [(table, chunk)] => Ok(Box::new(Alone(self.read(table, chunk, after).await?))),
            _ => Err(Error::source_side(
                ErrorKind::Internal,
                "this source reads one table at a time",
            )),
        }
    }

    /// Called once after all chunks of all tables are copied, with the rows read for each table. An error fails the run.
    async fn verify(&self, read: &[(ObjectName, u64)]) -> Result<()> {
        let _ = read;
        Ok(())
    }
}

/// Whether a reader has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The builder is full; call again.
    More,
    /// The last row of the chunk is in the builder, or was before.
    End,
}

/// Reads the rows of one chunk. Used by one task; dropping it abandons the chunk.
#[async_trait]
pub trait ChunkReader: Send {
    /// Adds rows to `out`, with the table's copied columns in the plan's order, until `out` is full or the chunk ends.
    /// A reader whose source is a local file may keep its thread busy for as long as one batch takes.
    ///
    /// # Errors
    /// Any error ends the chunk: it is never taken for its end.
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill>;

    /// The place after the last row delivered, or `None` where the source cannot go on from there.
    fn cursor(&self) -> Option<Cursor>;

    /// Ends the reading after [`Fill::End`], with the window of positions in which the chunk was read.
    async fn finish(self: Box<Self>) -> Result<Window> {
        Ok(Window::default())
    }
}

/// Reads chunks of several tables at once. Used by one task; dropping it abandons the chunks.
#[async_trait]
pub trait GroupReader: Send {
    /// Adds rows to the tables' builders until one is full or the chunks end: [`ChunkReader::fill`] for several.
    ///
    /// # Errors
    /// Any error ends the chunks: it is never taken for their end.
    async fn fill(&mut self, out: &mut [BatchBuilder]) -> Result<Fill>;

    /// The place after the last rows delivered, in all of the tables, or `None` where the source cannot go on from there.
    fn cursor(&self) -> Option<Cursor>;

    /// Ends the reading after [`Fill::End`], with the window of positions in which the chunks were read.
    async fn finish(self: Box<Self>) -> Result<Window> {
        Ok(Window::default())
    }
}

/// A reader of one table, as one of a group.
struct Alone(Box<dyn ChunkReader>);

#[async_trait]
impl GroupReader for Alone {
    async fn fill(&mut self, out: &mut [BatchBuilder]) -> Result<Fill> {
        match out {
            [out] => self.0.fill(out).await,
            _ => Err(Error::new(ErrorKind::Internal, "one table is read into several")),
        }
    }

    fn cursor(&self) -> Option<Cursor> {
        self.0.cursor()
    }

    async fn finish(self: Box<Self>) -> Result<Window> {
        self.0.finish().await
    }
}
