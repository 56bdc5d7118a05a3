use proptest::prelude::*;

use super::*;

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn json(hex: &str) -> String {
    decode_tds(&unhex(hex)).unwrap().to_json().unwrap()
}

fn error(hex: &str) -> ClrError {
    decode_tds(&unhex(hex)).unwrap_err()
}

#[test]
fn integers_and_bits() {
    assert_eq!(json("30 00 FF"), r#"{"type": "tinyint", "value": 255}"#);
    assert_eq!(json("34 00 0080"), r#"{"type": "smallint", "value": -32768}"#);
    assert_eq!(json("38 00 2A000000"), r#"{"type": "int", "value": 42}"#);
    assert_eq!(
        json("7F 00 0000000000000080"),
        r#"{"type": "bigint", "value": -9223372036854775808}"#
    );
    assert_eq!(json("32 00 01"), r#"{"type": "bit", "value": true}"#);
    assert_eq!(json("32 00 00"), r#"{"type": "bit", "value": false}"#);
}

#[test]
fn exact_numbers_keep_every_digit() {
    assert_eq!(
        json("6A 02 0A 02 01 E2040000"),
        r#"{"type": "decimal(10,2)", "value": 12.50}"#
    );
    assert_eq!(
        json("6C 02 12 05 00 0100000000000000"),
        r#"{"type": "numeric(18,5)", "value": -0.00001}"#
    );
    // 10^38 - 1, the largest there is.
    assert_eq!(
        json("6C 02 26 00 01 FFFFFFFF3F228A097AC4865AA84C3B4B"),
        r#"{"type": "numeric(38,0)", "value": 99999999999999999999999999999999999999}"#
    );
    assert_eq!(
        json("6A 02 05 02 00 00000000"),
        r#"{"type": "decimal(5,2)", "value": 0.00}"#
    );
    // The high half of money comes first.
    assert_eq!(
        json("3C 00 00000000 10270000"),
        r#"{"type": "money", "value": 1.0000}"#
    );
    assert_eq!(
        json("3C 00 00000080 00000000"),
        r#"{"type": "money", "value": -922337203685477.5808}"#
    );
    assert_eq!(
        json("7A 00 FFFFFFFF"),
        r#"{"type": "smallmoney", "value": -0.0001}"#
    );
}

#[test]
fn floats_are_numbers_without_exponents() {
    assert_eq!(
        json("3E 00 9A9999999999B93F"),
        r#"{"type": "float", "value": 0.1}"#
    );
    assert_eq!(json("3B 00 CDCCCC3D"), r#"{"type": "real", "value": 0.1}"#);
    assert_eq!(json("3E 00 0000000000000080"), r#"{"type": "float", "value": 0}"#);
    let float = |value: f64| json(&format!("3E 00 {:016X}", value.to_bits().swap_bytes()));
    assert_eq!(
        float(1e21),
        r#"{"type": "float", "value": 1000000000000000000000}"#
    );
    assert_eq!(float(-1.5e-7), r#"{"type": "float", "value": -0.00000015}"#);
    assert_eq!(
        json("3E 00 000000000000F07F"),
        r#"{"type": "float", "value": "Infinity"}"#
    );
}

#[test]
fn text_in_its_code_page() {
    // SQL_Latin1_General_CP1_CI_AS: LCID 1033, sort order 52.
    assert_eq!(
        json("A7 07 0904D00034 1400 6361668020E9"),
        r#"{"type": "varchar(20)", "value": "caf€ é"}"#
    );
    assert_eq!(
        json("E7 07 0904D00034 1400 4100 220009003DD800DE"),
        r#"{"type": "nvarchar(10)", "value": "A\"\t😀"}"#
    );
    assert_eq!(
        json("EF 07 0904D00034 0600 410020002000"),
        r#"{"type": "nchar(3)", "value": "A  "}"#
    );
    // Latin1_General_100_CI_AS_SC_UTF8
    assert_eq!(
        json("AF 07 0904D02400 0400 C3A92020"),
        r#"{"type": "char(4)", "value": "é  "}"#
    );
    // Cyrillic_General_CI_AS: ASCII is safe, more is not guessed.
    assert_eq!(
        json("A7 07 1904D00000 1400 6162"),
        r#"{"type": "varchar(20)", "value": "ab"}"#
    );
    assert_eq!(
        error("A7 07 1904D00000 1400 61C0"),
        ClrError::Unsupported {
            offset: 10,
            what: "non-ASCII varchar text under the collation with LCID",
            code: 0x419
        }
    );
    assert_eq!(
        error("E7 07 0904D00034 1400 4100 00D8"),
        ClrError::NotRepresentable {
            offset: 11,
            reason: "half a surrogate pair is no character"
        }
    );
    let with_nul = decode_tds(&unhex("E7 07 0904D00034 1400 0000")).unwrap();
    assert_eq!(with_nul.value, VariantValue::Text("\0".into()));
    assert!(matches!(
        with_nul.to_json(),
        Err(ClrError::NotRepresentable { .. })
    ));
}

#[test]
fn binary_and_guids() {
    assert_eq!(
        json("A5 02 0800 00FFAB"),
        r#"{"type": "varbinary(8)", "value": "0x00FFAB"}"#
    );
    assert_eq!(json("AD 02 0100 0A"), r#"{"type": "binary(1)", "value": "0x0A"}"#);
    assert_eq!(json("A5 02 0800"), r#"{"type": "varbinary(8)", "value": "0x"}"#);
    assert_eq!(
        json("24 00 33221100554477668899AABBCCDDEEFF"),
        r#"{"type": "uniqueidentifier", "value": "00112233-4455-6677-8899-aabbccddeeff"}"#
    );
}

#[test]
fn dates_and_times() {
    assert_eq!(json("28 00 000000"), r#"{"type": "date", "value": "0001-01-01"}"#);
    assert_eq!(json("28 00 DAB937"), r#"{"type": "date", "value": "9999-12-31"}"#);
    // 2000-02-29 is day 730178.
    assert_eq!(json("28 00 42240B"), r#"{"type": "date", "value": "2000-02-29"}"#);
    // 23:59:59.9999999
    assert_eq!(
        json("29 01 07 FFBF692AC9"),
        r#"{"type": "time(7)", "value": "23:59:59.9999999"}"#
    );
    assert_eq!(
        json("29 01 00 7F5101"),
        r#"{"type": "time(0)", "value": "23:59:59"}"#
    );
    assert_eq!(
        json("29 01 03 01000000"),
        r#"{"type": "time(3)", "value": "00:00:00.001"}"#
    );
    assert_eq!(
        json("2A 01 02 010000 42240B"),
        r#"{"type": "datetime2(2)", "value": "2000-02-29T00:00:00.01"}"#
    );
    // Midnight UTC at an offset of -01:30 is the evening before.
    assert_eq!(
        json("2B 01 00 000000 42240B A6FF"),
        r#"{"type": "datetimeoffset(0)", "value": "2000-02-28T22:30:00-01:30"}"#
    );
    assert_eq!(
        json("2B 01 07 0000000000 42240B 7800"),
        r#"{"type": "datetimeoffset(7)", "value": "2000-02-29T02:00:00.0000000+02:00"}"#
    );
    // Ticks 1, 2 and 3 of 1/300 s.
    for (ticks, shown) in [("01", "003"), ("02", "007"), ("03", "010")] {
        assert_eq!(
            json(&format!("3D 00 00000000 {ticks}000000")),
            format!(r#"{{"type": "datetime", "value": "1900-01-01T00:00:00.{shown}"}}"#)
        );
    }
    assert_eq!(
        json("3D 00 462EFFFF FF818B01"),
        r#"{"type": "datetime", "value": "1753-01-01T23:59:59.997"}"#
    );
    assert_eq!(
        json("3A 00 FFFF 9F05"),
        r#"{"type": "smalldatetime", "value": "2079-06-06T23:59:00"}"#
    );
}

#[test]
fn every_year_has_its_days() {
    // The date's three bytes, lowest first.
    let shown = |day: u32| json(&format!("28 00 {:06X}", day.swap_bytes() >> 8));
    let mut day = 0;
    for year in 1..=9999 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (length, month) in [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            .into_iter()
            .zip(1..)
        {
            for (at, of_month) in [(day, 1), (day + length - 1, length)] {
                assert_eq!(
                    shown(at),
                    format!(r#"{{"type": "date", "value": "{year:04}-{month:02}-{of_month:02}"}}"#)
                );
            }
            day += length;
        }
    }
    assert_eq!(day, 3_652_059);
}

#[test]
fn what_is_no_variant() {
    assert_eq!(error(""), ClrError::Truncated { offset: 0, wanted: 1 });
    assert_eq!(
        error("F1 00"),
        ClrError::Unsupported {
            offset: 0,
            what: "sql_variant base type",
            code: 0xF1
        }
    );
    assert_eq!(error("38 01 00 2A000000").offset(), 1);
    assert_eq!(
        error("38 00 2A0000"),
        ClrError::Truncated { offset: 2, wanted: 4 }
    );
    assert_eq!(error("38 00 2A00000000").offset(), 6);
    assert_eq!(error("6A 02 27 00 01 00000000").offset(), 2, "precision 39");
    assert_eq!(
        error("6A 02 02 00 01 64000000").offset(),
        5,
        "100 as decimal(2,0)"
    );
    assert_eq!(error("6A 02 02 00 02 01000000").offset(), 4, "sign 2");
    assert_eq!(error("A5 02 0100 0000").offset(), 4, "two bytes in varbinary(1)");
    assert_eq!(error("29 01 00 805101").offset(), 3, "24:00:00");
    assert_eq!(error("28 00 DBB937").offset(), 2, "10000-01-01");
    assert_eq!(error("3D 00 00000000 00828B01").offset(), 6, "datetime at 24:00");
}

proptest! {
    #[test]
    fn any_bytes_are_a_variant_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        match decode_tds(&bytes) {
            Ok(variant) => { let _ = variant.to_json(); }
            Err(error) => prop_assert!(error.offset() <= bytes.len()),
        }
    }

    #[test]
    fn every_base_type_bears_any_body(
        base in prop::sample::select(vec![
            0x24_u8, 0x28, 0x29, 0x2A, 0x2B, 0x30, 0x32, 0x34, 0x38, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x6A, 0x6C, 0x7A,
            0x7F, 0xA5, 0xA7, 0xAD, 0xAF, 0xE7, 0xEF,
        ]),
        properties in 0_u8..8,
        body in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let mut bytes = vec![base, properties];
        bytes.extend(&body);
        if let Err(error) = decode_tds(&bytes) {
            prop_assert!(error.offset() <= bytes.len());
        }
    }

    #[test]
    fn decimals_read_back(unscaled in any::<i64>(), scale in 0_u8..=19) {
        let mut bytes = vec![0x6A, 2, 19, scale, u8::from(unscaled >= 0)];
        bytes.extend(unscaled.unsigned_abs().to_le_bytes());
        let variant = decode_tds(&bytes).unwrap();
        prop_assert_eq!(variant.value, VariantValue::Decimal { unscaled: unscaled.into(), scale });
    }
}
