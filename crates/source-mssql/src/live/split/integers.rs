//! Even cuts between the smallest and the largest integer.

use migrate_core::Result;

use super::Task;
use crate::live::catalog::bracketed;
use crate::live::read::ask::{ask, integer};
use crate::live::read::key::{Key, KeyValue, Place};
use crate::live::wire::Session;
use crate::types::Base;

/// Rows for each number between the smallest and the largest, below which the numbers may lie in lumps.
const DENSE: f64 = 0.5;

pub(super) fn suits(key: &Key) -> bool {
    let base = key.columns.first().map(|c| c.native.base);
    matches!(
        base,
        Some(Base::TinyInt | Base::SmallInt | Base::Int | Base::BigInt)
    )
}

/// `None` where the numbers are not dense enough to say where the rows are.
pub(super) async fn find(session: &mut dyn Session, task: Task<'_>) -> Result<Option<Vec<Place>>> {
    let (Some(rows), Some(chunks), Some(column)) = (task.facts.rows, task.chunks, task.key.columns.first())
    else {
        return Ok(None);
    };
    let name = bracketed(&column.name);
    let sql = format!("select min({name}), max({name}) from {}", task.name);
    let answers = ask(session, "looking for the first and the last key", &sql).await?;
    let ends = answers.first().map(|a| (integer(a.first()), integer(a.get(1))));
    let Some((Some(first), Some(last))) = ends else {
        return Ok(None);
    };
    let span = i128::from(last) - i128::from(first) + 1;
    if (rows as f64) < span as f64 * DENSE {
        return Ok(None);
    }
    Ok(Some(even(first, last, chunks, column.descending)))
}

/// Cuts that leave about the same number of integers between them.
pub(super) fn even(first: i64, last: i64, chunks: u64, descending: bool) -> Vec<Place> {
    let span = i128::from(last) - i128::from(first) + 1;
    let chunks = i128::from(chunks).clamp(1, span.max(1));
    let mut places: Vec<Place> = (1..chunks)
        .map(|i| vec![KeyValue::Int((i128::from(first) + span * i / chunks) as i64)])
        .collect();
    if descending {
        places.reverse();
    }
    places
}
