//! What a run did.

use std::time::Duration;

use serde::Serialize;

use crate::catalog::ObjectName;
use crate::chunk::Receipt;
use crate::plan::{Plan, TargetName};

/// What became of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// Its source name.
    pub source: ObjectName,
    /// Its name in the destination.
    pub target: TargetName,
    /// Its chunks' receipts, added up; runs before this one included.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// From its first chunk's start to its last chunk's end in this run.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub took: Duration,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Each table of the plan, in its order.
    pub tables: Vec<TableReport>,
    /// Whether an earlier run was continued.
    pub resumed: bool,
    /// Whether there was nothing left to do.
    pub already_complete: bool,
    /// Keys, indexes, constraints and the like made by this run.
    pub steps: u64,
    /// Those that could not be made, with the reason.
    pub failed_steps: Vec<(String, String)>,
    /// What the source has to say about how consistently it was read.
    pub notes: Vec<String>,
    /// Until the last row was durable.
    #[serde(serialize_with = "seconds", rename = "copy_seconds")]
    pub copy_elapsed: Duration,
    /// The whole run.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub elapsed: Duration,
}

fn seconds<S: serde::Serializer>(d: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((d.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl Report {
    pub(super) fn new(plan: &Plan, resumed: bool) -> Self {
        let tables = plan.tables.iter().map(|t| TableReport {
            source: t.source.clone(),
            target: t.target.clone(),
            receipt: Receipt {
                done: true,
                ..Receipt::default()
            },
            took: Duration::ZERO,
        });
        Self {
            tables: tables.collect(),
            resumed,
            already_complete: false,
            steps: 0,
            failed_steps: Vec::new(),
            notes: Vec::new(),
            copy_elapsed: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn add_chunks<'r>(&mut self, table: &ObjectName, receipts: impl Iterator<Item = &'r Receipt>) {
        if let Some(entry) = self.tables.iter_mut().find(|t| &t.source == table) {
            for receipt in receipts {
                entry.receipt.merge(receipt);
            }
        }
    }

    pub(super) fn set_duration(&mut self, table: &ObjectName, took: Duration) {
        if let Some(entry) = self.tables.iter_mut().find(|t| &t.source == table) {
            entry.took = took;
        }
    }

    /// All tables added up.
    pub fn total(&self) -> Receipt {
        let mut total = Receipt {
            done: true,
            ..Receipt::default()
        };
        for table in &self.tables {
            total.merge(&table.receipt);
        }
        total
    }

    /// Whether every row arrived and every step succeeded.
    pub fn is_clean(&self) -> bool {
        let total = self.total();
        total.done && total.quarantined == 0 && self.failed_steps.is_empty()
    }
}
