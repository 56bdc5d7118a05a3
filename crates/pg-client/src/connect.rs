//! Opening connections whose settings are the same wherever they go.
//!
//! Behind a pooler in transaction mode a connection has no session: whatever is set outlives the transaction in somebody
//! else's hands, or is lost. There the settings are made by [`Connector::begin`], for the transaction alone.

use std::time::Duration;

use migrate_core::plan::quote_literal;
use migrate_core::{Error, Result, Side};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::classify::{During, classify, timed_out};
use crate::config::PgTarget;
use crate::reading::classify_source;
use crate::supabase;

/// What every session is set to, whatever the server's, database's or role's defaults are.
///
/// `synchronous_commit` stays on because a committed receipt is a promise; `row_security` is off so that a policy makes
/// a statement fail rather than hide rows from it; keepalives hold idle connections open through firewalls. A server that
/// can (PostgreSQL 14 on Linux) looks every two seconds whether its client is still there, so that the index that a killed run was
/// building does not stand in the way of the next one until it is built.
const SESSION: &str = "
    set client_encoding = 'UTF8';
    set standard_conforming_strings = on;
    set default_transaction_isolation = 'read committed';
    set tcp_keepalives_idle = 60;
    set datestyle = 'ISO, YMD';
    set intervalstyle = 'postgres';
    set timezone = 'UTC';
    set client_min_messages = 'warning';
    set extra_float_digits = 3;
    set bytea_output = 'hex';
    set xmloption = 'content';
    set synchronous_commit = on;
    set row_security = off;
    set statement_timeout = 0;
    set idle_in_transaction_session_timeout = 0;
    set lock_timeout = '60s';
    select set_config(name, '2s', false)
    from pg_settings
    where name = 'client_connection_check_interval' and version() like '%linux%';
";

/// The same for one transaction, as far as it matters there: names in it are the server's, so that the one text serves
/// both. What a pooler keeps track of itself (encoding, string syntax) comes with the connection.
const TRANSACTION: &str = "
    set local datestyle = 'ISO, YMD';
    set local intervalstyle = 'postgres';
    set local timezone = 'UTC';
    set local client_min_messages = 'warning';
    set local extra_float_digits = 3;
    set local bytea_output = 'hex';
    set local xmloption = 'content';
    set local synchronous_commit = on;
    set local row_security = off;
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = 0;
    set local lock_timeout = '60s';
";

/// A server whose defaults refuse writes is written all the same, as it was asked for; Supabase sets that default when the
/// disk is nearly full, and there it holds.
const WRITABLE: &str = "set default_transaction_read_only = off";

/// Types and functions of extensions are named without their schema, so those schemas are searched; nothing else is.
macro_rules! search_path {
    ($local:literal) => {
        concat!(
            "
    select set_config('search_path', coalesce(string_agg(quote_ident(nspname), ', ' order by nspname <> 'public', nspname), ''), ",
            $local,
            ")
    from pg_namespace
    where nspname = 'public'
       or nspname <> 'pg_catalog' and oid in (select extnamespace from pg_extension)"
        )
    };
}

/// Whose the server's processes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sessions {
    /// Each connection has one for as long as it lasts.
    #[default]
    Own,
    /// A pooler lends one for each transaction.
    Shared,
}

/// How often connecting is tried while the server says that it is starting or full.
const ATTEMPTS: u32 = 4;

/// Opens connections to one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    target: PgTarget,
    side: Side,
    sessions: Sessions,
    supabase: bool,
}

impl Connector {
    /// A connector for the target. Connects to nothing yet.
    pub fn new(target: PgTarget) -> Self {
        Self::of(target, Side::Destination)
    }

    /// A connector to a database that is read: its errors are the source's.
    pub fn reading(target: PgTarget) -> Self {
        Self::of(target, Side::Source)
    }

    fn of(target: PgTarget, side: Side) -> Self {
        let sessions = if target.names_transaction_pooler() {
            Sessions::Shared
        } else {
            Sessions::Own
        };
        let supabase = target.supabase().is_some();
        Self {
            target,
            side,
            sessions,
            supabase,
        }
    }

    /// The same for a server that is known better than by its address.
    pub fn knowing(&self, sessions: Sessions, supabase: bool) -> Self {
        Self {
            target: self.target.clone(),
            side: self.side,
            sessions,
            supabase,
        }
    }

    /// Whose the server's processes are, as far as known.
    pub fn sessions(&self) -> Sessions {
        self.sessions
    }

