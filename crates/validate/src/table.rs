//! One table: counts, and three digests that must be one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Chunk, Receipt};
use migrate_core::digest::Digest;
use migrate_core::encode::KnownKeys;
use migrate_core::plan::{TablePlan, TargetName};
use migrate_core::source::Snapshot;
use migrate_core::stored::{LedgerView, Stored};
use migrate_core::{ErrorKind, Result};
use serde::Serialize;

use crate::compare::Comparison;
use crate::difference::{Difference, DifferenceKind, Origin, Pair};
use crate::options::Options;
use crate::rows::{Readers, Side, TableSide};

/// What was found for one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableValidation {
    /// The table's source name.
    pub source: ObjectName,
    /// The table's name in the destination.
    pub target: TargetName,
    /// Rows that the migration read, by the ledger: written, quarantined and left out.
    pub read: u64,
    /// Rows that the plan's `where` left out.
    pub filtered: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// What the migration wrote, by the ledger.
    pub ledger: Digest,
    /// Rows in the destination now; `None` if the table cannot be read.
    pub rows: Option<u64>,
    /// What the destination holds now, if it was read.
    pub stored: Option<Digest>,
    /// What the source holds now, if it was read again: every row that can be encoded.
    pub read_again: Option<Digest>,
    /// Rows of `read_again` that the destination refused when they were written: they are in quarantine, and nothing else
    /// is missing.
    pub refused: u64,
    /// Whether all chunks of the table were copied.
    pub complete: bool,
    /// Why the table cannot be read, if it cannot: it is gone, or lacks columns.
    pub unreadable: Option<String>,
    /// Whether the ledger knows of a proof, made when the migration ended, that all rows were right then.
    pub was_right: bool,
    /// Rows that differ, as far as they were looked for.
    pub differences: Vec<Difference>,
    /// Whether more rows differ.
    pub more: bool,
    /// How long that took to find out.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
}

pub(crate) fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl TableValidation {
    /// Whether destination, ledger and (if read) source hold the same rows, those in quarantine aside.
    pub fn agrees(&self) -> bool {
        self.complete
            && self.rows == Some(self.ledger.rows)
            && self.stored.is_none_or(|d| d == self.ledger)
            && self
                .read_again
                .is_none_or(|d| Some(d) == self.stored || self.refused > 0)
    }

    /// Whether the source has other rows than the ledger says were read.
    pub fn source_changed(&self) -> bool {
        self.refused == 0 && self.read_again.is_some_and(|d| d != self.ledger)
    }
}

/// How much is done at the same time.
#[derive(Clone)]
pub(crate) struct Pace {
    /// Tables.
    pub(crate) tables: usize,
    /// Parts of them on either side.
    pub(crate) source: Readers,
    pub(crate) destination: Readers,
}

impl Pace {
    /// So many tables of those that there are, and as many parts on each side.
    pub(crate) fn new(jobs: usize, tables: usize) -> Self {
        Self {
            tables: jobs.min(tables).max(1),
            source: Readers::new(jobs),
            destination: Readers::new(jobs),
        }
    }
}

/// Everything that a table's proof needs.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) table: Arc<TablePlan>,
    pub(crate) ledger: Arc<LedgerView>,
    pub(crate) stored: Arc<dyn Stored>,
    pub(crate) snapshot: Option<Arc<dyn Snapshot>>,
    pub(crate) known: Arc<KnownKeys>,
    pub(crate) options: Options,
    pub(crate) pace: Pace,
}

impl Job {
    fn chunks(&self) -> &[(Chunk, Receipt)] {
        self.ledger
            .tables
            .get(&self.table.source)
            .map_or(&[], Vec::as_slice)
    }

    /// The destination's side.
    pub(crate) fn destination(&self) -> TableSide {
        TableSide {
            side: Side::Stored(Arc::clone(&self.stored)),
            table: Arc::clone(&self.table),
            chunks: None,
            rows: Some(self.by_ledger().ledger.rows),
            readers: self.pace.destination.clone(),
        }
    }

    /// The source's side, read in the chunks in which the migration read it.
    pub(crate) fn origin(&self, snapshot: &Arc<dyn Snapshot>) -> TableSide {
        // Where later rounds changed rows, or rows came into an empty table, these are the chunks of another time.
        let moved = self.ledger.complete && self.chunks().is_empty()
            || self.ledger.changes.contains_key(&self.table.source);
        TableSide {
            side: Side::Source {
                snapshot: Arc::clone(snapshot),
                known: Arc::clone(&self.known),
            },
            table: Arc::clone(&self.table),
            chunks: (!moved).then(|| Arc::new(self.chunks().iter().map(|(c, _)| c.clone()).collect())),
            rows: Some(self.by_ledger().ledger.rows),
            readers: self.pace.source.clone(),
        }
    }

