//! Queries that a person wrote.

use futures::TryStreamExt;
use migrate_core::plan::TargetName;
use migrate_core::proof::Answer;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow, PgValueFormat};
use migrate_pg_client::sqlx::{self, AssertSqlSafe, Column, Row, ValueRef};
use migrate_pg_client::{During, execute};
use serde_json::Value as Json;

use crate::connect::statement;

/// Milliseconds that a query may take.
const PATIENCE: &str = "600s";

/// Answers a query in a transaction that can write nothing. If that fails, the connection is of no more use.
pub(super) async fn ask(connection: &mut PgConnection, sql: &str, limit: usize) -> Result<Answer> {
    begin(connection).await?;
    let mut answer = Answer::default();
    {
        // The simple protocol: every value comes as text, as PostgreSQL prints it.
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await.map_err(statement)? {
            if answer.columns.is_empty() {
                answer.columns = row.columns().iter().map(|c| c.name().to_owned()).collect();
            }
            if answer.rows.len() == limit {
                answer.more = true;
                continue;
            }
            answer.rows.push(cells(&row)?);
        }
    }
    execute(connection, "rollback", During::Statement).await?;
    Ok(answer)
}

async fn begin(connection: &mut PgConnection) -> Result<u64> {
    let statements = format!("begin read only; set local statement_timeout = '{PATIENCE}'");
    execute(connection, statements, During::Statement).await
}

fn cells(row: &PgRow) -> Result<Vec<Option<String>>> {
    (0..row.len())
        .map(|i| {
            let value = row.try_get_raw(i).map_err(statement)?;
            if value.is_null() {
                return Ok(None);
            }
            let text = match value.format() {
                PgValueFormat::Text => value.as_str().ok().map(str::to_owned),
                PgValueFormat::Binary => None,
            };
            text.map(Some).ok_or_else(|| {
                Error::destination(
                    ErrorKind::Internal,
                    "the server answered in a form that is no text",
                )
            })
        })
        .collect()
}

/// What the query planner would read from end to end.
pub(super) async fn full_reads(connection: &mut PgConnection, sql: &str) -> Result<Vec<(TargetName, u64)>> {
    let explain = format!(
        "explain (format json, verbose) {}",
        sql.trim().trim_end_matches(';')
    );
    let answer = ask(connection, &explain, 1).await?;
    let text = answer.rows.first().and_then(|row| row.first()).cloned().flatten();
    let plan: Json = text
        .and_then(|t| serde_json::from_str(&t).ok())
        .unwrap_or_default();
    let mut tables = Vec::new();
    scans(&plan, &mut tables);
    tables.sort();
    tables.dedup();
    let mut reads = Vec::new();
    for table in tables {
        let rows: Option<i64> =
            sqlx::query_scalar("select reltuples::bigint from pg_class where oid = to_regclass($1)")
                .persistent(false)
                .bind(table.quoted())
                .fetch_optional(&mut *connection)
                .await
                .map_err(statement)?;
        reads.push((table, rows.unwrap_or(0).max(0) as u64));
    }
    Ok(reads)
}

/// Sequential scans with a condition: without one, reading everything is what was asked for.
fn scans(node: &Json, tables: &mut Vec<TargetName>) {
    match node {
        Json::Array(items) => items.iter().for_each(|item| scans(item, tables)),
        Json::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Json::as_str);
            if text("Node Type") == Some("Seq Scan")
                && members.contains_key("Filter")
                && let (Some(schema), Some(name)) = (text("Schema"), text("Relation Name"))
            {
                tables.push(TargetName {
                    schema: schema.to_owned(),
                    name: name.to_owned(),
                });
            }
            members.values().for_each(|member| scans(member, tables));
        }
        _ => {}
    }
}
