//! `migrate.control`: what a person asks of a run, from wherever that person is.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute, query, query_scalar};

use crate::connect::statement;

/// For a ledger that was begun by a version without it, too.
const CREATE: &str = "
    create table if not exists migrate.control (
        one_row boolean primary key default true check (one_row),
        paused  boolean not null
    );
    comment on table migrate.control is 'What was asked of the run: migrate pause, migrate resume'";

const EXISTS: &str = "select to_regclass('migrate.control') is not null";

const PAUSED: &str = "select coalesce((select paused from migrate.control), false)";

/// Whether a pause was asked for. The caller has a transaction open.
pub(crate) async fn paused(connection: &mut PgConnection) -> Result<bool> {
    let exists: bool = query_scalar(EXISTS)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !exists {
        return Ok(false);
    }
    query_scalar(PAUSED)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const SET: &str = "
    insert into migrate.control (paused) values ($1)
    on conflict (one_row) do update set paused = excluded.paused where control.paused <> excluded.paused";

/// Asks for a pause, or for its end. Returns whether that is new. There is a ledger, and the caller has a transaction open.
pub(crate) async fn set(connection: &mut PgConnection, paused: bool) -> Result<bool> {
    if !paused && !self::paused(connection).await? {
        return Ok(false);
    }
    execute(connection, CREATE, During::Statement).await?;
    let done = query(SET)
        .bind(paused)
        .execute(connection)
        .await
        .map_err(statement)?;
    Ok(done.rows_affected() == 1)
}
