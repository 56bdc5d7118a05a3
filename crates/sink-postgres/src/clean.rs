//! Removing the ledger, and what a migration created.

use migrate_core::declared::{Declared, DeclaredObject, Moment};
use migrate_core::plan::quote_ident;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute, query_scalar};

use crate::connect::PostgresSink;
use crate::ddl::step_id;
use crate::ledger::account;
use crate::ledger::created::{self, Created, KINDS};
use crate::ledger::granted;
use crate::ledger::mapping;
use crate::ledger::run::{self, Presence};
use crate::ledger::step;
use crate::lock::RunLock;
use crate::portions;
use crate::replace::{self, Swapped};

/// What [`PostgresSink::clean`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Whether there was a ledger.
    pub ledger: bool,
    /// What else was dropped, each with its kind.
    pub dropped: Vec<String>,
    /// Whether `migrate.mapping` was left, because it lists keys.
    pub mapping_left: bool,
    /// Accounts that were removed from Supabase's sign-in service.
    pub accounts: u64,
    /// What was put back in its place, where the migration had replaced something.
    pub put_back: Option<Swapped>,
}

impl PostgresSink {
    /// Removes the ledger, but for the mapping of old keys to new ones if it lists any, and with `drop_data` also whatever the
    /// migration created: views, tables with their rows, sequences, domains, collations, schemas that are empty then, and
    /// accounts of Supabase's sign-in service. Extensions stay. All of it or nothing, unless it is more than
    /// [`SinkOptions::portion`](crate::SinkOptions::portion) objects: those go in portions, and another call goes on after an error. What the migration replaced is put back
    /// before, in a transaction of its own, and is dropped without `drop_data`.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) while a run is active, if the schema `migrate` is not a ledger, or if something
    /// that somebody else made depends on what would be dropped.
    pub async fn clean(&self, drop_data: bool) -> Result<Cleaned> {
        let mut held = self.lock.lock().await;
        if drop_data && let Some(lock) = held.take() {
            lock.let_go().await;
        }
        let put_back = if drop_data { self.put_back().await? } else { None };
        let mut lock = match held.take() {
            Some(mut lock) => {
                lock.begin().await?;
                lock
            }
            None => RunLock::take(&self.shared.connector, self.options.notice.as_ref()).await?,
        };
        let outcome = clean(&mut lock, drop_data, self.options.portion.max(1)).await;
        lock.let_go().await;
        // Receipts of the migration that is gone must not be written any more.
        self.shared.set_epoch(0);
        outcome.map(|cleaned| Cleaned { put_back, ..cleaned })
    }

    /// What [`clean`](Self::clean) with `drop_data` would drop, each with its kind, the latest first: what the ledger says
    /// was made and is there.
    pub async fn would_drop(&self) -> Result<Vec<String>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let made = match run::presence(&mut connection).await? {
            Presence::Ledger => created::still_there(&mut connection).await?,
            Presence::Absent | Presence::Foreign => Vec::new(),
        };
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(made
            .iter()
            .map(|c| match c.kind.as_str() {
                "schema" => format!("schema {}", c.name.schema),
                kind => format!("{kind} {}", c.name),
            })
            .collect())
    }
}

