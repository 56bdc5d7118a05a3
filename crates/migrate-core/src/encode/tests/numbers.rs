use proptest::prelude::*;

use super::*;
use crate::decode::decode_cell;

fn decimal(unscaled: i128, scale: i16) -> Value<'static> {
    Value::Decimal { unscaled, scale }
}

#[test]
fn integers_are_checked_against_their_range() {
    let (int2, int4, int8) = (
        column(ValueKind::Int64, "smallint"),
        column(ValueKind::Int64, "integer"),
        column(ValueKind::Int64, "bigint"),
    );
    assert_eq!(int2.hex(Value::Int64(-32768)), "8000");
    assert_eq!(
        int2.refusal(Value::Int64(32768)),
        "the number is outside the range of smallint"
    );
    assert_eq!(int4.hex(Value::Int64(2_147_483_647)), "7fffffff");
    assert_eq!(
        int4.refusal(Value::Int64(-2_147_483_649)),
        "the number is outside the range of integer"
    );
    assert_eq!(int8.hex(Value::Int64(i64::MIN)), "8000000000000000");
    assert_eq!(int8.hex(Value::Bool(true)), "0000000000000001");
    assert_eq!(int4.hex(Value::Int16(-2)), "fffffffe");
    assert_eq!(int4.hex(Value::Text(" -17 ")), "ffffffef");
    assert_eq!(
        int4.refusal(Value::Text("1.0")),
        "the text is not a whole number of 64 bits"
    );
}

#[test]
fn whole_decimals_and_floats_become_integers() {
    let int8 = column(ValueKind::Decimal, "bigint");
    let not_whole = "the number is not a whole number of 64 bits";
    assert_eq!(int8.hex(decimal(-500, 2)), "fffffffffffffffb");
    assert_eq!(int8.hex(decimal(5, -3)), "0000000000001388");
    assert_eq!(int8.hex(decimal(0, 400)), "0000000000000000");
    assert_eq!(int8.hex(decimal(i64::MAX.into(), 0)), "7fffffffffffffff");
    for wrong in [
        decimal(501, 2),
        decimal(1 << 63, 0),
        decimal(1, -19),
        decimal(1, 400),
        Value::DecimalNan,
    ] {
        assert_eq!(int8.refusal(wrong), not_whole);
    }
    assert_eq!(
        int8.hex(Value::Float64(-9_223_372_036_854_775_808.0)),
        "8000000000000000"
    );
    for wrong in [9_223_372_036_854_775_808.0, 0.5, f64::NAN, f64::INFINITY] {
        assert_eq!(int8.refusal(Value::Float64(wrong)), not_whole);
    }
    assert_eq!(int8.hex(Value::Float32(16.0)), "0000000000000010");
}

#[test]
fn booleans() {
    let bool = column(ValueKind::Bool, "boolean");
    assert_eq!(bool.hex(Value::Bool(true)), "01");
    assert_eq!(bool.hex(Value::Int16(0)), "00");
    assert_eq!(bool.hex(Value::Text("true")), "01");
    assert_eq!(bool.refusal(Value::Int64(2)), "the number is neither 0 nor 1");
    assert_eq!(bool.refusal(Value::Text("maybe")), "the text is not a boolean");
    assert_eq!(column(ValueKind::Bool, "text").text(Value::Bool(false)), "false");
}

#[test]
fn floats_keep_their_bits() {
    let (float4, float8) = (
        column(ValueKind::Float32, "real"),
        column(ValueKind::Float64, "float8"),
    );
    assert_eq!(float4.hex(Value::Float32(1.5)), "3fc00000");
    assert_eq!(float8.hex(Value::Float64(-0.0)), "8000000000000000");
    assert_eq!(
        float8.hex(Value::Float64(f64::from_bits(0xfff0_0000_dead_beef))),
        "fff00000deadbeef"
    );
    assert_eq!(float8.hex(Value::Float32(0.1)), "3fb99999a0000000");
}

