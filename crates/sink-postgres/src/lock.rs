//! One run at a time.

use std::time::Duration;

use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::Connector;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use crate::connect::statement;
use crate::status::ActiveRun;

/// The advisory lock's two numbers: `migr` in ASCII, and the ledger.
const CLASS: i32 = 0x6d69_6772;
const OBJECT: i32 = 1;

const TAKE: &str = "select pg_try_advisory_lock($1, $2)";

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

/// The lock, which lasts as long as its connection.
pub(crate) struct RunLock {
    connection: PgConnection,
}

impl RunLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another run holds it.
    pub(crate) async fn take(connector: &Connector) -> Result<Self> {
        let mut connection = connector.connect().await?;
        for attempt in 1..=ATTEMPTS {
            let taken: bool = sqlx::query_scalar(TAKE)
                .bind(CLASS)
                .bind(OBJECT)
                .fetch_one(&mut connection)
                .await
                .map_err(statement)?;
            if taken {
                return Ok(Self { connection });
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(PAUSE).await;
            }
        }
        let holder = match holder(&mut connection).await? {
            Some(run) => format!(
                " (process {}, application {}, from {})",
                run.pid, run.application, run.client
            ),
            None => String::new(),
        };
        Connector::disconnect(connection).await;
        Err(Error::destination(
            ErrorKind::Conflict,
            format!("another migration is writing to this database{holder}"),
        )
        .hint("wait until it ends, or end it; then run the same command again"))
    }

    /// The connection, for statements that need the lock.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(crate) async fn let_go(self) {
        Connector::disconnect(self.connection).await;
    }
}

/// Who holds the lock.
pub(crate) async fn holder(connection: &mut PgConnection) -> Result<Option<ActiveRun>> {
    let row = sqlx::query(HOLDER)
        .bind(CLASS)
        .bind(OBJECT)
        .fetch_optional(connection)
        .await
        .map_err(statement)?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok(ActiveRun {
            pid: row.try_get("pid")?,
            application: row
                .try_get::<Option<String>, _>("application_name")?
                .unwrap_or_default(),
            client: row.try_get("client")?,
        })
    };
    row.map(read).transpose().map_err(statement)
}
