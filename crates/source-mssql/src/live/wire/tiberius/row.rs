//! The driver's cells as [`Value`]s.

use ::tiberius::{Column, ColumnData, ColumnType};
use migrate_core::value::Value;

use super::super::cell;

/// Up to here a `money`, which the driver hands out as a double, is exact to its four digits.
const EXACT_MONEY: f64 = 4_503_599_627_370_496.0;

/// Lends a cell.
pub(super) fn value<'a>(column: &Column, data: &'a ColumnData<'static>) -> Value<'a> {
    match data {
        ColumnData::U8(v) => v.map_or(Value::Null, |v| Value::Int16(i16::from(v))),
        ColumnData::I16(v) => v.map_or(Value::Null, Value::Int16),
        ColumnData::I32(v) => v.map_or(Value::Null, Value::Int32),
        ColumnData::I64(v) => v.map_or(Value::Null, Value::Int64),
        ColumnData::F32(v) => v.map_or(Value::Null, Value::Float32),
        ColumnData::F64(Some(v)) if is_money(column) => money(*v),
        ColumnData::F64(v) => v.map_or(Value::Null, Value::Float64),
        ColumnData::Bit(v) => v.map_or(Value::Null, Value::Bool),
        ColumnData::String(v) => v.as_ref().map_or(Value::Null, |text| Value::Text(text)),
        ColumnData::Xml(v) => v.as_ref().map_or(Value::Null, |xml| {
            let text: &str = xml.as_ref().as_ref();
            // A byte order mark is the transport's, and no part of the document.
            Value::Text(text.strip_prefix('\u{FEFF}').unwrap_or(text))
        }),
        ColumnData::Guid(v) => v.map_or(Value::Null, |id| Value::Uuid(*id.as_bytes())),
        ColumnData::Binary(v) => v.as_ref().map_or(Value::Null, |bytes| Value::Bytes(bytes)),
        ColumnData::Numeric(v) => v.map_or(Value::Null, |n| Value::Decimal {
            unscaled: n.value(),
            scale: i16::from(n.scale()),
        }),
        ColumnData::Date(v) => v.map_or(Value::Null, |d| cell::date(d.days())),
        ColumnData::Time(v) => v.map_or(Value::Null, |t| cell::time(nanos(t))),
        ColumnData::DateTime(v) => v.map_or(Value::Null, |d| cell::datetime(d.days(), d.seconds_fragments())),
        ColumnData::SmallDateTime(v) => v.map_or(Value::Null, |d| {
            cell::smalldatetime(d.days(), d.seconds_fragments())
        }),
        ColumnData::DateTime2(v) => {
            v.map_or(Value::Null, |d| cell::datetime2(d.date().days(), nanos(d.time())))
        }
        ColumnData::DateTimeOffset(v) => v.map_or(Value::Null, |d| {
            let at = d.datetime2();
            cell::datetimeoffset(at.date().days(), nanos(at.time()), d.offset())
        }),
    }
}

fn nanos(time: ::tiberius::time::Time) -> i64 {
    let unit = 10_i64.pow(9 - u32::from(time.scale().min(9)));
    i64::try_from(time.increments()).map_or(i64::MAX, |n| n.saturating_mul(unit))
}

fn is_money(column: &Column) -> bool {
    matches!(column.column_type(), ColumnType::Money | ColumnType::Money4)
}

fn money(value: f64) -> Value<'static> {
    let units = (value * 10_000.0).round();
    if units.abs() > EXACT_MONEY {
        return Value::Unsupported {
            reason: "the driver tiberius rounds money above 450 thousand million; use driver=mssql-tds",
            bytes: &[],
        };
    }
    cell::money(units as i64)
}
