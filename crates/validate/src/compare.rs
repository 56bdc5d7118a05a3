//! Which rows of two tables differ, in bounded memory and at most one more reading of where they can be.
//!
//! The first reading of both sides adds up hashes in buckets of the key's hash, which do not depend on the order of rows, on
//! ranges of keys, nor on who sorts how; and notes for each bucket in which stretches of the table its rows lie. In the
//! second only stretches with rows of buckets that differ are read, and only these rows are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use migrate_core::digest::Digest;
use migrate_core::{Error, ErrorKind, Result};

use crate::buckets::{self, Bucket, Summing, Sums};
use crate::difference::Pair;
use crate::key::KeyFinder;
use crate::rows::{OpenTable, TableSide};
use crate::stretch::Stretches;

/// Rows and bytes that one round of the second reading keeps of each side, about; one bucket is always taken.
const ROUND_ROWS: u64 = 50_000;
const ROUND_BYTES: u64 = 8 << 20;

/// A side after the first reading.
struct Read {
    table: Arc<OpenTable>,
    sums: Arc<Sums>,
    stretches: Stretches,
    rejected: u64,
}

/// The first reading.
async fn sums(side: TableSide, mut key: KeyFinder, buckets: usize) -> Result<Read> {
    let table = side.open().await?;
    let mut summing = Summing::new(buckets);
    let reading = table
        .read(table.all(), |stretch, row| {
            summing.add(key.of(row)?, row, stretch);
            Ok(())
        })
        .await?;
    Ok(Read {
        table,
        sums: Arc::new(summing.finish()),
        stretches: reading.stretches,
        rejected: reading.rejected,
    })
}

/// Rows and how often each is there, by key.
type Rows = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, u64>>;

/// The rows of some buckets.
struct Collecting {
    table: Arc<OpenTable>,
    sums: Arc<Sums>,
    stretches: Stretches,
    chosen: Arc<BTreeSet<usize>>,
    key: KeyFinder,
}

impl Collecting {
    async fn run(mut self) -> Result<Rows> {
        let places = self
            .chosen
            .iter()
            .fold(0, |all, b| all | self.sums.get(*b).places());
        let rows = self.read(self.table.some(&self.stretches, places)).await?;
        if self.is_what_was_read(&rows)? {
            return Ok(rows);
        }
        // Somebody writes to the table, and rows do not lie where they lay.
        self.read(self.table.all()).await
    }

    async fn read(&mut self, spans: Vec<crate::stretch::Span>) -> Result<Rows> {
        let mut rows = Rows::new();
        let (key, chosen, sums) = (&mut self.key, &self.chosen, &self.sums);
        self.table
            .read(spans, |_, row| {
                let key = key.of(row)?;
                if chosen.contains(&sums.bucket_of(key)) {
                    let alike = rows.entry(key.to_vec()).or_default();
                    *alike.entry(row.to_vec()).or_default() += 1;
                }
                Ok(())
            })
            .await?;
        Ok(rows)
    }

    fn is_what_was_read(&self, rows: &Rows) -> Result<bool> {
        let mut found: BTreeMap<usize, Bucket> = BTreeMap::new();
        for (key, alike) in rows {
            let bucket = found.entry(self.sums.bucket_of(key)).or_default();
            for (row, times) in alike {
                (0..*times).for_each(|_| bucket.add(Digest::hash_row(row), row.len(), 0));
            }
        }
        let agrees = |bucket: &usize| {
            let now = found.get(bucket).copied().unwrap_or_default();
            now.agrees(&self.sums.get(*bucket))
        };
        Ok(self.chosen.iter().all(agrees))
    }
}

/// Two sides after the first reading. `left` is what should be, `right` what is.
pub(crate) struct Comparison {
    left: Read,
    right: Read,
    key: KeyFinder,
    /// Buckets that differ and were not looked at yet.
    waiting: Vec<usize>,
}

impl Comparison {
    /// Reads both sides at the same time. `at_once` tables are compared at the same time.
    pub(crate) async fn read(left: TableSide, right: TableSide, at_once: usize) -> Result<Self> {
        let key = KeyFinder::new(&left.table);
        let buckets = buckets::how_many(left.rows.max(right.rows), at_once);
        let (left, right) = both(
            sums(left, key.clone(), buckets),
            sums(right, key.clone(), buckets),
        )
        .await?;
        let mut waiting = left.sums.differing(&right.sums);
        waiting.reverse();
        Ok(Self {
            left,
            right,
            key,
            waiting,
        })
    }

