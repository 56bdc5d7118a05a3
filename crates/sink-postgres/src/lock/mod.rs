//! One run at a time.
//!
//! A connection with a session of its own holds an advisory lock for as long as it lasts. Behind a pooler in transaction
//! mode there is no such thing: there a lease is written into the ledger, and the advisory lock is held for the
//! transaction that does. Each kind of run sees the other.

pub(crate) mod lease;

use std::time::{Duration, Instant};

use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::{Connector, During, Sessions, execute, query, query_scalar};

use crate::config::Notice;
use crate::connect::statement;
use crate::status::ActiveRun;
use lease::{Held, Lease};

/// The advisory lock's two numbers: `migr` in ASCII, and the ledger.
const CLASS: i32 = 0x6d69_6772;
const OBJECT: i32 = 1;

const TAKE_FOR_SESSION: &str = "select pg_try_advisory_lock($1, $2)";
const TAKE_FOR_TRANSACTION: &str = "select pg_try_advisory_xact_lock($1, $2)";

const HOLDER: &str = "
    select activity.pid, activity.application_name, coalesce(host(activity.client_addr), 'local') as client
    from pg_locks as held
    join pg_stat_activity as activity using (pid)
    where held.locktype = 'advisory'
      and held.granted
      and held.database = (select oid from pg_database where datname = current_database())
      and held.classid = $1::int::oid
      and held.objid = $2::int::oid
      and held.objsubid = 2
    limit 1";

/// How often the lock is tried: the server takes a moment to notice that a killed run is gone.
const ATTEMPTS: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// The hold on the migration.
pub(crate) struct RunLock {
    connector: Connector,
    /// Whose session holds the lock, where it has one.
    connection: PgConnection,
    lease: Option<Held>,
}

impl RunLock {
    /// Takes the lock and leaves a transaction open, in which nobody else can take it.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another run holds it.
    pub(crate) async fn take(connector: &Connector, notice: Option<&Notice>) -> Result<Self> {
        let mut connection = connector.connect().await?;
        let seen = Instant::now();
        let mut refusals = 0;
        let mut before: Option<Lease> = None;
        let mut told = false;
        let mut tell = |what: &dyn Fn() -> String| {
            if let Some(notice) = notice
                && !std::mem::replace(&mut told, true)
            {
                notice(&what());
            }
        };
        loop {
            connector.begin(&mut connection).await?;
            if !try_lock(&mut connection, connector.sessions()).await? {
                refusals += 1;
                if refusals == ATTEMPTS {
                    return Err(locked(holder(&mut connection).await?));
                }
                if refusals > 1 {
                    tell(&|| {
                        "another run holds the migration: waiting up to 3 s for its end, as the server needs a moment to notice \
                         that a killed one is gone"
                            .to_owned()
                    });
                }
                roll_back(&mut connection).await?;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let Some(lease) = lease::read(&mut connection).await? else {
                break;
            };
            // Whoever renews it lives. A lease that nobody renews runs out soon.
            let renewed = before.is_some_and(|b| b.renewed != lease.renewed);
            if renewed || seen.elapsed() > lease::PATIENCE {
                return Err(leased(&lease));
            }
            tell(&|| {
                format!(
                    "another run holds a lease on the migration (process {} of its machine, last heard of {:.0} s ago): waiting \
                     up to {} s to see whether it lives",
                    lease.process,
                    lease.age,
                    lease::PATIENCE.as_secs()
                )
            });
            before = Some(lease);
            roll_back(&mut connection).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Self {
            connector: connector.clone(),
            connection,
            lease: None,
        })
    }

    /// Begins another transaction under the lock.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.connector.begin(&mut self.connection).await
    }

    /// The connection, for statements that need the lock.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Commits, with a lease where the session does not hold the lock. There is a ledger.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        let holder = match self.connector.sessions() {
            Sessions::Shared if self.lease.is_none() => Some(lease::write(&mut self.connection).await?),
            _ => None,
        };
        execute(&mut self.connection, "commit", During::Statement).await?;
        if let Some(holder) = holder {
            self.lease = Some(Held::keep(self.connector.clone(), holder));
        }
        Ok(())
    }

    pub(crate) async fn let_go(mut self) {
        if let Some(lease) = self.lease.take() {
            // Whatever was under way is given up first; none may be.
            if roll_back(&mut self.connection).await.is_ok() {
                lease.end(&mut self.connection).await;
            }
        }
        Connector::disconnect(self.connection).await;
    }
}

async fn roll_back(connection: &mut PgConnection) -> Result<()> {
    execute(connection, "rollback", During::Statement).await.map(drop)
}

async fn try_lock(connection: &mut PgConnection, sessions: Sessions) -> Result<bool> {
    query_scalar(match sessions {
        Sessions::Own => TAKE_FOR_SESSION,
        Sessions::Shared => TAKE_FOR_TRANSACTION,
    })
    .bind(CLASS)
    .bind(OBJECT)
    .fetch_one(connection)
    .await
    .map_err(statement)
}

fn conflict(who: &str) -> Error {
    Error::destination(
        ErrorKind::Conflict,
        format!("another migration is writing to this database{who}"),
    )
    .hint("wait until it ends, or end it; then run the same command again")
}

fn locked(holder: Option<ActiveRun>) -> Error {
    conflict(&match holder {
        Some(run) => format!(
            " (process {}, application {}, from {})",
            run.pid, run.application, run.client
        ),
        None => String::new(),
    })
}

fn leased(lease: &Lease) -> Error {
    conflict(&format!(
        " (process {} of its machine, application {}, through a pooler; last heard of {:.0} s ago)",
        lease.process, lease.application, lease.age
    ))
}

/// Who holds the lock. The caller has a transaction open.
pub(crate) async fn holder(connection: &mut PgConnection) -> Result<Option<ActiveRun>> {
    let row = query(HOLDER)
        .bind(CLASS)
        .bind(OBJECT)
        .fetch_optional(&mut *connection)
        .await
        .map_err(statement)?;
    let read = |row: PgRow| {
        Ok(ActiveRun {
            pid: row.try_get("pid")?,
            application: row
                .try_get::<Option<String>, _>("application_name")?
                .unwrap_or_default(),
            client: row.try_get("client")?,
        })
    };
    if let Some(run) = row.map(read).transpose().map_err(statement)? {
        return Ok(Some(run));
    }
    let lease = lease::read(connection).await?;
    Ok(lease.map(|lease| ActiveRun {
        pid: lease.process,
        application: lease.application,
        client: "a pooler in transaction mode".to_owned(),
    }))
}
