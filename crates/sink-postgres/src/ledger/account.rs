//! `migrate.account`: which rows became accounts, and which did not.

use std::collections::BTreeMap;

use migrate_core::Result;
use migrate_core::supabase::{AccountsPlan, IdentitiesPlan};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe, Row};
use migrate_pg_client::{query, query_scalar};
use serde::Serialize;

use crate::connect::statement;
use crate::ddl::{OWN_PROVIDERS, provider};

/// What became of the rows that were to be accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// Accounts made.
    pub created: u64,
    /// Those of them whose owners sign in with the password they have.
    pub passwords_kept: u64,
    /// Those that never had a password.
    pub without_password: u64,
    /// Those whose password cannot be verified, by the kind of hash: their owners have to set a new one.
    pub passwords_lost: BTreeMap<String, u64>,
    /// Rows that became no account, by the reason.
    pub left_out: BTreeMap<String, u64>,
    /// Identities at other providers that were kept.
    pub identities: u64,
    /// Identities at providers that Supabase does not know, by the provider.
    pub identities_left_out: BTreeMap<String, u64>,
}

const EXISTS: &str = "select to_regclass('migrate.account') is not null";

async fn exists(connection: &mut PgConnection) -> Result<bool> {
    query_scalar(EXISTS)
        .fetch_one(connection)
        .await
        .map_err(statement)
}

const COUNTS: &str = "
    select outcome, password, count(*) as accounts
    from migrate.account
    group by outcome, password";

const IDENTITIES: &str = "
    select count(*)
    from auth.identities as identity
    join migrate.account as decided on decided.id = identity.user_id and decided.outcome = 'created'
    where identity.provider not in ('email', 'phone')";

/// Counts what was made. The caller has a transaction open.
pub(crate) async fn summary(connection: &mut PgConnection, plan: &AccountsPlan) -> Result<Option<Accounts>> {
    if !exists(connection).await? {
        return Ok(None);
    }
    let mut accounts = Accounts::default();
    let rows = query(COUNTS)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for row in &rows {
        let text = |name| row.try_get::<String, _>(name).map_err(statement);
        let count = row.try_get::<i64, _>("accounts").map_err(statement)? as u64;
        let (outcome, password) = (text("outcome")?, text("password")?);
        if outcome != "created" {
            *accounts.left_out.entry(outcome).or_default() += count;
            continue;
        }
        accounts.created += count;
        match password.as_str() {
            "kept" => accounts.passwords_kept += count,
            "none" => accounts.without_password += count,
            _ => *accounts.passwords_lost.entry(password).or_default() += count,
        }
    }
    let identities: i64 = query_scalar(IDENTITIES)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    accounts.identities = identities as u64;
    if let Some(identities) = &plan.identities {
        accounts.identities_left_out = left_out(connection, identities).await?;
    }
    Ok(Some(accounts))
}

async fn left_out(connection: &mut PgConnection, plan: &IdentitiesPlan) -> Result<BTreeMap<String, u64>> {
    let question = format!(
        "select coalesce({theirs}, '') as provider, count(*) as identities
         from {table} as identity
         join migrate.account as decided on decided.id = {user} and decided.outcome = 'created'
         where {ours} is null and lower({theirs}) not in ({OWN_PROVIDERS})
         group by 1",
        theirs = plan.provider,
        ours = provider(plan),
        table = plan.table.quoted(),
        user = plan.user,
    );
    let rows = sqlx::query(AssertSqlSafe(question))
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get("provider")?,
                row.try_get::<i64, _>("identities")? as u64,
            ))
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}

const REMOVE: &str = "
    delete from auth.users
    where id in (select id from migrate.account where outcome = 'created')";

/// Removes exactly the accounts that were made, with what the service keeps of them. Returns how many. The caller has a
/// transaction open.
pub(crate) async fn remove(connection: &mut PgConnection) -> Result<u64> {
    if !exists(connection).await? {
        return Ok(0);
    }
    let done = query(REMOVE).execute(connection).await.map_err(statement)?;
    Ok(done.rows_affected())
}