    pub(crate) fn left(&self) -> Digest {
        self.left.sums.total()
    }

    pub(crate) fn right(&self) -> Digest {
        self.right.sums.total()
    }

    /// Rows of the left side that have no encoding.
    pub(crate) fn rejected(&self) -> u64 {
        self.left.rejected
    }

    /// Rows of either side that have no encoding.
    pub(crate) fn not_compared(&self) -> u64 {
        self.left.rejected + self.right.rejected
    }

    pub(crate) fn key(&self) -> &KeyFinder {
        &self.key
    }

    /// Whether differing rows are left that no round has looked at.
    pub(crate) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many rows the right side lacks if it lacks rows and has no other difference, as far as numbers of rows tell.
    pub(crate) fn lacking(&self) -> Option<u64> {
        let differing = self.left.sums.differing(&self.right.sums);
        differing
            .into_iter()
            .map(|bucket| {
                let (left, right) = (self.left.sums.get(bucket), self.right.sums.get(bucket));
                left.rows().checked_sub(right.rows()).filter(|n| *n > 0)
            })
            .sum()
    }

    /// Looks at the next differing buckets, as many as memory allows. Empty once there are none.
    pub(crate) async fn round(&mut self) -> Result<Vec<Pair>> {
        let mut chosen = BTreeSet::new();
        let (mut rows, mut bytes) = ((0, 0), 0);
        while let Some(&bucket) = self.waiting.last() {
            let (l, r) = (self.left.sums.get(bucket), self.right.sums.get(bucket));
            let full = rows.0 + l.rows() > ROUND_ROWS
                || rows.1 + r.rows() > ROUND_ROWS
                || bytes + l.bytes().max(r.bytes()) > ROUND_BYTES;
            if full && !chosen.is_empty() {
                break;
            }
            self.waiting.pop();
            chosen.insert(bucket);
            rows = (rows.0 + l.rows(), rows.1 + r.rows());
            bytes += l.bytes().max(r.bytes());
        }
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let chosen = Arc::new(chosen);
        let collecting = |side: &Read| Collecting {
            table: Arc::clone(&side.table),
            sums: Arc::clone(&side.sums),
            stretches: side.stretches.clone(),
            chosen: Arc::clone(&chosen),
            key: self.key.clone(),
        };
        let (left, right) = both(collecting(&self.left).run(), collecting(&self.right).run()).await?;
        Ok(pairs(left, right))
    }
}

/// Rows that differ, by key.
fn pairs(left: Rows, mut right: Rows) -> Vec<Pair> {
    let mut keyed: BTreeMap<Vec<u8>, _> = BTreeMap::new();
    for (key, rows) in left {
        let others = right.remove(&key).unwrap_or_default();
        keyed.insert(key, (rows, others));
    }
    keyed.extend(
        right
            .into_iter()
            .map(|(key, rows)| (key, (BTreeMap::new(), rows))),
    );
    let mut found = Vec::new();
    for (left, right) in keyed.into_values() {
        let (mut left, mut right) = (without(&left, &right), without(&right, &left));
        left.reverse();
        right.reverse();
        while !left.is_empty() || !right.is_empty() {
            found.push(Pair {
                left: left.pop(),
                right: right.pop(),
            });
        }
    }
    found
}

/// The rows of one side that the other has not, or not as often, sorted.
fn without(rows: &BTreeMap<Vec<u8>, u64>, others: &BTreeMap<Vec<u8>, u64>) -> Vec<Vec<u8>> {
    let more = rows.iter().flat_map(|(row, times)| {
        let more = times.saturating_sub(others.get(row).copied().unwrap_or(0));
        std::iter::repeat_n(row, more as usize)
    });
    more.cloned().collect()
}

/// Runs two readings at the same time, on threads of their own. If one fails, the other is given up.
async fn both<A, B>(
    left: impl Future<Output = Result<A>> + Send + 'static,
    right: impl Future<Output = Result<B>> + Send + 'static,
) -> Result<(A, B)>
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (left, right) = (Task(tokio::spawn(left)), Task(tokio::spawn(right)));
    tokio::try_join!(left.outcome(), right.outcome())
}

/// A task that ends with who waits for it.
struct Task<T>(tokio::task::JoinHandle<Result<T>>);

impl<T> Task<T> {
    async fn outcome(mut self) -> Result<T> {
        (&mut self.0)
            .await
            .unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a reading panicked").because(e)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
