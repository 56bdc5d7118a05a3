//! The CRM as `mongodump` would write it.

use bson::{Bson, Document, doc};

use super::{COLLECTIONS, Crm, schema};
use crate::mongo::dump::{Dump, DumpedCollection};

/// Bytes of a block of an archive: small, so that collections are mixed.
const BLOCK: usize = 64 << 10;

impl Crm {
    /// Everything, as `mongodump` reads it from a server that [`load`](Self::load) has filled: the same documents,
    /// options, indexes and the view.
    pub fn dump(&self, database: &str) -> Dump {
        let mut collections: Vec<DumpedCollection> = COLLECTIONS
            .iter()
            .enumerate()
            .map(|(place, (name, _))| DumpedCollection {
                database: database.to_owned(),
                name: (*name).to_owned(),
                metadata: metadata(
                    name,
                    "collection",
                    self.options(name),
                    self.indexes(name),
                    Some(place),
                ),
                kind: String::new(),
                documents: self.documents(name).collect(),
            })
            .collect();
        let mut options = schema::view();
        let name = options
            .remove("create")
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default();
        collections.push(DumpedCollection {
            database: database.to_owned(),
            metadata: metadata(&name, "view", options, Vec::new(), None),
            name,
            kind: "view".to_owned(),
            documents: Vec::new(),
        });
        Dump {
            collections,
            block: BLOCK,
        }
    }
}

fn metadata(
    name: &str,
    kind: &str,
    options: Document,
    indexes: Vec<Document>,
    uuid: Option<usize>,
) -> String {
    let mut metadata = Document::new();
    if !options.is_empty() {
        metadata.insert("options", options);
    }
    metadata.insert("indexes", indexes);
    metadata.insert(
        "uuid",
        uuid.map(|number| format!("{number:032x}")).unwrap_or_default(),
    );
    metadata.extend(doc! { "collectionName": name, "type": kind });
    let mut text = String::new();
    write(&Bson::Document(metadata), &mut text);
    text
}

/// Canonical Extended JSON (version 2 of its specification) of what options and indexes are made of.
fn write(value: &Bson, out: &mut String) {
    match value {
        Bson::Document(document) => {
            out.push('{');
            for (place, (name, value)) in document.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                string(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Bson::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(value, out);
            }
            out.push(']');
        }
        Bson::String(text) => string(text, out),
        Bson::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Bson::Int32(value) => out.push_str(&format!(r#"{{"$numberInt":"{value}"}}"#)),
        Bson::Int64(value) => out.push_str(&format!(r#"{{"$numberLong":"{value}"}}"#)),
        other => panic!("options and indexes hold no {:?}", other.element_type()),
    }
}

/// No name or text in options and indexes has characters other than these two that need an escape.
fn string(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(&text.replace('\\', r"\\").replace('"', r#"\""#));
    out.push('"');
}
