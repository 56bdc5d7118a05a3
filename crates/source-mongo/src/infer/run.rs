//! Reading all collections, several parts at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use migrate_core::chunk::ChunkGoal;
use migrate_core::source::Fill;
use migrate_core::{Error, Result};
use tokio::task::{JoinSet, spawn_blocking};

use crate::classify::internal;
use crate::raw::Malformed;
use crate::store::{Collection, Documents, Fields, Page, Store};

use super::tree::{Limits, LooksLikeReference, Tree};

/// Parts that are read at the same time, at most.
const WORKERS: usize = 4;

/// Bytes of a part.
const GOAL: ChunkGoal = ChunkGoal {
    bytes: 32 << 20,
    max_chunks: 10_000,
};

/// Hashes for proving references that are kept of all collections, of 8 bytes each.
const HELD: usize = 4 << 20;

/// What all collections hold.
#[derive(Clone, Default)]
pub(crate) struct Inference {
    /// The paths of each collection that is no view.
    pub(crate) collections: BTreeMap<String, Tree>,
    /// Documents of each collection that were looked at, if not all.
    pub(crate) sample: Option<u64>,
}

/// What is to be read next.
struct Job {
    collection: String,
    /// The part's token; none for a sample.
    token: Option<String>,
}

/// What the workers share.
struct Shared {
    store: Arc<dyn Store>,
    sample: Option<u64>,
    references: Option<Arc<LooksLikeReference>>,
    jobs: Mutex<VecDeque<Job>>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    trees: BTreeMap<String, Tree>,
    /// Hashes kept of each collection.
    hashes: BTreeMap<String, usize>,
}

/// Reads the collections, all documents or a sample of about `sample` of each. Values of fields whose names look like
/// references are kept, hashed, for proof; in a sample nothing can be proven.
///
/// Memory does not depend on the number of documents: pages, up to [`Limits::paths`] paths for each collection, and
/// 64 MiB for hashes.
///
/// # Errors
/// Whatever the store reports, and [`Corrupt`](migrate_core::ErrorKind::Corrupt) with the document's place.
pub(crate) async fn infer(
    store: &Arc<dyn Store>,
    collections: &[Collection],
    sample: Option<u64>,
    references: Arc<LooksLikeReference>,
) -> Result<Inference> {
    let mut jobs = VecDeque::new();
    let mut found = Found::default();
    for collection in collections.iter().filter(|c| c.kind != "view") {
        let name = &collection.name;
        found
            .trees
            .insert(name.clone(), Tree::new(Limits::default(), None));
        if sample.is_some() {
            jobs.push_back(Job {
                collection: name.clone(),
                token: None,
            });
            continue;
        }
        for part in store.split_for_one_look(name, GOAL).await? {
            jobs.push_back(Job {
                collection: name.clone(),
                token: Some(part.token),
            });
        }
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let shared = Arc::new(Shared {
        store: Arc::clone(store),
        sample,
        references: sample.is_none().then_some(references),
        jobs: Mutex::new(jobs),
        found: Mutex::new(found),
    });
    let mut running = JoinSet::new();
    for _ in 0..workers.clamp(1, WORKERS) {
        let shared = Arc::clone(&shared);
        running.spawn(async move { shared.work().await });
    }
    while let Some(outcome) = running.join_next().await {
        // Dropping the set stops the others.
        outcome.map_err(|_| internal("a worker of the inference stopped early"))??;
    }
    let mut found = shared.found.lock().unwrap_or_else(PoisonError::into_inner);
    let trees = std::mem::take(&mut found.trees).into_iter();
    Ok(Inference {
        collections: trees.map(|(name, tree)| (name, tree.sorted())).collect(),
        sample,
    })
}

impl Shared {
    async fn work(&self) -> Result<()> {
        loop {
            let job = self
                .jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(job) = job else { return Ok(()) };
            let tree = self
                .read(&job)
                .await
                .map_err(|e| e.at("collection", &job.collection))?;
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.add(&job.collection, tree);
        }
    }

    async fn read(&self, job: &Job) -> Result<Tree> {
        let mut documents = match (&job.token, self.sample) {
            (Some(token), _) => {
                self.store
                    .open(&job.collection, token, None, &Fields::All)
                    .await?
            }
            (None, size) => {
                self.store
                    .sample(&job.collection, size.unwrap_or_default())
                    .await?
            }
        };
        let mut tree = Tree::new(Limits::default(), self.references.clone());
        let (mut page, mut spare) = (Page::default(), Page::default());
        let mut fill = documents.fill(&mut page).await?;
        loop {
            // The next page arrives while this one is walked.
            let walking = spawn_blocking(move || {
                let outcome = walk(&mut tree, &page);
                (tree, page, outcome)
            });
            let next = match fill {
                Fill::More => Some(documents.fill(&mut spare).await),
                Fill::End => None,
            };
            let outcome;
            (tree, page, outcome) = walking
                .await
                .map_err(|_| internal("walking documents stopped early"))?;
            outcome.map_err(|(index, damage)| damaged(&*documents, &page, index, damage))?;
            match next {
                None => return Ok(tree),
                Some(next) => fill = next?,
            }
            std::mem::swap(&mut page, &mut spare);
        }
    }
}

fn walk(tree: &mut Tree, page: &Page) -> Result<(), (usize, Malformed)> {
    for (index, document) in page.iter().enumerate() {
        tree.add(document).map_err(|damage| (index, damage))?;
    }
    Ok(())
}

fn damaged(documents: &dyn Documents, page: &Page, index: usize, damage: Malformed) -> Error {
    Error::from(damage).at("document", documents.place(page, index))
}

impl Found {
    /// Adds a part, and samples the largest sets of hashes until all fit.
    fn add(&mut self, collection: &str, part: Tree) {
        let Some(tree) = self.trees.get_mut(collection) else {
            return;
        };
        tree.merge(part);
        self.hashes.insert(collection.to_owned(), hashes(tree));
        while self.hashes.values().sum::<usize>() > HELD {
            let largest = self
                .hashes
                .iter()
                .max_by_key(|(_, n)| **n)
                .map(|(name, _)| name.clone());
            let Some((name, tree)) = largest.and_then(|n| self.trees.get_mut(&n).map(|t| (n, t))) else {
                return;
            };
            let mut most = 0;
            tree.visit_stats(&mut |stats| most = most.max(stats.keys.as_ref().map_or(0, |k| k.len())));
            tree.visit_stats(&mut |stats| {
                if let Some(keys) = &mut stats.keys
                    && keys.len() * 2 > most
                {
                    keys.sample();
                }
            });
            let left = hashes(tree);
            self.hashes.insert(name, left);
        }
    }
}

fn hashes(tree: &Tree) -> usize {
    let mut all = 0;
    tree.visit(&mut |node| all += node.stats.keys.as_ref().map_or(0, |k| k.len()));
    all
}
