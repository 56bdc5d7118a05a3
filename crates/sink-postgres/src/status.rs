//! How far a migration is, for people.

use std::collections::BTreeMap;

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::Receipt;
use migrate_core::plan::{Plan, TargetName};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute};
use serde::Serialize;

use crate::connect::PostgresSink;
use crate::ledger::account::{self, Accounts};
use crate::ledger::run::Presence;
use crate::ledger::{chunk, control, event, quarantine, run, step};
use crate::lock;

/// Events that a status shows.
const EVENTS: i64 = 20;

/// Reasons for quarantine that a status shows.
const REASONS: i64 = 50;

/// The state of the migration in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What kind of source it reads.
    pub source_kind: String,
    /// The source, without secrets.
    pub source: String,
    /// When it began, as RFC 3339 in UTC.
    pub started_at: String,
    /// When it was completed.
    pub finished_at: Option<String>,
    /// Who is working on it now.
    pub active: Option<ActiveRun>,
    /// Whether somebody asked it to pause.
    pub paused: bool,
    /// Whether it is carried out beside tables that it is to replace, and has not replaced them yet.
    pub beside: bool,
    /// Its tables, in the plan's order.
    pub tables: Vec<TableStatus>,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Why, the most frequent reasons first.
    pub quarantine: Vec<QuarantineReason>,
    /// Steps after the rows that are done.
    pub steps_done: u64,
    /// Steps that failed when they were last tried, each with its subject and the reason.
    pub steps_failed: Vec<(String, String)>,
    /// The latest events, in order.
    pub events: Vec<LedgerEvent>,
}

/// A session that holds the migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveRun {
    /// The server's process for it; its own on its machine, where it comes through a pooler in transaction mode.
    pub pid: i32,
    /// What it calls itself.
    pub application: String,
    /// Where it comes from.
    pub client: String,
}

/// A table's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// Its source name.
    pub source: ObjectName,
    /// Its name here.
    pub target: TargetName,
    /// Rows in the source, as far as the plan knows.
    pub expected_rows: Option<u64>,
    /// Chunks; `None` before the table was split.
    pub chunks: Option<u64>,
    /// Chunks that are complete.
    pub chunks_done: u64,
    /// Rows read, written, refused and left out, all chunks together.
    pub total: Receipt,
}

/// Rows in quarantine for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineReason {
    /// The table, by its source name.
    pub table: ObjectName,
    /// The column, if one is to blame.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEvent {
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// What kind of event.
    pub kind: String,
    /// What happened.
    pub text: String,
}

/// Something that happened, with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// When, as RFC 3339 in UTC: when it was over, for what took time.
    pub at: String,
    /// What kind of event; `table copied`, `step done` and the like for what a run does.
    pub kind: String,
    /// What happened, or to what.
    pub text: String,
    /// Who did it, as the server knows them: role, program, address. What a run does is its own, and not said again.
    pub who: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// How many rows.
    pub rows: Option<u64>,
}

impl PostgresSink {
    /// All that happened, in order; `None` where there is no migration. Changes nothing.
    pub async fn history(&self) -> Result<Option<Vec<HistoryEntry>>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let history = match run::presence(&mut connection).await? {
            Presence::Ledger => Some(event::history(&mut connection).await?),
            Presence::Absent | Presence::Foreign => None,
        };
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(history)
    }

    /// What became of the rows that a plan makes accounts of; `None` if it makes none, or has not yet.
    pub async fn accounts(&self, plan: &Plan) -> Result<Option<Accounts>> {
        let Some(accounts) = plan.supabase.as_ref().and_then(|s| s.accounts.as_ref()) else {
            return Ok(None);
        };
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let summary = account::summary(&mut connection, accounts).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(summary)
    }

    /// Reads the state of the migration; `None` where there is none. Changes nothing, and works while a run is active.
    pub async fn status(&self) -> Result<Option<Status>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let status = match run::presence(&mut connection).await? {
            Presence::Ledger => Some(read(&mut connection).await?),
            Presence::Absent | Presence::Foreign => None,
        };
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(status)
    }
}

async fn read(connection: &mut PgConnection) -> Result<Status> {
    let run = run::read(connection).await?;
    let chunks = chunk::read(connection).await?;
    let plan = run.plan()?;
    Ok(Status {
        paused: control::paused(connection).await?,
        beside: plan.staged,
        active: lock::holder(connection).await?,
        tables: tables(&plan, &chunks),
        quarantined: quarantine::count(connection).await?,
        quarantine: quarantine::reasons(connection, REASONS).await?,
        steps_done: step::done(connection).await?.len() as u64,
        steps_failed: step::failed(connection).await?,
        events: event::last(connection, EVENTS).await?,
        source_kind: run.source_kind,
        source: run.source_name,
        started_at: run.started_at,
        finished_at: run.finished_at,
    })
}

fn tables(
    plan: &Plan,
    chunks: &BTreeMap<ObjectName, Vec<(migrate_core::chunk::Chunk, Receipt)>>,
) -> Vec<TableStatus> {
    let of = |table: &migrate_core::plan::TablePlan| {
        let split = chunks.get(&table.source);
        let mut total = Receipt {
            done: split.is_some(),
            ..Receipt::default()
        };
        for (_, receipt) in split.into_iter().flatten() {
            total.merge(receipt);
        }
        TableStatus {
            source: table.source.clone(),
            target: table.target.clone(),
            expected_rows: table.rows,
            chunks: split.map(|c| c.len() as u64),
            chunks_done: split.into_iter().flatten().filter(|(_, r)| r.done).count() as u64,
            total,
        }
    };
    plan.tables.iter().map(of).collect()
}
