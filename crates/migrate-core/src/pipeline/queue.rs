//! Chunks that wait for a worker, and what became of the others.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::catalog::ObjectName;
use crate::chunk::{Chunk, Receipt};

/// A chunk with the place of its table in the plan.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) table: usize,
    pub(super) chunk: Chunk,
}

#[derive(Debug)]
struct TableState {
    name: ObjectName,
    receipts: Vec<Receipt>,
    left: usize,
    started: Option<Instant>,
    took: Duration,
}

/// All chunks of a run. Largest first, so that no big chunk is left to run alone at the end.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    tables: Vec<TableState>,
}

impl Queue {
    pub(super) fn add_table(&mut self, table: usize, name: ObjectName, chunks: Vec<(Chunk, Receipt)>) {
        let left = chunks.iter().filter(|(_, r)| !r.done).count();
        let mut receipts = Vec::with_capacity(chunks.len());
        for (chunk, receipt) in chunks {
            if !receipt.done {
                self.waiting.push_back(Job { table, chunk });
            }
            receipts.push(receipt);
        }
        self.tables.push(TableState {
            name,
            receipts,
            left,
            started: None,
            took: Duration::ZERO,
        });
    }

    pub(super) fn sort(&mut self) {
        self.waiting.make_contiguous().sort_by_key(|job| {
            std::cmp::Reverse((
                job.chunk.bytes.or(job.chunk.rows).unwrap_or(0),
                std::cmp::Reverse(job.table),
            ))
        });
    }

    pub(super) fn next(&mut self) -> Option<Job> {
        let job = self.waiting.pop_front()?;
        if let Some(table) = self.tables.get_mut(job.table) {
            table.started.get_or_insert_with(Instant::now);
        }
        Some(job)
    }

    /// Notes how far a chunk has come.
    pub(super) fn note(&mut self, job: &Job, receipt: &Receipt) {
        let table = self.tables.get_mut(job.table);
        if let Some(slot) = table.and_then(|t| t.receipts.get_mut(job.chunk.id.ordinal as usize)) {
            slot.clone_from(receipt);
        }
    }

    /// Notes a finished chunk; returns whether it was its table's last.
    pub(super) fn finish(&mut self, job: &Job, receipt: &Receipt) -> bool {
        self.note(job, receipt);
        let Some(table) = self.tables.get_mut(job.table) else {
            return false;
        };
        table.left = table.left.saturating_sub(1);
        table.took = table.started.map_or(Duration::ZERO, |s| s.elapsed());
        table.left == 0
    }

    pub(super) fn outcomes(&mut self) -> Vec<(ObjectName, Vec<Receipt>, Duration)> {
        self.tables
            .drain(..)
            .map(|t| (t.name, t.receipts, t.took))
            .collect()
    }

    /// Rows in quarantine so far, over all tables.
    pub(super) fn quarantined(&self) -> u64 {
        self.tables
            .iter()
            .flat_map(|t| &t.receipts)
            .map(|r| r.quarantined)
            .sum()
    }
}
