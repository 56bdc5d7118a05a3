//! One cell on its way from a source's driver to the destination's encoding.

use serde::{Deserialize, Serialize};

/// A borrowed view of one cell. Building one allocates nothing.
///
/// Dates count days from 2000-01-01 (PostgreSQL's epoch); times count nanoseconds from midnight, so that a source's
/// seventh fractional digit reaches the encoder, which rounds it by the column's rule and counts that it did.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A 16-bit integer; narrower ones are widened by the source.
    Int16(i16),
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// A binary32 float.
    Float32(f32),
    /// A binary64 float.
    Float64(f64),
    /// `unscaled * 10^-scale`. A negative scale is a multiple of a power of ten.
    Decimal {
        /// All digits as one integer.
        unscaled: i128,
        /// Digits after the decimal point.
        scale: i16,
    },
    /// A decimal that is not a number.
    DecimalNan,
    /// A decimal infinity.
    DecimalInfinity {
        /// Whether it is the negative one.
        negative: bool,
    },
    /// Text, valid UTF-8; it may hold U+0000, which the column's policy deals with.
    Text(&'a str),
    /// Text as UTF-16LE bytes, as SQL Server sends and stores it; unpaired surrogates are the encoder's to judge.
    Utf16(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A UUID in the order of its text form.
    Uuid([u8; 16]),
    /// Days from 2000-01-01.
    Date(i32),
    /// Nanoseconds from midnight, 0 to 86_400_000_000_000 inclusive.
    Time(i64),
    /// A timestamp without time zone.
    Timestamp {
        /// Days from 2000-01-01.
        days: i32,
        /// Nanoseconds from midnight.
        nanos: i64,
    },
    /// A point in time, in UTC.
    TimestampTz {
        /// Days from 2000-01-01.
        days: i32,
        /// Nanoseconds from midnight.
        nanos: i64,
    },
    /// JSON text.
    Json(&'a str),
    /// A one-dimensional array.
    Array(&'a [Value<'a>]),
    /// Bytes that already are PostgreSQL's binary form of the column's type.
    Encoded(&'a [u8]),
    /// A sound value that PostgreSQL has no form for. Its row goes to quarantine; any column may deliver it.
    Unsupported {
        /// Why, without the value.
        reason: &'a str,
        /// The source's own bytes, which quarantine keeps.
        bytes: &'a [u8],
    },
}

/// Which [`Value`] a column delivers: fixed for a column, so that its encoder is chosen once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValueKind {
    /// [`Value::Bool`]
    Bool,
    /// [`Value::Int16`]
    Int16,
    /// [`Value::Int32`]
    Int32,
    /// [`Value::Int64`]
    Int64,
    /// [`Value::Float32`]
    Float32,
    /// [`Value::Float64`]
    Float64,
    /// [`Value::Decimal`], [`Value::DecimalNan`], [`Value::DecimalInfinity`]
    Decimal,
    /// [`Value::Text`] or [`Value::Utf16`]
    Text,
    /// [`Value::Bytes`]
    Bytes,
    /// [`Value::Uuid`]
    Uuid,
    /// [`Value::Date`]
    Date,
    /// [`Value::Time`]
    Time,
    /// [`Value::Timestamp`]
    Timestamp,
    /// [`Value::TimestampTz`]
    TimestampTz,
    /// [`Value::Json`]
    Json,
    /// [`Value::Array`] of the kind
    Array(Box<ValueKind>),
    /// [`Value::Encoded`]
    Encoded,
}
