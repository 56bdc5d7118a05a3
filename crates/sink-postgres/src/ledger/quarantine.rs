//! `migrate.quarantine`: rows that could not be stored.

use migrate_core::Result;
use migrate_core::batch::Reject;
use migrate_core::chunk::ChunkId;
use migrate_core::stored::QuarantinedRow;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{query, query_scalar};
use serde_json::Value as Json;

use crate::connect::statement;
use crate::status::QuarantineReason;

const INSERT: &str = "
    insert into migrate.quarantine (source_schema, source_name, ordinal, column_name, reason, key, row)
    select $1, $2, $3, column_name, reason, key, row::json
    from unnest($4::text[], $5::text[], $6::text[], $7::text[]) as new (column_name, reason, key, row)";

/// Bytes of rows that one statement carries, about: a message has to stay far below the server's 1 GiB.
const SLICE: usize = 4 << 20;

/// Puts rows away. The caller has a transaction open.
pub(crate) async fn insert(connection: &mut PgConnection, chunk: &ChunkId, rejects: &[Reject]) -> Result<()> {
    let mut rest = rejects;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(first_slice(rest));
        insert_slice(connection, chunk, now).await?;
        rest = later;
    }
    Ok(())
}

/// How many of the rows the next statement takes: at least one, then as many as fit.
fn first_slice(rejects: &[Reject]) -> usize {
    let mut bytes = 0_usize;
    let fitting = rejects.iter().take_while(|reject| {
        bytes = bytes.saturating_add(size(reject));
        bytes <= SLICE
    });
    fitting.count().max(1).min(rejects.len())
}

/// Bytes that a row takes in a statement and, nearly, in memory: its texts without the escapes that JSON may add.
pub(crate) fn size(reject: &Reject) -> usize {
    size_of::<Reject>()
        + reject.column.len()
        + reject.reason.len()
        + reject.key.len()
        + json_size(&reject.row)
}

fn json_size(json: &Json) -> usize {
    // What stands between members is part of their size.
    match json {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 24,
        Json::String(text) => text.len() + 2,
        Json::Array(items) => 2 + items.iter().map(|item| json_size(item) + 1).sum::<usize>(),
        Json::Object(members) => {
            2 + members
                .iter()
                .map(|(name, value)| name.len() + 4 + json_size(value))
                .sum::<usize>()
        }
    }
}

async fn insert_slice(connection: &mut PgConnection, chunk: &ChunkId, rejects: &[Reject]) -> Result<()> {
    query(INSERT)
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
    let count: i64 = query_scalar(COUNT)
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
    let rows = query(REASONS)
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

const LIST: &str = "
    select source_schema, source_name, column_name, reason, key
    from migrate.quarantine
    order by source_schema, source_name, id
    limit $1";

/// Rows in quarantine, without their values.
pub(crate) async fn list(connection: &mut PgConnection, limit: i64) -> Result<Vec<QuarantinedRow>> {
    let rows = sqlx::query(LIST)
        .persistent(false)
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(QuarantinedRow {
                table: migrate_core::catalog::ObjectName {
                    schema: row.try_get("source_schema")?,
                    name: row.try_get("source_name")?,
                },
                column: row.try_get("column_name")?,
                reason: row.try_get("reason")?,
                key: row.try_get("key")?,
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reject(row: Json) -> Reject {
        Reject {
            column: "c".into(),
            reason: "why".into(),
            key: "id=1".into(),
            row,
        }
    }

    #[test]
    fn a_size_covers_the_text() {
        for row in [
            json!(null),
            json!(false),
            json!(-1.797_693_134_862_315_7e308),
            json!(i64::MIN),
            json!([]),
            json!({}),
            json!([1, [true, null], "text"]),
            json!({"a": {"b": ["c", false]}, "": "", "long": "x".repeat(1000)}),
        ] {
            assert!(json_size(&row) >= row.to_string().len(), "{row}");
        }
        assert_eq!(json_size(&json!({"ab": "cde"})), 2 + (2 + 4) + 5);
        assert_eq!(size(&reject(json!("x"))), size_of::<Reject>() + 1 + 3 + 4 + 3);
    }

    #[test]
    fn a_statement_takes_what_fits_and_at_least_one_row() {
        let small = reject(json!("x"));
        let large = reject(json!("x".repeat(1 << 20)));
        let huge = reject(json!("x".repeat(SLICE)));
        assert_eq!(first_slice(&[]), 0);
        assert_eq!(first_slice(&vec![small.clone(); 1000]), 1000);
        assert_eq!(first_slice(&vec![large; 40]), 3);
        assert_eq!(first_slice(&[huge.clone(), small.clone()]), 1);
        assert_eq!(first_slice(&[small, huge]), 1);
    }
}
