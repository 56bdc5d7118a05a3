//! Cuts by walking through the key: each step asks for the key a chunk's rows further on. The server reads the whole index for it,
//! so this is the last resort; it needs nothing but an order.

use migrate_core::Result;

use super::Task;
use crate::live::catalog::bracketed;
use crate::live::read::ask::{ask, integer};
use crate::live::read::key::{Key, KeyValue, Place};
use crate::live::read::range::{Side, compare};
use crate::live::read::select::{key_list, order};
use crate::live::wire::Session;

pub(super) async fn find(session: &mut dyn Session, task: Task<'_>) -> Result<Option<Vec<Place>>> {
    let mut places: Vec<Place> = Vec::new();
    while places.len() + 1 < task.most {
        let sql = sql(task, places.last().map(Vec::as_slice))?;
        let answers = ask(session, "walking through the keys", &sql).await?;
        let Some(mut row) = answers.into_iter().next() else {
            break;
        };
        let passed = row.pop();
        if integer(passed.as_ref()) != i64::try_from(task.rows.saturating_add(1)).ok() {
            // What is left is one chunk.
            break;
        }
        let Some(place) = row.into_iter().collect() else {
            return Ok(None);
        };
        places.push(place);
    }
    Ok(Some(places))
}

/// The first key after a chunk that begins at `from`, and how many keys were passed with it.
pub(super) fn sql(task: Task<'_>, from: Option<&[KeyValue]>) -> Result<String> {
    let key = task.key;
    let condition = match from {
        Some(place) => format!(" where {}", compare(key, place, Side::AtOrAfter)?),
        None => String::new(),
    };
    Ok(format!(
        "select top (1) {}, count(*) over () from (select top ({}) {} from {}{condition} order by {}) as s order by {}",
        key_list(key),
        task.rows.saturating_add(1),
        names(key),
        task.name,
        order(key, false),
        order(key, true),
    ))
}

/// `[a], [b]`
pub(super) fn names(key: &Key) -> String {
    let names = key.columns.iter().map(|c| bracketed(&c.name));
    names.collect::<Vec<_>>().join(", ")
}
