//! Units of copying, and the receipts that say they were copied.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectName;
use crate::digest::Digest;

/// A place inside a chunk, between two rows. Its text belongs to the source; nobody else looks inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A place in a source's history. Its text belongs to the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub String);

/// Up to where a table was read: what its source needs to find out later which rows changed since. Its text belongs to
/// the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub String);

/// The source positions between which a chunk was read, for change capture to start from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Before the first row was read.
    pub from: Option<Position>,
    /// After the last row was read.
    pub to: Option<Position>,
}

/// Which chunk of which table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChunkId {
    /// The table, by its source name.
    pub table: ObjectName,
    /// Counted from 0 in the order of the split.
    pub ordinal: u32,
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.table, self.ordinal)
    }
}

/// A part of a table that one worker copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which.
    pub id: ChunkId,
    /// What the source needs to find it again. Its text belongs to the source.
    pub token: String,
    /// Rows in it, as far as known.
    pub rows: Option<u64>,
    /// Bytes in it, as far as known; larger chunks go first.
    pub bytes: Option<u64>,
}

/// How fine a split should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkGoal {
    /// Source bytes that one chunk should hold, about.
    pub bytes: u64,
    /// Chunks that a table should not exceed.
    pub max_chunks: u32,
}

impl Default for ChunkGoal {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            max_chunks: 10_000,
        }
    }
}

/// What was done since the chunk's previous receipt, before it is made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Rows that the source delivered: written, quarantined and filtered ones.
    pub read: u64,
    /// Rows that the plan's `where` left out.
    pub filtered: u64,
    /// Where to go on reading; `None` at the chunk's end.
    pub cursor: Option<Cursor>,
    /// Whether the chunk is complete with this segment.
    pub done: bool,
    /// The positions between which it was read.
    pub window: Window,
    /// How often values of which column were changed by which rule.
    pub conversions: ConversionTotals,
}

/// Counts by column and conversion name.
pub type ConversionTotals = std::collections::BTreeMap<String, std::collections::BTreeMap<String, u64>>;

/// Adds `more` to `total`.
pub fn add_conversions(total: &mut ConversionTotals, more: &ConversionTotals) {
    for (column, counts) in more {
        let entry = total.entry(column.clone()).or_default();
        for (name, n) in counts {
            *entry.entry(name.clone()).or_default() += n;
        }
    }
}

/// A chunk's state as the destination remembers it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Rows read so far.
    pub read: u64,
    /// Rows left out by the plan's `where` so far.
    pub filtered: u64,
    /// Rows in quarantine so far.
    pub quarantined: u64,
    /// Rows written so far, and their digest.
    pub digest: Digest,
    /// Bytes of tuples written so far.
    pub bytes: u64,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// Whether the chunk is complete.
    pub done: bool,
    /// How often values were changed by which rule.
    pub conversions: ConversionTotals,
}

impl Receipt {
    /// Whether every row read is accounted for: written, quarantined or filtered.
    pub fn balances(&self) -> bool {
        self.read == self.digest.rows + self.quarantined + self.filtered
    }

    /// Adds another chunk's receipt, for a table's total.
    pub fn merge(&mut self, other: &Self) {
        self.read += other.read;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
        self.digest.merge(&other.digest);
        self.bytes += other.bytes;
        self.done &= other.done;
        add_conversions(&mut self.conversions, &other.conversions);
    }
}