async fn clean(lock: &mut RunLock, drop_data: bool, portion: usize) -> Result<Cleaned> {
    match run::presence(lock.connection()).await? {
        Presence::Absent => return Ok(Cleaned::default()),
        Presence::Foreign => {
            return Err(Error::destination(
                ErrorKind::Conflict,
                "the schema named migrate is not a migration's ledger; it is left alone",
            ));
        }
        Presence::Ledger => {}
    }
    // An error closes the connection, and the transaction with it.
    let mut dropped = Vec::new();
    let mut accounts = 0;
    if drop_data {
        accounts = account::remove(lock.connection()).await?;
        granted::take_back(lock.connection()).await?;
        let created = created::still_there(lock.connection()).await?;
        let declared = run::read(lock.connection()).await?.plan()?.declared;
        let at_once = created.len() <= portion;
        for kind in KINDS {
            if kind == "view" {
                drop_objects(
                    lock.connection(),
                    &declared,
                    Moment::AfterTables,
                    at_once,
                    &mut dropped,
                )
                .await?;
            }
            if kind == "domain" {
                drop_objects(
                    lock.connection(),
                    &declared,
                    Moment::BeforeTables,
                    at_once,
                    &mut dropped,
                )
                .await?;
            }
            let of_kind: Vec<&Created> = created.iter().filter(|c| c.kind == kind).collect();
            if kind == "table" && !at_once {
                portions::drop_foreign_keys(lock, portion).await?;
            }
            for some in of_kind.chunks(portion) {
                dropped.extend(drop_kind(lock.connection(), kind, some, at_once).await?);
                if !at_once {
                    lock.commit().await?;
                    lock.begin().await?;
                }
            }
        }
    } else {
        dropped = replace::drop_kept(lock.connection()).await?;
    }
    let connection = lock.connection();
    let mapping_left = mapping::lists_keys(connection).await?;
    if mapping_left {
        mapping::drop_all_else(connection).await?;
    } else {
        execute(connection, "drop schema migrate cascade", During::Statement).await?;
    }
    execute(connection, "commit", During::Statement).await?;
    Ok(Cleaned {
        ledger: true,
        dropped,
        mapping_left,
        accounts,
        put_back: None,
    })
}

/// What to do about something of others that depends on what is dropped.
fn depended_on(at_once: bool) -> &'static str {
    if at_once {
        "drop what depends on it first; nothing was changed"
    } else {
        "drop what depends on it first, then run the same command again: some of it is gone already"
    }
}

/// Drops objects that the plan declares, the latest first: those of before the tables, or all later ones. What comes after
/// the rows is dropped if the ledger says that it was made: where it could not be, somebody else may have the name.
async fn drop_objects(
    connection: &mut PgConnection,
    declared: &Declared,
    from: Moment,
    at_once: bool,
    dropped: &mut Vec<String>,
) -> Result<()> {
    let early = from == Moment::BeforeTables;
    let done = step::done(connection).await?;
    let made = |o: &DeclaredObject| {
        matches!(o.moment, Moment::BeforeTables | Moment::AfterTables) || done.contains(&step_id(o))
    };
    let objects = declared.objects.iter().rev().filter(|o| made(o));
    for object in objects.filter(|o| (o.moment == Moment::BeforeTables) == early) {
        let Some(sql) = &object.drop else { continue };
        execute(connection, sql.as_str(), During::Statement)
            .await
            .map_err(|e| e.hint(depended_on(at_once)))?;
        dropped.push(format!("{} {}", object.kind, object.name));
    }
    Ok(())
}

/// Drops objects of a kind at once, so that foreign keys between them do not matter.
async fn drop_kind(
    connection: &mut PgConnection,
    kind: &str,
    objects: &[&Created],
    at_once: bool,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut dropped = Vec::new();
    for object in objects {
        if kind == "schema" && !is_empty(connection, &object.name.schema).await? {
            continue;
        }
        names.push(if kind == "schema" {
            quote_ident(&object.name.schema)
        } else {
            object.name.quoted()
        });
        dropped.push(if kind == "schema" {
            format!("schema {}", object.name.schema)
        } else {
            format!("{kind} {}", object.name)
        });
    }
    // Collations are dropped one by one: the statement takes only one of them.
    let groups: Vec<String> = if kind == "collation" {
        names
    } else {
        vec![names.join(", ")]
    };
    for group in groups.iter().filter(|g| !g.is_empty()) {
        execute(
            connection,
            format!("drop {kind} if exists {group}"),
            During::Statement,
        )
        .await
        .map_err(|e| e.hint(depended_on(at_once)))?;
    }
    Ok(dropped)
}

async fn is_empty(connection: &mut PgConnection, schema: &str) -> Result<bool> {
    query_scalar(
        "select not exists (select from pg_depend
                            where refclassid = 'pg_namespace'::regclass and refobjid = $1::text::regnamespace)",
    )
    .bind(quote_ident(schema))
    .fetch_one(connection)
    .await
    .map_err(crate::connect::statement)
}
