use proptest::prelude::*;

use super::*;

const NUL: &str = "the text holds U+0000, which PostgreSQL cannot store";
const SURROGATE: &str = "the text holds an unpaired UTF-16 surrogate, which is no character";

#[test]
fn text_is_itself() {
    let text = column(ValueKind::Text, "text");
    for s in [
        "",
        "a",
        "Grüße aus Łódź",
        "Съешь ещё",
        "漢字",
        "😀",
        "a😀",
        "0123456789abcdef😀0123456789abcdef",
        "\u{FFFF}\u{7FF}\u{800}",
    ] {
        assert_eq!(text.text(Value::Text(s)), s);
        assert_eq!(text.text(Value::Utf16(&utf16(s))), s);
        assert_eq!(text.text(Value::Json(s)), s);
    }
    assert_eq!(
        text.refusal(Value::Utf16(b"a")),
        "UTF-16 text has an odd number of bytes"
    );
}

#[test]
fn nul_follows_the_policy() {
    let text = column(ValueKind::Text, "text");
    let (strip, replace) = (
        text.clone().policy(TextPolicy::Strip),
        text.clone().policy(TextPolicy::Replace),
    );
    let s = "\0a\0\0b\0";
    for value in [Value::Text(s), Value::Utf16(&utf16(s))] {
        assert_eq!(text.refusal(value), NUL);
        assert_eq!(strip.converted(value), (b"ab".to_vec(), Conversion::NulStripped));
        let replaced = "\u{FFFD}a\u{FFFD}\u{FFFD}b\u{FFFD}".as_bytes().to_vec();
        assert_eq!(replace.converted(value), (replaced, Conversion::NulReplaced));
    }
}

#[test]
fn unpaired_surrogates_follow_the_policy() {
    let text = column(ValueKind::Text, "text");
    let (strip, replace) = (
        text.clone().policy(TextPolicy::Strip),
        text.clone().policy(TextPolicy::Replace),
    );
    // A high one before a letter, a low one alone, a low one before a high one, a high one at the end.
    for (units, stripped, replaced) in [
        (&[0xD800, 0x61][..], "a", "\u{FFFD}a"),
        (&[0xDC00], "", "\u{FFFD}"),
        (&[0xDE00, 0xD83D, 0xD83D, 0xDE00], "😀", "\u{FFFD}\u{FFFD}😀"),
        (&[0x61, 0xDBFF], "a", "a\u{FFFD}"),
    ] {
        let bytes: Vec<u8> = units.iter().flat_map(|u: &u16| u.to_le_bytes()).collect();
        assert_eq!(text.refusal(Value::Utf16(&bytes)), SURROGATE);
        assert_eq!(
            strip.converted(Value::Utf16(&bytes)),
            (stripped.into(), Conversion::SurrogateStripped)
        );
        assert_eq!(
            replace.converted(Value::Utf16(&bytes)),
            (replaced.into(), Conversion::SurrogateReplaced)
        );
    }
}

#[test]
fn lengths_count_characters() {
    let five = column(ValueKind::Text, "varchar(5)");
    for fits in ["", "12345", "ÄÖÜßé", "😀😀😀😀😀"] {
        assert_eq!(five.text(Value::Text(fits)), fits);
        assert_eq!(five.text(Value::Utf16(&utf16(fits))), fits);
    }
    let long = "the text has 6 characters, and the column takes 5";
    for too_long in ["123456", "12345 ", "ÄÖÜßéA"] {
        assert_eq!(five.refusal(Value::Text(too_long)), long);
    }
    assert_eq!(
        five.policy(TextPolicy::Strip).text(Value::Text("12\u{0}345")),
        "12345",
        "what is left counts"
    );
    assert_eq!(
        column(ValueKind::Int64, "varchar(2)").refusal(Value::Int64(123)),
        "the text has 3 characters, and the column takes 2"
    );
}

#[test]
fn char_is_padded() {
    let three = column(ValueKind::Text, "char(3)");
    for (from, to) in [
        ("", "   "),
        ("a", "a  "),
        ("ä", "ä  "),
        ("abc", "abc"),
        ("abc   ", "abc"),
        ("a     ", "a  "),
        ("😀", "😀  "),
    ] {
        assert_eq!(three.text(Value::Text(from)), to);
    }
    let long = "the text has 4 characters, and the column takes 3";
    assert_eq!(three.refusal(Value::Text("abcd")), long);
    assert_eq!(three.refusal(Value::Text("   d")), long);
    assert_eq!(
        three.refusal(Value::Text("abc\u{a0}")),
        long,
        "only the plain space is padding"
    );
    assert_eq!(column(ValueKind::Int16, "char(3)").text(Value::Int16(-1)), "-1 ");
}

proptest! {
    #[test]
    fn utf16_agrees_with_the_standard_library(
        units in prop::collection::vec(prop_oneof![8 => 1u16..0x80, 1 => Just(0), 1 => 0xD800u16..0xE000, 1 => any::<u16>()], 0..70)
    ) {
        let bytes: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
        let text = column(ValueKind::Text, "text");
        let decoded: Vec<Option<char>> =
            char::decode_utf16(units).map(|c| c.ok().filter(|c| *c != '\0')).collect();
        let stripped: String = decoded.iter().flatten().collect();
        let replaced: String = decoded.iter().map(|c| c.unwrap_or('\u{FFFD}')).collect();
        let strict = text.try_encode(Value::Utf16(&bytes));
        prop_assert_eq!(strict.ok(), (!decoded.contains(&None)).then(|| stripped.clone().into_bytes()));
        prop_assert_eq!(text.clone().policy(TextPolicy::Strip).text(Value::Utf16(&bytes)), stripped);
        prop_assert_eq!(text.policy(TextPolicy::Replace).text(Value::Utf16(&bytes)), replaced);
    }

    #[test]
    fn utf8_and_utf16_agree(s in ".{0,40}", ty in prop_oneof![Just("text"), Just("varchar(20)"), Just("char(20)")]) {
        let column = column(ValueKind::Text, ty);
        prop_assert_eq!(column.try_encode(Value::Text(&s)), column.try_encode(Value::Utf16(&utf16(&s))));
    }
}
