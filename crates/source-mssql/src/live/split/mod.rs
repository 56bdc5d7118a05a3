//! Cutting a table into chunks: ranges of a key, of about the same size.
//!
//! Where to cut comes from the server: from the smallest and largest integer, from statistics, from a sample of pages,
//! or from steps through the key. None of them has to be right for the copy to be: the first range has no beginning and the
//! last no end, and every cut is the same place for both of its sides, so that each row belongs to exactly one chunk as
//! long as the places ascend. That is asked of the server, which alone knows its collations and its order of GUIDs,
//! about the very constants that the queries will contain.

mod boundaries;
mod histogram;
mod integers;
mod proof;
mod sample;
mod steps;

#[cfg(test)]
mod tests;

use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId};
use migrate_core::plan::TablePlan;
use migrate_core::{Error, ErrorKind, Result};

use super::catalog::{Order, Storage, TableFacts, bracketed};
use super::read::ask::ask;
use super::read::key::Key;
use super::read::range::Range;
use super::read::token::Token;
use super::wire::Session;

/// Bytes of a row where the server does not say.
const TYPICAL_ROW: u64 = 200;

/// A table that is being split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// `[schema].[table]`
    name: &'a str,
    facts: &'a TableFacts,
    key: &'a Key,
    /// The index whose first column is the key's first.
    index_id: i64,
    /// Chunks wanted; `None` where the table's size is not known.
    chunks: Option<u64>,
    /// Rows of a chunk.
    rows: u64,
    /// Chunks that there may be.
    most: usize,
}

/// Splits a table.
///
/// # Errors
/// Those of the connection, and of reading the table at all. A server that cannot say where to cut gets one chunk.
pub(crate) async fn split(
    session: &mut dyn Session,
    table: &TablePlan,
    facts: &TableFacts,
    goal: ChunkGoal,
) -> Result<Vec<Chunk>> {
    let name = format!(
        "{}.{}",
        bracketed(&table.source.schema),
        bracketed(&table.source.name)
    );
    let first = format!("select top (1) 1 from {name}");
    if ask(session, "looking whether a table has rows", &first)
        .await?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    // There are rows: who counts none has not counted yet.
    let some = |n: &u64| *n > 0;
    let rows = facts.rows.or(table.rows).filter(some);
    let bytes = facts.bytes.or(table.bytes).filter(some);
    let bytes = bytes.or(rows.map(|r| r.saturating_mul(TYPICAL_ROW)));
    let most = goal.max_chunks.max(1) as usize;
    let chunks = bytes.map(|b| {
        b.div_ceil(goal.bytes.max(1))
            .clamp(1, most as u64)
            .min(rows.unwrap_or(u64::MAX).max(1))
    });
    let per_chunk = match (rows, chunks) {
        (Some(rows), Some(chunks)) => rows.div_ceil(chunks),
        _ => goal.bytes / TYPICAL_ROW,
    };
    let chosen = choose(facts);
    let ranges = match &chosen {
        Some(chosen) if chosen.splittable && chunks != Some(1) => {
            let task = Task {
                name: &name,
                facts,
                key: &chosen.key,
                index_id: chosen.index_id,
                chunks,
                rows: per_chunk.max(1),
                most,
            };
            Range::cut(boundaries::find(session, task).await?)
        }
        _ => vec![Range::default()],
    };
    let key = chosen.map(|c| c.key);
    let count = ranges.len() as u64;
    let mut out = Vec::with_capacity(ranges.len());
    for (ordinal, range) in ranges.into_iter().enumerate() {
        let token = Token {
            key: key.clone(),
            range,
        };
        out.push(Chunk {
            id: ChunkId {
                table: table.source.clone(),
                ordinal: ordinal as u32,
            },
            token: token.write()?,
            rows: rows.map(|r| share(r, count, ordinal as u64)),
            bytes: bytes.map(|b| share(b, count, ordinal as u64)),
        });
    }
    Ok(out)
}

/// A part of a total, so that all parts add up to it.
fn share(total: u64, parts: u64, part: u64) -> u64 {
    total / parts + u64::from(part < total % parts)
}

/// The order to read by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    pub(super) key: Key,
    index_id: i64,
    /// Whether ranges of it can be searched.
    splittable: bool,
}

/// The best order: one in which the table is stored, if there is one.
pub(super) fn choose(facts: &TableFacts) -> Option<Chosen> {
    let of = |order: &Order| {
        Key::of(order).map(|key| Chosen {
            key,
            index_id: order.index_id,
            splittable: !order.hash,
        })
    };
    let unique = facts.orders.iter().find(|o| !o.hash && Key::of(o).is_some());
    let unique = unique.or_else(|| facts.orders.iter().find(|o| Key::of(o).is_some()))?;
    let stored = (facts.storage == Storage::Clustered && !unique.clustered)
        .then_some(facts.clustered.as_ref())
        .flatten();
    // Rows of the same clustered key are told apart by the unique one.
    let together = stored.and_then(|clustered| {
        let mut columns = clustered.columns.clone();
        for column in &unique.columns {
            if !columns.iter().any(|c| c.name == column.name) {
                columns.push(column.clone());
            }
        }
        of(&Order {
            columns,
            unique: true,
            ..clustered.clone()
        })
    });
    together.or_else(|| of(unique))
}

/// Whether an error of an optional question ends the attempt. Otherwise the server just does not know the answer.
pub(super) fn fatal(error: &Error, session: &dyn Session) -> bool {
    session.is_broken() || error.is_transient() || error.kind() == ErrorKind::Cancelled
}
