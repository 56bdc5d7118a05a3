//! `migrate.event`: the audit trail.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use super::rfc3339;
use crate::connect::statement;
use crate::status::LedgerEvent;

const INSERT: &str = "insert into migrate.event (kind, text) values ($1, $2)";

/// Notes that something happened. Never with a row's values.
pub(crate) async fn note(connection: &mut PgConnection, kind: &'static str, text: &str) -> Result<()> {
    sqlx::query(INSERT)
        .bind(kind)
        .bind(text)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const LAST: &str = concat!(
    "select ",
    rfc3339!("at"),
    " as at, kind, text from (select * from migrate.event order by id desc limit $1) as latest order by id"
);

/// The latest events, the oldest of them first.
pub(crate) async fn last(connection: &mut PgConnection, count: i64) -> Result<Vec<LedgerEvent>> {
    let rows = sqlx::query(LAST)
        .bind(count)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(LedgerEvent {
                at: row.try_get("at")?,
                kind: row.try_get("kind")?,
                text: row.try_get("text")?,
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}
