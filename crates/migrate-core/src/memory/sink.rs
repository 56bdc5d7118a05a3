//! A ledger and tables of tuples.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::batch::{Batch, Reject};
use crate::catalog::ObjectName;
use crate::chunk::{Checkpoint, Chunk, ChunkId, Receipt, Segment, add_conversions};
use crate::error::{Error, ErrorKind, Result};
use crate::observer::Observer;
use crate::plan::{Plan, TablePlan};
use crate::sink::{ChunkWriter, Completion, Progress, Sink, WriteMode};
use crate::stored::{LedgerView, ProofNote, RowChange, Stored, TupleScan, Tuples};

#[derive(Debug, Default)]
struct State {
    plan: Option<Plan>,
    complete: bool,
    chunks: BTreeMap<ObjectName, Vec<(Chunk, Receipt, u64)>>,
    rows: BTreeMap<ObjectName, Vec<Vec<u8>>>,
    quarantine: Vec<(ObjectName, Reject)>,
    proofs: Vec<ProofNote>,
}

/// A sink that keeps what it is given. Clones share their content, so that a clone stands for a second process.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<State>>);

impl MemorySink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made in one go under the lock: a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table's rows as tuples, sorted.
    pub fn rows(&self, table: &ObjectName) -> Vec<Vec<u8>> {
        let mut rows = self.state().rows.get(table).cloned().unwrap_or_default();
        rows.sort();
        rows
    }

    /// Changes a table's stored rows behind the ledger's back.
    pub fn tamper(&self, table: &ObjectName, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        change(self.state().rows.entry(table.clone()).or_default());
    }

    /// Rows in quarantine.
    pub fn quarantine(&self) -> Vec<(ObjectName, Reject)> {
        self.state().quarantine.clone()
    }
}

#[async_trait]
impl Sink for MemorySink {
    async fn begin(&self, plan: &Plan) -> Result<Progress> {
        let mut state = self.state();
        let resumed = match &state.plan {
            Some(known) if known.fingerprint() != plan.fingerprint() => {
                return Err(Error::destination(
                    ErrorKind::Conflict,
                    "the ledger belongs to another plan",
                ));
            }
            known => known.is_some(),
        };
        state.plan = Some(plan.clone());
        let tables = state
            .chunks
            .iter()
            .map(|(t, chunks)| {
                (
                    t.clone(),
                    chunks.iter().map(|(c, r, _)| (c.clone(), r.clone())).collect(),
                )
            })
            .collect();
        Ok(Progress {
            resumed,
            complete: state.complete,
            tables,
        })
    }

    async fn register(&self, table: &ObjectName, chunks: &[Chunk], _: Option<&Checkpoint>) -> Result<()> {
        let mut state = self.state();
        if state.chunks.contains_key(table) {
            let error = Error::destination(ErrorKind::Conflict, "the table was split before");
            return Err(error.at("table", table));
        }
        let chunks = chunks
            .iter()
            .map(|c| (c.clone(), Receipt::default(), 0))
            .collect();
        state.chunks.insert(table.clone(), chunks);
        Ok(())
    }

    async fn restart(&self, table: &TablePlan) -> Result<()> {
        let mut state = self.state();
        state.chunks.remove(&table.source);
        state.rows.remove(&table.source);
        state.quarantine.retain(|(t, _)| t != &table.source);
        Ok(())
    }

    async fn writer(
        &self,
        _: &TablePlan,
        chunk: &ChunkId,
        _: WriteMode,
    ) -> Result<(Box<dyn ChunkWriter>, Receipt)> {
        let mut state = self.state();
        let slot = slot(&mut state, chunk)?;
        slot.2 += 1;
        let (receipt, attempt) = (slot.1.clone(), slot.2);
        let writer = MemoryWriter {
            sink: self.clone(),
            chunk: chunk.clone(),
            attempt,
            rows: Vec::new(),
            rejects: Vec::new(),
        };
        Ok((Box::new(writer), receipt))
    }

