//! Single values into single cells. `None` means that the value does not fit and has to be kept elsewhere: PostgreSQL must
//! not be asked for what it would refuse, since that costs the whole row.

use migrate_core::pg_type::PgType;
use migrate_core::value::Value;

use super::decimal::{Decimal, Digits};
use super::json::Nul;
use super::rules::How;
use super::target::{Cell, Limits};
use super::{date as dates, iso, object_id_of_uuid};
use crate::mapping::UuidOrder;
use crate::raw::{Binary, BsonRef, Text};

const DAY_NANOS: i64 = 86_400_000_000_000;

fn cell(value: Value<'_>) -> Option<Cell<'_>> {
    Some(Cell::Value(value))
}

#[inline]
pub(super) fn text<'a>(text: Text<'a>, limits: &Limits) -> Option<Cell<'a>> {
    let text = text.as_str().ok()?;
    // The overflow has a form for U+0000; otherwise the column's policy deals with it.
    if limits.nul == Nul::Escaped && text.as_bytes().contains(&0) {
        return None;
    }
    if limits.ty != PgType::Text && !text_fits(text, &limits.ty) {
        return None;
    }
    cell(Value::Text(text))
}

/// Whether the type takes the text without cutting or padding it.
pub(super) fn text_fits(text: &str, ty: &PgType) -> bool {
    let within = |n: u32| text.len() <= n as usize || text.chars().count() <= n as usize;
    match ty {
        PgType::Varchar(Some(n)) => within(*n),
        // Blanks at the end are the type's own.
        PgType::Char(n) => within(*n) && !text.ends_with(' '),
        _ => true,
    }
}

#[inline]
pub(super) fn integer<'a>(n: i64, limits: &Limits) -> Option<Cell<'a>> {
    match limits.ty {
        PgType::Int4 => i32::try_from(n).is_ok(),
        PgType::Int2 => i16::try_from(n).is_ok(),
        _ => true,
    }
    .then_some(Cell::Value(Value::Int64(n)))
}

#[inline]
pub(super) fn float<'a>(float: f64, limits: &Limits) -> Option<Cell<'a>> {
    let narrow = limits.ty == PgType::Float4;
    if narrow && !limits.round && !float.is_nan() && f64::from(float as f32) != float {
        return None;
    }
    // A finite number must not become an infinity, whatever may be rounded.
    if narrow && float.is_finite() && !(float as f32).is_finite() {
        return None;
    }
    cell(Value::Float64(float))
}

#[inline]
pub(super) fn timestamp<'a>(millis: i64) -> Option<Cell<'a>> {
    let (days, nanos) = dates::days_and_nanos(millis)?;
    cell(Value::TimestampTz { days, nanos })
}

pub(super) fn date<'a>(millis: i64) -> Option<Cell<'a>> {
    match dates::days_and_nanos(millis)? {
        (days, 0) => cell(Value::Date(days)),
        _ => None,
    }
}

pub(super) fn uuid<'a>(binary: Binary<'a>, limits: &Limits) -> Option<Cell<'a>> {
    let (subtype, order) = limits.binary?;
    let mut bytes: [u8; 16] = binary.bytes.try_into().ok()?;
    if binary.subtype != subtype {
        return None;
    }
    if subtype == 3 {
        reorder(&mut bytes, order);
    }
    // Otherwise it would be taken for an ObjectId by who reads it back.
    if limits.both && object_id_of_uuid(&bytes).is_some() {
        return None;
    }
    cell(Value::Uuid(bytes))
}

/// Puts an old UUID's bytes into the order of its text, or back.
pub(crate) fn reorder(bytes: &mut [u8; 16], order: UuidOrder) {
    match order {
        UuidOrder::AsIs => {}
        UuidOrder::Java => {
            bytes[..8].reverse();
            bytes[8..].reverse();
        }
        UuidOrder::CSharp => {
            bytes[..4].reverse();
            bytes[4..6].reverse();
            bytes[6..8].reverse();
        }
    }
}

