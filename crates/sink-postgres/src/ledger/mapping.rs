//! `migrate.mapping`: old keys and the new ones that they became. It outlives the ledger.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use migrate_core::encode::KnownKeys;
use migrate_core::plan::{Plan, TargetName, quote_ident};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{During, execute, query_scalar};

use crate::connect::{Shared, statement};

/// Creates the table where it is missing.
pub(crate) const CREATE: &str = "
    create table if not exists migrate.mapping (
        source_table text not null,
        legacy_key   text not null,
        new_key      text not null,
        primary key (source_table, legacy_key)
    );
    comment on table migrate.mapping is 'Keys that migrations rewrote; it stays when the ledger is removed'";

const LISTS_KEYS: &str = "select exists (select from migrate.mapping)";

/// Whether it is there and lists keys.
pub(crate) async fn lists_keys(connection: &mut PgConnection) -> Result<bool> {
    let there: bool = query_scalar("select to_regclass('migrate.mapping') is not null")
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !there {
        return Ok(false);
    }
    query_scalar(LISTS_KEYS)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const ALL_ELSE: &str = "
    select relname::text
    from pg_class
    where relnamespace = 'migrate'::regnamespace and relkind in ('r', 'p') and relname <> 'mapping'";

/// Drops the ledger's tables.
pub(crate) async fn drop_all_else(connection: &mut PgConnection) -> Result<()> {
    let tables: Vec<String> = query_scalar(ALL_ELSE)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    let tables: Vec<String> = tables
        .iter()
        .map(|t| format!("migrate.{}", quote_ident(t)))
        .collect();
    if tables.is_empty() {
        return Ok(());
    }
    let sql = format!("drop table {} cascade", tables.join(", "));
    execute(connection, sql, During::Statement).await.map(drop)
}

/// Reads the keys that the plan takes from tables of the destination.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if such a table is not there, or has other columns.
pub(crate) async fn known_keys(shared: &Shared, plan: &Plan) -> Result<KnownKeys> {
    let mut wanted: BTreeMap<&TargetName, Vec<String>> = BTreeMap::new();
    for (listed, table) in plan.known_keys() {
        let tables = wanted.entry(listed).or_default();
        let name = table.to_string();
        if !tables.contains(&name) {
            tables.push(name);
        }
    }
    let mut connection = shared.acquire().await?;
    shared.begin(&mut connection).await?;
    let mut keys = KnownKeys::default();
    for (listed, tables) in wanted {
        read(&mut connection, listed, &tables, &mut keys)
            .await
            .map_err(|e| e.at("keys in", listed))?;
    }
    keys.sort();
    execute(&mut connection, "commit", During::Statement).await?;
    shared.release(connection);
    Ok(keys)
}

async fn read(
    connection: &mut PgConnection,
    listed: &TargetName,
    tables: &[String],
    keys: &mut KnownKeys,
) -> Result<()> {
    let sql = format!(
        "select source_table::text, legacy_key::text, new_key::text from {} where source_table = any ($1)",
        listed.quoted()
    );
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .persistent(false)
        .bind(tables)
        .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(unusable)? {
        let text = |at: usize| row.try_get::<String, _>(at).map_err(statement);
        let (table, old, new) = (text(0)?, text(1)?, text(2)?);
        let new = new.parse().map_err(|_| {
            Error::destination(ErrorKind::Config, "a new key in the table is not a UUID").at("table", &table)
        })?;
        keys.add(listed, &table, &old, new)?;
    }
    Ok(())
}

/// Why the table cannot be read: that it is not one of keys is for a person to change.
fn unusable(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|e| e.code());
    if code.is_some_and(|c| matches!(&*c, "3F000" | "42P01" | "42703")) {
        return Error::destination(
            ErrorKind::Config,
            "the table with keys is not there, or not one of keys",
        )
        .because(error)
        .hint("it needs the columns source_table, legacy_key and new_key, as migrate.mapping has them");
    }
    statement(error)
}
