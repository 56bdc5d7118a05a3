//! Which rows of two tables differ, in bounded memory and at most one more reading.
//!
//! The first reading of both sides adds up hashes in buckets of the key's hash, which do not depend on the order of rows, on
//! ranges of keys, nor on who sorts how. Only rows in buckets whose sums differ are looked at in the second, which
//! ends as soon as it has seen all of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use migrate_core::chunk::Chunk;
use migrate_core::digest::Digest;
use migrate_core::plan::TablePlan;
use migrate_core::{Error, ErrorKind, Result};

use crate::difference::Pair;
use crate::key::KeyFinder;
use crate::rows::{Reading, Side};

const BUCKETS: usize = 1 << 14;

/// Rows and bytes that one round of the second reading keeps of each side, about; one bucket is always taken.
const ROUND_ROWS: u64 = 50_000;
const ROUND_BYTES: u64 = 8 << 20;

/// One side of one table.
#[derive(Clone)]
pub(crate) struct TableSide {
    pub(crate) side: Side,
    pub(crate) table: Arc<TablePlan>,
    /// The chunks in which a migration read it.
    pub(crate) chunks: Option<Arc<Vec<Chunk>>>,
}

impl TableSide {
    async fn read(&self, each: impl FnMut(&[u8]) -> Result<ControlFlow<()>>) -> Result<Reading> {
        let chunks = self.chunks.as_ref().map(|c| c.as_slice());
        self.side.read(&self.table, chunks, each).await
    }

    /// The number and sum of all rows.
    pub(crate) async fn digest(&self) -> Result<Digest> {
        let mut digest = Digest::default();
        self.read(|row| {
            digest.add_row(row);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(digest)
    }

    /// The same by bucket.
    async fn sums(self, mut key: KeyFinder) -> Result<Sums> {
        let mut sums = Sums {
            buckets: vec![Bucket::default(); BUCKETS],
            rejected: 0,
        };
        let reading = self
            .read(|row| {
                let bucket = &mut sums.buckets[bucket_of(key.of(row)?)];
                bucket.digest.add_row(row);
                bucket.bytes += row.len() as u64;
                Ok(ControlFlow::Continue(()))
            })
            .await?;
        sums.rejected = reading.rejected;
        Ok(sums)
    }

    /// The rows of some buckets, by key.
    async fn collect(self, mut key: KeyFinder, chosen: Arc<Vec<bool>>, expected: u64) -> Result<Rows> {
        let mut rows = Rows::new();
        let mut seen = 0;
        if expected == 0 {
            return Ok(rows);
        }
        self.read(|row| {
            let key = key.of(row)?;
            if chosen[bucket_of(key)] {
                rows.entry(key.to_vec()).or_default().push(row.to_vec());
                seen += 1;
            }
            Ok(if seen < expected {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })
        .await?;
        Ok(rows)
    }
}

type Rows = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

fn bucket_of(key: &[u8]) -> usize {
    (Digest::hash(key) as usize) & (BUCKETS - 1)
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    digest: Digest,
    bytes: u64,
}

struct Sums {
    buckets: Vec<Bucket>,
    rejected: u64,
}

impl Sums {
    fn total(&self) -> Digest {
        let mut total = Digest::default();
        self.buckets.iter().for_each(|b| total.merge(&b.digest));
        total
    }
}

/// Two sides after the first reading. `left` is what should be, `right` what is.
pub(crate) struct Comparison {
    left: TableSide,
    right: TableSide,
    key: KeyFinder,
    sums: (Sums, Sums),
    /// Buckets that differ and were not looked at yet.
    waiting: Vec<usize>,
}

impl Comparison {
    /// Reads both sides at the same time.
    pub(crate) async fn read(left: TableSide, right: TableSide) -> Result<Self> {
        let key = KeyFinder::new(&left.table);
        let sums = both(left.clone().sums(key.clone()), right.clone().sums(key.clone())).await?;
        let mut waiting: Vec<usize> = (0..BUCKETS)
            .filter(|&i| sums.0.buckets[i].digest != sums.1.buckets[i].digest)
            .collect();
        waiting.reverse();
        Ok(Self {
            left,
            right,
            key,
            sums,
            waiting,
        })
    }

    pub(crate) fn left(&self) -> Digest {
        self.sums.0.total()
    }

    pub(crate) fn right(&self) -> Digest {
        self.sums.1.total()
    }

    /// Rows of the left side that have no encoding.
    pub(crate) fn rejected(&self) -> u64 {
        self.sums.0.rejected
    }

    /// Rows of either side that have no encoding.
    pub(crate) fn not_compared(&self) -> u64 {
        self.sums.0.rejected + self.sums.1.rejected
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
        let (left, right) = (&self.sums.0.buckets, &self.sums.1.buckets);
        let differing = left.iter().zip(right).filter(|(l, r)| l.digest != r.digest);
        differing
            .map(|(l, r)| l.digest.rows.checked_sub(r.digest.rows).filter(|n| *n > 0))
            .sum()
    }

    /// Looks at the next differing buckets, as many as memory allows. Empty once there are none.
    pub(crate) async fn round(&mut self) -> Result<Vec<Pair>> {
        let mut chosen = vec![false; BUCKETS];
        let (mut rows, mut bytes) = ((0, 0), 0);
        while let Some(&bucket) = self.waiting.last() {
            let (l, r) = (self.sums.0.buckets[bucket], self.sums.1.buckets[bucket]);
            let full = rows.0 + l.digest.rows > ROUND_ROWS
                || rows.1 + r.digest.rows > ROUND_ROWS
                || bytes + l.bytes.max(r.bytes) > ROUND_BYTES;
            if full && rows != (0, 0) {
                break;
            }
            self.waiting.pop();
            chosen[bucket] = true;
            rows = (rows.0 + l.digest.rows, rows.1 + r.digest.rows);
            bytes += l.bytes.max(r.bytes);
        }
        if rows == (0, 0) {
            return Ok(Vec::new());
        }
        let chosen = Arc::new(chosen);
        let (left, right) = both(
            self.left
                .clone()
                .collect(self.key.clone(), Arc::clone(&chosen), rows.0),
            self.right.clone().collect(self.key.clone(), chosen, rows.1),
        )
        .await?;
        Ok(pairs(left, right))
    }
}

/// Rows that differ, by key.
fn pairs(left: Rows, mut right: Rows) -> Vec<Pair> {
    let mut keyed: BTreeMap<Vec<u8>, (Vec<Vec<u8>>, Vec<Vec<u8>>)> = BTreeMap::new();
    for (key, rows) in left {
        let others = right.remove(&key).unwrap_or_default();
        keyed.insert(key, (rows, others));
    }
    keyed.extend(right.into_iter().map(|(key, rows)| (key, (Vec::new(), rows))));
    let mut found = Vec::new();
    for (_, (left, right)) in keyed {
        let (mut left, mut right) = unpaired(left, right);
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

/// What is left, sorted, after equal rows are paired off.
fn unpaired(mut left: Vec<Vec<u8>>, mut right: Vec<Vec<u8>>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    left.sort_unstable();
    right.sort_unstable();
    let (mut only_left, mut only_right) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some(l), Some(r)) if l == r => {
                left.next();
                right.next();
            }
            (Some(l), Some(r)) if l < r => only_left.extend(left.next()),
            (_, Some(_)) => only_right.extend(right.next()),
            (Some(_), None) => only_left.extend(left.next()),
            (None, None) => return (only_left, only_right),
        }
    }
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
