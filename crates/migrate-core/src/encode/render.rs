//! Values as text, spelled as PostgreSQL casts them: shortest floats, ISO 8601 dates, lower-case UUIDs.

use std::io::Write as _;

use crate::value::Value;

use super::cell::{Outcome, wrong_kind};
use super::civil;
use super::decimal::Decimal;
use super::number::ShortText;

/// Appends the text of a value that is not text itself.
pub(crate) fn render(value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
    match *value {
        Value::Bool(b) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        Value::Int16(i) => integer(i.into(), out),
        Value::Int32(i) => integer(i.into(), out),
        Value::Int64(i) => integer(i, out),
        Value::Float32(f) => float(f64::from(f), ShortText::of(f), 6, out),
        Value::Float64(f) => float(f, ShortText::of(f), 15, out),
        Value::Decimal { unscaled, scale } => {
            if let Some(decimal) = Decimal::parse(ShortText::of_scaled(unscaled, scale).as_bytes()) {
                decimal.print(out);
            }
        }
        Value::DecimalNan => out.extend_from_slice(b"NaN"),
        Value::DecimalInfinity { negative: false } => out.extend_from_slice(b"Infinity"),
        Value::DecimalInfinity { negative: true } => out.extend_from_slice(b"-Infinity"),
        Value::Uuid(bytes) => {
            let mut buffer = uuid::Uuid::encode_buffer();
            out.extend_from_slice(
                uuid::Uuid::from_bytes(bytes)
                    .hyphenated()
                    .encode_lower(&mut buffer)
                    .as_bytes(),
            );
        }
        Value::Date(days) => civil::print_date(days.into(), out),
        Value::Time(nanos) => civil::print_time(nanos, out),
        Value::Timestamp { days, nanos } => civil::print_timestamp(days.into(), nanos, false, out),
        Value::TimestampTz { days, nanos } => civil::print_timestamp(days.into(), nanos, true, out),
        _ => return wrong_kind(),
    }
    Ok(())
}

fn integer(i: i64, out: &mut Vec<u8>) {
    let written = write!(out, "{i}");
    debug_assert!(written.is_ok(), "writing to memory failed");
}

/// Appends a float given as `d.ddde±x`: without an exponent from 1e-4 up to as many digits as the type keeps.
fn float(value: f64, text: ShortText, digits: i32, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    let (mantissa, exponent) = text.as_str().split_once('e').unwrap_or((text.as_str(), "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..digits).contains(&exponent) {
        if value == 0.0 {
            return out.extend_from_slice(mantissa.as_bytes());
        }
        if let Some(decimal) = Decimal::parse(text.as_bytes()) {
            decimal.print(out);
        }
        return;
    }
    out.extend_from_slice(mantissa.as_bytes());
    let written = write!(
        out,
        "e{}{:02}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    );
    debug_assert!(written.is_ok(), "writing to memory failed");
}
