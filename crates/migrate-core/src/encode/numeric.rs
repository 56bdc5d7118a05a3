//! PostgreSQL's binary `numeric`: digits in base 10000, the weight of the first, a sign and a display scale
//! (`numeric_send` in PostgreSQL's `numeric.c`). Groups of zeros at either end are never sent.

use crate::policy::Conversion;

use super::cell::{Changes, Outcome, refuse};
use super::decimal::Decimal;

pub(crate) const SIGN_NEGATIVE: u16 = 0x4000;
pub(crate) const SIGN_NAN: u16 = 0xC000;
pub(crate) const SIGN_INFINITY: u16 = 0xD000;
pub(crate) const SIGN_NEGATIVE_INFINITY: u16 = 0xF000;

/// The display scale that PostgreSQL sends with an infinity: bits of its header that have no other meaning.
pub(crate) const INFINITY_SCALE: u16 = 0x20;

/// Digits after the decimal point that a `numeric` without constraint shows at most.
pub(crate) const MAX_SCALE: i64 = 16_383;

/// Digits before the decimal point that a `numeric` without constraint has at most.
pub(crate) const MAX_INTEGER_DIGITS: i64 = 131_072;

const POW10: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// What the column makes of a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumericSpec {
    /// Precision and scale, if the column has them.
    pub(crate) constraint: Option<(u16, i16)>,
    /// Whether digits beyond the scale may be rounded away, and counted.
    pub(crate) round: bool,
}

