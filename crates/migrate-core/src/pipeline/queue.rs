//! Chunks that wait for a worker, and what became of the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::catalog::ObjectName;
use crate::chunk::{Chunk, Cursor, Receipt};

/// A chunk with the place of its table in the plan.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) table: usize,
    pub(super) chunk: Chunk,
}

/// What a worker does at once: a chunk, or chunks of several tables that are read together.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) parts: Vec<Part>,
}

impl Job {
    /// The same, one chunk at a time.
    pub(super) fn apart(self) -> impl Iterator<Item = Self> {
        self.parts.into_iter().map(|part| Self { parts: vec![part] })
    }

    /// Its first chunk, which stands for all of them.
    pub(super) fn first(&self) -> Option<&Part> {
        self.parts.first()
    }
}

/// A table that may be read together with others of its group.
#[derive(Debug)]
pub(super) struct Grouped {
    pub(super) group: Option<String>,
    pub(super) chunks: Vec<(Chunk, Receipt)>,
}

/// Tables that are read together, at most: each is written through a connection of its own.
const MOST_TOGETHER: usize = 6;

#[derive(Debug)]
struct TableState {
    name: ObjectName,
    receipts: Vec<Receipt>,
    /// Ordinals of chunks that are not complete.
    left: BTreeSet<u32>,
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
    pub(super) fn add_table(&mut self, name: ObjectName, chunks: &[(Chunk, Receipt)]) {
        self.tables.push(TableState {
            name,
            receipts: chunks.iter().map(|(_, receipt)| receipt.clone()).collect(),
            left: chunks
                .iter()
                .filter(|(_, r)| !r.done)
                .map(|(c, _)| c.id.ordinal)
                .collect(),
            started: None,
            took: Duration::ZERO,
        });
    }

    /// Queues what is left of the tables. Chunks of one group that are at the same place go together.
    pub(super) fn fill(&mut self, tables: Vec<Grouped>) {
        let mut places: BTreeMap<(String, u32, String, Option<Cursor>), usize> = BTreeMap::new();
        for (table, Grouped { group, chunks }) in tables.into_iter().enumerate() {
            for (chunk, receipt) in chunks.into_iter().filter(|(_, receipt)| !receipt.done) {
                let key = group
                    .clone()
                    .map(|g| (g, chunk.id.ordinal, chunk.token.clone(), receipt.cursor));
                let known = key.as_ref().and_then(|key| places.get(key).copied());
                let part = Part { table, chunk };
                match known.and_then(|at| self.waiting.get_mut(at)) {
                    Some(job) if job.parts.len() < MOST_TOGETHER => job.parts.push(part),
                    _ => {
                        places.extend(key.map(|key| (key, self.waiting.len())));
                        self.waiting.push_back(Job { parts: vec![part] });
                    }
                }
            }
        }
        let size = |job: &Job| {
            job.first()
                .and_then(|p| p.chunk.bytes.or(p.chunk.rows))
                .unwrap_or(0)
        };
        let table = |job: &Job| job.first().map_or(0, |p| p.table);
        let waiting = self.waiting.make_contiguous();
        waiting.sort_by_key(|job| std::cmp::Reverse((size(job), std::cmp::Reverse(table(job)))));
    }

    pub(super) fn next(&mut self) -> Option<Job> {
        let job = self.waiting.pop_front()?;
        for part in &job.parts {
            if let Some(table) = self.tables.get_mut(part.table) {
                table.started.get_or_insert_with(Instant::now);
            }
        }
        Some(job)
    }

    /// Notes how far a chunk has come.
    pub(super) fn note(&mut self, part: &Part, receipt: &Receipt) {
        let table = self.tables.get_mut(part.table);
        if let Some(slot) = table.and_then(|t| t.receipts.get_mut(part.chunk.id.ordinal as usize)) {
            slot.clone_from(receipt);
        }
    }

    /// Notes a finished chunk; returns whether it was its table's last.
    pub(super) fn finish(&mut self, part: &Part, receipt: &Receipt) -> bool {
        self.note(part, receipt);
        let Some(table) = self.tables.get_mut(part.table) else {
            return false;
        };
        // A chunk may end twice: its commit succeeded, and an attempt that was made because of another one finds it so.
        let is_new = table.left.remove(&part.chunk.id.ordinal);
        table.took = table.started.map_or(Duration::ZERO, |s| s.elapsed());
        is_new && table.left.is_empty()
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
