//! Reading collections through a store, part by part and page by page.

use std::sync::Mutex;

use async_trait::async_trait;
use bson::doc;
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::source::Fill;
use migrate_core::{Error, ErrorKind, Result};

use crate::store::{Collection, Documents, Fields, Page, Part, Store, StoreInfo};

use super::*;

/// Documents in parts, which are read in pages of three.
struct Memory {
    info: StoreInfo,
    parts: Vec<Vec<Vec<u8>>>,
    /// The part that breaks at its end.
    breaks: Option<usize>,
    sampled: Mutex<Vec<u64>>,
}

struct Reading {
    left: Vec<Vec<u8>>,
    breaks: bool,
}

#[async_trait]
impl Store for Memory {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn collections(&self) -> Result<Vec<Collection>> {
        Ok(vec![collection("c", "collection"), collection("v", "view")])
    }

    async fn split(&self, collection: &str, _: ChunkGoal) -> Result<Vec<Part>> {
        assert_eq!(collection, "c", "views are not read");
        let part = |n: usize| Part {
            token: n.to_string(),
            documents: None,
            bytes: None,
        };
        Ok((0..self.parts.len()).map(part).collect())
    }

    async fn open(
        &self,
        _: &str,
        token: &str,
        _: Option<&Cursor>,
        fields: &Fields,
    ) -> Result<Box<dyn Documents>> {
        assert_eq!(fields, &Fields::All);
        let part: usize = token.parse().unwrap();
        Ok(Box::new(Reading {
            left: self.parts[part].clone(),
            breaks: self.breaks == Some(part),
        }))
    }

    async fn sample(&self, _: &str, size: u64) -> Result<Box<dyn Documents>> {
        self.sampled.lock().unwrap().push(size);
        Ok(Box::new(Reading {
            left: self.parts[0].clone(),
            breaks: false,
        }))
    }
}

#[async_trait]
impl Documents for Reading {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        page.bytes.clear();
        page.documents.clear();
        let next = self.left.len().min(3);
        for document in self.left.drain(..next) {
            let start = page.bytes.len();
            page.bytes.extend(document);
            page.documents.push(start..page.bytes.len());
        }
        match (self.left.is_empty(), self.breaks) {
            (false, _) => Ok(Fill::More),
            (true, false) => Ok(Fill::End),
            (true, true) => Err(Error::source_side(ErrorKind::Connection, "lost")),
        }
    }

    fn cursor(&self, _: &Page, index: usize) -> Result<Cursor> {
        Ok(Cursor(index.to_string()))
    }

    fn place(&self, page: &Page, index: usize) -> String {
        format!("{index} of {}", page.documents.len())
    }
}

fn collection(name: &str, kind: &str) -> Collection {
    Collection {
        name: name.to_owned(),
        kind: kind.to_owned(),
        options: Vec::new(),
        indexes: Vec::new(),
        documents: None,
        bytes: None,
    }
}

fn store(parts: Vec<Vec<Vec<u8>>>, breaks: Option<usize>) -> Arc<Memory> {
    Arc::new(Memory {
        info: StoreInfo {
            database: "d".to_owned(),
            name: "d".to_owned(),
            version: "7".to_owned(),
            fingerprint: String::new(),
        },
        parts,
        breaks,
        sampled: Mutex::default(),
    })
}

async fn read(store: &Arc<Memory>, sample: Option<u64>) -> Result<Inference> {
    let store: Arc<dyn Store> = store.clone();
    let collections = store.collections().await?;
    infer(&store, &collections, sample, Arc::new(|name: &str| name == "ref")).await
}

/// Documents 0 to `n`, in parts of seven.
fn parts(n: i32) -> Vec<Vec<Vec<u8>>> {
    let documents: Vec<Vec<u8>> = (0..n)
        .map(|n| bytes(&doc! { "_id": n, "ref": n / 2, "s": "x".repeat(n as usize % 5) }))
        .collect();
    documents.chunks(7).map(<[_]>::to_vec).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_parts_are_read_once() {
    let inference = read(&store(parts(100), None), None).await.unwrap();
    assert_eq!(inference.collections.keys().collect::<Vec<_>>(), ["c"]);
    let tree = &inference.collections["c"];
    assert_eq!(tree.documents(), 100);
    let keys = |name: &str| tree.root.field(name).unwrap().stats.keys.as_ref().unwrap();
    let resolved = keys("ref").among(keys("_id"));
    assert_eq!(
        (resolved.checked, resolved.found, resolved.sampled),
        (50, 50, false)
    );
    let paths: Vec<String> = reports(&inference)[0]
        .paths
        .iter()
        .map(|p| p.path.clone())
        .collect();
    assert_eq!(paths, ["_id", "ref", "s"]);
}

#[tokio::test]
async fn an_empty_collection_is_there_too() {
    let inference = read(&store(vec![], None), None).await.unwrap();
    assert_eq!(inference.collections["c"].documents(), 0);
}

#[tokio::test]
async fn a_sample_is_read_through_the_store_and_proves_nothing() {
    let store = store(parts(10), None);
    let inference = read(&store, Some(5)).await.unwrap();
    assert_eq!(*store.sampled.lock().unwrap(), [5]);
    let tree = &inference.collections["c"];
    assert_eq!(tree.documents(), 7);
    assert!(tree.root.field("_id").unwrap().stats.keys.is_none());
}

#[tokio::test]
async fn errors_are_not_taken_for_the_end() {
    let error = read(&store(parts(30), Some(2)), None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.to_string().contains("collection c"), "{error}");
}

#[tokio::test]
async fn damage_is_reported_with_its_place() {
    let mut all = parts(30);
    let end = all[1][4].len() - 1;
    all[1][4][end] = 1;
    let error = read(&store(all, None), None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("document 1 of 3"), "{error}");
    assert!(error.to_string().contains("collection c"), "{error}");
}