    /// Whether the database is known to be Supabase's.
    pub fn is_supabase(&self) -> bool {
        self.supabase
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
        outcome.map_err(|failure| {
            supabase::advise(failure.error, &self.target, failure.answered)
                .at("server", self.target.describe())
        })
    }

    /// Opens a connection without any settings of its own.
    pub(crate) async fn connect_plainly(&self) -> Result<PgConnection> {
        self.knowing(Sessions::Shared, self.supabase).connect().await
    }

    /// Makes the settings of a session on a connection that was opened without them. Nothing is written by what comes next, so
    /// that the server's default of refusing writes stays.
    pub(crate) async fn set_up(&self, connection: &mut PgConnection) -> Result<()> {
        let set_up = set_up(connection, Sessions::Own, true).await;
        set_up.map_err(|e| Failure::new(e, self.side).error)
    }

    /// Lets a connection that [`set_up`](Self::set_up) made ready write, as those are that [`connect`](Self::connect) opens.
    pub(crate) async fn let_write(connection: &mut PgConnection) -> Result<()> {
        execute(connection, WRITABLE, During::Statement).await.map(drop)
    }

    /// Begins a transaction with the settings that every one has.
    pub async fn begin(&self, connection: &mut PgConnection) -> Result<()> {
        let sql = match (self.sessions, self.supabase) {
            (Sessions::Own, _) => "begin".to_owned(),
            (Sessions::Shared, true) => format!(
                "begin isolation level read committed;{TRANSACTION}{}",
                search_path!("true")
            ),
            (Sessions::Shared, false) => {
                format!(
                    "begin isolation level read committed read write;{TRANSACTION}{}",
                    search_path!("true")
                )
            }
        };
        execute(connection, sql, During::Statement).await.map(drop)
    }

    /// Begins a transaction that only reads, and sees one moment throughout: that of an exported snapshot, if one is named.
    pub async fn begin_moment(&self, connection: &mut PgConnection, snapshot: Option<&str>) -> Result<()> {
        let snapshot = snapshot.map_or_else(String::new, |id| {
            format!(";set transaction snapshot {}", quote_literal(id))
        });
        let settings = match self.sessions {
            Sessions::Own => String::new(),
            Sessions::Shared => format!(";{TRANSACTION}{}", search_path!("true")),
        };
        let sql = format!("begin isolation level repeatable read, read only{snapshot}{settings}");
        execute(connection, sql, During::Statement).await.map(drop)
    }

    /// Looks for extensions' schemas again, for those that were just created: within the transaction if the session is
    /// not one's own.
    pub async fn search_again(&self, connection: &mut PgConnection) -> Result<()> {
        let sql = match self.sessions {
            Sessions::Own => search_path!("false"),
            Sessions::Shared => search_path!("true"),
        };
        execute(connection, sql, During::Statement).await.map(drop)
    }

    async fn connect_once(&self) -> Result<PgConnection, Failure> {
        // Other crates of a program may bring another provider along, and the driver asks for the process's own. If there
        // is one already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let opening = async {
            let opened = self.target.options().connect().await;
            let mut connection = opened.map_err(|e| Failure::new(e, self.side))?;
            let set_up = set_up(&mut connection, self.sessions, self.supabase).await;
            set_up.map_err(|e| Failure::new(e, self.side))?;
            Ok(connection)
        };
        match tokio::time::timeout(self.target.connect_timeout(), opening).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure {
                error: timed_out().on(self.side),
                busy: false,
                answered: false,
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

/// Makes the settings that every session has.
async fn set_up(connection: &mut PgConnection, sessions: Sessions, supabase: bool) -> sqlx::Result<()> {
    let settings: &[&'static str] = match (sessions, supabase) {
        (Sessions::Own, false) => &[SESSION, WRITABLE, search_path!("false")],
        (Sessions::Own, true) => &[SESSION, search_path!("false")],
        (Sessions::Shared, _) => &[],
    };
    for statements in settings {
        sqlx::raw_sql(*statements).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Why connecting failed.
struct Failure {
    error: Error,
    /// Whether the server is there, and is starting or full.
    busy: bool,
    /// Whether a server said why.
    answered: bool,
}

impl Failure {
    fn new(error: sqlx::Error, side: Side) -> Self {
        let said = error.as_database_error();
        let busy = said.is_some_and(|e| e.is_transient_in_connect_phase());
        let answered = said.is_some();
        Self {
            error: match side {
                Side::Source => classify_source(error, During::Connect),
                _ => classify(error, During::Connect),
            },
            busy,
            answered,
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