    pub(crate) async fn run(&self) -> Result<TableValidation> {
        let started = Instant::now();
        let mut result = self.by_ledger();
        match self.look(&mut result).await {
            Ok(()) => {}
            // A table that is not there, or not all of it, is a finding and no failure.
            Err(error) if error.kind() == ErrorKind::Mismatch => {
                result.rows = None;
                result.stored = None;
                result.unreadable = Some(match error.hint_text() {
                    Some(hint) => format!("{error}; {hint}"),
                    None => error.to_string(),
                });
            }
            Err(error) => return Err(error),
        }
        result.took = started.elapsed();
        Ok(result)
    }

    /// What is known before anything is read.
    pub(crate) fn by_ledger(&self) -> TableValidation {
        let source = &self.table.source;
        let expected = self.ledger.total(source);
        TableValidation {
            source: source.clone(),
            target: self.table.target.clone(),
            read: expected.read,
            filtered: expected.filtered,
            quarantined: expected.quarantined,
            ledger: expected.digest,
            rows: None,
            stored: None,
            read_again: None,
            refused: 0,
            complete: expected.done,
            unreadable: None,
            was_right: self.ledger.proofs.iter().any(|p| p.agreed.contains(source)),
            differences: Vec::new(),
            more: false,
            took: Duration::ZERO,
        }
    }

    async fn look(&self, result: &mut TableValidation) -> Result<()> {
        let Some(snapshot) = &self.snapshot else {
            if self.options.layers.digests {
                let digest = self.destination().digest().await?;
                (result.rows, result.stored) = (Some(digest.rows), Some(digest));
            } else {
                result.rows = Some(self.stored.count(&self.table).await?);
            }
            return Ok(());
        };
        let mut comparison =
            Comparison::read(self.origin(snapshot), self.destination(), self.pace.tables).await?;
        let (read, stored) = (comparison.left(), comparison.right());
        result.rows = Some(stored.rows);
        result.stored = Some(stored);
        result.read_again = Some(read);
        // What a copy that is not complete lacks is no news.
        if read == stored || !result.complete {
            return Ok(());
        }
        let refused = result.quarantined.saturating_sub(comparison.rejected());
        let mut pairs: Vec<Pair> = Vec::new();
        let mut only_lacking = true;
        while comparison.has_more() && (pairs.len() < self.options.max_differences || pairs.is_empty()) {
            let found = comparison.round().await?;
            only_lacking &= found.iter().all(|p| p.right.is_none());
            pairs.extend(found);
        }
        // Rows that cannot be encoded are in no digest; those that the server refused were read like others.
        if refused > 0 && result.ledger == stored && only_lacking && comparison.lacking() == Some(refused) {
            result.refused = refused;
            return Ok(());
        }
        result.more = comparison.has_more() || pairs.len() > self.options.max_differences;
        pairs.truncate(self.options.max_differences);
        result.differences = self.describe(&comparison, &pairs, result.was_right).await?;
        Ok(())
    }

    async fn describe(
        &self,
        comparison: &Comparison,
        pairs: &[Pair],
        was_right: bool,
    ) -> Result<Vec<Difference>> {
        let standing: Vec<&[u8]> = pairs.iter().filter_map(|p| p.right.as_deref()).collect();
        let written = if standing.is_empty() {
            Vec::new()
        } else {
            self.stored.written_after(&self.table, &standing).await?
        };
        let mut written = written.into_iter();
        let describe = |pair: &Pair| {
            let mut difference = pair.describe(&self.table, comparison.key(), self.options.mask);
            difference.origin = match &difference.kind {
                // A row that is gone tells nothing; that all were there once does.
                DifferenceKind::Missing if was_right => Origin::ChangedSince,
                DifferenceKind::Missing => Origin::Unknown,
                _ => match written.next().flatten() {
                    Some(true) => Origin::ChangedSince,
                    Some(false) => Origin::NotWrittenSince,
                    None => Origin::Unknown,
                },
            };
            difference
        };
        Ok(pairs.iter().map(describe).collect())
    }
}
