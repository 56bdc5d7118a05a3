//! Dates: milliseconds from 1970 in UTC here, days and nanoseconds from 2000 there.

const DAY: i64 = 86_400_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
/// 4714-11-24 BC, the first moment of PostgreSQL's timestamps.
const FIRST: i64 = (-2_451_545 + EPOCH_DAYS) * DAY;
/// 294277-01-01, the moment after the last.
const END: i64 = (106_751_983 + EPOCH_DAYS) * DAY;

/// Days from 2000-01-01 and nanoseconds of the day, or `None` if PostgreSQL has no such timestamp.
pub(crate) fn days_and_nanos(millis: i64) -> Option<(i32, i64)> {
    if !(FIRST..END).contains(&millis) {
        return None;
    }
    let days = millis.div_euclid(DAY) - EPOCH_DAYS;
    Some((days as i32, millis.rem_euclid(DAY) * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range_are_those_of_postgresql() {
        assert_eq!(days_and_nanos(0), Some((-10_957, 0)));
        assert_eq!(days_and_nanos(-1), Some((-10_958, 86_399_999_000_000)));
        assert_eq!(days_and_nanos(946_684_800_001), Some((0, 1_000_000)));
        assert_eq!(days_and_nanos(-210_866_803_200_000), Some((-2_451_545, 0)));
        assert_eq!(days_and_nanos(-210_866_803_200_001), None);
        assert_eq!(
            days_and_nanos(9_224_318_015_999_999),
            Some((106_751_982, 86_399_999_000_000))
        );
        assert_eq!(days_and_nanos(9_224_318_016_000_000), None);
        assert_eq!(days_and_nanos(i64::MIN), None);
        assert_eq!(days_and_nanos(i64::MAX), None);
    }
}
