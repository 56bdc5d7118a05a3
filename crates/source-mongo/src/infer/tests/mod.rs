//! What is found in documents, and that it does not depend on how they are divided.

mod reading;

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use proptest::prelude::*;

use crate::raw::Kind;

use super::describe::reports;
use super::*;

fn bytes(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.to_writer(&mut out).unwrap();
    out
}

fn tree(limits: Limits, documents: &[Document]) -> Tree {
    let mut tree = Tree::new(limits, Some(Arc::new(|name: &str| name == "ref")));
    for document in documents {
        tree.add(&bytes(document)).unwrap();
    }
    tree
}

fn report(tree: Tree) -> Vec<PathReport> {
    let inference = Inference {
        collections: [("c".to_owned(), tree)].into(),
        sample: None,
    };
    reports(&inference).remove(0).paths
}

/// The lines of the histogram.
fn lines(documents: &[Document]) -> Vec<String> {
    let paths = report(tree(Limits::default(), documents));
    paths
        .iter()
        .map(|p| format!("{}: {}", p.path, p.histogram()))
        .collect()
}

#[test]
fn types_presence_bounds_and_lengths_are_counted() {
    let binary = |subtype, n| {
        Bson::Binary(Binary {
            subtype,
            bytes: vec![1; n],
        })
    };
    let documents = [
        doc! { "_id": 1, "n": 5, "s": "ab", "b": true, "u": binary(BinarySubtype::Uuid, 16), "d": bson::DateTime::from_millis(0) },
        doc! { "_id": 2, "n": i64::MAX, "s": Bson::Null, "u": binary(BinarySubtype::UuidOld, 15), "d": bson::DateTime::from_millis(i64::MAX) },
        doc! { "_id": 3, "n": -0.0, "s": "a\0c", "b": false, "x": f64::NAN },
        doc! { "_id": 4, "n": 2.5, "s": "", "x": f64::INFINITY },
    ];
    assert_eq!(
        lines(&documents),
        [
            "_id: int 100 %; about 4 different; integers 1 to 4",
            "n: double 50.0 %, int 25.0 %, long 25.0 %; about 4 different; integers 5 to 9223372036854775807; \
             1 integers that no double holds; doubles 0 to 2.5; 1 negative zeros",
            "s: string 75.0 %, null 25.0 %; about 3 different; strings of bytes 0 to 3; 1 strings with U+0000",
            "b: bool 50.0 %, missing 50.0 %; 1 true",
            "u: binData 50.0 %, missing 50.0 %; about 2 different; binary data of bytes 15 to 16; 1 UUIDs of other than 16 bytes; \
             1 of subtype 3; 1 of subtype 4",
            "x: double 50.0 %, missing 50.0 %; about 2 different; 1 NaN; 1 infinite",
            "d: date 50.0 %, missing 50.0 %; about 2 different; dates 1970-01-01T00:00:00Z to 9223372036854775807 ms; \
             1 dates outside of PostgreSQL's range",
        ]
    );
}

#[test]
fn nested_documents_and_arrays_have_paths_of_their_own() {
    let documents = [
        doc! { "_id": 1, "a": { "b.c": 1, "": { "x": "y" } }, "list": [1, "two", [3]] },
        doc! { "_id": 2, "a": {}, "list": [], "tags": [{ "k": 1 }, { "k": 2, "v": Bson::Null }] },
    ];
    assert_eq!(
        lines(&documents),
        [
            "_id: int 100 %; about 2 different; integers 1 to 2",
            "a: object 100 %; 1 empty documents",
            "a.b\\.c: int 50.0 %, missing 50.0 %; about 1 different; integers 1",
            "a.\\e: object 50.0 %, missing 50.0 %",
            "a.\\e.x: string 100 %; about 1 different; strings of bytes 1",
            "list: array 100 %; elements 0 to 3; 1 empty arrays",
            "list[]: array 33.3 %, int 33.3 %, string 33.3 %; about 2 different; integers 1; strings of bytes 3; elements 1",
            "list[][]: int 100 %; about 1 different; integers 3",
            "tags: array 50.0 %, missing 50.0 %; elements 2",
            "tags[]: object 100 %",
            "tags[].k: int 100 %; about 2 different; integers 1 to 2",
            "tags[].v: null 50.0 %, missing 50.0 %",
        ]
    );
}

#[test]
fn a_repeated_name_counts_once_for_presence() {
    // {"a": 1, "a": "x"}
    let mut raw = vec![
        0, 0, 0, 0, 0x10, b'a', 0, 1, 0, 0, 0, 0x02, b'a', 0, 2, 0, 0, 0, b'x', 0, 0,
    ];
    raw[0] = raw.len() as u8;
    let mut tree = tree(Limits::default(), &[doc! { "a": 2 }, doc! {}]);
    tree.add(&raw).unwrap();
    let a = tree.root.field("a").unwrap();
    assert_eq!((a.stats.present(), a.stats.duplicates), (2, 1));
    assert_eq!(
        (a.stats.kinds.of(Kind::Int32), a.stats.kinds.of(Kind::String)),
        (2, 1)
    );
}

