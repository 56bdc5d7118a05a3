use proptest::prelude::*;

use super::*;
use crate::encode::civil::{Civil, DAY_NANOS};

const LAST: i64 = DAY_NANOS - 1;

fn timestamp(days: i32, nanos: i64) -> Value<'static> {
    Value::Timestamp { days, nanos }
}

fn clock(hours: i64, minutes: i64, seconds: i64, nanos: i64) -> i64 {
    ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanos
}

#[test]
fn dates_and_times_as_postgresql_sends_them() {
    for (kind, ty, value, expected) in [
        (
            ValueKind::Timestamp,
            "timestamp",
            timestamp(8825, clock(12, 34, 56, 789_012_000)),
            "0002b58341728614",
        ),
        (
            ValueKind::Timestamp,
            "timestamp(3)",
            timestamp(-90_214, 3_000_000),
            "ffe44ef3f82fcbb8",
        ),
        (
            ValueKind::Timestamp,
            "timestamp",
            timestamp(-730_119, 0),
            "ff1fe2ffc59c6000",
        ),
        (
            ValueKind::Timestamp,
            "timestamp",
            timestamp(2_921_939, LAST - 999),
            "0380e70b913b7fff",
        ),
        (
            ValueKind::TimestampTz,
            "timestamptz",
            Value::TimestampTz { days: 8766, nanos: 0 },
            "0002b0d5d4e94000",
        ),
        (ValueKind::Date, "date", Value::Date(-730_119), "fff4dbf9"),
        (ValueKind::Date, "date", Value::Date(2_921_939), "002c95d3"),
        (
            ValueKind::Date,
            "timestamp",
            Value::Date(8766),
            "0002b0d5d4e94000",
        ),
        (
            ValueKind::Date,
            "timestamptz",
            Value::Date(8766),
            "0002b0d5d4e94000",
        ),
        (ValueKind::Timestamp, "date", timestamp(8766, 0), "0000223e"),
        (
            ValueKind::Time,
            "time",
            Value::Time(LAST - 999),
            "000000141dd75fff",
        ),
        (
            ValueKind::Time,
            "time",
            Value::Time(DAY_NANOS),
            "000000141dd76000",
        ),
    ] {
        let column = column(kind, ty);
        assert_eq!(column.hex(value), expected, "{value:?}");
        assert!(column.batch(value).conversions.is_empty(), "{value:?}");
    }
}

#[test]
fn fractions_are_rounded_and_counted() {
    let micros = |ty: &str, kind: ValueKind, value| {
        let (bytes, how) = column(kind, ty).converted(value);
        assert_eq!(how, Conversion::FractionRounded);
        i64::from_be_bytes(bytes.try_into().unwrap())
    };
    let time = |ty: &str, nanos| micros(ty, ValueKind::Time, Value::Time(nanos));
    assert_eq!(time("time", 1_499), 1);
    assert_eq!(time("time", 1_500), 2);
    assert_eq!(time("time(0)", 499_999_999), 0);
    assert_eq!(time("time(0)", 500_000_000), 1_000_000);
    assert_eq!(time("time(3)", 123_456_789), 123_000);
    let stamp = |ty: &str, days, nanos| micros(ty, ValueKind::Timestamp, timestamp(days, nanos));
    assert_eq!(
        stamp("timestamp", 0, LAST),
        86_400_000_000,
        "carried into the next day"
    );
    assert_eq!(stamp("timestamp", -1, LAST), 0);
    assert_eq!(
        stamp("timestamp", -1, 500),
        -86_399_999_999,
        "halves go upwards before 2000 too"
    );
    assert_eq!(stamp("timestamp(0)", -1, 1_500_000_000), -86_398_000_000);
}

