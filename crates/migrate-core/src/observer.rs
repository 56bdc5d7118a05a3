//! Watching a run.

use std::time::Duration;

use crate::catalog::ObjectName;
use crate::chunk::ChunkId;

/// Something that happened. Never carries a row's values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Tables were created, or those of an earlier run found.
    Began {
        /// Whether an earlier run is continued.
        resumed: bool,
    },
    /// A table's chunks are known.
    TableQueued {
        /// The table, by its source name.
        table: ObjectName,
        /// Chunks that are left to copy.
        chunks: usize,
        /// Rows in the source, as far as known.
        rows: Option<u64>,
        /// Rows already copied by earlier runs.
        rows_done: u64,
    },
    /// What an earlier run copied of a table does not hold any more, because its source changed: it begins anew.
    TableRestarted {
        /// The table, by its source name.
        table: ObjectName,
    },
    /// A batch was handed to the destination; not durable yet.
    Written {
        /// The chunk.
        chunk: ChunkId,
        /// Rows in the batch.
        rows: u64,
        /// Bytes of tuples in the batch.
        bytes: u64,
        /// Rows of the batch that go to quarantine.
        quarantined: u64,
    },
    /// Rows that were reported as written were given up and will be written again.
    TakenBack {
        /// The chunk.
        chunk: ChunkId,
        /// Rows.
        rows: u64,
        /// Bytes of tuples.
        bytes: u64,
        /// Rows that were to go to quarantine.
        quarantined: u64,
    },
    /// Rows up to here are durable.
    Committed {
        /// The chunk.
        chunk: ChunkId,
        /// Whether the chunk is complete.
        done: bool,
    },
    /// Something failed and is tried again.
    Retrying {
        /// What was being done: a chunk, a table, a step.
        what: String,
        /// What failed.
        reason: String,
        /// How long to wait before.
        after: Duration,
    },
    /// All chunks of a table are copied.
    TableDone {
        /// The table, by its source name.
        table: ObjectName,
    },
    /// Somebody asked for a pause: whatever can go on later stops at the next commit.
    Paused,
    /// The pause is over.
    Resumed,
    /// A step after the rows begins: a key, an index, a constraint.
    StepStarted {
        /// What it makes.
        step: String,
    },
    /// The step is done.
    StepDone {
        /// What it made.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// Steps to come, with how many there are.
    Steps {
        /// How many.
        total: usize,
    },
}

/// Receives events. Called from many tasks; must return quickly.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}
