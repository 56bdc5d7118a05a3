//! Whatever the documents hold, they can be rebuilt from the tables.

use proptest::collection::vec;
use proptest::prelude::*;

use super::rebuild::bson::{document as tree, same, sorted};
use super::rebuild::{Tuples, documents};
use super::{Said, batch, catalog, plan_with};
use crate::raw::Kind;
use crate::values::arbitrary::{self, Value, array, document};

/// A plan with every kind of column, for fields of few names.
const TABLES: &[Said<'_>] = &[
    (
        "c",
        &[
            ("_id", "objectId|string|null", "text!"),
            ("a", "int|long|double", "numeric"),
            ("b.a", "string|null", "text"),
            ("b.b", "date", "timestamptz"),
            ("b.c.a", "objectId|binary(4)", "uuid"),
            ("d", "array<string|null>|null|missing", "text[]"),
            ("e", "object|array", "jsonb"),
            ("f", "decimal|int", "numeric(10,2)"),
            ("g", "double", "double precision"),
            ("h", "binary(0)", "bytea"),
            ("i", "long", "bigint"),
            ("*", "overflow", "jsonb"),
            ("j", "int|null", "smallint"),
            ("b.d", "bool", "boolean"),
        ],
    ),
    (
        "c[k]",
        &[
            ("^_id", "objectId|string|null", "text!"),
            ("#", "ordinal", "integer!"),
            ("a", "int", "integer"),
            ("b", "string|null|missing", "varchar(3)"),
            ("*", "overflow", "jsonb"),
        ],
    ),
    (
        "c[k][b.k]",
        &[
            ("^_id", "objectId|string|null", "text!"),
            ("^#", "ordinal", "integer!"),
            ("#", "ordinal|empty", "integer!"),
            ("$", "objectId|null", "uuid"),
            ("*", "overflow", "jsonb"),
        ],
    ),
    (
        "c[k][$]",
        &[
            ("^_id", "objectId|string|null", "text!"),
            ("^#", "ordinal", "integer!"),
            ("#", "ordinal", "integer!"),
            ("$", "int", "integer"),
            ("a", "int|null", "integer"),
            ("*", "overflow", "jsonb"),
        ],
    ),
    (
        "c[l]",
        &[
            ("^_id", "objectId|string|null", "text!"),
            ("#", "ordinal|empty|missing", "integer!"),
            ("$", "object|string", "jsonb"),
            ("*", "overflow", "jsonb"),
        ],
    ),
];

/// Every kind of column that a field can have.
const COLUMNS: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("string", "boolean"),
    ("int", "integer"),
    ("int|long", "smallint"),
    ("int|long|double|decimal", "bigint"),
    ("double", "integer"),
    ("decimal", "bigint"),
    ("timestamp", "bigint"),
    ("timestamp|int", "bigint"),
    ("string", "bigint"),
    ("double", "double precision"),
    ("double|int|long|decimal", "double precision"),
    ("double|int|long|decimal", "real"),
    ("decimal", "numeric"),
    ("decimal", "numeric(34,2)"),
    ("double|int|long|decimal", "numeric"),
    ("double|int|long|decimal|null", "numeric(12,3)"),
    ("string", "numeric"),
    ("string", "numeric(5,1)"),
    ("string", "text"),
    ("string|null|missing", "varchar(2)"),
    ("string", "char(2)"),
    ("objectId", "text"),
    ("objectId", "varchar(24)"),
    ("objectId|string|int|null", "text"),
    ("symbol", "text"),
    ("regex|javascript|javascriptWithScope", "text"),
    ("binary(0)", "bytea"),
    ("binary(2)", "bytea"),
    ("objectId", "bytea"),
    ("objectId|binary(0)", "bytea"),
    ("objectId", "uuid"),
    ("binary(4)", "uuid"),
    ("binary(3 java)", "uuid"),
    ("binary(3 csharp)", "uuid"),
    ("objectId|binary(4)", "uuid"),
    ("string", "uuid"),
    ("date", "timestamptz"),
    ("date", "timestamp"),
    ("date", "date"),
    ("object|array|null", "jsonb"),
    ("string", "json"),
    ("array<int|long>", "bigint[]"),
    ("array<string|null>", "text[]"),
    ("array<objectId>", "uuid[]"),
    ("array<objectId>", "text[]"),
    ("array<object|null>", "jsonb[]"),
    ("array<double>|null", "double precision[]"),
];

