//! Which collections there are, with their options, indexes and sizes.

use bson::{Bson, Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use migrate_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use super::deployment::{Deployment, Of};
use super::moment::Moment;
use super::patience::persist;
use crate::classify::corrupt;
use crate::store::Collection;

/// Questions about collections that are asked at the same time.
const AT_ONCE: usize = 8;

/// What is known about a collection, apart from what a plan is made of.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) collection: Collection,
    /// Changes when it is dropped and made again. Views have none.
    pub(super) uuid: Option<Vec<u8>>,
    /// Whether there is an index on `_id` to read along.
    pub(super) by_id: bool,
    /// Whether it is capped, as far as known.
    pub(super) capped: bool,
}

impl Facts {
    /// The average size of a document in bytes.
    pub(super) fn average(&self) -> Option<u64> {
        let documents = self.collection.documents.filter(|documents| *documents > 0)?;
        Some(self.collection.bytes? / documents)
    }
}

/// All collections but the system's, sorted by name.
pub(super) async fn list(deployment: &Deployment, moment: &Moment) -> Result<Vec<Facts>> {
    let entries = entries(deployment, moment, doc! {}).await?;
    let mut facts: Vec<Facts> = stream::iter(entries)
        .map(|entry| describe(deployment, moment, entry))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    facts.sort_by(|a, b| a.collection.name.cmp(&b.collection.name));
    Ok(facts)
}

/// One collection.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) if there is none of that name.
pub(super) async fn find(deployment: &Deployment, moment: &Moment, name: &str) -> Result<Facts> {
    let entries = entries(deployment, moment, doc! { "name": name }).await?;
    match entries.into_iter().find(|entry| entry.name == name) {
        Some(entry) => describe(deployment, moment, entry).await,
        None => Err(
            Error::source_side(ErrorKind::NotFound, "there is no such collection (any more)")
                .at("collection", name),
        ),
    }
}

/// The uuid of a collection right now; `None` where there is none, or no such collection.
pub(super) async fn uuid(deployment: &Deployment, moment: &Moment, name: &str) -> Result<Option<Vec<u8>>> {
    let entries = entries(deployment, moment, doc! { "name": name }).await?;
    Ok(entries
        .into_iter()
        .find(|entry| entry.name == name)
        .and_then(|entry| entry.uuid))
}

/// A hash of the collections' names and uuids.
pub(super) fn fingerprint(database: &str, facts: &[Facts]) -> String {
    let mut hash = Sha256::new();
    hash.update(database);
    for facts in facts {
        hash.update([0]);
        hash.update(&facts.collection.name);
        hash.update([0]);
        hash.update(facts.uuid.as_deref().unwrap_or_default());
    }
    hex::encode(&hash.finalize()[..16])
}

/// An entry of `listCollections`.
struct Entry {
    name: String,
    kind: String,
    options: Vec<u8>,
    capped: bool,
    uuid: Option<Vec<u8>>,
}

async fn entries(deployment: &Deployment, moment: &Moment, filter: Document) -> Result<Vec<Entry>> {
    const UNAUTHORIZED: &str = "the options of collections are not known: the user may not list them";
    let what = "listing collections";
    let full = doc! { "listCollections": 1, "filter": filter.clone(), "cursor": { "batchSize": 1000 } };
    let documents = match deployment.collect(Of::Catalog, what, &full).await {
        Err(error) if error.kind() == ErrorKind::Permission => {
            // Who may read some collections only may ask for their names.
            moment.note(UNAUTHORIZED.to_owned());
            let names = doc! {
                "listCollections": 1, "filter": filter, "nameOnly": true, "authorizedCollections": true,
            };
            deployment.collect(Of::Catalog, what, &names).await?
        }
        other => other?,
    };
    let mut entries = Vec::new();
    for bytes in documents {
        let document = Document::from_reader(bytes.as_slice())
            .map_err(|_| corrupt("the server describes a collection with something that is no BSON"))?;
        let name = document.get_str("name").unwrap_or_default().to_owned();
        if name.is_empty() || name.starts_with("system.") {
            continue;
        }
        let options = document.get_document("options").cloned().unwrap_or_default();
        let uuid = document
            .get_document("info")
            .ok()
            .and_then(|info| match info.get("uuid") {
                Some(Bson::Binary(binary)) => Some(binary.bytes.clone()),
                _ => None,
            });
        entries.push(Entry {
            name,
            kind: document.get_str("type").unwrap_or("collection").to_owned(),
            capped: options.get_bool("capped").unwrap_or(false),
            options: options
                .to_vec()
                .map_err(|_| corrupt("a collection's options are no BSON"))?,
            uuid,
        });
    }
    Ok(entries)
}

