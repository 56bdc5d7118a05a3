//! One-dimensional arrays of every element.

use migrate_core::decode::decode_cell;
use migrate_core::pg_type::PgType;
use migrate_core::value::{Value, ValueKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::*;

#[test]
fn arrays() {
    let server = Server::new("arrays");
    let array = |kind: ValueKind, ty: PgType, table: &str, cells: Vec<Cell>| {
        let ty = PgType::Array(Box::new(ty));
        let case = Case::new(ValueKind::Array(Box::new(kind)), ty.clone()).alone();
        let batch = case.holds(&server, table, cells);
        // In hexadecimal: psql leaves characters out that Unicode reserves, such as U+FFFFE.
        let stored = server.psql(&format!(
            "select encode(convert_to(to_jsonb(v)::text, 'UTF8'), 'hex') from {table} order by n"
        ));
        let mut seen = 0;
        for (tuple, stored) in batch.iter().zip(stored.lines()) {
            if let Some(cell) = value(tuple) {
                let stored: serde_json::Value = serde_json::from_slice(&unhex(stored)).unwrap();
                assert_eq!(decode_cell(&ty, cell).unwrap(), stored);
                seen += 1;
            }
        }
        assert_eq!(seen, batch.rows() - 1);
    };
    let null = || Just(Cell::Plain(Value::Null));
    let ints = prop_oneof![4 => any::<i32>().prop_map(|i| Cell::Plain(Value::Int32(i))), 1 => null()];
    let ints = sample(vec(ints, 0..6)).into_iter().map(Cell::Array).collect();
    array(ValueKind::Int32, PgType::Int4, "int4s", ints);
    let texts = prop_oneof![4 => string_of(0..=8).prop_map(Cell::Text), 1 => null()];
    let texts: Vec<Cell> = sample(vec(texts, 0..6)).into_iter().map(Cell::Array).collect();
    array(ValueKind::Text, PgType::Text, "texts", texts.clone());
    array(
        ValueKind::Text,
        PgType::Varchar(Some(8)),
        "varchars",
        texts.clone(),
    );
    array(ValueKind::Text, PgType::Char(8), "chars", texts);
    let decimals = prop_oneof![
        4 => magnitude(12).prop_map(|unscaled| Cell::Plain(Value::Decimal { unscaled, scale: 2 })),
        1 => null(),
    ];
    let decimals = sample(vec(decimals, 0..6)).into_iter().map(Cell::Array).collect();
    let ty = PgType::Array(Box::new(PgType::Numeric(Some((14, 4)))));
    Case::new(ValueKind::Array(Box::new(ValueKind::Decimal)), ty)
        .alone()
        .holds(&server, "numerics", decimals);
    for (i, (kind, ty, value)) in [
        (ValueKind::Bool, PgType::Bool, Value::Bool(true)),
        (ValueKind::Int16, PgType::Int2, Value::Int16(-1)),
        (ValueKind::Int64, PgType::Int8, Value::Int64(-1)),
        (ValueKind::Float32, PgType::Float4, Value::Float32(1.5)),
        (ValueKind::Float64, PgType::Float8, Value::Float64(1.5)),
        (ValueKind::Bytes, PgType::Bytea, Value::Bytes(b"\0\xff")),
        (ValueKind::Uuid, PgType::Uuid, Value::Uuid([7; 16])),
        (ValueKind::Date, PgType::Date, Value::Date(-1)),
        (ValueKind::Time, PgType::Time(3), Value::Time(1_234_567)),
        (
            ValueKind::Timestamp,
            PgType::Timestamp(0),
            Value::Timestamp {
                days: 1,
                nanos: 500_000_000,
            },
        ),
        (
            ValueKind::TimestampTz,
            PgType::TimestampTz(6),
            Value::TimestampTz { days: 1, nanos: 1 },
        ),
        (ValueKind::Json, PgType::Json, Value::Json("{ }")),
        (
            ValueKind::Json,
            PgType::Jsonb,
            Value::Json("{ \"b\" :1,\"a\":[ 2]}"),
        ),
        (ValueKind::Text, PgType::Xml, Value::Text("\n<a/>")),
    ]
    .into_iter()
    .enumerate()
    {
        let cells = vec![
            Cell::Array(vec![Cell::Plain(value), Cell::Plain(Value::Null)]),
            Cell::Array(Vec::new()),
        ];
        let case = Case::new(ValueKind::Array(Box::new(kind)), PgType::Array(Box::new(ty))).alone();
        case.holds(&server, &format!("array_{i}"), cells);
    }
}
