//! From the bytes of one cell to a [`Value`].
//!
//! A [`Decoder`] is chosen once for each column. Times are those of MS-TDS 2.2.5.5.1.8 unless the export stores them in
//! five bytes throughout; decimals are the numeric structure of ODBC. Every decoder checks that what it reads is a value
//! that SQL Server can hold, because a wrong guess about the layout shows here first.

use migrate_core::value::Value;

use super::layout::{LayoutChoice, StoredColumn, time_width};
use crate::clr::lend::{Reason, Scratch};
use crate::clr::spatial::SpatialKind;
use crate::clr::variant;
use crate::types::Base;

/// Days from 0001-01-01 to 2000-01-01.
const DAYS_FROM_YEAR_1: i32 = 730_119;
/// Days from 1900-01-01 to 2000-01-01.
const DAYS_FROM_1900: i32 = 36_524;
/// 9999-12-31, counted from 0001-01-01.
const LAST_DAY: u32 = 3_652_058;
/// 1753-01-01 and 9999-12-31, counted from 1900-01-01: the first and last day of `datetime`.
const DATETIME_DAYS: std::ops::RangeInclusive<i32> = -53_690..=2_958_463;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// How to read the body of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoder {
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Bit,
    Real,
    Float,
    Decimal { precision: u8, scale: u8 },
    Money,
    SmallMoney,
    Date,
    Time(TimeOfDay),
    DateTime,
    SmallDateTime,
    DateTime2(TimeOfDay),
    DateTimeOffset(TimeOfDay),
    Utf16,
    Bytes,
    Uuid,
    HierarchyId,
    Spatial(SpatialKind),
    Variant,
}

/// How a time of day is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    width: usize,
    /// Nanoseconds in one unit of what is stored.
    unit: i64,
    /// Nanoseconds in one unit of the column's scale; every value is a multiple of it.
    grain: i64,
}

impl TimeOfDay {
    fn new(scale: u8, choice: LayoutChoice) -> Self {
        let grain = 10_i64.pow(9 - u32::from(scale.min(7)));
        let unit = if choice.time_by_scale { grain } else { 100 };
        Self {
            width: time_width(scale, choice) as usize,
            unit,
            grain,
        }
    }

    #[inline]
    fn nanos(self, body: &[u8]) -> Result<i64, Reason> {
        let low = i64::from(u16::from_le_bytes(array(body))) | i64::from(body[2]) << 16;
        let stored = match self.width {
            3 => low,
            4 => low | i64::from(body[3]) << 24,
            _ => i64::from(u32::from_le_bytes(array(body))) | i64::from(body[4]) << 32,
        };
        match stored.checked_mul(self.unit) {
            Some(nanos) if nanos < NANOS_PER_DAY && (self.unit == self.grain || nanos % self.grain == 0) => {
                Ok(nanos)
            }
            Some(nanos) if nanos < NANOS_PER_DAY => Err("a time has more digits than its column".to_owned()),
            _ => Err("a time is not before midnight".to_owned()),
        }
    }
}

impl Decoder {
    pub(crate) fn of(column: &StoredColumn, choice: LayoutChoice) -> Self {
        let t = column.native(choice);
        let time = TimeOfDay::new(t.scale, choice);
        match t.base {
            Base::TinyInt => Self::TinyInt,
            Base::SmallInt => Self::SmallInt,
            Base::Int => Self::Int,
            Base::BigInt => Self::BigInt,
            Base::Bit => Self::Bit,
            Base::Real => Self::Real,
            Base::Float => Self::Float,
            Base::Decimal | Base::Numeric => Self::Decimal {
                precision: t.precision,
                scale: t.scale,
            },
            Base::Money => Self::Money,
            Base::SmallMoney => Self::SmallMoney,
            Base::Date => Self::Date,
            Base::Time => Self::Time(time),
            Base::DateTime => Self::DateTime,
            Base::SmallDateTime => Self::SmallDateTime,
            Base::DateTime2 => Self::DateTime2(time),
            Base::DateTimeOffset => Self::DateTimeOffset(time),
            Base::Char
            | Base::VarChar
            | Base::Text
            | Base::NChar
            | Base::NVarChar
            | Base::NText
            | Base::Xml
            // Refused by the model.
            | Base::Json
            | Base::Vector => Self::Utf16,
            Base::Binary | Base::VarBinary | Base::Image | Base::RowVersion | Base::Clr => Self::Bytes,
            Base::UniqueIdentifier => Self::Uuid,
            Base::HierarchyId => Self::HierarchyId,
            Base::Geometry => Self::Spatial(SpatialKind::Geometry),
            Base::Geography => Self::Spatial(SpatialKind::Geography),
            Base::SqlVariant => Self::Variant,
        }
    }

