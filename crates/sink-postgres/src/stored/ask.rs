//! Queries that a person wrote.

use migrate_core::Result;
use migrate_core::plan::TargetName;
use migrate_core::proof::Answer;
use migrate_pg_client::sqlx;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, answer, execute};
use serde_json::Value as Json;

use crate::connect::{Shared, statement};

/// Milliseconds that a query may take.
const PATIENCE: &str = "600s";

/// Answers a query in a transaction that can write nothing. If that fails, the connection is of no more use.
pub(super) async fn ask(
    shared: &Shared,
    connection: &mut PgConnection,
    sql: &str,
    limit: usize,
) -> Result<Answer> {
    begin(shared, connection).await?;
    let answer = answer(connection, sql, limit).await.map_err(statement)?;
    execute(connection, "rollback", During::Statement).await?;
    Ok(answer)
}

async fn begin(shared: &Shared, connection: &mut PgConnection) -> Result<u64> {
    shared.begin(connection).await?;
    let statements = format!("set transaction read only; set local statement_timeout = '{PATIENCE}'");
    execute(connection, statements, During::Statement).await
}

/// What the query planner would read from end to end.
pub(super) async fn full_reads(
    shared: &Shared,
    connection: &mut PgConnection,
    sql: &str,
) -> Result<Vec<(TargetName, u64)>> {
    let explain = format!(
        "explain (format json, verbose) {}",
        sql.trim().trim_end_matches(';')
    );
    let answer = ask(shared, connection, &explain, 1).await?;
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
