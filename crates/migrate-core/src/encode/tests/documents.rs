use proptest::prelude::*;

use super::*;
use crate::decode::decode_cell;

fn jsonb(text: &str) -> String {
    let bytes = column(ValueKind::Json, "jsonb").encode(Value::Json(text));
    assert_eq!(bytes[0], 1, "the version");
    String::from_utf8(bytes[1..].to_vec()).unwrap()
}

#[test]
fn jsonb_as_postgresql_prints_it() {
    for (text, expected) in [
        (r#"{"b":1,"aa":2,"a":3,"b":4}"#, r#"{"a": 3, "b": 4, "aa": 2}"#),
        (
            r#"{"bb":{"z":[],"y":{}},"a":[1,[2,{"k":null}],"x"]}"#,
            r#"{"a": [1, [2, {"k": null}], "x"], "bb": {"y": {}, "z": []}}"#,
        ),
        (r#"{"a":{"deep":1},"a":{"deep":2}}"#, r#"{"a": {"deep": 2}}"#),
        (r#"{"\u0061":1,"a":2,"":3}"#, r#"{"": 3, "a": 2}"#),
        (
            r#"{"é":1,"zz":2,"ü":3,"z":4}"#,
            r#"{"z": 4, "zz": 2, "é": 1, "ü": 3}"#,
        ),
        (" \t\r\n[ true ,false, null ]\n", "[true, false, null]"),
        ("[]", "[]"),
        ("{ }", "{}"),
        (
            "[-0,-0.0,1e3,1.0,1.23e1,12e-5,0e5,1.50E+1,0e100000,100]",
            "[0, 0.0, 1000, 1.0, 12.3, 0.00012, 0, 15.0, 0, 100]",
        ),
        (
            r#""\u001f\u007f\/\"\\\b\f\n\r\t\u00e9\ud83d\ude00""#,
            "\"\\u001f\u{7f}/\\\"\\\\\\b\\f\\n\\r\\té😀\"",
        ),
        ("7", "7"),
    ] {
        assert_eq!(jsonb(text), expected, "{text}");
        assert_eq!(jsonb(expected), expected, "canonical text stays as it is");
    }
    assert_eq!(jsonb("1e131071").len(), 131_072);
    assert_eq!(jsonb("0e-16383").len(), 2 + 16_383);
    assert_eq!(
        column(ValueKind::Text, "jsonb").hex(Value::Utf16(&utf16(r#"{"a":1}"#))),
        "017b2261223a20317d"
    );
}

#[test]
fn json_stays_as_it_is() {
    let json = column(ValueKind::Json, "json");
    for text in [
        " { \"b\" : 1,\"a\":2, \"b\":3 } ",
        "\"\\u0000\\ud83d\"",
        "1e999999999",
        "-0.0",
    ] {
        assert_eq!(json.text(Value::Json(text)), text);
    }
    assert_eq!(
        column(ValueKind::Json, "text").text(Value::Json("no [json")),
        "no [json"
    );
}

#[test]
fn what_is_not_json_is_refused() {
    let not_json = "the text is not valid JSON";
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:2}",
        "[1}",
        "{\"a\":1]",
        "]",
        "1 2",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "\"",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\\",
        "'a'",
        "NaN",
        "\u{FEFF}1",
        "\u{b}1",
        "[1]]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
    ] {
        for ty in ["json", "jsonb"] {
            assert_eq!(
                column(ValueKind::Json, ty).refusal(Value::Json(text)),
                not_json,
                "{ty} {text}"
            );
        }
    }
    for ty in ["json", "jsonb"] {
        let refused = column(ValueKind::Json, ty).refusal(Value::Json("\"a\nb\""));
        assert_eq!(refused, "the JSON holds a control character that is not escaped");
    }
    for text in [
        "1e131072",
        "[0e-16384]",
        "0e1073741823",
        "1e99999999999999999999999",
    ] {
        let refused = column(ValueKind::Json, "jsonb").refusal(Value::Json(text));
        assert_eq!(
            refused, "the JSON holds a number outside the range of numeric",
            "{text}"
        );
    }
}

#[test]
fn characters_that_jsonb_cannot_hold_follow_the_policy() {
    let jsonb = column(ValueKind::Json, "jsonb");
    let (strip, replace) = (
        jsonb.clone().policy(TextPolicy::Strip),
        jsonb.clone().policy(TextPolicy::Replace),
    );
    let nul = Value::Json(r#"{"a\u0000":"\u0000"}"#);
    assert_eq!(
        jsonb.refusal(nul),
        "the text holds U+0000, which PostgreSQL cannot store"
    );
    assert_eq!(
        strip.converted(nul),
        (b"\x01{\"a\": \"\"}".to_vec(), Conversion::NulStripped)
    );
    let replaced = "\u{1}{\"a\u{FFFD}\": \"\u{FFFD}\"}".as_bytes().to_vec();
    assert_eq!(replace.converted(nul), (replaced, Conversion::NulReplaced));
    for half in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\n""#, r#""\ud83dx""#] {
        let refused = jsonb.refusal(Value::Json(half));
        assert_eq!(
            refused, "the text holds an unpaired UTF-16 surrogate, which is no character",
            "{half}"
        );
        assert_eq!(
            strip.converted(Value::Json(half)).1,
            Conversion::SurrogateStripped
        );
    }
    let two = replace.converted(Value::Json(r#""\ud83d\ud83d\ude00""#));
    assert_eq!(
        two,
        (
            "\u{1}\"\u{FFFD}😀\"".as_bytes().to_vec(),
            Conversion::SurrogateReplaced
        )
    );
}

#[test]
fn deep_json_costs_no_stack() {
    let nested = |n: usize| format!("{}7{}", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("{}7{}", "{\"a\": ".repeat(n), "}".repeat(n));
    for ty in ["json", "jsonb"] {
        let column = column(ValueKind::Json, ty);
        let skip = usize::from(ty == "jsonb");
        assert_eq!(column.text(Value::Json(&nested(5_000)))[skip..], nested(5_000));
        assert_eq!(column.text(Value::Json(&objects(5_000)))[skip..], objects(5_000));
        for deep in [nested(5_001), objects(5_001), "[".repeat(1_000_000)] {
            assert_eq!(
                column.refusal(Value::Json(&deep)),
                "the JSON nests deeper than 5000 levels"
            );
        }
    }
}

#[test]
fn xml_as_postgresql_sends_it() {
    let xml = column(ValueKind::Text, "xml");
    for (text, expected) in [
        ("<a/>", "<a/>"),
        ("", ""),
        ("\n\n<a/>\n", "<a/>\n"),
        ("\r\n<a/>", "\r\n<a/>"),
        ("<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>", "<a/>"),
        ("<?xml version='1.0'?>\n\n<a/>", "<a/>"),
        ("<?xml\tversion = \"1.0\"  ?><a/>", "<a/>"),
        (
            "<?xml version=\"1.0\" standalone='yes'?><a/>",
            "<?xml version=\"1.0\" standalone=\"yes\"?><a/>",
        ),
        (
            "<?xml version='1.1' encoding='latin1' standalone='no' ?>\n<a/>",
            "<?xml version=\"1.1\" standalone=\"no\"?>\n<a/>",
        ),
        (
            "<?xml-stylesheet href='a'?><a/>",
            "<?xml-stylesheet href='a'?><a/>",
        ),
    ] {
        assert_eq!(xml.text(Value::Text(text)), expected, "{text}");
        assert_eq!(xml.text(Value::Utf16(&utf16(expected))), expected);
    }
    for text in [
        "<?xml ?><a/>",
        "<?xml encoding='x'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' other='1'?><a/>",
        "<?xml version='1.0><a/>",
        "<?xml version='1.0'",
        "<?xml version='<'?><a/>",
    ] {
        assert_eq!(
            xml.refusal(Value::Text(text)),
            "the XML declaration is malformed",
            "{text}"
        );
    }
    let second = "an XML declaration stands where only content may";
    assert_eq!(xml.refusal(Value::Text("\n<?xml version='1.0'?><a/>")), second);
    assert_eq!(
        xml.refusal(Value::Text("<?xml version='1.0'?>\n<?xml version='1.0'?><a/>")),
        second
    );
}

/// Any JSON, without U+0000.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let string = "[^\0]{0,8}";
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        string.prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 50, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((string, inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn jsonb_means_what_json_meant(document in json(), pretty: bool) {
        let text = if pretty { format!("{document:#}") } else { document.to_string() };
        let printed = jsonb(&text);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), document.clone());
        prop_assert_eq!(jsonb(&printed), printed);
        for ty in ["json", "jsonb"] {
            let column = column(ValueKind::Json, ty);
            prop_assert_eq!(decode_cell(&column.0.ty, &column.encode(Value::Json(&text))).unwrap(), document.clone());
        }
    }
}
