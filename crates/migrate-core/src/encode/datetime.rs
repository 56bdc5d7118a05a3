//! Dates and times: 32-bit days, 64-bit microseconds, both from 2000-01-01, within PostgreSQL's ranges
//! (`IS_VALID_DATE` and `IS_VALID_TIMESTAMP` in PostgreSQL's `timestamp.h`).

use crate::policy::Conversion;

use super::cell::{Changes, Outcome, field4, field8, refuse};
use super::civil::DAY_NANOS;

const DAY_MICROS: i64 = 86_400_000_000;
/// 4714-11-24 BC, the first day of the Julian count.
const FIRST_DAY: i32 = -2_451_545;
/// 5874898-01-01, the day after the last.
const END_DAY: i32 = 2_145_031_949;
/// 9999-12-31, the last day that most systems have. Its last instant stands for "without end" in many a database.
const LAST_DAY_OF_9999: i32 = 2_921_939;
/// 4714-11-24 00:00:00 BC.
const FIRST_MICRO: i64 = -211_813_488_000_000_000;
/// 294277-01-01 00:00:00, the microsecond after the last.
const END_MICRO: i64 = 9_223_371_331_200_000_000;

/// Fractional seconds, as the nanoseconds between two neighbouring values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick(u64);

impl Tick {
    /// The step of a column with so many fractional digits, 6 at most.
    pub(crate) fn of_precision(digits: u8) -> Self {
        Self(10u64.pow(9 - u32::from(digits.min(6))))
    }

    /// Microseconds nearest to the nanoseconds of a day, halves upwards, counted if that changed anything. What would
    /// leave the day by that is cut instead if the value has to `stay` in it.
    #[inline]
    fn micros(self, nanos: i64, stay: bool, changes: &mut Changes) -> Outcome<i64> {
        if !(0..=DAY_NANOS).contains(&nanos) {
            return refuse("the time of day is not between 00:00:00 and 24:00:00");
        }
        let nanos = nanos as u64;
        let mut rounded = if self.0 == 1000 {
            (nanos + 500) / 1000
        } else {
            (nanos + self.0 / 2) / self.0 * (self.0 / 1000)
        };
        if stay && rounded == DAY_MICROS as u64 {
            rounded = nanos / self.0 * (self.0 / 1000);
        }
        if rounded * 1000 != nanos {
            changes.add(Conversion::FractionRounded);
        }
        Ok(rounded as i64)
    }
}

/// Appends a date.
#[inline]
pub(crate) fn encode_date(days: i32, out: &mut Vec<u8>) -> Outcome {
    if !(FIRST_DAY..END_DAY).contains(&days) {
        return refuse("the date is outside PostgreSQL's range, 4713 BC to 5874897 AD");
    }
    field4(out, days.to_be_bytes());
    Ok(())
}

/// Appends a time of day. 23:59:59.9999999 is cut: rounded it would be 24:00:00, which `time` holds but which is the
/// other end of the day to whoever reads it back.
#[inline]
pub(crate) fn encode_time(nanos: i64, tick: Tick, out: &mut Vec<u8>, changes: &mut Changes) -> Outcome {
    let micros = tick.micros(nanos, true, changes)?;
    field8(out, micros.to_be_bytes());
    Ok(())
}

/// Appends a timestamp, with or without time zone: both count microseconds. Rounding may carry into the next day, but
/// not into the year 10000: what is compared with 9999-12-31 has to stay in that year.
#[inline]
pub(crate) fn encode_timestamp(
    days: i32,
    nanos: i64,
    tick: Tick,
    out: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome {
    let of_day = tick.micros(nanos, days == LAST_DAY_OF_9999, changes)?;
    // The furthest days do not fit 64 bits in microseconds.
    let micros = i64::from(days)
        .checked_mul(DAY_MICROS)
        .and_then(|d| d.checked_add(of_day));
    match micros {
        Some(micros) if (FIRST_MICRO..END_MICRO).contains(&micros) => {
            field8(out, micros.to_be_bytes());
            Ok(())
        }
        _ => refuse("the timestamp is outside PostgreSQL's range, 4713 BC to 294276 AD"),
    }
}
