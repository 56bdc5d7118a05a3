//! What a destination has to do.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::batch::Batch;
use crate::catalog::ObjectName;
use crate::chunk::{Checkpoint, Chunk, ChunkId, Receipt, Segment};
use crate::encode::KnownKeys;
use crate::error::{Error, ErrorKind, Result};
use crate::observer::Observer;
use crate::plan::{Plan, TablePlan};

/// How far an earlier run came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether this plan's migration was begun before.
    pub resumed: bool,
    /// Whether it is complete: nothing is left to do.
    pub complete: bool,
    /// For each table that was split: its chunks with their receipts.
    pub tables: BTreeMap<ObjectName, Vec<(Chunk, Receipt)>>,
}

/// How a writer sends rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// As fast as possible; rows that the destination refuses fail the whole segment with
    /// [`DataRejected`](crate::ErrorKind::DataRejected).
    Fast,
    /// Each batch stands alone; rows that the destination refuses are found by bisecting and quarantined.
    Careful,
}

/// A database to write.
///
/// All methods may be called at the same time from several tasks, except [`begin`](Self::begin) and
/// [`complete`](Self::complete), which come first and last.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Creates what rows need (schemas, domains, tables without keys) and the ledger, or finds the ledger of an earlier
    /// run of the same plan. Holds off any other run until the sink is dropped or [`close`](Self::close)d.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if a table exists that no ledger of this plan accounts for, or if the
    /// ledger is another plan's; nothing was changed then.
    async fn begin(&self, plan: &Plan) -> Result<Progress>;

    /// Stores the split of a table: the first and only one, unless the table was [restarted](Self::restart); and up to where
    /// it will have been read, for later runs. Durable when it returns. After an error that may pass it is called again with the
    /// same chunks, and may find them stored.
    async fn register(
        &self,
        table: &ObjectName,
        chunks: &[Chunk],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()>;

    /// Reads the keys that were given before and that the plan asks for, as the destination lists them. Called before rows
    /// are read, and only where the plan asks for some.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the table that the plan names is not there, or is no such list.
    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        let _ = plan;
        Err(no_known_keys())
    }

    /// Empties a table whose stored chunks do not hold any more, and forgets its split, its receipts and its rows in
    /// quarantine, in one transaction. It is split anew afterwards.
    async fn restart(&self, table: &TablePlan) -> Result<()>;

    /// Opens a chunk for writing and fences every earlier writer of it: their commits will fail with
    /// [`Fenced`](crate::ErrorKind::Fenced). The returned receipt is the chunk's state at that moment; the caller reads on
    /// from its cursor.
    async fn writer(
        &self,
        table: &TablePlan,
        chunk: &ChunkId,
        mode: WriteMode,
    ) -> Result<(Box<dyn ChunkWriter>, Receipt)>;

    /// Creates what needs rows (keys, indexes, constraints, views, comments) and sets sequences, each step once, and
    /// marks the migration complete. Dropping the future gives up the steps that are under way; a later call does them.
    async fn complete(&self, plan: &Plan, observer: &dyn Observer) -> Result<Completion>;

    /// Whether somebody asked in the destination for the migration to pause. Asked now and then while rows are copied; what
    /// follows them pauses by itself, between two steps.
    async fn paused(&self) -> Result<bool> {
        Ok(false)
    }

    /// Lets go of everything that the sink holds in the destination.
    async fn close(&self) -> Result<()>;
}

/// What [`Sink::complete`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// Steps carried out now.
    pub steps: u64,
    /// Steps that could not be carried out, each with its statement's subject and the reason. The migration is not
    /// complete while there are any.
    pub failed: Vec<(String, String)>,
}

/// Writes rows of one chunk. Used by one task; dropping it aborts what was not committed.
#[async_trait]
pub trait ChunkWriter: Send {
    /// Sends a batch, quarantined rows included. May return before the destination has judged the rows.
    async fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Makes everything since the writer was opened durable together with the receipt, or nothing of it. Returns the
    /// chunk's whole receipt.
    ///
    /// # Errors
    /// [`Fenced`](crate::ErrorKind::Fenced) if another writer was opened for the chunk meanwhile. After a broken connection the
    /// outcome is unknown; opening the chunk again tells it.
    async fn commit(self: Box<Self>, segment: Segment) -> Result<Receipt>;

    /// Gives everything since the writer was opened up, and returns once the destination has forgotten it.
    async fn abort(self: Box<Self>) -> Result<()>;
}

/// The destination keeps no list of keys.
pub(crate) fn no_known_keys() -> Error {
    let message = "the plan takes keys from a table of the destination, which has no such tables";
    Error::destination(ErrorKind::Unsupported, message)
}
