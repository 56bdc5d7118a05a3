//! Any BSON, for properties: every type, names that collide or look like something else, text that is not UTF-8.

use proptest::collection::vec;
use proptest::prelude::*;

use super::decimal::Decimal;
use crate::raw::Kind;

/// A type byte and a value's bytes.
pub(crate) type Value = (u8, Vec<u8>);

/// A document of the members.
pub(crate) fn document(members: &[(Vec<u8>, Value)]) -> Vec<u8> {
    let mut out = vec![0; 4];
    for (name, (kind, bytes)) in members {
        out.push(*kind);
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(bytes);
    }
    out.push(0);
    let length = out.len() as i32;
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

/// An array of the values.
pub(crate) fn array(values: Vec<Value>) -> Value {
    let members: Vec<_> = (values.into_iter().enumerate())
        .map(|(i, v)| (i.to_string().into_bytes(), v))
        .collect();
    (Kind::Array as u8, document(&members))
}

/// A string's bytes with their frame.
pub(crate) fn framed(text: &[u8]) -> Vec<u8> {
    let mut out = (text.len() as i32 + 1).to_le_bytes().to_vec();
    out.extend_from_slice(text);
    out.push(0);
    out
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[a-z\"\\\\/\t\n\u{1}é𝄞 ]{0,8}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..6),
    ]
}

/// A name: no zero bytes, which end it.
pub(crate) fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[a-d]".prop_map(String::into_bytes),
        2 => prop::sample::select(vec![
            "", "$ref", "$id", "$oid", "$date", "$document", "$bson", "$", "a.b", "é", "_id", "\\e", "*", "0", "$fields",
        ]).prop_map(|s| s.as_bytes().to_vec()),
        1 => vec(1u8..=255, 0..4),
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_map(|f| if f.is_nan() { f64::NAN } else { f }),
        (-100i32..100).prop_map(f64::from),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e15,
            1e-7,
            0.1,
            5e-324,
            9007199254740993.0
        ]),
    ]
}

/// A value without values inside.
pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    let fixed = |kind: Kind, n: usize| vec(any::<u8>(), n).prop_map(move |b| (kind as u8, b));
    prop_oneof![
        double().prop_map(|f| (Kind::Double as u8, f.to_le_bytes().to_vec())),
        text().prop_map(|t| (Kind::String as u8, framed(&t))),
        (any::<u8>(), vec(any::<u8>(), 0..18)).prop_map(|(subtype, bytes)| {
            let old = if subtype == 2 { 4 } else { 0 };
            let mut out = (bytes.len() as i32 + old).to_le_bytes().to_vec();
            out.push(subtype);
            if old > 0 {
                out.extend_from_slice(&(bytes.len() as i32).to_le_bytes());
            }
            out.extend_from_slice(&bytes);
            (Kind::Binary as u8, out)
        }),
        Just((Kind::Undefined as u8, Vec::new())),
        fixed(Kind::ObjectId, 12),
        any::<bool>().prop_map(|b| (Kind::Bool as u8, vec![u8::from(b)])),
        any::<i64>().prop_map(|n| (Kind::DateTime as u8, n.to_le_bytes().to_vec())),
        Just((Kind::Null as u8, Vec::new())),
        (text(), text()).prop_map(|(mut a, mut b)| {
            a.retain(|c| *c != 0);
            b.retain(|c| *c != 0);
            (Kind::Regex as u8, [&*a, b"\0", &*b, b"\0"].concat())
        }),
        (text(), any::<[u8; 12]>())
            .prop_map(|(t, id)| (Kind::DbPointer as u8, [framed(&t), id.to_vec()].concat())),
        text().prop_map(|t| (Kind::Code as u8, framed(&t))),
        text().prop_map(|t| (Kind::Symbol as u8, framed(&t))),
        prop_oneof![any::<i32>(), -5..5].prop_map(|n| (Kind::Int32 as u8, n.to_le_bytes().to_vec())),
        fixed(Kind::Timestamp, 8),
        prop_oneof![any::<i64>(), -5i64..5].prop_map(|n| (Kind::Int64 as u8, n.to_le_bytes().to_vec())),
        any::<[u8; 16]>().prop_map(|bytes| {
            let nan = Decimal::from_bytes(&bytes) == Decimal::Nan;
            let bytes = if nan { Decimal::Nan.to_bytes() } else { bytes };
            (Kind::Decimal128 as u8, bytes.to_vec())
        }),
        Just((Kind::MaxKey as u8, Vec::new())),
        Just((Kind::MinKey as u8, Vec::new())),
    ]
}

/// Any value.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 6, |inner| {
        let members = vec((name(), inner.clone()), 0..6).boxed();
        prop_oneof![
            members.clone().prop_map(|m| (Kind::Document as u8, document(&m))),
            vec(inner, 0..6).prop_map(array),
            (text(), members).prop_map(|(code, scope)| {
                let inside = [framed(&code), document(&scope)].concat();
                let length = (inside.len() as i32 + 4).to_le_bytes();
                (Kind::CodeWithScope as u8, [&length[..], &inside].concat())
            }),
        ]
    })
}
