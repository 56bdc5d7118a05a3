//! `migrate.run`: the migration itself.

use migrate_core::plan::Plan;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{query, query_scalar};

use super::{FORMAT, rfc3339};
use crate::connect::statement;

/// What stands in the schema `migrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// There is no such schema, or it holds nothing but the mapping of keys that an earlier migration left.
    Absent,
    /// There is, and it is not a ledger.
    Foreign,
    /// A ledger.
    Ledger,
}

const PRESENCE: &str = "
    select to_regnamespace('migrate') is not null
           and (to_regclass('migrate.mapping') is null
                or exists (select from pg_class
                           where relnamespace = to_regnamespace('migrate')
                             and relname not in ('mapping', 'mapping_pkey'))) as schema,
           (select count(*) = 3
            from pg_attribute
            where attrelid = to_regclass('migrate.run') and attname in ('format', 'epoch', 'plan_fingerprint')) as run";

pub(crate) async fn presence(connection: &mut PgConnection) -> Result<Presence> {
    let row = query(PRESENCE).fetch_one(connection).await.map_err(statement)?;
    let read = |name| row.try_get::<bool, _>(name).map_err(statement);
    Ok(match (read("schema")?, read("run")?) {
        (false, _) => Presence::Absent,
        (true, false) => Presence::Foreign,
        (true, true) => Presence::Ledger,
    })
}

/// The run's row.
pub(crate) struct Run {
    pub(crate) epoch: i64,
    pub(crate) source_kind: String,
    pub(crate) source_name: String,
    pub(crate) source_fingerprint: String,
    pub(crate) plan_fingerprint: String,
    pub(crate) plan: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: Option<String>,
}

const READ: &str = concat!(
    "select format, epoch, source_kind, source_name, source_fingerprint, plan_fingerprint, plan::text as plan, ",
    rfc3339!("started_at"),
    " as started_at, ",
    rfc3339!("finished_at"),
    " as finished_at from migrate.run"
);

/// Reads the run.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) if the ledger was written by a version that kept it differently.
pub(crate) async fn read(connection: &mut PgConnection) -> Result<Run> {
    let row = query(READ)
        .fetch_optional(connection)
        .await
        .map_err(statement)?
        .ok_or_else(|| {
            Error::destination(
                ErrorKind::Conflict,
                "the ledger in the schema migrate is empty: somebody changed it",
            )
        })?;
    let format: i32 = row.try_get("format").map_err(statement)?;
    if format != FORMAT {
        return Err(Error::destination(
            ErrorKind::Conflict,
            format!(
                "the ledger in the schema migrate has format {format}; this version knows format {FORMAT}"
            ),
        )
        .hint("go on with the version that began the migration, or remove the ledger with `migrate clean`"));
    }
    from_row(&row).map_err(statement)
}

fn from_row(row: &PgRow) -> sqlx::Result<Run> {
    Ok(Run {
        epoch: row.try_get("epoch")?,
        source_kind: row.try_get("source_kind")?,
        source_name: row.try_get("source_name")?,
        source_fingerprint: row.try_get("source_fingerprint")?,
        plan_fingerprint: row.try_get("plan_fingerprint")?,
        plan: row.try_get("plan")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}

impl Run {
    /// The plan that was begun.
    pub(crate) fn plan(&self) -> Result<Plan> {
        serde_json::from_str(&self.plan).map_err(|e| {
            Error::destination(
                ErrorKind::Conflict,
                "the plan in the ledger cannot be read by this version",
            )
            .because(e)
        })
    }
}

const INSERT: &str = "
    insert into migrate.run (format, source_kind, source_name, source_fingerprint, plan_fingerprint, plan)
    values ($1, $2, $3, $4, $5, $6::json)
    returning epoch";

/// Writes the run's row and returns its epoch.
pub(crate) async fn insert(connection: &mut PgConnection, plan: &Plan) -> Result<i64> {
    let text = serde_json::to_string(plan)
        .map_err(|e| Error::new(ErrorKind::Internal, "the plan cannot be written as JSON").because(e))?;
    query_scalar(INSERT)
        .bind(FORMAT)
        .bind(&plan.source.kind)
        .bind(&plan.source.name)
        .bind(&plan.source.fingerprint)
        .bind(plan.fingerprint())
        .bind(text)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const PREPARED: &str = "select prepared from migrate.run";

/// How many of the steps before the rows are done; `None` if all are.
pub(crate) async fn prepared(connection: &mut PgConnection) -> Result<Option<usize>> {
    let steps: Option<i32> = query_scalar(PREPARED)
        .fetch_one(connection)
        .await
        .map_err(statement)?;
    Ok(steps.map(|n| n as usize))
}

const SET_PREPARED: &str = "update migrate.run set prepared = $1 where one_row";

/// Notes how many of the steps before the rows are done.
pub(crate) async fn set_prepared(connection: &mut PgConnection, steps: Option<usize>) -> Result<()> {
    query(SET_PREPARED)
        .bind(steps.map(|n| n as i32))
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const EXCHANGE_PLAN: &str = "update migrate.run set plan = $1::json, plan_fingerprint = $2 where one_row";

/// Writes the plan with the names that its objects have from now on.
pub(crate) async fn exchange_plan(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    let text = serde_json::to_string(plan)
        .map_err(|e| Error::new(ErrorKind::Internal, "the plan cannot be written as JSON").because(e))?;
    query(EXCHANGE_PLAN)
        .bind(text)
        .bind(plan.fingerprint())
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const TAKE_OVER: &str = "update migrate.run set epoch = epoch + 1 where one_row returning epoch";

/// Shuts out every earlier run and returns the new epoch.
pub(crate) async fn take_over(connection: &mut PgConnection) -> Result<i64> {
    query_scalar(TAKE_OVER)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const HOLD: &str = "select epoch = $1 from migrate.run for share";

/// Makes sure, until the transaction ends, that no other run takes over.
///
/// # Errors
/// [`Fenced`](ErrorKind::Fenced) if one has.
pub(crate) async fn hold(connection: &mut PgConnection, epoch: i64) -> Result<()> {
    let mine: Option<bool> = query_scalar(HOLD)
        .bind(epoch)
        .fetch_optional(connection)
        .await
        .map_err(statement)?;
    if mine == Some(true) { Ok(()) } else { Err(fenced()) }
}

/// Another run took over.
pub(crate) fn fenced() -> Error {
    Error::destination(ErrorKind::Fenced, "another run took this migration over")
}

const FINISH: &str = "update migrate.run set finished_at = coalesce(finished_at, now()) where epoch = $1";

/// Marks the migration complete.
pub(crate) async fn finish(connection: &mut PgConnection, epoch: i64) -> Result<()> {
    let done = query(FINISH)
        .bind(epoch)
        .execute(connection)
        .await
        .map_err(statement)?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(fenced())
    }
}
