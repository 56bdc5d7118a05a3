//! One step, exactly once.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use migrate_core::observer::Event;
use migrate_core::retry::Failures;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute};

use super::Work;
use crate::ddl::Step;
use crate::ledger::{created, event, granted, run, step};

/// How often the destination is asked whether to pause.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// Waits while somebody wants a pause. What cannot be asked is met by the step itself.
async fn wait_while_paused(work: &Work<'_>) {
    let mut looked = work.looked.lock().await;
    if looked.is_some_and(|at| at.elapsed() < LOOKED_AT) {
        return;
    }
    let mut paused = false;
    while matches!(work.sink.is_paused().await, Ok(true)) {
        if !std::mem::replace(&mut paused, true) {
            work.observer.event(&Event::Paused);
        }
        tokio::time::sleep(LOOKED_AT).await;
    }
    if paused {
        work.observer.event(&Event::Resumed);
    }
    *looked = Some(Instant::now());
}

/// Does a step and notes it in the same transaction; a failure is noted in the ledger and in the outcome.
pub(super) async fn run(work: &Work<'_>, session: &mut Option<PgConnection>, step: &Step) -> Result<()> {
    wait_while_paused(work).await;
    work.observer.event(&Event::StepStarted {
        step: step.subject.clone(),
    });
    let started = Instant::now();
    let mut failures = Failures::default();
    let outcome = loop {
        let error = match try_once(work, session, step, started).await {
            Err(error) if error.is_transient() => error,
            outcome => break outcome,
        };
        let Some(wait) = failures.next(&work.sink.options.retry) else {
            break Err(error);
        };
        work.observer.event(&Event::Retrying {
            what: step.subject.clone(),
            reason: error.to_string(),
            after: wait,
        });
        tokio::time::sleep(wait).await;
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
        if step.shared {
            granted::look(connection).await?;
        }
        execute(connection, step.sql.as_str(), During::Rows).await?;
        if step.shared {
            granted::note(connection).await?;
        }
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
