//! A document's `_id`, cut out of its bytes.

use bson::raw::RawDocumentBuf;
use bson::{Bson, RawBson, RawDocument};
use migrate_core::Result;

use crate::classify::{corrupt, internal};

/// The most characters of an `_id` that are shown.
const SHOWN: usize = 80;

/// The type of `MaxKey`, which has no bytes.
const MAX_KEY: u8 = 0x7F;

/// The value of an `_id`: its type's byte, then its bytes, as <https://bsonspec.org/spec.html> has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(Vec<u8>);

impl Key {
    /// The `_id` of a document.
    pub(super) fn of(document: &[u8]) -> Result<Self> {
        find(document)
            .map(|(kind, value)| {
                let mut key = Vec::with_capacity(1 + value.len());
                key.push(kind);
                key.extend_from_slice(value);
                Self(key)
            })
            .ok_or_else(|| corrupt("the server sent a document without a readable _id"))
    }

    /// As [`to_hex`](Self::to_hex) wrote it.
    pub(super) fn from_hex(text: &str) -> Result<Self> {
        let bytes = hex::decode(text).map_err(|_| internal("a stored _id is not hexadecimal"))?;
        let whole = bytes
            .split_first()
            .is_some_and(|(kind, value)| length(*kind, value) == Some(value.len()));
        if !whole {
            return Err(internal("a stored _id is not a value of BSON"));
        }
        Ok(Self(bytes))
    }

    /// For cursors and tokens.
    pub(super) fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// The document `{_id: value}`.
    pub(super) fn document(&self) -> Result<RawDocumentBuf> {
        let mut bytes = Vec::with_capacity(self.0.len() + 9);
        bytes.extend_from_slice(&(self.0.len() as i32 + 9).to_le_bytes());
        bytes.push(self.0[0]);
        bytes.extend_from_slice(b"_id\0");
        bytes.extend_from_slice(&self.0[1..]);
        bytes.push(0);
        RawDocumentBuf::from_bytes(bytes).map_err(|_| internal("an _id makes no document"))
    }

    /// The value for a command.
    pub(super) fn bound(&self) -> Result<RawBson> {
        self.document().map(RawBson::Document)
    }

    /// Whether it is the value that is larger than all others.
    pub(super) fn is_largest(&self) -> bool {
        self.0 == [MAX_KEY]
    }

    /// Whether it is the `_id` of that document, byte for byte.
    pub(super) fn is_of(&self, document: &[u8]) -> bool {
        find(document).is_some_and(|(kind, value)| self.0[0] == kind && &self.0[1..] == value)
    }

    /// For people, shortened.
    pub(super) fn shown(&self) -> String {
        let value = self.document().ok().and_then(|document| {
            let document: &RawDocument = &document;
            bson::Document::try_from(document).ok()?.remove("_id")
        });
        let text = match value {
            Some(Bson::ObjectId(id)) => id.to_hex(),
            Some(value) => value.to_string(),
            None => format!("0x{}", self.to_hex()),
        };
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    }
}

/// The type and the bytes of the first `_id`, which servers store as the first field.
fn find(document: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = document.get(4..)?;
    loop {
        let (&kind, after) = rest.split_first()?;
        if kind == 0 {
            return None;
        }
        let name = after.iter().position(|byte| *byte == 0)?;
        let value = &after[name + 1..];
        let length = length(kind, value)?;
        if &after[..name] == b"_id" {
            return Some((kind, &value[..length]));
        }
        rest = &value[length..];
    }
}