#[test]
fn names_that_are_data_become_a_map() {
    let limits = Limits {
        names: 3,
        ..Limits::default()
    };
    let documents = [
        doc! { "_id": 1, "m": { "k1": 1, "k2": 2 } },
        doc! { "_id": 2, "m": { "k3": 3, "k4": "x", "k5": { "z": 1 } } },
    ];
    let paths: Vec<String> = report(tree(limits, &documents))
        .iter()
        .map(|p| format!("{}: {}", p.path, p.histogram()))
        .collect();
    assert_eq!(
        paths,
        [
            "_id: int 100 %; about 2 different; integers 1 to 2",
            "m: object 100 %",
            "m.*: int 60.0 %, object 20.0 %, string 20.0 %; about 4 different; integers 1 to 3; strings of bytes 1; \
             about 5 different names",
            "m.*.z: int 100 %; about 1 different; integers 1",
        ]
    );
}

#[test]
fn paths_beyond_the_limit_are_only_counted() {
    let limits = Limits {
        paths: 3,
        levels: 2,
        ..Limits::default()
    };
    let tree = tree(
        limits,
        &[doc! { "_id": 1, "a": { "b": { "c": 1 } }, "z": 1, "y": 2 }],
    );
    assert_eq!(tree.root.untracked, 2);
    let b = tree.root.field("a").unwrap().field("b").unwrap();
    assert_eq!((b.untracked, b.fields.len()), (1, 0));
}

#[test]
fn damage_is_found_where_it_is() {
    let mut damaged = bytes(&doc! { "_id": 1, "b": true });
    let at = damaged.len() - 2;
    damaged[at] = 7;
    let error = Tree::new(Limits::default(), None).add(&damaged).unwrap_err();
    assert_eq!(error.offset, at);
}

#[test]
fn decimals_are_measured() {
    let values = ["1E+3", "-0", "12.345", "NaN", "-Infinity", "0.000001"];
    let documents: Vec<Document> = values
        .iter()
        .map(|text| doc! { "d": text.parse::<bson::Decimal128>().unwrap() })
        .collect();
    let d = tree(Limits::default(), &documents)
        .root
        .field("d")
        .unwrap()
        .stats
        .decimals;
    assert_eq!((d.integer_digits, d.scale), (4, 6));
    assert_eq!(
        (d.nan, d.infinite, d.negative_zero, d.positive_exponent),
        (1, 1, 1, 1)
    );
}

fn value() -> impl Strategy<Value = Bson> {
    let scalar = prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        (0i64..5).prop_map(Bson::Int64),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), any::<f64>()].prop_map(Bson::Double),
        "[a-c]{0,3}".prop_map(Bson::String),
        Just(Bson::Null),
        Just(Bson::Undefined),
        any::<bool>().prop_map(Bson::Boolean),
        any::<i64>().prop_map(|n| Bson::DateTime(bson::DateTime::from_millis(n))),
        (0u8..6).prop_map(|n| Bson::ObjectId(ObjectId::from_bytes([n; 12]))),
    ];
    scalar.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
            fields(inner, 5).prop_map(Bson::Document),
        ]
    })
}

fn fields(value: impl Strategy<Value = Bson>, most: usize) -> impl Strategy<Value = Document> {
    let name = prop_oneof![Just("ref".to_owned()), "[a-f]"];
    proptest::collection::vec((name, value), 0..most).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn parts_in_any_order_are_the_whole(
        documents in proptest::collection::vec(fields(value(), 6), 0..12),
        cut in 0usize..12,
        names in 1usize..6,
    ) {
        let limits = Limits { names, ..Limits::default() };
        let whole = tree(limits, &documents);
        let (head, tail) = documents.split_at(cut.min(documents.len()));
        let mut forth = tree(limits, head);
        forth.merge(tree(limits, tail));
        let mut back = tree(limits, tail);
        back.merge(tree(limits, head));

        let keys = |tree: &Tree| {
            let mut all = Vec::new();
            tree.visit(&mut |node| {
                if let Some(keys) = &node.stats.keys {
                    let mut keys = keys.clone();
                    keys.compact();
                    all.push((keys.at_level(0), keys.others()));
                }
            });
            all.sort();
            all
        };
        prop_assert_eq!(keys(&whole), keys(&forth));
        prop_assert_eq!(keys(&whole), keys(&back));
        let whole = report(whole);
        prop_assert_eq!(&whole, &report(forth));
        prop_assert_eq!(&whole, &report(back));
    }
}
