//! What a reader asks for, and how far it has come.

use bson::raw::RawDocumentBuf;
use bson::{Document, RawBson, cstr, rawdoc};
use migrate_core::Result;
use migrate_core::chunk::Cursor;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::key::Key;
use super::slice::Slice;
use crate::classify::{corrupt, internal};
use crate::store::Fields;

/// A part of a collection, as its token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    /// The `_id`s from the first bound to before the second, in the order of the index.
    Range(Option<Key>, Option<Key>),
    /// All of something without an index on `_id`.
    Whole,
}

const WHOLE: &str = "whole";

impl Extent {
    /// `low..high`, each the hexadecimal form of a key or nothing; or `whole`.
    pub(super) fn token(&self) -> String {
        let hex = |key: &Option<Key>| key.as_ref().map(Key::to_hex).unwrap_or_default();
        match self {
            Self::Range(low, high) => format!("{}..{}", hex(low), hex(high)),
            Self::Whole => WHOLE.to_owned(),
        }
    }

    pub(super) fn parse(token: &str) -> Result<Self> {
        if token == WHOLE {
            return Ok(Self::Whole);
        }
        let key = |text: &str| (!text.is_empty()).then(|| Key::from_hex(text)).transpose();
        let (low, high) = token
            .split_once("..")
            .ok_or_else(|| internal("a stored part cannot be read"))?;
        Ok(Self::Range(key(low)?, key(high)?))
    }
}

/// What is asked for, and how far it has come.
#[derive(Debug, Clone)]
pub(super) enum Query {
    /// A range of `_id`; the last `_id` that was read.
    Range {
        low: Option<Key>,
        high: Option<Key>,
        last: Option<Key>,
        /// Whether only `MaxKey` is left: `min` without `max` ends before it.
        largest: bool,
    },
    /// Everything in the server's order. What was read before is read again and must be the same.
    Whole {
        /// How many documents were read, and a hash of them.
        read: Progress,
        /// How far the present attempt has come.
        again: Progress,
    },
    /// So many documents at random.
    Sample { left: u64 },
}

/// So many documents from the beginning on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    documents: u64,
    /// Each document is hashed with the hash of those before it as the seed.
    hash: u64,
}

impl Progress {
    fn add(&mut self, document: &[u8]) {
        self.documents += 1;
        self.hash = xxh3_64_with_seed(document, self.hash);
    }

    pub(super) fn cursor(self) -> Cursor {
        Cursor(format!("{}:{:016x}", self.documents, self.hash))
    }

    fn parse(cursor: &Cursor) -> Result<Self> {
        let parsed = cursor.0.split_once(':').and_then(|(documents, hash)| {
            Some(Self {
                documents: documents.parse().ok()?,
                hash: u64::from_str_radix(hash, 16).ok()?,
            })
        });
        parsed.ok_or_else(|| internal("a stored cursor of a view cannot be read"))
    }
}

impl Query {
    /// For a part, after a cursor.
    pub(super) fn new(extent: Extent, after: Option<&Cursor>) -> Result<Self> {
        Ok(match extent {
            Extent::Range(low, high) => {
                let last = after.map(|cursor| Key::from_hex(&cursor.0)).transpose()?;
                let from = last.as_ref().or(low.as_ref());
                Self::Range {
                    largest: from.is_some_and(Key::is_largest),
                    low,
                    high,
                    last,
                }
            }
            Extent::Whole => Self::Whole {
                read: after.map(Progress::parse).transpose()?.unwrap_or_default(),
                again: Progress::default(),
            },
        })
    }

    /// The command that reads on from here.
    pub(super) fn command(
        &self,
        collection: &str,
        fields: &Fields,
        batch: u32,
        concern: Option<Document>,
    ) -> Result<RawDocumentBuf> {
        let mut command = match self {
            Self::Range { largest: true, .. } => {
                rawdoc! { "find": collection, "filter": { "_id": RawBson::MaxKey }, "batchSize": batch as i32 }
            }
            Self::Range { low, high, last, .. } => {
                // The sort costs nothing on this index; it lets a router merge its shards in order.
                let mut find = rawdoc! { "find": collection, "hint": { "_id": 1 }, "sort": { "_id": 1 } };
                if let Some(low) = last.as_ref().or(low.as_ref()) {
                    find.append(cstr!("min"), low.bound()?);
                }
                if let Some(high) = high {
                    find.append(cstr!("max"), high.bound()?);
                }
                find.append(cstr!("batchSize"), batch as i32);
                find
            }
            Self::Whole { .. } => rawdoc! { "find": collection, "batchSize": batch as i32 },
            Self::Sample { left } => rawdoc! {
                "aggregate": collection,
                "pipeline": [{ "$sample": { "size": i64::try_from(*left).unwrap_or(i64::MAX) } }],
                "cursor": { "batchSize": batch as i32 },
                "allowDiskUse": true,
            },
        };
        if let (false, Some(projection)) = (matches!(self, Self::Sample { .. }), projection(fields)) {
            command.append(cstr!("projection"), projection);
        }
        if let Some(concern) = concern {
            let concern = RawDocumentBuf::try_from(&concern)
                .map_err(|_| internal("a read concern makes no document"))?;
            command.append(cstr!("readConcern"), RawBson::Document(concern));
        }
        Ok(command)
    }

