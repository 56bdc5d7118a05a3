//! A movable view of an entry's inflated bytes, from which cells are borrowed.

use migrate_core::{Error, Result};

use super::inflate::EntryReader;
use crate::classify::corrupt;

/// Bytes that the view holds as long as no row is larger.
const USUAL: usize = 256 << 10;

/// The bytes from the current row on. Grows only as far as one row needs, and only as its bytes arrive.
pub(crate) struct Window {
    entry: EntryReader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the inflated entry the view begins.
    offset: u64,
}

impl Window {
    pub(crate) fn new(entry: EntryReader) -> Self {
        Self {
            entry,
            buffer: vec![0; USUAL],
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// What is in view.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the inflated entry the view begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Names the entry and its archive as the place of an error.
    pub(crate) fn place(&self, error: Error) -> Error {
        self.entry.place(error)
    }

    /// Leaves the first `n` bytes in view behind.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        self.start += n;
        self.offset += n as u64;
    }

    /// Brings at least `n` bytes into view. False if the entry ends before; it was verified then.
    pub(crate) fn need(&mut self, n: usize) -> Result<bool> {
        if self.end - self.start >= n {
            return Ok(true);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end < n {
            if self.end == self.buffer.len() {
                // Doubling keeps memory near to what has really arrived, whatever a length claims.
                let more = (self.buffer.len() * 2).min(n.max(USUAL));
                self.buffer.resize(more, 0);
            }
            let got = self.entry.pull(&mut self.buffer[self.end..])?;
            if got == 0 {
                return Ok(false);
            }
            self.end += got;
        }
        Ok(true)
    }

    /// Whether the entry could hold `n` bytes from the view's beginning on, as far as its directory promises.
    #[inline]
    pub(crate) fn can_hold(&self, n: u64) -> bool {
        n <= (self.end - self.start) as u64 + self.entry.promised()
    }

    /// Moves the view to an offset further on without looking at what is between.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<()> {
        while self.offset < offset {
            if self.start == self.end && !self.need(1)? {
                return Err(self.place(corrupt(format!(
                    "the entry ends before byte {offset}, where reading has to go on"
                ))));
            }
            let step = ((self.end - self.start) as u64).min(offset - self.offset);
            self.advance(step as usize);
        }
        Ok(())
    }

    /// Gives memory back that only one large row needed.
    pub(crate) fn relax(&mut self) {
        if self.buffer.len() > 4 * USUAL && self.end - self.start <= USUAL {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.buffer.truncate(USUAL);
            self.buffer.shrink_to_fit();
        }
    }
}
