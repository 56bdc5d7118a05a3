//! Every type's extremes, as both drivers deliver them.

use super::collect::{Cell, text};
use super::{Driver, one, open, query, servers};

/// T-SQL and what it must arrive as. What the server of the test cannot do is left out by its own word.
fn cases() -> Vec<(&'static str, Cell)> {
    use Cell::*;
    vec![
        ("cast(0 as tinyint)", Int16(0)),
        ("cast(255 as tinyint)", Int16(255)),
        ("cast(-32768 as smallint)", Int16(-32768)),
        ("cast(32767 as smallint)", Int16(32767)),
        ("cast(-2147483648 as int)", Int32(i32::MIN)),
        ("cast(2147483647 as int)", Int32(i32::MAX)),
        ("cast(-9223372036854775808 as bigint)", Int64(i64::MIN)),
        ("cast(9223372036854775807 as bigint)", Int64(i64::MAX)),
        ("cast(1 as bit)", Bool(true)),
        ("cast(0 as bit)", Bool(false)),
        ("cast(-3.40282347e38 as real)", Float32(f32::MIN)),
        ("cast(1.17549435e-38 as real)", Float32(f32::MIN_POSITIVE)),
        ("cast(1.7976931348623157e308 as float)", Float64(f64::MAX)),
        (
            "cast(-2.2250738585072014e-308 as float)",
            Float64(-f64::MIN_POSITIVE),
        ),
        (
            "cast(99999999999999999999999999999999999999 as decimal(38,0))",
            Decimal(99999999999999999999999999999999999999, 0),
        ),
        (
            "cast(-0.99999999999999999999999999999999999999 as decimal(38,38))",
            Decimal(-99999999999999999999999999999999999999, 38),
        ),
        ("cast(-1234.5678 as decimal(9,4))", Decimal(-12345678, 4)),
        (
            "cast(1234567890123.45 as decimal(19,2))",
            Decimal(123456789012345, 2),
        ),
        (
            "cast(12345678901234567890123.45 as numeric(28,2))",
            Decimal(1234567890123456789012345, 2),
        ),
        ("cast(-214748.3648 as smallmoney)", Decimal(-2147483648, 4)),
        ("cast(214748.3647 as smallmoney)", Decimal(2147483647, 4)),
        ("cast(-4294967296.0001 as money)", Decimal(-42949672960001, 4)),
        ("cast(429496.7295 as money)", Decimal(4294967295, 4)),
        ("cast('0001-01-01' as date)", Date(-730_119)),
        ("cast('9999-12-31' as date)", Date(2_921_939)),
        ("cast('23:59:59' as time(0))", Time(86_399_000_000_000)),
        ("cast('23:59:59.123' as time(3))", Time(86_399_123_000_000)),
        ("cast('23:59:59.123456' as time(6))", Time(86_399_123_456_000)),
        (
            "cast('1753-01-01 00:00:00.003' as datetime)",
            Timestamp(-90_214, 3_000_000),
        ),
        (
            "cast('9999-12-31 23:59:59.997' as datetime)",
            Timestamp(2_921_939, 86_399_997_000_000),
        ),
        (
            "cast('2079-06-06 23:59:00' as smalldatetime)",
            Timestamp(29_011, 86_340_000_000_000),
        ),
        (
            "cast('1900-01-01 00:00:00' as smalldatetime)",
            Timestamp(-36_524, 0),
        ),
        (
            "cast('0001-01-01 00:00:00' as datetime2(0))",
            Timestamp(-730_119, 0),
        ),
        (
            "cast('9999-12-31 23:59:59.999999' as datetime2(6))",
            Timestamp(2_921_939, 86_399_999_999_000),
        ),
        (
            "cast('2000-01-01 00:30:00 +01:00' as datetimeoffset(0))",
            TimestampTz(-1, 84_600_000_000_000),
        ),
        (
            "cast('2024-02-29 12:00:00.123456 -08:30' as datetimeoffset(6))",
            TimestampTz(8825, 73_800_123_456_000),
        ),
        ("cast('a' as char(3))", text("a  ")),
        ("cast(N'a\u{E4}' as nchar(3))", text("a\u{E4} ")),
        ("cast('' as varchar(10))", text("")),
        (
            "cast(N'\u{20AC} \u{E9}\u{DF}\u{152}' collate SQL_Latin1_General_CP1_CI_AS as varchar(20))",
            text("\u{20AC} \u{E9}\u{DF}\u{152}"),
        ),
        (
            "cast(N'\u{1F600}\u{4E2D}' as nvarchar(20))",
            text("\u{1F600}\u{4E2D}"),
        ),
        (
            "cast(N'\u{1F600}\u{4E2D}' as nvarchar(max))",
            text("\u{1F600}\u{4E2D}"),
        ),
        ("cast('abc' as varchar(max))", text("abc")),
        ("cast(N'\u{20AC}' as varchar(max))", text("\u{20AC}")),
        ("cast('' as nvarchar(max))", text("")),
        ("cast('old' as text)", text("old")),
        ("cast(N'old\u{E4}' as ntext)", text("old\u{E4}")),
        ("cast(0x0001ff as varbinary(10))", Bytes(vec![0, 1, 255])),
        ("cast(0x as varbinary(10))", Bytes(vec![])),
        ("cast(0x01 as binary(3))", Bytes(vec![1, 0, 0])),
        ("cast(0x0001ff as varbinary(max))", Bytes(vec![0, 1, 255])),
        ("cast(0x0102 as image)", Bytes(vec![1, 2])),
        (
            "cast('00112233-4455-6677-8899-aabbccddeeff' as uniqueidentifier)",
            Uuid([
                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
                0xff,
            ]),
        ),
        (
            "cast(N'<a b=\"1\">\u{E4}</a>' as xml)",
            text("<a b=\"1\">\u{E4}</a>"),
        ),
        ("cast(cast(17 as int) as sql_variant)", Int32(17)),
        (
            "cast(cast(-1.50 as decimal(5,2)) as sql_variant)",
            Decimal(-150, 2),
        ),
        (
            "cast(cast(N'\u{E4}' as nvarchar(5)) as sql_variant)",
            text("\u{E4}"),
        ),
    ]
}

