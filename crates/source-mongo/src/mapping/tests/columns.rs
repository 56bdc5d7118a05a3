use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Regex, Timestamp, doc};

use super::*;

fn binary(subtype: BinarySubtype, length: usize) -> Bson {
    Bson::Binary(Binary {
        subtype,
        bytes: vec![1; length],
    })
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

/// The line of the column that holds the values, each in a document of its own.
fn column(values: Vec<Bson>) -> String {
    let documents = values
        .into_iter()
        .enumerate()
        .map(|(n, v)| doc! { "_id": n as i32, "v": v });
    let shown = one(documents.collect());
    shown.lines().nth(2).unwrap().trim().to_owned()
}

#[test]
fn single_types() {
    for (value, line) in [
        (oid(1), "v: objectId -> uuid"),
        (Bson::from("a"), "v: string -> text"),
        (Bson::Int32(1), "v: int -> integer"),
        (Bson::Int64(1), "v: long -> bigint"),
        (Bson::Double(1.5), "v: double -> double precision"),
        (Bson::Double(f64::NAN), "v: double -> double precision"),
        (decimal("1.50"), "v: decimal -> numeric"),
        (decimal("NaN"), "v: decimal -> numeric"),
        (decimal("1E+3"), "v: decimal -> numeric, lossy"),
        (decimal("-0"), "v: decimal -> numeric, lossy"),
        (Bson::Boolean(true), "v: bool -> boolean"),
        (
            Bson::DateTime(DateTime::from_millis(1)),
            "v: date -> timestamptz(3)",
        ),
        (binary(BinarySubtype::Generic, 3), "v: binary(0) -> bytea"),
        (binary(BinarySubtype::Uuid, 16), "v: binary(4) -> uuid"),
        (binary(BinarySubtype::Uuid, 15), "v: binary(4) -> bytea"),
        (binary(BinarySubtype::UuidOld, 16), "v: binary(3) -> uuid"),
        (binary(BinarySubtype::Md5, 16), "v: binary(5) -> bytea"),
        (
            binary(BinarySubtype::UserDefined(128), 2),
            "v: binary(128) -> bytea",
        ),
        (
            Bson::Timestamp(Timestamp {
                time: 1,
                increment: 1,
            }),
            "v: timestamp -> jsonb",
        ),
        (
            Bson::RegularExpression(Regex {
                pattern: "a".try_into().unwrap(),
                options: "i".try_into().unwrap(),
            }),
            "v: regex -> jsonb",
        ),
        (Bson::JavaScriptCode("f()".to_owned()), "v: javascript -> jsonb"),
        (Bson::Symbol("s".to_owned()), "v: symbol -> jsonb"),
        (Bson::MinKey, "v: minKey -> jsonb"),
        (Bson::MaxKey, "v: maxKey -> jsonb"),
        (Bson::Undefined, "v: undefined -> jsonb"),
        (Bson::Null, "v: null -> jsonb"),
        (Bson::Array(vec![]), "v: array -> jsonb"),
        (Bson::Document(doc! {}), "v: object -> jsonb, lossy"),
    ] {
        assert_eq!(column(vec![value]), line);
    }
}

#[test]
fn mixtures() {
    let beyond = (1_i64 << 53) + 1;
    for (values, line) in [
        (
            vec![Bson::Int32(1), Bson::Int64(2)],
            "v: int|long -> bigint, widened",
        ),
        (
            vec![Bson::Int32(1), Bson::Double(2.5)],
            "v: double|int -> double precision, widened",
        ),
        (
            vec![Bson::Int64(1 << 53), Bson::Double(2.5)],
            "v: double|long -> double precision, widened",
        ),
        (
            vec![Bson::Int64(beyond), Bson::Double(2.5)],
            "v: double|long -> numeric, widened",
        ),
        (
            vec![Bson::Int32(1), decimal("1")],
            "v: int|decimal -> numeric, widened",
        ),
        (
            vec![Bson::Double(0.1), decimal("1")],
            "v: double|decimal -> numeric, widened",
        ),
        (vec![Bson::Int32(1), Bson::from("1")], "v: string|int -> jsonb"),
        (vec![oid(1), Bson::from("1")], "v: string|objectId -> jsonb"),
        (vec![Bson::Boolean(true), Bson::Int32(1)], "v: bool|int -> jsonb"),
        (
            vec![
                binary(BinarySubtype::Uuid, 16),
                binary(BinarySubtype::UuidOld, 16),
            ],
            "v: binData -> jsonb",
        ),
        (vec![Bson::Int32(1), Bson::Undefined], "v: int -> integer"),
        (
            vec![Bson::Document(doc! { "a": 1 }), Bson::from("x")],
            "v: string|object -> jsonb, lossy",
        ),
    ] {
        assert_eq!(column(values), line);
    }
}

#[test]
fn null_and_missing() {
    same(
        &one(vec![
            doc! { "_id": 1, "both": Bson::Null, "always": Bson::Null, "some": 1, "json": Bson::Null },
            doc! { "_id": 2, "both": "x", "always": "y", "json": [1, "x"] },
            doc! { "_id": 3, "always": "z" },
        ]),
        "c (3)
           _id: int -> integer not null
           both: string -> text
           always: string|null -> text
           some: int -> integer
           json: array|null -> jsonb
           *: overflow -> jsonb, widened
           key _id
           note both: NULL stands for a missing value; 1 explicit nulls are kept in the overflow",
    );
    let merged = World::new(&[(
        "c",
        vec![
            doc! { "_id": 1, "v": Bson::Null },
            doc! { "_id": 2 },
            doc! { "_id": 3, "v": 1 },
        ],
    )])
    .with("nulls = 'same'");
    same(
        &merged.show(),
        "c (3)
           _id: int -> integer not null
           v: int|null|missing -> integer
           *: overflow -> jsonb, widened
           key _id
           note v: 1 explicit nulls and 1 missing values both become NULL",
    );
}

#[test]
fn what_does_not_fit_is_noted() {
    let text = one(vec![
        doc! { "_id": 1, "d": DateTime::from_millis(i64::MAX), "s": "a\0b" },
        doc! { "_id": 2, "d": DateTime::from_millis(0), "s": "" },
    ]);
    same(
        &text,
        "c (2)
           _id: int -> integer not null
           d: date -> timestamptz(3)
           s: string -> text
           *: overflow -> jsonb, widened
           key _id
           note d: 1 dates outside of PostgreSQL's range go to the overflow
           note s: 1 strings hold U+0000, which PostgreSQL's text does not: see `nul`",
    );
}

#[test]
fn keys() {
    let key = |ids: Vec<Bson>| {
        let shown = one(ids.into_iter().map(|id| doc! { "_id": id }).collect());
        shown.lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(key(vec![]), "_id: objectId -> uuid not null");
    assert_eq!(key(vec![oid(1)]), "_id: objectId -> uuid not null");
    assert_eq!(key(vec![Bson::from("a")]), "_id: string -> text not null");
    assert_eq!(
        key(vec![Bson::Int32(1), Bson::Int64(1 << 40)]),
        "_id: int|long -> bigint not null, widened"
    );
    assert_eq!(
        key(vec![binary(BinarySubtype::Uuid, 16)]),
        "_id: binary(4) -> uuid not null"
    );
    assert_eq!(
        key(vec![oid(1), Bson::from("a")]),
        "_id: string|objectId -> text not null"
    );
    assert_eq!(
        key(vec![Bson::Document(doc! { "a": 1, "b": "x" })]),
        "_id: object -> text not null"
    );
    assert_eq!(
        key(vec![oid(1), Bson::Null]),
        "_id: objectId|null -> text not null"
    );
    assert_eq!(
        key(vec![Bson::DateTime(DateTime::from_millis(i64::MIN))]),
        "_id: date -> text not null"
    );
}

#[test]
fn columns_are_in_the_documents_order() {
    same(
        &one(vec![
            doc! { "b": 1, "_id": 1, "a": 1, "z": 1 },
            doc! { "b": 1, "_id": 2, "new": 1, "a": 1, "z": 1 },
        ]),
        "c (2)
           _id: int -> integer not null
           b: int -> integer
           new: int -> integer
           a: int -> integer
           z: int -> integer
           *: overflow -> jsonb, widened
           key _id",
    );
}

#[test]
fn a_table_has_so_many_columns_as_fit() {
    let mut wide = doc! { "_id": 1 };
    (0..600).for_each(|n| {
        wide.insert(format!("f{n}"), n);
    });
    let catalog = World::new(&[("c", vec![wide, doc! { "_id": 2, "f599": 1 }])])
        .catalog()
        .unwrap();
    let table = &catalog.tables[0];
    assert_eq!(table.columns.len(), 401);
    assert_eq!(table.columns[0].name, "_id");
    assert!(table.column("f599").is_some() && table.column("f598").is_none());
    assert_eq!(
        table.notes,
        [
            "has 201 fields more than a table of PostgreSQL takes, those that the fewest documents have: they go to the overflow"
        ]
    );
}
