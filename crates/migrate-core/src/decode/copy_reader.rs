//! A COPY BINARY stream, cut back into tuples wherever the chunks of it begin and end.

use crate::batch::COPY_HEADER;
use crate::encode::MAX_FIELD_BYTES;
use crate::error::Result;

use super::{damaged, split_field};

/// An incremental reader of a COPY BINARY stream (PostgreSQL's documentation of COPY, "Binary Format").
///
/// Memory is bounded by the largest tuple: tuples that lie whole in a chunk are not copied.
#[derive(Debug)]
pub struct CopyReader {
    columns: usize,
    state: State,
    /// The beginning of what was cut off by the end of a chunk.
    partial: Vec<u8>,
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Signature, flags and the length of the header's extension.
    Header,
    /// So many bytes of the extension are left.
    Extension(usize),
    Tuples,
    /// The trailer has been read.
    Done,
}

/// What the beginning of a buffer holds.
enum Piece {
    /// A whole tuple of so many bytes.
    Tuple(usize),
    Trailer,
    /// Not enough; at least so many bytes are needed.
    Incomplete(usize),
}

impl CopyReader {
    /// A reader of tuples with so many columns.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            state: State::Header,
            partial: Vec::new(),
            rows: 0,
        }
    }

    /// Columns of each tuple.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Tuples read so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads the next chunk of the stream, of any length, and hands over each tuple that it completes.
    ///
    /// # Errors
    /// `Corrupt` if the stream is not COPY BINARY or a tuple has another number of columns, and whatever `each` returns.
    /// The reader is of no use after an error.
    pub fn read(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        loop {
            match self.state {
                State::Header => {
                    if !self.complete(&mut chunk, COPY_HEADER.len()) {
                        return Ok(());
                    }
                    self.state = State::Extension(extension(&self.partial)?);
                }
                State::Extension(left) => {
                    let skipped = left.min(chunk.len());
                    chunk = &chunk[skipped..];
                    if skipped < left {
                        self.state = State::Extension(left - skipped);
                        return Ok(());
                    }
                    self.partial.clear();
                    self.state = State::Tuples;
                }
                State::Tuples => {
                    if !self.partial.is_empty() && !self.finish_partial(&mut chunk, &mut each)? {
                        return Ok(());
                    }
                    if self.state == State::Tuples {
                        self.whole_tuples(&mut chunk, &mut each)?;
                        if self.state == State::Tuples {
                            self.partial.extend_from_slice(chunk);
                            return Ok(());
                        }
                    }
                }
                State::Done if chunk.is_empty() => return Ok(()),
                State::Done => return Err(self.fault("something follows the end")),
            }
        }
    }

    /// Says that the stream has ended.
    ///
    /// # Errors
    /// `Corrupt` if it ended early.
    pub fn finish(self) -> Result<u64> {
        match self.state {
            State::Done => Ok(self.rows),
            _ => Err(self.fault("the stream ends early")),
        }
    }

    /// Moves bytes over until `partial` has `len` of them; false if the chunk has not enough.
    fn complete(&mut self, chunk: &mut &[u8], len: usize) -> bool {
        let missing = len.saturating_sub(self.partial.len()).min(chunk.len());
        let (moved, rest) = chunk.split_at(missing);
        self.partial.extend_from_slice(moved);
        *chunk = rest;
        self.partial.len() >= len
    }

    /// Completes the tuple that earlier chunks began; false if this one does not complete it either.
    fn finish_partial(
        &mut self,
        chunk: &mut &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        loop {
            match self.piece(&self.partial)? {
                Piece::Tuple(_) => {
                    self.rows += 1;
                    each(&self.partial)?;
                    self.partial.clear();
                    return Ok(true);
                }
                Piece::Trailer => {
                    self.partial.clear();
                    self.state = State::Done;
                    return Ok(true);
                }
                Piece::Incomplete(needed) => {
                    if !self.complete(chunk, needed) {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Hands over the tuples that lie whole in the chunk.
    fn whole_tuples(&mut self, chunk: &mut &[u8], each: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        loop {
            match self.piece(chunk)? {
                Piece::Tuple(len) => {
                    let (tuple, rest) = chunk.split_at(len);
                    self.rows += 1;
                    each(tuple)?;
                    *chunk = rest;
                }
                Piece::Trailer => {
                    *chunk = &chunk[2..];
                    self.state = State::Done;
                    return Ok(());
                }
                Piece::Incomplete(_) => return Ok(()),
            }
        }
    }

    /// Looks at the beginning of the bytes without going past the first incomplete field.
    fn piece(&self, bytes: &[u8]) -> Result<Piece> {
        let Some((count, mut rest)) = bytes.split_first_chunk::<2>() else {
            return Ok(Piece::Incomplete(2));
        };
        match i16::from_be_bytes(*count) {
            -1 => return Ok(Piece::Trailer),
            n if usize::try_from(n) == Ok(self.columns) => {}
            _ => return Err(self.fault("a row has another number of columns than the table")),
        }
        for _ in 0..self.columns {
            match split_field(rest) {
                Some((_, tail)) => rest = tail,
                None => {
                    let at = bytes.len() - rest.len();
                    let Some((len, _)) = rest.split_first_chunk::<4>() else {
                        return Ok(Piece::Incomplete(at + 4));
                    };
                    return match usize::try_from(i32::from_be_bytes(*len)) {
                        Ok(len) if len <= MAX_FIELD_BYTES + 1024 => Ok(Piece::Incomplete(at + 4 + len)),
                        _ => Err(self.fault("a field has an impossible length")),
                    };
                }
            }
        }
        Ok(Piece::Tuple(bytes.len() - rest.len()))
    }

    fn fault(&self, what: &str) -> crate::Error {
        damaged(what).at("row", self.rows)
    }
}

/// The length of the header's extension, if the header is one that can be read.
fn extension(header: &[u8]) -> Result<usize> {
    // Signature, then flags of which the upper half says that the reader must know them, then the length.
    let (signature, rest) = header.split_at(11);
    if signature != &COPY_HEADER[..11] {
        return Err(damaged("it does not begin with the signature of COPY BINARY"));
    }
    let word = |at: usize| {
        rest.get(at..at + 4)
            .and_then(|w| w.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    };
    if word(0) >> 16 != 0 {
        return Err(damaged("its header asks for something unknown"));
    }
    match i32::try_from(word(4)) {
        Ok(len) => Ok(len as usize),
        Err(_) => Err(damaged("its header has an impossible length")),
    }
}
