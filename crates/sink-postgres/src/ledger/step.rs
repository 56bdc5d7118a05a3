//! `migrate.step`: what was built after the rows.

use std::collections::BTreeSet;
use std::time::Duration;

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{query, query_scalar};

use crate::connect::statement;
use crate::ddl::Step;

const DONE: &str = "select id from migrate.step where done";

/// The ids of finished steps.
pub(crate) async fn done(connection: &mut PgConnection) -> Result<BTreeSet<String>> {
    let ids: Vec<String> = query_scalar(DONE)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    Ok(ids.into_iter().collect())
}

const IS_DONE: &str = "select exists (select from migrate.step where id = $1 and done)";

/// Whether the step is finished.
pub(crate) async fn is_done(connection: &mut PgConnection, step: &Step) -> Result<bool> {
    query_scalar(IS_DONE)
        .bind(&step.id)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const RECORD: &str = "
    insert into migrate.step (id, subject, done, reason, took_ms)
    values ($1, $2, $3 is null, $3, $4)
    on conflict (id) do update
    set done = excluded.done, reason = excluded.reason, took_ms = excluded.took_ms, at = now()
    where not step.done";

/// Notes that a step was finished, or why it could not be.
pub(crate) async fn record(
    connection: &mut PgConnection,
    step: &Step,
    failure: Option<&str>,
    took: Duration,
) -> Result<()> {
    query(RECORD)
        .bind(&step.id)
        .bind(&step.subject)
        .bind(failure)
        .bind(took.as_millis() as i64)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const FAILED: &str =
    "select subject, coalesce(reason, '') as reason from migrate.step where not done order by at, id";

/// Steps that could not be finished, each with the reason.
pub(crate) async fn failed(connection: &mut PgConnection) -> Result<Vec<(String, String)>> {
    let rows = query(FAILED).fetch_all(connection).await.map_err(statement)?;
    rows.iter()
        .map(|row| Ok((row.try_get("subject")?, row.try_get("reason")?)))
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}