    /// Reads a body whose length its column's [`CellLayout`](super::layout::CellLayout) has admitted.
    /// The value goes straight to `then` from where it is made: handing it back would copy it, and a copy of what was
    /// just written in parts stalls the processor for longer than most cells take.
    #[inline]
    pub(crate) fn decode<R>(
        self,
        body: &[u8],
        scratch: &mut Scratch,
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        Ok(match self {
            Self::TinyInt => then(Value::Int16(i16::from(body[0]))),
            Self::SmallInt => then(Value::Int16(i16::from_le_bytes(array(body)))),
            Self::Int => then(Value::Int32(i32::from_le_bytes(array(body)))),
            Self::BigInt => then(Value::Int64(i64::from_le_bytes(array(body)))),
            Self::Bit if body[0] <= 1 => then(Value::Bool(body[0] == 1)),
            Self::Bit => return Err("a bit is neither 0 nor 1".to_owned()),
            Self::Real => then(Value::Float32(f32::from_le_bytes(array(body)))),
            Self::Float => then(Value::Float64(f64::from_le_bytes(array(body)))),
            Self::Decimal { precision, scale } => then(Value::Decimal {
                unscaled: decimal(body, precision, scale)?,
                scale: i16::from(scale),
            }),
            Self::Money => {
                let high = i64::from(i32::from_le_bytes(array(body)));
                let low = i64::from(u32::from_le_bytes(array(&body[4..])));
                then(Value::Decimal {
                    unscaled: i128::from(high << 32 | low),
                    scale: 4,
                })
            }
            Self::SmallMoney => then(Value::Decimal {
                unscaled: i128::from(i32::from_le_bytes(array(body))),
                scale: 4,
            }),
            Self::Date => then(Value::Date(day(body)?)),
            Self::Time(time) => then(Value::Time(time.nanos(body)?)),
            Self::DateTime => {
                let days = i32::from_le_bytes(array(body));
                let ticks = u32::from_le_bytes(array(&body[4..]));
                if !DATETIME_DAYS.contains(&days) || ticks >= 300 * 86_400 {
                    return Err("a datetime is outside of 1753 to 9999".to_owned());
                }
                // 1/300 s shows as .000, .003 and .007.
                let millis = (i64::from(ticks) * 10 + 1) / 3;
                then(Value::Timestamp {
                    days: days - DAYS_FROM_1900,
                    nanos: millis * 1_000_000,
                })
            }
            Self::SmallDateTime => {
                let days = i32::from(u16::from_le_bytes(array(body)));
                let minutes = i64::from(u16::from_le_bytes(array(&body[2..])));
                if minutes >= 1440 {
                    return Err("a smalldatetime has more minutes than a day".to_owned());
                }
                then(Value::Timestamp {
                    days: days - DAYS_FROM_1900,
                    nanos: minutes * 60_000_000_000,
                })
            }
            Self::DateTime2(time) => then(Value::Timestamp {
                nanos: time.nanos(body)?,
                days: day(&body[time.width..])?,
            }),
            Self::DateTimeOffset(time) => {
                let minutes = i16::from_le_bytes(array(&body[time.width + 3..]));
                if !(-840..=840).contains(&minutes) {
                    return Err("an offset from UTC is more than 14 hours".to_owned());
                }
                then(Value::TimestampTz {
                    nanos: time.nanos(body)?,
                    days: day(&body[time.width..])?,
                })
            }
            Self::Utf16 => then(Value::Utf16(body)),
            Self::Bytes => then(Value::Bytes(body)),
            Self::Uuid => then(Value::Uuid(uuid(body))),
            Self::HierarchyId => scratch.hierarchy_id(body, then)?,
            Self::Spatial(kind) => scratch.spatial(kind, body, then)?,
            Self::Variant => scratch.variant(variant::decode_tds(body), body, then)?,
        })
    }
}

/// The first `N` bytes. The layout has admitted the length, so they are there.
#[inline]
fn array<const N: usize>(body: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&body[..N]);
    out
}

#[inline]
fn day(body: &[u8]) -> Result<i32, Reason> {
    let days = u32::from_le_bytes([body[0], body[1], body[2], 0]);
    if days > LAST_DAY {
        return Err("a date is after 9999-12-31".to_owned());
    }
    Ok(days as i32 - DAYS_FROM_YEAR_1)
}

#[inline]
fn decimal(body: &[u8], precision: u8, scale: u8) -> Result<i128, Reason> {
    let (stated_precision, stated_scale, sign) = (body[0], body[1], body[2]);
    if stated_scale != scale || stated_precision == 0 || stated_precision > 38 || sign > 1 {
        return Err("a decimal states another scale than its column, or no sign".to_owned());
    }
    let magnitude = u128::from_le_bytes(array(&body[3..]));
    if magnitude >= POWERS_OF_TEN[usize::from(precision.min(38))] {
        return Err("a decimal has more digits than its column".to_owned());
    }
    // Below 10^38, so it fits an i128.
    let unscaled = magnitude as i128;
    Ok(if sign == 1 { unscaled } else { -unscaled })
}

static POWERS_OF_TEN: [u128; 39] = {
    let mut out = [1; 39];
    let mut i = 1;
    while i < 39 {
        out[i] = out[i - 1] * 10;
        i += 1;
    }
    out
};

/// The first three groups of the text are stored little-endian.
#[inline]
fn uuid(body: &[u8]) -> [u8; 16] {
    let mut out: [u8; 16] = array(body);
    out[..4].reverse();
    out[4..6].reverse();
    out[6..8].reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_value_without_a_counterpart_is_no_damage() {
        // geography::Parse('FULLGLOBE')
        let globe = [
            0xE6, 0x10, 0, 0, 2, 0x24, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0xFF, 0xFF, 0xFF, 0x0B,
        ];
        let decoder = Decoder::Spatial(SpatialKind::Geography);
        let seen = decoder.decode(&globe, &mut Scratch::default(), |value| match value {
            Value::Unsupported { bytes, .. } => bytes.to_vec(),
            other => panic!("{other:?}"),
        });
        assert_eq!(seen.unwrap(), globe);
        let cut = decoder.decode(&globe[..20], &mut Scratch::default(), |_| ());
        assert!(cut.unwrap_err().starts_with("not a spatial value"));
    }
}