#[test]
fn floats_take_what_they_can_keep() {
    let lossy = "the number cannot be kept exactly by the column's floating-point type";
    let (float4, float8) = (
        column(ValueKind::Float64, "real"),
        column(ValueKind::Decimal, "float8"),
    );
    assert_eq!(float4.hex(Value::Float64(1.5)), "3fc00000");
    assert_eq!(float4.hex(Value::Float64(f64::NAN)), "7fc00000");
    assert_eq!(float4.refusal(Value::Float64(0.1)), lossy);
    assert_eq!(float4.refusal(Value::Float64(1e300)), lossy);
    assert_eq!(
        float4.clone().rounding().refusal(Value::Float64(1e300)),
        lossy,
        "an infinity is no rounding"
    );
    let rounded = float4.clone().rounding().converted(Value::Float64(0.1));
    assert_eq!(
        rounded,
        (0.1f32.to_be_bytes().to_vec(), Conversion::DecimalRounded)
    );
    assert_eq!(float4.hex(decimal(1, 1)), "3dcccccd");
    assert_eq!(float8.hex(decimal(1, 1)), "3fb999999999999a");
    assert_eq!(float8.hex(decimal(-100, 1)), "c024000000000000");
    assert_eq!(float8.hex(decimal(0, 3)), "0000000000000000");
    assert_eq!(float8.refusal(decimal(1_234_567_890_123_456_789, 19)), lossy);
    assert_eq!(float8.refusal(decimal(1, -400)), lossy);
    assert_eq!(float8.hex(Value::Int64(1 << 53)), "4340000000000000");
    assert_eq!(float8.refusal(Value::Int64((1 << 53) + 1)), lossy);
    assert_eq!(float8.refusal(Value::Int64(i64::MAX)), lossy);
    assert_eq!(
        float8.hex(Value::DecimalInfinity { negative: true }),
        "fff0000000000000"
    );
    assert_eq!(float8.hex(Value::Text("2.50")), "4004000000000000");
    assert_eq!(float8.hex(Value::Text("-Infinity")), "fff0000000000000");
    assert_eq!(float8.refusal(Value::Text("1e400")), lossy);
    assert_eq!(float8.refusal(Value::Text("0.1234567890123456789")), lossy);
    assert_eq!(float8.refusal(Value::Text("x")), "the text is not a number");
}

