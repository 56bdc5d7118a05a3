//! Holds rows that are read without having been counted before to the total that `Origin.xml` states.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use migrate_core::Result;

use super::scan::TableParts;
use crate::classify::corrupt;

/// How far each part was read, by all readers together.
#[derive(Debug, Default)]
pub(crate) struct RowBound {
    /// Rows that the parts below may hold together; `None` where nothing is stated, or all was counted before.
    most: Option<u64>,
    /// What is stated for all parts.
    total: u64,
    sum: AtomicU64,
    parts: HashMap<String, AtomicU64>,
}

impl RowBound {
    pub(crate) fn new<'a>(total: Option<u64>, tables: impl Iterator<Item = &'a TableParts>) -> Self {
        let mut counted = 0;
        let mut parts = HashMap::new();
        for part in tables.flat_map(|t| &t.parts) {
            match part.rows {
                Some(rows) => counted += rows,
                None => {
                    parts.insert(part.entry.name.clone(), AtomicU64::new(0));
                }
            }
        }
        Self {
            most: total
                .filter(|_| !parts.is_empty())
                .map(|n| n.saturating_sub(counted)),
            total: total.unwrap_or_default(),
            sum: AtomicU64::new(0),
            parts,
        }
    }

    /// Notes that a part was read up to a row. Reading it again counts nothing twice.
    pub(crate) fn reached(&self, part: &str, row: u64) -> Result<()> {
        let (Some(most), Some(seen)) = (self.most, self.parts.get(part)) else {
            return Ok(());
        };
        let before = seen.fetch_max(row, Ordering::Relaxed);
        let more = row.saturating_sub(before);
        let sum = self.sum.fetch_add(more, Ordering::Relaxed) + more;
        if sum > most {
            return Err(corrupt(format!(
                "the file holds {} rows or more, but its Origin.xml states {}",
                self.total - most + sum,
                self.total
            )));
        }
        Ok(())
    }
}
