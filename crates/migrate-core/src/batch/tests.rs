use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::decode::decode_row;
use crate::encode::{ColumnSpec, RowEncoder};
use crate::error::ErrorKind;
use crate::pg_type::PgType;
use crate::policy::{Conversion, TextPolicy};
use crate::value::{Value, ValueKind};

fn columns() -> [ColumnSpec; 3] {
    let column = |name: &str, kind, ty: &str| ColumnSpec {
        name: name.into(),
        kind,
        ty: ty.parse().unwrap(),
        nullable: name != "id",
        text: TextPolicy::Strip,
        round: false,
    };
    [
        column("id", ValueKind::Int32, "smallint"),
        column("at", ValueKind::Timestamp, "timestamp(0)"),
        column("name", ValueKind::Text, "varchar(3)"),
    ]
}

fn builder() -> BatchBuilder {
    BatchBuilder::new(Arc::new(RowEncoder::compile(&columns()).unwrap()), 1000)
}

fn add(builder: &mut BatchBuilder, id: i32, nanos: i64, name: &str) {
    builder.begin_row();
    builder.push(Value::Int32(id));
    builder.push(Value::Timestamp { days: 0, nanos });
    builder.push(Value::Text(name));
    builder.end_row(|| format!("row {id}")).unwrap();
}

