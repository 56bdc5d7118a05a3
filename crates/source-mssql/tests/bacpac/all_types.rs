//! Every type, with the extremes of its range, in every layout that exports could have.

use migrate_core::pg_type::PgType;
use migrate_testkit::all_types::{self, Sample};
use migrate_testkit::bacpac::{Cell, Layout, Options, SqlType, TimeBytes};
use serde_json::{Value as Json, json};

use crate::reading::Reading;

const LAYOUTS: [Layout; 4] = [
    Layout {
        time: TimeBytes::Always5,
        clr_prefix: 8,
        variant_prefix: 4,
    },
    Layout {
        time: TimeBytes::ByScale,
        clr_prefix: 2,
        variant_prefix: 8,
    },
    Layout {
        time: TimeBytes::ByScale,
        clr_prefix: 8,
        variant_prefix: 2,
    },
    Layout {
        time: TimeBytes::Always5,
        clr_prefix: 2,
        variant_prefix: 4,
    },
];

async fn with_layout(layout: Layout) -> (tempfile::TempDir, Reading) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("types.bacpac");
    all_types::write_with(
        &path,
        Options {
            layout,
            ..Options::default()
        },
    )
    .unwrap();
    let reading = Reading::of(&path).await;
    (directory, reading)
}

/// Civil date of a day since 0001-01-01, by counting, so that it shares nothing with the code under test.
fn date(days: u32) -> String {
    let (mut year, mut left) = (1, days);
    let leap = |y: u32| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    while left >= 365 + u32::from(leap(year)) {
        left -= 365 + u32::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u32::from(leap(year)),
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
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    format!("{year:04}-{:02}-{:02}", month + 1, left + 1)
}

/// Ticks of 100 ns as PostgreSQL prints a time of at most 6 digits; what would round up to 24:00:00 is cut.
fn time(ticks: u64) -> String {
    let micros = ((ticks + 5) / 10).min(all_types::DAY_TICKS / 10 - 1);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        clock
    } else {
        format!("{clock}.{fraction:06}").trim_end_matches('0').to_owned()
    }
}

fn moment(days: u32, ticks: u64) -> String {
    if ticks + 5 >= all_types::DAY_TICKS && days < all_types::LAST_DAY {
        // The seventh digit is rounded up into the next day, if the calendar has one.
        return format!("{} 00:00:00", date(days + 1));
    }
    format!("{} {}", date(days), time(ticks))
}

