//! What is wrong is said, and where; what is only odd is read.

use super::super::{Binary, BsonRef, Document, Kind, Malformed, Text};

/// A document of hand-made elements.
fn document(elements: &[u8]) -> Vec<u8> {
    let mut bytes = (elements.len() as i32 + 5).to_le_bytes().to_vec();
    bytes.extend_from_slice(elements);
    bytes.push(0);
    bytes
}

/// What walking a document of these elements says.
fn damage(elements: &[u8]) -> Malformed {
    Document::new(&document(elements))
        .expect("a valid frame")
        .check(100)
        .expect_err("damaged")
}

fn values(bytes: &[u8]) -> Vec<(Text<'_>, BsonRef<'_>)> {
    let document = Document::new(bytes).expect("a valid frame");
    document
        .elements()
        .map(|e| e.map(|e| (e.name, e.value)).expect("a valid element"))
        .collect()
}

#[test]
fn frames_have_to_be_right() {
    let frame = |bytes: &[u8]| Document::new(bytes).expect_err("no frame");
    let bad = |what, offset| Malformed { what, offset };
    assert_eq!(frame(&[]), bad("a document is shorter than its own length", 0));
    assert_eq!(frame(&[4, 0, 0, 0]), bad("a document's length is wrong", 0));
    assert_eq!(frame(&[6, 0, 0, 0, 0]), bad("a document's length is wrong", 0));
    assert_eq!(frame(&[5, 0, 0, 0, 0, 0]), bad("a document's length is wrong", 0));
    assert_eq!(
        frame(&[0xff, 0xff, 0xff, 0xff, 0]),
        bad("a document's length is wrong", 0)
    );
    assert_eq!(
        frame(&[5, 0, 0, 0, 1]),
        bad("a document does not end with a zero byte", 4)
    );
    assert!(Document::new(&[5, 0, 0, 0, 0]).is_ok_and(|d| d.is_empty()));
}

#[test]
fn every_kind_of_damage_has_its_words_and_its_offset() {
    let cases: &[(&[u8], &str, usize)] = &[
        (b"\x20a\0", "a value has an unknown type", 4),
        (
            b"\x0aa\0\0\x0ab\0",
            "a document ends before the length that it states",
            7,
        ),
        (b"\x0aa", "a name or pattern has no end", 5),
        (b"\x01a\0\0\0\0\0", "the document ends inside of a value", 7),
        (
            b"\x02a\0\0\0\0\0",
            "a string's length is 0, where its end counts 1",
            7,
        ),
        (b"\x02a\0\xff\xff\xff\xff", "a length is negative", 7),
        (
            b"\x02a\0\x05\0\0\0ab\0",
            "a string reaches beyond the document's end",
            11,
        ),
        (
            b"\x02a\0\x02\0\0\0ab",
            "a string does not end with a zero byte",
            7,
        ),
        (b"\x08a\0\x02", "a boolean is neither 0 nor 1", 7),
        (
            b"\x05a\0\x05\0\0\0\0abcd",
            "binary data reaches beyond the document's end",
            12,
        ),
        (
            b"\x05a\0\x05\0\0\0\x02\x02\0\0\0a",
            "binary data of the old subtype 2 contradicts its own inner length",
            12,
        ),
        (
            b"\x03a\0\x06\0\0\0\0",
            "a nested document reaches beyond the end of the one around it",
            7,
        ),
        (
            b"\x03a\0\x05\0\0\0\x01",
            "a document does not end with a zero byte",
            11,
        ),
        (b"\x03a\0\x08\0\0\0\x30b\0\0", "a value has an unknown type", 11),
        (
            b"\x04a\0\x03\0\0\0",
            "a document is shorter than its own length",
            7,
        ),
        (
            b"\x0fa\0\x03\0\0\0",
            "code with scope is shorter than its own length",
            7,
        ),
        (
            b"\x0fa\0\x0f\0\0\0\x01\0\0\0\0\x05\0\0\0\0\0",
            "code with scope is longer than code and scope",
            21,
        ),
        (b"\x0bx\0abc", "a name or pattern has no end", 7),
    ];
    for (elements, what, offset) in cases {
        assert_eq!(
            damage(elements),
            Malformed {
                what,
                offset: *offset
            },
            "{elements:x?}"
        );
    }
}

