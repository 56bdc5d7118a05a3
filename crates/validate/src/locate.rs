//! Which rows differ, in two more readings and bounded memory.
//!
//! The first reading adds up hashes by bucket of the key, on both sides; the second looks only at rows in buckets whose
//! sums differ.

use std::collections::BTreeMap;

use migrate_core::Result;
use migrate_core::decode;
use migrate_core::digest::Digest;
use migrate_core::plan::TablePlan;
use serde_json::Value;

const BUCKETS: usize = 1 << 14;

/// Rows looked at in the second reading, about, on each side.
const MAX_COLLECTED: u64 = 100_000;

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Both have the key; these columns differ.
    Changed(Vec<String>),
    /// The source has the row, the destination does not.
    Missing,
    /// The destination has the row, the source does not.
    Extra,
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The values of its key by column; of all columns where the table has no key.
    pub key: Value,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// Hashes of one row's fields.
type Fields = Vec<u64>;

pub(crate) struct Locator<'p> {
    table: &'p TablePlan,
    key: Vec<usize>,
    read: Vec<Digest>,
    stored: Vec<Digest>,
    chosen: Vec<bool>,
    rows: BTreeMap<Vec<u8>, (Vec<Fields>, Vec<Fields>)>,
}

impl<'p> Locator<'p> {
    pub(crate) fn new(table: &'p TablePlan) -> Self {
        let columns = table.copied().count();
        let key = table
            .primary_key
            .iter()
            .chain(&table.uniques)
            .find_map(|k| table.copied_positions(&k.columns))
            .unwrap_or_else(|| (0..columns).collect());
        Self {
            table,
            key,
            read: vec![Digest::default(); BUCKETS],
            stored: vec![Digest::default(); BUCKETS],
            chosen: vec![false; BUCKETS],
            rows: BTreeMap::new(),
        }
    }

    /// The key's fields as they stand in the row, lengths included, so that no two keys have the same bytes.
    fn key_of(&self, row: &[u8]) -> Result<Vec<u8>> {
        let fields: Vec<Option<&[u8]>> = decode::fields(row).collect::<Result<_>>()?;
        let mut key = Vec::new();
        for &i in &self.key {
            match fields.get(i).copied().flatten() {
                None => key.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(bytes) => {
                    key.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
                    key.extend_from_slice(bytes);
                }
            }
        }
        Ok(key)
    }

    fn bucket(key: &[u8]) -> usize {
        (Digest::hash(key) % BUCKETS as u128) as usize
    }

    pub(crate) fn count_read(&mut self, row: &[u8]) -> Result<()> {
        let bucket = Self::bucket(&self.key_of(row)?);
        self.read[bucket].add_row(row);
        Ok(())
    }

    pub(crate) fn count_stored(&mut self, row: &[u8]) -> Result<()> {
        let bucket = Self::bucket(&self.key_of(row)?);
        self.stored[bucket].add_row(row);
        Ok(())
    }

    /// Chooses differing buckets up to the memory limit; always at least one.
    pub(crate) fn choose(&mut self) {
        let mut rows = 0;
        for bucket in 0..BUCKETS {
            if self.read[bucket] != self.stored[bucket] && (rows == 0 || rows < MAX_COLLECTED) {
                rows += self.read[bucket].rows + self.stored[bucket].rows;
                self.chosen[bucket] = true;
            }
        }
    }

    pub(crate) fn collect_read(&mut self, row: &[u8]) -> Result<()> {
        let key = self.key_of(row)?;
        if self.chosen[Self::bucket(&key)] {
            self.rows.entry(key).or_default().0.push(hashes(row)?);
        }
        Ok(())
    }

    pub(crate) fn collect_stored(&mut self, row: &[u8]) -> Result<()> {
        let key = self.key_of(row)?;
        if self.chosen[Self::bucket(&key)] {
            self.rows.entry(key).or_default().1.push(hashes(row)?);
        }
        Ok(())
    }

    /// Whether the destination lacks so many rows of the source, and there is no other difference: as far as rows were
    /// collected by comparing them, beyond that by their number in each bucket.
    pub(crate) fn lacks_only(&self, rows: u64) -> bool {
        let differing = self
            .read
            .iter()
            .zip(&self.stored)
            .filter(|(read, stored)| read != stored);
        let lacking = differing.map(|(read, stored)| read.rows.checked_sub(stored.rows).filter(|n| *n > 0));
        let lacking: Option<u64> = lacking.sum();
        lacking == Some(rows)
            && self.rows.values().all(|(read, stored)| {
                let (read, stored) = (sorted(read), sorted(stored));
                unpaired(&read, &stored).1.is_empty()
            })
    }

    /// Rows that differ, up to a limit.
    pub(crate) fn differences(&self, limit: usize) -> Vec<Difference> {
        let columns: Vec<_> = self.table.copied().collect();
        let mut found = Vec::new();
        for (key, (read, stored)) in &self.rows {
            // Equal rows pair off; what is left differs.
            let (read, stored) = (sorted(read), sorted(stored));
            let (read, stored) = unpaired(&read, &stored);
            for i in 0..read.len().max(stored.len()) {
                if found.len() == limit {
                    return found;
                }
                let kind = match (read.get(i), stored.get(i)) {
                    (Some(a), Some(b)) => {
                        let differing = columns.iter().enumerate().filter(|(c, _)| a.get(*c) != b.get(*c));
                        DifferenceKind::Changed(differing.map(|(_, c)| c.name.clone()).collect())
                    }
                    (Some(_), None) => DifferenceKind::Missing,
                    (None, _) => DifferenceKind::Extra,
                };
                found.push(Difference {
                    key: self.named(key),
                    kind,
                });
            }
        }
        found
    }

    /// The key's values by column.
    fn named(&self, mut key: &[u8]) -> Value {
        let columns: Vec<_> = self.table.copied().collect();
        let mut object = serde_json::Map::new();
        for &i in &self.key {
            let (field, tail) = take_field(key);
            key = tail;
            if let Some(column) = columns.get(i) {
                let value = field.map_or(Value::Null, |bytes| {
                    // A value that was damaged may not be of its type any more, and is named all the same.
                    decode::decode_cell(&column.ty, bytes).unwrap_or_else(|_| hex(bytes).into())
                });
                object.insert(column.name.clone(), value);
            }
        }
        Value::Object(object)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn sorted(rows: &[Fields]) -> Vec<Fields> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows
}

/// NULL is 0; no value is.
fn hashes(row: &[u8]) -> Result<Fields> {
    decode::fields(row)
        .map(|f| Ok(f?.map_or(0, |bytes| Digest::hash(bytes) as u64 | 1)))
        .collect()
}

fn take_field(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return (None, &[]);
    };
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) if length <= rest.len() => {
            let (field, rest) = rest.split_at(length);
            (Some(field), rest)
        }
        _ => (None, rest),
    }
}

/// What is left of two sorted lists after equal entries are paired off.
fn unpaired<'a>(a: &'a [Fields], b: &'a [Fields]) -> (Vec<&'a Fields>, Vec<&'a Fields>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => {
                i += 1;
                j += 1;
            }
            (Some(x), Some(y)) if x < y => {
                left.push(x);
                i += 1;
            }
            (Some(x), None) => {
                left.push(x);
                i += 1;
            }
            (_, Some(y)) => {
                right.push(y);
                j += 1;
            }
            (None, None) => break,
        }
    }
    (left, right)
}