    async fn complete(&self, _: &Plan, _: &dyn Observer) -> Result<Completion> {
        self.state().complete = true;
        Ok(Completion::default())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn slot<'s>(state: &'s mut State, chunk: &ChunkId) -> Result<&'s mut (Chunk, Receipt, u64)> {
    state
        .chunks
        .get_mut(&chunk.table)
        .and_then(|chunks| chunks.get_mut(chunk.ordinal as usize))
        .ok_or_else(|| {
            Error::destination(ErrorKind::Internal, "the chunk was never registered").at("chunk", chunk)
        })
}

struct MemoryWriter {
    sink: MemorySink,
    chunk: ChunkId,
    attempt: u64,
    rows: Vec<Vec<u8>>,
    rejects: Vec<Reject>,
}

#[async_trait]
impl ChunkWriter for MemoryWriter {
    async fn write(&mut self, batch: &Batch) -> Result<()> {
        self.rows.extend((0..batch.rows()).map(|i| batch.row(i).to_vec()));
        self.rejects.extend(batch.rejects.iter().cloned());
        Ok(())
    }

    async fn commit(self: Box<Self>, segment: Segment) -> Result<Receipt> {
        let mut state = self.sink.state();
        let slot = slot(&mut state, &self.chunk)?;
        if slot.2 != self.attempt {
            return Err(Error::destination(
                ErrorKind::Fenced,
                "another writer took the chunk over",
            ));
        }
        let receipt = &mut slot.1;
        receipt.read += segment.read;
        receipt.filtered += segment.filtered;
        receipt.quarantined += self.rejects.len() as u64;
        for row in &self.rows {
            receipt.digest.add_row(row);
            receipt.bytes += row.len() as u64;
        }
        receipt.cursor = segment.cursor;
        receipt.done = segment.done;
        add_conversions(&mut receipt.conversions, &segment.conversions);
        let receipt = receipt.clone();
        let table = self.chunk.table;
        state
            .quarantine
            .extend(self.rejects.into_iter().map(|r| (table.clone(), r)));
        state.rows.entry(table).or_default().extend(self.rows);
        Ok(receipt)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Stored for MemorySink {
    async fn ledger(&self) -> Result<Option<LedgerView>> {
        let state = self.state();
        Ok(state.plan.clone().map(|plan| LedgerView {
            changes: BTreeMap::new(),
            plan,
            complete: state.complete,
            started_at: String::new(),
            finished_at: None,
            tables: state
                .chunks
                .iter()
                .map(|(t, chunks)| {
                    (
                        t.clone(),
                        chunks.iter().map(|(c, r, _)| (c.clone(), r.clone())).collect(),
                    )
                })
                .collect(),
            quarantined: state.quarantine.len() as u64,
            took: BTreeMap::new(),
            proofs: state.proofs.clone(),
        }))
    }

    async fn scan(&self, table: &TablePlan) -> Result<Box<dyn TupleScan>> {
        let rows = self.state().rows.get(&table.source).cloned().unwrap_or_default();
        Ok(Box::new(MemoryScan(rows)))
    }

    async fn replace(&self, table: &TablePlan, changes: &[RowChange]) -> Result<()> {
        let mut state = self.state();
        let rows = state.rows.entry(table.source.clone()).or_default();
        let mut changed = rows.clone();
        for before in changes.iter().filter_map(|c| c.before.as_ref()) {
            let at = changed.iter().position(|row| row == before).ok_or_else(|| {
                Error::destination(ErrorKind::Conflict, "a row is not there any more")
                    .at("table", &table.target)
            })?;
            changed.swap_remove(at);
        }
        changed.extend(changes.iter().filter_map(|c| c.after.clone()));
        *rows = changed;
        Ok(())
    }

    async fn note_proof(&self, note: &ProofNote) -> Result<()> {
        self.state().proofs.push(note.clone());
        Ok(())
    }
}

struct MemoryScan(Vec<Vec<u8>>);

#[async_trait]
impl TupleScan for MemoryScan {
    async fn next(&mut self, out: &mut Tuples) -> Result<bool> {
        out.clear();
        for row in self.0.drain(..) {
            out.bytes.extend_from_slice(&row);
            out.ends.push(out.bytes.len());
        }
        Ok(!out.ends.is_empty())
    }
}
