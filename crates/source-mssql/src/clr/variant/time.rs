//! Dates and times of day as ISO 8601 text ([MS-TDS] 2.2.5.5.1.8).

use super::malformed;
use crate::clr::ClrError;
use crate::clr::reader::Reader;

/// Days from 0001-01-01 to 1900-01-01.
const DAYS_TO_1900: i64 = 693_595;
/// Days from 0001-01-01 to 9999-12-31.
const LAST_DAY: i64 = 3_652_058;
/// Days from 0001-01-01 to 1753-01-01, where `datetime` begins.
const DAYS_TO_1753: i64 = 639_905;

const MINUTES_A_DAY: i64 = 24 * 60;
const SECONDS_A_DAY: i64 = MINUTES_A_DAY * 60;

pub(super) fn date(reader: &mut Reader<'_>) -> Result<String, ClrError> {
    Ok(calendar(day(reader)?))
}

pub(super) fn time(reader: &mut Reader<'_>, scale: u8) -> Result<String, ClrError> {
    let units = time_units(reader, scale)?;
    Ok(clock(units, scale))
}

pub(super) fn datetime2(reader: &mut Reader<'_>, scale: u8) -> Result<String, ClrError> {
    let units = time_units(reader, scale)?;
    Ok(format!("{}T{}", calendar(day(reader)?), clock(units, scale)))
}

/// Stored in UTC, written in the value's own offset.
pub(super) fn datetimeoffset(reader: &mut Reader<'_>, scale: u8) -> Result<String, ClrError> {
    let units = time_units(reader, scale)?;
    let day = day(reader)?;
    let offset = reader.offset();
    let minutes = i64::from(i16::from_le_bytes(reader.array()?));
    if !(-14 * 60..=14 * 60).contains(&minutes) {
        return Err(malformed(offset, "an offset of more than 14 hours"));
    }
    let units_a_minute = 60 * 10_i64.pow(scale.into());
    let units_a_day = units_a_minute * MINUTES_A_DAY;
    let local = day * units_a_day + units + minutes * units_a_minute;
    let local_day = local.div_euclid(units_a_day);
    if !(0..=LAST_DAY).contains(&local_day) {
        return Err(malformed(offset, "a local time outside of the years 1 to 9999"));
    }
    Ok(format!(
        "{}T{}{}{:02}:{:02}",
        calendar(local_day),
        clock(local.rem_euclid(units_a_day), scale),
        if minutes < 0 { '-' } else { '+' },
        minutes.abs() / 60,
        minutes.abs() % 60
    ))
}

/// Days since 1900 and 1/300 seconds, shown in milliseconds as SQL Server does: .000, .003, .007.
pub(super) fn datetime(reader: &mut Reader<'_>) -> Result<String, ClrError> {
    let offset = reader.offset();
    let day = i64::from(reader.i32()?) + DAYS_TO_1900;
    let ticks = i64::from(reader.u32()?);
    if !(DAYS_TO_1753..=LAST_DAY).contains(&day) {
        return Err(malformed(offset, "a datetime outside of the years 1753 to 9999"));
    }
    if ticks >= SECONDS_A_DAY * 300 {
        return Err(malformed(offset + 4, "a time of day past midnight"));
    }
    // The nearest millisecond: thirds are never halfway.
    let milliseconds = (ticks * 10 + 1) / 3;
    Ok(format!("{}T{}", calendar(day), clock(milliseconds, 3)))
}

pub(super) fn smalldatetime(reader: &mut Reader<'_>) -> Result<String, ClrError> {
    let day = i64::from(reader.u16()?) + DAYS_TO_1900;
    let offset = reader.offset();
    let minutes = i64::from(reader.u16()?);
    if minutes >= MINUTES_A_DAY {
        return Err(malformed(offset, "a time of day past midnight"));
    }
    Ok(format!("{}T{}", calendar(day), clock(minutes * 60, 0)))
}

fn day(reader: &mut Reader<'_>) -> Result<i64, ClrError> {
    let offset = reader.offset();
    let day = reader.uint(3)? as i64;
    if day > LAST_DAY {
        return Err(malformed(offset, "a date past the year 9999"));
    }
    Ok(day)
}

/// Units of 10^-scale seconds since midnight.
fn time_units(reader: &mut Reader<'_>, scale: u8) -> Result<i64, ClrError> {
    let offset = reader.offset();
    let len = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    let units = reader.uint(len)? as i64;
    if units >= SECONDS_A_DAY * 10_i64.pow(scale.into()) {
        return Err(malformed(offset, "a time of day past midnight"));
    }
    Ok(units)
}

/// A time of day in units of 10^-scale seconds, with as many digits.
pub(crate) fn clock(units: i64, scale: u8) -> String {
    let per_second = 10_i64.pow(scale.into());
    let seconds = units / per_second;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if scale == 0 {
        return format!("{hour:02}:{minute:02}:{second:02}");
    }
    let fraction = units % per_second;
    let width = usize::from(scale);
    format!("{hour:02}:{minute:02}:{second:02}.{fraction:0width$}")
}

/// The date so many days after 0001-01-01, in the proleptic Gregorian calendar.
pub(crate) fn calendar(days: i64) -> String {
    // Years counted from March, so that the leap day comes last; day 0 is 0000-03-01.
    let days = days + 306;
    let (century, in_400_years) = (days / 146_097, days % 146_097);
    let year_of_400 =
        (in_400_years - in_400_years / 1_460 + in_400_years / 36_524 - in_400_years / 146_096) / 365;
    let day_of_year = in_400_years - (365 * year_of_400 + year_of_400 / 4 - year_of_400 / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = century * 400 + year_of_400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
