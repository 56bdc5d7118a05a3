//! The walker against the `bson` crate, and on bytes that are no documents.

mod damage;
mod made;

use bson::raw::{RawBsonRef, RawDocument};
use proptest::prelude::*;

use super::{BsonRef, Document, MAX_LEVELS};
use made::any_document;

/// Compares what the walker finds with what the library's raw documents hold.
fn same_elements(walked: Document<'_>, library: &RawDocument) {
    assert_eq!(walked.as_bytes(), library.as_bytes());
    let mut elements = walked.elements();
    for element in library {
        let (name, value) = element.expect("written by the library");
        let ours = elements
            .next()
            .expect("as many elements")
            .expect("a valid element");
        assert_eq!(ours.name.as_str(), Ok(name.as_str()));
        same_value(ours.value, value);
    }
    assert!(elements.next().is_none());
}

fn same_value(ours: BsonRef<'_>, library: RawBsonRef<'_>) {
    assert_eq!(ours.kind() as u8, library.element_type() as u8);
    match (ours, library) {
        (BsonRef::Double(a), RawBsonRef::Double(b)) => assert_eq!(a.to_bits(), b.to_bits()),
        (BsonRef::String(a), RawBsonRef::String(b)) => assert_eq!(a.as_str(), Ok(b)),
        (BsonRef::Document(a), RawBsonRef::Document(b)) => same_elements(a, b),
        (BsonRef::Array(a), RawBsonRef::Array(b)) => {
            let values: Vec<_> = b
                .into_iter()
                .map(|v| v.expect("written by the library"))
                .collect();
            let ours: Vec<_> = a.elements().map(|e| e.expect("a valid element").value).collect();
            assert_eq!(ours.len(), values.len());
            for (a, b) in ours.into_iter().zip(values) {
                same_value(a, b);
            }
        }
        (BsonRef::Binary(a), RawBsonRef::Binary(b)) => {
            assert_eq!((a.subtype, a.bytes), (u8::from(b.subtype), b.bytes));
        }
        (BsonRef::ObjectId(a), RawBsonRef::ObjectId(b)) => assert_eq!(*a, b.bytes()),
        (BsonRef::Bool(a), RawBsonRef::Boolean(b)) => assert_eq!(a, b),
        (BsonRef::DateTime(a), RawBsonRef::DateTime(b)) => assert_eq!(a, b.timestamp_millis()),
        (BsonRef::Regex { pattern, options }, RawBsonRef::RegularExpression(b)) => {
            assert_eq!(pattern.as_str(), Ok(b.pattern.as_str()));
            assert_eq!(options.as_str(), Ok(b.options.as_str()));
        }
        (BsonRef::Code(a), RawBsonRef::JavaScriptCode(b)) => assert_eq!(a.as_str(), Ok(b)),
        (BsonRef::Symbol(a), RawBsonRef::Symbol(b)) => assert_eq!(a.as_str(), Ok(b)),
        (BsonRef::CodeWithScope { code, scope }, RawBsonRef::JavaScriptCodeWithScope(b)) => {
            assert_eq!(code.as_str(), Ok(b.code));
            same_elements(scope, b.scope);
        }
        (BsonRef::Int32(a), RawBsonRef::Int32(b)) => assert_eq!(a, b),
        (BsonRef::Timestamp { time, increment }, RawBsonRef::Timestamp(b)) => {
            assert_eq!((time, increment), (b.time, b.increment));
        }
        (BsonRef::Int64(a), RawBsonRef::Int64(b)) => assert_eq!(a, b),
        (BsonRef::Decimal128(a), RawBsonRef::Decimal128(b)) => assert_eq!(*a, b.bytes()),
        (BsonRef::Undefined, RawBsonRef::Undefined)
        | (BsonRef::Null, RawBsonRef::Null)
        | (BsonRef::MaxKey, RawBsonRef::MaxKey)
        | (BsonRef::MinKey, RawBsonRef::MinKey) => {}
        (a, b) => panic!("{a:?} is not {b:?}"),
    }
}

proptest! {
    #[test]
    fn valid_documents_have_the_elements_that_the_library_finds(document in any_document()) {
        let bytes = bson::serialize_to_vec(&document).expect("any document can be written");
        let walked = Document::new(&bytes).expect("a valid frame");
        same_elements(walked, RawDocument::from_bytes(&bytes).expect("a valid frame"));
        let depth = walked.check(MAX_LEVELS).expect("a valid document");
        prop_assert!((1..=8).contains(&depth), "{}", depth);
    }

    #[test]
    fn what_the_library_takes_the_walker_takes_too(
        document in any_document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = bson::serialize_to_vec(&document).expect("any document can be written");
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let library = RawDocument::from_bytes(&bytes).is_ok_and(|d| all(d, 0));
        let ours = Document::new(&bytes).is_ok_and(|d| d.check(MAX_LEVELS).is_ok());
        // Not the other way round: names and strings that are not UTF-8 are the walker's reason to be.
        prop_assert!(ours || !library);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), framed: bool) {
        let mut bytes = bytes;
        if framed && bytes.len() >= 5 {
            let length = (bytes.len() as i32).to_le_bytes();
            bytes[..4].copy_from_slice(&length);
            if let Some(last) = bytes.last_mut() {
                *last = 0;
            }
        }
        if let Ok(document) = Document::new(&bytes)
            && let Err(error) = document.check(MAX_LEVELS)
        {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn every_truncation_is_an_error(document in any_document()) {
        let bytes = bson::serialize_to_vec(&document).expect("any document can be written");
        for length in 0..bytes.len() {
            prop_assert!(Document::new(&bytes[..length]).is_err());
            // The same with a frame that says so.
            let mut framed = bytes[..length].to_vec();
            if length >= 6 {
                framed[..4].copy_from_slice(&(length as i32).to_le_bytes());
                framed[length - 1] = 0;
                let shorter = Document::new(&framed).expect("a valid frame");
                let count = shorter.elements().flatten().count();
                prop_assert!(count <= document.len());
            }
        }
    }
}

/// Whether the library reads all of a document.
fn all(document: &RawDocument, level: usize) -> bool {
    level < MAX_LEVELS
        && document.into_iter().all(|element| match element {
            Ok((_, RawBsonRef::Document(inner))) => all(inner, level + 1),
            Ok((_, RawBsonRef::Array(inner))) => {
                RawDocument::from_bytes(inner.as_bytes()).is_ok_and(|d| all(d, level + 1))
            }
            Ok((_, RawBsonRef::JavaScriptCodeWithScope(code))) => all(code.scope, level + 1),
            Ok(_) => true,
            Err(_) => false,
        })
}
