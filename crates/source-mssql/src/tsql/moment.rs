//! Date and time constants: SQL Server's spellings, read here so that PostgreSQL need not guess.

use migrate_core::template::Template;

use super::types::SqlType;
use super::value::{Lit, Outcome, Prec, Value};

/// A point in time without zone, to 100 ns as SQL Server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    /// Days since 1900-01-01.
    day: i64,
    /// 100 ns since midnight.
    tick: i64,
}

const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A constant of a date or time type, with a note if SQL Server's reading depends on the session.
pub(super) fn parse(text: &str, target: &SqlType) -> Outcome<(Value, Option<String>)> {
    let refuse = || format!("'{text}' is not a date or time that reads the same in every language setting");
    let text_only = text.trim();
    let mut note = None;
    let (moment, offset) = if text_only.is_empty() {
        (Moment { day: 0, tick: 0 }, None)
    } else {
        let (date, time) = split(text_only);
        let day = match date {
            None => 0,
            Some(date) => {
                let (day, doubtful) = read_date(date, target).ok_or_else(refuse)?;
                if doubtful {
                    note = Some(format!(
                        "'{text}' is read as month before day, as SQL Server does under its default language"
                    ));
                }
                day
            }
        };
        let (tick, offset) = match time {
            None => (0, None),
            Some(time) => read_time(time).ok_or_else(refuse)?,
        };
        (Moment { day, tick }, offset)
    };
    if offset.is_some() && !matches!(target, SqlType::DateTimeOffset(_)) {
        return Err(format!("'{text}' has a time zone and is used as {target}"));
    }
    Ok((constant(moment, offset.unwrap_or(0), target)?, note))
}

/// The constant that so many days after 1900-01-01 are, as SQL Server turns integers into datetime.
pub(super) fn days(day: i64, target: &SqlType) -> Outcome<Value> {
    if !(-53_690..=2_958_463).contains(&day) {
        return Err(format!("{day} days from 1900-01-01 is outside datetime"));
    }
    constant(Moment { day, tick: 0 }, 0, target)
}

/// Splits `2020-01-01T10:00` into date and time; either may be missing.
fn split(text: &str) -> (Option<&str>, Option<&str>) {
    let cut = text
        .find([' ', 'T', 't'])
        .filter(|i| text.get(..*i).is_some_and(|d| !d.contains(':')));
    match cut {
        Some(i) => (text.get(..i), text.get(i + 1..).map(str::trim)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    }
}

/// Days since 1900-01-01, and whether another language setting would read it otherwise.
fn read_date(text: &str, target: &SqlType) -> Option<(i64, bool)> {
    let number = |s: &str| {
        if s.bytes().all(|b| b.is_ascii_digit()) {
            s.parse::<i64>().ok()
        } else {
            None
        }
    };
    if text.len() == 8
        && let Some(n) = number(text)
    {
        return Some((civil(n / 10_000, n / 100 % 100, n % 100)?, false));
    }
    let separator = ['-', '/', '.'].into_iter().find(|c| text.contains(*c))?;
    let parts: Vec<&str> = text.split(separator).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let (na, nb, nc) = (number(a)?, number(b)?, number(c)?);
    if a.len() == 4 {
        // The ISO form is fixed for the newer types; datetime reads year-day-month under some languages.
        let old = matches!(target, SqlType::DateTime | SqlType::SmallDateTime);
        let doubtful = old && nb != nc && nc <= 12;
        return Some((civil(na, nb, nc)?, doubtful));
    }
    if c.len() == 4 {
        return match civil(nc, na, nb) {
            Some(day) => Some((day, na != nb && nb <= 12)),
            None => Some((civil(nc, nb, na)?, true)),
        };
    }
    None
}

/// 100 ns since midnight, and the offset in minutes if one is given.
fn read_time(text: &str) -> Option<(i64, Option<i64>)> {
    let mut text = text.trim();
    let mut offset = None;
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        (text, offset) = (rest.trim(), Some(0));
    } else if let Some(i) = text.rfind(['+', '-']) {
        let (hours, minutes) = text.get(i + 1..)?.split_once(':')?;
        let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
        offset = Some(if text.get(i..=i) == Some("-") {
            -minutes
        } else {
            minutes
        });
        text = text.get(..i)?.trim();
    }
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(t), _) => (t.trim(), Some(0)),
        (_, Some(t)) => (t.trim(), Some(12)),
        _ => (lower.as_str(), None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let field = |s: &str, limit: i64| {
        s.parse::<i64>()
            .ok()
            .filter(|n| (0..limit).contains(n) && s.len() <= 2)
    };
    let (hour, minute, rest) = match parts.as_slice() {
        [h, m] => (*h, *m, "0"),
        [h, m, s] => (*h, *m, *s),
        _ => return None,
    };
    let mut hour = field(hour, 24)?;
    if let Some(half) = half {
        hour = if (1..=12).contains(&hour) {
            hour % 12 + half
        } else {
            return None;
        };
    }
    let (second, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    if fraction.len() > 7 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<7}").parse::<i64>().ok()?;
    let tick = ((hour * 60 + field(minute, 60)?) * 60 + field(second, 60)?) * SECOND + fraction;
    Some((tick, offset))
}