async fn describe(deployment: &Deployment, moment: &Moment, entry: Entry) -> Result<Facts> {
    let is_collection = entry.kind == "collection";
    let indexes = if entry.kind == "view" {
        Vec::new()
    } else {
        indexes(deployment, moment, &entry.name).await?
    };
    let (documents, bytes) = match entry.kind.as_str() {
        "view" => (None, None),
        // The server counts buckets of measurements.
        "timeseries" => (
            None,
            sizes(deployment, moment, &entry.name)
                .await?
                .map(|(_, bytes)| bytes),
        ),
        _ => sizes(deployment, moment, &entry.name).await?.unzip(),
    };
    let documents = match documents {
        None if is_collection => count(deployment, &entry.name).await,
        known => known,
    };
    let by_id = is_collection && (indexes.is_empty() || indexes.iter().any(|index| is_on_id(index)));
    Ok(Facts {
        collection: Collection {
            name: entry.name,
            kind: entry.kind,
            options: entry.options,
            indexes,
            documents,
            bytes,
        },
        uuid: entry.uuid,
        by_id,
        capped: entry.capped,
    })
}

/// The indexes, none where they may not be seen.
async fn indexes(deployment: &Deployment, moment: &Moment, name: &str) -> Result<Vec<Vec<u8>>> {
    let command = doc! { "listIndexes": name, "cursor": { "batchSize": 1000 } };
    match deployment
        .collect(Of::Catalog, &format!("listing the indexes of {name}"), &command)
        .await
    {
        Err(error) if error.kind() == ErrorKind::Permission => {
            moment.note(format!(
                "the indexes of {name} are not known: the user may not list them"
            ));
            Ok(Vec::new())
        }
        // It was dropped since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Whether an index is the one on `_id`, or the collection is clustered by it.
fn is_on_id(index: &[u8]) -> bool {
    let Ok(index) = Document::from_reader(index) else {
        return false;
    };
    index
        .get_document("key")
        .is_ok_and(|key| key.len() == 1 && key.contains_key("_id"))
}

/// Documents and bytes, summed up over the shards; `None` where the user may not see them.
async fn sizes(deployment: &Deployment, moment: &Moment, name: &str) -> Result<Option<(u64, u64)>> {
    let command = doc! {
        "aggregate": name, "cursor": {},
        "pipeline": [
            { "$collStats": { "storageStats": {} } },
            { "$project": { "count": "$storageStats.count", "size": "$storageStats.size" } },
        ],
    };
    let shards = match deployment
        .collect(Of::Catalog, &format!("asking for the size of {name}"), &command)
        .await
    {
        Ok(shards) => shards,
        Err(error) if error.kind() == ErrorKind::Connection => return Err(error),
        Err(_) => {
            moment.note(format!(
                "the size of {name} is not known: the server does not tell it"
            ));
            return Ok(None);
        }
    };
    let mut sum = (0, 0);
    for shard in shards {
        let shard = Document::from_reader(shard.as_slice())
            .map_err(|_| corrupt("the server describes a size with something that is no BSON"))?;
        sum.0 += number(shard.get("count"));
        sum.1 += number(shard.get("size"));
    }
    Ok(Some(sum))
}

/// The number of documents by the collection's own account, if the user may have that.
async fn count(deployment: &Deployment, name: &str) -> Option<u64> {
    let attempt = || deployment.run(doc! { "count": name });
    let reply = persist(deployment.patience, "counting", attempt).await.ok()?;
    Some(number(reply.get("n")))
}

fn number(value: Option<&Bson>) -> u64 {
    match value {
        Some(Bson::Int32(n)) => u64::try_from(*n).unwrap_or(0),
        Some(Bson::Int64(n)) => u64::try_from(*n).unwrap_or(0),
        Some(Bson::Double(n)) => *n as u64,
        _ => 0,
    }
}
