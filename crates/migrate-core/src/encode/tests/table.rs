//! Which kinds go into which types.

use super::*;
use crate::error::ErrorKind;

#[test]
fn kinds_that_cannot_become_a_type_are_named() {
    let mut spec = column(ValueKind::Bytes, "integer").0;
    spec.name = "photo".into();
    let error = RowEncoder::compile(&[spec]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "values of kind bytes cannot become integer (column photo)"
    );
    let spec = column(ValueKind::Array(Box::new(ValueKind::Date)), "integer[]").0;
    let error = RowEncoder::compile(&[spec]).unwrap_err();
    assert_eq!(
        error.message(),
        "values of kind array of date cannot become integer[]"
    );
}

#[test]
fn too_many_columns() {
    let spec = column(ValueKind::Bool, "boolean").0;
    assert!(RowEncoder::compile(&vec![spec.clone(); 1600]).is_ok());
    assert_eq!(
        RowEncoder::compile(&vec![spec; 1601]).unwrap_err().kind(),
        ErrorKind::Config
    );
}

#[test]
fn the_pairs_that_exist() {
    let kinds = [
        ("bool", ValueKind::Bool),
        ("int2", ValueKind::Int16),
        ("int4", ValueKind::Int32),
        ("int8", ValueKind::Int64),
        ("float4", ValueKind::Float32),
        ("float8", ValueKind::Float64),
        ("decimal", ValueKind::Decimal),
        ("text", ValueKind::Text),
        ("bytes", ValueKind::Bytes),
        ("uuid", ValueKind::Uuid),
        ("date", ValueKind::Date),
        ("time", ValueKind::Time),
        ("timestamp", ValueKind::Timestamp),
        ("timestamptz", ValueKind::TimestampTz),
        ("json", ValueKind::Json),
        ("encoded", ValueKind::Encoded),
    ];
    let numbers = "int2 int4 int8 float4 float8 decimal text encoded";
    let all_text =
        "bool int2 int4 int8 float4 float8 decimal text uuid date time timestamp timestamptz json encoded";
    let times = "text date timestamp timestamptz encoded";
    let integers = format!("bool {numbers}");
    for (ty, takes) in [
        ("boolean", "bool int2 int4 int8 text encoded"),
        ("smallint", &integers),
        ("integer", &integers),
        ("bigint", &integers),
        ("real", numbers),
        ("double precision", numbers),
        ("numeric(9,2)", numbers),
        ("text", all_text),
        ("varchar(9)", all_text),
        ("char(9)", all_text),
        ("citext", all_text),
        ("bytea", "bytes uuid encoded"),
        ("geometry", "bytes encoded"),
        ("geography", "bytes encoded"),
        ("uuid", "text bytes uuid encoded"),
        ("date", times),
        ("time", "text time encoded"),
        ("timestamp", times),
        ("timestamptz", times),
        ("json", "text json encoded"),
        ("jsonb", "text json encoded"),
        ("xml", "text encoded"),
        ("text[]", "encoded"),
    ] {
        let taken: Vec<&str> = kinds
            .iter()
            .filter(|(_, kind)| RowEncoder::compile(&[column(kind.clone(), ty).0]).is_ok())
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(taken.join(" "), takes, "{ty}");
    }
    let other = Column::of(ValueKind::Encoded, PgType::Other("box".into()));
    assert_eq!(other.hex(Value::Encoded(&[1, 2])), "0102");
    let citexts = column(ValueKind::Array(Box::new(ValueKind::Text)), "citext[]").0;
    assert!(
        RowEncoder::compile(&[citexts]).is_err(),
        "the element's OID is unknown"
    );
}

#[test]
fn null_is_a_length_of_minus_one() {
    let batch = column(ValueKind::Int32, "integer").batch(Value::Null);
    assert_eq!(batch.row(0), [0, 1, 255, 255, 255, 255]);
    let mut strict = column(ValueKind::Int32, "integer");
    strict.0.nullable = false;
    assert_eq!(strict.refusal(Value::Null), "NULL in a column that takes none");
}

#[test]
fn arrays() {
    let numerics = column(ValueKind::Array(Box::new(ValueKind::Decimal)), "numeric(5,2)[]");
    let values = [
        Value::Decimal {
            unscaled: 15,
            scale: 1,
        },
        Value::Null,
    ];
    assert_eq!(
        numerics.hex(Value::Array(&values)),
        "0000000100000001000006a400000002000000010000000c000200000000000200011388ffffffff"
    );
    assert_eq!(numerics.hex(Value::Array(&[])), "0000000000000000000006a4");
    let wide = [Value::Decimal {
        unscaled: 1000,
        scale: 0,
    }];
    assert_eq!(
        numerics.refusal(Value::Array(&wide)),
        "the number does not fit numeric(5,2)"
    );
}

#[test]
fn uuids_and_bytes() {
    let bytes = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x00\x11\x22\x33\x44\x55\x66\x77";
    let text = "01234567-89ab-cdef-0011-223344556677";
    let uuid = column(ValueKind::Uuid, "uuid");
    assert_eq!(uuid.encode(Value::Uuid(bytes)), bytes);
    assert_eq!(uuid.encode(Value::Bytes(&bytes)), bytes);
    assert_eq!(uuid.encode(Value::Text(text)), bytes);
    assert_eq!(
        uuid.encode(Value::Utf16(&utf16(" {01234567-89AB-CDEF-0011-223344556677} "))),
        bytes
    );
    assert_eq!(uuid.refusal(Value::Text("01234567")), "the text is not a UUID");
    assert_eq!(
        uuid.refusal(Value::Bytes(&bytes[1..])),
        "a UUID has 16 bytes, and the value has another number of them"
    );
    assert_eq!(column(ValueKind::Uuid, "text").text(Value::Uuid(bytes)), text);
    assert_eq!(column(ValueKind::Uuid, "bytea").encode(Value::Uuid(bytes)), bytes);
    assert_eq!(column(ValueKind::Bytes, "bytea").encode(Value::Bytes(b"")), b"");
}

#[test]
fn a_gigabyte_is_refused_by_its_length() {
    // Zeroed memory that nobody reads takes no room.
    let huge = vec![0u8; 2 * crate::encode::MAX_FIELD_BYTES + 2];
    let reason = |n: usize| format!("the value needs {n} bytes, and a PostgreSQL field holds 1073740799");
    let bytes = &huge[..=crate::encode::MAX_FIELD_BYTES];
    assert_eq!(
        column(ValueKind::Bytes, "bytea").refusal(Value::Bytes(bytes)),
        reason(1_073_740_800)
    );
    assert_eq!(
        column(ValueKind::Encoded, "jsonb").refusal(Value::Encoded(bytes)),
        reason(1_073_740_800)
    );
    for ty in ["text", "jsonb", "char(3)"] {
        assert_eq!(
            column(ValueKind::Text, ty).refusal(Value::Utf16(&huge)),
            reason(1_073_740_800),
            "{ty}"
        );
    }
}
