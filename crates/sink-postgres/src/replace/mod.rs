//! Replacing tables that exist: the new ones are made and filled beside them, and take their names in one transaction.
//!
//! ```text
//! shop.orders                 the table that serves        -> migrate_old_shop.orders, kept until `migrate clean`
//! migrate_new_shop.orders     filled, keyed, proven        -> shop.orders
//! ```
//!
//! Everything that the plan creates takes part, with whatever of it is there already. What depends on the old tables from
//! outside goes on with the new ones: views are bound anew to the same names (`create or replace view`, so that their grants and
//! what depends on them stay), foreign keys are dropped, added to the new table without looking at the rows, and checked
//! afterwards under a weak lock. Owner, grants, row-level security, policies and triggers of a table or view come along. What
//! else depends on an old table is named, and nothing is begun.
//!
//! A rollback is the same exchange the other way round, and then drops what it took out. Each of the two is one transaction, so
//! that it can be killed anywhere and repeated.

mod carry;
mod dependents;
mod exchange;
mod there;

use std::collections::BTreeSet;
use std::sync::Arc;

use migrate_core::observer::{Event, Observer};
use migrate_core::plan::{Plan, quote_ident};
use migrate_core::retry::persist;
use migrate_core::staging::{Exists, new_schema, old_schema, staged};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute, query, query_scalar};
use tokio_util::sync::CancellationToken;

use crate::begin::missing_schemas;
use crate::connect::{PostgresSink, statement};
use crate::ledger::created;
use crate::ledger::event;
use crate::ledger::run::{self, Presence};
use crate::lock::RunLock;
use exchange::Exchange;
use there::Object;

/// What an exchange of tables did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swapped {
    /// Objects that were there and are kept, each with its kind.
    pub kept: Vec<String>,
    /// Views of others that were bound to the new tables.
    pub views: Vec<String>,
    /// Foreign keys of others that lead to the new tables now.
    pub foreign_keys: Vec<String>,
    /// Those of them that rows do not meet, each with the reason: they hold for new rows, and stay NOT VALID.
    pub not_valid: Vec<(String, String)>,
}

impl PostgresSink {
    /// The plan as it is to be carried out: beside what is there, where the plan replaces tables and some exist; otherwise
    /// as it is.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where something that exists cannot be replaced, or something depends on it that could not go on
    /// with what comes; all of it is named, and nothing was changed.
    pub async fn to_carry_out(&self, plan: &Plan) -> Result<Plan> {
        if plan.exists != Exists::Replace {
            return Ok(plan.clone());
        }
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let beside = match run::presence(&mut connection).await? {
            Presence::Ledger => run::read(&mut connection).await?.plan()?.staged,
            Presence::Absent | Presence::Foreign => {
                let old = there::of_plan(&mut connection, plan).await?;
                if !old.is_empty() {
                    dependents::of(&mut connection, &old).await?;
                }
                !old.is_empty()
            }
        };
        execute(&mut connection, "rollback", During::Statement).await?;
        self.shared.release(connection);
        Ok(if beside { staged(plan) } else { plan.clone() })
    }

    /// Gives what was made beside existing tables their names, in one transaction. `plan` is the plan with those names. Done
    /// once: calling it again changes nothing. Other sessions wait for as long as it takes, which is a moment; sessions that
    /// hold locks are waited for as the options' [`swap_lock`](crate::SinkOptions::swap_lock) says, again and again.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the migration is not complete, or if something depends on the old tables by now that cannot go on
    /// with the new ones. Nothing was changed then.
    pub async fn swap(
        &self,
        plan: &Plan,
        observer: &Arc<dyn Observer>,
        cancel: &CancellationToken,
    ) -> Result<Swapped> {
        let mut held = self.lock.lock().await;
        let told = |error: &Error, after| {
            observer.event(&Event::Retrying {
                what: "the exchange of tables".to_owned(),
                reason: error.to_string(),
                after,
            });
        };
        let attempt = || async {
            let mut lock = RunLock::take(&self.shared.connector, self.options.notice.as_ref()).await?;
            let outcome = self.swap_once(lock.connection(), plan).await;
            lock.let_go().await;
            outcome
        };
        // A lock of this sink's own is let go: each attempt takes one anew.
        if let Some(lock) = held.take() {
            lock.let_go().await;
        }
        let mut swapped = persist(&self.options.retry, cancel, told, attempt).await?;
        swapped.not_valid = self.check().await?;
        Ok(swapped)
    }