    /// Begins an attempt.
    pub(super) fn restart(&mut self) {
        if let Self::Whole { again, .. } = self {
            *again = Progress::default();
        }
    }

    /// Takes out of a batch what was read before, and notes the rest as read. For each document of
    /// [`Whole`](Self::Whole), how far one is after it.
    pub(super) fn accept(&mut self, slice: &mut Slice) -> Result<Vec<Progress>> {
        let mut marks = Vec::new();
        match self {
            Self::Range { last, .. } => {
                // The lower bound is inclusive, so it comes again, unless it was deleted.
                let again = slice
                    .iter()
                    .next()
                    .is_some_and(|first| last.as_ref().is_some_and(|last| last.is_of(first)));
                if again {
                    slice.skip(1);
                }
                if let Some(document) = slice.iter().next_back() {
                    *last = Some(Key::of(document)?);
                }
            }
            Self::Whole { read, again } => {
                let mut old = 0;
                for document in slice.iter() {
                    again.add(document);
                    if again.documents <= read.documents {
                        old += 1;
                        if again.documents == read.documents && again.hash != read.hash {
                            return Err(changed());
                        }
                    } else {
                        marks.push(*again);
                    }
                }
                slice.skip(old);
                if again.documents > read.documents {
                    *read = *again;
                }
            }
            Self::Sample { left } => *left = left.saturating_sub(slice.len() as u64),
        }
        Ok(marks)
    }

    /// Notes that a cursor has come to its end. Returns whether that is the end of everything, rather than a reason to ask
    /// again.
    pub(super) fn end(&mut self) -> Result<bool> {
        match self {
            Self::Range {
                largest,
                high: None,
                low,
                last,
            } if !*largest && (low.is_some() || last.is_some()) => {
                *largest = true;
                Ok(last.as_ref().is_some_and(Key::is_largest))
            }
            Self::Whole { read, again } if again != read => Err(changed()),
            _ => Ok(true),
        }
    }

    /// Whether there is nothing to ask for.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Sample { left: 0 })
    }
}

fn changed() -> migrate_core::Error {
    corrupt("it was read again from its beginning, and other documents came than before").hint(
        "views and time series have no key to go on from: start this table over while nobody writes into what it is made \
         from",
    )
}

/// The projection for fields that can be named in one.
fn projection(fields: &Fields) -> Option<RawDocumentBuf> {
    let Fields::Only(names) = fields else {
        return None;
    };
    // A dot means a path and a dollar an operator there; such a field can only be had with all others.
    let can_be_named =
        |name: &String| !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0']);
    if !names.iter().all(can_be_named) {
        return None;
    }
    let mut projection = rawdoc! { "_id": 1 };
    for name in names.iter().filter(|name| *name != "_id") {
        projection.append(bson::raw::CString::try_from(name.as_str()).ok()?, 1);
    }
    Some(projection)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn key(value: i32) -> Key {
        Key::of(&doc! { "_id": value }.to_vec().unwrap()).unwrap()
    }

    #[test]
    fn tokens_survive() {
        for extent in [
            Extent::Whole,
            Extent::Range(None, None),
            Extent::Range(Some(key(1)), None),
            Extent::Range(None, Some(key(2))),
            Extent::Range(Some(key(1)), Some(key(2))),
        ] {
            assert_eq!(Extent::parse(&extent.token()).unwrap(), extent);
        }
        for token in ["", "10..", "x..", "whole.."] {
            assert!(Extent::parse(token).is_err(), "{token}");
        }
        let cursor = Progress {
            documents: 7,
            hash: 255,
        }
        .cursor();
        assert_eq!(cursor.0, "7:00000000000000ff");
        assert_eq!(
            Progress::parse(&cursor).unwrap(),
            Progress {
                documents: 7,
                hash: 255
            }
        );
    }

    #[test]
    fn commands_name_bounds_in_the_order_of_the_index() {
        let query = Query::new(
            Extent::Range(Some(key(1)), Some(key(9))),
            Some(&Cursor(key(4).to_hex())),
        );
        let fields = Fields::Only(vec!["a".to_owned(), "_id".to_owned()]);
        let command = query.unwrap().command("things", &fields, 100, None).unwrap();
        assert_eq!(
            Document::try_from(command).unwrap(),
            doc! {
                "find": "things", "hint": { "_id": 1 }, "sort": { "_id": 1 },
                "min": { "_id": 4 }, "max": { "_id": 9 }, "batchSize": 100,
                "projection": { "_id": 1, "a": 1 },
            }
        );
    }

    #[test]
    fn fields_that_no_projection_can_name_are_read_with_all_others() {
        for name in ["", "a.b", "$a"] {
            assert_eq!(
                projection(&Fields::Only(vec!["x".to_owned(), name.to_owned()])),
                None
            );
        }
        assert_eq!(projection(&Fields::All), None);
        assert_eq!(projection(&Fields::Only(vec![])), Some(rawdoc! { "_id": 1 }));
        assert_eq!(
            projection(&Fields::Only(vec!["a$".to_owned()])),
            Some(rawdoc! { "_id": 1, "a$": 1 })
        );
    }
}
