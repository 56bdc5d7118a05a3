use migrate_core::ErrorKind;
use migrate_core::catalog::ObjectName;

use super::*;
use crate::types::Stated;

fn column(name: &str, ty: &str, stated: Stated) -> StoredColumn {
    let native = crate::types::NativeType::new(ty, stated).unwrap().unwrap();
    StoredColumn {
        name: name.into(),
        native,
        nullable: true,
        scale_stated: true,
    }
}

fn columns() -> Vec<StoredColumn> {
    let none = Stated::default();
    vec![
        column("id", "int", none),
        column(
            "price",
            "decimal",
            Stated {
                precision: Some(12),
                scale: Some(2),
                ..none
            },
        ),
        column(
            "Name",
            "nvarchar",
            Stated {
                length: Some(20),
                ..none
            },
        ),
        column(
            "code",
            "char",
            Stated {
                length: Some(5),
                ..none
            },
        ),
        column("ok", "bit", none),
        column(
            "made",
            "datetime2",
            Stated {
                scale: Some(7),
                ..none
            },
        ),
        column("guid", "uniqueidentifier", none),
        column("raw", "varbinary", Stated { max: true, ..none }),
        column("ratio", "float", none),
        column("day", "date", none),
        column("doc", "xml", none),
    ]
}

fn table() -> ObjectName {
    ObjectName::new("dbo", "T")
}

/// Judges a condition on one row of values in the columns' order; missing ones are NULL.
fn judged(condition: &str, values: &[(&str, Value<'_>)]) -> Option<bool> {
    let columns = columns();
    let filter = Filter::new(condition, &table(), &columns).unwrap_or_else(|e| panic!("{e}"));
    let of = |column: usize| {
        values
            .iter()
            .find(|(name, _)| columns[column].name == *name)
            .map_or(Value::Null, |(_, v)| *v)
    };
    filter
        .0
        .judge(&mut |column, test| test.judge(of(column)))
        .unwrap()
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn numbers() {
    let row = [
        ("id", Value::Int32(7)),
        (
            "price",
            Value::Decimal {
                unscaled: 1250,
                scale: 2,
            },
        ),
    ];
    for (condition, expected) in [
        ("id = 7", true),
        ("[id] <> 7", false),
        ("id != 8", true),
        ("7.0 >= id", true),
        ("6 > id", false),
        ("id in (1, 7)", true),
        ("id not in (1, 7)", false),
        ("id between 7 and 9", true),
        ("id not between 7 and 9", false),
        ("id > -1", true),
        ("price = 12.5", true),
        ("price < 12.4999", false),
        ("dbo.T.price > 12", true),
        ("t.price > 12 and not (id = 8)", true),
    ] {
        assert_eq!(judged(condition, &row), Some(expected), "{condition}");
    }
    assert_eq!(judged("ok = 1", &[("ok", Value::Bool(true))]), Some(true));
    assert_eq!(
        judged("ratio < 0.5", &[("ratio", Value::Float64(0.25))]),
        Some(true)
    );
}

#[test]
fn null_is_unknown_and_logic_has_three_values() {
    for (condition, expected) in [
        ("id = 1", None),
        ("not id = 1", None),
        ("id is null", Some(true)),
        ("id is not null", Some(false)),
        ("id in (1)", None),
        ("id = 1 and ok = 1", Some(false)),
        ("ok = 1 and id = 1", Some(false)),
        ("id = 1 and ok = 0", None),
        ("id = 1 or ok = 0", Some(true)),
        ("ok = 0 or id = 1", Some(true)),
        ("id = 1 or ok = 1", None),
        ("name like '%'", None),
    ] {
        assert_eq!(
            judged(condition, &[("ok", Value::Bool(false))]),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn text() {
    let (name, code) = (units("Crème"), units("ab   "));
    let row = [("Name", Value::Utf16(&name)), ("code", Value::Utf16(&code))];
    for (condition, expected) in [
        ("name = N'Crème'", true),
        ("name = 'Crème   '", true),
        ("name = 'crème'", false),
        ("name < 'D'", true),
        ("code = 'ab'", true),
        ("name like 'Cr%'", true),
        ("name like '%e%e'", false),
        ("name like '%m_'", true),
        ("name like '_____'", true),
        ("name like '____'", false),
        ("name not like '%x%'", true),
        ("code like '%b'", true),
        ("name like ''", false),
    ] {
        assert_eq!(judged(condition, &row), Some(expected), "{condition}");
    }
}

#[test]
fn dates_identifiers_and_bytes() {
    let row = [
        (
            "made",
            Value::Timestamp {
                days: 8825,
                nanos: 100,
            },
        ),
        ("day", Value::Date(8825)),
        ("guid", Value::Uuid([0x11; 16])),
        ("raw", Value::Bytes(&[0xAB, 0])),
    ];
    for (condition, expected) in [
        ("made > '2024-02-29'", true),
        ("made <= '2024-02-29T00:00:00.0000001'", true),
        ("made < '2024-02-29 00:00:00.0000001'", false),
        ("day = '2024-02-29'", true),
        ("day between '2024-03-01' and '2024-12-31'", false),
        ("guid = '11111111-1111-1111-1111-111111111111'", true),
        ("guid <> '11111111-1111-1111-1111-111111111111'", false),
        ("raw = 0xAB00", true),
        ("doc is null", true),
    ] {
        assert_eq!(judged(condition, &row), Some(expected), "{condition}");
    }
}

#[test]
fn what_cannot_be_carried_out_is_refused_with_its_reason() {
    for (condition, reason) in [
        ("", "Expected"),
        ("id = ", "Expected"),
        ("id = 1; drop table x", "does not end before"),
        ("id = price", "compares two columns"),
        ("1 = 1", "has no column"),
        ("missing = 1", "no column missing"),
        ("other.id = 1", "not of this table"),
        ("len(name) > 1", "has no column"),
        ("id + 1 = 2", "has no column"),
        ("id = null", "write `is null`"),
        ("id = 'seven'", "cannot be compared with int"),
        ("id = 1e3", "38 digits"),
        ("made = '29.02.2024'", "is written"),
        ("guid < '11111111-1111-1111-1111-111111111111'", "no order"),
        ("guid = 'x'", "not a uniqueidentifier"),
        ("raw = 0xABC", "half a byte"),
        ("doc = 'x'", "cannot be compared with xml"),
        ("name like '[ab]%'", "brackets"),
        ("id like '1%'", "like is for text"),
        ("exists (select 1)", "not known here"),
        ("id in (select 1)", "not known here"),
        ("id = 1 and name", "not known here"),
    ] {
        let error = Filter::new(condition, &table(), &columns()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{condition}");
        let text = error.to_string();
        assert!(text.contains(reason), "{condition}: {text}");
        assert!(text.contains("table dbo.T") && text.contains("where"), "{text}");
    }
}
