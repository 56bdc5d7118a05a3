//! Sessions on the source, and questions to it.

use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe};
use migrate_pg_client::{During, classify_source};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The oldest major version that can be read.
pub(crate) const OLDEST: u32 = 10;

/// What a server says about itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Facts {
    pub(crate) version_num: u32,
    pub(crate) version: String,
    pub(crate) database: String,
    pub(crate) encoding: String,
    pub(crate) user: String,
    pub(crate) supabase: bool,
    pub(crate) system: String,
    pub(crate) collation: String,
    pub(crate) pid: i32,
}

impl Facts {
    /// PostgreSQL's major version.
    pub(crate) fn major(&self) -> u32 {
        self.version_num / 10_000
    }
}

const FACTS: &str = "
    select current_setting('server_version_num')::int as version_num,
           current_setting('server_version') as version,
           current_database() as database,
           current_setting('server_encoding') as encoding,
           current_user as \"user\",
           exists (select from pg_roles where rolname = 'supabase_admin') as supabase,
           (select system_identifier from pg_control_system())::text as system,
           (select datcollate from pg_database where datname = current_database()) as collation,
           pg_backend_pid() as pid";

/// Asks what the server is, and refuses one that cannot be read.
pub(crate) async fn facts(connection: &mut PgConnection) -> Result<Facts> {
    let facts: Facts = ask(connection, FACTS)
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Error::source_side(ErrorKind::Internal, "the server says nothing about itself"))?;
    if facts.major() < OLDEST {
        return Err(Error::source_side(
            ErrorKind::Unsupported,
            format!(
                "the source is PostgreSQL {}; the oldest that is read is {OLDEST}",
                facts.version
            ),
        ));
    }
    Ok(facts)
}

/// Runs statements that return nothing of interest.
pub(crate) async fn execute(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Asks a question; each row of the answer becomes a value.
pub(crate) async fn ask<T: DeserializeOwned>(
    connection: &mut PgConnection,
    question: &str,
) -> Result<Vec<T>> {
    let sql = AssertSqlSafe(format!(
        "select row_to_json(answer)::text from ({question}) as answer"
    ));
    let rows: Vec<String> = sqlx::query_scalar(sql)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            serde_json::from_str(row).map_err(|e| {
                Error::source_side(
                    ErrorKind::Internal,
                    "an answer of the source's catalog could not be read",
                )
                .because(e)
            })
        })
        .collect()
}

/// The error of a statement that no row's values take part in.
pub(crate) fn statement(error: sqlx::Error) -> Error {
    classify_source(error, During::Statement)
}
