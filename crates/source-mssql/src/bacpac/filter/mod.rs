//! A plan's `where`, carried out on the rows of a file.
//!
//! There is no SQL Server here to ask, so the language is small, and what it does not have is refused before anything
//! is read: comparisons of a column with literals by `=`, `<>`, `<`, `<=`, `>` and `>=`, `is [not] null`, `[not] in`, `[not]
//! between` and `[not] like` with `%` and `_`, joined by `and`, `or` and `not` under SQL's three-valued logic.
//!
//! - **Text is compared by its UTF-16 units**, so `a` and `A` differ whatever the column's collation says. As in SQL, the
//!   shorter text counts as padded with blanks.
//! - Dates and times are compared with ISO literals: `'2024-02-29'`, `'2024-02-29 13:30:00.25'`, `'13:30'`;
//!   a `datetimeoffset` as a moment, and its literal may end in `Z` or an offset.
//! - `uniqueidentifier` and binary values can be equal or not; they have no order here.

mod bind;
mod literal;

use std::cmp::Ordering;

use migrate_core::Result;
use migrate_core::value::Value;

use super::layout::StoredColumn;
use super::rows::Rows;
use literal::Literal;

/// A condition bound to the columns that are stored for a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// A test of the column at this place.
    Test(usize, Test),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    IsNull,
    Compare(Comparison, Literal),
    In(Vec<Literal>),
    Like(Pattern),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Unequal => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// The same comparison with its sides exchanged.
    fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

impl Filter {
    /// Reads a condition.
    ///
    /// # Errors
    /// `Config`, with the part of the condition that cannot be carried out.
    pub(crate) fn new(
        text: &str,
        table: &migrate_core::catalog::ObjectName,
        columns: &[StoredColumn],
    ) -> Result<Self> {
        bind::condition(text, table, columns).map(Self)
    }

    /// Whether the current row meets the condition; unknown is no.
    pub(crate) fn admits(&self, rows: &mut Rows) -> Result<bool> {
        Ok(self
            .0
            .judge(&mut |column, test| rows.value(column, |value| test.judge(value))?)?
            == Some(true))
    }
}

impl Node {
    /// `None` is SQL's unknown.
    fn judge(&self, test: &mut impl FnMut(usize, &Test) -> Result<Option<bool>>) -> Result<Option<bool>> {
        Ok(match self {
            Self::And(a, b) => match a.judge(test)? {
                Some(false) => Some(false),
                a => match (a, b.judge(test)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Self::Or(a, b) => match a.judge(test)? {
                Some(true) => Some(true),
                a => match (a, b.judge(test)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
            Self::Not(a) => a.judge(test)?.map(|b| !b),
            Self::Test(column, what) => test(*column, what)?,
        })
    }
}

impl Test {
    fn judge(&self, value: Value<'_>) -> Result<Option<bool>> {
        Ok(match (self, value) {
            (Self::IsNull, value) => Some(value == Value::Null),
            (_, Value::Null) => None,
            (Self::Compare(comparison, literal), value) => literal.order(&value).map(|o| comparison.holds(o)),
            (Self::In(literals), value) => Some(
                literals
                    .iter()
                    .any(|l| l.order(&value).is_some_and(Ordering::is_eq)),
            ),
            (Self::Like(pattern), Value::Utf16(units)) => Some(pattern.matches(units)),
            (Self::Like(_), _) => None,
        })
    }
}

/// A `like` pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    pieces: Vec<Piece>,
    /// Whether blanks at the value's end are padding.
    padded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Unit(u16),
    One,
    Any,
}

impl Pattern {
    fn new(text: &str, padded: bool) -> Self {
        let pieces = text.encode_utf16().map(|unit| match unit {
            0x25 => Piece::Any,
            0x5F => Piece::One,
            unit => Piece::Unit(unit),
        });
        Self {
            pieces: pieces.collect(),
            padded,
        }
    }

    /// Matches with one step back to the last `%`, which is enough because a later `%` makes earlier ones final.
    fn matches(&self, bytes: &[u8]) -> bool {
        let unit = |i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
        let mut length = bytes.len() / 2;
        while self.padded && length > 0 && unit(length - 1) == 0x20 {
            length -= 1;
        }
        let (mut at, mut piece) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while at < length {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    back = Some((piece, at));
                    piece += 1;
                }
                Some(Piece::One) => {
                    at += 1;
                    piece += 1;
                }
                Some(Piece::Unit(u)) if *u == unit(at) => {
                    at += 1;
                    piece += 1;
                }
                _ => match &mut back {
                    Some((any, from)) => {
                        *from += 1;
                        at = *from;
                        piece = *any + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pieces[piece..].iter().all(|p| *p == Piece::Any)
    }
}

#[cfg(test)]
mod tests;
