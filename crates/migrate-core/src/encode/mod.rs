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
mod rekey;
pub(crate) mod render;
mod text;
mod xml;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::catalog::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::pg_type::PgType;
use crate::plan::{Rekey, TablePlan};
use crate::policy::TextPolicy;
use crate::value::ValueKind;

pub use cell::MAX_FIELD_BYTES;
pub(crate) use cell::{Changes, Outcome, Refusal, Scratch, refuse};
pub(crate) use codec::Codec;
pub(crate) use rekey::Role;
pub use rekey::{DEFAULT_NAMESPACE, KnownKeys, is_key_type, table_namespace};

/// What an encoder needs to know about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name, for quarantine and errors.
    pub name: String,
    /// Its name in the source, by which parts of values refer to it.
    pub source: String,
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
    /// Which part of other columns' values it is. A [derived](Part::is_derived) one is not pushed.
    pub part: Option<Part>,
    /// How its values become new keys.
    pub rekey: Option<Rekey>,
}

impl ColumnSpec {
    fn is_derived(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_derived)
    }
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
    /// The encoder of what is pushed; of a derived column, of what it is made of.
    pub(crate) codec: Codec,
    pub(crate) role: Role,
    /// How many fields one push fills: this one, and those of derived columns that follow.
    pub(crate) width: usize,
    /// Whether a push does more than to encode one field.
    pub(crate) rewritten: bool,
}

impl RowEncoder {
    /// Chooses an encoder for each column. Where keys are rewritten, none is known beforehand.
    ///
    /// # Errors
    /// `Config`, naming the column and both types, if values of its kind cannot become its type, or if there are more
    /// columns than a PostgreSQL table has.
    pub fn compile(columns: &[ColumnSpec]) -> Result<Self> {
        Self::compile_with(columns, &Arc::default())
    }

    /// Chooses an encoder for each of the table's copied columns, with the keys that are known beforehand.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn for_table(table: &TablePlan, known: &Arc<KnownKeys>) -> Result<Self> {
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        Self::compile_with(&specs, known)
    }

    pub(crate) fn compile_with(specs: &[ColumnSpec], known: &Arc<KnownKeys>) -> Result<Self> {
        const MAX_COLUMNS: usize = 1600;
        if specs.len() > MAX_COLUMNS {
            let message = format!(
                "a table has {} columns, and PostgreSQL takes {MAX_COLUMNS}",
                specs.len()
            );
            return Err(Error::new(ErrorKind::Config, message).hint(
                "leave columns out with `columns.NAME.skip` in the plan file, or the table with `exclude`",
            ));
        }
        let mut columns: Vec<Column> = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            columns.push(Column {
                codec: rekey::codec(spec)?,
                role: Role::of(specs, index, known)?,
                spec: spec.clone(),
                width: 1 + specs[index + 1..].iter().take_while(|s| s.is_derived()).count(),
                rewritten: false,
            });
        }
        for column in &mut columns {
            column.rewritten = column.width > 1 || !matches!(column.role, Role::Plain);
        }
        Ok(Self { columns })
    }

    /// Whether rows are more than what a reader pushes.
    pub(crate) fn rewrites(&self) -> bool {
        self.columns.iter().any(|c| c.rewritten)
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
