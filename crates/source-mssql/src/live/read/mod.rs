//! Reading a chunk's rows in the order of its key, and going on after the last one delivered, whatever happened to the
//! connection.
//!
//! # Consistency
//! Where the database allows it, a chunk is read in one transaction under SNAPSHOT: all its rows are of one moment. The
//! transaction lives as long as its connection, so that a chunk that lost it goes on in a new one, at a later moment: rows
//! before the cursor are of the first moment, rows behind it of the second. Elsewhere a chunk is read under READ COMMITTED.
//! Different chunks are of different moments in any case; each says between which positions of the database's history
//! it was read. `NOLOCK` is never used.

pub(crate) mod ask;
mod chunk_reader;
pub(crate) mod key;
pub(crate) mod literal;
pub(crate) mod native;
pub(crate) mod patience;
pub(crate) mod position;
pub(crate) mod question;
pub(crate) mod range;
pub(crate) mod select;
pub(crate) mod sessions;
mod target;
pub(crate) mod token;
mod variant;

pub(crate) use chunk_reader::{Reading, TableReader};

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
