//! Bringing back exactly the rows that differ, and proving that nothing else was touched.

use std::sync::Arc;

use migrate_core::catalog::ObjectName;
use migrate_core::digest::Digest;
use migrate_core::observer::Observer;
use migrate_core::plan::TargetName;
use migrate_core::source::Source;
use migrate_core::stored::{RowChange, Stored};
use migrate_core::{Error, ErrorKind, Result};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::compare::Comparison;
use crate::options::Options;
use crate::table::{Job, Pace};
use crate::validation::{ledger, unless_cancelled};
use crate::workers::{self, Task};

/// Bytes of rows that one transaction changes, about.
const BATCH_BYTES: usize = 4 << 20;

/// How often rows that refer to each other are tried.
const SWEEPS: usize = 4;

/// How a repair is carried out.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// Tables compared at the same time. They are changed one after the other.
    pub jobs: usize,
    /// Rows that one transaction changes.
    pub batch_rows: usize,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            batch_rows: 500,
        }
    }
}

/// What was done to one table that differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRepair {
    /// The table's source name.
    pub source: ObjectName,
    /// Its name in the destination.
    pub target: TargetName,
    /// Rows that were changed back.
    pub changed: u64,
    /// Rows that were added.
    pub added: u64,
    /// Rows that were removed.
    pub removed: u64,
    /// Rows that could not be brought back, with the reasons.
    pub failed: Vec<String>,
    /// Whether the table now holds what the migration read, read again after the repair.
    pub proven: bool,
    /// Whether the table now differs from what it was by exactly the rows that were repaired, which its digest proves.
    pub nothing_else_changed: bool,
}

/// One table's repair under way.
struct Work {
    job: Job,
    repair: TableRepair,
    /// What the table should digest to by now.
    expected: Digest,
    /// What the migration wrote.
    right: Digest,
    /// Changes to be made.
    open: Vec<RowChange>,
    /// Reasons of changes that were refused last.
    reasons: Vec<String>,
}

