//! `sql_variant`: a value that brings its type along ([MS-TDS] 2.2.5.5.4).
//!
//! ```text
//! base type (1 byte) · length of the properties (1 byte) · properties · value, up to the end
//! ```
//! The properties are a scale, a precision and a scale, a maximum length, or a collation and a maximum length; what
//! the base type is says which.

mod codepage;
mod json;
#[cfg(test)]
mod tests;
pub(crate) mod time;

use std::fmt::Write as _;

use super::ClrError;
use super::reader::Reader;

/// One `sql_variant` that is not NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The base type as it is declared in SQL: `int`, `decimal(10,2)`, `nvarchar(20)`, `datetime2(7)`.
    pub type_name: String,
    /// The value, at the scale that its type names.
    pub value: VariantValue,
}

/// What a [`Variant`] holds. Dates and times are ISO 8601 text: JSON has no other form for them, and all
/// digits of the value fit.
#[derive(Debug, Clone, PartialEq)]
pub enum VariantValue {
    /// `bit`
    Bool(bool),
    /// `tinyint` to `bigint`
    Int(i64),
    /// `real`
    Real(f32),
    /// `float`
    Float(f64),
    /// `decimal`, `numeric`, `money`, `smallmoney`: `unscaled / 10^scale`
    Decimal {
        /// All digits, with the sign.
        unscaled: i128,
        /// Digits after the point, at most 38.
        scale: u8,
    },
    /// `char`, `varchar`, `nchar`, `nvarchar`; padding of the fixed-length types is kept
    Text(String),
    /// `binary`, `varbinary`
    Bytes(Vec<u8>),
    /// `uniqueidentifier`, in the order of its text
    Uuid([u8; 16]),
    /// `date`: `2004-05-01`
    Date(String),
    /// `time`: `12:34:56.1234567`, as many digits as the scale
    Time(String),
    /// `datetime`, `smalldatetime`, `datetime2`: `2004-05-01T12:34:56.123`
    Timestamp(String),
    /// `datetimeoffset`, in its own offset: `2004-05-01T12:34:56.1234567+02:00`
    TimestampOffset(String),
}

impl Variant {
    /// `{"type": "decimal(10,2)", "value": 12.50}`, spelt as PostgreSQL prints the `jsonb`: numbers without
    /// exponents, all digits kept; binary as `"0x0AFF"`.
    ///
    /// # Errors
    /// [`ClrError::NotRepresentable`] for text with U+0000, which `jsonb` cannot hold.
    pub fn to_json(&self) -> Result<String, ClrError> {
        json::render(self)
    }
}

/// Reads one `sql_variant` as TDS sends it.
///
/// # Errors
/// [`ClrError::Unsupported`] for an unknown base type and for non-ASCII `varchar` text in a code page other than 1252
/// and UTF-8; [`ClrError::Malformed`] or [`ClrError::Truncated`] for properties or values that do not fit the type,
/// values out of the type's range among them.
pub fn decode_tds(bytes: &[u8]) -> Result<Variant, ClrError> {
    let mut reader = Reader::new(bytes);
    let base = reader.u8()?;
    let property_bytes = reader.u8()?;
    let expected = match base {
        0x24 | 0x28 | 0x30 | 0x32 | 0x34 | 0x38 | 0x3A..=0x3E | 0x7A | 0x7F => 0,
        0x29..=0x2B => 1,
        0x6A | 0x6C | 0xA5 | 0xAD => 2,
        0xA7 | 0xAF | 0xE7 | 0xEF => 7,
        _ => {
            return Err(ClrError::Unsupported {
                offset: 0,
                what: "sql_variant base type",
                code: base.into(),
            });
        }
    };
    if property_bytes != expected {
        return Err(malformed(1, "the base type has properties of another length"));
    }
    let variant = match base {
        0x24 => plain("uniqueidentifier", VariantValue::Uuid(uuid(reader.array()?))),
        0x28 => plain("date", VariantValue::Date(time::date(&mut reader)?)),
        0x29..=0x2B => temporal(base, &mut reader)?,
        0x30 => plain("tinyint", VariantValue::Int(reader.u8()?.into())),
        0x32 => plain("bit", VariantValue::Bool(bit(&mut reader)?)),
        0x34 => plain(
            "smallint",
            VariantValue::Int(i16::from_le_bytes(reader.array()?).into()),
        ),
        0x38 => plain("int", VariantValue::Int(reader.i32()?.into())),
        0x3A => plain(
            "smalldatetime",
            VariantValue::Timestamp(time::smalldatetime(&mut reader)?),
        ),
        0x3B => plain("real", VariantValue::Real(f32::from_le_bytes(reader.array()?))),
        0x3C => plain(
            "money",
            money(i64::from(reader.i32()?) << 32 | i64::from(reader.u32()?)),
        ),
        0x3D => plain("datetime", VariantValue::Timestamp(time::datetime(&mut reader)?)),
        0x3E => plain("float", VariantValue::Float(f64::from_le_bytes(reader.array()?))),
        0x7A => plain("smallmoney", money(reader.i32()?.into())),
        0x7F => plain("bigint", VariantValue::Int(i64::from_le_bytes(reader.array()?))),
        0x6A => decimal("decimal", &mut reader)?,
        0x6C => decimal("numeric", &mut reader)?,
        0xA5 => binary("varbinary", &mut reader)?,
        0xAD => binary("binary", &mut reader)?,
        0xA7 => text("varchar", false, &mut reader)?,
        0xAF => text("char", false, &mut reader)?,
        0xE7 => text("nvarchar", true, &mut reader)?,
        _ => text("nchar", true, &mut reader)?,
    };
    reader.finish()?;
    Ok(variant)
}

