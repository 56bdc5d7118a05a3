//! What is too much for one transaction. A server holds so many locks at a time (`max_locks_per_transaction` for each
//! connection that it allows: 6,400 unless set), and a table that is created or dropped takes about five of them. So beyond
//! [`SinkOptions::portion`](crate::SinkOptions::portion) what rows need is created, and dropped again, portion by portion, each
//! with its entries in the ledger: a process that dies in between goes on with the next one.

use std::collections::BTreeSet;

use migrate_core::Result;
use migrate_core::plan::{Plan, TargetName};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute, query_scalar};

use crate::connect::{PostgresSink, statement};
use crate::ddl::{Step, pre_data};
use crate::ledger::{created, run};
use crate::lock::RunLock;

/// Carries steps out and notes what they created. The ledger comes to be later than the first of them: `note` does that.
pub(crate) async fn create(connection: &mut PgConnection, sink: &PostgresSink, steps: &[Step]) -> Result<()> {
    for step in steps {
        execute(connection, step.sql.as_str(), During::Statement)
            .await
            .map_err(|e| e.at("creating", &step.subject))?;
        if step.id.starts_with("extension ") {
            sink.shared.connector.search_again(connection).await?;
        }
    }
    Ok(())
}

/// Notes what the steps created, but for schemas, which may have been there.
pub(crate) async fn note(connection: &mut PgConnection, plan: &Plan, steps: &[Step]) -> Result<()> {
    let ids: BTreeSet<&str> = steps.iter().map(|s| s.id.as_str()).collect();
    let made = |kind: &str, name: &TargetName| ids.contains(format!("{kind} {}", name.quoted()).as_str());
    let names: [(&'static str, Vec<&TargetName>); 4] = [
        ("collation", plan.collations.iter().map(|c| &c.name).collect()),
        ("domain", plan.domains.iter().map(|d| &d.name).collect()),
        ("sequence", plan.sequences.iter().map(|s| &s.name).collect()),
        ("table", plan.tables.iter().map(|t| &t.target).collect()),
    ];
    for (kind, names) in names {
        let names = names.into_iter().filter(|name| made(kind, name));
        created::objects(connection, kind, names).await?;
    }
    Ok(())
}

/// Creates what was not created yet: nothing, for most plans.
pub(crate) async fn create_rest(lock: &mut RunLock, sink: &PostgresSink, plan: &Plan) -> Result<()> {
    let steps = pre_data(plan, sink.facts.extension_schema.as_deref());
    loop {
        lock.begin().await?;
        let connection = lock.connection();
        if let Some(from) = run::prepared(connection).await? {
            let to = steps.len().min(from + sink.options.portion.max(1));
            let portion = steps.get(from..to).unwrap_or_default();
            create(connection, sink, portion).await?;
            note(connection, plan, portion).await?;
            run::set_prepared(connection, (to < steps.len()).then_some(to)).await?;
            lock.commit().await?;
        } else {
            return lock.commit().await;
        }
    }
}

const FOREIGN_KEYS: &str = "
    select format('alter table %s drop constraint if exists %I', conrelid::regclass, conname)
    from pg_constraint
    join migrate.created on created.kind = 'table' and created.object = conrelid
    where contype = 'f' and conparentid = 0
    limit $1";

/// Drops foreign keys of the migration's own tables, so many at a time, until there are none: only then tables can be
/// dropped in portions.
pub(crate) async fn drop_foreign_keys(lock: &mut RunLock, portion: usize) -> Result<()> {
    loop {
        let connection = lock.connection();
        let drops: Vec<String> = query_scalar(FOREIGN_KEYS)
            .bind(portion as i64)
            .fetch_all(&mut *connection)
            .await
            .map_err(statement)?;
        if drops.is_empty() {
            return Ok(());
        }
        execute(connection, drops.join(";"), During::Statement).await?;
        lock.commit().await?;
        lock.begin().await?;
    }
}