/// Copies rows that differ again: rows that are missing are added, extra ones removed, changed ones changed back. One
/// transaction for each batch; a row that somebody changed meanwhile stays as it is. Tables that agree are not touched, and
/// are not in the result.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no ledger, or the migration is not complete; whatever reading either side gives.
pub async fn repair(
    stored: Arc<dyn Stored>,
    source: Arc<dyn Source>,
    options: RepairOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Vec<TableRepair>> {
    let ledger = Arc::new(ledger(stored.as_ref()).await?);
    if !ledger.complete {
        return Err(Error::destination(
            ErrorKind::Config,
            "the migration is not complete, so there is nothing to repair yet",
        )
        .hint("run it again: it goes on where it stopped"));
    }
    let snapshot = source.snapshot(&ledger.plan).await?;
    let known = if ledger.plan.uses_known_keys() {
        Arc::new(stored.known_keys(&ledger.plan).await?)
    } else {
        Arc::default()
    };
    let pace = Pace::new(options.jobs, ledger.plan.tables.len());
    let tasks = ledger.plan.tables.iter().map(|table| {
        let job = Job {
            table: Arc::new(table.clone()),
            ledger: Arc::clone(&ledger),
            stored: Arc::clone(&stored),
            snapshot: Some(Arc::clone(&snapshot)),
            known: Arc::clone(&known),
            options: Options::default(),
            pace: pace.clone(),
        };
        Task {
            step: format!("compare {}", table.source),
            table: table.source.to_string(),
            size: table.bytes.or(table.rows).unwrap_or(0),
            work: Box::pin(find(job)),
        }
    });
    let found = workers::run(tasks.collect(), options.jobs, &observer, &cancel).await?;
    let mut works: Vec<Work> = found.into_iter().flatten().collect();
    // Rows that refer to each other across tables come right in some order or other: what is refused now is tried again once
    // the other tables had their turn.
    for sweep in 0..SWEEPS {
        let before: usize = works.iter().map(|w| w.open.len()).sum();
        for work in &mut works {
            unless_cancelled(&cancel, work.apply(options.batch_rows, sweep > 0)).await?;
        }
        let after: usize = works.iter().map(|w| w.open.len()).sum();
        if after == 0 || after == before {
            break;
        }
    }
    let mut repairs = Vec::new();
    for work in works {
        repairs.push(unless_cancelled(&cancel, work.prove()).await?);
    }
    Ok(repairs)
}

/// What has to be changed in a table; `None` if nothing has.
async fn find(job: Job) -> Result<Option<Work>> {
    let known = job.by_ledger();
    let Some(snapshot) = &job.snapshot else {
        return Ok(None);
    };
    let mut comparison =
        match Comparison::read(job.origin(snapshot), job.destination(), job.pace.tables).await {
            Ok(comparison) => comparison,
            // A table that is gone cannot be repaired row by row, and keeps no other from being repaired: the validation names it.
            Err(error) if error.kind() == ErrorKind::Mismatch => return Ok(None),
            Err(error) => return Err(error),
        };
    let (read, stored) = (comparison.left(), comparison.right());
    let refused = known.quarantined.saturating_sub(comparison.rejected());
    if read == stored || (refused > 0 && stored == known.ledger) {
        return Ok(None);
    }
    let mut repair = TableRepair {
        source: known.source,
        target: known.target,
        changed: 0,
        added: 0,
        removed: 0,
        failed: Vec::new(),
        proven: false,
        nothing_else_changed: true,
    };
    let mut open = Vec::new();
    if read.rows != known.ledger.rows + refused || (refused == 0 && read != known.ledger) {
        // The ledger would contradict the table for ever.
        repair
            .failed
            .push("the source's rows are not those that were copied: it has changed since".to_owned());
    } else {
        while comparison.has_more() {
            open.extend(comparison.round().await?.into_iter().map(|pair| RowChange {
                before: pair.right,
                after: pair.left,
            }));
        }
    }
    Ok(Some(Work {
        job,
        repair,
        expected: stored,
        right: known.ledger,
        open,
        reasons: Vec::new(),
    }))
}

impl Work {
    /// Makes the open changes, as far as the destination takes them. `together` makes the first attempt in one transaction,
    /// for rows that stand in each other's way.
    async fn apply(&mut self, batch_rows: usize, together: bool) -> Result<()> {
        let changes = std::mem::take(&mut self.open);
        self.reasons.clear();
        let mut batches: Vec<Vec<RowChange>> = if together {
            vec![changes]
        } else {
            batches(changes, batch_rows.max(1))
        };
        batches.reverse();
        while let Some(mut batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.job.stored.replace(&self.job.table, &batch).await {
                Ok(()) => batch.iter().for_each(|change| self.count(change)),
                Err(e) if !matches!(e.kind(), ErrorKind::Conflict | ErrorKind::DataRejected) => {
                    return Err(e.at("table", &self.repair.target));
                }
                // The rows that are refused are found by halving.
                Err(_) if batch.len() > 1 => {
                    let rest = batch.split_off(batch.len() / 2);
                    batches.push(rest);
                    batches.push(batch);
                }
                Err(e) => {
                    self.reasons.push(e.to_string());
                    self.open.append(&mut batch);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, change: &RowChange) {
        match (&change.before, &change.after) {
            (Some(_), Some(_)) => self.repair.changed += 1,
            (None, Some(_)) => self.repair.added += 1,
            (Some(_), None) => self.repair.removed += 1,
            (None, None) => {}
        }
        let mut gone = Digest::default();
        change.before.iter().for_each(|row| gone.add_row(row));
        self.expected.subtract(&gone);
        change.after.iter().for_each(|row| self.expected.add_row(row));
    }

    async fn prove(mut self) -> Result<TableRepair> {
        let now = self.job.destination().digest().await?;
        self.repair.nothing_else_changed = now == self.expected;
        self.repair.proven = now == self.right;
        // Rows that the destination refused when they were copied are refused again, as they should be.
        if !self.repair.proven {
            self.repair.failed.append(&mut self.reasons);
        }
        Ok(self.repair)
    }
}

fn batches(changes: Vec<RowChange>, rows: usize) -> Vec<Vec<RowChange>> {
    let mut batches: Vec<Vec<RowChange>> = Vec::new();
    let mut bytes = BATCH_BYTES;
    for change in changes {
        let size = change.before.as_ref().map_or(0, Vec::len) + change.after.as_ref().map_or(0, Vec::len);
        match batches.last_mut() {
            Some(batch) if batch.len() < rows && bytes + size <= BATCH_BYTES => {
                bytes += size;
                batch.push(change);
            }
            _ => {
                bytes = size;
                batches.push(vec![change]);
            }
        }
    }
    batches
}