/// A seventh digit, which not every server keeps.
fn seventh_digit() -> Vec<(&'static str, Cell)> {
    vec![
        (
            "cast('23:59:59.9999999' as time(7))",
            Cell::Time(86_399_999_999_900),
        ),
        (
            "cast('9999-12-31 23:59:59.9999999' as datetime2(7))",
            Cell::Timestamp(2_921_939, 86_399_999_999_900),
        ),
        (
            "cast('2024-02-29 12:00:00.1234567 +14:00' as datetimeoffset(7))",
            Cell::TimestampTz(8824, 79_200_123_456_700),
        ),
    ]
}

#[tokio::test]
async fn values_arrive_as_they_are() {
    for config in servers() {
        let mut session = open(&config).await;
        let mut wrong = Vec::new();
        for (sql, expected) in cases() {
            match super::all(&mut *session, &format!("select {sql} as c")).await {
                Ok(rows) if rows == [vec![expected.clone()]] => {}
                other => wrong.push(format!(
                    "{}: {sql}: {other:?} rather than {expected:?}",
                    config.driver.unwrap().name()
                )),
            }
            if session.is_broken() {
                session = open(&config).await;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn seven_digits_arrive_where_the_server_has_them() {
    for config in servers() {
        let mut session = open(&config).await;
        if one(
            &mut *session,
            "select cast(cast('00:00:00.1234567' as time(7)) as varchar(20)) as c",
        )
        .await
            != [text("00:00:00.1234567")]
        {
            println!("did not run: the server keeps fewer than seven digits");
            continue;
        }
        for (sql, expected) in seventh_digit() {
            assert_eq!(
                one(&mut *session, &format!("select {sql} as c")).await,
                [expected],
                "{sql}"
            );
        }
    }
}

#[tokio::test]
async fn every_type_has_a_null() {
    const TYPES: &str = "tinyint smallint int bigint bit real float decimal(38,10) money smallmoney date time(7) datetime \
         smalldatetime datetime2(7) datetimeoffset(7) char(3) nchar(3) varchar(10) nvarchar(10) varchar(max) nvarchar(max) \
         varbinary(10) binary(3) varbinary(max) uniqueidentifier xml sql_variant text ntext image";
    for config in servers() {
        let mut session = open(&config).await;
        for ty in TYPES.split_whitespace() {
            let row = one(&mut *session, &format!("select cast(null as {ty}) as c, 7 as d")).await;
            assert_eq!(row, [Cell::Null, Cell::Int32(7)], "{ty}");
        }
    }
}

#[tokio::test]
async fn money_is_exact_or_refused() {
    for config in servers() {
        let mut session = open(&config).await;
        for (sql, units) in [
            ("cast(922337203685477.5807 as money)", i64::MAX),
            ("cast(-922337203685477.5808 as money)", i64::MIN),
            ("cast(450359962737.0496 as money)", 4_503_599_627_370_496),
        ] {
            match &one(&mut *session, &format!("select {sql} as c")).await[..] {
                [Cell::Decimal(seen, 4)] => assert_eq!(*seen, i128::from(units)),
                [Cell::Unsupported(why)] => {
                    assert_eq!(config.driver, Some(Driver::Tiberius));
                    assert!(units.unsigned_abs() > 4_503_599_627_370_496 && why.contains("driver=mssql-tds"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn code_pages_are_those_of_the_collations() {
    for config in servers() {
        let mut session = open(&config).await;
        session
            .execute(query(
                "create table #pages (a varchar(30) collate Cyrillic_General_CI_AS, \
                 b varchar(30) collate Greek_CI_AS, c varchar(max) collate Japanese_CI_AS, \
                 d varchar(30) collate Latin1_General_CI_AS, e rowversion)",
            ))
            .await
            .unwrap();
        session
            .execute(query(
                "insert into #pages (a, b, c, d) values (N'\u{41F}\u{440}\u{438}', N'\u{3B1}\u{3C9}', \
                 N'\u{65E5}\u{672C}', N'\u{20AC}\u{FF}')",
            ))
            .await
            .unwrap();
        let row = one(&mut *session, "select a, b, c, d from #pages").await;
        let expected = [
            "\u{41F}\u{440}\u{438}",
            "\u{3B1}\u{3C9}",
            "\u{65E5}\u{672C}",
            "\u{20AC}\u{FF}",
        ];
        assert_eq!(row, expected.map(text), "{:?}", config.driver);
        let row = one(&mut *session, "select e from #pages").await;
        assert!(
            matches!(&row[..], [Cell::Bytes(bytes)] if bytes.len() == 8),
            "{row:?}"
        );
    }
}
