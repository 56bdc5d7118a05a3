//! A hold on the migration that outlives connections: a row with a time, for where no session is one's own.
//!
//! Clocks are the server's alone. Whoever finds a lease that runs out may take it; should its holder be alive after all,
//! the ledger's epoch keeps it from committing anything.

use std::time::Duration;

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{AssertSqlSafe, Row, raw_sql};
use migrate_pg_client::{Connector, During, execute, query, query_scalar};
use tokio::task::JoinHandle;

use crate::connect::statement;

/// Seconds that a lease lasts.
const LASTS: i32 = 15;

/// How often it is renewed: four may fail before it runs out.
const RENEWED: Duration = Duration::from_secs(3);

/// For a ledger that was begun by a version without leases, too.
pub(crate) const CREATE: &str = "
    create table if not exists migrate.lease (
        one_row     boolean primary key default true check (one_row),
        holder      text not null,
        application text not null,
        process     integer not null,
        renewed_at  timestamptz not null,
        expires_at  timestamptz not null
    );
    comment on table migrate.lease is 'Who writes through a pooler in transaction mode, and until when it is believed to live'";

const WRITE: &str = "
    insert into migrate.lease (holder, application, process, renewed_at, expires_at)
    values (gen_random_uuid()::text, current_setting('application_name'), $1, clock_timestamp(),
            clock_timestamp() + $2 * interval '1 second')
    on conflict (one_row) do update
    set holder = excluded.holder, application = excluded.application, process = excluded.process,
        renewed_at = excluded.renewed_at, expires_at = excluded.expires_at
    returning holder";

/// Writes the lease down. The caller has a transaction open, and made sure that nobody else holds one.
pub(super) async fn write(connection: &mut PgConnection) -> Result<String> {
    execute(connection, CREATE, During::Statement).await?;
    query_scalar(WRITE)
        .bind(std::process::id() as i32)
        .bind(LASTS)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const EXISTS: &str = "select to_regclass('migrate.lease') is not null";

const READ: &str = "
    select application, process, renewed_at::text as renewed,
           extract(epoch from clock_timestamp() - renewed_at)::float8 as age
    from migrate.lease
    where expires_at > clock_timestamp()";

/// A lease that has not run out.
pub(crate) struct Lease {
    pub(crate) application: String,
    pub(crate) process: i32,
    /// When it was renewed, as text: another one each time.
    pub(crate) renewed: String,
    /// How long ago, in seconds.
    pub(crate) age: f64,
}

/// The lease, if somebody holds one. The caller has a transaction open.
pub(crate) async fn read(connection: &mut PgConnection) -> Result<Option<Lease>> {
    let exists: bool = query_scalar(EXISTS)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !exists {
        return Ok(None);
    }
    let row = query(READ).fetch_optional(connection).await.map_err(statement)?;
    row.map(|row| {
        Ok(Lease {
            application: row.try_get("application")?,
            process: row.try_get("process")?,
            renewed: row.try_get("renewed")?,
            age: row.try_get("age")?,
        })
    })
    .transpose()
    .map_err(statement)
}

/// A lease of one's own, renewed until it is dropped.
pub(super) struct Held {
    holder: String,
    renewing: JoinHandle<()>,
}

impl Held {
    pub(super) fn keep(connector: Connector, holder: String) -> Self {
        let renewing = tokio::spawn(renew(connector, holder.clone()));
        Self { holder, renewing }
    }

    /// Ends the lease at once. A connection that fails here leaves it to run out.
    pub(super) async fn end(self, connection: &mut PgConnection) {
        let sql = format!("delete from migrate.lease where holder = '{}'", self.holder);
        if let Err(e) = execute(connection, sql, During::Statement).await {
            tracing::debug!(error = %e, "a lease was left to run out");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews until somebody else took the lease. One statement in one message needs neither transaction nor session.
async fn renew(connector: Connector, holder: String) {
    let sql = format!(
        "update migrate.lease
         set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + {LASTS} * interval '1 second'
         where holder = '{holder}'"
    );
    let mut connection: Option<PgConnection> = None;
    loop {
        tokio::time::sleep(RENEWED).await;
        let mut open = match connection.take() {
            Some(open) => open,
            None => match connector.connect().await {
                Ok(open) => open,
                Err(_) => continue,
            },
        };
        match raw_sql(AssertSqlSafe(sql.clone())).execute(&mut open).await {
            Ok(done) if done.rows_affected() == 0 => return,
            Ok(_) => connection = Some(open),
            // The next attempt opens another one.
            Err(_) => {}
        }
    }
}

/// How long a lease may be waited for: longer than it lasts.
pub(super) const PATIENCE: Duration = Duration::from_secs(LASTS as u64 + 5);
