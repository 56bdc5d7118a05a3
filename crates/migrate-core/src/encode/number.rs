//! Whole numbers and floats, and what else may go into such columns without losing anything.

use std::io::Write as _;

use crate::policy::Conversion;
use crate::value::Value;

use super::cell::{Changes, Outcome, Scratch, field2, field4, field8, refuse, wrong_kind};
use super::decimal::Decimal;
use super::numeric::{self, NumericSpec};
use super::parse;

/// Text short enough for every float and every decimal of 128 bits, kept off the heap.
pub(crate) struct ShortText {
    bytes: [u8; 64],
    len: usize,
}

impl ShortText {
    fn new() -> Self {
        Self {
            bytes: [0; 64],
            len: 0,
        }
    }

    /// A value that prints in at most 64 ASCII characters.
    pub(crate) fn of(value: impl std::fmt::LowerExp) -> Self {
        let mut text = Self::new();
        // Seventeen digits, a sign, a point and an exponent always fit.
        let written = write!(text, "{value:e}");
        debug_assert!(written.is_ok(), "a float needs fewer than 64 characters");
        text
    }

    /// `unscaled * 10^-scale`, with an exponent.
    pub(crate) fn of_scaled(unscaled: i128, scale: i16) -> Self {
        let mut text = Self::new();
        let written = write!(text, "{unscaled}e{}", -i32::from(scale));
        debug_assert!(
            written.is_ok(),
            "40 characters and an exponent need fewer than 64"
        );
        text
    }

