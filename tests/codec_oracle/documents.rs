//! JSON and XML.

use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;
use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::*;

/// JSON text with odd spacing, escapes, numbers and repeated keys.
fn json_text() -> impl Strategy<Value = String> {
    let space = || prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just(" \r\n ")];
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,5}",
        2 => prop_oneof![Just("\\n"), Just("\\\""), Just("\\\\"), Just("\\/"), Just("\\b"), Just("\\f"), Just("\\r"), Just("\\t")]
            .prop_map(str::to_owned),
        1 => (1u32..0xD800).prop_map(|c| format!("\\u{c:04x}")),
        1 => (0x10000u32..0x11_0000).prop_map(|c| {
            let mut units = [0; 2];
            char::from_u32(c).unwrap().encode_utf16(&mut units);
            format!("\\u{:04X}\\u{:04x}", units[0], units[1])
        }),
        1 => proptest::char::range('\u{7f}', '\u{10ffff}').prop_map(String::from),
    ];
    let string = vec(piece, 0..6).prop_map(|p| format!("\"{}\"", p.concat()));
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?",
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?[eE][+-]?[0-9]{1,2}",
        Just("-0".to_owned()),
        Just("-0.00".to_owned()),
        Just("1e131071".to_owned()),
        Just("0.1e-16382".to_owned()),
        Just("0e131072".to_owned()),
    ];
    let word = prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned);
    let key = prop_oneof!["\"[a-c]{0,3}\"", string.clone()];
    prop_oneof![string, number, word].prop_recursive(6, 40, 6, move |inner| {
        let item = (space(), inner, space()).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
        let member =
            (space(), key.clone(), space(), item.clone()).prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{v}"));
        prop_oneof![
            vec(item, 1..6).prop_map(|i| format!("[{}]", i.join(","))),
            vec(member, 1..6).prop_map(|m| format!("{{{}}}", m.join(","))),
            space().prop_map(|s| format!("[{s}]")),
            space().prop_map(|s| format!("{{{s}}}")),
        ]
    })
}

#[test]
fn json() {
    let server = Server::new("json");
    let texts = sample(json_text());
    let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
    let cells: Vec<Cell> = texts.into_iter().chain([deep]).map(Cell::Json).collect();
    Case::new(ValueKind::Json, PgType::Json).holds(&server, "json", cells.clone());
    Case::new(ValueKind::Json, PgType::Jsonb).holds(&server, "jsonb", cells);
}

/// Whatever the codec takes for JSON, PostgreSQL takes too, and the other way round.
#[test]
fn what_is_json_is_decided_alike() {
    let server = Server::new("not_json");
    let nearly = (
        json_text(),
        any::<prop::sample::Index>(),
        "[\\]\\[{}:,\"0-9eE.+\\-\\\\ut a]{0,2}",
        any::<bool>(),
    )
        .prop_map(|(text, at, put, cut)| {
            let mut chars: Vec<char> = text.chars().take(200).collect();
            let at = if chars.is_empty() {
                0
            } else {
                at.index(chars.len())
            };
            let end = (at + usize::from(cut)).min(chars.len());
            chars.splice(at..end, put.chars());
            chars.into_iter().collect::<String>()
        });
    let texts = sample(nearly);
    let cells: Vec<Cell> = texts.iter().cloned().map(Cell::Text).collect();
    let batch = Case::new(ValueKind::Text, PgType::Text).alone().encode(&cells);
    server.round_trip("texts", "n bigint, t text", &batch);
    server.psql(
        "create function fits(t text, ty text) returns boolean language plpgsql as $$ begin \
         execute format('select %L::%s', t, ty); return true; exception when others then return false; end $$",
    );
    for ty in [PgType::Json, PgType::Jsonb] {
        let answers = server.psql(&format!("select fits(t, '{ty}') from texts order by n"));
        let case = Case::new(ValueKind::Text, ty.clone()).alone();
        let mut refused = 0;
        for ((cell, text), answer) in cells.iter().zip(&texts).zip(answers.lines()) {
            let accepted = case.encode(std::slice::from_ref(cell)).rejects.is_empty();
            assert_eq!(accepted, answer == "t", "{ty}: {text:?}");
            refused += usize::from(!accepted);
        }
        assert_eq!(answers.lines().count(), texts.len());
        assert!(refused > CASES / 10 && refused < CASES);
    }
}

#[test]
fn xml() {
    let server = Server::new("xml");
    let declaration = prop_oneof![
        3 => Just(String::new()),
        1 => Just("\n\n".to_owned()),
        2 => (
            prop_oneof![Just("1.0"), Just("1.1")],
            prop_oneof![Just(""), Just(" encoding='utf-16'"), Just(" encoding = \"UTF-8\"")],
            prop_oneof![Just(""), Just(" standalone=\"yes\""), Just(" standalone='no'")],
            prop_oneof![Just(""), Just(" ")],
            prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just("\n\n")],
        )
            .prop_map(|(v, e, s, a, n)| format!("<?xml version=\"{v}\"{e}{s}{a}?>{n}")),
    ];
    let content = prop_oneof![
        Just("<a/>".to_owned()),
        Just("<?xml-stylesheet href='a'?><a>é &amp; <![CDATA[<]]></a>\n".to_owned()),
        Just("text".to_owned()),
        Just("<a/><b c='1'/>".to_owned()),
        Just("\u{FEFF}<a/>".to_owned()),
        "<a>[ -%'-;=-~]{0,20}</a>",
    ];
    let cells = sample((declaration, content))
        .into_iter()
        .map(|(d, c)| Cell::Text(d + &c))
        .collect();
    Case::new(ValueKind::Text, PgType::Xml)
        .alone()
        .holds(&server, "xml", cells);
}
