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
        source: name.into(),
        kind,
        ty: ty.parse().unwrap(),
        nullable: name != "id",
        text: TextPolicy::Strip,
        round: false,
        part: None,
        rekey: None,
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

mod keys {
    use uuid::Uuid;

    use super::*;
    use crate::catalog::{ObjectName, Part};
    use crate::encode::KnownKeys;
    use crate::plan::{Rekey, TargetName};

    fn spec(name: &str, kind: ValueKind, ty: &str) -> ColumnSpec {
        ColumnSpec {
            name: format!("new_{name}"),
            source: name.into(),
            kind,
            ty: ty.parse().unwrap(),
            nullable: true,
            text: TextPolicy::Strip,
            round: false,
            part: None,
            rekey: None,
        }
    }

    fn rewritten(spec: ColumnSpec, table: &str) -> ColumnSpec {
        ColumnSpec {
            rekey: Some(Rekey {
                table: ObjectName::new("s", table),
                namespace: namespace(table),
                old: spec.ty,
                known: None,
            }),
            ty: PgType::Uuid,
            ..spec
        }
    }

    fn namespace(table: &str) -> Uuid {
        Uuid::new_v5(&Uuid::nil(), table.as_bytes())
    }

    /// A key with its old one, text, a reference, and two references that the text and the number behind it make.
    fn specs() -> Vec<ColumnSpec> {
        let part = |part, mut spec: ColumnSpec| {
            spec.part = Some(part);
            spec
        };
        let target = |value: &str| Part::Target {
            kind: "kind".into(),
            id: "other".into(),
            value: value.into(),
        };
        let mut key = rewritten(spec("id", ValueKind::Int32, "integer"), "a");
        key.nullable = false;
        vec![
            key,
            part(
                Part::Legacy { of: "id".into() },
                spec("legacy_id", ValueKind::Int32, "integer"),
            ),
            spec("kind", ValueKind::Text, "varchar(5)"),
            rewritten(spec("boss", ValueKind::Int64, "bigint"), "a"),
            spec("other", ValueKind::Text, "text"),
            part(
                target("b"),
                rewritten(spec("b_id", ValueKind::Text, "integer"), "b"),
            ),
            part(target("c"), spec("c_id", ValueKind::Text, "integer")),
        ]
    }

    fn decoded(specs: &[ColumnSpec], batch: &Batch) -> Vec<serde_json::Value> {
        let columns = || specs.iter().map(|s| (s.source.as_str(), &s.ty));
        (0..batch.rows())
            .map(|i| decode_row(columns(), batch.row(i)).unwrap())
            .collect()
    }

    fn key(table: &str, old: &str) -> String {
        Uuid::new_v5(&namespace(table), old.as_bytes()).to_string()
    }

