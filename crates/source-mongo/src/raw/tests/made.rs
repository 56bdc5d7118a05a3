//! Documents of all types, made up.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp};
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Bson::Double(f64::from_bits(bits))),
        ".{0,12}".prop_map(Bson::String),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(subtype, bytes)| {
            Bson::Binary(Binary {
                subtype: BinarySubtype::from(subtype),
                bytes,
            })
        }),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
            Bson::Binary(Binary {
                subtype: BinarySubtype::BinaryOld,
                bytes,
            })
        }),
        Just(Bson::Undefined),
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
        any::<bool>().prop_map(Bson::Boolean),
        any::<i64>().prop_map(|ms| Bson::DateTime(DateTime::from_millis(ms))),
        Just(Bson::Null),
        ("[a-z^$*]{0,6}", "[imsx]{0,3}").prop_map(|(pattern, options)| {
            Bson::RegularExpression(Regex {
                pattern: pattern.try_into().expect("no zero bytes"),
                options: options.try_into().expect("no zero bytes"),
            })
        }),
        ".{0,12}".prop_map(Bson::JavaScriptCode),
        ".{0,12}".prop_map(Bson::Symbol),
        any::<i32>().prop_map(Bson::Int32),
        (any::<u32>(), any::<u32>())
            .prop_map(|(time, increment)| Bson::Timestamp(Timestamp { time, increment })),
        any::<i64>().prop_map(Bson::Int64),
        any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(Decimal128::from_bytes(bytes))),
        Just(Bson::MaxKey),
        Just(Bson::MinKey),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,10}",
        Just(String::new()),
        Just("_id".to_owned()),
        "[$.a-z]{1,6}",
        "[^\0]{0,9}"
    ]
}

fn document_of(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
    prop::collection::vec((name(), value), 0..6).prop_map(|fields| fields.into_iter().collect())
}

/// Documents with up to some levels of documents, arrays and scopes inside.
pub(super) fn any_document() -> impl Strategy<Value = Document> {
    let value = scalar().prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            document_of(inner.clone()).prop_map(Bson::Document),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Bson::Array),
            (".{0,6}", document_of(inner)).prop_map(|(code, scope)| {
                Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code, scope })
            }),
        ]
    });
    document_of(value)
}
