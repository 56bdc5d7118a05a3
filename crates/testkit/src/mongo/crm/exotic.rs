//! Integrations with other programs, which store what they like.

use bson::raw::cstr;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc};

use super::Maker;
use super::people::decimal;

/// How many kinds of documents there are.
const KINDS: u32 = 12;

pub(super) fn document(mut m: Maker<'_>) -> Document {
    let system = ["erp", "shop", "mail"][m.n as usize % 3];
    let mut document = doc! {
        // A key of two fields.
        "_id": { "system": system, "number": i64::from(m.n) },
        "accountId": m.any("accounts"),
    };
    document.insert("data", data(m.n % KINDS, &mut m));
    document
}

fn data(kind: u32, m: &mut Maker<'_>) -> Document {
    match kind {
        0 => doc! {
            "nan": decimal("NaN"), "infinite": decimal("-Infinity"), "tiny": decimal("1E-6176"), "huge": decimal("9.99E+6144"),
            "zeros": decimal("-0.00"), "digits": decimal("1234567890123456789012345678901234"), "scaled": decimal("12E+3"),
        },
        1 => doc! {
            "nan": f64::NAN, "infinite": f64::NEG_INFINITY, "zero": -0.0, "tiny": f64::MIN_POSITIVE, "third": 1.0 / 3.0,
            "large": 1e300,
        },
        2 => doc! {
            "beginning": DateTime::from_millis(i64::MIN), "end": DateTime::from_millis(i64::MAX),
            "year0": DateTime::from_millis(-62_167_219_200_001), "year10000": DateTime::from_millis(253_402_300_800_000),
            "year300000": DateTime::from_millis(9_404_967_888_000_000),
        },
        3 => doc! {
            "regex": Bson::RegularExpression(Regex { pattern: cstr!("^a.*[b\"]$").into(), options: cstr!("im").into() }),
            "code": Bson::JavaScriptCode("function () { return 1; }".to_owned()),
            "scoped": Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
                code: "x + y".to_owned(),
                scope: doc! { "x": 1, "y": { "z": 2.5 } },
            }),
            "symbol": Bson::Symbol("sym".to_owned()),
        },
        4 => doc! {
            "smallest": Bson::MinKey, "largest": Bson::MaxKey, "undefined": Bson::Undefined, "null": Bson::Null,
            "clock": Timestamp { time: u32::MAX, increment: 7 },
        },
        5 => {
            let bytes = m.random.uuid().to_vec();
            doc! {
                "old": Binary { subtype: BinarySubtype::UuidOld, bytes: bytes.clone() },
                "new": Binary { subtype: BinarySubtype::Uuid, bytes: bytes.clone() },
                "short": Binary { subtype: BinarySubtype::Uuid, bytes: vec![1, 2, 3] },
                "own": Binary { subtype: BinarySubtype::UserDefined(0x80), bytes: bytes.clone() },
                "older": Binary { subtype: BinarySubtype::BinaryOld, bytes },
                "none": Binary { subtype: BinarySubtype::Generic, bytes: vec![] },
            }
        }
        6 => {
            doc! { "a.b": 1, "a": { "b": 2, "": "empty name" }, "$price": 3, "": { "": { "": 4 } }, "with space": 5, "ключ": 6 }
        }
        7 => {
            doc! { "nul": "before\0after", "quote": "\"\\/\u{8}\u{1f}", "emoji": "👩‍👩‍👧", "last": "\u{10ffff}" }
        }
        8 => {
            doc! { "value": if m.random.chance(50) { Bson::Int32(7) } else { Bson::String("7".to_owned()) } }
        }
        9 => doc! { "nested": nested(60) },
        10 => doc! {
            "arrays": [[1, 2], [3], []], "mixed": [1, "two", 3.5, Bson::Null, { "four": 5 }, [6]], "holes": [Bson::Undefined, 1],
        },
        _ => doc! {
            "small": i32::MIN, "large": i64::MIN, "byOther": { "$ref": "accounts", "$id": m.any("accounts") },
            "beyond": 9_007_199_254_740_993_i64,
        },
    }
}

fn nested(levels: u32) -> Document {
    (0..levels).fold(doc! { "end": true }, |inner, level| {
        if level % 2 == 0 {
            doc! { "in": inner }
        } else {
            doc! { "in": [inner] }
        }
    })
}