/// Values at the edges of types, and such as only text can be.
fn edge() -> impl Strategy<Value = Value> {
    let bytes = |kind: Kind, bytes: &[u8]| (kind as u8, bytes.to_vec());
    let text = |text: &str| (Kind::String as u8, arbitrary::framed(text.as_bytes()));
    let decimal = |text: &str| {
        let decimal: bson::Decimal128 = text.parse().unwrap();
        (Kind::Decimal128 as u8, decimal.bytes().to_vec())
    };
    let mut all: Vec<Value> = [
        i16::MIN.into(),
        i16::MAX.into(),
        32_768,
        i32::MAX.into(),
        1 << 31,
        1 << 53,
        (1 << 53) + 1,
        i64::MIN,
        i64::MAX,
    ]
    .map(|n: i64| bytes(Kind::Int64, &n.to_le_bytes()))
    .to_vec();
    all.extend(
        [
            0.0,
            -0.0,
            0.1,
            0.5,
            123.456,
            1e10,
            2f64.powi(63),
            -2f64.powi(63),
            1e40,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
        ]
        .map(|f| bytes(Kind::Double, &f.to_le_bytes())),
    );
    all.extend(
        [
            "true",
            "false",
            "0",
            "-0",
            "-1",
            "+1",
            "01",
            "1.0",
            "1.5",
            "1.50",
            ".5",
            "5.",
            "1e3",
            "-12345.6",
            "99999.9",
            "9223372036854775808",
            "ab",
            "ab ",
            "abc",
            "éa",
            "123e4567-e89b-12d3-a456-426614174000",
            "123E4567-e89b-12d3-a456-426614174000",
            "2024-02-29",
            "2024-02-29T12:34:56.789Z",
            "a\0b",
            "0.0000000000000000000000000000000000001",
        ]
        .map(text),
    );
    all.extend(
        [
            "0",
            "-0",
            "1.50",
            "1E+3",
            "1E-6176",
            "9E+6111",
            "0.1",
            "0.12345678901234567",
            "12345678901234567890",
            "-5",
            "999999999.999",
            "1E+30",
        ]
        .map(decimal),
    );
    all.extend(
        [
            0,
            -86_400_000,
            1,
            9_224_318_015_999_999,
            9_224_318_016_000_000,
            -210_866_803_200_000,
            -210_866_803_200_001,
            i64::MAX,
        ]
        .map(|n: i64| bytes(Kind::DateTime, &n.to_le_bytes())),
    );
    let binary = |subtype: u8, content: &[u8]| {
        bytes(
            Kind::Binary,
            &[&(content.len() as u32).to_le_bytes()[..], &[subtype], content].concat(),
        )
    };
    let disguised = crate::values::uuid_of_object_id(&[9; 12]);
    all.extend([
        binary(3, &[5; 16]),
        binary(4, &disguised),
        binary(4, &[1, 2, 3]),
        binary(3, &(0..16).collect::<Vec<u8>>()),
    ]);
    all.extend([
        bytes(Kind::Timestamp, &[255; 8]),
        bytes(Kind::Timestamp, &[1, 2, 3, 255, 5, 6, 7, 8]),
    ]);
    prop_oneof![
        3 => prop::sample::select(all.clone()),
        1 => vec(prop::sample::select(all), 0..3).prop_map(array),
        2 => value(),
    ]
}

/// Names, among them those of the plan.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[a-l]".prop_map(String::into_bytes),
        1 => arbitrary::name(),
    ]
}

/// Values, among them those that the plan foresees.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => arbitrary::scalar(),
        1 => Just((Kind::Null as u8, vec![])),
        2 => (-40_000..40_000i32).prop_map(|n| (Kind::Int32 as u8, n.to_le_bytes().to_vec())),
        2 => "[a-z]{0,5}".prop_map(|s| (Kind::String as u8, arbitrary::framed(s.as_bytes()))),
        1 => any::<[u8; 12]>().prop_map(|id| (Kind::ObjectId as u8, id.to_vec())),
        1 => any::<[u8; 16]>().prop_map(|id| (Kind::Binary as u8, [&[16, 0, 0, 0, 4], &id[..]].concat())),
        1 => "[a-z]{0,3}".prop_map(|s| (Kind::Binary as u8, [&(s.len() as u32).to_le_bytes()[..], &[0], s.as_bytes()].concat())),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            3 => vec((name(), inner.clone()), 0..5).prop_map(|m: Vec<(Vec<u8>, Value)>| (Kind::Document as u8, document(&m))),
            2 => vec(inner.clone(), 0..4).prop_map(array),
            1 => arbitrary::value(),
        ]
    })
}

fn documents_with_ids() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec((name(), value()), 0..8), 1..5).prop_map(|all| {
        let documents = all.into_iter().enumerate().map(|(i, mut members)| {
            members.retain(|(name, _)| name != b"_id");
            let mut id = [7; 12];
            id[11] = i as u8;
            members.insert(
                members.len() / 2,
                (b"_id".to_vec(), (Kind::ObjectId as u8, id.to_vec())),
            );
            document(&members)
        });
        documents.collect()
    })
}

fn rebuilt(originals: &[Vec<u8>], tables: &[Said<'_>]) -> Result<(), TestCaseError> {
    let catalog = catalog(tables);
    let plan = plan_with(&catalog, "");
    let mut tuples = Tuples::new();
    for table in &plan.tables {
        let batch = batch(&plan, table, &catalog, originals);
        prop_assert!(batch.rejects.is_empty(), "{:?}", batch.rejects);
        tuples.insert(
            table.source.name.clone(),
            batch.iter().map(<[u8]>::to_vec).collect(),
        );
    }
    let back = documents(&plan, "c", &tuples);
    prop_assert_eq!(back.len(), originals.len());
    for (original, back) in originals.iter().zip(back) {
        let (original, back) = (sorted(tree(original)), sorted(back));
        prop_assert!(
            same(&original, &back),
            "\noriginal {:?}\nrebuilt  {:?}",
            original,
            back
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_document_can_be_rebuilt(originals in documents_with_ids()) {
        rebuilt(&originals, TABLES)?;
    }

    #[test]
    fn every_value_can_be_rebuilt_from_every_column(value in edge(), (native, ty) in prop::sample::select(COLUMNS)) {
        let id = (Kind::Int32 as u8, vec![1, 0, 0, 0]);
        let original = document(&[(b"_id".to_vec(), id), (b"v".to_vec(), value)]);
        rebuilt(&[original], &[("c", &[("_id", "int", "integer"), ("v", native, ty), ("*", "overflow", "jsonb")])])?;
    }
}
