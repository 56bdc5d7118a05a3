//! Rows out of documents: a table's plan is compiled into a [`Program`], and a [`Reader`] runs it over raw documents.
//!
//! ```text
//! TablePlan -> Program:  fields by name -> slot of a column, nested level, array of a child table
//! document  -> slots (one pass over the bytes) + what is left -> cells in the columns' order + overflow
//! ```

mod fields;
mod overflow;
mod program;
mod reader;
mod rows;
mod walk;

pub(crate) use program::Program;
pub(crate) use reader::Reader;

#[cfg(test)]
mod tests;
