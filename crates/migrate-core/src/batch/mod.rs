//! Rows on their way to the destination: encoded once, in one buffer, with what was changed and what was refused.

mod builder;
mod conversions;
mod rewrite;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use builder::BatchBuilder;
pub use conversions::ConversionCounts;

use crate::chunk::Cursor;
use crate::digest::Digest;

/// What a COPY BINARY stream begins with: the signature, no flags, no extension.
pub const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What a COPY BINARY stream ends with: a tuple of -1 fields.
pub const COPY_TRAILER: [u8; 2] = [0xFF, 0xFF];

/// The largest row, in bytes of its COPY tuple: PostgreSQL forms, sends and receives a row as one piece of memory
/// of less than 1 GiB.
pub const MAX_ROW_BYTES: usize = 0x3fff_ffff - 512;

/// Writes tuples, such as [`Batch::bytes`], as a file that `COPY ... FROM ... (FORMAT binary)` reads.
pub fn write_copy_file(out: &mut impl io::Write, tuples: &[u8]) -> io::Result<()> {
    out.write_all(&COPY_HEADER)?;
    out.write_all(tuples)?;
    out.write_all(&COPY_TRAILER)
}

/// A row that PostgreSQL has no place for, as quarantine keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The column whose value was refused.
    pub column: String,
    /// Why. It never holds the value.
    pub reason: String,
    /// Where the source has the row, in the source's words.
    pub key: String,
    /// The row, a member for each column.
    pub row: serde_json::Value,
}

/// Rows already encoded, back to back, as COPY BINARY tuples: a 16-bit field count, then for each field a 32-bit
/// length and its bytes. The stream's header and trailer are not part of it.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    digest: Digest,
    /// Rows that were refused; they are not among the rows.
    pub rejects: Vec<Reject>,
    /// Rows that the plan's `where` left out; they are not among the rows either.
    pub filtered: u64,
    /// How often the rows' values were changed, by column and rule.
    pub conversions: ConversionCounts,
    /// The place in the source after the last row, if the reader told.
    pub cursor: Option<Cursor>,
}

impl Batch {
    /// How many rows there are to write.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing to write, to quarantine or to count.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.rejects.is_empty() && self.filtered == 0
    }

    /// Rows that the source delivered: written, refused and left out.
    pub fn read(&self) -> u64 {
        self.ends.len() as u64 + self.rejects.len() as u64 + self.filtered
    }

    /// All tuples, back to back.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All tuples, back to back, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The count and hash of the rows.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// One tuple.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> &[u8] {
        self.slice(index..index + 1)
    }

    /// Neighbouring tuples, for sending again a part of a batch that was refused.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn slice(&self, rows: Range<usize>) -> &[u8] {
        &self.bytes[self.start_of(rows.start)..self.start_of(rows.end)]
    }

    /// The digest of neighbouring rows.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn digest_of(&self, rows: Range<usize>) -> Digest {
        let mut digest = Digest::default();
        rows.for_each(|i| digest.add_row(self.row(i)));
        digest
    }

    /// One row's hash, as the digest sums it.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_hash(&self, index: usize) -> u128 {
        Digest::hash_row(self.row(index))
    }

    /// The tuples in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.rows()).map(|i| self.row(i))
    }

    fn start_of(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}
