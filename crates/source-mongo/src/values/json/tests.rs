use proptest::prelude::*;

use super::*;
use crate::raw::{BsonRef, Document, Kind};
use crate::values::arbitrary::{self, array, document, framed};

fn value_of(bytes: &[u8]) -> BsonRef<'_> {
    Document::new(bytes)
        .unwrap()
        .elements()
        .next()
        .unwrap()
        .unwrap()
        .value
}

fn wrapped((kind, bytes): &arbitrary::Value) -> Vec<u8> {
    document(&[(b"v".to_vec(), (*kind, bytes.clone()))])
}

fn json((kind, bytes): arbitrary::Value) -> String {
    let mut out = String::new();
    let outer = wrapped(&(kind, bytes.clone()));
    write(value_of(&outer), Nul::Escaped, &mut out).unwrap();
    assert_eq!(value_from_json(&out).unwrap(), (kind, bytes), "{out}");
    out
}

fn int(n: i32) -> arbitrary::Value {
    (Kind::Int32 as u8, n.to_le_bytes().to_vec())
}

fn doc(members: &[(&[u8], arbitrary::Value)]) -> arbitrary::Value {
    let members: Vec<_> = members.iter().map(|(n, v)| (n.to_vec(), v.clone())).collect();
    (Kind::Document as u8, document(&members))
}

#[test]
fn what_json_has_a_form_for_is_plain() {
    assert_eq!(json(int(-5)), "-5");
    assert_eq!(
        json((Kind::Int64 as u8, 2_147_483_648i64.to_le_bytes().to_vec())),
        "2147483648"
    );
    assert_eq!(
        json((Kind::String as u8, framed("a\"\\\n\u{1}é".as_bytes()))),
        r#""a\"\\\n\u0001é""#
    );
    assert_eq!(
        json(doc(&[
            (b"a", int(1)),
            (b"", (Kind::Null as u8, vec![])),
            (b"a.b", array(vec![int(2), doc(&[])]))
        ])),
        r#"{"a":1,"":null,"a.b":[2,{}]}"#
    );
    let double = |f: f64| json((Kind::Double as u8, f.to_le_bytes().to_vec()));
    assert_eq!(double(5.0), "5.0");
    assert_eq!(double(0.1), "0.1");
    assert_eq!(double(-123_456_789_012_345.0), "-123456789012345.0");
    assert_eq!(double(0.0), "0.0");
}

