//! Which way of finding places to cut is tried when.

use migrate_core::Result;

use super::{Task, fatal, histogram, integers, proof, sample, steps};
use crate::live::catalog::Storage;
use crate::live::read::key::Place;
use crate::live::wire::Session;

/// Ways of finding places, each slower or coarser than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Evenly between the smallest and the largest, where integers are dense.
    Even,
    /// Out of the statistics of the index: about 200 places in the order of its first column.
    Histogram,
    /// Out of the keys on some pages.
    Sample,
    /// By walking through the key.
    Steps,
}

/// The ways that suit the table, best first.
pub(super) fn ways(task: Task<'_>) -> Vec<Way> {
    let single = task.key.columns.len() == 1;
    let mut ways = Vec::new();
    if single && integers::suits(task.key) {
        ways.push(Way::Even);
    }
    // The steps of a histogram are as fine as the chunks at least, and its places are about one column.
    let coarse = task.chunks.is_none_or(|n| n > 50);
    if single && !coarse {
        ways.push(Way::Histogram);
    }
    if task.facts.bytes.is_some() && task.chunks.is_some() && task.facts.storage != Storage::Memory {
        ways.push(Way::Sample);
    }
    if single && coarse {
        ways.push(Way::Histogram);
    }
    ways.push(Way::Steps);
    ways
}

/// Places that ascend, as many as seem right; none where the server cannot say.
pub(super) async fn find(session: &mut dyn Session, task: Task<'_>) -> Result<Vec<Place>> {
    for way in ways(task) {
        let found = match way {
            Way::Even => integers::find(session, task).await,
            Way::Histogram => histogram::find(session, task).await,
            Way::Sample => sample::find(session, task).await,
            Way::Steps => steps::find(session, task).await,
        };
        let mut places = match found {
            Ok(Some(places)) => places,
            Ok(None) => continue,
            Err(error) if fatal(&error, session) => return Err(error),
            // Not every server has every one of these.
            Err(_) => continue,
        };
        places.truncate(task.most.saturating_sub(1));
        match proof::ascend(session, task.key, &places).await {
            Ok(true) => return Ok(places),
            Ok(false) => {}
            Err(error) if fatal(&error, session) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Vec::new())
}
