//! Cuts out of the keys on a few pages, which the server picks.

use migrate_core::Result;

use super::Task;
use crate::live::read::ask::ask;
use crate::live::read::key::Place;
use crate::live::read::select::{key_list, order};
use crate::live::wire::Session;

/// Pages to look at for each chunk.
const PAGES_PER_CHUNK: f64 = 32.0;
/// Bytes of a page.
const PAGE: f64 = 8192.0;

/// `None` if no page was picked.
pub(super) async fn find(session: &mut dyn Session, task: Task<'_>) -> Result<Option<Vec<Place>>> {
    let (Some(chunks), Some(bytes)) = (task.chunks, task.facts.bytes) else {
        return Ok(None);
    };
    let answers = ask(
        session,
        "looking at a sample of the keys",
        &sql(task, chunks, bytes),
    )
    .await?;
    let places: Option<Vec<Place>> = answers.into_iter().map(|row| row.into_iter().collect()).collect();
    Ok(places.filter(|p| !p.is_empty()))
}

/// Every n-th key of the sample.
pub(super) fn sql(task: Task<'_>, chunks: u64, bytes: u64) -> String {
    let percent =
        (100.0 * chunks as f64 * PAGES_PER_CHUNK * PAGE / (bytes.max(1) as f64)).clamp(0.001, 100.0);
    let (list, order) = (key_list(task.key), order(task.key, false));
    format!(
        "select {list} from (select {}, row_number() over (order by {order}) as migrate_n, count(*) over () as migrate_of \
         from {} tablesample system ({percent:.3} percent)) as s \
         where migrate_n % ((migrate_of + {rest}) / {chunks}) = 0 and migrate_n < migrate_of order by {order}",
        super::steps::names(task.key),
        task.name,
        rest = chunks - 1,
    )
}
