//! Reading back what a destination holds, for validation.

mod description;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::catalog::ObjectName;
use crate::chunk::{Chunk, Receipt};
use crate::digest::Digest;
use crate::encode::KnownKeys;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, TablePlan, TargetName};
use crate::proof::Answer;
use crate::sink::no_known_keys;

pub use description::{
    ColumnDescription, ConstraintDescription, ConstraintKind, Description, IndexDescription, Numbering,
    Statistics, TableDescription,
};

/// A destination that can show what it stored. All methods may be called at the same time.
///
/// The first two are needed; a destination that cannot say one of the others says so by `None`, and the proof says that it
/// was not looked at.
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

    /// The parts of a table as it is now, to be read side by side and as often as is wanted, for as long as the answer is
    /// kept: about `most` of them, fewer where the table is small.
    async fn parts(&self, table: &TablePlan, most: usize) -> Result<TableParts> {
        let _ = (table, most);
        Ok(TableParts::whole())
    }

    /// Starts reading one of the [`parts`](Self::parts), as [`scan`](Self::scan) reads all.
    async fn scan_part(&self, table: &TablePlan, part: &str) -> Result<Box<dyn TupleScan>> {
        let _ = part;
        self.scan(table).await
    }

    /// How many rows a table has, exactly.
    async fn count(&self, table: &TablePlan) -> Result<u64> {
        let mut scan = self.scan(table).await?;
        let (mut tuples, mut rows) = (Tuples::default(), 0);
        while scan.next(&mut tuples).await? {
            rows += tuples.ends.len() as u64;
        }
        Ok(rows)
    }

    /// What there is of the plan's objects, and in which state.
    async fn describe(&self, plan: &Plan) -> Result<Option<Description>> {
        let _ = plan;
        Ok(None)
    }

    /// Rows whose parents are missing, at most `limit` of them shown.
    async fn orphans(&self, reference: &Reference, limit: usize) -> Result<Option<Orphans>> {
        let _ = (reference, limit);
        Ok(None)
    }

    /// Answers a query with at most `limit` rows. The query can change nothing.
    async fn ask(&self, sql: &str, limit: usize) -> Result<Option<Answer>> {
        let _ = (sql, limit);
        Ok(None)
    }

    /// Tables that a query would read from end to end for want of an index, with their rows, as the query planner
    /// estimates them. The query is not run.
    async fn full_reads(&self, sql: &str) -> Result<Vec<(TargetName, u64)>> {
        let _ = sql;
        Ok(Vec::new())
    }

    /// For each row, a whole tuple that stands in the table: whether it was written by a transaction that began after
    /// the migration was completed. `None` for a row that is not there any more or where nobody can tell.
    async fn written_after(&self, table: &TablePlan, rows: &[&[u8]]) -> Result<Vec<Option<bool>>> {
        let _ = table;
        Ok(vec![None; rows.len()])
    }

    /// Makes the changes in one transaction: all of them or none. Touches no other row, whatever triggers the table has.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if a row to be replaced or removed is not there any more as it was, or is held by rows
    /// that refer to it; [`Unsupported`](ErrorKind::Unsupported) where rows cannot be changed.
    async fn replace(&self, table: &TablePlan, changes: &[RowChange]) -> Result<()> {
        let _ = (table, changes);
        Err(Error::destination(
            ErrorKind::Unsupported,
            "this destination's rows cannot be changed one by one",
        ))
    }

    /// Rows in quarantine, at most `limit` of them: why, and where the source has them.
    async fn quarantined_rows(&self, limit: usize) -> Result<Vec<QuarantinedRow>> {
        let _ = limit;
        Ok(Vec::new())
    }

    /// Keeps a note in the ledger, so that a later proof knows of an earlier one.
    async fn note_proof(&self, note: &ProofNote) -> Result<()> {
        let _ = note;
        Ok(())
    }
}

