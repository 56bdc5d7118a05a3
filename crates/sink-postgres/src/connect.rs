//! The sink itself, and its connections.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use migrate_core::plan::{Plan, Target};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{Connector, During, Facts, PgTarget, Sessions, classify, execute};

use crate::config::SinkOptions;
use crate::lock::RunLock;
use crate::oids::{Directory, Names};

/// A PostgreSQL database as a destination.
///
/// It holds an advisory lock, or behind a pooler in transaction mode a lease, from
/// [`begin`](migrate_core::sink::Sink::begin) until it is closed or dropped, so that only one migration at a time writes to
/// the database.
pub struct PostgresSink {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lock: tokio::sync::Mutex<Option<RunLock>>,
    pub(crate) facts: Facts,
    pub(crate) options: SinkOptions,
}

/// How long a connection that waited may take to show that it works.
const ALIVE: Duration = Duration::from_secs(5);

/// What writers need of their sink.
pub(crate) struct Shared {
    pub(crate) connector: Connector,
    pub(crate) freeze: bool,
    /// Connections that wait for the next writer, with no transaction open.
    idle: Mutex<Vec<PgConnection>>,
    /// Which taking of the lock this is; 0 before the first. Receipts of earlier ones are refused.
    epoch: AtomicI64,
    /// What the source called types, where it is PostgreSQL.
    names: Mutex<Option<Arc<Names>>>,
    /// The destination's types, once they were asked for.
    directory: Mutex<Option<Arc<Directory>>>,
}

impl PostgresSink {
    /// Connects and finds out what the server can do. Changes nothing.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for a connection string that cannot be read,
    /// [`Connection`](ErrorKind::Connection), [`Permission`](ErrorKind::Permission) and
    /// [`Resources`](ErrorKind::Resources) as the server says, [`Unsupported`](ErrorKind::Unsupported) for a server that
    /// is too old, or a database that is not in UTF-8.
    pub async fn connect(options: SinkOptions) -> Result<Arc<Self>> {
        Self::checked(options, Facts::check).await
    }

    /// The same to read what an earlier migration wrote: the right to create anything is not asked for.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), but for what a writer needs.
    pub async fn connect_to_read(options: SinkOptions) -> Result<Arc<Self>> {
        Self::checked(options, Facts::check_reading).await
    }

    async fn checked(options: SinkOptions, check: fn(&Facts) -> Result<()>) -> Result<Arc<Self>> {
        let connector = Connector::new(PgTarget::parse(&options.url)?);
        let (facts, connection) = connector.probe_and_stay().await?;
        check(&facts)?;
        let sessions = if facts.transaction_pooler {
            Sessions::Shared
        } else {
            Sessions::Own
        };
        let connector = connector.knowing(sessions, facts.supabase);
        let shared = Shared {
            connector,
            freeze: options.freeze,
            idle: Mutex::new(connection.into_iter().collect()),
            epoch: AtomicI64::new(0),
            names: Mutex::new(None),
            directory: Mutex::new(None),
        };
        Ok(Arc::new(Self {
            shared: Arc::new(shared),
            lock: tokio::sync::Mutex::new(None),
            facts,
            options,
        }))
    }

    /// What the destination can do, as far as a plan depends on it.
    pub fn target(&self) -> Target {
        self.facts.target.clone()
    }

    /// Everything that the server said about itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where the destination is, without secrets: `host:port/database`.
    pub fn describe(&self) -> String {
        self.shared.connector.target().describe()
    }
}

impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink")
            .field("target", self.shared.connector.target())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Begins a transaction.
    pub(crate) async fn begin(&self, connection: &mut PgConnection) -> Result<()> {
        self.connector.begin(connection).await
    }

    /// A connection with no transaction open.
    pub(crate) async fn acquire(&self) -> Result<PgConnection> {
        // A connection that broke while it waited is found out by its first statement and replaced here.
        while let Some(mut connection) = self.pop() {
            let alive = execute(&mut connection, "select 1", During::Statement);
            if matches!(tokio::time::timeout(ALIVE, alive).await, Ok(Ok(_))) {
                return Ok(connection);
            }
        }
        self.connector.connect().await
    }

    fn pop(&self) -> Option<PgConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a connection for the next writer. It must have no transaction open.
    pub(crate) fn release(&self, connection: PgConnection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }

    /// Closes all connections that wait.
    pub(crate) async fn close_idle(&self) {
        while let Some(connection) = self.pop() {
            Connector::disconnect(connection).await;
        }
    }

    /// Notes the plan that rows come by.
    pub(crate) fn set_plan(&self, plan: &Plan) {
        let names = Names::of(plan).map(Arc::new);
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn names(&self) -> Option<Arc<Names>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn directory(&self) -> Option<Arc<Directory>> {
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_directory(&self, directory: Arc<Directory>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = Some(directory);
    }

    pub(crate) fn set_epoch(&self, epoch: i64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    /// The run's number, under which it holds the ledger.
    pub(crate) fn epoch(&self) -> Result<i64> {
        match self.epoch.load(Ordering::Acquire) {
            0 => Err(Error::new(
                ErrorKind::Internal,
                "the sink was used before `begin`",
            )),
            epoch => Ok(epoch),
        }
    }
}

/// The error of a statement that no row's values take part in.
pub(crate) fn statement(error: migrate_pg_client::sqlx::Error) -> Error {
    classify(error, During::Statement)
}