    /// Nothing if it is done already.
    async fn swap_once(&self, connection: &mut PgConnection, plan: &Plan) -> Result<Swapped> {
        let known = match run::presence(connection).await? {
            Presence::Ledger => run::read(connection).await?,
            Presence::Absent | Presence::Foreign => {
                return Err(Error::destination(
                    ErrorKind::Conflict,
                    "there is no migration here",
                ));
            }
        };
        if known.plan_fingerprint == plan.fingerprint() {
            return Ok(Swapped::default());
        }
        if known.plan_fingerprint != staged(plan).fingerprint() {
            return Err(Error::destination(
                ErrorKind::Conflict,
                "the ledger in this database belongs to another plan",
            ));
        }
        if known.finished_at.is_none() {
            return Err(Error::destination(
                ErrorKind::Conflict,
                "the migration is not complete: nothing is exchanged before all of it is there",
            ));
        }
        self.set_up(connection).await?;
        let leaving = there::of_plan(connection, plan).await?;
        let coming = there::made(connection, plan, new_schema).await?;
        let missing = missing_schemas(connection, plan).await?;
        let exchange = Exchange::plan(connection, &leaving, old_schema, &coming, true).await?;
        for schema in &missing {
            let sql = format!("create schema {}", quote_ident(schema));
            execute(connection, sql, During::Statement).await?;
        }
        created::schemas(connection, &missing).await?;
        exchange.carry_out(connection).await?;
        let schemas: BTreeSet<&str> = coming.iter().map(|o| o.home.as_str()).collect();
        for schema in schemas {
            let waited = new_schema(schema);
            drop_schema(connection, &waited).await?;
            rename_steps(connection, &waited, schema).await?;
        }
        keep(connection, &leaving).await?;
        exchange.note_checks(connection).await?;
        run::exchange_plan(connection, plan).await?;
        let text = format!(
            "{} objects took the names of {} that were there",
            coming.len(),
            leaving.len()
        );
        event::note(connection, "swapped", &text).await?;
        execute(connection, "commit", During::Statement).await?;
        Ok(exchange.done(leaving.iter().map(Object::describe).collect()))
    }

    /// Definitions name their schemas, and nobody waits long behind this transaction.
    async fn set_up(&self, connection: &mut PgConnection) -> Result<()> {
        let wait = self.options.swap_lock.as_millis();
        let sql = format!("set local search_path = ''; set local lock_timeout = '{wait}ms'");
        execute(connection, sql, During::Statement).await.map(drop)
    }

    /// Looks whether rows of others meet their foreign keys to what is there now, as far as nobody looked yet. Returns those
    /// that they do not, each with the reason; they are looked at again the next time.
    async fn check(&self) -> Result<Vec<(String, String)>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let checks = exchange::checks(&mut connection).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        let mut failed = Vec::new();
        for check in checks {
            self.shared.begin(&mut connection).await?;
            match check.carry_out(&mut connection).await {
                Ok(()) => execute(&mut connection, "commit", During::Statement).await?,
                Err(error) if error.kind() == ErrorKind::Connection => return Err(error),
                Err(error) => {
                    failed.push((check.name, error.to_string()));
                    execute(&mut connection, "rollback", During::Statement).await?
                }
            };
        }
        self.shared.release(connection);
        Ok(failed)
    }

    /// What the migration replaced and keeps, each with its kind and where it is; empty where it replaced nothing.
    pub async fn kept(&self) -> Result<Vec<String>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let kept = replaced(&mut connection).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(kept.iter().map(Object::describe).collect())
    }

    /// Puts what was replaced back in its place: the first half of a rollback, in a transaction of its own. What the migration
    /// made waits in a schema of its own again, to be dropped. `None` where nothing was replaced, or all of it is back.
    pub(crate) async fn put_back(&self) -> Result<Option<Swapped>> {
        let mut lock = RunLock::take(&self.shared.connector, self.options.notice.as_ref()).await?;
        let outcome = self.put_back_once(lock.connection()).await;
        lock.let_go().await;
        let Some(mut swapped) = outcome? else {
            return Ok(None);
        };
        swapped.not_valid = self.check().await?;
        Ok(Some(swapped))
    }

    async fn put_back_once(&self, connection: &mut PgConnection) -> Result<Option<Swapped>> {
        if run::presence(connection).await? != Presence::Ledger {
            return Ok(None);
        }
        let coming = replaced(connection).await?;
        if coming.is_empty() {
            // An earlier attempt may have come as far as this, and have left something to check.
            let left = !exchange::checks(connection).await?.is_empty();
            return Ok(left.then(Swapped::default));
        }
        let plan = run::read(connection).await?.plan()?;
        self.set_up(connection).await?;
        let leaving = there::made(connection, &plan, str::to_owned).await?;
        let exchange = Exchange::plan(connection, &leaving, new_schema, &coming, false).await?;
        exchange.carry_out(connection).await?;
        let schemas: BTreeSet<&str> = coming.iter().map(|o| o.home.as_str()).collect();
        for schema in schemas {
            drop_schema(connection, &old_schema(schema)).await?;
        }
        let parked: BTreeSet<String> = leaving.iter().map(|o| new_schema(&o.name.schema)).collect();
        created::schemas(connection, &parked.into_iter().collect::<Vec<_>>()).await?;
        let schemas: BTreeSet<&str> = leaving.iter().map(|o| o.name.schema.as_str()).collect();
        for schema in schemas {
            rename_steps(connection, schema, &new_schema(schema)).await?;
        }
        execute(connection, "delete from migrate.replaced", During::Statement).await?;
        exchange.note_checks(connection).await?;
        run::exchange_plan(connection, &staged(&plan)).await?;
        let text = format!("{} objects have their places again", coming.len());
        event::note(connection, "put back", &text).await?;
        execute(connection, "commit", During::Statement).await?;
        let back = coming
            .iter()
            .map(|o| format!("{} {}.{}", o.kind.word(), o.home, o.name.name));
        Ok(Some(exchange.done(back.collect())))
    }
}

