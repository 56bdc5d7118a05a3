//! `migrate.quarantine`: rows that could not be stored.

use migrate_core::Result;
use migrate_core::batch::Reject;
use migrate_core::chunk::ChunkId;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use crate::connect::statement;
use crate::status::QuarantineReason;

const INSERT: &str = "
    insert into migrate.quarantine (source_schema, source_name, ordinal, column_name, reason, key, row)
    select $1, $2, $3, column_name, reason, key, row::json
    from unnest($4::text[], $5::text[], $6::text[], $7::text[]) as new (column_name, reason, key, row)";

/// Puts rows away. The caller has a transaction open.
pub(crate) async fn insert(connection: &mut PgConnection, chunk: &ChunkId, rejects: &[Reject]) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    sqlx::query(INSERT)
        .bind(&chunk.table.schema)
        .bind(&chunk.table.name)
        .bind(chunk.ordinal as i32)
        .bind(rejects.iter().map(|r| some(&r.column)).collect::<Vec<_>>())
        .bind(rejects.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>())
        .bind(rejects.iter().map(|r| some(&r.key)).collect::<Vec<_>>())
        .bind(rejects.iter().map(|r| r.row.to_string()).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Empty text means that nobody knows.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

const COUNT: &str = "select count(*) from migrate.quarantine";

pub(crate) async fn count(connection: &mut PgConnection) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(COUNT)
        .fetch_one(connection)
        .await
        .map_err(statement)?;
    Ok(count as u64)
}

const REASONS: &str = "
    select source_schema, source_name, column_name, reason, count(*) as rows
    from migrate.quarantine
    group by source_schema, source_name, column_name, reason
    order by count(*) desc, source_schema, source_name
    limit $1";

/// The most frequent reasons.
pub(crate) async fn reasons(connection: &mut PgConnection, count: i64) -> Result<Vec<QuarantineReason>> {
    let rows = sqlx::query(REASONS)
        .bind(count)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(QuarantineReason {
                table: migrate_core::catalog::ObjectName {
                    schema: row.try_get("source_schema")?,
                    name: row.try_get("source_name")?,
                },
                column: row.try_get("column_name")?,
                reason: row.try_get("reason")?,
                rows: row.try_get::<i64, _>("rows")? as u64,
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}