fn malformed(offset: usize, reason: &'static str) -> ClrError {
    ClrError::Malformed { offset, reason }
}

fn plain(type_name: &str, value: VariantValue) -> Variant {
    Variant {
        type_name: type_name.to_owned(),
        value,
    }
}

fn bit(reader: &mut Reader<'_>) -> Result<bool, ClrError> {
    let offset = reader.offset();
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(malformed(offset, "a bit other than 0 and 1")),
    }
}

fn money(ten_thousandths: i64) -> VariantValue {
    VariantValue::Decimal {
        unscaled: ten_thousandths.into(),
        scale: 4,
    }
}

/// The first three groups of a GUID are stored as little-endian integers.
fn uuid(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

fn temporal(base: u8, reader: &mut Reader<'_>) -> Result<Variant, ClrError> {
    let scale = reader.u8()?;
    if scale > 7 {
        return Err(malformed(2, "a time with more than seven digits of seconds"));
    }
    let (name, value) = match base {
        0x29 => ("time", VariantValue::Time(time::time(reader, scale)?)),
        0x2A => (
            "datetime2",
            VariantValue::Timestamp(time::datetime2(reader, scale)?),
        ),
        _ => (
            "datetimeoffset",
            VariantValue::TimestampOffset(time::datetimeoffset(reader, scale)?),
        ),
    };
    Ok(plain(&format!("{name}({scale})"), value))
}

fn decimal(name: &str, reader: &mut Reader<'_>) -> Result<Variant, ClrError> {
    let (precision, scale) = (reader.u8()?, reader.u8()?);
    if !(1..=38).contains(&precision) || scale > precision {
        return Err(malformed(2, "no decimal has this precision and scale"));
    }
    let offset = reader.offset();
    let negative = match reader.u8()? {
        0 => true,
        1 => false,
        _ => return Err(malformed(offset, "a sign other than 0 and 1")),
    };
    let len = reader.remaining();
    if !matches!(len, 4 | 8 | 12 | 16) {
        return Err(malformed(
            offset + 1,
            "the digits of a decimal take 4, 8, 12 or 16 bytes",
        ));
    }
    let magnitude = reader.uint(len)?;
    if magnitude >= 10_u128.pow(precision.into()) {
        return Err(malformed(
            offset + 1,
            "a decimal with more digits than its precision",
        ));
    }
    // Below 10^38, which is less than 2^127.
    let magnitude = magnitude as i128;
    Ok(plain(
        &format!("{name}({precision},{scale})"),
        VariantValue::Decimal {
            unscaled: if negative { -magnitude } else { magnitude },
            scale,
        },
    ))
}

/// The value is the rest; it may not be longer than the maximum that stands before it.
fn body<'a>(reader: &mut Reader<'a>, most: u16) -> Result<&'a [u8], ClrError> {
    let offset = reader.offset();
    let body = reader.rest();
    if body.len() > usize::from(most) {
        return Err(malformed(offset, "a value longer than its type allows"));
    }
    Ok(body)
}

fn binary(name: &str, reader: &mut Reader<'_>) -> Result<Variant, ClrError> {
    let most = reader.u16()?;
    Ok(plain(
        &format!("{name}({most})"),
        VariantValue::Bytes(body(reader, most)?.to_vec()),
    ))
}

fn text(name: &str, wide: bool, reader: &mut Reader<'_>) -> Result<Variant, ClrError> {
    let collation = reader.array()?;
    let most = reader.u16()?;
    let offset = reader.offset();
    let body = body(reader, most)?;
    let mut type_name = String::from(name);
    let characters = if wide { most / 2 } else { most };
    // Writing to a String cannot fail.
    let _ = write!(type_name, "({characters})");
    let text = if wide {
        utf16(body, offset)?
    } else {
        codepage::decode(body, collation, offset)?
    };
    Ok(Variant {
        type_name,
        value: VariantValue::Text(text),
    })
}

fn utf16(bytes: &[u8], offset: usize) -> Result<String, ClrError> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(malformed(offset + bytes.len() - 1, "half a UTF-16 unit"));
    }
    let mut text = String::with_capacity(bytes.len());
    let mut at = offset;
    for unit in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        let character = unit.map_err(|_| ClrError::NotRepresentable {
            offset: at,
            reason: "half a surrogate pair is no character",
        })?;
        at += character.len_utf16() * 2;
        text.push(character);
    }
    Ok(text)
}
