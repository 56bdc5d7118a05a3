//! Filling a batch, value by value.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::rewrite::Pushed;
use super::{Batch, MAX_ROW_BYTES, Reject};
use crate::chunk::Cursor;
use crate::decode::{CopyReader, decode_cell, fields, value_to_json};
use crate::encode::{Changes, Refusal, RowEncoder, Scratch};
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

pub(super) const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Takes values in the order of the encoder's columns and makes batches of them.
///
/// For each row: [`begin_row`](Self::begin_row), one [`push`](Self::push) for each column, then
/// [`end_row`](Self::end_row), or [`skip_row`](Self::skip_row) at any point. A value that cannot be encoded makes
/// the whole row a [`Reject`]; it never ends the copying, and no row is lost without being counted.
#[derive(Debug)]
pub struct BatchBuilder {
    pub(super) encoder: Arc<RowEncoder>,
    target_bytes: usize,
    pub(super) batch: Batch,
    pub(super) scratch: Scratch,
    /// Bytes that the rejects keep, about.
    reject_bytes: usize,
    pub(super) row: Row,
}

/// The row that is being built.
#[derive(Debug, Default)]
pub(super) struct Row {
    open: bool,
    /// Where its bytes begin.
    pub(super) start: usize,
    /// Fields filled.
    pub(super) cells: usize,
    /// What its cells went through; counted only if the row is kept.
    pub(super) changes: Vec<(usize, Changes)>,
    pub(super) refused: Option<Refused>,
    /// The caller's first mistake.
    breach: Option<Error>,
}

/// A row with a value that cannot be written.
#[derive(Debug)]
pub(super) struct Refused {
    column: usize,
    reason: Cow<'static, str>,
    cells: Map<String, Json>,
}

impl BatchBuilder {
    /// A builder whose batches are full once they hold about `target_bytes`.
    pub fn new(encoder: Arc<RowEncoder>, target_bytes: usize) -> Self {
        Self {
            encoder,
            target_bytes,
            batch: Batch::default(),
            scratch: Scratch::default(),
            reject_bytes: 0,
            row: Row::default(),
        }
    }

    /// The encoder that was given.
    pub fn encoder(&self) -> &Arc<RowEncoder> {
        &self.encoder
    }

    /// Begins a row. A row that was begun before and not ended is given up, and [`end_row`](Self::end_row) says
    /// so.
    #[inline]
    pub fn begin_row(&mut self) {
        if self.row.open {
            self.breach("a row was begun before the one before it ended");
            self.drop_row();
        }
        let bytes = &mut self.batch.bytes;
        if bytes.capacity() == 0 {
            // Room for the row that makes the batch full, if it is an ordinary one.
            bytes.reserve_exact(self.target_bytes + self.target_bytes / 16);
        }
        self.row.open = true;
        self.row.start = bytes.len();
        self.row.cells = 0;
        bytes.extend_from_slice(&(self.encoder.compiled().len() as u16).to_be_bytes());
    }

    /// Adds the next column's value. It cannot fail: what cannot be encoded is kept as the reason to refuse the
    /// row.
    #[inline]
    pub fn push(&mut self, value: Value<'_>) {
        let index = self.row.cells;
        let Some(column) = self.encoder.compiled().get(index) else {
            self.row.cells += 1;
            return self.breach("a row has more values than the table has columns");
        };
        self.row.cells += column.width;
        if self.row.refused.is_some() || !self.row.open {
            return self.push_aside(index, value);
        }
        if column.rewritten {
            return self.push_rewritten(index, Pushed::Value(value));
        }
        let out = &mut self.batch.bytes;
        let start = out.len();
        // By reference all the way: a copy of a value that was just written in parts costs more than encoding it.
        let outcome = match &value {
            Value::Null if column.spec.nullable => {
                out.extend_from_slice(&NULL);
                return;
            }
            Value::Null => crate::encode::refuse("NULL in a column that takes none"),
            Value::Unsupported { reason, .. } => crate::encode::refuse((*reason).to_owned()),
            value => column.codec.encode(value, out, &mut self.scratch),
        };
        match outcome {
            Ok(()) => {
                if !self.scratch.changes.is_empty() {
                    self.row
                        .changes
                        .push((index, std::mem::take(&mut self.scratch.changes)));
                }
                if out.len() - start > LARGE_CELL_BYTES {
                    self.after_large_cell(index, start, value);
                }
            }
            Err(refusal) => self.refuse_value(index, start, value, *refusal),
        }
    }

