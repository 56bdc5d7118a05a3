//! Text, bytes and UUIDs.

use migrate_core::pg_type::PgType;
use migrate_core::policy::{Conversion, TextPolicy};
use migrate_core::value::{Value, ValueKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::*;

#[test]
fn text_of_all_of_unicode() {
    let server = Server::new("unicode");
    let all: Vec<char> = (1..=0x10_FFFF).filter_map(char::from_u32).collect();
    let strings: Vec<String> = all.chunks(997).map(|c| c.iter().collect()).collect();
    let utf16: Vec<Cell> = strings
        .iter()
        .map(|s| Cell::Utf16(s.encode_utf16().flat_map(u16::to_le_bytes).collect()))
        .collect();
    let case = Case::new(ValueKind::Text, PgType::Text);
    let from_utf16 = case.holds(&server, "utf16", utf16);
    let from_utf8 = case.holds(&server, "utf8", strings.into_iter().map(Cell::Text).collect());
    assert_eq!(from_utf16.bytes(), from_utf8.bytes());
}

#[test]
fn text_with_lengths() {
    let server = Server::new("text");
    let strings = |n: usize| -> Vec<Cell> {
        let longest = "ж".repeat(n);
        sample(string_of(0..=n))
            .into_iter()
            .chain([String::new(), longest])
            .map(Cell::Text)
            .collect()
    };
    for n in [1, 5, 50] {
        Case::new(ValueKind::Text, PgType::Varchar(Some(n as u32))).holds(
            &server,
            &format!("varchar_{n}"),
            strings(n),
        );
        Case::new(ValueKind::Text, PgType::Char(n as u32)).holds(&server, &format!("char_{n}"), strings(n));
    }
    Case::new(ValueKind::Text, PgType::Varchar(None)).holds(&server, "varchar", strings(40));
    server.psql("create extension citext");
    Case::new(ValueKind::Text, PgType::Citext).holds(&server, "citexts", strings(40));
}

#[test]
fn characters_that_postgresql_cannot_store() {
    let server = Server::new("policies");
    let unit = prop_oneof![
        6 => 1u16..0x80,
        1 => Just(0u16),
        2 => 0xD800u16..0xE000,
        2 => any::<u16>(),
    ];
    let texts: Vec<Vec<u16>> = sample(vec(unit, 0..40));
    let cells: Vec<Cell> = texts
        .iter()
        .map(|t| Cell::Utf16(t.iter().flat_map(|u| u.to_le_bytes()).collect()))
        .collect();
    for (policy, stand_in) in [(TextPolicy::Strip, ""), (TextPolicy::Replace, "\u{FFFD}")] {
        let case = Case {
            policy,
            ..Case::new(ValueKind::Text, PgType::Text)
        };
        let batch = case.holds(&server, &format!("{policy:?}").to_lowercase(), cells.clone());
        let (mut nuls, mut surrogates) = (0, 0);
        for (text, tuple) in texts.iter().zip(batch.iter()) {
            let decoded: Vec<Result<char, _>> = char::decode_utf16(text.iter().copied()).collect();
            nuls += u64::from(decoded.contains(&Ok('\0')));
            surrogates += u64::from(decoded.iter().any(Result::is_err));
            let expected: String = decoded
                .into_iter()
                .map(|c| {
                    c.ok()
                        .filter(|c| *c != '\0')
                        .map_or(stand_in.to_owned(), String::from)
                })
                .collect();
            assert_eq!(value(tuple).unwrap(), expected.as_bytes());
        }
        let (nul, surrogate) = match policy {
            TextPolicy::Strip => (Conversion::NulStripped, Conversion::SurrogateStripped),
            _ => (Conversion::NulReplaced, Conversion::SurrogateReplaced),
        };
        assert_eq!(
            (batch.conversions.get(1, nul), batch.conversions.get(1, surrogate)),
            (nuls, surrogates)
        );
        assert!(nuls > 0 && surrogates > 0);
    }
    let bad = texts
        .iter()
        .filter(|t| t.contains(&0) || char::decode_utf16(t.iter().copied()).any(|c| c.is_err()))
        .count();
    assert_eq!(
        Case::new(ValueKind::Text, PgType::Text)
            .encode(&cells)
            .rejects
            .len(),
        bad
    );
}

#[test]
fn bytes_and_uuids() {
    let server = Server::new("bytes");
    let bytes = sample(vec(any::<u8>(), 0..100))
        .into_iter()
        .map(Cell::Bytes)
        .collect();
    Case::new(ValueKind::Bytes, PgType::Bytea)
        .alone()
        .holds(&server, "bytea", bytes);
    let uuids = plain(
        any::<[u8; 16]>(),
        Value::Uuid,
        &[Value::Uuid([0; 16]), Value::Uuid([255; 16])],
    );
    Case::new(ValueKind::Uuid, PgType::Uuid).holds(&server, "uuid", uuids);
}