/// Appends `unscaled * 10^-scale` as a field.
pub(crate) fn encode_scaled(
    unscaled: i128,
    scale: i16,
    spec: NumericSpec,
    out: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome {
    let negative = unscaled < 0;
    let mut magnitude = unscaled.unsigned_abs();
    let mut scale = i32::from(scale);
    let display = match spec.constraint {
        Some((precision, column)) => {
            let column = i32::from(column);
            if scale > column {
                magnitude = drop_digits(magnitude, scale - column, spec.round, changes)?;
                scale = column;
            }
            // |value| < 10^(precision - column), said of the unscaled number.
            let digits = i32::from(precision) - column + scale;
            if digits < 39 && magnitude >= POW10[digits.max(0) as usize] {
                return too_many_digits(precision, column);
            }
            column.max(0)
        }
        None if i64::from(scale) > MAX_SCALE => {
            return refuse("the decimal has more than 16383 digits after the point");
        }
        None => scale.max(0),
    };
    write_scaled(negative, magnitude, scale, display as u16, out);
    Ok(())
}

#[cold]
pub(crate) fn too_many_digits(precision: u16, scale: i32) -> Outcome {
    refuse(format!("the number does not fit numeric({precision},{scale})"))
}

/// Removes the last `count` decimal digits, which must be zeros unless rounding is allowed; halves go away from
/// zero.
fn drop_digits(magnitude: u128, count: i32, round: bool, changes: &mut Changes) -> Outcome<u128> {
    let (quotient, remainder, half_up) = match POW10.get(count as usize) {
        Some(&power) => match (u64::try_from(magnitude), u64::try_from(power)) {
            (Ok(m), Ok(p)) => (u128::from(m / p), u128::from(m % p), m % p >= p / 2),
            _ => (
                magnitude / power,
                magnitude % power,
                magnitude % power >= power / 2,
            ),
        },
        // No magnitude of 128 bits reaches half of 10^39.
        None => (0, magnitude, false),
    };
    if remainder == 0 {
        return Ok(quotient);
    }
    if !round {
        return loses_digits();
    }
    changes.add(Conversion::DecimalRounded);
    Ok(quotient + u128::from(half_up))
}

#[cold]
fn loses_digits<T>() -> Outcome<T> {
    refuse("the number has more digits after the point than the column keeps")
}

/// Groups of four digits that 39 decimal digits can touch, and those that 20 can.
const MAX_GROUPS: usize = 11;
const FEW_GROUPS: usize = 6;

#[inline]
fn write_scaled(negative: bool, magnitude: u128, scale: i32, display: u16, out: &mut Vec<u8>) {
    // value = magnitude * 10^partial * 10000^lowest
    let lowest = (-scale).div_euclid(4);
    let partial = (-scale).rem_euclid(4) as usize;
    let sign = if negative { SIGN_NEGATIVE } else { 0 };
    match u64::try_from(magnitude) {
        Ok(small) if small <= u64::MAX / 1000 => {
            let mut groups = Groups::<FEW_GROUPS>::new(lowest);
            groups.push_all(small * POW10[partial] as u64);
            groups.write::<{ 12 + 2 * FEW_GROUPS }>(sign, display, out);
        }
        _ => write_large(magnitude, partial, Groups::new(lowest), sign, display, out),
    }
}

fn write_large(
    mut magnitude: u128,
    partial: usize,
    mut groups: Groups<MAX_GROUPS>,
    sign: u16,
    display: u16,
    out: &mut Vec<u8>,
) {
    if partial != 0 {
        let kept = POW10[4 - partial];
        groups.push(((magnitude % kept) * POW10[partial]) as u16);
        magnitude /= kept;
    }
    while magnitude > u128::from(u64::MAX) {
        let mut four = (magnitude % POW10[16]) as u64;
        magnitude /= POW10[16];
        for _ in 0..4 {
            groups.push((four % 10_000) as u16);
            four /= 10_000;
        }
    }
    groups.push_all(magnitude as u64);
    groups.write::<{ 12 + 2 * MAX_GROUPS }>(sign, display, out);
}

/// Groups of four digits, the least significant first, without zeros before the first that is not.
struct Groups<const N: usize> {
    digits: [u16; N],
    len: usize,
    /// The power of 10000 that the next group counts.
    next: i32,
}

impl<const N: usize> Groups<N> {
    fn new(lowest: i32) -> Self {
        Self {
            digits: [0; N],
            len: 0,
            next: lowest,
        }
    }

    #[inline]
    fn push(&mut self, group: u16) {
        if self.len > 0 || group != 0 {
            self.digits[self.len] = group;
            self.len += 1;
        }
        self.next += 1;
    }

    /// Adds all groups of the number; none if it is zero.
    #[inline]
    fn push_all(&mut self, mut number: u64) {
        while number != 0 {
            self.push((number % 10_000) as u16);
            number /= 10_000;
        }
    }

    /// Appends the field. The frame is copied whole and cut, since a copy of fixed length needs no call.
    #[inline]
    fn write<const FRAME: usize>(&self, sign: u16, display: u16, out: &mut Vec<u8>) {
        let mut frame = [0u8; FRAME];
        match self.len {
            0 => header(&mut frame, 0, 0, 0, display),
            // The last group added is not zero, and is the first to be sent.
            len => header(&mut frame, len, (self.next - 1) as i16, sign, display),
        }
        for i in 0..self.len {
            let at = 12 + 2 * (self.len - 1 - i);
            frame[at..at + 2].copy_from_slice(&self.digits[i].to_be_bytes());
        }
        let end = out.len() + 12 + 2 * self.len;
        out.extend_from_slice(&frame);
        out.truncate(end);
    }
}

/// Fills in a field's length and the head of its `numeric`.
#[inline]
fn header(frame: &mut [u8], digits: usize, weight: i16, sign: u16, display: u16) {
    frame[..4].copy_from_slice(&(8 + 2 * digits as u32).to_be_bytes());
    frame[4..6].copy_from_slice(&(digits as u16).to_be_bytes());
    frame[6..8].copy_from_slice(&weight.to_be_bytes());
    frame[8..10].copy_from_slice(&sign.to_be_bytes());
    frame[10..12].copy_from_slice(&display.to_be_bytes());
}

/// Appends "not a number".
pub(crate) fn encode_nan(out: &mut Vec<u8>) {
    let mut frame = [0; 12];
    header(&mut frame, 0, 0, SIGN_NAN, 0);
    out.extend_from_slice(&frame);
}

/// Appends an infinity.
pub(crate) fn encode_infinity(negative: bool, spec: NumericSpec, out: &mut Vec<u8>) -> Outcome {
    if spec.constraint.is_some() {
        return refuse("an infinite number fits only a numeric without precision");
    }
    let mut frame = [0; 12];
    let sign = if negative {
        SIGN_NEGATIVE_INFINITY
    } else {
        SIGN_INFINITY
    };
    header(&mut frame, 0, 0, sign, INFINITY_SCALE);
    out.extend_from_slice(&frame);
    Ok(())
}

/// Appends a decimal of any length. `digits` is a buffer whose content does not matter.
pub(crate) fn encode_digits(
    decimal: &Decimal<'_>,
    spec: NumericSpec,
    digits: &mut Vec<u8>,
    out: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome {
    if !decimal.has_readable_exponent() {
        return refuse("the decimal's exponent is too large");
    }
    decimal.significant_digits(digits);
    let mut scale = decimal.scale();
    let display = match spec.constraint {
        Some((_, column)) => {
            let column = i64::from(column);
            if scale > column {
                let kept = digits.len().saturating_sub((scale - column) as usize);
                // With fewer digits than there are to drop, there are zeros before them, and no half is reached.
                let half_up =
                    digits.len() as i64 >= scale - column && digits.get(kept).is_some_and(|d| *d >= b'5');
                if digits[kept..].iter().any(|d| *d != b'0') {
                    if !spec.round {
                        return loses_digits();
                    }
                    changes.add(Conversion::DecimalRounded);
                }
                digits.truncate(kept);
                if half_up {
                    increment(digits);
                }
                scale = column;
            }
            column.max(0)
        }
        None if scale > MAX_SCALE => return refuse("the decimal has more than 16383 digits after the point"),
        None => scale.max(0),
    };
    let integer_digits = digits.len() as i64 - scale;
    if !digits.is_empty() {
        match spec.constraint {
            Some((precision, column)) if integer_digits > i64::from(precision) - i64::from(column) => {
                return too_many_digits(precision, i32::from(column));
            }
            None if integer_digits > MAX_INTEGER_DIGITS => {
                return refuse("the decimal has more than 131072 digits before the point");
            }
            _ => {}
        }
    }
    write_digits(decimal.negative, digits, scale, display as u16, out);
    Ok(())
}

/// Adds one in the last place.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// Appends the field for digits without leading zeros, checked to fit.
fn write_digits(negative: bool, digits: &[u8], scale: i64, display: u16, out: &mut Vec<u8>) {
    let lowest = (-scale).div_euclid(4);
    let partial = (-scale).rem_euclid(4) as usize;
    let padded = digits.len() + partial;
    let count = padded.div_ceil(4);
    let start = out.len();
    out.extend_from_slice(&[0; 12]);
    let mut at = 0;
    let mut nonzero = 0;
    for index in 0..count {
        let end = padded - 4 * (count - 1 - index);
        let mut group = 0u16;
        while at < end {
            group = group * 10 + digits.get(at).map_or(0, |d| u16::from(d - b'0'));
            at += 1;
        }
        out.extend_from_slice(&group.to_be_bytes());
        if group != 0 {
            nonzero = index + 1;
        }
    }
    out.truncate(start + 12 + 2 * nonzero);
    let (weight, sign) = match nonzero {
        0 => (0, 0),
        _ => (
            lowest + count as i64 - 1,
            if negative { SIGN_NEGATIVE } else { 0 },
        ),
    };
    header(&mut out[start..], nonzero, weight as i16, sign, display);
}
