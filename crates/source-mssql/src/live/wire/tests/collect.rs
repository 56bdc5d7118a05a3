//! Rows that own their values, for comparison.

use migrate_core::value::Value;
use migrate_core::{Error, ErrorKind, Result};

use super::super::{Flow, RowTarget};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    Decimal(i128, i16),
    Text(String),
    /// UTF-16 that is no valid text.
    Units(Vec<u8>),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    Date(i32),
    Time(i64),
    Timestamp(i32, i64),
    TimestampTz(i32, i64),
    Unsupported(String),
}

pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

impl From<Value<'_>> for Cell {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(v) => Self::Bool(v),
            Value::Int16(v) => Self::Int16(v),
            Value::Int32(v) => Self::Int32(v),
            Value::Int64(v) => Self::Int64(v),
            Value::Float32(v) => Self::Float32(v),
            Value::Float64(v) => Self::Float64(v),
            Value::Decimal { unscaled, scale } => Self::Decimal(unscaled, scale),
            Value::Text(v) => Self::Text(v.to_owned()),
            Value::Utf16(v) => {
                let units: Vec<u16> = v
                    .chunks_exact(2)
                    .map(|u| u16::from_le_bytes([u[0], u[1]]))
                    .collect();
                String::from_utf16(&units).map_or_else(|_| Self::Units(v.to_vec()), Self::Text)
            }
            Value::Bytes(v) => Self::Bytes(v.to_vec()),
            Value::Uuid(v) => Self::Uuid(v),
            Value::Date(v) => Self::Date(v),
            Value::Time(v) => Self::Time(v),
            Value::Timestamp { days, nanos } => Self::Timestamp(days, nanos),
            Value::TimestampTz { days, nanos } => Self::TimestampTz(days, nanos),
            Value::Unsupported { reason, .. } => Self::Unsupported(reason.to_owned()),
            other => panic!("no driver delivers {other:?}"),
        }
    }
}

/// Collects rows, pausing after every `pause_after` of them.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Vec<Cell>>,
    pause_after: Option<usize>,
    /// Refuses the row that makes so many.
    refuse_at: Option<usize>,
    open: Option<Vec<Cell>>,
}

impl Rows {
    pub(super) fn pausing_after(rows: usize) -> Self {
        Self {
            pause_after: Some(rows),
            ..Self::default()
        }
    }

    pub(super) fn refusing_at(row: usize) -> Self {
        Self {
            refuse_at: Some(row),
            ..Self::default()
        }
    }
}

impl RowTarget for Rows {
    fn begin(&mut self) {
        assert!(
            self.open.replace(Vec::new()).is_none(),
            "a row was begun within a row"
        );
    }

    fn value(&mut self, value: Value<'_>) {
        self.open.as_mut().expect("a row was begun").push(value.into());
    }

    fn end(&mut self) -> Result<Flow> {
        self.rows.push(self.open.take().expect("a row was begun"));
        if self.refuse_at == Some(self.rows.len()) {
            return Err(Error::new(ErrorKind::Internal, "no more"));
        }
        Ok(match self.pause_after {
            Some(n) if self.rows.len().is_multiple_of(n) => Flow::Pause,
            _ => Flow::Continue,
        })
    }
}
