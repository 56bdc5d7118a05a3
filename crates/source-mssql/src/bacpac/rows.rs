//! Rows out of a part file: where each cell lies, and what it says.

use migrate_core::value::Value;
use migrate_core::{Error, Result};

use super::cells::Decoder;
use super::layout::{CellLayout, LayoutChoice, StoredColumn};
use super::window::Window;
use crate::classify::corrupt;
use crate::clr::lend::{Reason, Scratch};

/// A table's layout, compiled: one for each table and choice, shared by its readers.
#[derive(Debug, Clone)]
pub(crate) struct RowLayout {
    table: String,
    names: Vec<String>,
    cells: Vec<CellLayout>,
    decoders: Vec<Decoder>,
}

impl RowLayout {
    pub(crate) fn new(table: &str, columns: &[StoredColumn], choice: LayoutChoice) -> Self {
        Self {
            table: table.to_owned(),
            names: columns.iter().map(|c| c.name.clone()).collect(),
            cells: columns.iter().map(|c| CellLayout::of(c, choice)).collect(),
            decoders: columns.iter().map(|c| Decoder::of(c, choice)).collect(),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.cells.len()
    }
}

/// Where a cell's body lies, counted from the row's first byte.
#[derive(Debug, Clone, Copy)]
struct Span {
    at: usize,
    /// [`NULL`], or the body's length.
    length: usize,
}

const NULL: usize = usize::MAX;

/// Goes through the rows of one part. Reading borrows from its window, so a row's cells live until the next row.
pub(crate) struct Rows {
    layout: RowLayout,
    window: Window,
    spans: Vec<Span>,
    scratch: Scratch,
    /// Rows before the current one.
    row: u64,
    /// Bytes of the current row; 0 before the first.
    length: usize,
}

impl Rows {
    pub(crate) fn new(layout: RowLayout, window: Window) -> Self {
        let spans = vec![Span { at: 0, length: NULL }; layout.width()];
        Self {
            layout,
            window,
            spans,
            scratch: Scratch::default(),
            row: 0,
            length: 0,
        }
    }

    /// Goes on at a row that begins at `offset`.
    pub(crate) fn resume(&mut self, row: u64, offset: u64) -> Result<()> {
        self.window.skip_to(offset)?;
        self.row = row;
        Ok(())
    }

    /// Rows passed so far, the current one included.
    pub(crate) fn passed(&self) -> u64 {
        self.row + u64::from(self.length > 0)
    }

    /// Where the next row begins.
    pub(crate) fn next_offset(&self) -> u64 {
        self.window.offset() + self.length as u64
    }

    /// Names the part and its file as the place of an error.
    pub(crate) fn place(&self, error: Error) -> Error {
        self.window.place(error)
    }

    /// Moves to the next row. False at the part's end, which was verified then.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<bool> {
        if self.length > 0 {
            self.window.advance(self.length);
            self.row += 1;
            self.length = 0;
        }
        if self.window.bytes().is_empty() {
            self.window.relax();
            if !self.window.need(1)? {
                return Ok(false);
            }
        }
        let mut at = 0;
        for column in 0..self.layout.cells.len() {
            let cell = self.layout.cells[column];
            let prefix = usize::from(cell.prefix);
            let length = if prefix == 0 {
                cell.min as usize
            } else {
                if self.window.bytes().len() < at + prefix {
                    self.bring(column, at, prefix)?;
                }
                match length_of(&self.window.bytes()[at..], cell) {
                    Ok(length) => length,
                    Err(reason) => return Err(self.wrong(column, at, reason)),
                }
            };
            at += prefix;
            self.spans[column] = Span { at, length };
            if length != NULL {
                if self.window.bytes().len() < at + length {
                    self.bring(column, at, length)?;
                }
                at += length;
            }
        }
        if at == 0 {
            return Err(self.wrong(0, 0, "a row without any byte".to_owned()));
        }
        self.length = at;
        Ok(true)
    }

    /// Gives the value of a column of the current row to `then`.
    #[inline]
    pub(crate) fn value<R>(&mut self, column: usize, then: impl FnOnce(Value<'_>) -> R) -> Result<R> {
        let Span { at, length } = self.spans[column];
        if length == NULL {
            return Ok(then(Value::Null));
        }
        let body = &self.window.bytes()[at..at + length];
        match self.layout.decoders[column].decode(body, &mut self.scratch, then) {
            Ok(done) => Ok(done),
            Err(reason) => Err(wrong(&self.layout, &self.window, self.row, column, at, reason)),
        }
    }

    /// The offset from UTC of a `datetimeoffset` of the current row: the last two bytes of its body.
    pub(crate) fn utc_offset(&self, column: usize) -> Value<'_> {
        let Span { at, length } = self.spans[column];
        if length == NULL {
            return Value::Null;
        }
        match self.window.bytes()[at..at + length].last_chunk() {
            Some(minutes) => Value::Int16(i16::from_le_bytes(*minutes)),
            None => Value::Null,
        }
    }

    /// Checks every value of the current row.
    pub(crate) fn check(&mut self) -> Result<()> {
        for column in 0..self.spans.len() {
            self.value(column, |_| ())?;
        }
        Ok(())
    }

    #[cold]
    fn bring(&mut self, column: usize, at: usize, n: usize) -> Result<()> {
        // Asked before any memory is set aside: a length that the part cannot hold is wrong.
        if !self.window.can_hold((at as u64).saturating_add(n as u64)) {
            return Err(self.wrong(
                column,
                at,
                format!("the part ends before the {n} bytes that follow here"),
            ));
        }
        if !self.window.need(at + n)? {
            return Err(self.wrong(column, at, "the part ends inside of a row".to_owned()));
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self, column: usize, at: usize, reason: Reason) -> Error {
        wrong(&self.layout, &self.window, self.row, column, at, reason)
    }
}

#[cold]
fn wrong(layout: &RowLayout, window: &Window, row: u64, column: usize, at: usize, reason: Reason) -> Error {
    let error = corrupt(reason)
        .at("byte", window.offset() + at as u64)
        .at("row", row + 1)
        .at("column", layout.names.get(column).map_or("", String::as_str))
        .at("table", &layout.table);
    window.place(error)
}

/// Reads a length prefix: [`NULL`], or a length that the column can have. The prefix's bytes are there.
#[inline]
fn length_of(bytes: &[u8], cell: CellLayout) -> Result<usize, Reason> {
    let (length, null) = match cell.prefix {
        1 => (u64::from(bytes[0]), u64::from(u8::MAX)),
        2 => (
            u64::from(u16::from_le_bytes([bytes[0], bytes[1]])),
            u64::from(u16::MAX),
        ),
        4 => (
            u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            u64::from(u32::MAX),
        ),
        _ => {
            let mut wide = [0; 8];
            wide.copy_from_slice(&bytes[..8]);
            (u64::from_le_bytes(wide), u64::MAX)
        }
    };
    if length >= cell.min && length <= cell.max && !(cell.units && length % 2 == 1) {
        return Ok(length as usize);
    }
    Err(match length {
        n if n == null && cell.nullable => return Ok(NULL),
        n if n == null => "NULL in a column that is NOT NULL".to_owned(),
        n if n < cell.min || n > cell.max => {
            format!(
                "a length of {n} bytes, where the column's type has {} to {}",
                cell.min, cell.max
            )
        }
        n => format!("{n} bytes of text, which is not a whole number of UTF-16 units"),
    })
}
