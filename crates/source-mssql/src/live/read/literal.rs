//! Constants of T-SQL that are exactly the values of a key, typed as its column is, so that the server compares without
//! converting and can search its index.

use std::fmt::Write as _;

use migrate_core::Result;

use super::key::{KeyColumn, KeyValue, day, decimal, time};
use crate::classify::internal;
use crate::types::Base;

/// The constant for `value` in `column`.
///
/// # Errors
/// `Internal` if the value is not of the column's type: the token or cursor belongs to another table.
pub(crate) fn literal(value: &KeyValue, column: &KeyColumn) -> Result<String> {
    let native = column.native;
    let base = native.base;
    let typed = |text: String| format!("cast({text} as {native})");
    Ok(match value {
        KeyValue::Int(v)
            if matches!(
                base,
                Base::Bit | Base::TinyInt | Base::SmallInt | Base::Int | Base::BigInt
            ) =>
        {
            typed(v.to_string())
        }
        KeyValue::Decimal { unscaled, scale }
            if matches!(
                base,
                Base::Decimal | Base::Numeric | Base::Money | Base::SmallMoney
            ) =>
        {
            typed(decimal(*unscaled, *scale))
        }
        KeyValue::Real(bits) if base == Base::Real => typed(power_of_two(f32::from_bits(*bits).into())),
        KeyValue::Float(bits) if base == Base::Float => typed(power_of_two(f64::from_bits(*bits))),
        KeyValue::Text(_) | KeyValue::Units(_) if native.is_text() => text(value, column)?,
        KeyValue::Bytes(bytes)
            if matches!(
                base,
                Base::Binary | Base::VarBinary | Base::RowVersion | Base::HierarchyId
            ) =>
        {
            typed(hexadecimal(bytes))
        }
        KeyValue::Uuid(bytes) if base == Base::UniqueIdentifier => {
            typed(format!("'{}'", uuid::Uuid::from_bytes(*bytes)))
        }
        KeyValue::Date(days) if base == Base::Date => typed(format!("'{}'", day(*days))),
        KeyValue::Time(nanos) if base == Base::Time => typed(format!("'{}'", time(*nanos, native.scale))),
        KeyValue::Timestamp(days, nanos) => match base {
            // The form with T means the same whatever language and order of dates the session has. Of 1/300 s, three
            // digits name the nearest.
            Base::DateTime => typed(format!("'{}T{}'", day(*days), time(*nanos + 500_000, 3))),
            Base::SmallDateTime => typed(format!("'{}T{}'", day(*days), time(*nanos, 0))),
            Base::DateTime2 => typed(format!("'{}T{}'", day(*days), time(*nanos, native.scale))),
            _ => return Err(foreign()),
        },
        KeyValue::Moment(days, nanos) if base == Base::DateTimeOffset => {
            typed(format!("'{}T{}+00:00'", day(*days), time(*nanos, native.scale)))
        }
        _ => return Err(foreign()),
    })
}

fn foreign() -> migrate_core::Error {
    internal("a chunk's token or cursor has a value of another type than its key")
}

fn hexadecimal(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode_upper(bytes))
}

/// A whole number times a power of two: digits after a point would be read back through rounding.
fn power_of_two(value: f64) -> String {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mut whole, mut power) = match exponent {
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, exponent - 1075),
    };
    if whole == 0 {
        return "0".to_owned();
    }
    let shift = whole.trailing_zeros();
    whole >>= shift;
    power += shift as i32;
    let sign = if value < 0.0 { "-" } else { "" };
    format!("cast({sign}{whole} as float) * power(cast(2 as float), {power})")
}

/// Text, in the code page of the column's collation if it has one.
fn text(value: &KeyValue, column: &KeyColumn) -> Result<String> {
    let native = column.native;
    let wide = matches!(native.base, Base::NChar | Base::NVarChar);
    let Some(text) = value.text().filter(|t| !t.contains('\0')) else {
        // What no string constant can hold; binary becomes UTF-16 unchanged.
        let units = match value {
            KeyValue::Units(bytes) => hexadecimal(bytes),
            KeyValue::Text(text) => hexadecimal(
                &text
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ),
            _ => return Err(foreign()),
        };
        let length = if wide {
            native.length
        } else {
            native.length.min(4000)
        };
        let national = format!("cast({units} as nvarchar({length}))");
        return Ok(if wide {
            national
        } else {
            format!("cast({national}{} as {native})", collate(column)?)
        });
    };
    let mut quoted = String::with_capacity(text.len() + 3);
    quoted.push_str("N'");
    for part in text.split_inclusive('\'') {
        quoted.push_str(part);
        if part.ends_with('\'') {
            quoted.push('\'');
        }
    }
    quoted.push('\'');
    if !wide {
        // Without it the database's own code page would be used.
        quoted.push_str(&collate(column)?);
    }
    Ok(format!("cast({quoted} as {native})"))
}

