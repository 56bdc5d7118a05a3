//! Staged rows into their table.

use migrate_core::plan::TargetName;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, classify, execute};

use super::pace;
use super::statements::Keyed;
use crate::connect::statement;

/// What a unique index says to a row that has what another row has.
const UNIQUE_VIOLATION: &str = "23505";

/// What an exclusion constraint says.
const EXCLUSION_VIOLATION: &str = "23P01";

/// Replaces rows that stand in the table by the staged ones of the same key; at the places in `here`, if they are listed. How
/// many rows got other values in place, and how many were taken out, to be added with the new ones.
///
/// Rows that pass a unique value on among themselves cannot be changed one after the other: then they are taken out first.
pub(super) async fn replace(
    connection: &mut PgConnection,
    keyed: &Keyed<'_>,
    rows: &TargetName,
    here: Option<&TargetName>,
    table: &TargetName,
) -> Result<(u64, u64)> {
    let Some(update) = keyed.update(rows, here) else {
        return Ok((0, 0));
    };
    execute(connection, "savepoint in_place", During::Statement).await?;
    if here.is_some() {
        pace::one_by_one(connection).await?;
    }
    let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(update))
        .execute(&mut *connection)
        .await;
    match outcome {
        Ok(done) => {
            execute(connection, "release savepoint in_place", During::Statement).await?;
            if here.is_some() {
                pace::any_way(connection).await?;
            }
            Ok((done.rows_affected(), 0))
        }
        Err(error) if passes_on(&error) => {
            // With it go the settings.
            let back = "rollback to savepoint in_place; release savepoint in_place";
            execute(connection, back, During::Statement).await?;
            let silent = actions(connection, table).await?;
            let out = execute(connection, keyed.delete_changed(rows), During::Rows).await?;
            if silent {
                let loud = "set local session_replication_role = origin";
                execute(connection, loud, During::Statement).await?;
            }
            Ok((0, out))
        }
        Err(error) => Err(classify(error, During::Rows)),
    }
}

fn passes_on(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.is_some_and(|code| matches!(&*code, UNIQUE_VIOLATION | EXCLUSION_VIOLATION))
}

const ACTIONS: &str = "
    select exists (select from pg_constraint
                   where contype = 'f' and confrelid = $1::text::regclass and confdeltype in ('c', 'n', 'd', 'r'))";

/// Keeps foreign keys from acting on rows that are taken out and come back, where any would: as replication does. Whether
/// that has to be ended.
async fn actions(connection: &mut PgConnection, table: &TargetName) -> Result<bool> {
    let acts: bool = sqlx::query_scalar(ACTIONS)
        .persistent(false)
        .bind(table.quoted())
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !acts {
        return Ok(false);
    }
    let silence = "set local session_replication_role = replica";
    execute(connection, silence, During::Statement).await.map_err(|e| {
        Error::destination(
            ErrorKind::Permission,
            "rows pass a unique value on among themselves, and a foreign key would act on them while they are replaced",
        )
        .because(e)
        .hint("let a superuser run: grant set on parameter session_replication_role to ROLE (PostgreSQL 15), or use such a role")
    })?;
    Ok(true)
}