    #[test]
    fn one_value_fills_the_fields_that_are_made_of_it() {
        let specs = specs();
        let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1000);
        let mut row = |id: Value<'_>, kind: Value<'_>, boss: Value<'_>, other: Value<'_>| {
            builder.begin_row();
            for value in [id, kind, boss, other] {
                builder.push(value);
            }
            builder.end_row(|| "a row".to_owned()).unwrap();
        };
        row(
            Value::Int32(7),
            Value::Text("b"),
            Value::Int64(-1),
            Value::Text("40"),
        );
        row(Value::Int32(8), Value::Text("c"), Value::Null, Value::Text("41"));
        row(Value::Int32(9), Value::Text("d"), Value::Null, Value::Text("x"));
        // A key that is none, a reference that its column does not take, a value without a form.
        row(Value::Null, Value::Null, Value::Null, Value::Null);
        row(Value::Int32(10), Value::Text("c"), Value::Null, Value::Text("x"));
        let odd = Value::Unsupported {
            reason: "odd",
            bytes: &[1],
        };
        row(odd, Value::Text("b"), Value::Null, Value::Text("1"));
        let batch = builder.take().unwrap();
        assert_eq!(
            decoded(&specs, &batch),
            [
                json!({ "id": key("a", "7"), "legacy_id": 7, "kind": "b", "boss": key("a", "-1"), "other": "40",
                        "b_id": key("b", "40"), "c_id": null }),
                json!({ "id": key("a", "8"), "legacy_id": 8, "kind": "c", "boss": null, "other": "41",
                        "b_id": null, "c_id": 41 }),
                json!({ "id": key("a", "9"), "legacy_id": 9, "kind": "d", "boss": null, "other": "x",
                        "b_id": null, "c_id": null }),
            ]
        );
        let rejects: Vec<_> = batch
            .rejects
            .iter()
            .map(|r| (r.column.as_str(), r.reason.as_str()))
            .collect();
        assert_eq!(rejects[0], ("new_id", "NULL in a column that takes none"));
        assert_eq!(rejects[1].0, "new_other");
        assert_eq!(rejects[2], ("new_id", "odd"));
        assert_eq!(
            batch.rejects[2].row,
            json!({ "new_id": "\\x01", "new_kind": "b", "new_boss": null, "new_other": "1" })
        );
        assert_eq!(batch.digest(), batch.digest_of(0..3));
    }

    #[test]
    fn a_tuple_is_rewritten_as_its_values_are() {
        let specs = specs();
        let encoder = Arc::new(RowEncoder::compile(&specs).unwrap());
        let plain: Vec<ColumnSpec> = specs
            .iter()
            .filter(|s| !s.part.as_ref().is_some_and(Part::is_derived))
            .map(|s| ColumnSpec {
                ty: s.rekey.as_ref().map_or(s.ty.clone(), |r| r.old.clone()),
                rekey: None,
                ..s.clone()
            })
            .collect();
        let push = |specs: &[ColumnSpec]| {
            let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(specs).unwrap()), 1000);
            for (id, boss) in [(7, Value::Int64(70)), (8, Value::Null)] {
                builder.begin_row();
                for value in [Value::Int32(id), Value::Text("b"), boss, Value::Text("5")] {
                    builder.push(value);
                }
                builder.end_row(String::new).unwrap();
            }
            builder.take().unwrap()
        };
        let (tuples, expected) = (push(&plain), push(&specs));
        let mut builder = BatchBuilder::new(encoder, 1000);
        for i in 0..tuples.rows() {
            builder.push_tuple(tuples.row(i)).unwrap();
        }
        let batch = builder.take().unwrap();
        assert_eq!(
            (batch.bytes(), batch.digest()),
            (expected.bytes(), expected.digest())
        );
        assert_eq!(
            builder.push_tuple(expected.row(0)).unwrap_err().kind(),
            ErrorKind::Internal
        );
        assert_eq!(
            builder.push_tuple(&tuples.row(0)[..9]).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        builder.push_tuple(tuples.row(0)).unwrap();
        assert_eq!(builder.take().unwrap().rows(), 1);
    }

    #[test]
    fn keys_that_were_given_before_are_taken_and_others_counted() {
        let listed = TargetName {
            schema: "migrate".into(),
            name: "mapping".into(),
        };
        let mut known = KnownKeys::default();
        known.add(&listed, "s.a", "7", Uuid::from_u128(77)).unwrap();
        known.add(&listed, "s.b", "8", Uuid::from_u128(88)).unwrap();
        known.sort();
        let mut key_column = rewritten(spec("id", ValueKind::Int32, "integer"), "a");
        key_column.rekey.as_mut().unwrap().known = Some(listed);
        let encoder = RowEncoder::compile_with(std::slice::from_ref(&key_column), &Arc::new(known)).unwrap();
        let mut builder = BatchBuilder::new(Arc::new(encoder), 1000);
        for id in [7, 8] {
            builder.begin_row();
            builder.push(Value::Int32(id));
            builder.end_row(String::new).unwrap();
        }
        let batch = builder.take().unwrap();
        assert_eq!(
            decoded(&[key_column], &batch),
            [
                json!({ "id": Uuid::from_u128(77).to_string() }),
                json!({ "id": key("a", "8") })
            ]
        );
        assert_eq!(batch.conversions.get(0, Conversion::KeyDerived), 1);
    }

    #[test]
    fn equal_keys_of_other_types_have_one_text() {
        let new = |kind, ty: &str, value: Value<'_>| {
            let spec = rewritten(spec("id", kind, ty), "a");
            let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&[spec]).unwrap()), 1000);
            builder.begin_row();
            builder.push(value);
            builder.end_row(String::new).unwrap();
            let batch = builder.take().unwrap();
            Uuid::from_slice(&batch.row(0)[6..]).unwrap().to_string()
        };
        let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
        for (kind, ty, value) in [
            (ValueKind::Int16, "smallint", Value::Int16(120)),
            (ValueKind::Int64, "bigint", Value::Int64(120)),
            (ValueKind::Decimal, "numeric(10,0)", decimal(120, 0)),
            (ValueKind::Decimal, "numeric(10,2)", decimal(120, 0)),
            (ValueKind::Text, "char(8)", Value::Text("120")),
            (ValueKind::Text, "text", Value::Text("120")),
        ] {
            assert_eq!(new(kind, ty, value), key("a", "120"), "{ty}");
        }
        assert_eq!(
            new(ValueKind::Decimal, "numeric(10,2)", decimal(-15, 1)),
            key("a", "-1.5")
        );
        let id = Uuid::from_u128(0xABCD);
        assert_eq!(
            new(ValueKind::Uuid, "uuid", Value::Uuid(id.into_bytes())),
            key("a", "00000000-0000-0000-0000-00000000abcd")
        );
    }
}