#[test]
fn rows_are_copy_tuples() {
    let mut builder = builder();
    add(&mut builder, 1, 0, "a");
    builder.begin_row();
    builder.push(Value::Int32(2));
    builder.push(Value::Null);
    builder.push(Value::Null);
    builder.end_row(|| unreachable!("nothing was refused")).unwrap();
    let batch = builder.take().unwrap();
    let first = [
        0, 3, 0, 0, 0, 2, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'a',
    ];
    let second = [0, 3, 0, 0, 0, 2, 0, 2, 255, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!((batch.rows(), batch.read(), batch.is_empty()), (2, 2, false));
    assert_eq!(batch.iter().collect::<Vec<_>>(), [&first[..], &second[..]]);
    assert_eq!(batch.slice(0..2), batch.bytes());
    assert_eq!(batch.slice(1..2), second);
    assert_eq!(batch.slice(1..1), b"");
    let mut digest = Digest::default();
    digest.add_row(&second);
    assert_eq!(batch.digest_of(1..2), digest);
    assert_eq!(batch.row_hash(1), digest.sum);
    digest.add_row(&first);
    assert_eq!(batch.digest(), digest);
    let mut file = Vec::new();
    write_copy_file(&mut file, batch.bytes()).unwrap();
    assert_eq!(file, [&COPY_HEADER[..], &first, &second, &COPY_TRAILER].concat());
    assert!(builder.take().unwrap().is_empty(), "the builder begins anew");
}

#[test]
fn a_refused_value_takes_its_row_along() {
    let mut builder = builder();
    add(&mut builder, 1, 0, "a");
    add(&mut builder, 40_000, 600_000_000, "b");
    add(&mut builder, 3, 600_000_000, "\0long");
    add(&mut builder, 4, 600_000_000, "d\0");
    let batch = builder.take().unwrap();
    assert_eq!((batch.rows(), batch.read()), (2, 4));
    assert_eq!(batch.digest(), batch.digest_of(0..2));
    let spec = columns();
    let shown = decode_row(spec.iter().map(|c| (c.name.as_str(), &c.ty)), batch.row(1)).unwrap();
    assert_eq!(shown, json!({"id": 4, "at": "2000-01-01 00:00:01", "name": "d"}));
    // What comes after the refused cell is as the source had it; what comes before went through its column.
    let expected = [
        Reject {
            column: "id".into(),
            reason: "the number is outside the range of smallint".into(),
            key: "row 40000".into(),
            row: json!({"id": 40_000, "at": "2000-01-01 00:00:00.6", "name": "b"}),
        },
        Reject {
            column: "name".into(),
            reason: "the text has 4 characters, and the column takes 3".into(),
            key: "row 3".into(),
            row: json!({"id": 3, "at": "2000-01-01 00:00:01", "name": {"$utf8": "\\x006c6f6e67"}}),
        },
    ];
    assert_eq!(batch.rejects, expected);
    // Only rows that are written count: the last one was rounded and stripped.
    let counts: Vec<_> = batch.conversions.iter().collect();
    assert_eq!(
        counts,
        [
            (1, Conversion::FractionRounded, 1),
            (2, Conversion::NulStripped, 1)
        ]
    );
    let named = batch.conversions.by_name(&["id", "at", "name"]);
    assert_eq!(
        serde_json::to_value(named).unwrap(),
        json!({"at": {"fraction_rounded": 1}, "name": {"nul_stripped": 1}})
    );
}

#[test]
fn skipped_rows_leave_nothing_but_their_number() {
    let mut builder = builder();
    add(&mut builder, 1, 0, "a");
    builder.begin_row();
    builder.skip_row();
    builder.begin_row();
    builder.push(Value::Int32(99_999));
    builder.push(Value::Timestamp { days: 0, nanos: 1 });
    builder.skip_row();
    builder.begin_row();
    builder.push(Value::Int32(5));
    builder.push(Value::Timestamp { days: 0, nanos: 1 });
    builder.skip_row();
    add(&mut builder, 2, 0, "b");
    builder.set_cursor(Cursor("17".into()));
    let batch = builder.take().unwrap();
    assert_eq!(
        (batch.rows(), batch.filtered, batch.rejects.len(), batch.read()),
        (2, 3, 0, 5)
    );
    assert!(batch.conversions.is_empty());
    assert_eq!(batch.cursor, Some(Cursor("17".into())));
    assert_eq!(batch.digest(), batch.digest_of(0..2));
}

#[test]
fn full_is_told_by_bytes_kept_or_refused() {
    let mut builder = builder();
    let mut rows = 0;
    while !builder.is_full() {
        add(&mut builder, rows, 0, "abc");
        rows += 1;
    }
    assert_eq!(rows, 38, "27 bytes each");
    let batch = builder.take().unwrap();
    let address = batch.bytes().as_ptr();
    builder.recycle(batch);
    assert!(!builder.is_full());
    add(&mut builder, 1, 0, "abc");
    let again = builder.take().unwrap();
    assert_eq!(
        (again.rows(), again.bytes().len(), again.bytes().as_ptr()),
        (1, 27, address)
    );
    add(&mut builder, 1, 0, &"x".repeat(1000));
    assert!(builder.is_full(), "what is refused takes memory too");
}

#[test]
fn broken_rules_end_the_copying() {
    let message = |error: crate::Error| {
        assert_eq!(error.kind(), ErrorKind::Internal);
        error
            .to_string()
            .replace("a source broke the rules of encoding: ", "")
    };
    let key = || -> String { "key".into() };

    let mut b = builder();
    b.begin_row();
    b.push(Value::Int32(1));
    assert_eq!(
        message(b.take().unwrap_err()),
        "a batch was taken in the middle of a row"
    );
    assert_eq!(
        message(b.end_row(key).unwrap_err()),
        "a row has fewer values than the table has columns"
    );
    assert_eq!(
        message(b.end_row(key).unwrap_err()),
        "a row was ended that was not begun"
    );
    assert_eq!(b.take().unwrap().rows(), 0);

    b.begin_row();
    (0..4).for_each(|_| b.push(Value::Null));
    assert_eq!(
        message(b.end_row(key).unwrap_err()),
        "a row has more values than the table has columns"
    );

    b.begin_row();
    b.push(Value::Bytes(b"1"));
    b.push(Value::Null);
    b.push(Value::Null);
    assert_eq!(
        message(b.end_row(key).unwrap_err()),
        "a value is of another kind than its column declares (column id)"
    );

    b.push(Value::Int32(1));
    assert_eq!(message(b.take().unwrap_err()), "a value came outside a row");
    b.skip_row();
    assert_eq!(
        message(b.take().unwrap_err()),
        "a row was skipped that was not begun"
    );

    b.begin_row();
    b.push(Value::Int32(1));
    add_unchecked(&mut b);
    assert_eq!(
        message(b.end_row(key).unwrap_err()),
        "a row was begun before the one before it ended"
    );

    add(&mut b, 1, 0, "a");
    let batch = b.take().unwrap();
    assert_eq!((batch.rows(), batch.digest()), (1, batch.digest_of(0..1)));
}

fn add_unchecked(builder: &mut BatchBuilder) {
    builder.begin_row();
    builder.push(Value::Int32(2));
    builder.push(Value::Null);
    builder.push(Value::Null);
}

#[test]
fn abandoned_rows_leave_nothing() {
    let mut b = builder();
    b.abandon_row();
    add(&mut b, 1, 0, "a");
    b.begin_row();
    b.abandon_row();
    b.begin_row();
    b.push(Value::Int32(99_999));
    b.push(Value::Timestamp { days: 0, nanos: 1 });
    b.abandon_row();
    b.begin_row();
    b.push(Value::Int32(5));
    b.push(Value::Timestamp { days: 0, nanos: 1 });
    b.abandon_row();
    add(&mut b, 2, 0, "b");
    let batch = b.take().unwrap();
    assert_eq!((batch.rows(), batch.filtered, batch.read()), (2, 0, 2));
    assert_eq!(
        (batch.rejects.len(), batch.conversions.is_empty(), batch.digest()),
        (0, true, batch.digest_of(0..2))
    );
}

#[test]
fn whole_tuples_pass_through() {
    let mut b = builder();
    let tuple = [0, 3, 0, 0, 0, 2, 0, 2, 255, 255, 255, 255, 255, 255, 255, 255];
    b.push_tuple(&tuple).unwrap();
    assert_eq!(b.push_tuple(&tuple[..15]).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(
        b.push_tuple(&[&tuple[..], &[0]].concat()).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(
        b.push_tuple(&[0, 1, 255, 255, 255, 255]).unwrap_err().kind(),
        ErrorKind::Internal
    );
    assert_eq!(b.push_tuple(&[255, 255]).unwrap_err().kind(), ErrorKind::Corrupt);
    b.begin_row();
    assert_eq!(b.push_tuple(&tuple).unwrap_err().kind(), ErrorKind::Internal);
    b.skip_row();
    let batch = b.take().unwrap();
    assert_eq!(batch.bytes(), tuple);
    assert_eq!((batch.digest(), batch.filtered), (batch.digest_of(0..1), 1));
}

#[test]
fn values_that_json_cannot_hold_are_kept_exactly() {
    let mut columns = columns().to_vec();
    columns[0].nullable = false;
    let text = |name: &str, kind, ty| ColumnSpec {
        name: name.into(),
        kind,
        ty,
        ..columns[2].clone()
    };
    let specs = [
        columns[0].clone(),
        text("u", ValueKind::Text, PgType::Text),
        text("b", ValueKind::Bytes, PgType::Bytea),
        text("f", ValueKind::Float64, PgType::Float8),
        text("r", ValueKind::Float32, PgType::Float4),
        text("d", ValueKind::Decimal, PgType::Numeric(None)),
        text("j", ValueKind::Json, PgType::Jsonb),
        text(
            "a",
            ValueKind::Array(Box::new(ValueKind::Uuid)),
            PgType::Array(Box::new(PgType::Uuid)),
        ),
        text("big", ValueKind::Bytes, PgType::Bytea),
    ];
    let mut b = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1000);
    b.begin_row();
    b.push(Value::Null);
    b.push(Value::Utf16(&[0x00, 0xD8, 0x61, 0x00]));
    b.push(Value::Bytes(&[0, 0xAB]));
    b.push(Value::Float64(f64::NAN));
    b.push(Value::Float32(0.1));
    b.push(Value::Decimal {
        unscaled: -10,
        scale: 1,
    });
    b.push(Value::Json("{\"a\":\"\\u0000\"}"));
    b.push(Value::Array(&[Value::Uuid([0; 16]), Value::Null]));
    let big = vec![1; (16 << 20) + 1];
    b.push(Value::Bytes(&big));
    b.end_row(String::new).unwrap();
    let batch = b.take().unwrap();
    assert_eq!(batch.rejects[0].reason, "NULL in a column that takes none");
    assert_eq!(
        batch.rejects[0].row,
        json!({
            "id": null,
            "u": {"$utf16le": "\\x00d86100"},
            "b": "\\x00ab",
            "f": "NaN",
            "r": 0.1,
            "d": "-1.0",
            "j": "{\"a\":\"\\u0000\"}",
            "a": ["00000000-0000-0000-0000-000000000000", null],
            "big": {"$omitted_bytes": 16_777_217},
        })
    );
}

#[test]
fn counts_add_up() {
    let mut a = ConversionCounts::default();
    let mut b = ConversionCounts::default();
    a.add(1, Conversion::NulReplaced);
    b.add(1, Conversion::NulReplaced);
    b.add(4, Conversion::DecimalRounded);
    a.merge(&b);
    assert_eq!(
        (
            a.get(1, Conversion::NulReplaced),
            a.get(4, Conversion::DecimalRounded),
            a.get(9, Conversion::NulReplaced)
        ),
        (2, 1, 0)
    );
    b.merge(&ConversionCounts::default());
    assert_eq!(b.iter().count(), 2);
}

#[test]
fn a_value_without_a_counterpart_takes_its_row_along_and_is_kept() {
    let mut builder = builder();
    builder.begin_row();
    builder.push(Value::Int32(5));
    builder.push(Value::Null);
    builder.push(Value::Unsupported {
        reason: "no such thing here",
        bytes: &[0xC0, 0x1D],
    });
    builder.end_row(|| "row 5".into()).unwrap();
    let batch = builder.take().unwrap();
    assert_eq!((batch.rows(), batch.read()), (0, 1));
    let expected = Reject {
        column: "name".into(),
        reason: "no such thing here".into(),
        key: "row 5".into(),
        row: json!({"id": 5, "at": null, "name": "\\xc01d"}),
    };
    assert_eq!(batch.rejects, [expected]);
}
