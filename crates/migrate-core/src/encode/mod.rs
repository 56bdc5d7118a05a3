//! Values become PostgreSQL's binary form, in the one way in which PostgreSQL itself would send them back.
//!
//! The encoding is canonical: COPY a row in, COPY it out again, and the bytes are the same. That is what makes a
//! hash of what was sent comparable with a hash of what is stored. The exceptions are in what the server alone can
//! judge: XML that is not well-formed, and whatever comes as [`Value::Encoded`](crate::value::Value::Encoded).
//!
//! A [`RowEncoder`] is compiled once for a table. Encoding a cell matches on the column's encoder and on the
//! value, and allocates nothing.

mod array;
mod cell;
pub(crate) mod civil;
mod codec;
mod datetime;
pub(crate) mod decimal;
pub(crate) mod json;
mod json_lexer;
mod number;
pub(crate) mod numeric;
mod parse;
pub(crate) mod render;
mod text;
mod xml;

#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Result};
use crate::pg_type::PgType;
use crate::policy::TextPolicy;
use crate::value::ValueKind;

pub use cell::MAX_FIELD_BYTES;
pub(crate) use cell::{Changes, Refusal, Scratch, refuse};
pub(crate) use codec::Codec;

/// What an encoder needs to know about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name, for quarantine and errors.
    pub name: String,
    /// What comes from the source.
    pub kind: ValueKind,
    /// What it goes into.
    pub ty: PgType,
    /// Whether NULL may go into it.
    pub nullable: bool,
    /// What happens to characters that PostgreSQL cannot store.
    pub text: TextPolicy,
    /// Whether numbers may be rounded to what the type keeps. Each value that is rounded is counted.
    pub round: bool,
}

/// The encoder of a table's rows.
#[derive(Debug, Clone)]
pub struct RowEncoder {
    columns: Vec<Column>,
}

/// A column with its encoder.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) spec: ColumnSpec,
    pub(crate) codec: Codec,
}

impl RowEncoder {
    /// Chooses an encoder for each column.
    ///
    /// # Errors
    /// `Config`, naming the column and both types, if values of its kind cannot become its type, or if there are more
    /// columns than a PostgreSQL table has.
    pub fn compile(columns: &[ColumnSpec]) -> Result<Self> {
        const MAX_COLUMNS: usize = 1600;
        if columns.len() > MAX_COLUMNS {
            let message = format!(
                "a table has {} columns, and PostgreSQL takes {MAX_COLUMNS}",
                columns.len()
            );
            return Err(Error::new(ErrorKind::Config, message).hint(
                "leave columns out with `columns.NAME.skip` in the plan file, or the table with `exclude`",
            ));
        }
        let columns = columns
            .iter()
            .map(
                |spec| match Codec::choose(&spec.kind, &spec.ty, spec.text, spec.round) {
                    Some(codec) => Ok(Column {
                        spec: spec.clone(),
                        codec,
                    }),
                    None => Err(Error::new(
                        ErrorKind::Config,
                        format!(
                            "values of kind {} cannot become {}",
                            kind_name(&spec.kind),
                            spec.ty
                        ),
                    )
                    .at("column", &spec.name)
                    .hint("choose another type for the column, or leave it out")),
                },
            )
            .collect::<Result<_>>()?;
        Ok(Self { columns })
    }

    /// The columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &ColumnSpec> {
        self.columns.iter().map(|c| &c.spec)
    }

    pub(crate) fn compiled(&self) -> &[Column] {
        &self.columns
    }
}

/// A kind's name as messages use it.
fn kind_name(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Array(element) => format!("array of {}", kind_name(element)),
        other => format!("{other:?}").to_lowercase(),
    }
}
