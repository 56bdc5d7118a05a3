//! One snapshot that all readers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use migrate_core::chunk::Position;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::Connector;
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::changes::{Oldest, oldest_question};
use crate::connect::{ask, execute};

/// How often the session that holds the snapshot is used, so that nothing between here and there takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A snapshot that one session exported and holds for as long as this lives.
pub(crate) struct Exported {
    pub(crate) connector: Connector,
    id: String,
    pub(crate) position: Option<Position>,
    /// The oldest transaction that may commit after the snapshot.
    pub(crate) oldest: Oldest,
    lost: Arc<AtomicBool>,
    holder: JoinHandle<()>,
    /// Sessions that read under the snapshot and wait for the next chunk.
    idle: Mutex<Vec<PgConnection>>,
}

#[derive(Deserialize)]
struct Export {
    id: String,
    position: Option<String>,
}

/// On a standby the snapshot is of what was replayed.
const EXPORT: &str = "
    select pg_export_snapshot() as id,
           case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as position";

pub(crate) const BEGIN: &str = "begin isolation level repeatable read, read only";

impl Exported {
    /// Takes the snapshot.
    pub(crate) async fn take(connector: &Connector) -> Result<Self> {
        let mut connection = connector.connect().await?;
        // First: what is open when the snapshot is taken was so before, or began since.
        let oldest: Oldest = ask(&mut connection, &oldest_question())
            .await?
            .pop()
            .ok_or_else(|| Error::source_side(ErrorKind::Internal, "the source does not tell the time"))?;
        execute(&mut connection, BEGIN).await?;
        let export: Export = ask(&mut connection, EXPORT)
            .await?
            .pop()
            .ok_or_else(|| Error::source_side(ErrorKind::Internal, "the source exported no snapshot"))?;
        let lost = Arc::new(AtomicBool::new(false));
        Ok(Self {
            connector: connector.clone(),
            id: export.id,
            position: export.position.map(Position),
            oldest,
            holder: tokio::spawn(hold(connection, Arc::clone(&lost))),
            lost,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// A session that sees what the snapshot shows.
    pub(crate) async fn session(&self) -> Result<PgConnection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = idle
            && execute(&mut connection, "select 1").await.is_ok()
        {
            return Ok(connection);
        }
        self.fresh_session().await
    }

    /// One that nobody used before.
    pub(crate) async fn fresh_session(&self) -> Result<PgConnection> {
        let mut connection = self.connector.connect().await?;
        let id = migrate_core::plan::quote_literal(&self.id);
        match execute(
            &mut connection,
            &format!("{BEGIN}; set transaction snapshot {id}"),
        )
        .await
        {
            Ok(()) => Ok(connection),
            Err(e) if e.kind() == ErrorKind::Connection && !self.lost.load(Ordering::Acquire) => Err(e),
            Err(e) => Err(gone().because(e)),
        }
    }

    /// Keeps a session, whose transaction is sound, for the next chunk.
    pub(crate) fn give_back(&self, connection: PgConnection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        self.holder.abort();
    }
}

/// The one thing that a retry cannot bring back.
fn gone() -> Error {
    Error::source_side(
        ErrorKind::Connection,
        "the source's snapshot is lost: the session that held it has ended",
    )
    .hint("run the same command again: tables that are copied stay, and the others are read under a new snapshot")
}

async fn hold(mut connection: PgConnection, lost: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(KEEP_ALIVE).await;
        if execute(&mut connection, "select 1").await.is_err() {
            // The reader that needs the snapshot next says so.
            lost.store(true, Ordering::Release);
            return;
        }
    }
}