/// Numbers in columns of other types of numbers.
pub(super) fn number<'a>(how: How, value: BsonRef<'a>, limits: &Limits) -> Option<Cell<'a>> {
    match (how, value) {
        (How::Ordinals, BsonRef::Timestamp { time, increment }) => {
            // Later the order would turn around.
            let time = i32::try_from(time).ok()?;
            integer(i64::from(time) << 32 | i64::from(increment), limits)
        }
        (How::Whole, BsonRef::Double(f)) => {
            let range = -(2f64.powi(63))..2f64.powi(63);
            let whole = f.trunc() == f && range.contains(&f);
            whole.then(|| integer(f as i64, limits)).flatten()
        }
        (How::Whole, BsonRef::Decimal128(bytes)) => {
            integer(Decimal::from_bytes(bytes).digits()?.to_i64()?, limits)
        }
        (How::Float, BsonRef::Int32(n)) => float(n.into(), limits),
        (How::Float, BsonRef::Int64(n)) => {
            // Not by casting back, which saturates.
            let same = n as f64 as i128 == i128::from(n);
            (same || limits.round).then(|| float(n as f64, limits)).flatten()
        }
        (How::Float, BsonRef::Decimal128(bytes)) => match Decimal::from_bytes(bytes) {
            Decimal::Nan => cell(Value::Float64(f64::NAN)),
            Decimal::Infinity { negative } => cell(Value::Float64(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            })),
            decimal @ Decimal::Number { .. } => {
                let digits = decimal.digits()?;
                match limits.ty {
                    PgType::Float4 => cell(Value::Float32(digits.to_f32()?)),
                    _ => cell(Value::Float64(digits.to_f64()?)),
                }
            }
        },
        (How::Numeric, BsonRef::Int32(n)) => decimal(whole(n.into()), limits),
        (How::Numeric, BsonRef::Int64(n)) => decimal(whole(n), limits),
        (How::Numeric, BsonRef::Decimal128(bytes)) => decimal(Decimal::from_bytes(bytes), limits),
        (How::Numeric, BsonRef::Double(f)) => decimal(
            match Digits::of_float(f) {
                Some(digits) => digits.into(),
                None if f.is_nan() => Decimal::Nan,
                None => Decimal::Infinity { negative: f < 0.0 },
            },
            limits,
        ),
        // Every other pair is in no rule.
        _ => None,
    }
}

fn whole(n: i64) -> Decimal {
    Decimal::Number {
        negative: n < 0,
        coefficient: n.unsigned_abs().into(),
        exponent: 0,
    }
}

fn decimal<'a>(decimal: Decimal, limits: &Limits) -> Option<Cell<'a>> {
    let constraint = match limits.ty {
        PgType::Numeric(constraint) => constraint,
        _ => None,
    };
    match decimal {
        Decimal::Nan => cell(Value::DecimalNan),
        Decimal::Infinity { negative } => match constraint {
            None => cell(Value::DecimalInfinity { negative }),
            Some(_) => None,
        },
        Decimal::Number {
            negative,
            coefficient,
            exponent,
        } => {
            if let Some((precision, scale)) = constraint
                && !Digits::new(negative, coefficient, exponent).fits(precision, scale, limits.round)
            {
                return None;
            }
            // At most 34 digits.
            let unscaled = coefficient as i128;
            cell(Value::Decimal {
                unscaled: if negative { -unscaled } else { unscaled },
                scale: i16::try_from(-exponent).ok()?,
            })
        }
    }
}

/// A string as a value of another type, if it is written as PostgreSQL prints that value: only then it can be given back.
pub(super) fn parse<'a>(text: Text<'a>, limits: &Limits) -> Option<Cell<'a>> {
    let text = text.as_str().ok()?;
    match limits.ty {
        PgType::Bool => match text {
            "true" => cell(Value::Bool(true)),
            "false" => cell(Value::Bool(false)),
            _ => None,
        },
        PgType::Int2 | PgType::Int4 | PgType::Int8 => {
            let n: i64 = text.parse().ok()?;
            let printed = (n.to_string() == text).then_some(n)?;
            integer(printed, limits)
        }
        PgType::Numeric(constraint) => {
            let parsed = Decimal::parse(text)?;
            let Decimal::Number {
                negative,
                coefficient,
                exponent,
            } = parsed
            else {
                return None;
            };
            let plain = text.strip_prefix('-').unwrap_or(text);
            let (integer, fraction) = plain.split_once('.').unwrap_or((plain, ""));
            let printed = (integer == "0" || !integer.starts_with('0'))
                && !integer.is_empty()
                && plain.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && fraction.is_empty() != plain.contains('.')
                && !(negative && coefficient == 0)
                && constraint.is_none_or(|(_, scale)| i32::from(scale) == -exponent);
            printed.then(|| decimal(parsed, limits)).flatten()
        }
        PgType::Uuid => {
            let bytes = text.as_bytes();
            if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|i| bytes[*i] != b'-') {
                return None;
            }
            let mut uuid = [0u8; 16];
            let mut digits = bytes.iter().filter(|b| **b != b'-');
            for byte in &mut uuid {
                for _ in 0..2 {
                    let digit = match *digits.next()? {
                        b @ b'0'..=b'9' => b - b'0',
                        b @ b'a'..=b'f' => b - b'a' + 10,
                        _ => return None,
                    };
                    *byte = *byte << 4 | digit;
                }
            }
            digits.next().is_none().then_some(Cell::Value(Value::Uuid(uuid)))
        }
        PgType::Date => cell(Value::Date(iso::date(text)?)),
        PgType::Timestamp(precision) | PgType::TimestampTz(precision) => {
            let (days, nanos) = iso::timestamp(text)?;
            let kept = precision >= 3 || nanos % (DAY_NANOS / 86_400) == 0;
            kept.then_some(Cell::Value(Value::TimestampTz { days, nanos }))
        }
        _ => None,
    }
}
