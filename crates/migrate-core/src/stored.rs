//! Reading back what a destination holds, for validation.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::catalog::ObjectName;
use crate::chunk::{Chunk, Receipt};
use crate::encode::KnownKeys;
use crate::error::Result;
use crate::plan::{Plan, TablePlan};
use crate::sink::no_known_keys;

/// A destination that can show what it stored. All methods may be called at the same time.
#[async_trait]
pub trait Stored: Send + Sync {
    /// The plan that was run and each table's chunks with their receipts, from the ledger; `None` where there is no
    /// ledger.
    async fn ledger(&self) -> Result<Option<LedgerView>>;

    /// Reads the keys that were given before and that the plan asks for; see
    /// [`Sink::known_keys`](crate::sink::Sink::known_keys).
    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        let _ = plan;
        Err(no_known_keys())
    }

    /// Starts reading a table's copied columns, in the plan's order, in no particular row order.
    async fn scan(&self, table: &TablePlan) -> Result<Box<dyn TupleScan>>;
}

/// What the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerView {
    /// The plan that was run.
    pub plan: Plan,
    /// Whether every step was done.
    pub complete: bool,
    /// When the migration began, as RFC 3339 in UTC.
    pub started_at: String,
    /// When it was completed.
    pub finished_at: Option<String>,
    /// Each table's chunks.
    pub tables: BTreeMap<ObjectName, Vec<(Chunk, Receipt)>>,
    /// Rows in quarantine.
    pub quarantined: u64,
}

/// Whole tuples in PostgreSQL's binary COPY form, back to back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tuples {
    /// Each tuple: field count, then length and bytes of each field.
    pub bytes: Vec<u8>,
    /// Where each tuple ends.
    pub ends: Vec<usize>,
}

impl Tuples {
    /// Forgets the tuples and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Each tuple.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| &self.bytes[start..end])
    }
}

/// A reading of one table.
#[async_trait]
pub trait TupleScan: Send {
    /// Replaces `out` with the next tuples, about a mebibyte of them; `false` at the end.
    async fn next(&mut self, out: &mut Tuples) -> Result<bool>;
}