/// The clause that names the column's collation.
pub(crate) fn collate(column: &KeyColumn) -> Result<String> {
    let mut clause = String::new();
    if let Some(name) = &column.collation {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(internal("a collation has a name that no collation has"));
        }
        // Writing to a String cannot fail.
        let _ = write!(clause, " collate {name}");
    }
    Ok(clause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::read::native;

    fn column(native: &str) -> KeyColumn {
        KeyColumn {
            name: "k".into(),
            native: native::parse(native).unwrap(),
            collation: native.contains("char").then(|| "Polish_CI_AS".into()),
            descending: false,
        }
    }

    fn shown(value: KeyValue, native: &str) -> String {
        literal(&value, &column(native)).unwrap()
    }

    #[test]
    fn constants_are_exact_and_typed() {
        use KeyValue::*;
        for (value, native, expected) in [
            (Int(5), "int", "cast(5 as int)"),
            (Int(1), "bit", "cast(1 as bit)"),
            (Int(i64::MIN), "bigint", "cast(-9223372036854775808 as bigint)"),
            (
                Decimal {
                    unscaled: -5,
                    scale: 2,
                },
                "decimal(12,2)",
                "cast(-0.05 as decimal(12,2))",
            ),
            (
                Decimal {
                    unscaled: 12,
                    scale: 0,
                },
                "numeric(5,0)",
                "cast(12 as numeric(5,0))",
            ),
            (
                Decimal {
                    unscaled: 125_000,
                    scale: 4,
                },
                "money",
                "cast(12.5000 as money)",
            ),
            (
                Float(1.5_f64.to_bits()),
                "float",
                "cast(cast(3 as float) * power(cast(2 as float), -1) as float)",
            ),
            (
                Float((-0.1_f64).to_bits()),
                "float",
                "cast(cast(-3602879701896397 as float) * power(cast(2 as float), -55) as float)",
            ),
            (Float(0), "float", "cast(0 as float)"),
            (
                Real(16_777_216_f32.to_bits()),
                "real",
                "cast(cast(1 as float) * power(cast(2 as float), 24) as real)",
            ),
            (
                Text("O'Brien''s".into()),
                "nvarchar(20)",
                "cast(N'O''Brien''''s' as nvarchar(20))",
            ),
            (
                Text("zażółć".into()),
                "varchar(20)",
                "cast(N'zażółć' collate Polish_CI_AS as varchar(20))",
            ),
            (
                Text("a\0".into()),
                "nvarchar(20)",
                "cast(0x61000000 as nvarchar(20))",
            ),
            (
                Units(vec![0x61, 0, 0x27, 0]),
                "nchar(3)",
                "cast(N'a''' as nchar(3))",
            ),
            (
                Units(vec![0x61, 0, 0, 0xD8]),
                "nvarchar(20)",
                "cast(0x610000D8 as nvarchar(20))",
            ),
            (
                Units(vec![0, 0]),
                "char(5)",
                "cast(cast(0x0000 as nvarchar(5)) collate Polish_CI_AS as char(5))",
            ),
            (
                Bytes(vec![0, 0xFF]),
                "varbinary(900)",
                "cast(0x00FF as varbinary(900))",
            ),
            (Bytes(vec![]), "varbinary(900)", "cast(0x as varbinary(900))"),
            (
                Bytes(vec![0x5A, 0xC0]),
                "hierarchyid",
                "cast(0x5AC0 as hierarchyid)",
            ),
            (
                Bytes(vec![0; 8]),
                "rowversion",
                "cast(0x0000000000000000 as rowversion)",
            ),
            (
                Uuid(*b"\x0e\x98\x47\x25\xc5\x1c\x4b\xf4\x99\x60\xe1\xc8\x0e\x27\xab\xa0"),
                "uniqueidentifier",
                "cast('0e984725-c51c-4bf4-9960-e1c80e27aba0' as uniqueidentifier)",
            ),
            (Date(-730_119), "date", "cast('0001-01-01' as date)"),
            (Date(59), "date", "cast('2000-02-29' as date)"),
            (
                Time(86_399_999_999_900),
                "time(7)",
                "cast('23:59:59.9999999' as time(7))",
            ),
            (Time(3_600_000_000_000), "time(0)", "cast('01:00:00' as time(0))"),
            (
                Timestamp(0, 3_000_000),
                "datetime",
                "cast('2000-01-01T00:00:00.003' as datetime)",
            ),
            // 1/300 s as it is, not as it is shown.
            (
                Timestamp(0, 3_333_333),
                "datetime",
                "cast('2000-01-01T00:00:00.003' as datetime)",
            ),
            (
                Timestamp(0, 86_399_996_666_667),
                "datetime",
                "cast('2000-01-01T23:59:59.997' as datetime)",
            ),
            (
                Timestamp(0, 60_000_000_000),
                "smalldatetime",
                "cast('2000-01-01T00:01:00' as smalldatetime)",
            ),
            (
                Timestamp(0, 100),
                "datetime2(7)",
                "cast('2000-01-01T00:00:00.0000001' as datetime2(7))",
            ),
            (
                Timestamp(0, 120_000_000),
                "datetime2(2)",
                "cast('2000-01-01T00:00:00.12' as datetime2(2))",
            ),
            (
                Moment(0, 100),
                "datetimeoffset(7)",
                "cast('2000-01-01T00:00:00.0000001+00:00' as datetimeoffset(7))",
            ),
        ] {
            assert_eq!(shown(value, native), expected);
        }
    }

    #[test]
    fn values_of_other_types_are_refused() {
        for (value, native) in [
            (KeyValue::Int(1), "nvarchar(5)"),
            (KeyValue::Text("1".into()), "int"),
            (KeyValue::Timestamp(0, 0), "date"),
            (KeyValue::Float(0), "real"),
        ] {
            let e = literal(&value, &column(native)).unwrap_err();
            assert_eq!(e.kind(), migrate_core::ErrorKind::Internal);
        }
        let odd = KeyColumn {
            collation: Some("x) or 1=1 --".into()),
            ..column("varchar(5)")
        };
        assert!(literal(&KeyValue::Text("a".into()), &odd).is_err());
    }
}
