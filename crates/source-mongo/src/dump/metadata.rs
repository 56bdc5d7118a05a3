//! What `mongodump` notes about a collection: options and indexes, as extended JSON.

use bson::Document;
use migrate_core::{Error, Result};
use serde::Deserialize;

use crate::classify::corrupt;

/// A collection's options and indexes as BSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metadata {
    /// `collection`, `view` or `timeseries`.
    pub(super) kind: Kind,
    /// The options as one BSON document.
    pub(super) options: Vec<u8>,
    /// Each index as one BSON document.
    pub(super) indexes: Vec<Vec<u8>>,
    /// The collection's name, which newer tools state.
    pub(super) name: Option<String>,
}

/// What a namespace is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Documents.
    #[default]
    Collection,
    /// A query; there is no data in a dump.
    View,
    /// Buckets of measurements.
    TimeSeries,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::View => "view",
            Self::TimeSeries => "timeseries",
        }
    }
}

/// An empty BSON document.
pub(super) const EMPTY: [u8; 5] = [5, 0, 0, 0, 0];

#[derive(Deserialize)]
struct Stated {
    options: Option<Document>,
    indexes: Option<Vec<Document>>,
    #[serde(rename = "collectionName")]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Metadata {
    /// What is assumed where nothing is stated.
    pub(super) fn unknown() -> Self {
        Self {
            options: EMPTY.to_vec(),
            ..Self::default()
        }
    }

    /// Reads the JSON. `kind` is the type that an archive states beside it.
    ///
    /// # Errors
    /// [`Corrupt`](migrate_core::ErrorKind::Corrupt) with the offset in the JSON, if it is none or says something else
    /// than collections have.
    pub(super) fn parse(json: &[u8], kind: Option<&str>) -> Result<Self> {
        if json.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::unknown().of_kind(kind));
        }
        let stated: Stated = serde_json::from_slice(json).map_err(|e| {
            let offset = offset(json, e.line(), e.column());
            corrupt(format!("the collection's metadata is not valid: {}", reason(&e)))
                .at("offset in the metadata", offset)
                .hint("dump again with a current mongodump, or mend the JSON, which lists the collection's options and indexes")
        })?;
        let options = stated.options.unwrap_or_default();
        let kind = if options.contains_key("viewOn") {
            Kind::View
        } else if options.contains_key("timeseries") {
            Kind::TimeSeries
        } else {
            named(kind.or(stated.kind.as_deref()))
        };
        Ok(Self {
            kind,
            options: bytes(&options)?,
            indexes: stated
                .indexes
                .unwrap_or_default()
                .iter()
                .map(bytes)
                .collect::<Result<_>>()?,
            name: stated.name,
        })
    }

    fn of_kind(mut self, kind: Option<&str>) -> Self {
        self.kind = named(kind);
        self
    }
}

fn named(kind: Option<&str>) -> Kind {
    match kind {
        Some("view") => Kind::View,
        Some("timeseries") => Kind::TimeSeries,
        _ => Kind::Collection,
    }
}

fn bytes(document: &Document) -> Result<Vec<u8>> {
    bson::serialize_to_vec(document)
        .map_err(|e| corrupt("the collection's metadata cannot be written as BSON").because(e))
}

/// The parser's reason without its position, which is given as an offset.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Where in the text a line's column is.
fn offset(json: &[u8], line: usize, column: usize) -> usize {
    let before: usize = json
        .split_inclusive(|b| *b == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column.saturating_sub(1)).min(json.len())
}

/// The tools' and the server's version as the `prelude.json` of newer dumps states them.
pub(super) fn server_version(json: &[u8]) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct Prelude {
        #[serde(rename = "ServerVersion")]
        server: Option<String>,
    }
    serde_json::from_slice::<Prelude>(json)
        .map(|prelude| prelude.server.filter(|v| !v.is_empty()))
        .map_err(|e| {
            corrupt(format!("the dump's prelude is not valid JSON: {}", reason(&e)))
                .at("offset", offset(json, e.line(), e.column()))
                .hint("dump again, or remove the file, which states versions only")
        })
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};

    use super::*;

    fn read(bytes: &[u8]) -> Document {
        bson::deserialize_from_slice(bytes).expect("BSON that was just written")
    }

    #[test]
    fn extended_json_keeps_types_and_order() {
        let json = br#"{"options":{"capped":true,"size":{"$numberLong":"4096"}},"indexes":[
            {"v":{"$numberInt":"2"},"key":{"b":{"$numberInt":"1"},"a":{"$numberInt":"-1"}},"name":"b_1_a_-1"},
            {"v":2,"key":{"t":{"$numberDouble":"1.0"},"d":{"$numberDecimal":"0"}},"expireAfterSeconds":60}],
            "uuid":"d2016afbfd1048399ab39a176b1c63ce","collectionName":"things"}"#;
        let metadata = Metadata::parse(json, None).expect("valid");
        assert_eq!(metadata.kind, Kind::Collection);
        assert_eq!(metadata.name.as_deref(), Some("things"));
        assert_eq!(
            read(&metadata.options),
            doc! { "capped": true, "size": Bson::Int64(4096) }
        );
        let indexes: Vec<_> = metadata.indexes.iter().map(|i| read(i)).collect();
        assert_eq!(
            indexes[0],
            doc! { "v": 2, "key": { "b": 1, "a": -1 }, "name": "b_1_a_-1" }
        );
        let keys: Vec<_> = indexes[0]
            .get_document("key")
            .expect("key")
            .keys()
            .cloned()
            .collect();
        assert_eq!(keys, ["b", "a"]);
        let key = indexes[1].get_document("key").expect("key");
        assert_eq!(key.get("t"), Some(&Bson::Double(1.0)));
        assert!(matches!(key.get("d"), Some(Bson::Decimal128(_))));
    }

    #[test]
    fn views_and_time_series_are_told_by_their_options() {
        let view = br#"{"options":{"viewOn":"a","pipeline":[{"$match":{"x":{"$gt":{"$numberInt":"5"}}}}]},"indexes":[]}"#;
        let metadata = Metadata::parse(view, None).expect("valid");
        assert_eq!(metadata.kind, Kind::View);
        assert_eq!(
            read(&metadata.options),
            doc! { "viewOn": "a", "pipeline": [{ "$match": { "x": { "$gt": 5 } } }] }
        );
        let series = br#"{"options":{"timeseries":{"timeField":"t"}},"indexes":[],"type":"timeseries"}"#;
        assert_eq!(
            Metadata::parse(series, None).expect("valid").kind,
            Kind::TimeSeries
        );
        assert_eq!(
            Metadata::parse(b"", Some("view")).expect("valid").kind,
            Kind::View
        );
    }

    #[test]
    fn broken_json_is_refused_with_its_offset() {
        let json = br#"{"options":{},"indexes":[{"key":{"{"a":"b"}":1}}]}"#;
        let error = Metadata::parse(json, None).expect_err("broken");
        assert_eq!(error.kind(), migrate_core::ErrorKind::Corrupt);
        let at = json.windows(3).position(|w| w == b"{\"a").expect("there") + 2;
        assert!(
            error
                .to_string()
                .ends_with(&format!("(offset in the metadata {at})")),
            "{error}"
        );
    }
}
