//! From what collections hold to tables that a person would have designed.
//!
//! ```text
//! Inference + Collection (indexes, options) + MongoOptions  ->  Catalog
//! ```
//!
//! Pure: no I/O, and the same input gives the same catalog. `docs/mongodb-mapping.md` says the rules in words. Tables and
//! columns are named after where they come from ([`shape`](crate::shape)); a column's `native` says which BSON types are in
//! it and what its NULL means ([`Native`]).

mod arrays;
mod build;
mod check;
mod choose;
mod draft;
mod filter;
mod identity;
mod indexes;
mod kinds;
mod locate;
mod names;
mod native;
mod options;
mod reference;
mod reshape;
mod types;
mod validators;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use bson::Document;
use migrate_core::Result;
use migrate_core::catalog::{Catalog, SourceInfo};

use crate::classify::corrupt;
use crate::infer::{Inference, LooksLikeReference};
use crate::store::{Collection, StoreInfo};

pub(crate) use native::{Native, NoRows, Type, Types, UuidOrder};
pub use options::{
    Choice, KeyType, MongoOptions, NotNull, Nulls, ObjectIdType, Overflow, Polymorphic, Targets, UuidBinary,
};

/// Which fields' values the inference has to keep for proving references.
pub(crate) fn looks_like_reference(
    collections: &[Collection],
    options: &MongoOptions,
) -> Arc<LooksLikeReference> {
    let names = reference::Collections::new(collections.iter().map(|c| c.name.as_str()));
    Arc::new(names).looks_like_reference(options)
}

/// Makes the catalog.
///
/// # Errors
/// [`Config`](migrate_core::ErrorKind::Config) for options that cannot be carried out, and
/// [`Corrupt`](migrate_core::ErrorKind::Corrupt) if the description of a collection is damaged.
pub(crate) fn catalog(
    info: &StoreInfo,
    collections: &[Collection],
    inference: &Inference,
    options: &MongoOptions,
) -> Result<Catalog> {
    let mut described = Vec::new();
    let mut required = BTreeSet::new();
    for collection in collections {
        let in_place = |e: migrate_core::Error| e.at("collection", &collection.name);
        let own = document(&collection.options).map_err(in_place)?;
        let indexes = collection
            .indexes
            .iter()
            .map(|i| document(i))
            .collect::<Result<Vec<_>>>();
        let paths = validators::required(&own).into_iter();
        required.extend(paths.map(|path| (collection.name.clone(), path)));
        described.push((collection, own, indexes.map_err(in_place)?));
    }
    let mut builder = build::Builder::new(&info.database, inference, options, required);
    let mut manual = Vec::new();
    for (collection, own, indexes) in &described {
        let name = &collection.name;
        let Some(tree) = inference.collections.get(name) else {
            manual.push(kinds::view(name, own));
            continue;
        };
        let first = builder.drafts.len();
        builder.collection(name, tree)?;
        let drafts = &mut builder.drafts[first..];
        drafts[0].table.bytes = collection.bytes;
        if let Some(sample) = inference.sample {
            drafts[0].table.rows = collection.documents;
            drafts[0].note(format!(
                "only a sample of about {sample} documents was looked at: what others have besides goes to the overflow, and \
                 nothing is proven"
            ));
        }
        kinds::notes(&mut drafts[0], &collection.kind, own);
        validators::add(drafts, name, own, &mut manual);
        indexes::add(drafts, name, indexes, &mut manual);
    }
    if inference.sample.is_none() {
        builder.check_options()?;
    }
    let text = written::text(&builder.written, options, &builder.references);
    let proposals = names::propose(&builder.drafts, &options.overflow.0, &builder.targets);
    Ok(Catalog {
        source: SourceInfo {
            kind: "mongodb".to_owned(),
            name: info.name.clone(),
            version: info.version.clone(),
            collation: None,
            fingerprint: info.fingerprint.clone(),
        },
        schemas: vec![info.database.clone()],
        tables: builder.drafts.into_iter().map(draft::Draft::finish).collect(),
        manual,
        options: text,
        proposals,
        reshapes: builder.reshapes.into_values().collect(),
        ..Catalog::default()
    })
}

/// A description's BSON; nothing is an empty document.
fn document(bytes: &[u8]) -> Result<Document> {
    if bytes.is_empty() {
        return Ok(Document::new());
    }
    Document::from_reader(bytes).map_err(|e| corrupt("the description of a collection is damaged").because(e))
}
