//! What a dump consists of: found by names and by the first bytes, before any document is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use migrate_core::{Error, Result};

use super::file::DumpFile;
use super::metadata::{Kind, Metadata};
use super::names::{BUCKETS, is_own, is_system};
use crate::classify::{config, corrupt};

/// One database of a dump.
pub(super) struct Layout {
    pub(super) database: String,
    /// The server's version, if the dump states it.
    pub(super) version: Option<String>,
    /// Its collections, views and time series, by name.
    pub(super) stored: BTreeMap<String, Stored>,
    /// The archive that holds the data, if it is one.
    pub(super) archive: Option<Arc<DumpFile>>,
    /// What is in the dump and not read, in sentences.
    pub(super) notes: Vec<String>,
    /// Changes with names, sizes, metadata, and the data's beginnings and ends.
    pub(super) fingerprint: String,
}

/// A collection as the dump describes it.
pub(super) struct Stored {
    pub(super) metadata: Metadata,
    /// The collection whose documents are read for it: its own, or its buckets.
    pub(super) data: String,
    /// The file of its own that holds them. None for views, and in archives.
    pub(super) file: Option<Arc<DumpFile>>,
}

/// Chooses the database: the one asked for, or the only one.
///
/// # Errors
/// [`Config`](migrate_core::ErrorKind::Config), with their names, if that one is missing or there are several.
pub(super) fn choose<'a>(
    names: impl IntoIterator<Item = &'a str>,
    wanted: Option<&str>,
) -> Result<&'a str, Error> {
    let all: Vec<&str> = names.into_iter().collect();
    if let Some(wanted) = wanted {
        return all.iter().copied().find(|name| *name == wanted).ok_or_else(|| {
            config(format!(
                "the dump has no database {wanted:?}; it has {}",
                listed(&all)
            ))
        });
    }
    let users: Vec<&str> = all.iter().copied().filter(|name| !is_own(name)).collect();
    match users[..] {
        [only] => Ok(only),
        [] if all.is_empty() => Err(config("the dump has no database in it")),
        [] => Err(config(format!(
            "the dump holds only the deployment's own databases: {}",
            listed(&all)
        ))
        .hint("name one of them if that is what you want to read")),
        _ => Err(
            config(format!("the dump holds several databases: {}", listed(&users)))
                .hint("name the one to read; each is a migration of its own"),
        ),
    }
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
}

/// Notes for what a database has beside its users' collections.
pub(super) fn note_of(collection: &str) -> Option<String> {
    match collection {
        // Views are read from their own metadata; the rest is the server's own bookkeeping.
        "system.views" | "system.profile" | "system.indexes" | "system.namespaces" => None,
        "system.js" => Some("system.js (stored JavaScript functions) is not migrated".to_owned()),
        "$admin.system.users" | "$admin.system.roles" | "$admin.system.version" => Some(format!(
            "{} (users and roles of the deployment) is not migrated",
            &collection[1..]
        )),
        other if is_system(other) => Some(format!("{other} belongs to the server and is not migrated")),
        _ => None,
    }
}

/// What a dump says that was taken while the database was written to.
pub(super) const OPLOG: &str = "the dump holds an oplog (mongodump --oplog), which is not applied: documents that changed \
                                while the dump was taken are as each collection was read";

/// What the dump says about a collection, and where it says it.
pub(super) struct Described {
    pub(super) metadata: Metadata,
    pub(super) place: String,
}

/// Joins metadata and data: what has documents of its own, what has buckets, and what is a query. Collections of the
/// server are left out with a note.
///
/// # Errors
/// [`Corrupt`](migrate_core::ErrorKind::Corrupt) if a collection's data is missing, or what describes its buckets.
pub(super) fn join(
    described: BTreeMap<String, Described>,
    mut data: BTreeMap<String, Option<Arc<DumpFile>>>,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Stored>> {
    let mut stored = BTreeMap::new();
    for (name, described) in described {
        let Described { mut metadata, place } = described;
        if is_system(&name) {
            data.entry(name).or_default();
            continue;
        }
        let buckets = format!("{BUCKETS}{name}");
        let source = match metadata.kind {
            Kind::TimeSeries if data.contains_key(&buckets) => buckets,
            _ => name.clone(),
        };
        let file = match data.remove(&source) {
            Some(file) => file,
            None if metadata.kind == Kind::View => None,
            None => {
                return Err(corrupt(format!("the data of the collection {name:?} is missing"))
                    .at("metadata", place)
                    .hint("the dump is incomplete; copy all of it or dump again"));
            }
        };
        if metadata.kind == Kind::View && file.is_some() {
            // mongodump --viewsAsCollections stores what the query gave.
            metadata.kind = Kind::Collection;
        }
        stored.insert(
            name,
            Stored {
                metadata,
                data: source,
                file,
            },
        );
    }
    for (name, file) in data {
        if name.starts_with(BUCKETS) {
            let error = corrupt(format!("what describes the time series of {name:?} is missing"))
                .hint("the dump is incomplete; copy all of it, with the .metadata.json files, or dump again");
            return Err(match file {
                Some(file) => file.place(error),
                None => error,
            });
        }
        if is_system(&name) {
            notes.extend(note_of(&name));
            continue;
        }
        notes.push(format!(
            "{name} has no metadata in the dump, so its options and indexes are unknown"
        ));
        stored.insert(
            name.clone(),
            Stored {
                metadata: Metadata::unknown(),
                data: name,
                file,
            },
        );
    }
    Ok(stored)
}
