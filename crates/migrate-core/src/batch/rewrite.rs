//! Values that become more than one field: new keys beside the old ones, and references of pairs of columns.

use crate::decode::fields;
use crate::encode::{Outcome, Role, refuse};
use crate::error::Result;
use crate::value::Value;

use super::builder::{BatchBuilder, LARGE_CELL_BYTES, NULL, contract};

/// What comes for a column whose push fills more than one field, or another one.
#[derive(Clone, Copy)]
pub(super) enum Pushed<'a> {
    /// A value to encode.
    Value(Value<'a>),
    /// A field of a tuple.
    Field(Option<&'a [u8]>),
}

impl<'a> Pushed<'a> {
    /// As a value, for a row that is refused.
    fn shown(self) -> Value<'a> {
        match self {
            Self::Value(value) => value,
            Self::Field(None) => Value::Null,
            Self::Field(Some(bytes)) => Value::Encoded(bytes),
        }
    }

    fn is_null(self) -> bool {
        matches!(self, Self::Value(Value::Null) | Self::Field(None))
    }
}

impl BatchBuilder {
    /// Adds a column's value with all that is made of it.
    #[inline(never)]
    pub(super) fn push_rewritten(&mut self, index: usize, pushed: Pushed<'_>) {
        let start = self.batch.bytes.len();
        match self.rewrite(index, pushed) {
            Ok(()) => {
                let changes = std::mem::take(&mut self.scratch.changes);
                if !changes.is_empty() {
                    self.row.changes.push((index, changes));
                }
                if self.batch.bytes.len() - start > LARGE_CELL_BYTES {
                    self.after_large_cell(index, start, pushed.shown());
                }
            }
            Err(refusal) => self.refuse_value(index, start, pushed.shown(), *refusal),
        }
    }

    fn rewrite(&mut self, index: usize, pushed: Pushed<'_>) -> Outcome {
        let (out, scratch) = (&mut self.batch.bytes, &mut self.scratch);
        let columns = self.encoder.compiled();
        let column = &columns[index];
        let derived = &columns[index + 1..index + column.width];
        if pushed.is_null() && !column.spec.nullable {
            return refuse("NULL in a column that takes none");
        }
        // The new key stands before the old one, and is made of it.
        let key = match &column.role {
            Role::Key(maker) if !pushed.is_null() => {
                out.extend_from_slice(&16u32.to_be_bytes());
                out.extend_from_slice(&[0; 16]);
                Some((maker, out.len()))
            }
            _ => None,
        };
        match pushed {
            Pushed::Value(Value::Null) | Pushed::Field(None) => out.extend_from_slice(&NULL),
            Pushed::Value(Value::Unsupported { reason, .. }) => return refuse(reason.to_owned()),
            Pushed::Value(value) => column.codec.encode(&value, out, scratch)?,
            Pushed::Field(Some(bytes)) => {
                out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                out.extend_from_slice(bytes);
            }
        }
        let keeps_old = derived.iter().any(|c| matches!(c.role, Role::Legacy));
        match key {
            Some((maker, old)) => {
                let new = maker.of_field(&out[old + 4..], scratch)?;
                out[old - 16..old].copy_from_slice(new.as_bytes());
                if !keeps_old {
                    out.truncate(old);
                }
            }
            None if keeps_old => out.extend_from_slice(&NULL),
            None => {}
        }
        for column in derived {
            if let Role::Target(target) = &column.role {
                target.append(self.row.start, &column.codec, out, scratch)?;
            }
        }
        Ok(())
    }

    /// Adds a tuple with a field for each value that would be pushed.
    pub(super) fn push_fields(&mut self, tuple: &[u8]) -> Result<()> {
        self.begin_row();
        for field in fields(tuple) {
            let field = match field {
                Ok(field) => field,
                Err(error) => {
                    self.abandon_row();
                    return Err(error);
                }
            };
            let index = self.row.cells;
            let Some(column) = self.encoder.compiled().get(index) else {
                self.abandon_row();
                return Err(contract("a whole row has more fields than are read of the table"));
            };
            self.row.cells += column.width;
            if self.row.refused.is_some() {
                self.push_aside(index, Pushed::Field(field).shown());
            } else {
                self.push_rewritten(index, Pushed::Field(field));
            }
        }
        self.end_row(String::new)
    }
}
