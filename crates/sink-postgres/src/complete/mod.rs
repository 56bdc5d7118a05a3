//! What comes after the rows: keys, indexes, constraints, sequences, views.

mod schedule;
mod step;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use migrate_core::observer::{Event, Observer};
use migrate_core::plan::Plan;
use migrate_core::retry::persist;
use migrate_core::sink::Completion;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute};
use tokio_util::sync::CancellationToken;

use crate::connect::PostgresSink;
use crate::ddl::{Phase, Step, post_data};
use crate::ledger::{self, chunk, event, run};

/// What all workers of a completion share.
struct Work<'a> {
    sink: &'a PostgresSink,
    observer: &'a dyn Observer,
    epoch: i64,
    outcome: Mutex<Completion>,
    /// When the destination was asked last whether to pause.
    looked: tokio::sync::Mutex<Option<Instant>>,
}

pub(crate) async fn complete(
    sink: &PostgresSink,
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Completion> {
    let epoch = sink.shared.epoch()?;
    let (retry, never) = (&sink.options.retry, CancellationToken::new());
    let told = |error: &Error, after| {
        observer.event(&Event::Retrying {
            what: "the ledger".to_owned(),
            reason: error.to_string(),
            after,
        });
    };
    let done = persist(retry, &never, told, || done_before(sink, plan)).await?;
    let steps: Vec<Step> = post_data(plan)
        .into_iter()
        .filter(|s| !done.contains(&s.id))
        .filter(|s| sink.options.analyze || s.phase != Phase::Statistics)
        .collect();
    observer.event(&Event::Steps { total: steps.len() });
    let work = Work {
        sink,
        observer,
        epoch,
        outcome: Mutex::new(Completion::default()),
        looked: tokio::sync::Mutex::new(None),
    };
    for phase in Phase::AFTER {
        let steps: Vec<&Step> = steps.iter().filter(|s| s.phase == phase).collect();
        let workers = if phase.is_parallel() {
            sink.options.connections.max(1)
        } else {
            1
        };
        schedule::run(&work, steps, workers).await?;
        let failed = !work
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failed
            .is_empty();
        if failed && matches!(phase, Phase::Numbers | Phase::Shape) {
            // Keys belong on the tables as they become, which are new ones.
            break;
        }
    }
    let outcome = work.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    if outcome.failed.is_empty() {
        persist(retry, &never, told, || finish(sink, epoch, outcome.steps)).await?;
    }
    Ok(outcome)
}

/// The steps that are done already, once it is sure that all rows are there.
async fn done_before(sink: &PostgresSink, plan: &Plan) -> Result<BTreeSet<String>> {
    let mut connection = sink.shared.acquire().await?;
    sink.shared.begin(&mut connection).await?;
    check_copied(&mut connection, plan).await?;
    let done = ledger::step::done(&mut connection).await?;
    execute(&mut connection, "commit", During::Statement).await?;
    sink.shared.release(connection);
    Ok(done)
}

/// Marks the migration complete, once: an earlier attempt may have done it without hearing of it.
async fn finish(sink: &PostgresSink, epoch: i64, steps: u64) -> Result<()> {
    let mut connection = sink.shared.acquire().await?;
    sink.shared.begin(&mut connection).await?;
    if run::read(&mut connection).await?.finished_at.is_none() {
        run::finish(&mut connection, epoch).await?;
        // Later on, rows that somebody wrote since are told by it.
        event::note_snapshot(&mut connection).await?;
        let text = format!("{steps} steps after the rows");
        event::note(&mut connection, "completed", &text).await?;
    }
    execute(&mut connection, "commit", During::Statement).await?;
    sink.shared.release(connection);
    Ok(())
}

/// Nothing is built on rows that are not all there.
async fn check_copied(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    let tables = chunk::read(connection).await?;
    for table in &plan.tables {
        let open = match tables.get(&table.source) {
            None => return Err(unfinished("the table was never split").at("table", &table.source)),
            Some(chunks) => chunks.iter().filter(|(_, receipt)| !receipt.done).count(),
        };
        if open > 0 {
            return Err(unfinished(&format!("{open} chunks are not copied yet")).at("table", &table.source));
        }
    }
    Ok(())
}

fn unfinished(what: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the migration cannot be completed: {what}"),
    )
}