#[test]
fn the_ends_of_the_day_and_of_the_year_9999_are_cut() {
    const SECOND: i64 = 1_000_000_000;
    let end_of_9999 = 2_921_940i64 * 86_400_000_000;
    // The first of the values that would round up, the sentinel of SQL Server, and the last nanosecond.
    for (precision, cut, first) in [(6u8, 1, 500), (3, 1_000, 500_000), (0, 1_000_000, SECOND / 2)] {
        for nanos in [DAY_NANOS - first, DAY_NANOS - 100, LAST] {
            for (kind, ty, value, expected) in [
                (
                    ValueKind::Time,
                    PgType::Time(precision),
                    Value::Time(nanos),
                    86_400_000_000 - cut,
                ),
                (
                    ValueKind::Timestamp,
                    PgType::Timestamp(precision),
                    timestamp(2_921_939, nanos),
                    end_of_9999 - cut,
                ),
                (
                    ValueKind::TimestampTz,
                    PgType::TimestampTz(precision),
                    Value::TimestampTz {
                        days: 2_921_939,
                        nanos,
                    },
                    end_of_9999 - cut,
                ),
                // The days around it are rounded as ever.
                (
                    ValueKind::Timestamp,
                    PgType::Timestamp(precision),
                    timestamp(2_921_938, nanos),
                    end_of_9999 - 86_400_000_000,
                ),
                (
                    ValueKind::Timestamp,
                    PgType::Timestamp(precision),
                    timestamp(2_921_940, nanos),
                    end_of_9999 + 86_400_000_000,
                ),
            ] {
                let (bytes, how) = Column::of(kind, ty.clone()).converted(value);
                assert_eq!(bytes, expected.to_be_bytes(), "{value:?} as {ty}");
                assert_eq!(how, Conversion::FractionRounded, "{value:?} as {ty}");
            }
        }
    }
    // What is past the end already stays there, and is not a change.
    let stamp = column(ValueKind::Timestamp, "timestamp");
    for value in [timestamp(2_921_939, DAY_NANOS), timestamp(2_921_940, 0)] {
        assert_eq!(stamp.encode(value), end_of_9999.to_be_bytes());
        assert!(stamp.batch(value).conversions.is_empty());
    }
    assert_eq!(
        column(ValueKind::Text, "time").encode(Value::Text("24:00:00")),
        86_400_000_000i64.to_be_bytes()
    );
}

#[test]
fn what_is_out_of_range() {
    let date = column(ValueKind::Date, "date");
    assert_eq!(date.hex(Value::Date(-2_451_545)), "ffda97a7");
    assert_eq!(date.hex(Value::Date(2_145_031_948)), "7fda970c");
    for days in [i32::MIN, -2_451_546, 2_145_031_949, i32::MAX] {
        assert_eq!(
            date.refusal(Value::Date(days)),
            "the date is outside PostgreSQL's range, 4713 BC to 5874897 AD"
        );
    }
    let stamp = column(ValueKind::Timestamp, "timestamp");
    stamp.encode(timestamp(-2_451_545, 0));
    stamp.encode(timestamp(106_751_982, LAST - 999));
    for (days, nanos) in [
        (-2_451_546, LAST - 999),
        (106_751_982, LAST),
        (106_751_983, 0),
        (i32::MIN, 0),
        (i32::MAX, LAST),
    ] {
        let reason = stamp.refusal(timestamp(days, nanos));
        assert_eq!(
            reason,
            "the timestamp is outside PostgreSQL's range, 4713 BC to 294276 AD"
        );
    }
    let of_day = "the time of day is not between 00:00:00 and 24:00:00";
    for nanos in [-1, DAY_NANOS + 1, i64::MIN, i64::MAX] {
        assert_eq!(
            column(ValueKind::Time, "time").refusal(Value::Time(nanos)),
            of_day
        );
        assert_eq!(stamp.refusal(timestamp(0, nanos)), of_day);
    }
    let reason = column(ValueKind::Timestamp, "date").refusal(timestamp(0, 1));
    assert_eq!(
        reason,
        "the timestamp has a time of day, which a date does not keep"
    );
}

#[test]
fn as_text() {
    let text = column(ValueKind::Timestamp, "text");
    for (value, expected) in [
        (Value::Date(0), "2000-01-01"),
        (Value::Date(59), "2000-02-29"),
        (Value::Date(-730_119), "0001-01-01"),
        (Value::Date(-730_120), "0001-12-31 BC"),
        (Value::Date(-2_451_545), "4714-11-24 BC"),
        (Value::Date(2_145_031_948), "5874897-12-31"),
        (Value::Time(clock(1, 2, 3, 0)), "01:02:03"),
        (Value::Time(clock(23, 59, 59, 120_000_000)), "23:59:59.12"),
        (Value::Time(clock(0, 0, 0, 100)), "00:00:00.0000001"),
        (Value::Time(DAY_NANOS), "24:00:00"),
        (
            timestamp(8825, clock(12, 34, 56, 789_012_300)),
            "2024-02-29 12:34:56.7890123",
        ),
        (timestamp(-730_120, 0), "0001-12-31 00:00:00 BC"),
        (timestamp(0, DAY_NANOS), "2000-01-02 00:00:00"),
        (
            Value::TimestampTz {
                days: 0,
                nanos: clock(9, 0, 0, 500_000_000),
            },
            "2000-01-01 09:00:00.5+00",
        ),
    ] {
        assert_eq!(text.text(value), expected);
        assert!(text.batch(value).conversions.is_empty());
    }
}