/// Writes a moment as a constant of a type, rounded as that type rounds.
fn constant(moment: Moment, offset: i64, target: &SqlType) -> Outcome<Value> {
    let step = |digits: u8| 10i64.pow(7 - u32::from(digits.min(6)));
    let last_day = date_text(moment.day) == "9999-12-31";
    let round = |unit: i64, stays: bool| {
        let mut tick = (moment.tick + unit / 2) / unit * unit;
        // As with rows: an open end stays in its day, or year, and is cut instead.
        if tick == DAY && stays {
            tick = moment.tick / unit * unit;
        }
        Moment {
            day: moment.day + tick / DAY,
            tick: tick % DAY,
        }
    };
    let (keyword, text) = match target {
        SqlType::Date => ("date", date_text(moment.day)),
        SqlType::Time(p) => ("time", clock_text(round(step(*p), true).tick)),
        SqlType::SmallDateTime => ("timestamp", stamp_text(round(60 * SECOND, last_day))),
        SqlType::DateTime => {
            // 300 ticks in a second, shown to the millisecond.
            let ticks = (moment.tick * 3 + SECOND / 200) / (SECOND / 100);
            let (day, ticks) = (moment.day + ticks / (86_400 * 300), ticks % (86_400 * 300));
            let millis = (ticks % 300 * 10 + 1) / 3;
            (
                "timestamp",
                stamp_text(Moment {
                    day,
                    tick: ticks / 300 * SECOND + millis * 10_000,
                }),
            )
        }
        SqlType::DateTime2(p) => ("timestamp", stamp_text(round(step(*p), last_day))),
        SqlType::DateTimeOffset(p) => {
            let at = round(step(*p), last_day);
            let sign = if offset < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
            (
                "timestamptz",
                format!("{} {}{zone}", date_text(at.day), clock_text(at.tick)),
            )
        }
        other => return Err(format!("a date cannot be used as {other}")),
    };
    let mut value = Value::atom(
        Template::sql(format!("{keyword} '{text}'")),
        target.clone(),
        false,
    );
    value.lit = Some(Lit::Text(text));
    value.prec = Prec::Atom;
    Ok(value)
}

fn stamp_text(at: Moment) -> String {
    if at.tick == 0 {
        date_text(at.day)
    } else {
        format!("{} {}", date_text(at.day), clock_text(at.tick))
    }
}

fn clock_text(tick: i64) -> String {
    let seconds = tick / SECOND;
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let fraction = format!("{:07}", tick % SECOND);
    match fraction.trim_end_matches('0') {
        "" => clock,
        digits => format!("{clock}.{digits}"),
    }
}

fn date_text(day: i64) -> String {
    let (y, m, d) = ymd(day);
    format!("{y:04}-{m:02}-{d:02}")
}

/// Days since 1900-01-01 of a date that exists, years 1 to 9999.
fn civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    // Years start in March here, so that a leap day is the last of its year.
    let y = if month <= 2 { year - 1 } else { year };
    let m = (month + 9) % 12;
    let era_day = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let since_1900 = era_day - 693_901;
    (ymd(since_1900) == (year, month, day)).then_some(since_1900)
}

fn ymd(day: i64) -> (i64, i64, i64) {
    let z = day + 693_901;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let m = (5 * doy + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * m + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str, ty: &SqlType) -> String {
        match parse(text, ty) {
            Ok((value, note)) => {
                let sql = value.sql.render(|_, _| None, |_| None).unwrap();
                if note.is_some() { format!("{sql} !") } else { sql }
            }
            Err(_) => "refused".to_owned(),
        }
    }

    #[test]
    fn dates_are_read_as_sql_server_reads_them() {
        for (text, ty, expected) in [
            ("", SqlType::DateTime, "timestamp '1900-01-01'"),
            ("20240229", SqlType::Date, "date '2024-02-29'"),
            ("20230229", SqlType::Date, "refused"),
            ("2024-02-03", SqlType::Date, "date '2024-02-03'"),
            ("2024-02-03", SqlType::DateTime, "timestamp '2024-02-03' !"),
            ("2024-02-13", SqlType::DateTime, "timestamp '2024-02-13'"),
            ("1/1/1900", SqlType::DateTime, "timestamp '1900-01-01'"),
            ("2/3/1900", SqlType::DateTime2(7), "timestamp '1900-02-03' !"),
            (
                "20240101 10:20",
                SqlType::DateTime,
                "timestamp '2024-01-01 10:20:00'",
            ),
            (
                "2024-01-01T23:59:59.999",
                SqlType::DateTime,
                "timestamp '2024-01-02'",
            ),
            (
                "20240101 00:00:00.005",
                SqlType::DateTime,
                "timestamp '2024-01-01 00:00:00.007'",
            ),
            (
                "20240101 00:00:00.002",
                SqlType::DateTime,
                "timestamp '2024-01-01 00:00:00.003'",
            ),
            (
                "20240101 00:00:30",
                SqlType::SmallDateTime,
                "timestamp '2024-01-01 00:01:00'",
            ),
            (
                "99991231 23:59:59.9999999",
                SqlType::DateTime2(7),
                "timestamp '9999-12-31 23:59:59.999999'",
            ),
            (
                "2024-01-01 01:02:03.1234 +02:00",
                SqlType::DateTimeOffset(7),
                "timestamptz '2024-01-01 01:02:03.1234+02:00'",
            ),
            ("2024-01-01T01:02:03Z", SqlType::DateTime2(7), "refused"),
            ("3:15 PM", SqlType::Time(7), "time '15:15:00'"),
            ("yesterday", SqlType::Date, "refused"),
            ("01-02-03", SqlType::Date, "refused"),
            ("99991231", SqlType::Date, "date '9999-12-31'"),
            ("00010101", SqlType::Date, "date '0001-01-01'"),
        ] {
            assert_eq!(sql(text, &ty), expected, "{text} as {ty}");
        }
    }

    #[test]
    fn every_day_has_one_date() {
        for day in -693_595..=2_958_463 {
            let (y, m, d) = ymd(day);
            assert_eq!(civil(y, m, d), Some(day));
        }
        assert_eq!(ymd(0), (1900, 1, 1));
        assert_eq!(ymd(-693_595), (1, 1, 1));
    }
}