fn decimal(magnitude: u128, negative: bool, scale: usize) -> String {
    let digits = format!("{magnitude:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if negative && magnitude > 0 { "-" } else { "" };
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

/// What PostgreSQL would print for a cell, as JSON.
fn expected(ty: &SqlType, cell: &Cell) -> Json {
    let hex = |bytes: &[u8]| format!("\\x{}", hex::encode(bytes));
    let padded = |text: &str, n: usize| format!("{text:<n$}");
    match (ty, cell) {
        (_, Cell::Null) => Json::Null,
        (SqlType::Money | SqlType::SmallMoney, Cell::Money(v)) => {
            json!(decimal(u128::from(v.unsigned_abs()), *v < 0, 4))
        }
        (SqlType::Decimal(_, s) | SqlType::Numeric(_, s), Cell::Decimal { magnitude, negative }) => {
            json!(decimal(*magnitude, *negative, usize::from(*s)))
        }
        (_, Cell::Int(v)) => json!(v),
        (_, Cell::Bool(v)) => json!(v),
        // The shortest digits that are the same binary32.
        (_, Cell::F32(v)) => serde_json::from_str(&format!("{v:e}")).unwrap(),
        (_, Cell::F64(v)) => json!(v),
        (_, Cell::Date(days)) => json!(date(*days)),
        (_, Cell::Time(ticks)) => json!(time(*ticks)),
        (_, Cell::DateTime { days, ticks }) => {
            // 1900-01-01 is day 693595. Thirds of a hundredth show as .000, .003 and .007.
            let millis = u64::from(*ticks) / 3 * 10 + [0, 3, 7][*ticks as usize % 3];
            json!(moment((*days + 693_595) as u32, millis * 10_000))
        }
        (_, Cell::SmallDateTime { days, minutes }) => {
            json!(moment(
                u32::from(*days) + 693_595,
                u64::from(*minutes) * 600_000_000
            ))
        }
        (_, Cell::DateTime2 { days, ticks }) => json!(moment(*days, *ticks)),
        (_, Cell::DateTimeOffset { days, ticks, .. }) => json!(format!("{}+00", moment(*days, *ticks))),
        (SqlType::Char(n) | SqlType::NChar(n), Cell::Text(text)) => {
            // SQL Server pads to n UTF-16 units; PostgreSQL to n characters.
            json!(padded(text, usize::from(*n)))
        }
        (SqlType::Alias(..), Cell::Text(text)) => json!(padded(text, 4)),
        (_, Cell::Text(text)) => json!(text),
        (SqlType::Binary(n), Cell::Bytes(bytes)) => {
            let mut bytes = bytes.clone();
            bytes.resize(usize::from(*n), 0);
            json!(hex(&bytes))
        }
        (_, Cell::Bytes(bytes)) => json!(hex(bytes)),
        (_, Cell::Uuid(u)) => {
            let h = hex::encode(u);
            json!(format!(
                "{}-{}-{}-{}-{}",
                &h[..8],
                &h[8..12],
                &h[12..16],
                &h[16..20],
                &h[20..]
            ))
        }
        (ty, cell) => panic!("no expectation for {ty:?} {cell:?}"),
    }
}

fn check(samples: &[Sample], rows: &[Json]) {
    assert_eq!(rows.len(), 4);
    for sample in samples {
        let nullable = format!("{}_null", sample.name);
        let cells = [&sample.low, &sample.high, &sample.plain, &sample.low];
        for (row, cell) in rows.iter().zip(cells) {
            assert_eq!(row[&sample.name], expected(&sample.ty, cell), "{}", sample.name);
        }
        for (row, cell) in rows
            .iter()
            .zip([&sample.low, &sample.high, &sample.plain, &Cell::Null])
        {
            assert_eq!(row[&nullable], expected(&sample.ty, cell), "{nullable}");
        }
    }
}

#[tokio::test]
async fn scalars_arrive_as_they_were() {
    let (_directory, reading) = with_layout(LAYOUTS[0]).await;
    let rows = reading.rows("dbo", "Scalars").await;
    check(&all_types::scalars(), &rows);
    let versions: Vec<&Json> = rows.iter().map(|r| &r["version"]).collect();
    assert_eq!(
        versions,
        [
            "\\x0000000000000000",
            "\\xffffffffffffffff",
            "\\x00000000000007d1",
            "\\x0000000000000001"
        ]
    );
}

#[tokio::test]
async fn times_of_every_scale_arrive_in_either_layout() {
    for layout in LAYOUTS {
        let (_directory, reading) = with_layout(layout).await;
        check(&all_types::times(), &reading.rows("dbo", "Times").await);
        let table = reading.table("dbo", "Times");
        let ty = |name: &str| {
            table
                .columns
                .iter()
                .find(|c| c.source == name)
                .unwrap()
                .ty
                .clone()
        };
        assert_eq!(ty("time_0"), PgType::Time(0), "{layout:?}");
        assert_eq!(ty("datetime2_3"), PgType::Timestamp(3));
        assert_eq!(ty("datetimeoffset_7"), PgType::TimestampTz(6));
    }
}

#[tokio::test]
async fn clr_types_arrive_behind_either_prefix() {
    for layout in LAYOUTS {
        let (_directory, reading) = with_layout(layout).await;
        let rows = reading.rows("dbo", "Clr").await;
        let column = |name: &str| rows.iter().map(|r| r[name].clone()).collect::<Vec<_>>();
        assert_eq!(column("hierarchyid"), ["/", "/16/", "/1/2/", "/"], "{layout:?}");
        assert_eq!(
            column("hierarchyid_null"),
            [json!("/"), json!("/16/"), json!("/1/2/"), Json::Null]
        );
        // EWKB, little-endian: a geometry without SRID; a geography with its SRID and longitude before latitude.
        let point = format!("\\x0101000000{}{}", le(1.5), le(-2.25));
        assert_eq!(column("geometry")[2], json!(point));
        let place = format!("\\x0101000020e6100000{}{}", le(-122.349), le(47.651));
        assert_eq!(column("geography")[2], json!(place));
        assert_eq!(column("geography_null")[3], Json::Null);
    }
}

fn le(x: f64) -> String {
    hex::encode(x.to_le_bytes())
}

#[tokio::test]
async fn variants_arrive_behind_every_prefix() {
    let mut seen = Vec::new();
    for layout in LAYOUTS {
        let (_directory, reading) = with_layout(layout).await;
        let rows = reading.rows("dbo", "Variants").await;
        assert_eq!(
            rows[0],
            json!({"id": 1, "value": {"type": "int", "value": -7}}),
            "{layout:?}"
        );
        assert_eq!(rows.last().unwrap()["value"], Json::Null);
        seen.push(rows);
    }
    assert!(seen.windows(2).all(|w| w[0] == w[1]));
}

#[tokio::test]
async fn names_and_odd_text_arrive() {
    let (_directory, reading) = with_layout(LAYOUTS[0]).await;
    assert_eq!(
        reading.rows("dbo", "Order Details & more").await,
        [json!({"Order ID": 1, "naïve [sic": "<&>\"'"})]
    );
    assert!(reading.rows("dbo", "Empty").await.is_empty());
    assert_eq!(reading.rows("dbo", "Nul").await.len(), 4);
    assert_eq!(reading.rows("dbo", "Surrogates").await.len(), 4);
    let nul = reading.batches("dbo", "Nul", 1 << 20, false).await.unwrap();
    assert_eq!(nul[0].rows(), 4);
}

#[tokio::test]
async fn a_reader_goes_on_where_another_stopped() {
    let (_directory, reading) = with_layout(LAYOUTS[1]).await;
    for (table, part_rows) in [("Scalars", 2), ("Times", 2), ("Nul", 100)] {
        let whole = reading.batches("dbo", table, 1 << 24, false).await.unwrap();
        // Batches of one row, each by a new reader.
        let pieces = reading.batches("dbo", table, 1, true).await.unwrap();
        let rows = |batches: &[migrate_core::batch::Batch]| {
            batches
                .iter()
                .flat_map(|b| b.iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&whole).len(), 4, "{table}");
        assert_eq!(rows(&pieces), rows(&whole), "{table}");
        let chunks = reading
            .snapshot
            .split(reading.table("dbo", table), Default::default())
            .await
            .unwrap();
        assert_eq!(chunks.len(), 4_usize.div_ceil(part_rows), "{table}");
    }
}

#[test]
fn arbitrary_rows_arrive() {
    use migrate_testkit::bacpac::{BacpacWriter, ColumnSpec, DatabaseSpec, TableSpec};
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let nullable = |cell: BoxedStrategy<Cell>| prop_oneof![4 => cell, 1 => Just(Cell::Null)].boxed();
    let ticks = |scale: u32| {
        (0..all_types::DAY_TICKS / 10_u64.pow(7 - scale)).prop_map(move |n| n * 10_u64.pow(7 - scale))
    };
    let days = 0..=all_types::LAST_DAY;
    let columns: Vec<(SqlType, BoxedStrategy<Cell>)> = vec![
        (
            SqlType::Int,
            any::<i32>().prop_map(|n| Cell::Int(n.into())).boxed(),
        ),
        (SqlType::BigInt, any::<i64>().prop_map(Cell::Int).boxed()),
        (SqlType::Bit, any::<bool>().prop_map(Cell::Bool).boxed()),
        (SqlType::Money, any::<i64>().prop_map(Cell::Money).boxed()),
        (
            SqlType::Decimal(38, 10),
            (0..10_u128.pow(38), any::<bool>())
                .prop_map(|(magnitude, negative)| Cell::Decimal { magnitude, negative })
                .boxed(),
        ),
        (SqlType::Date, days.clone().prop_map(Cell::Date).boxed()),
        (
            SqlType::DateTime,
            (-53_690..=2_958_463, 0..25_920_000_u32)
                .prop_map(|(days, ticks)| Cell::DateTime { days, ticks })
                .boxed(),
        ),
        (
            SqlType::DateTime2(3),
            (days.clone(), ticks(3))
                .prop_map(|(days, ticks)| Cell::DateTime2 { days, ticks })
                .boxed(),
        ),
        (SqlType::Time(6), ticks(6).prop_map(Cell::Time).boxed()),
        (
            SqlType::DateTimeOffset(7),
            (days, ticks(7), -840..=840_i16)
                .prop_map(|(days, ticks, offset)| Cell::DateTimeOffset { days, ticks, offset })
                .boxed(),
        ),
        (
            SqlType::NVarChar(None),
            "[^\u{0}]{0,300}".prop_map(Cell::Text).boxed(),
        ),
        (
            SqlType::VarBinary(None),
            prop::collection::vec(any::<u8>(), 0..300)
                .prop_map(Cell::Bytes)
                .boxed(),
        ),
        (
            SqlType::UniqueIdentifier,
            any::<[u8; 16]>().prop_map(Cell::Uuid).boxed(),
        ),
    ];
    let types: Vec<SqlType> = columns
        .iter()
        .flat_map(|(ty, _)| [ty.clone(), ty.clone()])
        .collect();
    let row: Vec<BoxedStrategy<Cell>> = columns
        .into_iter()
        .flat_map(|(_, c)| [c.clone(), nullable(c)])
        .collect();
    let cases = (prop::collection::vec(row, 1..12), any::<bool>(), 1..4_u64);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("arbitrary.bacpac");
    let mut runner = TestRunner::new(Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&cases, |(mut rows, by_scale, part_rows)| {
            // A time of day that only one layout can hold, so that the file is never ambiguous.
            for (cell, ty) in rows[0].iter_mut().zip(&types) {
                if *ty == SqlType::Time(6) {
                    *cell = Cell::Time(if by_scale { 10 } else { all_types::DAY_TICKS - 10 });
                }
            }
            let table = types
                .iter()
                .enumerate()
                .fold(TableSpec::new("dbo", "T"), |table, (n, ty)| {
                    let column = ColumnSpec::new(&format!("c{n}"), ty.clone());
                    table.column(if n % 2 == 0 { column.not_null() } else { column })
                });
            let layout = LAYOUTS[usize::from(by_scale)];
            let options = Options {
                layout,
                ..Options::default()
            };
            let mut out = BacpacWriter::create(&path, DatabaseSpec::new("D").table(table), options).unwrap();
            out.table_rows("dbo", "T", part_rows, &rows).unwrap();
            out.finish().unwrap();
            let read = runtime.block_on(async { Reading::of(&path).await.rows("dbo", "T").await });
            prop_assert_eq!(read.len(), rows.len());
            for (read, row) in read.iter().zip(&rows) {
                for (n, (ty, cell)) in types.iter().zip(row).enumerate() {
                    prop_assert_eq!(&read[&format!("c{n}")], &expected(ty, cell), "{:?}", ty);
                }
            }
            Ok(())
        })
        .unwrap();
}
