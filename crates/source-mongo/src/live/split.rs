//! Cutting a collection into ranges of `_id`.

use bson::{Bson, doc};
use migrate_core::Result;
use migrate_core::chunk::ChunkGoal;

use super::catalog::Facts;
use super::deployment::Of;
use super::feed::{TOO_OLD, UNAVAILABLE};
use super::key::Key;
use super::query::Extent;
use super::store::Shared;
use crate::classify::{code, corrupt};
use crate::store::Part;

/// Random documents for each boundary: ranges then differ in size by a quarter or so.
const SAMPLES: u64 = 20;

/// Random documents at most.
const MOST_SAMPLES: u64 = 100_000;

/// Documents larger than this are not worth reading for their `_id`: the server is asked to walk the index instead.
const LARGE: u64 = 16 << 10;

/// Parts of about `goal.bytes` that together hold each document once; none where there is no document.
pub(super) async fn split(shared: &Shared, facts: &Facts, goal: ChunkGoal) -> Result<Vec<Part>> {
    let name = &facts.collection.name;
    if is_empty(shared, name).await? {
        return Ok(Vec::new());
    }
    let (documents, bytes) = (facts.collection.documents, facts.collection.bytes);
    if !facts.by_id {
        return Ok(vec![Part {
            token: Extent::Whole.token(),
            documents,
            bytes,
        }]);
    }
    let wanted = bytes
        .unwrap_or(0)
        .div_ceil(goal.bytes.max(1))
        .min(u64::from(goal.max_chunks))
        .max(1);
    let bounds = if wanted == 1 {
        Vec::new()
    } else {
        bounds(shared, facts, wanted).await?
    };
    let count = bounds.len() as u64 + 1;
    let mut low = None;
    let mut parts = Vec::new();
    for high in bounds.into_iter().map(Some).chain([None]) {
        parts.push(Part {
            token: Extent::Range(low, high.clone()).token(),
            documents: documents.map(|documents| documents / count),
            bytes: bytes.map(|bytes| bytes / count),
        });
        low = high;
    }
    Ok(parts)
}

async fn is_empty(shared: &Shared, name: &str) -> Result<bool> {
    let mut find = doc! {
        "find": name, "limit": 1, "singleBatch": true, "batchSize": 1, "projection": { "_id": 1 },
    };
    let (concern, moment) = shared.moment.concern(&shared.deployment, name);
    if let Some(concern) = concern {
        find.insert("readConcern", concern);
    }
    if moment.is_some() {
        match shared.deployment.collect_once(Of::Documents, &find).await {
            Ok(found) => return Ok(found.is_empty()),
            // The reader will find out what is to be read instead.
            Err(error) if matches!(code(&error), Some(TOO_OLD | UNAVAILABLE)) => return Ok(false),
            Err(_) => {}
        }
    }
    let found = shared
        .deployment
        .collect(Of::Documents, "looking for documents", &find)
        .await;
    found
        .map(|found| found.is_empty())
        .map_err(|error| error.at("collection", name))
}

/// Up to `parts - 1` different keys in the order of the index, one between each two ranges.
async fn bounds(shared: &Shared, facts: &Facts, parts: u64) -> Result<Vec<Key>> {
    let name = &facts.collection.name;
    if facts.average().is_some_and(|average| average > LARGE)
        && let Some(bounds) = walk(shared, facts, parts).await
    {
        return Ok(bounds);
    }
    // The server sorts, so that values of several types come in the order of its index, and texts in that of the
    // collection's collation.
    let size = (parts * SAMPLES).clamp(100, MOST_SAMPLES.max(parts));
    let command = doc! {
        "aggregate": name, "cursor": {}, "allowDiskUse": true,
        "pipeline": [
            { "$sample": { "size": i64::try_from(size).unwrap_or(i64::MAX) } },
            { "$project": { "_id": 1 } },
            { "$sort": { "_id": 1 } },
        ],
    };
    let sample = shared
        .deployment
        .collect(Of::Documents, "sampling keys", &command)
        .await;
    let mut keys = sample
        .map_err(|error| error.at("collection", name))?
        .iter()
        .map(|document| Key::of(document))
        .collect::<Result<Vec<Key>>>()?;
    keys.dedup();
    Ok(choose(keys, parts as usize))
}

/// Evenly distributed ones, but never the first: nothing need be before it.
fn choose(keys: Vec<Key>, parts: usize) -> Vec<Key> {
    let count = keys.len();
    let mut chosen: Vec<usize> = (1..parts)
        .map(|part| part * count / parts)
        .filter(|index| *index > 0)
        .collect();
    chosen.dedup();
    let mut keys: Vec<Option<Key>> = keys.into_iter().map(Some).collect();
    chosen
        .into_iter()
        .filter_map(|index| keys[index].take())
        .collect()
}

/// As the server itself would split the collection; `None` where it does not, or the user has not the right.
pub(super) async fn walk(shared: &Shared, facts: &Facts, parts: u64) -> Option<Vec<Key>> {
    let size = facts.collection.bytes? / parts;
    let command = doc! {
        "splitVector": format!("{}.{}", shared.deployment.database(), facts.collection.name),
        "keyPattern": { "_id": 1 },
        // The server splits at half of this.
        "maxChunkSizeBytes": i64::try_from(size.saturating_mul(2)).ok()?,
        "maxChunkObjects": i64::MAX,
    };
    let reply = shared.deployment.run_admin(command).await.ok()?;
    let keys = reply.get_array("splitKeys").ok()?;
    keys.iter().map(|key| key_of(key).ok()).collect()
}

fn key_of(document: &Bson) -> Result<Key> {
    let bad = || corrupt("the server splits at something that is no _id");
    let bytes = document
        .as_document()
        .ok_or_else(bad)?
        .to_vec()
        .map_err(|_| bad())?;
    Key::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: i32) -> Vec<Key> {
        (0..count)
            .map(|n| Key::of(&doc! { "_id": n }.to_vec().unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn boundaries_are_spread_evenly() {
        let all = keys(100);
        assert_eq!(
            choose(all.clone(), 4),
            [all[25].clone(), all[50].clone(), all[75].clone()]
        );
        assert_eq!(choose(keys(0), 4), []);
        assert_eq!(choose(keys(1), 4), []);
        assert_eq!(choose(keys(2), 9), [keys(2)[1].clone()]);
        assert_eq!(choose(keys(3), 1), []);
    }
}
