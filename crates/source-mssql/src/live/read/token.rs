//! What chunks and cursors say: JSON, which only this crate reads.

use migrate_core::Result;
use migrate_core::chunk::{Chunk, Cursor};
use serde::{Deserialize, Serialize};

use super::key::{Key, KeyValue, Place};
use super::range::Range;
use crate::classify::internal;

/// A chunk's token: which rows, in which order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// The order; without one the chunk is the whole table, read in one go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Key>,
    /// Which part of it.
    #[serde(flatten)]
    pub(crate) range: Range,
}

impl Token {
    /// Its text.
    pub(crate) fn write(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| internal("a chunk's token cannot be written").because(e))
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(chunk: &Chunk) -> Result<Self> {
        let token: Self = serde_json::from_str(&chunk.token)
            .map_err(|e| internal("the chunk's token was not written by a SQL Server source").because(e))?;
        if token.key.as_ref().is_some_and(|k| k.columns.is_empty()) {
            return Err(internal("the chunk's token has a key without columns"));
        }
        Ok(token)
    }
}

/// The cursor behind the row with this key.
pub(crate) fn cursor(place: &[KeyValue]) -> Option<Cursor> {
    let readable: Vec<_> = place
        .iter()
        .map(|value| match (value, value.text()) {
            (KeyValue::Units(_), Some(text)) => KeyValue::Text(text.into_owned()),
            _ => value.clone(),
        })
        .collect();
    // Plain data without maps can always be written.
    serde_json::to_string(&readable).ok().map(Cursor)
}

/// Reads what [`cursor`] wrote.
pub(crate) fn place(cursor: &Cursor) -> Result<Place> {
    serde_json::from_str(&cursor.0)
        .map_err(|e| internal("the cursor was not written by a SQL Server source").because(e))
}
