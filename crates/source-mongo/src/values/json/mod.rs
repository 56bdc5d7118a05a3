//! BSON as JSON that loses nothing, and back.
//!
//! What JSON has a form for is plain: strings, booleans, null, documents, arrays, 32-bit integers, 64-bit integers that
//! need more than 32 bits, and doubles of ordinary size, which always have a point. Everything else is canonical
//! [Extended JSON](https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md) v2: an
//! object whose first name begins with `$`. Two forms are this program's own:
//!
//! - `{"$document": [[name, value], ...]}` is a document that as an object would be mistaken for one of these forms or would
//!   lose something: one with a name that begins with `$` (other than those of a DBRef), with a name twice, or with a name
//!   that is not UTF-8. A name that is not UTF-8 is a `$bson`.
//! - `{"$bson": {"type": "02", "base64": "..."}}` is a value with text that JSON or `jsonb` cannot hold (not UTF-8, or with
//!   U+0000), or a decimal of an unusual encoding: its BSON type, in hexadecimal, and its bytes as BSON has them.
//!
//! Lost are the order of names (in `jsonb`, which sorts them), the names of an array's elements, which are to be their
//! places, and which NaN it was.

mod read;
mod token;
mod write;

pub use read::{document_from_json, overflow_from_json, value_from_json};
pub(crate) use write::{Nul, string, write};

#[cfg(test)]
mod tests;
