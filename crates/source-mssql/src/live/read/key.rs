//! Keys: the order in which a table is read, and places in that order.

use migrate_core::value::Value;
use serde::{Deserialize, Serialize};

use super::native;
use crate::clr::variant::time::{calendar, clock};
use crate::live::catalog::{Order, OrderColumn};
use crate::types::{Base, NativeType};

/// A unique order of a table's rows. It is part of a chunk's token, so that a resumed chunk is read in the order in which
/// it was cut, whatever became of the indexes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Key {
    /// Never empty.
    pub(crate) columns: Vec<KeyColumn>,
}

/// A column of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    #[serde(rename = "type", with = "native")]
    pub(crate) native: NativeType,
    /// The name of its collation, for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collation: Option<String>,
    /// Whether it is sorted downwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) descending: bool,
}

impl Key {
    /// The key of an index, or `None` where rows cannot be told apart by it, or where its values cannot be written as
    /// constants.
    pub(crate) fn of(order: &Order) -> Option<Self> {
        let usable = |c: &OrderColumn| !c.nullable && KeyColumn::of(c).can_be_written();
        if !order.unique || order.columns.is_empty() || !order.columns.iter().all(usable) {
            return None;
        }
        Some(Self {
            columns: order.columns.iter().map(KeyColumn::of).collect(),
        })
    }
}

impl KeyColumn {
    fn of(column: &OrderColumn) -> Self {
        Self {
            name: column.name.clone(),
            native: column.native,
            collation: column.collation.clone().filter(|_| column.native.is_text()),
            descending: column.descending,
        }
    }

    /// Whether its values have constants in T-SQL that mean exactly them.
    fn can_be_written(&self) -> bool {
        !self.native.max
            && !matches!(
                self.native.base,
                Base::Text
                    | Base::NText
                    | Base::Image
                    | Base::Xml
                    | Base::SqlVariant
                    | Base::Geometry
                    | Base::Json
                    | Base::Vector
            )
            && !matches!(self.native.base, Base::Geography | Base::Clr)
    }
}

/// One column's value of a key. What is kept is what the wire delivered, so that nothing is lost between two readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyValue {
    /// `bit` and the integers.
    Int(i64),
    /// Decimals and money.
    Decimal {
        /// All digits, with the sign; a JSON number would not hold them.
        #[serde(with = "digits")]
        unscaled: i128,
        /// Digits after the point.
        scale: i16,
    },
    /// The bits of a `real`.
    Real(u32),
    /// The bits of a `float`.
    Float(u64),
    /// Text.
    Text(String),
    /// Text as UTF-16LE.
    Units(#[serde(with = "hexadecimal")] Vec<u8>),
    /// Bytes.
    Bytes(#[serde(with = "hexadecimal")] Vec<u8>),
    /// A GUID in the order of its text.
    Uuid([u8; 16]),
    /// Days from 2000-01-01.
    Date(i32),
    /// Nanoseconds from midnight.
    Time(i64),
    /// Days from 2000-01-01 and nanoseconds from midnight.
    Timestamp(i32, i64),
    /// The same in UTC.
    Moment(i32, i64),
}

/// A place in a key's order: a value for each column, or for the first of them.
pub(crate) type Place = Vec<KeyValue>;

/// Days from 0001-01-01 to 2000-01-01.
const DAYS_FROM_YEAR_1: i64 = 730_119;

impl KeyValue {
    /// Takes over what a cell says. Its memory is used again.
    ///
    /// # Errors
    /// A reason, if no key can have the value.
    #[inline]
    pub(crate) fn set(&mut self, value: &Value<'_>) -> Result<(), &'static str> {
        *self = match *value {
            Value::Bool(v) => Self::Int(v.into()),
            Value::Int16(v) => Self::Int(v.into()),
            Value::Int32(v) => Self::Int(v.into()),
            Value::Int64(v) => Self::Int(v),
            Value::Decimal { unscaled, scale } => Self::Decimal { unscaled, scale },
            Value::Float32(v) => Self::Real(v.to_bits()),
            Value::Float64(v) => Self::Float(v.to_bits()),
            Value::Uuid(v) => Self::Uuid(v),
            Value::Date(days) => Self::Date(days),
            Value::Time(nanos) => Self::Time(nanos),
            Value::Timestamp { days, nanos } => Self::Timestamp(days, nanos),
            Value::TimestampTz { days, nanos } => Self::Moment(days, nanos),
            Value::Text(text) => {
                if let Self::Text(old) = self {
                    old.clear();
                    old.push_str(text);
                    return Ok(());
                }
                Self::Text(text.to_owned())
            }
            Value::Utf16(units) => {
                if let Self::Units(old) = self {
                    old.clear();
                    old.extend_from_slice(units);
                    return Ok(());
                }
                Self::Units(units.to_vec())
            }
            Value::Bytes(bytes) => {
                if let Self::Bytes(old) = self {
                    old.clear();
                    old.extend_from_slice(bytes);
                    return Ok(());
                }
                Self::Bytes(bytes.to_vec())
            }
            Value::Null => return Err("NULL in a column of the key, which takes none"),
            _ => return Err("a value of a kind that no key has"),
        };
        Ok(())
    }

    /// The text of a value that is text, if it is well-formed UTF-16.
    pub(crate) fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.into()),
            Self::Units(bytes) => {
                let (units, odd) = bytes.as_chunks::<2>();
                let text: Result<String, _> =
                    char::decode_utf16(units.iter().map(|u| u16::from_le_bytes(*u))).collect();
                text.ok().filter(|_| odd.is_empty()).map(Into::into)
            }
            _ => None,
        }
    }

    /// The value for people, as quarantine shows where a row is.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Int(v) => v.to_string(),
            Self::Decimal { unscaled, scale } => decimal(*unscaled, *scale),
            Self::Real(bits) => f32::from_bits(*bits).to_string(),
            Self::Float(bits) => f64::from_bits(*bits).to_string(),
            Self::Text(_) | Self::Units(_) => match self.text() {
                Some(text) => text.into_owned(),
                None => "text with half a character".to_owned(),
            },
            Self::Bytes(bytes) => format!("0x{}", hex::encode_upper(bytes)),
            Self::Uuid(bytes) => uuid::Uuid::from_bytes(*bytes).to_string(),
            Self::Date(days) => day(*days),
            Self::Time(nanos) => time(*nanos, 7),
            Self::Timestamp(days, nanos) => format!("{}T{}", day(*days), time(*nanos, 7)),
            Self::Moment(days, nanos) => format!("{}T{}Z", day(*days), time(*nanos, 7)),
        }
    }
}

/// `2024-02-29` from days from 2000-01-01.
pub(super) fn day(days: i32) -> String {
    calendar(i64::from(days) + DAYS_FROM_YEAR_1)
}

/// `12:34:56.1234567` with so many digits, from nanoseconds; they are a multiple of the last digit.
pub(super) fn time(nanos: i64, scale: u8) -> String {
    let scale = scale.min(9);
    clock(nanos / 10_i64.pow(9 - u32::from(scale)), scale)
}

/// Plain digits, as many after the point as the scale says.
pub(super) fn decimal(unscaled: i128, scale: i16) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if scale == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
