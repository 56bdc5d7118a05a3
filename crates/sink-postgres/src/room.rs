//! Whether the destination has room, and the rights that only some plans need: what should show before hours of copying.

use migrate_core::plan::Plan;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{Sessions, query_scalar};

use crate::connect::{PostgresSink, statement};

/// Bytes on disk for each byte of the source, indexes and the log of a load included: an estimate, on the safe side.
const FACTOR: u64 = 3;

const SIZE: &str = "select pg_database_size(current_database())";

/// Checks the limit that a person gave, since a server does not tell how large its disk is.
///
/// # Errors
/// [`Resources`](ErrorKind::Resources) if what is there and what comes may not fit.
pub(crate) async fn check(connection: &mut PgConnection, plan: &Plan, limit: Option<u64>) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    let used: i64 = query_scalar(SIZE)
        .fetch_one(connection)
        .await
        .map_err(statement)?;
    let used = used as u64;
    let comes: u64 = plan
        .tables
        .iter()
        .filter_map(|t| t.bytes)
        .sum::<u64>()
        .saturating_mul(FACTOR);
    if used.saturating_add(comes) <= limit {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(Error::destination(
        ErrorKind::Resources,
        format!(
            "the database has {} MiB and the migration may need {} MiB more, which is over the limit of {} MiB",
            mib(used),
            mib(comes),
            mib(limit)
        ),
    )
    .hint(
        "make the disk larger and raise the limit, or leave tables out; the estimate is three bytes for each byte of the source",
    ))
}

const SPARE: &str = "
    select current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
           - (select count(*) from pg_stat_activity where backend_type = 'client backend')";

impl PostgresSink {
    /// Connections that the server has to spare at this moment; `None` behind a pooler, which has some of its own.
    pub async fn spare_connections(&self) -> Result<Option<usize>> {
        if self.shared.connector.sessions() == Sessions::Shared {
            return Ok(None);
        }
        let mut connection = self.shared.acquire().await?;
        let spare: i64 = query_scalar(SPARE)
            .fetch_one(&mut connection)
            .await
            .map_err(statement)?;
        self.shared.release(connection);
        Ok(Some(spare.max(0) as usize))
    }
}

const MAY_MAKE_ACCOUNTS: &str = "
    select count(*) = 4
    from (values ('auth.users', 'INSERT'), ('auth.users', 'UPDATE'), ('auth.users', 'DELETE'), ('auth.identities', 'INSERT'))
      as needed (relation, privilege)
    where has_table_privilege(to_regclass(relation), privilege)";

/// Checks that accounts can be made, if the plan makes any.
///
/// # Errors
/// [`Permission`](ErrorKind::Permission) if the sign-in service's tables are not there, or not the user's to write.
pub(crate) async fn check_accounts(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    if plan.supabase.as_ref().is_none_or(|s| s.accounts.is_none()) {
        return Ok(());
    }
    let may: bool = query_scalar(MAY_MAKE_ACCOUNTS)
        .fetch_one(connection)
        .await
        .map_err(statement)?;
    if may {
        return Ok(());
    }
    Err(Error::destination(
        ErrorKind::Permission,
        "accounts cannot be made here: the tables auth.users and auth.identities are missing, or not the user's to write",
    )
    .hint("connect as postgres to a Supabase project, or remove [accounts] from the plan file"))
}
