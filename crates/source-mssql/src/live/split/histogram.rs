//! Cuts out of the statistics that the server keeps for the index.

use migrate_core::Result;

use super::Task;
use crate::live::read::ask::ask;
use crate::live::read::key::{KeyValue, Place};
use crate::live::wire::Session;

/// `None` where there are too few steps for the chunks that are wanted.
pub(super) async fn find(session: &mut dyn Session, task: Task<'_>) -> Result<Option<Vec<Place>>> {
    let answers = ask(session, "reading the statistics of an index", &sql(task)).await?;
    let mut steps = Vec::with_capacity(answers.len());
    for mut row in answers {
        let (Some(weight), Some(high)) = (row.pop().flatten(), row.pop().flatten()) else {
            return Ok(None);
        };
        let KeyValue::Float(weight) = weight else {
            return Ok(None);
        };
        steps.push((high, f64::from_bits(weight)));
    }
    // Statistics may be old: what they say about the number of rows is not asked for, only their shape.
    let wanted = task.chunks.unwrap_or(200);
    if (steps.len() as u64) < wanted.min(100) {
        return Ok(None);
    }
    Ok(Some(cuts(steps, wanted)))
}

/// The ends of the steps, in the order of the key, with the rows of each.
pub(super) fn sql(task: Task<'_>) -> String {
    let column = &task.key.columns[0];
    let order = if column.descending { " desc" } else { "" };
    format!(
        "select cast(range_high_key as {}), cast(range_rows + equal_rows as float) \
         from sys.dm_db_stats_histogram({}, {}) where range_high_key is not null order by step_number{order}",
        column.native, task.facts.object_id, task.index_id
    )
}

/// Ends of steps behind which another share of the rows is reached.
pub(super) fn cuts(steps: Vec<(KeyValue, f64)>, chunks: u64) -> Vec<Place> {
    let total: f64 = steps.iter().map(|(_, weight)| weight).sum();
    let share = total / chunks.max(1) as f64;
    let mut places = Vec::new();
    let mut passed = 0.0;
    let last = steps.len().saturating_sub(1);
    for (i, (high, weight)) in steps.into_iter().enumerate() {
        passed += weight;
        let due = (places.len() + 1) as f64 * share;
        if i < last && passed >= due && (places.len() as u64) < chunks.saturating_sub(1) {
            places.push(vec![high]);
        }
    }
    places
}
