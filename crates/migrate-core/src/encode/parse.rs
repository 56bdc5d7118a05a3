//! Text that goes into a column of another type: read strictly, refused when in doubt.

use crate::policy::TextPolicy;
use crate::value::Value;

use super::cell::{Outcome, Scratch, refuse, wrong_kind};
use super::civil::{Civil, DAY_NANOS};
use super::text;

/// Puts the value's text into `scratch.text`, as UTF-8.
pub(crate) fn read_text(value: &Value<'_>, scratch: &mut Scratch) -> Outcome {
    let Scratch {
        text: buffer,
        changes,
        ..
    } = scratch;
    buffer.clear();
    match *value {
        Value::Text(s) | Value::Json(s) => text::utf8_into(s, TextPolicy::Reject, buffer, changes),
        Value::Utf16(bytes) => text::utf16_into(bytes, TextPolicy::Reject, buffer, changes),
        _ => wrong_kind(),
    }
}

/// Reads the value's text, spaces around it left out; the reader's error is the reason for refusing it.
pub(crate) fn with_text<T>(
    value: &Value<'_>,
    scratch: &mut Scratch,
    read: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Outcome<T> {
    read_text(value, scratch)?;
    let text = std::str::from_utf8(scratch.text.trim_ascii()).unwrap_or_default();
    read(text).or_else(refuse)
}

/// A UUID: 32 hexadecimal digits, with hyphens in the usual places or none, with braces or without.
pub(crate) fn uuid(text: &str) -> Result<[u8; 16], &'static str> {
    let bare = text
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .unwrap_or(text);
    uuid::Uuid::try_parse(bare)
        .map(uuid::Uuid::into_bytes)
        .map_err(|_| "the text is not a UUID")
}

/// A date, `YYYY-MM-DD` or `YYYYMMDD`: days from 2000-01-01.
pub(crate) fn date(text: &str) -> Result<i32, &'static str> {
    let (days, rest) = leading_date(text).ok_or(NOT_A_DATE)?;
    if rest.is_empty() {
        Ok(days)
    } else {
        Err(NOT_A_DATE)
    }
}

/// A time of day, `HH:MM`, `HH:MM:SS` or with a fraction of up to nine digits: nanoseconds.
pub(crate) fn time(text: &str) -> Result<i64, &'static str> {
    match leading_time(text.as_bytes()) {
        Some((nanos, [])) => Ok(nanos),
        _ => Err("the text is not an ISO 8601 time of day"),
    }
}

/// A date and time with ` ` or `T` between them, or a date alone; then nothing, `Z`, `+HH`, `+HH:MM` or `+HHMM`.
/// With an offset the result is in UTC, and the flag is set.
pub(crate) fn timestamp(text: &str) -> Result<(i32, i64, bool), &'static str> {
    const NOT: &str = "the text is not an ISO 8601 date and time";
    let (days, rest) = leading_date(text).ok_or(NOT)?;
    let (nanos, rest) = match rest {
        [] => return Ok((days, 0, false)),
        [b' ' | b'T' | b't', rest @ ..] => leading_time(rest).ok_or(NOT)?,
        _ => return Err(NOT),
    };
    let rest = rest.trim_ascii_start();
    let (sign, offset) = match rest {
        [] => return Ok((days, nanos, false)),
        [b'Z' | b'z'] => return Ok((days, nanos, true)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(NOT),
    };
    let (hours, minutes) = match offset {
        [h @ .., b':', m1, m2] if h.len() == 2 => (number(h).ok_or(NOT)?, number(&[*m1, *m2]).ok_or(NOT)?),
        [h1, h2, m1, m2] => (number(&[*h1, *h2]).ok_or(NOT)?, number(&[*m1, *m2]).ok_or(NOT)?),
        [h1, h2] => (number(&[*h1, *h2]).ok_or(NOT)?, 0),
        _ => return Err(NOT),
    };
    if hours > 15 || minutes > 59 {
        return Err(NOT);
    }
    let utc = nanos - sign * (hours * 60 + minutes) * 60_000_000_000;
    let days = i64::from(days) + utc.div_euclid(DAY_NANOS);
    Ok((
        i32::try_from(days).map_err(|_| NOT)?,
        utc.rem_euclid(DAY_NANOS),
        true,
    ))
}

const NOT_A_DATE: &str = "the text is not an ISO 8601 date";

fn leading_date(text: &str) -> Option<(i32, &[u8])> {
    let (year, month, day, rest) = match text.as_bytes() {
        [y @ .., b'-', _, _, b'-', _, _] if y.len() >= 4 && !y.contains(&b'-') => {
            split_long(text.as_bytes())?
        }
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] => (
            number(&[*y1, *y2, *y3, *y4])?,
            number(&[*m1, *m2])?,
            number(&[*d1, *d2])?,
            rest,
        ),
        [y1, y2, y3, y4, m1, m2, d1, d2, rest @ ..] => (
            number(&[*y1, *y2, *y3, *y4])?,
            number(&[*m1, *m2])?,
            number(&[*d1, *d2])?,
            rest,
        ),
        _ => return None,
    };
    // ISO 8601 has a year 0; PostgreSQL reads none, and neither does this.
    if year == 0 {
        return None;
    }
    let days = Civil {
        year,
        month: month.try_into().ok()?,
        day: day.try_into().ok()?,
    }
    .to_days()?;
    Some((days.try_into().ok()?, rest))
}

/// A date alone, whose year may have more than four digits.
fn split_long(text: &[u8]) -> Option<(i64, i64, i64, &[u8])> {
    let (year, tail) = text.split_at(text.len() - 6);
    Some((number(year)?, number(&tail[1..3])?, number(&tail[4..6])?, &[]))
}

fn leading_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else {
        return None;
    };
    let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
    let (seconds, fraction, rest) = match rest {
        [b':', s1, s2, rest @ ..] => {
            let seconds = number(&[*s1, *s2])?;
            match rest {
                [b'.' | b',', rest @ ..] => {
                    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                    if !(1..=9).contains(&digits) {
                        return None;
                    }
                    let fraction = number(&rest[..digits])? * 10i64.pow(9 - digits as u32);
                    (seconds, fraction, &rest[digits..])
                }
                _ => (seconds, 0, rest),
            }
        }
        _ => (0, 0, rest),
    };
    let nanos = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + fraction;
    (minutes < 60 && seconds < 60 && nanos <= DAY_NANOS).then_some((nanos, rest))
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.len() > 9 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}
