//! What the server says to a query, faults included.

use std::ops::Range;
use std::sync::Arc;

use super::Column;
use super::row;
use super::token::{DONE_COUNT, DONE_ERROR, ServerError, columns, done, error};
use crate::bacpac::Cell;

/// A part of an answer.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Tokens.
    Tokens(Vec<u8>),
    /// Tokens that are kept elsewhere.
    Kept(Arc<Vec<u8>>, Range<usize>),
    /// What was said so far leaves, in a packet that is not the last.
    Flush,
    /// Silence, until the client cancels the query or goes.
    Stall,
    /// The connection is closed.
    Cut,
    /// It is closed within a packet, which has what was said so far.
    CutWithinPacket,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub(super) steps: Vec<Step>,
    /// Bytes after which the connection is closed.
    pub(super) cut_after: Option<usize>,
}

impl Answer {
    /// The statement was carried out, and that is all there is to say.
    pub fn done() -> Self {
        Self::default().tokens(done(0, 0))
    }

    /// The statement is refused.
    pub fn refused(reason: ServerError) -> Self {
        Self::default().and_error(reason)
    }

    /// A whole result.
    pub fn rows<'a>(columns: &[Column], rows: impl IntoIterator<Item = &'a [Cell]>) -> Self {
        let mut answer = Self::begun(columns);
        let mut tokens = Vec::new();
        let mut count = 0;
        for cells in rows {
            row::row(&mut tokens, columns, cells);
            count += 1;
        }
        answer.steps.push(Step::Tokens(tokens));
        answer.and_done(count)
    }

    /// A result of which only the columns were told.
    pub fn begun(of: &[Column]) -> Self {
        let mut tokens = Vec::new();
        columns(&mut tokens, of);
        Self::default().tokens(tokens)
    }

    /// One more row.
    #[must_use]
    pub fn and_row(self, columns: &[Column], cells: &[Cell]) -> Self {
        let mut tokens = Vec::new();
        row::row(&mut tokens, columns, cells);
        self.tokens(tokens)
    }

    /// Rows that were encoded before.
    pub(super) fn and_kept(mut self, rows: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        self.steps.push(Step::Kept(Arc::clone(rows), range));
        self
    }

    /// The end of a result.
    #[must_use]
    pub fn and_done(self, rows: u64) -> Self {
        self.tokens(done(DONE_COUNT, rows))
    }

    /// An error, and the end.
    #[must_use]
    pub fn and_error(self, reason: ServerError) -> Self {
        self.tokens([error(&reason), done(DONE_ERROR, 0)].concat())
    }

    /// What was said so far leaves.
    #[must_use]
    pub fn and_flush(self) -> Self {
        self.step(Step::Flush)
    }

    /// Then silence, until the client cancels the query or goes.
    #[must_use]
    pub fn and_stall(self) -> Self {
        self.step(Step::Flush).step(Step::Stall)
    }

    /// Then the connection is closed, between two packets.
    #[must_use]
    pub fn and_cut(self) -> Self {
        self.step(Step::Flush).step(Step::Cut)
    }

    /// Then the connection is closed within a packet.
    #[must_use]
    pub fn and_cut_within_packet(self) -> Self {
        self.step(Step::CutWithinPacket)
    }

    /// The same answer, but the connection is closed after so many bytes of it, wherever that is.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// The same tokens without the last of their bytes.
    #[must_use]
    pub fn without_last_bytes(mut self, count: usize) -> Self {
        if let Some(Step::Tokens(tokens)) = self.steps.last_mut() {
            tokens.truncate(tokens.len().saturating_sub(count));
        }
        self
    }

    fn tokens(self, tokens: Vec<u8>) -> Self {
        self.step(Step::Tokens(tokens))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
