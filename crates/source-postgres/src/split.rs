//! Tables in chunks: ranges of blocks.

use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId};
use migrate_core::plan::TablePlan;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::{Deserialize, Serialize};

use crate::changes::Since;
use crate::connect::ask;
use crate::read::Shape;

/// A chunk's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) part: Part,
    /// The table's file: another one holds the rows at other places.
    pub(crate) file: u32,
    /// The snapshot of the split: every transaction before this one had ended then.
    pub(crate) before: u64,
    /// Which rows, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Since>,
}

/// Which part of the table a chunk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// All of it, in the order in which PostgreSQL reads it.
    Whole,
    /// Blocks from the first number up to before the second, or all that follow.
    Blocks(u32, Option<u32>),
}

impl Token {
    pub(crate) fn of(chunk: &Chunk) -> Result<Self> {
        serde_json::from_str(&chunk.token).map_err(|e| {
            Error::source_side(ErrorKind::Internal, "a stored chunk is not one of this source").because(e)
        })
    }

    fn text(&self) -> String {
        // Plain data of numbers: it always has a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Token {
    /// Whether it is all of the table.
    pub(crate) fn is_whole(&self) -> bool {
        self.part == Part::Whole && self.since.is_none()
    }

    /// The conditions that its rows meet.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = String> {
        let since = self.since.as_ref().map(Since::condition);
        self.part.condition().into_iter().chain(since)
    }
}

impl Part {
    /// The condition that rows of the part meet.
    fn condition(&self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Blocks(from, None) => Some(format!("ctid >= '({from},0)'::tid")),
            Self::Blocks(from, Some(to)) => {
                Some(format!("ctid >= '({from},0)'::tid and ctid < '({to},0)'::tid"))
            }
        }
    }
}

#[derive(Deserialize)]
struct Size {
    blocks: u32,
    bytes: u64,
    file: u32,
    before: u64,
}

/// The size of the table now: whatever the snapshot shows lies in these blocks.
fn size_question(oid: u32) -> String {
    format!(
        "select (pg_relation_size({oid}) / current_setting('block_size')::int)::bigint as blocks,
                pg_table_size({oid}) as bytes, coalesce(pg_relation_filenode({oid}), 0)::bigint as file,
                txid_snapshot_xmin(txid_current_snapshot()) as before"
    )
}

/// Splits a table by its blocks. Before PostgreSQL 14 a condition on them reads the whole table, which so stays whole.
pub(crate) async fn split(
    session: &mut PgConnection,
    table: &TablePlan,
    shape: &Shape,
    goal: ChunkGoal,
    major: u32,
    since: Option<Since>,
) -> Result<Vec<Chunk>> {
    let size: Size = ask(session, &size_question(shape.oid))
        .await?
        .pop()
        .ok_or_else(|| Error::source_side(ErrorKind::NotFound, "the table is not there any more"))?;
    // What an index finds is spread over all blocks.
    let by_index = matches!(since, Some(Since::Condition(_)));
    let parts = if (major < 14 || by_index) && size.blocks > 0 {
        vec![Part::Whole]
    } else {
        ranges(size.blocks, size.bytes, goal)
    };
    let count = parts.len().max(1) as u64;
    let chunk = |(ordinal, part): (usize, Part)| Chunk {
        id: ChunkId {
            table: table.source.clone(),
            ordinal: ordinal as u32,
        },
        token: Token {
            part,
            file: size.file,
            before: size.before,
            since: since.clone(),
        }
        .text(),
        rows: table.rows.filter(|_| since.is_none()).map(|rows| rows / count),
        bytes: Some(size.bytes / count),
    };
    Ok(parts.into_iter().enumerate().map(chunk).collect())
}

/// Ranges of about the same size. What is kept aside (TOAST) counts for the rows that refer to it.
fn ranges(blocks: u32, bytes: u64, goal: ChunkGoal) -> Vec<Part> {
    if blocks == 0 {
        return Vec::new();
    }
    let wanted = bytes
        .div_ceil(goal.bytes.max(1))
        .clamp(1, u64::from(goal.max_chunks.max(1)));
    let count = wanted.min(u64::from(blocks)) as u32;
    if count == 1 {
        return vec![Part::Whole];
    }
    let start = |n: u32| (u64::from(blocks) * u64::from(n) / u64::from(count)) as u32;
    (0..count)
        .map(|n| Part::Blocks(start(n), (n + 1 < count).then(|| start(n + 1))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(bytes: u64) -> ChunkGoal {
        ChunkGoal { bytes, max_chunks: 3 }
    }

    #[test]
    fn ranges_follow_each_other_and_the_last_is_open() {
        assert_eq!(ranges(0, 0, goal(100)), []);
        assert_eq!(ranges(7, 7 * 8192, goal(1 << 20)), [Part::Whole]);
        assert_eq!(
            ranges(10, 10 * 8192, goal(8192)),
            [
                Part::Blocks(0, Some(3)),
                Part::Blocks(3, Some(6)),
                Part::Blocks(6, None)
            ]
        );
        // Two blocks cannot be three ranges, however much hangs on them.
        assert_eq!(
            ranges(2, 1 << 30, goal(8192)),
            [Part::Blocks(0, Some(1)), Part::Blocks(1, None)]
        );
    }
}
