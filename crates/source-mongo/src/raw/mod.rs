//! BSON read where it lies, by <https://bsonspec.org/spec.html>: no copies, no allocation, every type, duplicate names and
//! text that is not UTF-8 included.
//!
//! The `bson` crate's raw documents stop at the first name or string that is not UTF-8 and do not say where in the
//! document that is. A migration has to go on behind such a value, and to say where it was.
//!
//! ```text
//! Document::new(bytes)?  ->  for element in document.elements()  ->  Element { name: Text, value: BsonRef, offset }
//! ```
//!
//! Nothing here recurses: nested documents are values with elements of their own, so that the caller decides how deep it
//! goes. [`Document::check`] walks all levels with a stack of its own and a limit.

mod document;
mod kind;
mod malformed;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use document::{Document, Elements, MAX_LEVELS};
pub(crate) use kind::Kind;
pub(crate) use malformed::Malformed;
pub(crate) use text::Text;
pub(crate) use value::{Binary, BsonRef};