    /// Ends the row. `key` says where the source has it and is asked only if the row is refused.
    ///
    /// # Errors
    /// `Internal` if the caller broke the rules: another number of values than columns, values of another kind than the
    /// column declares, rows that overlap. The row is then gone, and the copying must end.
    #[inline]
    pub fn end_row(&mut self, key: impl FnOnce() -> String) -> Result<()> {
        let row = &mut self.row;
        if !row.open || row.breach.is_some() || row.cells != self.encoder.compiled().len() {
            return Err(self.broken_row());
        }
        let bytes = &mut self.batch.bytes;
        if row.refused.is_some() || bytes.len() - row.start > MAX_ROW_BYTES {
            return self.reject_row(key);
        }
        row.open = false;
        row.cells = 0;
        self.batch.digest.add_row(&bytes[row.start..]);
        self.batch.ends.push(bytes.len());
        for (column, changes) in row.changes.drain(..) {
            changes.iter().for_each(|c| self.batch.conversions.add(column, c));
        }
        Ok(())
    }

    /// Gives up the row that was begun, and counts it as left out by the plan's `where`.
    pub fn skip_row(&mut self) {
        if !self.row.open {
            return self.breach("a row was skipped that was not begun");
        }
        self.drop_row();
        self.batch.filtered += 1;
    }

    /// Gives up the row that was begun, if one was, as though it never had been: the source broke off in the middle of
    /// it and will deliver it again. It is not counted anywhere.
    pub fn abandon_row(&mut self) {
        if self.row.open {
            self.drop_row();
        }
    }

    /// Adds a row that is a COPY tuple already, as a PostgreSQL source delivers it: with a field for each value that
    /// would be pushed. Where keys are rewritten, the other fields stay as they are.
    ///
    /// # Errors
    /// `Internal` if a row is open or the tuple has another number of fields; `Corrupt` if it is damaged.
    pub fn push_tuple(&mut self, tuple: &[u8]) -> Result<()> {
        if self.row.open {
            return Err(contract("a whole row came inside another"));
        }
        if self.encoder.rewrites() {
            return self.push_fields(tuple);
        }
        let mut count = 0;
        for field in fields(tuple) {
            field?;
            count += 1;
        }
        if count != self.encoder.compiled().len() {
            return Err(contract(
                "a whole row has another number of fields than the table has columns",
            ));
        }
        self.batch.bytes.extend_from_slice(tuple);
        self.batch.digest.add_row(tuple);
        self.batch.ends.push(self.batch.bytes.len());
        Ok(())
    }

    /// Adds the rows that a piece of a COPY BINARY stream completes. The stream is walked once, by its reader.
    ///
    /// # Errors
    /// `Internal` if a row is open or the stream has another number of columns; `Corrupt` if it is damaged.
    pub fn push_stream(&mut self, stream: &mut CopyReader, piece: &[u8]) -> Result<()> {
        if self.row.open {
            return Err(contract("whole rows came inside another"));
        }
        if stream.columns() != self.encoder.compiled().len() {
            return Err(contract(
                "whole rows have another number of fields than the table has columns",
            ));
        }
        let Batch {
            bytes, ends, digest, ..
        } = &mut self.batch;
        if bytes.capacity() == 0 {
            bytes.reserve_exact(self.target_bytes + piece.len());
        }
        stream.read(piece, |tuple| {
            bytes.extend_from_slice(tuple);
            digest.add_row(tuple);
            ends.push(bytes.len());
            Ok(())
        })
    }

