//! Days and times of day, and their ISO 8601 text. Days count from 2000-01-01 in the proleptic Gregorian calendar.

use std::io::Write as _;

/// Days from 0000-03-01, where the calculation's years begin, to 2000-01-01.
const EPOCH: i64 = 730_425;
const DAYS_400_YEARS: i64 = 146_097;
const DAYS_100_YEARS: i64 = 36_524;
const DAYS_4_YEARS: i64 = 1_461;

/// Nanoseconds in a day.
pub(crate) const DAY_NANOS: i64 = 86_400_000_000_000;

/// A calendar date; year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Civil {
    /// The date of a day.
    pub(crate) fn from_days(days: i64) -> Self {
        let shifted = days + EPOCH;
        let cycle = shifted.div_euclid(DAYS_400_YEARS);
        let mut left = shifted.rem_euclid(DAYS_400_YEARS);
        // The last century of a cycle and the last year of four have one day more.
        let centuries = (left / DAYS_100_YEARS).min(3);
        left -= centuries * DAYS_100_YEARS;
        let fours = left / DAYS_4_YEARS;
        left -= fours * DAYS_4_YEARS;
        let years = (left / 365).min(3);
        left -= years * 365;
        // From March on, months of 31, 30, 31, 30, 31 days repeat: 153 days for five months.
        let month = (5 * left + 2) / 153;
        let day = left - (153 * month + 2) / 5 + 1;
        let (month, wrapped) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        Self {
            year: 400 * cycle + 100 * centuries + 4 * fours + years + wrapped,
            month: month as u8,
            day: day as u8,
        }
    }

    /// The day of the date, if there is such a date.
    pub(crate) fn to_days(self) -> Option<i64> {
        if !(1..=12).contains(&self.month) || self.day == 0 || self.day > month_length(self.year, self.month)
        {
            return None;
        }
        let (year, month) = match i64::from(self.month) {
            m @ 1..=2 => (self.year - 1, m + 9),
            m => (self.year, m - 3),
        };
        let of_cycle = year.rem_euclid(400);
        let days =
            365 * of_cycle + of_cycle / 4 - of_cycle / 100 + (153 * month + 2) / 5 + i64::from(self.day) - 1;
        Some(year.div_euclid(400) * DAYS_400_YEARS + days - EPOCH)
    }
}

fn month_length(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// What stands between a date and BC, which PostgreSQL writes last of all.
enum Middle {
    Nothing,
    Time { nanos: i64, utc: bool },
}

/// Appends a date as PostgreSQL prints it with `DateStyle` ISO.
pub(crate) fn print_date(days: i64, out: &mut Vec<u8>) {
    print(days, Middle::Nothing, out);
}

/// Appends a date and a time of day, with ` ` between them and `+00` after them if they are in UTC.
pub(crate) fn print_timestamp(days: i64, nanos: i64, utc: bool, out: &mut Vec<u8>) {
    print(
        days + nanos.div_euclid(DAY_NANOS),
        Middle::Time {
            nanos: nanos.rem_euclid(DAY_NANOS),
            utc,
        },
        out,
    );
}

fn print(days: i64, middle: Middle, out: &mut Vec<u8>) {
    let date = Civil::from_days(days);
    let year = if date.year > 0 { date.year } else { 1 - date.year };
    written(write!(out, "{year:04}-{:02}-{:02}", date.month, date.day));
    if let Middle::Time { nanos, utc } = middle {
        out.push(b' ');
        print_time(nanos, out);
        if utc {
            out.extend_from_slice(b"+00");
        }
    }
    if date.year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// Appends a time of day; the fraction has no zeros at its end.
pub(crate) fn print_time(nanos: i64, out: &mut Vec<u8>) {
    let seconds = nanos / 1_000_000_000;
    written(write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    ));
    let fraction = nanos % 1_000_000_000;
    if fraction != 0 {
        written(write!(out, ".{fraction:09}"));
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Accepts the result of writing to a `Vec`, which has no way to fail.
fn written(result: std::io::Result<()>) {
    debug_assert!(result.is_ok(), "writing to memory failed");
}