    /// The characters.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The characters as text.
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is ever written.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl std::io::Write for ShortText {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let n = (&mut self.bytes[self.len..]).write(data)?;
        self.len += n;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The value as a whole number of 64 bits.
#[inline]
fn integer(value: &Value<'_>, scratch: &mut Scratch) -> Outcome<i64> {
    match *value {
        Value::Int64(i) => Ok(i),
        Value::Int32(i) => Ok(i.into()),
        Value::Int16(i) => Ok(i.into()),
        Value::Bool(b) => Ok(b.into()),
        _ => unusual_integer(value, scratch),
    }
}

fn unusual_integer(value: &Value<'_>, scratch: &mut Scratch) -> Outcome<i64> {
    let whole = match *value {
        Value::Decimal { unscaled, scale } => whole_decimal(unscaled, scale),
        // 2^63 is a float, the largest i64 is not.
        Value::Float64(f) if f.trunc() == f && (-(2f64.powi(63))..2f64.powi(63)).contains(&f) => {
            Some(f as i64)
        }
        Value::Float32(f) => return unusual_integer(&Value::Float64(f.into()), scratch),
        Value::Text(_) | Value::Utf16(_) => parse::with_text(value, scratch, |text| {
            Ok(Some(
                text.parse()
                    .map_err(|_| "the text is not a whole number of 64 bits")?,
            ))
        })?,
        Value::Float64(_) | Value::DecimalNan | Value::DecimalInfinity { .. } => None,
        _ => return wrong_kind(),
    };
    match whole {
        Some(i) => Ok(i),
        None => refuse("the number is not a whole number of 64 bits"),
    }
}

/// `unscaled * 10^-scale`, if that is whole and fits.
fn whole_decimal(unscaled: i128, scale: i16) -> Option<i64> {
    if unscaled == 0 {
        return Some(0);
    }
    let power = 10i128.checked_pow(scale.unsigned_abs().into())?;
    let whole = match scale {
        ..0 => unscaled.checked_mul(power)?,
        _ if unscaled % power == 0 => unscaled / power,
        _ => return None,
    };
    whole.try_into().ok()
}

#[cold]
fn out_of_range<T>(ty: &'static str) -> Outcome<T> {
    refuse(format!("the number is outside the range of {ty}"))
}

/// Appends a `smallint`.
#[inline]
pub(crate) fn encode_int2(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    match i16::try_from(integer(value, scratch)?) {
        Ok(i) => field2(out, i.to_be_bytes()),
        Err(_) => return out_of_range("smallint"),
    }
    Ok(())
}

/// Appends an `integer`.
#[inline]
pub(crate) fn encode_int4(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    match i32::try_from(integer(value, scratch)?) {
        Ok(i) => field4(out, i.to_be_bytes()),
        Err(_) => return out_of_range("integer"),
    }
    Ok(())
}

/// Appends a `bigint`.
#[inline]
pub(crate) fn encode_int8(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    field8(out, integer(value, scratch)?.to_be_bytes());
    Ok(())
}

/// Appends a `boolean`; of the numbers only 0 and 1 are one.
#[inline]
pub(crate) fn encode_bool(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    let b = match *value {
        Value::Bool(b) => b,
        Value::Text(_) | Value::Utf16(_) => parse::with_text(value, scratch, |text| match text {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => Err("the text is not a boolean"),
        })?,
        _ => match integer(value, scratch)? {
            0 => false,
            1 => true,
            _ => return refuse("the number is neither 0 nor 1"),
        },
    };
    out.extend_from_slice(&[0, 0, 0, 1, u8::from(b)]);
    Ok(())
}

/// Appends a `double precision`. The bits of a float stay as they are: PostgreSQL keeps them.
#[inline]
pub(crate) fn encode_float8(
    value: &Value<'_>,
    round: bool,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    let float = match *value {
        Value::Float64(f) => f,
        Value::Float32(f) => f.into(),
        _ => float_from(value, round, scratch)?,
    };
    field8(out, float.to_bits().to_be_bytes());
    Ok(())
}

/// Appends a `real`.
#[inline]
pub(crate) fn encode_float4(
    value: &Value<'_>,
    round: bool,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    let float = match *value {
        Value::Float32(f) => f,
        Value::Float64(wide) if wide.is_nan() => f32::NAN,
        Value::Float64(wide) => narrow(wide, round, &mut scratch.changes)?,
        // A decimal may be exact in one float and not in the other, so it does not go through the wider one.
        Value::Decimal { unscaled, scale } => {
            let text = ShortText::of_scaled(unscaled, scale);
            let float: f32 = text.as_str().parse().unwrap_or(f32::NAN);
            let same = float.is_finite() && same_number(text.as_bytes(), ShortText::of(float).as_bytes());
            approximated(float, same, float.is_finite(), round, &mut scratch.changes)?
        }
        _ => narrow(float_from(value, round, scratch)?, round, &mut scratch.changes)?,
    };
    field4(out, float.to_bits().to_be_bytes());
    Ok(())
}

fn narrow(wide: f64, round: bool, changes: &mut Changes) -> Outcome<f32> {
    let float = wide as f32;
    approximated(float, f64::from(float) == wide, float.is_finite(), round, changes)
}

/// A float in place of a number: exact, or rounded and counted where that is allowed.
fn approximated<T>(float: T, same: bool, finite: bool, round: bool, changes: &mut Changes) -> Outcome<T> {
    if !same {
        if !round || !finite {
            return refuse("the number cannot be kept exactly by the column's floating-point type");
        }
        changes.add(Conversion::DecimalRounded);
    }
    Ok(float)
}

fn float_from(value: &Value<'_>, round: bool, scratch: &mut Scratch) -> Outcome<f64> {
    match *value {
        Value::Int64(_) | Value::Int32(_) | Value::Int16(_) => {
            let int = integer(value, scratch)?;
            let float = int as f64;
            approximated(
                float,
                float as i128 == i128::from(int),
                true,
                round,
                &mut scratch.changes,
            )
        }
        Value::Decimal { unscaled, scale } => {
            let text = ShortText::of_scaled(unscaled, scale);
            let float: f64 = text.as_str().parse().unwrap_or(f64::NAN);
            let same = float.is_finite() && same_number(text.as_bytes(), ShortText::of(float).as_bytes());
            approximated(float, same, float.is_finite(), round, &mut scratch.changes)
        }
        Value::DecimalNan => Ok(f64::NAN),
        Value::DecimalInfinity { negative: false } => Ok(f64::INFINITY),
        Value::DecimalInfinity { negative: true } => Ok(f64::NEG_INFINITY),
        Value::Text(_) | Value::Utf16(_) => {
            let (float, same) = parse::with_text(value, scratch, |text| {
                let float: f64 = text.parse().map_err(|_| "the text is not a number")?;
                let named = text.bytes().all(|b| !b.is_ascii_digit());
                Ok((
                    float,
                    named
                        || (float.is_finite()
                            && same_number(text.as_bytes(), ShortText::of(float).as_bytes())),
                ))
            })?;
            approximated(float, same, float.is_finite(), round, &mut scratch.changes)
        }
        _ => wrong_kind(),
    }
}

/// Whether a float's shortest text says the same number as the text it was read from: then nothing was lost.
fn same_number(text: &[u8], float: &[u8]) -> bool {
    match (Decimal::parse(text), Decimal::parse(float)) {
        (Some(text), Some(float)) => text.equals(&float),
        _ => false,
    }
}

/// Whether a decimal number is exactly a 64-bit integer or what a float prints as.
pub(crate) fn is_machine_number(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    text.parse::<i64>().is_ok()
        || text.parse::<u64>().is_ok()
        || text
            .parse::<f64>()
            .is_ok_and(|f| f.is_finite() && same_number(text.as_bytes(), ShortText::of(f).as_bytes()))
}

/// Appends a `numeric`.
#[inline]
pub(crate) fn encode_numeric(
    value: &Value<'_>,
    spec: NumericSpec,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    match *value {
        Value::Decimal { unscaled, scale } => {
            numeric::encode_scaled(unscaled, scale, spec, out, &mut scratch.changes)
        }
        _ => unusual_numeric(value, spec, out, scratch),
    }
}

fn unusual_numeric(
    value: &Value<'_>,
    spec: NumericSpec,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    let special = |f: f64, out: &mut Vec<u8>| {
        if f.is_nan() {
            numeric::encode_nan(out);
            return Ok(());
        }
        numeric::encode_infinity(f.is_sign_negative(), spec, out)
    };
    let short = |text: ShortText, out: &mut Vec<u8>, scratch: &mut Scratch| {
        encode_text(
            text.as_bytes(),
            spec,
            out,
            &mut scratch.digits,
            &mut scratch.changes,
        )
    };
    match *value {
        Value::Int64(_) | Value::Int32(_) | Value::Int16(_) => {
            let int = integer(value, scratch)?;
            numeric::encode_scaled(int.into(), 0, spec, out, &mut scratch.changes)
        }
        Value::DecimalNan => special(f64::NAN, out),
        Value::DecimalInfinity { negative } => numeric::encode_infinity(negative, spec, out),
        Value::Float64(f) if !f.is_finite() => special(f, out),
        Value::Float32(f) if !f.is_finite() => special(f.into(), out),
        // The shortest text that gives the same float back.
        Value::Float64(f) => short(ShortText::of(f), out, scratch),
        Value::Float32(f) => short(ShortText::of(f), out, scratch),
        Value::Text(_) | Value::Utf16(_) => {
            parse::read_text(value, scratch)?;
            encode_text(
                scratch.text.trim_ascii(),
                spec,
                out,
                &mut scratch.digits,
                &mut scratch.changes,
            )
        }
        _ => wrong_kind(),
    }
}

fn encode_text(
    text: &[u8],
    spec: NumericSpec,
    out: &mut Vec<u8>,
    digits: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome {
    match Decimal::parse(text) {
        Some(decimal) => numeric::encode_digits(&decimal, spec, digits, out, changes),
        None => refuse("the text is not a decimal number"),
    }
}
