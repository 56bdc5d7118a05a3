//! Dates and times, as values and as text.

use migrate_core::pg_type::PgType;
use migrate_core::policy::Conversion;
use migrate_core::value::{Value, ValueKind};
use proptest::prelude::*;

use super::harness::*;

const DAY: i64 = 86_400_000_000_000;
/// 4714-11-24 BC and 294276-12-31.
const TIMESTAMP_DAYS: std::ops::RangeInclusive<i32> = -2_451_545..=106_751_982;
/// 0001-01-01 and 9999-12-31.
const SQL_SERVER_DAYS: std::ops::RangeInclusive<i32> = -730_119..=2_921_939;

#[test]
fn dates_and_times() {
    let server = Server::new("dates");
    let extremes = [-2_451_545, 2_145_031_948, -730_119, 2_921_939, 0, -730_120, -1].map(Value::Date);
    let days = prop_oneof![-2_451_545..2_145_031_949i32, SQL_SERVER_DAYS];
    Case::new(ValueKind::Date, PgType::Date).holds(&server, "date", plain(days, Value::Date, &extremes));
    for precision in 0..=6u8 {
        // Without anything to round, PostgreSQL's reading of the text decides.
        let tick = 10i64.pow(9 - u32::from(precision));
        let exact = move || (0..DAY / tick).prop_map(move |n| n * tick);
        let any = || 0..=DAY;
        let days = || prop_oneof![TIMESTAMP_DAYS, SQL_SERVER_DAYS];
        let at = |(days, nanos)| Value::Timestamp { days, nanos };
        let at_utc = |(days, nanos)| Value::TimestampTz { days, nanos };

        let last = DAY - tick;
        let time = Case::new(ValueKind::Time, PgType::Time(precision));
        let cells = plain(
            exact(),
            Value::Time,
            &[Value::Time(0), Value::Time(DAY), Value::Time(last)],
        );
        let batch = time.holds(&server, &format!("time_{precision}"), cells);
        assert!(batch.conversions.is_empty());
        let cells = plain(any(), Value::Time, &[Value::Time(DAY - 1)]);
        let batch = time
            .alone()
            .holds(&server, &format!("time_{precision}_rounded"), cells);
        assert!(batch.conversions.get(1, Conversion::FractionRounded) > CASES as u64 / 2);
        // PostgreSQL's own rounding would make 24:00:00 and the year 10000 of the last instants; these are cut.
        let last_clock = match usize::from(precision) {
            0 => "23:59:59".to_owned(),
            digits => format!("23:59:59.{}", "9".repeat(digits)),
        };
        let stored = server.psql(&format!(
            "select v from time_{precision}_rounded where n = {CASES}"
        ));
        assert_eq!(stored.trim(), last_clock);

        let stamp = Case::new(ValueKind::Timestamp, PgType::Timestamp(precision));
        let extremes = [
            (-2_451_545, 0),
            (106_751_982, last),
            (-730_119, 0),
            (2_921_939, last),
            (-1, last),
            (0, 0),
        ];
        let cells = plain((days(), exact()), at, &extremes.map(at));
        stamp.holds(&server, &format!("timestamp_{precision}"), cells);
        let end = (*SQL_SERVER_DAYS.end(), DAY - 1);
        let cells = plain(
            (SQL_SERVER_DAYS, any()),
            at,
            &[at(end), at((-1, DAY - 1)), at((5, DAY))],
        );
        stamp
            .alone()
            .holds(&server, &format!("timestamp_{precision}_rounded"), cells);
        let stored = server.psql(&format!(
            "select v from timestamp_{precision}_rounded where n between {CASES} and {CASES} + 2 order by n"
        ));
        let expected = [
            format!("9999-12-31 {last_clock}"),
            "2000-01-01 00:00:00".to_owned(),
            "2000-01-07 00:00:00".to_owned(),
        ];
        assert_eq!(stored.lines().collect::<Vec<_>>(), expected);

        let stamp = Case::new(ValueKind::TimestampTz, PgType::TimestampTz(precision));
        let cells = plain((days(), exact()), at_utc, &extremes.map(at_utc));
        stamp.holds(&server, &format!("timestamptz_{precision}"), cells);
        stamp.alone().holds(
            &server,
            &format!("timestamptz_{precision}_cut"),
            vec![Cell::Plain(at_utc(end))],
        );
        let stored = server.psql(&format!("select v from timestamptz_{precision}_cut where n = 0"));
        assert_eq!(stored.trim(), format!("9999-12-31 {last_clock}+00"));
    }
    let cells = plain(SQL_SERVER_DAYS, Value::Date, &[]);
    Case::new(ValueKind::Date, PgType::Timestamp(6)).holds(&server, "date_timestamp", cells);
}

#[test]
fn text_that_becomes_dates() {
    let server = Server::new("parsed");
    let texts = |pattern: &str| -> Vec<Cell> { sample(pattern).into_iter().map(Cell::Text).collect() };
    let date = "[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?";
    let offset = "(Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)";
    Case::new(ValueKind::Text, PgType::Date).holds(&server, "text_date", texts(date));
    Case::new(ValueKind::Text, PgType::Time(6)).holds(&server, "text_time", texts(time));
    let stamp = format!("{date}[ T]{time}");
    Case::new(ValueKind::Text, PgType::Timestamp(6)).holds(&server, "text_timestamp", texts(&stamp));
    let stamp = format!("{stamp}{offset}");
    Case::new(ValueKind::Text, PgType::TimestampTz(6)).holds(&server, "text_timestamptz", texts(&stamp));
    let uuid = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
    Case::new(ValueKind::Text, PgType::Uuid).holds(&server, "text_uuid", texts(uuid));
    Case::new(ValueKind::Text, PgType::Int8).holds(&server, "text_int8", texts("[+-]?[0-9]{1,18}"));
}
