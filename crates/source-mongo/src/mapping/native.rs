//! What a column's `native` text says: which BSON types are stored in it, and what its NULL stands for.
//!
//! ```text
//! string                 strings; NULL where the path is missing; an explicit null goes to the overflow
//! int|long|null          two types, widened into one; NULL is an explicit null: the path was never missing
//! string|null|missing    NULL is either, because the options merge them
//! binary(4)              binary data of one subtype
//! binary(3 java)         old UUIDs with the byte order of one driver (`csharp` too); without a word, bytes as they are
//! array<string|null>     an array of strings and nulls
//! object|string          into jsonb, which takes every other type as well, and tells null from missing by itself
//! ordinal                the place in an array; no rows mean that the array is missing, an empty one goes to the overflow
//! ordinal|empty          no rows mean that the array is empty; with `|missing` that it is either
//! overflow               what nothing else took
//! ```
//!
//! A value of a type that is not listed goes to the overflow, unless the column is jsonb. A column of type text whose types
//! are other than one of `string` and `objectId` holds canonical extended JSON.

use std::fmt;

use migrate_core::{Error, ErrorKind, Result};

use crate::raw::Kind;

/// The meaning of a column's `native`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Native {
    /// Values.
    Values(Types),
    /// A place in an array.
    Ordinal(NoRows),
    /// What nothing else took.
    Overflow,
}

/// Which values a column takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Types {
    /// The types, in the order of their type bytes.
    pub(crate) types: Vec<Type>,
    /// Whether NULL stands for an explicit null. In an array: whether elements may be null.
    pub(crate) null: bool,
    /// Whether NULL stands for a missing path although it also stands for an explicit null.
    pub(crate) missing: bool,
}

/// One type of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// A type that its name describes; an array of anything is one too.
    Plain(Kind),
    /// Binary data of one subtype.
    Binary {
        /// The subtype.
        subtype: u8,
        /// In which order the bytes of an old UUID are.
        order: UuidOrder,
    },
    /// An array of these.
    ArrayOf(Types),
}

/// The order of a UUID's bytes in binary data of subtype 3.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UuidOrder {
    /// As the text has them (Python, and subtype 4 everywhere).
    #[default]
    AsIs,
    /// The old Java driver: both halves reversed.
    Java,
    /// The old C# driver: the first three groups reversed.
    CSharp,
}

/// What it means that a child table has no rows for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRows {
    /// The array is missing; an empty one is kept in the overflow.
    Missing,
    /// The array is empty.
    Empty,
    /// It is one or the other: the options merge them.
    Either,
}

impl Native {
    /// Reads a column's `native`.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if it is not the text of a MongoDB source.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "overflow" => Self::Overflow,
            "ordinal" => Self::Ordinal(NoRows::Missing),
            "ordinal|empty" => Self::Ordinal(NoRows::Empty),
            "ordinal|empty|missing" => Self::Ordinal(NoRows::Either),
            _ => {
                let mut rest = text;
                let types = Types::read(&mut rest);
                match types {
                    Some(types) if rest.is_empty() => Self::Values(types),
                    _ => {
                        return Err(Error::new(
                            ErrorKind::Config,
                            format!("`{text}` does not name types of MongoDB"),
                        )
                        .hint("leave `native` as the plan has it"));
                    }
                }
            }
        })
    }
}

impl Types {
    /// Reads types up to the end or a `>`.
    fn read(rest: &mut &str) -> Option<Self> {
        let mut out = Self::default();
        loop {
            let end = rest.find(['|', '<', '>', '(']).unwrap_or(rest.len());
            let name = &rest[..end];
            *rest = &rest[end..];
            match name {
                "null" => out.null = true,
                "missing" => out.missing = true,
                "array" if rest.starts_with('<') => {
                    *rest = &rest[1..];
                    let inner = Self::read(rest)?;
                    *rest = rest.strip_prefix('>')?;
                    out.types.push(Type::ArrayOf(inner));
                }
                "binary" => {
                    let (inside, tail) = rest.strip_prefix('(')?.split_once(')')?;
                    *rest = tail;
                    let (number, order) = match inside.split_once(' ') {
                        None => (inside, UuidOrder::AsIs),
                        Some((number, "java")) => (number, UuidOrder::Java),
                        Some((number, "csharp")) => (number, UuidOrder::CSharp),
                        Some(_) => return None,
                    };
                    let subtype = number.parse().ok()?;
                    out.types.push(Type::Binary { subtype, order });
                }
                name => {
                    let kind = Kind::ALL.into_iter().find(|k| k.name() == name)?;
                    out.types.push(Type::Plain(kind));
                }
            }
            match rest.strip_prefix('|') {
                Some(tail) => *rest = tail,
                None => return Some(out),
            }
        }
    }
}

impl fmt::Display for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(types) => types.fmt(f),
            Self::Ordinal(NoRows::Missing) => f.write_str("ordinal"),
            Self::Ordinal(NoRows::Empty) => f.write_str("ordinal|empty"),
            Self::Ordinal(NoRows::Either) => f.write_str("ordinal|empty|missing"),
            Self::Overflow => f.write_str("overflow"),
        }
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for ty in &self.types {
            f.write_str(between)?;
            match ty {
                Type::Plain(kind) => f.write_str(kind.name())?,
                Type::Binary { subtype, order } => match order {
                    UuidOrder::AsIs => write!(f, "binary({subtype})")?,
                    UuidOrder::Java => write!(f, "binary({subtype} java)")?,
                    UuidOrder::CSharp => write!(f, "binary({subtype} csharp)")?,
                },
                Type::ArrayOf(types) => write!(f, "array<{types}>")?,
            }
            between = "|";
        }
        for (flag, word) in [(self.null, "null"), (self.missing, "missing")] {
            if flag {
                write!(f, "{between}{word}")?;
                between = "|";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in [
            "string",
            "int|long|null",
            "string|null|missing",
            "binary(4)",
            "binary(3 java)|null",
            "binary(3 csharp)",
            "array<string|null>|null",
            "array<binary(4)>",
            "object|array|javascriptWithScope",
            "null",
            "ordinal",
            "ordinal|empty",
            "ordinal|empty|missing",
            "overflow",
        ] {
            assert_eq!(Native::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Native::parse("array<objectId|null>|missing").unwrap(),
            Native::Values(Types {
                types: vec![Type::ArrayOf(Types {
                    types: vec![Type::Plain(Kind::ObjectId)],
                    null: true,
                    missing: false,
                })],
                null: false,
                missing: true,
            })
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "int|",
            "varchar",
            "array<int",
            "array<int>>",
            "binary(x)",
            "binary(3 ruby)",
            "binary",
            "ordinal|null",
        ] {
            assert_eq!(
                Native::parse(text).unwrap_err().kind(),
                ErrorKind::Config,
                "{text}"
            );
        }
    }
}
