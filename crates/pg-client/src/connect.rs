//! Opening connections whose settings are the same wherever they go.

use std::time::Duration;

use migrate_core::{Error, Result, Side};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::classify::{During, classify, timed_out};
use crate::config::PgTarget;
use crate::reading::classify_source;

/// What every session is set to, whatever the server's, database's or role's defaults are.
///
/// `synchronous_commit` stays on because a committed receipt is a promise; `row_security` is off so that a policy makes
/// a statement fail rather than hide rows from it; keepalives hold idle connections open through firewalls.
const SESSION: &str = "
    set datestyle = 'ISO, YMD';
    set intervalstyle = 'postgres';
    set timezone = 'UTC';
    set client_encoding = 'UTF8';
    set client_min_messages = 'warning';
    set extra_float_digits = 3;
    set bytea_output = 'hex';
    set xmloption = 'content';
    set standard_conforming_strings = on;
    set synchronous_commit = on;
    set default_transaction_isolation = 'read committed';
    set default_transaction_read_only = off;
    set row_security = off;
    set statement_timeout = 0;
    set idle_in_transaction_session_timeout = 0;
    set lock_timeout = '60s';
    set tcp_keepalives_idle = 60;
";

/// Types and functions of extensions are named without their schema, so those schemas are searched; nothing else is.
pub const SEARCH_PATH: &str = "
    select set_config('search_path', coalesce(string_agg(quote_ident(nspname), ', ' order by nspname <> 'public', nspname), ''), false)
    from pg_namespace
    where nspname = 'public'
       or nspname <> 'pg_catalog' and oid in (select extnamespace from pg_extension)";

/// How often connecting is tried while the server says that it is starting or full.
const ATTEMPTS: u32 = 4;

/// Opens connections to one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    target: PgTarget,
    side: Side,
}

impl Connector {
    /// A connector for the target. Connects to nothing yet.
    pub fn new(target: PgTarget) -> Self {
        Self {
            target,
            side: Side::Destination,
        }
    }

    /// A connector to a database that is read: its errors are the source's.
    pub fn reading(target: PgTarget) -> Self {
        Self {
            target,
            side: Side::Source,
        }
    }

    /// Where it connects to.
    pub fn target(&self) -> &PgTarget {
        &self.target
    }

    /// Opens a connection and sets up its session.
    ///
    /// # Errors
    /// [`Connection`](migrate_core::ErrorKind::Connection) if the server cannot be reached, [`Permission`](migrate_core::ErrorKind::Permission) if it
    /// does not let the user in, [`Resources`](migrate_core::ErrorKind::Resources) if it has no connection left.
    pub async fn connect(&self) -> Result<PgConnection> {
        let mut wait = Duration::from_millis(250);
        for _ in 1..ATTEMPTS {
            match self.connect_once().await {
                // A server that answers and is busy is worth waiting for; a missing one is the caller's to judge.
                Err(Failure { busy: true, .. }) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                outcome => return self.placed(outcome),
            }
        }
        self.placed(self.connect_once().await)
    }

    fn placed(&self, outcome: Result<PgConnection, Failure>) -> Result<PgConnection> {
        outcome.map_err(|failure| failure.error.at("server", self.target.describe()))
    }

    async fn connect_once(&self) -> Result<PgConnection, Failure> {
        // Other crates of a program may bring another provider along, and the driver asks for the process's own. If there
        // is one already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let opening = async {
            let mut connection = self
                .target
                .options()
                .connect()
                .await
                .map_err(|e| Failure::new(e, self.side))?;
            for statements in [SESSION, SEARCH_PATH] {
                sqlx::raw_sql(statements)
                    .execute(&mut connection)
                    .await
                    .map_err(|e| Failure::new(e, self.side))?;
            }
            Ok(connection)
        };
        match tokio::time::timeout(self.target.connect_timeout(), opening).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure {
                error: timed_out().on(self.side),
                busy: false,
            }),
        }
    }

    /// Closes a connection in good order; its transaction, if one is open, is rolled back.
    pub async fn disconnect(connection: PgConnection) {
        // The server ends the session either way.
        if let Err(e) = connection.close().await {
            tracing::debug!(error = %classify(e, During::Statement), "closing a connection failed");
        }
    }
}

/// Why connecting failed.
struct Failure {
    error: Error,
    /// Whether the server is there, and is starting or full.
    busy: bool,
}

impl Failure {
    fn new(error: sqlx::Error, side: Side) -> Self {
        let busy = error
            .as_database_error()
            .is_some_and(|e| e.is_transient_in_connect_phase());
        Self {
            error: match side {
                Side::Source => classify_source(error, During::Connect),
                _ => classify(error, During::Connect),
            },
            busy,
        }
    }
}

/// Runs one or more statements, separated by semicolons, that return nothing of interest.
pub async fn execute(connection: &mut PgConnection, sql: impl Into<String>, during: During) -> Result<u64> {
    sqlx::raw_sql(AssertSqlSafe(sql.into()))
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(|e| classify(e, during))
}