    /// Whether the batch should be taken before more rows are added.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.batch.bytes.len() + self.reject_bytes >= self.target_bytes
    }

    /// Notes the place in the source after the last row added.
    pub fn set_cursor(&mut self, cursor: Cursor) {
        self.batch.cursor = Some(cursor);
    }

    /// Takes the rows added so far; the builder begins anew.
    ///
    /// # Errors
    /// `Internal` if a row is open or the caller broke the rules without ending the row.
    pub fn take(&mut self) -> Result<Batch> {
        if let Some(error) = self.row.breach.take() {
            return Err(error);
        }
        if self.row.open {
            return Err(contract("a batch was taken in the middle of a row"));
        }
        self.reject_bytes = 0;
        Ok(std::mem::take(&mut self.batch))
    }

    /// Gives back a batch that is not needed any more, so that its memory serves the next one.
    pub fn recycle(&mut self, batch: Batch) {
        let unused = self.batch.bytes.is_empty() && self.batch.ends.is_empty();
        // An unusually large row must not keep its memory for ever.
        if unused && batch.bytes.capacity() <= 2 * self.target_bytes {
            let Batch {
                mut bytes, mut ends, ..
            } = batch;
            bytes.clear();
            ends.clear();
            (self.batch.bytes, self.batch.ends) = (bytes, ends);
        }
    }

    /// Deals with a value whose row is refused already, or was never begun.
    #[cold]
    pub(super) fn push_aside(&mut self, index: usize, value: Value<'_>) {
        match (&mut self.row.refused, self.encoder.compiled().get(index)) {
            (Some(refused), Some(column)) => {
                self.reject_bytes += size_of_value(&value);
                refused
                    .cells
                    .insert(column.spec.name.clone(), value_to_json(value));
            }
            _ => self.breach("a value came outside a row"),
        }
    }

    /// Gives scratch memory back, and keeps a row of many large cells from growing without bound.
    #[cold]
    pub(super) fn after_large_cell(&mut self, index: usize, start: usize, value: Value<'_>) {
        self.scratch.trim();
        let needed = self.batch.bytes.len() - self.row.start;
        if needed > MAX_ROW_BYTES {
            self.refuse_value(index, start, value, Refusal::Value(too_large_row(needed)));
        }
    }

    /// Turns the row into a refused one: the cells before this one are decoded again.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_value(&mut self, index: usize, start: usize, value: Value<'_>, refusal: Refusal) {
        self.scratch.changes = Changes::default();
        self.scratch.trim();
        self.batch.bytes.truncate(start);
        let reason = match refusal {
            Refusal::Value(reason) => reason,
            Refusal::Kind => {
                let spec = &self.encoder.compiled()[index].spec;
                let error =
                    contract("a value is of another kind than its column declares").at("column", &spec.name);
                self.row.breach.get_or_insert(error);
                return;
            }
        };
        let cells = self.decoded_cells();
        self.row.refused = Some(Refused {
            column: index,
            reason,
            cells,
        });
        self.push_aside(index, value);
    }

    /// The cells encoded so far, read back, and taken out of the batch.
    fn decoded_cells(&mut self) -> Map<String, Json> {
        let mut cells = Map::new();
        let row = &self.batch.bytes[self.row.start..];
        self.reject_bytes += row.len();
        // The count says how many fields the whole row would have; the cells that are there come first.
        for (column, field) in self.encoder.compiled().iter().zip(fields(row)) {
            let Ok(field) = field else { break };
            let json = field.map_or(Json::Null, |bytes| {
                decode_cell(&column.spec.ty, bytes).unwrap_or_else(|_| value_to_json(Value::Encoded(bytes)))
            });
            cells.insert(column.spec.name.clone(), json);
        }
        self.batch.bytes.truncate(self.row.start);
        cells
    }

    /// Ends a refused row.
    #[cold]
    #[inline(never)]
    fn reject_row(&mut self, key: impl FnOnce() -> String) -> Result<()> {
        let refused = match self.row.refused.take() {
            Some(refused) => refused,
            None => self.oversized(),
        };
        self.drop_row();
        self.batch.rejects.push(Reject {
            column: self.encoder.compiled()[refused.column].spec.name.clone(),
            reason: refused.reason.into_owned(),
            key: key(),
            row: Json::Object(refused.cells),
        });
        Ok(())
    }

    /// Refuses the whole row for its size, in the name of its largest cell.
    fn oversized(&mut self) -> Refused {
        let row = &self.batch.bytes[self.row.start..];
        let sizes = fields(row)
            .map(|f| f.ok().flatten().map_or(0, <[u8]>::len))
            .enumerate();
        let column = sizes.max_by_key(|(_, len)| *len).map_or(0, |(i, _)| i);
        let reason = too_large_row(row.len());
        Refused {
            column,
            reason,
            cells: self.decoded_cells(),
        }
    }

    /// Takes the open row out of the batch.
    fn drop_row(&mut self) {
        self.batch.bytes.truncate(self.row.start);
        self.row.open = false;
        self.row.cells = 0;
        self.row.refused = None;
        self.row.changes.clear();
    }

    #[cold]
    fn breach(&mut self, what: &str) {
        self.row.breach.get_or_insert_with(|| contract(what));
    }

    #[cold]
    #[inline(never)]
    fn broken_row(&mut self) -> Error {
        let open = self.row.open;
        if open {
            self.drop_row();
        }
        match self.row.breach.take() {
            Some(error) => error,
            None if open => contract("a row has fewer values than the table has columns"),
            None => contract("a row was ended that was not begun"),
        }
    }
}

/// Cells above this many bytes may leave large scratch buffers behind.
pub(super) const LARGE_CELL_BYTES: usize = 1 << 20;

fn too_large_row(bytes: usize) -> Cow<'static, str> {
    format!("the row needs at least {bytes} bytes, and a PostgreSQL row holds {MAX_ROW_BYTES}").into()
}

pub(super) fn contract(what: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("a source broke the rules of encoding: {what}"),
    )
}

/// Bytes that the value keeps alive, about.
fn size_of_value(value: &Value<'_>) -> usize {
    match value {
        Value::Text(s) | Value::Json(s) => s.len(),
        Value::Utf16(b) | Value::Bytes(b) | Value::Encoded(b) | Value::Unsupported { bytes: b, .. } => {
            b.len()
        }
        Value::Array(values) => values.iter().map(size_of_value).sum(),
        _ => 16,
    }
}
