//! Sums of rows by buckets of the key's hash, and where a bucket's rows lie.

use migrate_core::digest::Digest;

use crate::stretch::place;

/// Rows of a bucket, about: so few that they lie in few places.
const ROWS: u64 = 8;

const FEWEST: u64 = 1 << 10;
const MOST: u64 = 1 << 18;

/// Buckets for a table of so many rows, if as many tables are compared at the same time: a power of two, so that all of
/// them together take some ten mebibytes.
pub(crate) fn how_many(rows: Option<u64>, at_once: usize) -> usize {
    let most = MOST / (at_once.clamp(1, 64) as u64).next_power_of_two();
    let wanted = rows.map_or(most, |rows| (rows / ROWS).min(most).next_power_of_two());
    wanted.clamp(FEWEST, most) as usize
}

/// What one side has in a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The wrapping sum of the lower halves of the rows' hashes. It finds the bucket; whether tables are the same the whole
    /// hashes say.
    sum: u64,
    /// The places where its rows lie, a bit for each.
    places: u64,
    rows: u32,
    bytes: u32,
}

impl Bucket {
    pub(crate) fn add(&mut self, hash: u128, bytes: usize, stretch: u32) {
        self.sum = self.sum.wrapping_add(hash as u64);
        self.places |= place(stretch);
        self.rows = self.rows.saturating_add(1);
        self.bytes = self
            .bytes
            .saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Whether the rows are the same, wherever they lie.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        (self.sum, self.rows) == (other.sum, other.rows)
    }

    pub(crate) fn rows(&self) -> u64 {
        u64::from(self.rows)
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.bytes)
    }

    pub(crate) fn places(&self) -> u64 {
        self.places
    }
}

/// Rows whose buckets are looked up together. The buckets are larger than a core's own cache: looked up one after the other,
/// each row would wait for its memory; together they wait at the same time.
const TOGETHER: usize = 512;

/// A row on its way to its bucket.
#[derive(Clone, Copy)]
struct Addend {
    bucket: usize,
    hash: u128,
    bytes: usize,
    stretch: u32,
}

/// One side's sums while it is read.
pub(crate) struct Summing {
    sums: Sums,
    waiting: Vec<Addend>,
}

impl Summing {
    /// `count` is a power of two.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            sums: Sums {
                buckets: vec![Bucket::default(); count],
                total: Digest::default(),
            },
            waiting: Vec::with_capacity(TOGETHER),
        }
    }

    /// Adds a row that has this key and lies in this stretch.
    pub(crate) fn add(&mut self, key: &[u8], row: &[u8], stretch: u32) {
        let hash = Digest::hash_row(row);
        self.sums.total.add_hash(hash);
        self.waiting.push(Addend {
            bucket: self.sums.bucket_of(key),
            hash,
            bytes: row.len(),
            stretch,
        });
        if self.waiting.len() == TOGETHER {
            self.settle();
        }
    }

    fn settle(&mut self) {
        for row in self.waiting.drain(..) {
            self.sums.buckets[row.bucket].add(row.hash, row.bytes, row.stretch);
        }
    }

    pub(crate) fn finish(mut self) -> Sums {
        self.settle();
        self.sums
    }
}

/// One side's sums.
pub(crate) struct Sums {
    buckets: Vec<Bucket>,
    total: Digest,
}

impl Sums {
    pub(crate) fn bucket_of(&self, key: &[u8]) -> usize {
        (Digest::hash(key) as usize) & (self.buckets.len() - 1)
    }

    pub(crate) fn get(&self, bucket: usize) -> Bucket {
        self.buckets.get(bucket).copied().unwrap_or_default()
    }

    /// All rows.
    pub(crate) fn total(&self) -> Digest {
        self.total
    }

    /// Buckets in which the two sides differ.
    pub(crate) fn differing(&self, other: &Self) -> Vec<usize> {
        let pairs = self.buckets.iter().zip(&other.buckets).enumerate();
        pairs.filter(|(_, (l, r))| !l.agrees(r)).map(|(i, _)| i).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_does_not_grow_with_rows_or_tables() {
        assert_eq!(how_many(Some(0), 4), 1 << 10);
        assert_eq!(how_many(Some(100_000), 1), 1 << 14);
        assert_eq!(how_many(Some(2_000_000), 1), 1 << 18);
        assert_eq!(how_many(Some(u64::MAX), 1), 1 << 18);
        assert_eq!(how_many(None, 1), 1 << 18);
        assert_eq!(how_many(Some(2_000_000), 4), 1 << 16);
        assert_eq!(how_many(Some(u64::MAX), 5), 1 << 15);
        assert_eq!(how_many(None, 1000), 1 << 12);
        assert_eq!(size_of::<Bucket>(), 24);
    }

    #[test]
    fn a_bucket_knows_its_rows_and_places() {
        let sums = |rows: &[(&[u8], u32)]| {
            let mut summing = Summing::new(1024);
            for (row, stretch) in rows {
                summing.add(b"key", row, *stretch);
            }
            summing.finish()
        };
        let left = sums(&[(b"..row", 2), (b"..other", 7)]);
        let right = sums(&[(b"..other", 1), (b"..row", 1)]);
        let bucket = left.bucket_of(b"key");
        assert_eq!(left.differing(&right), [] as [usize; 0]);
        assert_eq!(left.total(), right.total());
        let found = left.get(bucket);
        assert_eq!(
            (found.rows(), found.bytes(), found.places()),
            (2, 12, 1 << 2 | 1 << 7)
        );
        let right = sums(&[(b"..other", 1), (b"..row", 1), (b"..more", 1)]);
        assert_eq!(left.differing(&right), [bucket]);
    }

    #[test]
    fn every_row_is_added_however_many_wait() {
        for rows in [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 7] {
            let mut summing = Summing::new(1024);
            let mut expected = Digest::default();
            for row in 0..rows {
                let row = [b"..".as_slice(), &row.to_be_bytes()].concat();
                summing.add(&row, &row, 0);
                expected.add_row(&row);
            }
            let sums = summing.finish();
            assert_eq!(sums.total(), expected);
            let (mut found, mut bytes, mut sum) = (0, 0, 0_u64);
            for bucket in &sums.buckets {
                found += bucket.rows();
                bytes += bucket.bytes();
                sum = sum.wrapping_add(bucket.sum);
            }
            let expected = (rows as u64, rows as u64 * 10, expected.sum as u64);
            assert_eq!((found, bytes, sum), expected);
        }
    }
}