#[test]
fn errors_name_the_byte() {
    let error = migrate_core::Error::from(damage(b"\x20a\0"));
    assert_eq!(error.kind(), migrate_core::ErrorKind::Corrupt);
    assert_eq!(
        error.to_string(),
        "the document is damaged: a value has an unknown type (byte of the document 4)"
    );
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let bytes = document(b"\x0aa\0\x30b\0\x0ac\0");
    let mut elements = Document::new(&bytes).expect("a valid frame").elements();
    assert!(elements.next().is_some_and(|e| e.is_ok()));
    assert!(elements.next().is_some_and(|e| e.is_err()));
    assert!(elements.next().is_none());
}

#[test]
fn odd_names_and_text_are_read() {
    let bytes = document(b"\x02\xff\xfe\0\x03\0\0\0\xc3\x28\0\x0aa\0\x0aa\0\x0a\0\x0a$a.b\0");
    let found = values(&bytes);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_bytes()).collect();
    assert_eq!(names, [&b"\xff\xfe"[..], b"a", b"a", b"", b"$a.b"]);
    let BsonRef::String(text) = found[0].1 else {
        panic!("a string");
    };
    assert_eq!(text.as_bytes(), b"\xc3\x28");
    assert!(text.as_str().is_err());
    assert_eq!(text.to_lossy(), "\u{fffd}(");
    // A string may hold zero bytes.
    let bytes = document(b"\x02a\0\x04\0\0\0x\0y\0");
    assert_eq!(values(&bytes), [(Text(b"a"), BsonRef::String(Text(b"x\0y")))]);
}

#[test]
fn types_that_the_library_does_not_write_are_read() {
    let mut elements = b"\x0cp\0\x04\0\0\0d.c\0".to_vec();
    elements.extend_from_slice(&[7; 12]);
    elements.extend_from_slice(b"\x05b\0\x06\0\0\0\x02\x02\0\0\0xy");
    let bytes = document(&elements);
    assert_eq!(
        values(&bytes),
        [
            (
                Text(b"p"),
                BsonRef::DbPointer {
                    namespace: Text(b"d.c"),
                    id: &[7; 12]
                }
            ),
            (
                Text(b"b"),
                BsonRef::Binary(Binary {
                    subtype: 2,
                    bytes: b"xy"
                })
            ),
        ]
    );
}

#[test]
fn nesting_is_limited_without_recursion() {
    let mut bytes = document(b"");
    while bytes.len() < 60_000 {
        let mut elements = b"\x03\0".to_vec();
        elements.extend_from_slice(&bytes);
        bytes = document(&elements);
    }
    let deep = Document::new(&bytes).expect("a valid frame");
    let error = deep.check(1000).expect_err("too deep");
    assert_eq!(error.what, "documents are nested too deeply");
    // Each level takes a length, a type and an empty name.
    assert_eq!(error.offset, 4 + 999 * 6);
    assert_eq!(deep.check(usize::MAX), Ok((bytes.len() - 5) / 7 + 1));
}

#[test]
fn types_know_their_bytes_and_names() {
    let mut names = std::collections::BTreeSet::new();
    for byte in 0..=255 {
        if let Some(kind) = Kind::from_byte(byte) {
            assert_eq!(kind as u8, byte);
            assert!(Kind::ALL.contains(&kind));
            names.insert(kind.name());
        }
    }
    assert_eq!(names.len(), Kind::ALL.len());
    assert_eq!(Kind::Int64.to_string(), "long");
}