#[test]
fn what_it_has_none_for_is_extended_json() {
    let double = |f: f64| json((Kind::Double as u8, f.to_le_bytes().to_vec()));
    assert_eq!(double(-0.0), r#"{"$numberDouble":"-0.0"}"#);
    assert_eq!(double(f64::NAN), r#"{"$numberDouble":"NaN"}"#);
    assert_eq!(double(f64::NEG_INFINITY), r#"{"$numberDouble":"-Infinity"}"#);
    assert_eq!(double(1e300), r#"{"$numberDouble":"1e300"}"#);
    let eight = |kind: Kind, n: i64| json((kind as u8, n.to_le_bytes().to_vec()));
    assert_eq!(eight(Kind::Int64, 5), r#"{"$numberLong":"5"}"#);
    assert_eq!(eight(Kind::DateTime, -1), r#"{"$date":{"$numberLong":"-1"}}"#);
    assert_eq!(
        eight(Kind::Timestamp, 7 << 32 | 4_294_967_295),
        r#"{"$timestamp":{"t":7,"i":4294967295}}"#
    );
    assert_eq!(
        json((Kind::ObjectId as u8, vec![0xab; 12])),
        r#"{"$oid":"abababababababababababab"}"#
    );
    assert_eq!(
        json((Kind::Binary as u8, b"\x03\0\0\0\x80abc".to_vec())),
        r#"{"$binary":{"base64":"YWJj","subType":"80"}}"#
    );
    assert_eq!(
        json((Kind::Binary as u8, b"\x06\0\0\0\x02\x02\0\0\0\xff\xff".to_vec())),
        r#"{"$binary":{"base64":"//8=","subType":"02"}}"#
    );
    assert_eq!(
        json((Kind::Regex as u8, b"^a\0im\0".to_vec())),
        r#"{"$regularExpression":{"pattern":"^a","options":"im"}}"#
    );
    assert_eq!(json((Kind::Code as u8, framed(b"x"))), r#"{"$code":"x"}"#);
    assert_eq!(json((Kind::Symbol as u8, framed(b"x"))), r#"{"$symbol":"x"}"#);
    assert_eq!(json((Kind::MinKey as u8, vec![])), r#"{"$minKey":1}"#);
    assert_eq!(json((Kind::MaxKey as u8, vec![])), r#"{"$maxKey":1}"#);
    assert_eq!(json((Kind::Undefined as u8, vec![])), r#"{"$undefined":true}"#);
    let scope = document(&[(b"a".to_vec(), int(1))]);
    let inside = [framed(b"a"), scope].concat();
    let bytes = [&(inside.len() as i32 + 4).to_le_bytes()[..], &inside].concat();
    assert_eq!(
        json((Kind::CodeWithScope as u8, bytes)),
        r#"{"$code":"a","$scope":{"a":1}}"#
    );
    assert_eq!(
        json((
            Kind::Decimal128 as u8,
            vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3c, 0x30]
        )),
        r#"{"$numberDecimal":"0.01"}"#
    );
    assert_eq!(
        json((Kind::DbPointer as u8, [framed(b"db.c"), vec![0x11; 12]].concat())),
        r#"{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"111111111111111111111111"}}}"#
    );
}

#[test]
fn what_would_be_mistaken_or_lost_is_escaped() {
    // A DBRef is what it looks like.
    assert_eq!(
        json(doc(&[
            (b"$ref", (Kind::String as u8, framed(b"c"))),
            (b"$id", int(1))
        ])),
        r#"{"$ref":"c","$id":1}"#
    );
    assert_eq!(
        json(doc(&[(b"$oid", (Kind::String as u8, framed(b"c")))])),
        r#"{"$document":[["$oid","c"]]}"#
    );
    assert_eq!(
        json(doc(&[
            (b"a", int(1)),
            (b"b", doc(&[])),
            (b"a", doc(&[(b"$x", array(vec![]))]))
        ])),
        r#"{"$document":[["a",1],["b",{}],["a",{"$document":[["$x",[]]]}]]}"#
    );
    assert_eq!(
        json(doc(&[(b"\xff", int(1))])),
        r#"{"$document":[[{"$bson":{"type":"02","base64":"AgAAAP8A"}},1]]}"#
    );
    assert_eq!(
        json((Kind::String as u8, framed(b"a\0b"))),
        r#"{"$bson":{"type":"02","base64":"BAAAAGEAYgA="}}"#
    );
    let mut plain = String::new();
    let outer = wrapped(&(Kind::String as u8, framed(b"a\0b")));
    write(value_of(&outer), Nul::Plain, &mut plain).unwrap();
    assert_eq!(plain, r#""a\u0000b""#);
    let scope = document(&[(b"$a".to_vec(), int(1))]);
    let inside = [framed(b"a"), scope].concat();
    let bytes = [&(inside.len() as i32 + 4).to_le_bytes()[..], &inside].concat();
    assert_eq!(
        json(doc(&[(b"$", (Kind::CodeWithScope as u8, bytes))])),
        r#"{"$document":[["$",{"$code":"a","$scope":{"$document":[["$a",1]]}}]]}"#
    );
}

#[test]
fn many_names_are_compared_too() {
    let mut members: Vec<(Vec<u8>, arbitrary::Value)> =
        (0..40).map(|i| (format!("n{i}").into_bytes(), int(i))).collect();
    assert!(json((Kind::Document as u8, document(&members))).starts_with("{\"n0\":0,"));
    for at in [0, 11, 12, 20] {
        members[39].0 = members[at].0.clone();
        assert!(json((Kind::Document as u8, document(&members))).starts_with("{\"$document\":[["));
    }
}

#[test]
fn depth_costs_no_stack() {
    let mut value = int(1);
    for level in 0..1000 {
        value = match level % 3 {
            0 => doc(&[(b"$", value)]),
            1 => array(vec![value]),
            _ => doc(&[(b"a", value)]),
        };
    }
    assert!(json(value).len() > 5000);
}

#[test]
fn nonsense_is_refused() {
    for text in [
        "",
        "{",
        "[1",
        "{\"a\"}",
        "{\"a\":}",
        "[1,]",
        "[1}",
        "1 2",
        "nul",
        "{\"$x\":1}",
        "{\"$oid\":\"12\"}",
        "{\"$numberLong\":5}",
        "{\"$date\":1}",
        "{\"$document\":[[1,2]]}",
        "{\"$document\":[[\"a\"]]}",
        "{\"$bson\":{\"type\":\"02\",\"base64\":\"AAAA\"}}",
        "{\"$bson\":{\"type\":\"77\",\"base64\":\"\"}}",
        "{\"$minKey\":2}",
        "\"\\x\"",
        "\"a",
        "{\"$oid\":\"000000000000000000000000\",\"$x\":1}",
        "{\"a\\u0000\":1}",
        "99999999999999999999",
        "{\"$binary\":{\"base64\":\"!\",\"subType\":\"00\"}}",
    ] {
        assert!(value_from_json(text).is_err(), "{text}");
    }
    assert!(document_from_json("[]").is_err());
    // The outermost names of an overflow are its own.
    assert_eq!(
        overflow_from_json("{\"$\": {\"$oid\": \"000000000000000000000000\"}}").unwrap(),
        document(&[(b"$".to_vec(), (Kind::ObjectId as u8, vec![0; 12]))])
    );
}

proptest! {
    #[test]
    fn every_value_comes_back(value in arbitrary::value()) {
        let outer = wrapped(&value);
        let mut out = String::new();
        write(value_of(&outer), Nul::Escaped, &mut out).unwrap();
        prop_assert!(!out.contains("\\u0000"));
        prop_assert_eq!(value_from_json(&out).unwrap(), value, "{}", out);
        // It is JSON for others too.
        prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}:,\"$a0-9.ntrue\\\\ ]{0,40}") {
        let _ = value_from_json(&text);
    }
}
