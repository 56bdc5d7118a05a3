//! One step, exactly once.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use migrate_core::observer::Event;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute};

use super::Work;
use crate::ddl::Step;
use crate::ledger::{created, event, run, step};

/// How often a step is tried while its errors are of a kind that passes.
const ATTEMPTS: u32 = 4;

/// Does a step and notes it in the same transaction; a failure is noted in the ledger and in the outcome.
pub(super) async fn run(work: &Work<'_>, session: &mut Option<PgConnection>, step: &Step) -> Result<()> {
    work.observer.event(&Event::StepStarted {
        step: step.subject.clone(),
    });
    let started = Instant::now();
    let mut wait = Duration::from_millis(500);
    let mut attempt = 1;
    let outcome = loop {
        match try_once(work, session, step, started).await {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            outcome => break outcome,
        }
    };
    let totals = || work.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(()) => {
            totals().steps += 1;
            work.observer.event(&Event::StepDone {
                step: step.subject.clone(),
                took: started.elapsed(),
            });
            Ok(())
        }
        // The run is not ours any more: no use in going on.
        Err(error) if error.kind() == ErrorKind::Fenced => Err(error),
        Err(error) => {
            let reason = error
                .hint_text()
                .map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"));
            totals().failed.push((step.subject.clone(), reason.clone()));
            note_failure(work, session, step, &reason, started.elapsed()).await
        }
    }
}

/// Begins a transaction in which indexes are built with the memory and the helpers that the options allow, and in which a
/// lock is waited for: whoever holds one is another step or ends soon.
async fn begin(work: &Work<'_>, connection: &mut PgConnection) -> Result<()> {
    work.sink.shared.begin(connection).await?;
    let options = &work.sink.options;
    let settings = format!(
        "set local maintenance_work_mem = '{}MB'; set local max_parallel_maintenance_workers = {}; \
         set local lock_timeout = '10min'",
        options.maintenance_mib.clamp(1, 2_000_000),
        options.maintenance_workers.min(1024)
    );
    execute(connection, settings, During::Statement).await.map(drop)
}

async fn try_once(
    work: &Work<'_>,
    session: &mut Option<PgConnection>,
    step: &Step,
    started: Instant,
) -> Result<()> {
    let mut connection = match session.take() {
        Some(connection) => connection,
        None => work.sink.shared.acquire().await?,
    };
    let outcome = in_transaction(work, &mut connection, step, started).await;
    let keep = match &outcome {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::Connection => false,
        Err(_) => execute(&mut connection, "rollback", During::Statement)
            .await
            .is_ok(),
    };
    if keep {
        *session = Some(connection);
    }
    outcome
}

async fn in_transaction(
    work: &Work<'_>,
    connection: &mut PgConnection,
    step: &Step,
    started: Instant,
) -> Result<()> {
    begin(work, connection).await?;
    run::hold(connection, work.epoch).await?;
    // An earlier attempt may have committed without hearing of it.
    if !step::is_done(connection, step).await? {
        execute(connection, step.sql.as_str(), During::Rows).await?;
        if let Some(view) = &step.creates {
            created::objects(connection, "view", std::iter::once(view)).await?;
        }
        step::record(connection, step, None, started.elapsed()).await?;
    }
    execute(connection, "commit", During::Statement).await.map(drop)
}

async fn note_failure(
    work: &Work<'_>,
    session: &mut Option<PgConnection>,
    step: &Step,
    reason: &str,
    took: Duration,
) -> Result<()> {
    let mut connection = match session.take() {
        Some(connection) => connection,
        None => work.sink.shared.acquire().await?,
    };
    let noted = async {
        begin(work, &mut connection).await?;
        step::record(&mut connection, step, Some(reason), took).await?;
        event::note(
            &mut connection,
            "step failed",
            &format!("{}: {reason}", step.subject),
        )
        .await?;
        execute(&mut connection, "commit", During::Statement)
            .await
            .map(drop)
    };
    noted.await.map_err(|e: Error| e.at("step", &step.subject))?;
    *session = Some(connection);
    Ok(())
}
