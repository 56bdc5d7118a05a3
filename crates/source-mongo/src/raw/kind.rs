//! The types of BSON.

use std::fmt;

/// A value's type. The order is that of the type bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// 64-bit binary floating point.
    Double = 0x01,
    /// UTF-8 text.
    String = 0x02,
    /// A document.
    Document = 0x03,
    /// An array.
    Array = 0x04,
    /// Bytes with a subtype.
    Binary = 0x05,
    /// The deprecated `undefined`.
    Undefined = 0x06,
    /// 12 bytes.
    ObjectId = 0x07,
    /// True or false.
    Bool = 0x08,
    /// Milliseconds since 1970 in UTC.
    DateTime = 0x09,
    /// Null.
    Null = 0x0a,
    /// A pattern and its options.
    Regex = 0x0b,
    /// The deprecated pointer: a namespace and an ObjectId.
    DbPointer = 0x0c,
    /// JavaScript.
    Code = 0x0d,
    /// The deprecated symbol.
    Symbol = 0x0e,
    /// The deprecated JavaScript with variables.
    CodeWithScope = 0x0f,
    /// 32-bit integer.
    Int32 = 0x10,
    /// The replication's own timestamp.
    Timestamp = 0x11,
    /// 64-bit integer.
    Int64 = 0x12,
    /// Decimal floating point of 34 digits.
    Decimal128 = 0x13,
    /// Greater than all else.
    MaxKey = 0x7f,
    /// Less than all else.
    MinKey = 0xff,
}

impl Kind {
    /// All types.
    pub(crate) const ALL: [Self; 21] = [
        Self::Double,
        Self::String,
        Self::Document,
        Self::Array,
        Self::Binary,
        Self::Undefined,
        Self::ObjectId,
        Self::Bool,
        Self::DateTime,
        Self::Null,
        Self::Regex,
        Self::DbPointer,
        Self::Code,
        Self::Symbol,
        Self::CodeWithScope,
        Self::Int32,
        Self::Timestamp,
        Self::Int64,
        Self::Decimal128,
        Self::MaxKey,
        Self::MinKey,
    ];

    /// The type that a type byte means.
    #[inline]
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Double,
            0x02 => Self::String,
            0x03 => Self::Document,
            0x04 => Self::Array,
            0x05 => Self::Binary,
            0x06 => Self::Undefined,
            0x07 => Self::ObjectId,
            0x08 => Self::Bool,
            0x09 => Self::DateTime,
            0x0a => Self::Null,
            0x0b => Self::Regex,
            0x0c => Self::DbPointer,
            0x0d => Self::Code,
            0x0e => Self::Symbol,
            0x0f => Self::CodeWithScope,
            0x10 => Self::Int32,
            0x11 => Self::Timestamp,
            0x12 => Self::Int64,
            0x13 => Self::Decimal128,
            0x7f => Self::MaxKey,
            0xff => Self::MinKey,
            _ => return None,
        })
    }

    /// Its name in MongoDB's `$type`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::String => "string",
            Self::Document => "object",
            Self::Array => "array",
            Self::Binary => "binData",
            Self::Undefined => "undefined",
            Self::ObjectId => "objectId",
            Self::Bool => "bool",
            Self::DateTime => "date",
            Self::Null => "null",
            Self::Regex => "regex",
            Self::DbPointer => "dbPointer",
            Self::Code => "javascript",
            Self::Symbol => "symbol",
            Self::CodeWithScope => "javascriptWithScope",
            Self::Int32 => "int",
            Self::Timestamp => "timestamp",
            Self::Int64 => "long",
            Self::Decimal128 => "decimal",
            Self::MaxKey => "maxKey",
            Self::MinKey => "minKey",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
