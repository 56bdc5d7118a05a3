//! Literals, read as the type of the column that they are compared with.

use std::cmp::Ordering;

use migrate_core::value::Value;

use crate::types::{Base, NativeType};

/// A literal in the form in which its column delivers values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number { unscaled: i128, scale: u32 },
    Real(f32),
    Float(f64),
    Text(Vec<u16>),
    Uuid([u8; 16]),
    Bytes(Vec<u8>),
    Date(i32),
    Time(i64),
    Moment { days: i32, nanos: i64 },
}

/// A literal as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// Digits, perhaps with a sign, a point or an exponent.
    Number(String),
    Text(String),
    /// Hexadecimal digits.
    Bytes(String),
}

impl Literal {
    /// Reads a literal for a column of the type.
    ///
    /// # Errors
    /// Why it cannot be compared with such a column.
    pub(super) fn new(written: &Written, native: NativeType) -> Result<Self, String> {
        let unsuited = || format!("this literal cannot be compared with {native}");
        match (native.base, written) {
            (
                Base::TinyInt
                | Base::SmallInt
                | Base::Int
                | Base::BigInt
                | Base::Bit
                | Base::Decimal
                | Base::Numeric
                | Base::Money
                | Base::SmallMoney,
                Written::Number(text),
            ) => number(text).ok_or_else(|| format!("{text} is not a decimal number of at most 38 digits")),
            (Base::Real, Written::Number(text)) => text.parse().map(Self::Real).map_err(|_| unsuited()),
            (Base::Float, Written::Number(text)) => text.parse().map(Self::Float).map_err(|_| unsuited()),
            (_, Written::Text(text)) if native.is_text() => Ok(Self::Text(text.encode_utf16().collect())),
            (Base::UniqueIdentifier, Written::Text(text)) => uuid::Uuid::parse_str(text.trim())
                .map(|u| Self::Uuid(u.into_bytes()))
                .map_err(|_| "this is not a uniqueidentifier".to_owned()),
            (Base::Binary | Base::VarBinary | Base::Image | Base::RowVersion, Written::Bytes(digits)) => {
                hex::decode(digits)
                    .map(Self::Bytes)
                    .map_err(|_| "this has half a byte".to_owned())
            }
            (Base::Date, Written::Text(text)) => date(text)
                .map(Self::Date)
                .ok_or_else(|| "a date is written '2024-02-29'".to_owned()),
            (Base::Time, Written::Text(text)) => clock(text)
                .map(Self::Time)
                .ok_or_else(|| "a time is written '13:30:00.25'".to_owned()),
            (Base::DateTime | Base::SmallDateTime | Base::DateTime2, Written::Text(text)) => moment(text)
                .ok_or_else(|| "a moment is written '2024-02-29' or '2024-02-29 13:30:00.25'".to_owned()),
            (Base::DateTimeOffset, Written::Text(text)) => offset_moment(text)
                .ok_or_else(|| "a moment is written '2024-02-29 13:30:00.25+01:00'".to_owned()),
            _ => Err(unsuited()),
        }
    }

    /// How a value stands to the literal; `None` if that is unknown.
    pub(super) fn order(&self, value: &Value<'_>) -> Option<Ordering> {
        match (value, self) {
            (value, Self::Number { unscaled, scale }) => {
                let (own, own_scale) = match *value {
                    Value::Bool(b) => (i128::from(b), 0),
                    Value::Int16(n) => (i128::from(n), 0),
                    Value::Int32(n) => (i128::from(n), 0),
                    Value::Int64(n) => (i128::from(n), 0),
                    Value::Decimal { unscaled, scale } => (unscaled, u32::try_from(scale).ok()?),
                    _ => return None,
                };
                Some(compare_scaled((own, own_scale), (*unscaled, *scale)))
            }
            (Value::Float32(a), Self::Real(b)) => a.partial_cmp(b),
            (Value::Float64(a), Self::Float(b)) => a.partial_cmp(b),
            (Value::Utf16(a), Self::Text(b)) => Some(compare_padded(a, b)),
            (Value::Uuid(a), Self::Uuid(b)) => Some(a.cmp(b)),
            (Value::Bytes(a), Self::Bytes(b)) => Some((*a).cmp(b)),
            (Value::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Value::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (
                Value::Timestamp { days, nanos } | Value::TimestampTz { days, nanos },
                Self::Moment {
                    days: other,
                    nanos: other_nanos,
                },
            ) => Some((days, nanos).cmp(&(other, other_nanos))),
            _ => None,
        }
    }
}

/// Compares `a * 10^-scale` exactly, whatever the scales.
fn compare_scaled((a, a_scale): (i128, u32), (b, b_scale): (i128, u32)) -> Ordering {
    let raised = |n: i128, by: u32| 10_i128.checked_pow(by).and_then(|p| n.checked_mul(p));
    if a_scale <= b_scale {
        // What does not fit any more is larger than everything that does.
        raised(a, b_scale - a_scale).map_or(a.cmp(&0), |a| a.cmp(&b))
    } else {
        raised(b, a_scale - b_scale).map_or(0.cmp(&b), |b| a.cmp(&b))
    }
}

/// Compares by units, the shorter text padded with blanks.
fn compare_padded(bytes: &[u8], text: &[u16]) -> Ordering {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let length = (bytes.len() / 2).max(text.len());
    let own = units.chain(std::iter::repeat(0x20)).take(length);
    let other = text.iter().copied().chain(std::iter::repeat(0x20)).take(length);
    own.cmp(other)
}

fn number(text: &str) -> Option<Literal> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || all.len() > 38 || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unscaled: i128 = all.parse().ok()?;
    Some(Literal::Number {
        unscaled: if negative { -unscaled } else { unscaled },
        scale: fraction.len() as u32,
    })
}