/// A table's parts, which together hold each of its rows once. Their text belongs to who made them.
pub struct TableParts {
    /// What [`Stored::scan_part`] is given.
    pub parts: Vec<String>,
    /// What keeps them as they are.
    kept_by: Option<Box<dyn Send + Sync>>,
}

impl TableParts {
    /// One part, which is read as it is by then.
    pub fn whole() -> Self {
        Self {
            parts: vec![String::new()],
            kept_by: None,
        }
    }

    /// Parts of one moment, which lasts until `kept_by` is dropped.
    pub fn of_one_moment(parts: Vec<String>, kept_by: Box<dyn Send + Sync>) -> Self {
        Self {
            parts,
            kept_by: Some(kept_by),
        }
    }
}

impl fmt::Debug for TableParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableParts")
            .field("parts", &self.parts)
            .field("of_one_moment", &self.kept_by.is_some())
            .finish()
    }
}

/// A row in quarantine, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedRow {
    /// The table.
    pub table: ObjectName,
    /// The column that was refused, if one was.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
    /// Where the source has the row.
    pub key: Option<String>,
}

/// A reference from one table's columns to another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// The referring table.
    pub table: TargetName,
    /// Its columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub parent: TargetName,
    /// Its columns.
    pub parent_columns: Vec<String>,
    /// Columns by which a referring row can be named.
    pub key: Vec<String>,
}

/// Rows without the parents that they refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Orphans {
    /// How many there are.
    pub rows: u64,
    /// Some of them: the row's own key and the parent's that is missing, by column.
    pub shown: Vec<Orphan>,
}

/// A row without its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// The row's key.
    pub key: BTreeMap<String, Option<String>>,
    /// The key of the parent that is not there.
    pub parent: BTreeMap<String, Option<String>>,
}

/// A change of one row. Rows are whole tuples in PostgreSQL's binary COPY form, of the table's copied columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The row as it stands in the table; `None` for a row that is to be added.
    pub before: Option<Vec<u8>>,
    /// The row as it should be; `None` for one that is to be removed.
    pub after: Option<Vec<u8>>,
}

/// That a proof was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ProofNote {
    /// When, as RFC 3339 in UTC; set by who keeps it.
    #[serde(default)]
    pub at: String,
    /// The tables whose rows were all as they were read.
    pub agreed: Vec<ObjectName>,
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
    /// How long each table took to be copied, from its split to its last receipt, pauses included.
    pub took: BTreeMap<ObjectName, Duration>,
    /// Proofs that were made before, the oldest first.
    pub proofs: Vec<ProofNote>,
    /// What later rounds made of each table that they changed.
    pub changes: BTreeMap<ObjectName, LaterChanges>,
}

/// What all rounds after the first run made of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LaterChanges {
    /// Rows added.
    pub inserted: u64,
    /// Rows replaced.
    pub updated: u64,
    /// Rows removed.
    pub deleted: u64,
    /// Rows that went to quarantine, less those that left it because they arrived later.
    pub quarantined: i64,
    /// What is to be added to the first run's digest: both numbers wrap around.
    pub digest: Digest,
}

impl LaterChanges {
    /// Adds another round's.
    pub fn merge(&mut self, other: &Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.quarantined += other.quarantined;
        self.digest.merge(&other.digest);
    }
}

impl LedgerView {
    /// What all runs together wrote of a table, and whether all of it was copied.
    pub fn total(&self, table: &ObjectName) -> Receipt {
        let mut total = Receipt {
            done: self.tables.contains_key(table),
            ..Receipt::default()
        };
        for (_, receipt) in self.tables.get(table).into_iter().flatten() {
            total.merge(receipt);
        }
        if let Some(later) = self.changes.get(table) {
            total.digest.merge(&later.digest);
            total.quarantined = total.quarantined.saturating_add_signed(later.quarantined);
            total.read = total.digest.rows + total.quarantined + total.filtered;
        }
        total
    }
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
