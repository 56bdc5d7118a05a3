//! PostgreSQL's binary form, read back: for quarantine, for reports, and to check what a destination holds.

mod cell;
mod copy_reader;
mod native;
mod number;
mod value;

#[cfg(test)]
mod tests;

pub use cell::{decode_cell, decode_row};
pub use copy_reader::CopyReader;
pub use native::cell_value;
pub(crate) use number::numeric_text;
pub use value::value_text;
pub(crate) use value::value_to_json;

use crate::error::{Error, ErrorKind, Result};

/// The fields of a COPY tuple, NULL as `None`.
///
/// # Errors
/// Each item is `Corrupt` if the tuple ends early or holds more than its fields; nothing follows an error.
pub fn fields(tuple: &[u8]) -> Fields<'_> {
    match tuple.split_first_chunk::<2>() {
        Some((count, rest)) => Fields {
            left: i32::from(i16::from_be_bytes(*count)),
            rest,
        },
        None => Fields { left: -1, rest: &[] },
    }
}

/// The iterator that [`fields`] returns.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    /// Fields to come; negative before an error and after it.
    left: i32,
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Option<&'a [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.rest.is_empty() {
                return None;
            }
            self.rest = &[];
            return Some(Err(damaged("a row holds more than its fields")));
        }
        let field = (self.left > 0).then(|| split_field(self.rest)).flatten();
        let Some((field, rest)) = field else {
            *self = Self { left: 0, rest: &[] };
            return Some(Err(damaged("a row ends before its last field")));
        };
        self.left -= 1;
        self.rest = rest;
        Some(Ok(field))
    }
}

/// Splits off one field, if it is whole.
fn split_field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    match i32::from_be_bytes(*len) {
        -1 => Some((None, rest)),
        len => {
            let (field, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            Some((Some(field), rest))
        }
    }
}

pub(crate) fn damaged(message: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("PostgreSQL's binary data is damaged: {message}"),
    )
}