/// How long the value at the beginning of `rest` is; `None` where it does not end within.
fn length(kind: u8, rest: &[u8]) -> Option<usize> {
    let stated = || {
        rest.first_chunk::<4>()
            .and_then(|prefix| usize::try_from(i32::from_le_bytes(*prefix)).ok())
    };
    let cstring = |rest: &[u8]| rest.iter().position(|byte| *byte == 0).map(|end| end + 1);
    let length = match kind {
        // undefined, null, MaxKey, MinKey
        0x06 | 0x0A | 0x7F | 0xFF => 0,
        // bool
        0x08 => 1,
        // i32
        0x10 => 4,
        // double, date, timestamp, i64
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        // ObjectId
        0x07 => 12,
        // Decimal128
        0x13 => 16,
        // string, code, symbol
        0x02 | 0x0D | 0x0E => 4 + stated()?,
        // document, array, code with scope: the length counts itself
        0x03 | 0x04 | 0x0F => stated().filter(|length| *length >= 4)?,
        // binary: length, subtype, bytes
        0x05 => 5 + stated()?,
        // pattern and options
        0x0B => {
            let pattern = cstring(rest)?;
            pattern + cstring(&rest[pattern..])?
        }
        // DBPointer: a string and an ObjectId
        0x0C => 4 + stated()? + 12,
        _ => return None,
    };
    (length <= rest.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::spec::BinarySubtype;
    use bson::{Binary, DateTime, Decimal128, Timestamp, bson, doc};

    use super::*;

    fn values() -> Vec<Bson> {
        vec![
            Bson::ObjectId(ObjectId::from_bytes([7; 12])),
            Bson::Int32(-1),
            Bson::Int64(i64::MAX),
            Bson::Double(0.5),
            Bson::String("a key".to_owned()),
            Bson::Boolean(true),
            Bson::Null,
            Bson::MinKey,
            Bson::MaxKey,
            Bson::DateTime(DateTime::from_millis(-5)),
            Bson::Timestamp(Timestamp {
                time: 3,
                increment: 4,
            }),
            Bson::Decimal128(Decimal128::from_bytes([1; 16])),
            Bson::Binary(Binary {
                subtype: BinarySubtype::Uuid,
                bytes: vec![9; 16],
            }),
            Bson::Symbol("s".to_owned()),
            Bson::JavaScriptCode("f()".to_owned()),
            bson!({ "a": 1, "b": { "c": "d" } }),
        ]
    }

    #[test]
    fn keys_of_every_type_survive_the_way_through_a_cursor() {
        for value in values() {
            for document in [
                doc! { "_id": value.clone(), "after": 1 },
                doc! { "r": Bson::RegularExpression(bson::Regex { pattern: bson::raw::cstr!("a").into(), options: bson::raw::cstr!("i").into() }), "x": [1, "y"], "_id": value.clone() },
            ] {
                let bytes = document.to_vec().unwrap();
                let key = Key::of(&bytes).unwrap();
                assert!(key.is_of(&bytes), "{value:?}");
                let again = Key::from_hex(&key.to_hex()).unwrap();
                assert_eq!(again, key);
                let bound = bson::Document::try_from(again.document().unwrap()).unwrap();
                assert_eq!(bound, doc! { "_id": value.clone() });
            }
        }
    }

    #[test]
    fn only_whole_documents_and_keys_are_read() {
        let bytes = doc! { "a": "text", "_id": "key" }.to_vec().unwrap();
        for end in 0..bytes.len() - 1 {
            assert!(Key::of(&bytes[..end]).is_err(), "{end}");
        }
        assert!(Key::of(&doc! { "a": 1 }.to_vec().unwrap()).is_err());
        for text in ["", "0", "zz", "10", "1001", "020500000041", "9900"] {
            assert!(Key::from_hex(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_short() {
        let shown = |value: Bson| Key::of(&doc! { "_id": value }.to_vec().unwrap()).unwrap().shown();
        assert_eq!(shown(Bson::Int32(5)), "5");
        assert_eq!(
            shown(Bson::ObjectId(ObjectId::from_bytes([1; 12]))),
            "01".repeat(12)
        );
        assert_eq!(shown(Bson::String("a".to_owned())), "\"a\"");
        assert_eq!(
            shown(Bson::String("ä".repeat(200))),
            format!("\"{}...", "ä".repeat(79))
        );
    }
}