async fn drop_schema(connection: &mut PgConnection, schema: &str) -> Result<()> {
    let sql = format!("drop schema {}", quote_ident(schema));
    execute(connection, sql, During::Statement)
        .await
        .map(drop)
        .map_err(|e| {
            e.hint("it holds something that the migration did not put there: move it; nothing was changed")
        })
}

async fn rename_steps(connection: &mut PgConnection, from: &str, to: &str) -> Result<()> {
    query(RENAME_STEPS)
        .bind(format!("{}.", quote_ident(from)))
        .bind(format!("{}.", quote_ident(to)))
        .bind(format!("{from}."))
        .bind(format!("{to}."))
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Drops what was replaced, in the transaction that removes the ledger. Returns what it was.
pub(crate) async fn drop_kept(connection: &mut PgConnection) -> Result<Vec<String>> {
    let kept = replaced(connection).await?;
    for (word, names) in there::by_kind(&kept) {
        execute(connection, format!("drop {word} {names}"), During::Statement)
            .await
            .map_err(|e| e.hint("drop what depends on it first; nothing was changed"))?;
    }
    let schemas: BTreeSet<&str> = kept.iter().map(|o| o.name.schema.as_str()).collect();
    for schema in schemas {
        drop_schema(connection, schema).await?;
    }
    Ok(kept.iter().map(Object::describe).collect())
}

/// Ids and subjects of steps name the objects that they were about.
const RENAME_STEPS: &str = "
    update migrate.step set id = replace(id, $1, $2), subject = replace(subject, $3, $4)
    where strpos(id, $1) > 0 or strpos(subject, $3) > 0";

const CREATE: &str = "
    create table if not exists migrate.replaced (
        position bigint generated always as identity primary key,
        kind     text not null,
        schema   text not null,
        name     text not null,
        object   oid not null
    );
    comment on table migrate.replaced is 'What was there and is kept until the migration is cleaned up: the names it had'";

const KEEP: &str = "
    insert into migrate.replaced (kind, schema, name, object)
    select kind, schema, name, object::oid
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as old (kind, schema, name, object)";

async fn keep(connection: &mut PgConnection, old: &[Object]) -> Result<()> {
    execute(connection, CREATE, During::Statement).await?;
    query(KEEP)
        .bind(old.iter().map(|o| o.kind.word()).collect::<Vec<_>>())
        .bind(old.iter().map(|o| o.name.schema.as_str()).collect::<Vec<_>>())
        .bind(old.iter().map(|o| o.name.name.as_str()).collect::<Vec<_>>())
        .bind(old.iter().map(|o| o.oid).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const ANY: &str = "select to_regclass('migrate.replaced') is not null";

const REPLACED: &str = "
    select old.kind, old.schema as home, space.nspname::text as schema,
           coalesce(class.relname, type.typname, coll.collname)::text as name, old.object::bigint as oid
    from migrate.replaced as old
    left join pg_class as class on old.kind in ('table', 'view', 'sequence') and class.oid = old.object
    left join pg_type as type on old.kind = 'domain' and type.oid = old.object
    left join pg_collation as coll on old.kind = 'collation' and coll.oid = old.object
    join pg_namespace as space on space.oid = coalesce(class.relnamespace, type.typnamespace, coll.collnamespace)
    order by old.position";

/// What was replaced and is still there.
async fn replaced(connection: &mut PgConnection) -> Result<Vec<Object>> {
    let any: bool = query_scalar(ANY)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !any {
        return Ok(Vec::new());
    }
    let rows = query(REPLACED).fetch_all(connection).await.map_err(statement)?;
    rows.iter()
        .map(|row| {
            let home = row.try_get("home").map_err(statement)?;
            Object::from_row(row, Some(home))
        })
        .collect()
}
