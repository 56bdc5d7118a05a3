//! Booleans, integers, floats and decimals.

use migrate_core::pg_type::PgType;
use migrate_core::policy::Conversion;
use migrate_core::value::{Value, ValueKind};
use proptest::prelude::*;

use super::harness::*;

#[test]
fn booleans_and_integers() {
    let server = Server::new("integers");
    let bools = vec![Cell::Plain(Value::Bool(true)), Cell::Plain(Value::Bool(false))];
    Case::new(ValueKind::Bool, PgType::Bool).holds(&server, "bool", bools.clone());
    Case::new(ValueKind::Bool, PgType::Int2)
        .alone()
        .holds(&server, "bool_int2", bools);
    let int2 = plain(
        any::<i16>(),
        Value::Int16,
        &[Value::Int16(i16::MIN), Value::Int16(i16::MAX)],
    );
    Case::new(ValueKind::Int16, PgType::Int2).holds(&server, "int2", int2.clone());
    Case::new(ValueKind::Int16, PgType::Float4).holds(&server, "int2_float4", int2);
    let int4 = plain(
        any::<i32>(),
        Value::Int32,
        &[Value::Int32(i32::MIN), Value::Int32(i32::MAX)],
    );
    Case::new(ValueKind::Int32, PgType::Int4).holds(&server, "int4", int4.clone());
    Case::new(ValueKind::Int32, PgType::Float8).holds(&server, "int4_float8", int4);
    let int8 = plain(
        any::<i64>(),
        Value::Int64,
        &[Value::Int64(i64::MIN), Value::Int64(i64::MAX), Value::Int64(0)],
    );
    Case::new(ValueKind::Int64, PgType::Int8).holds(&server, "int8", int8.clone());
    Case::new(ValueKind::Int64, PgType::Numeric(None)).holds(&server, "int8_numeric", int8.clone());
    Case::new(ValueKind::Int64, PgType::Numeric(Some((25, 3)))).holds(&server, "int8_numeric_25_3", int8);
}

#[test]
fn floats() {
    let server = Server::new("floats");
    let special = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        0.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        1e15,
        1e-5,
    ]
    .map(Value::Float64);
    let wide = plain(
        any::<u64>(),
        |bits| Value::Float64(f64::from_bits(bits)),
        &special,
    );
    Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "float8", wide.clone());
    Case::new(ValueKind::Float64, PgType::Numeric(None)).holds(&server, "float8_numeric", wide);
    let round = plain(
        -1_000_000i64..1_000_000,
        |n| Value::Float64(n as f64 / 8.0),
        &[Value::Float64(123456789012345.0)],
    );
    Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "float8_round", round.clone());
    Case::new(ValueKind::Float64, PgType::Numeric(Some((20, 3)))).holds(
        &server,
        "float8_numeric_20_3",
        round,
    );
    let special = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        0.0,
        f32::MIN_POSITIVE,
        1e-45,
        f32::MAX,
        1e6,
        1e-5,
    ]
    .map(Value::Float32);
    let narrow = plain(
        any::<u32>(),
        |bits| Value::Float32(f32::from_bits(bits)),
        &special,
    );
    Case::new(ValueKind::Float32, PgType::Float4).holds(&server, "float4", narrow.clone());
    Case::new(ValueKind::Float32, PgType::Numeric(None)).holds(&server, "float4_numeric", narrow.clone());
    Case::new(ValueKind::Float32, PgType::Float8)
        .alone()
        .holds(&server, "float4_float8", narrow);
    // Bits of a NaN that nobody ever calculates arrive as they were sent.
    let odd = vec![Cell::Plain(Value::Float64(f64::from_bits(0xfff8_0000_dead_beef)))];
    let batch = Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "nan_bits", odd);
    assert_eq!(
        value(batch.row(0)).unwrap(),
        0xfff8_0000_dead_beef_u64.to_be_bytes()
    );
}

#[test]
fn numerics() {
    let server = Server::new("numerics");
    for (precision, scale) in [
        (1, 0),
        (5, 5),
        (12, 2),
        (19, 4),
        (38, 0),
        (38, 10),
        (38, 38),
        (1000, 500),
        (100, 3),
    ] {
        let ty = PgType::Numeric(Some((precision, scale)));
        let largest = 10i128.pow(u32::from(precision).min(38)) - 1;
        let whole = u32::from(precision) - scale as u32;
        let fitting = (magnitude(precision.into()), 0..=scale).prop_map(move |(n, s)| {
            // With fewer digits after the point there is room for fewer digits in all.
            let digits = (whole + s as u32).min(38);
            Value::Decimal {
                unscaled: n % 10i128.pow(digits),
                scale: s,
            }
        });
        let extremes = [largest, -largest, 0, 1, -1].map(|unscaled| Value::Decimal { unscaled, scale });
        let cells = plain(fitting, |v| v, &[&extremes[..], &[Value::DecimalNan]].concat());
        Case::new(ValueKind::Decimal, ty).holds(&server, &format!("numeric_{precision}_{scale}"), cells);
    }
    let any_scale =
        (any::<i128>(), magnitude(38), any::<bool>(), -60i16..90).prop_map(|(a, b, small, scale)| {
            Value::Decimal {
                unscaled: if small { b } else { a },
                scale,
            }
        });
    let extremes = [
        Value::Decimal {
            unscaled: i128::MAX,
            scale: 0,
        },
        Value::Decimal {
            unscaled: i128::MIN,
            scale: 16_383,
        },
        Value::Decimal {
            unscaled: i128::MIN,
            scale: -30_000,
        },
        Value::Decimal {
            unscaled: 0,
            scale: 16_383,
        },
        Value::Decimal {
            unscaled: 0,
            scale: -5,
        },
        Value::DecimalNan,
        Value::DecimalInfinity { negative: false },
        Value::DecimalInfinity { negative: true },
    ];
    let cells = plain(any_scale, |v| v, &extremes);
    Case::new(ValueKind::Decimal, PgType::Numeric(None)).holds(&server, "numeric", cells);

    // Rounded by PostgreSQL's own rule, and counted.
    let case = Case {
        round: true,
        ..Case::new(ValueKind::Decimal, PgType::Numeric(Some((38, 2))))
    };
    let long = (magnitude(34), 0i16..20).prop_map(|(unscaled, scale)| Value::Decimal { unscaled, scale });
    let batch = case.holds(
        &server,
        "numeric_rounded",
        plain(
            long,
            |v| v,
            &[Value::Decimal {
                unscaled: -5,
                scale: 3,
            }],
        ),
    );
    assert!(batch.conversions.get(1, Conversion::DecimalRounded) > CASES as u64 / 2);
    assert_eq!(batch.conversions.get(2, Conversion::DecimalRounded), 0);

    let text = sample("[+-]?[0-9]{1,40}(\\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?")
        .into_iter()
        .map(Cell::Text);
    Case::new(ValueKind::Text, PgType::Numeric(None)).holds(&server, "text_numeric", text.collect());
}