#[test]
fn from_text() {
    let date = column(ValueKind::Text, "date");
    assert_eq!(date.encode(Value::Text("2024-02-29")), 8825i32.to_be_bytes());
    assert_eq!(date.encode(Value::Text("20240229")), 8825i32.to_be_bytes());
    assert_eq!(
        date.encode(Value::Text(" 12345-01-01")),
        3_778_434i32.to_be_bytes()
    );
    for wrong in [
        "",
        "2023-02-29",
        "2024-13-01",
        "2024-1-1",
        "0000-01-01",
        "24-01-01",
        "2024-01-01T00:00",
        "29.02.2024",
        "-2024-01-01",
    ] {
        assert_eq!(
            date.refusal(Value::Text(wrong)),
            "the text is not an ISO 8601 date",
            "{wrong}"
        );
    }
    let time = column(ValueKind::Text, "time(3)");
    assert_eq!(time.encode(Value::Text("01:02")), 3_720_000_000i64.to_be_bytes());
    let (bytes, how) = time.converted(Value::Text("00:00:01.2345"));
    assert_eq!(
        (bytes, how),
        (1_235_000i64.to_be_bytes().to_vec(), Conversion::FractionRounded)
    );
    for wrong in [
        "24:00:01",
        "1:00",
        "00:60",
        "00:00:60",
        "00:00:00.",
        "00:00:00.1234567890",
        "00:00Z",
        "000000",
    ] {
        assert_eq!(
            time.refusal(Value::Text(wrong)),
            "the text is not an ISO 8601 time of day",
            "{wrong}"
        );
    }
    let stamp = column(ValueKind::Text, "timestamptz");
    let noon = (clock(12, 0, 0, 0) / 1000).to_be_bytes();
    for text in [
        "2000-01-01T12:00:00Z",
        "2000-01-01 12:00",
        "2000-01-01t14:00:00.0+02:00",
        "2000-01-01 14:00:00 +02",
        "1999-12-31 22:30:00-1330",
    ] {
        assert_eq!(stamp.encode(Value::Text(text)), noon, "{text}");
    }
    for wrong in [
        "",
        "2000-01-01 ",
        "2000-01-01x12:00",
        "2000-01-01 12:00+2",
        "2000-01-01 12:00+16",
        "2000-01-01 12:00+02:60",
        "now",
    ] {
        let outcome = stamp.try_encode(Value::Text(wrong));
        if wrong.trim() == "2000-01-01" {
            assert_eq!(outcome.unwrap(), [0; 8]);
        } else {
            assert_eq!(
                outcome.unwrap_err(),
                "the text is not an ISO 8601 date and time",
                "{wrong}"
            );
        }
    }
}

/// Every day of 800 years follows the one before it.
#[test]
fn the_calendar_counts_on() {
    let mut expected = Civil {
        year: 1600,
        month: 1,
        day: 1,
    };
    for days in -146_097..146_097 {
        assert_eq!(Civil::from_days(days), expected);
        assert_eq!(expected.to_days(), Some(days));
        let leap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0);
        let length = [
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
        expected.day += 1;
        if expected.day > length[usize::from(expected.month) - 1] {
            assert_eq!(expected.to_days(), None);
            expected.day = 1;
            expected.month += 1;
        }
        if expected.month > 12 {
            expected.month = 1;
            expected.year += 1;
        }
    }
    assert_eq!(
        expected,
        Civil {
            year: 2400,
            month: 1,
            day: 1
        }
    );
}

proptest! {
    #[test]
    fn every_day_has_a_date(days in -2_451_545i64..2_145_031_949) {
        let date = Civil::from_days(days);
        prop_assert_eq!(date.to_days(), Some(days));
        prop_assert_eq!(Civil::from_days(days - 146_097), Civil { year: date.year - 400, ..date });
    }

    #[test]
    fn rounding_agrees_with_wide_arithmetic(days in -730_119i32..=2_921_938, nanos in 0..=DAY_NANOS, precision in 0u8..=6) {
        let column = Column::of(ValueKind::Timestamp, PgType::Timestamp(precision));
        let tick = 10i128.pow(9 - u32::from(precision));
        let exact = i128::from(days) * i128::from(DAY_NANOS) + i128::from(nanos);
        let expected = (exact + tick / 2).div_euclid(tick) * tick / 1000;
        let bytes = column.encode(timestamp(days, nanos));
        prop_assert_eq!(i128::from(i64::from_be_bytes(bytes.try_into().unwrap())), expected);
    }

    #[test]
    fn text_comes_back(days in -730_119i32..2_921_939, micros in 0..DAY_NANOS / 1000) {
        let value = timestamp(days, micros * 1000);
        let text = column(ValueKind::Timestamp, "text").text(value);
        let stamp = column(ValueKind::Text, "timestamp");
        prop_assert_eq!(stamp.encode(Value::Text(&text)), stamp.encode(value));
    }
}
