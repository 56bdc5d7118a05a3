//! BSON values in PostgreSQL's columns.
//!
//! [`rules`] is the one table of what goes where. A column's [`Target`] is chosen from it once; it converts values or says
//! that they do not fit, and then they are kept in the overflow in their [JSON form](json).

#[cfg(test)]
pub(crate) mod arbitrary;
mod convert;
pub(crate) mod date;
pub(crate) mod decimal;
mod iso;
pub(crate) mod json;
pub(crate) mod object_id;
mod rules;
mod target;

pub use json::{document_from_json, overflow_from_json, value_from_json};
pub use object_id::{object_id_of_uuid, uuid_of_object_id};
pub use rules::type_table_markdown;

pub(crate) use target::{Null, Target};
