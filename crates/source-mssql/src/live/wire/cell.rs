//! From what TDS sends ([MS-TDS] 2.2.5.5) to [`Value`]s: what both drivers have in common.

use migrate_core::value::Value;

/// Days from 0001-01-01 to 2000-01-01.
const DAYS_FROM_YEAR_1: i64 = 730_119;
/// Days from 1900-01-01 to 2000-01-01.
const DAYS_FROM_1900: i32 = 36_524;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;
/// Minutes that an offset may have.
const OFFSET: std::ops::RangeInclusive<i16> = -840..=840;

/// What is delivered for bytes that no server should send. The row goes to quarantine rather than to be guessed at.
pub(super) const MALFORMED: Value<'static> = Value::Unsupported {
    reason: "the server sent a value outside its type's range",
    bytes: &[],
};

/// `date`: days from 0001-01-01.
#[inline]
pub(super) fn date(days: u32) -> Value<'static> {
    Value::Date((i64::from(days) - DAYS_FROM_YEAR_1) as i32)
}

/// `time`, in nanoseconds.
#[inline]
pub(super) fn time(nanos: i64) -> Value<'static> {
    if !(0..NANOS_PER_DAY).contains(&nanos) {
        return MALFORMED;
    }
    Value::Time(nanos)
}

/// `datetime`: days from 1900-01-01 and 1/300 s.
#[inline]
pub(super) fn datetime(days: i32, ticks: u32) -> Value<'static> {
    if ticks >= 300 * 86_400 || !(-1_000_000..10_000_000).contains(&days) {
        return MALFORMED;
    }
    // 1/300 s shows as .000, .003 and .007.
    let millis = (i64::from(ticks) * 10 + 1) / 3;
    Value::Timestamp {
        days: days - DAYS_FROM_1900,
        nanos: millis * 1_000_000,
    }
}

/// `smalldatetime`: days from 1900-01-01 and minutes.
#[inline]
pub(super) fn smalldatetime(days: u16, minutes: u16) -> Value<'static> {
    if minutes >= 1440 {
        return MALFORMED;
    }
    Value::Timestamp {
        days: i32::from(days) - DAYS_FROM_1900,
        nanos: i64::from(minutes) * 60_000_000_000,
    }
}

/// `datetime2`: days from 0001-01-01 and nanoseconds.
#[inline]
pub(super) fn datetime2(days: u32, nanos: i64) -> Value<'static> {
    if !(0..NANOS_PER_DAY).contains(&nanos) {
        return MALFORMED;
    }
    Value::Timestamp {
        days: (i64::from(days) - DAYS_FROM_YEAR_1) as i32,
        nanos,
    }
}

/// `datetimeoffset`: the same in UTC, and the offset in minutes, which is lost.
#[inline]
pub(super) fn datetimeoffset(days: u32, nanos: i64, offset: i16) -> Value<'static> {
    if !(0..NANOS_PER_DAY).contains(&nanos) || !OFFSET.contains(&offset) {
        return MALFORMED;
    }
    Value::TimestampTz {
        days: (i64::from(days) - DAYS_FROM_YEAR_1) as i32,
        nanos,
    }
}

/// `money` and `smallmoney`, in units of 1/10000.
#[inline]
pub(super) fn money(units: i64) -> Value<'static> {
    Value::Decimal {
        unscaled: i128::from(units),
        scale: 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_count_from_the_destinations_epoch() {
        assert_eq!(date(0), Value::Date(-730_119));
        assert_eq!(date(3_652_058), Value::Date(2_921_939));
        assert_eq!(time(NANOS_PER_DAY - 100), Value::Time(86_399_999_999_900));
        assert_eq!(time(NANOS_PER_DAY), MALFORMED);
        assert_eq!(
            datetime(36_524, 1),
            Value::Timestamp {
                days: 0,
                nanos: 3_000_000
            }
        );
        assert_eq!(
            datetime(-53_690, 2),
            Value::Timestamp {
                days: -90_214,
                nanos: 7_000_000
            }
        );
        assert_eq!(
            datetime(0, 25_919_999),
            Value::Timestamp {
                days: -36_524,
                nanos: 86_399_997_000_000
            }
        );
        assert_eq!(datetime(0, 25_920_000), MALFORMED);
        assert_eq!(
            smalldatetime(65_535, 1439),
            Value::Timestamp {
                days: 29_011,
                nanos: 86_340_000_000_000
            }
        );
        assert_eq!(smalldatetime(0, 1440), MALFORMED);
        assert_eq!(datetime2(730_119, 5), Value::Timestamp { days: 0, nanos: 5 });
        assert_eq!(
            datetimeoffset(730_119, 5, -840),
            Value::TimestampTz { days: 0, nanos: 5 }
        );
        assert_eq!(datetimeoffset(730_119, 5, 841), MALFORMED);
        assert_eq!(
            money(i64::MIN),
            Value::Decimal {
                unscaled: -9_223_372_036_854_775_808,
                scale: 4
            }
        );
    }
}
