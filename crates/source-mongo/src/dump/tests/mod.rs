//! Dumps that are written here, damaged here, and real ones.

mod chosen;
mod damaged;
mod large;
mod same;

use std::path::Path;

use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::source::Fill;
use migrate_core::{Error, Result};
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};

use super::{DumpOptions, open};
use crate::store::{Documents, Fields, Page, Store};

/// A small document that can be told from others.
fn document(n: u32, text: &str) -> Vec<u8> {
    bson::serialize_to_vec(&bson::doc! { "_id": n, "text": text }).expect("a document")
}

fn documents(count: u32, text: &str) -> Vec<Vec<u8>> {
    (0..count).map(|n| document(n, text)).collect()
}

/// Two databases; collections of no, one and many documents; odd names.
fn dump(block: usize) -> Dump {
    let collections = vec![
        DumpedCollection::new("crm", "users", documents(50, "user")),
        DumpedCollection::new("crm", "empty", Vec::new()),
        DumpedCollection::new("crm", "a/b c%ü.x", documents(1, "odd")),
        DumpedCollection::new("crm", "system.js", documents(2, "function")),
        DumpedCollection::new("crm", "accounts", documents(33, "account with a longer text")),
        DumpedCollection {
            metadata: r#"{"options":{"viewOn":"users","pipeline":[]},"indexes":[],"type":"view"}"#.to_owned(),
            kind: "view".to_owned(),
            ..DumpedCollection::new("crm", "active", Vec::new())
        },
        DumpedCollection::new("admin", "system.version", documents(1, "version")),
        DumpedCollection::new("shop", "users", documents(7, "another database's user")),
    ];
    Dump { collections, block }
}

fn options(database: &str) -> DumpOptions {
    DumpOptions {
        database: Some(database.to_owned()),
        threads: 2,
    }
}

const SMALL: ChunkGoal = ChunkGoal {
    bytes: 200,
    max_chunks: 10_000,
};

/// All documents of a reader, with the cursor after each.
async fn drain(mut documents: Box<dyn Documents>) -> Result<Vec<(Vec<u8>, Cursor)>> {
    let mut found = Vec::new();
    let mut page = Page::default();
    while documents.fill(&mut page).await? == Fill::More {
        assert!(!page.documents.is_empty());
        for (i, document) in page.iter().enumerate() {
            found.push((document.to_vec(), documents.cursor(&page, i)?));
        }
    }
    Ok(found)
}

/// All documents of a collection, through its parts.
async fn read(store: &dyn Store, collection: &str, goal: ChunkGoal) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for part in store.split(collection, goal).await? {
        let documents = drain(store.open(collection, &part.token, None, &Fields::All).await?).await?;
        // What is known of a time series are its buckets.
        if let Some(stated) = part.documents {
            assert_eq!(stated, documents.len() as u64);
            let bytes: usize = documents.iter().map(|(d, _)| d.len()).sum();
            assert_eq!(part.bytes, Some(bytes as u64));
        }
        all.extend(documents.into_iter().map(|(document, _)| document));
    }
    Ok(all)
}

/// Reads all of a dump, and the inside of every document.
async fn load(path: &Path, options: &DumpOptions) -> Result<Vec<(String, Vec<Vec<u8>>)>> {
    let store = open(path, options)?;
    let mut all = Vec::new();
    for collection in store.collections().await? {
        let documents = read(&*store, &collection.name, SMALL).await?;
        for document in &documents {
            crate::raw::Document::new(document)?.check(crate::raw::MAX_LEVELS)?;
        }
        all.push((collection.name, documents));
    }
    Ok(all)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

/// The error of reading all of a dump.
fn refused(path: &Path, options: &DumpOptions) -> Error {
    runtime()
        .block_on(load(path, options))
        .map(|all| all.len())
        .expect_err("has to be refused")
}