/// Exactly `width` digits as a number.
fn digits(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Days from 2000-01-01 of a proleptic Gregorian date from year 1 to 9999.
fn date(text: &str) -> Option<i32> {
    let mut parts = text.trim().splitn(3, '-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > lengths[month as usize - 1] {
        return None;
    }
    let before = year - 1;
    let days = before * 365 + before / 4 - before / 100 + before / 400;
    let in_year: i64 = lengths[..month as usize - 1].iter().sum::<i64>() + day - 1;
    i32::try_from(days + in_year - 730_119).ok()
}

/// Nanoseconds from midnight of `HH:MM[:SS[.fffffff]]`.
fn clock(text: &str) -> Option<i64> {
    let (clock, fraction) = match text.trim().split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text.trim(), "0"),
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |s| digits(s, 2))?;
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = digits(fraction, fraction.len())? * 10_i64.pow(9 - fraction.len() as u32);
    Some((hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanos)
}

fn moment(text: &str) -> Option<Literal> {
    let text = text.trim();
    let (day, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) => (day, clock(time)?),
        None => (text, 0),
    };
    Some(Literal::Moment {
        days: date(day)?,
        nanos: time,
    })
}

/// A moment with `Z` or an offset behind its time; without either it is UTC.
fn offset_moment(text: &str) -> Option<Literal> {
    const DAY: i64 = 86_400_000_000_000;
    let text = text.trim();
    // The date's own hyphens come first.
    let behind = text.find(['T', ' ']).unwrap_or(text.len());
    let (local, minutes) = if let Some(local) = text.strip_suffix('Z') {
        (local, 0)
    } else if let Some(at) = text[behind..].rfind(['+', '-']).map(|at| at + behind) {
        let offset = clock(&text[at + 1..])? / 60_000_000_000;
        (
            &text[..at],
            if text[at..].starts_with('-') {
                -offset
            } else {
                offset
            },
        )
    } else {
        (text, 0)
    };
    let Literal::Moment { days, nanos } = moment(local)? else {
        return None;
    };
    let utc = nanos - minutes * 60_000_000_000;
    Some(Literal::Moment {
        days: days + utc.div_euclid(DAY) as i32,
        nanos: utc.rem_euclid(DAY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_the_year_2000() {
        assert_eq!(date("2000-01-01"), Some(0));
        assert_eq!(date("1999-12-31"), Some(-1));
        assert_eq!(date("2024-02-29"), Some(8825));
        assert_eq!(date("0001-01-01"), Some(-730_119));
        assert_eq!(date("9999-12-31"), Some(2_921_939));
        for bad in [
            "2023-02-29",
            "2000-13-01",
            "2000-1-1",
            "0000-01-01",
            "20000101",
            "2000-01-01x",
            "+200-01-01",
            "2000-00-01",
        ] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_and_moments() {
        assert_eq!(clock("00:00"), Some(0));
        assert_eq!(clock("23:59:59.9999999"), Some(86_399_999_999_900));
        for bad in [
            "24:00",
            "1:00",
            "10:60",
            "10:00:60",
            "10:00.",
            "10:00:00.",
            "10",
            "10:00:00.0000000000",
        ] {
            assert_eq!(clock(bad), None, "{bad}");
        }
        let at = |days, nanos| Some(Literal::Moment { days, nanos });
        assert_eq!(moment("2000-01-02T00:00:01"), at(1, 1_000_000_000));
        assert_eq!(moment("2000-01-02"), at(1, 0));
        assert_eq!(
            offset_moment("2000-01-01 00:30:00+01:00"),
            at(-1, 84_600_000_000_000)
        );
        assert_eq!(offset_moment("2000-01-01 23:30-01:00"), at(1, 1_800_000_000_000));
        assert_eq!(offset_moment("2000-01-01T00:00:00Z"), at(0, 0));
        assert_eq!(offset_moment("2000-01-01"), at(0, 0));
    }

    #[test]
    fn numbers_of_different_scales_are_compared_exactly() {
        use Ordering::*;
        assert_eq!(compare_scaled((150, 2), (15, 1)), Equal);
        assert_eq!(compare_scaled((151, 2), (15, 1)), Greater);
        assert_eq!(compare_scaled((-1, 0), (i128::MAX, 38)), Less);
        assert_eq!(compare_scaled((10_i128.pow(37), 0), (1, 38)), Greater);
        assert_eq!(compare_scaled((1, 38), (-(10_i128.pow(37)), 0)), Greater);
        assert_eq!(
            number("1.50"),
            Some(Literal::Number {
                unscaled: 150,
                scale: 2
            })
        );
        assert_eq!(
            number("-.5"),
            Some(Literal::Number {
                unscaled: -5,
                scale: 1
            })
        );
        assert_eq!(number("1e3"), None);
        assert_eq!(number(&"9".repeat(39)), None);
    }

    #[test]
    fn text_is_padded_with_blanks() {
        let le = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        assert_eq!(compare_padded(&le("ab  "), &units("ab")), Ordering::Equal);
        assert_eq!(compare_padded(&le("ab"), &units("ab ")), Ordering::Equal);
        assert_eq!(compare_padded(&le("a"), &units("a\t")), Ordering::Greater);
        assert_eq!(compare_padded(&le("A"), &units("a")), Ordering::Less);
    }
}