#[test]
fn floats_as_text() {
    let text = column(ValueKind::Float64, "text");
    for (float, expected) in [
        (1e15, "1e+15"),
        (1e14, "100000000000000"),
        (123456789012345678.0, "1.2345678901234568e+17"),
        (1e-4, "0.0001"),
        (1e-5, "1e-05"),
        (1.5e300, "1.5e+300"),
        (-0.0, "-0"),
        (0.0, "0"),
        (-2.5, "-2.5"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(text.text(Value::Float64(float)), expected);
    }
    for (float, expected) in [
        (1e5, "100000"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.1, "0.1"),
        (-0.0, "-0"),
    ] {
        assert_eq!(text.text(Value::Float32(float)), expected);
    }
}

#[test]
fn numerics() {
    for (ty, value, expected) in [
        ("numeric", decimal(12_345_678, 3), "0003000100000003000109291a7c"),
        ("numeric(10,2)", decimal(0, 0), "0000000000000002"),
        ("numeric(12,2)", decimal(1_000_000, 2), "00010001000000020001"),
        ("numeric(12,2)", decimal(-123, 1), "0002000040000002000c0bb8"),
        ("numeric(12,2)", decimal(-12_300, 3), "0002000040000002000c0bb8"),
        (
            "numeric(19,4)",
            decimal(i64::MAX.into(), 4),
            "0005000300000004039a0d2c0170156516af",
        ),
        (
            "numeric",
            decimal(i128::MIN, 0),
            "000a00094000000000aa0583209a01d5090d0c601c871bf620da1660",
        ),
        (
            "numeric",
            decimal(i128::MIN, 109),
            "000bffee4000006d0011008d072a179e240f1c94221a0e832289023c1f40",
        ),
        ("numeric", decimal(1, -20), "00010005000000000001"),
        ("numeric", decimal(0, -20), "0000000000000000"),
        (
            "numeric(38)",
            decimal(10i128.pow(38) - 1, 0),
            "000a0009000000000063270f270f270f270f270f270f270f270f270f",
        ),
        ("numeric(10,2)", Value::DecimalNan, "00000000c0000000"),
        (
            "numeric",
            Value::DecimalInfinity { negative: false },
            "00000000d0000020",
        ),
        ("numeric", Value::Float64(f64::NEG_INFINITY), "00000000f0000020"),
        ("numeric", Value::Int64(10_000), "00010001000000000001"),
        ("numeric", Value::Float64(0.1), "0001ffff0000000103e8"),
        ("numeric(5,2)", Value::Float32(0.25), "0001ffff0000000209c4"),
        ("numeric", Value::Text(" -012.30 "), "0002000040000002000c0bb8"),
        ("numeric", Value::Text("1e20"), "00010005000000000001"),
        ("numeric", Value::Text("-0.00"), "0000000000000002"),
        ("numeric(5,2)", Value::Text("1.5000"), "000200000000000200011388"),
    ] {
        assert_eq!(
            column(ValueKind::Decimal, ty).hex(value),
            expected,
            "{ty} {value:?}"
        );
    }
    let odd = |p, s| Column::of(ValueKind::Decimal, PgType::Numeric(Some((p, s))));
    assert_eq!(odd(3, 5).hex(decimal(123, 5)), "0002ffff00000005000c0bb8");
    assert_eq!(
        odd(3, 5).refusal(decimal(1, 2)),
        "the number does not fit numeric(3,5)"
    );
    let (bytes, how) = odd(3, -2).rounding().converted(decimal(12_345, 0));
    assert_eq!(
        (bytes, how),
        (
            vec![0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0x08, 0xfc],
            Conversion::DecimalRounded
        )
    );
}

#[test]
fn numerics_that_do_not_fit() {
    let (twelve, any) = (
        column(ValueKind::Decimal, "numeric(12,2)"),
        column(ValueKind::Decimal, "numeric"),
    );
    let large = "the number does not fit numeric(12,2)";
    assert_eq!(
        twelve.hex(decimal(999_999_999_999, 2)),
        "00040002000000020063270f270f26ac"
    );
    for wide in [
        decimal(10i128.pow(12), 2),
        decimal(1, -10),
        decimal(i128::MIN, 0),
        Value::Text("1e10"),
    ] {
        assert_eq!(twelve.refusal(wide), large);
    }
    assert_eq!(twelve.hex(decimal(1, -9)), "0001000200000002000a");
    let lossy = "the number has more digits after the point than the column keeps";
    for long in [
        decimal(1, 3),
        decimal(i128::MAX, 60),
        decimal(1, 16_384),
        Value::Text("0.001"),
        Value::Float64(0.1 + 0.2),
    ] {
        assert_eq!(twelve.refusal(long), lossy);
    }
    assert_eq!(
        twelve.refusal(Value::DecimalInfinity { negative: true }),
        "an infinite number fits only a numeric without precision"
    );
    let scale = "the decimal has more than 16383 digits after the point";
    assert_eq!(any.refusal(decimal(1, 16_384)), scale);
    assert_eq!(any.refusal(Value::Text("0e-16384")), scale);
    assert_eq!(
        any.refusal(Value::Text("1e131072")),
        "the decimal has more than 131072 digits before the point"
    );
    assert_eq!(any.hex(Value::Text("0e131072")), "0000000000000000");
    assert_eq!(
        any.refusal(Value::Text("0e1073741823")),
        "the decimal's exponent is too large"
    );
    for text in ["", ".", "1e", "1e+", "--1", "1 2", "0x10", "1_000", "١"] {
        assert_eq!(
            any.refusal(Value::Text(text)),
            "the text is not a decimal number",
            "{text}"
        );
    }
}

#[test]
fn rounding_is_half_away_from_zero_and_counted() {
    let two = column(ValueKind::Decimal, "numeric(4,2)").rounding();
    let shown = |value| {
        let (bytes, how) = two.converted(value);
        assert_eq!(how, Conversion::DecimalRounded);
        decode_cell(&two.0.ty, &bytes).unwrap()
    };
    assert_eq!(shown(decimal(1_005, 3)), "1.01");
    assert_eq!(shown(decimal(-1_005, 3)), "-1.01");
    assert_eq!(shown(decimal(1_004_999, 6)), "1.00");
    assert_eq!(shown(decimal(1, 40)), "0.00");
    assert_eq!(shown(decimal(-4, 3)), "0.00");
    assert_eq!(shown(decimal(i128::MAX, 39)), "0.17");
    assert_eq!(shown(Value::Text("9.995")), "10.00");
    assert_eq!(shown(Value::Text("-0.005")), "-0.01");
    assert_eq!(shown(Value::Text("0.0049")), "0.00");
    assert_eq!(shown(Value::Text("0.0009e-3")), "0.00");
    assert_eq!(
        two.refusal(decimal(99_995, 3)),
        "the number does not fit numeric(4,2)"
    );
    assert_eq!(
        two.refusal(Value::Text("99.995")),
        "the number does not fit numeric(4,2)"
    );
    assert!(
        two.batch(decimal(10_000, 3)).conversions.is_empty(),
        "zeros are not digits that get lost"
    );
}

/// A decimal's text, made of strings alone.
fn written(unscaled: i128, scale: i16) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale <= 0 {
        let zeros = if unscaled == 0 {
            0
        } else {
            usize::from(scale.unsigned_abs())
        };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let padded = format!("{digits:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    format!("{sign}{whole}.{fraction}")
}

proptest! {
    #[test]
    fn a_decimal_is_its_digits(unscaled: i128, shift in 0u32..128, scale in -40i16..80) {
        let unscaled = unscaled >> shift;
        let text = written(unscaled, scale);
        let any = column(ValueKind::Decimal, "numeric");
        let bytes = any.encode(decimal(unscaled, scale));
        prop_assert_eq!(&any.encode(Value::Text(&text)), &bytes);
        prop_assert_eq!(decode_cell(&any.0.ty, &bytes).unwrap(), text.as_str());
        prop_assert_eq!(column(ValueKind::Decimal, "text").text(decimal(unscaled, scale)), text);
    }

    #[test]
    fn rounding_agrees_with_integer_arithmetic(unscaled: i64, scale in 0i16..19, kept in 0i16..19) {
        let column = Column::of(ValueKind::Decimal, PgType::Numeric(Some((60, kept)))).rounding();
        let unit = 10i128.pow((scale - kept).max(0) as u32);
        let magnitude = (i128::from(unscaled).abs() + unit / 2) / unit;
        let expected = written(magnitude * i128::from(unscaled).signum(), scale.min(kept));
        let bytes = column.encode(decimal(unscaled.into(), scale));
        let shown = decode_cell(&column.0.ty, &bytes).unwrap();
        let padded = match kept - scale.min(kept) {
            0 => expected,
            more if scale == 0 => format!("{expected}.{}", "0".repeat(more as usize)),
            more => format!("{expected}{}", "0".repeat(more as usize)),
        };
        prop_assert_eq!(shown, padded);
        prop_assert_eq!(column.encode(Value::Text(&written(unscaled.into(), scale))), bytes);
    }

    #[test]
    fn floats_come_back_from_their_text(bits: u64) {
        let float = f64::from_bits(bits);
        let text = column(ValueKind::Float64, "text").text(Value::Float64(float));
        let back: f64 = text.parse().unwrap();
        prop_assert!(back.to_bits() == bits || back.is_nan() && float.is_nan());
        let again = column(ValueKind::Text, "float8").encode(Value::Text(&text));
        prop_assert_eq!(again, back.to_be_bytes());
    }

    #[test]
    fn a_decimal_in_a_float_can_be_had_back(unscaled in -(10i64.pow(15))..10i64.pow(15), scale in -20i16..40) {
        let bytes = column(ValueKind::Decimal, "float8").encode(decimal(unscaled.into(), scale));
        let float = f64::from_be_bytes(bytes.try_into().unwrap());
        prop_assert_eq!(float, format!("{unscaled}e{}", -scale).parse::<f64>().unwrap());
    }
}
