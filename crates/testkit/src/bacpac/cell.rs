//! One value of one row.

/// A cell. The variant must suit the column's type, except for [`Cell::Raw`].
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value; an error in a `NOT NULL` column.
    Null,
    /// `tinyint`, `smallint`, `int`, `bigint`.
    Int(i64),
    /// `bit`.
    Bool(bool),
    /// `real`.
    F32(f32),
    /// `float`.
    F64(f64),
    /// `decimal` and `numeric`: the digits without the point, at the scale of the column.
    Decimal {
        /// The digits as one number: 12.30 in a `decimal(4, 2)` is 1230.
        magnitude: u128,
        /// True for values below zero.
        negative: bool,
    },
    /// `money` and `smallmoney`, in units of 1/10000.
    Money(i64),
    /// Any character type, and `xml`.
    Text(String),
    /// Any character type, and `xml`, as UTF-16 code units; these need not pair up.
    Utf16(Vec<u16>),
    /// `binary`, `varbinary`, `image`, `rowversion`, and the serialized body of a CLR type or a `sql_variant`.
    Bytes(Vec<u8>),
    /// `uniqueidentifier`, in the order in which its text is written.
    Uuid([u8; 16]),
    /// `date`: days since 0001-01-01.
    Date(u32),
    /// `time`: 100 ns since midnight.
    Time(u64),
    /// `datetime`.
    DateTime {
        /// Days since 1900-01-01.
        days: i32,
        /// 1/300 s since midnight.
        ticks: u32,
    },
    /// `smalldatetime`.
    SmallDateTime {
        /// Days since 1900-01-01.
        days: u16,
        /// Minutes since midnight.
        minutes: u16,
    },
    /// `datetime2`.
    DateTime2 {
        /// Days since 0001-01-01.
        days: u32,
        /// 100 ns since midnight.
        ticks: u64,
    },
    /// `datetimeoffset`.
    DateTimeOffset {
        /// Days since 0001-01-01, in UTC.
        days: u32,
        /// 100 ns since midnight, in UTC.
        ticks: u64,
        /// Minutes east of UTC.
        offset: i16,
    },
    /// Bytes that are written as they are, prefix included: for faults.
    Raw(Vec<u8>),
}

impl Cell {
    /// Text.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// A decimal from a signed number of units of the column's scale.
    pub fn decimal(units: i128) -> Self {
        Self::Decimal {
            magnitude: units.unsigned_abs(),
            negative: units < 0,
        }
    }

    /// `value`, or NULL.
    pub fn or_null(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Null)
    }

    /// The variant's name, for error messages: never the value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Int(_) => "Int",
            Self::Bool(_) => "Bool",
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::Decimal { .. } => "Decimal",
            Self::Money(_) => "Money",
            Self::Text(_) => "Text",
            Self::Utf16(_) => "Utf16",
            Self::Bytes(_) => "Bytes",
            Self::Uuid(_) => "Uuid",
            Self::Date(_) => "Date",
            Self::Time(_) => "Time",
            Self::DateTime { .. } => "DateTime",
            Self::SmallDateTime { .. } => "SmallDateTime",
            Self::DateTime2 { .. } => "DateTime2",
            Self::DateTimeOffset { .. } => "DateTimeOffset",
            Self::Raw(_) => "Raw",
        }
    }
}
