//! Chunks: a part file each, as far as the number of chunks allows.

use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use migrate_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::layout::LayoutChoice;
use super::scan::TableParts;

/// What a chunk's token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// The layout that the scan proved.
    pub(crate) layout: LayoutChoice,
    /// Entries and their rows, if counted.
    pub(crate) parts: Vec<(String, Option<u64>)>,
}

/// Where to go on in a chunk: behind so many rows of which part, and at which of its inflated bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) row: u64,
    pub(crate) offset: u64,
}

impl Token {
    pub(crate) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|e| foreign("the chunk's token", e))
    }
}

impl Place {
    pub(crate) fn read(cursor: &Cursor) -> Result<Self> {
        serde_json::from_str(&cursor.0).map_err(|e| foreign("the cursor", e))
    }

    pub(crate) fn cursor(self) -> Result<Cursor> {
        Ok(Cursor(json(&self)?))
    }
}

fn foreign(what: &str, cause: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("{what} was not written by a .bacpac source"),
    )
    .because(cause)
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(ErrorKind::Internal, "a token cannot be written").because(e))
}

/// Cuts a table into chunks.
pub(crate) fn split(table: &ObjectName, parts: &TableParts, goal: ChunkGoal) -> Result<Vec<Chunk>> {
    let filled: Vec<_> = parts.parts.iter().filter(|p| p.rows != Some(0)).collect();
    let most = (goal.max_chunks.max(1)) as usize;
    // Neighbours share a chunk only where there are more parts than chunks allowed.
    let together = filled.len().div_ceil(most).max(1);
    let mut chunks = Vec::new();
    for (ordinal, group) in filled.chunks(together).enumerate() {
        let token = Token {
            layout: parts.choice,
            parts: group.iter().map(|p| (p.entry.name.clone(), p.rows)).collect(),
        };
        chunks.push(Chunk {
            id: ChunkId {
                table: table.clone(),
                ordinal: ordinal as u32,
            },
            token: json(&token)?,
            rows: group.iter().map(|p| p.rows).sum(),
            bytes: Some(group.iter().map(|p| p.entry.size).sum()),
        });
    }
    Ok(chunks)
}
