//! Beginning a migration, or finding the one that was begun.

use migrate_core::plan::{Plan, TargetName};
use migrate_core::sink::Progress;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{During, Facts, execute, query, query_scalar};

use crate::connect::{PostgresSink, statement};
use crate::ddl::pre_data;
use crate::difference::difference;
use crate::ledger::run::{self, Presence, Run};
use crate::ledger::{self, chunk, control, created, event};
use crate::lock::RunLock;
use crate::{portions, room};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To begin a migration, or to go on with it.
    First,
    /// To follow the source of one that is complete.
    Later,
}

pub(crate) async fn begin(sink: &PostgresSink, plan: &Plan) -> Result<Progress> {
    take(sink, plan, Purpose::First).await
}

/// Takes a complete migration over for a round, and removes what an earlier one left.
pub(crate) async fn begin_round(sink: &PostgresSink, plan: &Plan) -> Result<Progress> {
    take(sink, plan, Purpose::Later).await
}

async fn take(sink: &PostgresSink, plan: &Plan, purpose: Purpose) -> Result<Progress> {
    check_plan(plan, &sink.facts)?;
    let mut held = sink.lock.lock().await;
    let mut lock = match held.take() {
        Some(mut lock) => {
            lock.begin().await?;
            lock
        }
        None => RunLock::take(&sink.shared.connector, sink.options.notice.as_ref()).await?,
    };
    match begin_under(&mut lock, sink, plan, purpose).await {
        Ok((progress, epoch)) => {
            if !plan.extensions.is_empty() {
                // A session that is older than an extension does not search its schema.
                sink.shared.close_idle().await;
            }
            sink.shared.set_epoch(epoch);
            sink.shared.set_plan(plan);
            *held = Some(lock);
            Ok(progress)
        }
        Err(error) => {
            // What was not begun must not hold off others. The connection is inside a transaction, which ends with it.
            lock.let_go().await;
            Err(error)
        }
    }
}

/// All of it in the one transaction that the lock comes with, unless that would be too much for one.
async fn begin_under(
    lock: &mut RunLock,
    sink: &PostgresSink,
    plan: &Plan,
    purpose: Purpose,
) -> Result<(Progress, i64)> {
    let begun = match run::presence(lock.connection()).await? {
        Presence::Ledger if purpose == Purpose::Later => later(lock.connection(), plan).await?,
        Presence::Ledger => resume(lock.connection(), plan).await?,
        Presence::Absent if purpose == Purpose::Later => {
            return Err(incomplete("no migration was made here"));
        }
        Presence::Absent => create(lock.connection(), plan, sink).await?,
        Presence::Foreign => {
            return Err(Error::destination(
                ErrorKind::Conflict,
                "the database has a schema named migrate that is not a migration's ledger",
            )
            .hint("rename that schema, or choose another database"));
        }
    };
    let (progress, epoch, prepared) = begun;
    lock.commit().await?;
    if !prepared {
        portions::create_rest(lock, sink, plan).await?;
    }
    Ok((progress, epoch))
}

/// Whether the server can do what the plan asks for.
fn check_plan(plan: &Plan, facts: &Facts) -> Result<()> {
    let lacks = |what: &str| {
        Error::destination(
            ErrorKind::Unsupported,
            format!("the plan needs {what}, which this server does not have"),
        )
        .hint("make the plan anew for this destination")
    };
    let columns = || plan.tables.iter().flat_map(|t| &t.columns);
    if !facts.target.xml && columns().any(|c| c.ty == migrate_core::pg_type::PgType::Xml) {
        return Err(lacks("the type xml"));
    }
    if !facts.target.icu && !plan.collations.is_empty() {
        return Err(lacks("ICU collations"));
    }
    let keys = plan
        .tables
        .iter()
        .flat_map(|t| t.primary_key.iter().chain(&t.uniques));
    let mut indexes = plan.tables.iter().flat_map(|t| &t.indexes);
    if facts.target.version < 15
        && (keys.into_iter().any(|k| k.nulls_not_distinct)
            || indexes.any(|i| i.unique && i.nulls_not_distinct))
    {
        return Err(lacks("unique keys in which NULLs are equal (PostgreSQL 15)"));
    }
    Ok(())
}

async fn resume(connection: &mut PgConnection, plan: &Plan) -> Result<(Progress, i64, bool)> {
    let known = run::read(connection).await?;
    check_same(&known, plan)?;
    let complete = known.finished_at.is_some();
    event::upgrade(connection).await?;
    // Who starts it wants it to run.
    if control::set(connection, false).await? {
        event::note(connection, "unpaused", "it was started again").await?;
    }
    let epoch = if complete {
        known.epoch
    } else {
        run::take_over(connection).await?
    };
    if !complete {
        event::note(connection, "resumed", "an earlier run is continued").await?;
    }
    Ok((
        Progress {
            resumed: true,
            complete,
            tables: chunk::read(connection).await?,
        },
        epoch,
        run::prepared(connection).await?.is_none(),
    ))
}

fn incomplete(what: &str) -> Error {
    Error::destination(
        ErrorKind::Conflict,
        format!("there is nothing that changes could be brought into: {what}"),
    )
    .hint("run the migration to its end first: the same command without --incremental")
}

async fn later(connection: &mut PgConnection, plan: &Plan) -> Result<(Progress, i64, bool)> {
    let known = run::read(connection).await?;
    check_same(&known, plan)?;
    if known.finished_at.is_none() {
        return Err(incomplete("the migration is not complete"));
    }
    let epoch = run::take_over(connection).await?;
    ledger::round::forget_unapplied(connection).await?;
    Ok((
        Progress {
            resumed: true,
            complete: true,
            tables: chunk::read(connection).await?,
        },
        epoch,
        true,
    ))
}

fn check_same(known: &Run, plan: &Plan) -> Result<()> {
    let conflict = |what: String| {
        Err(Error::destination(ErrorKind::Conflict, what).hint(
            "to begin anew, remove the ledger with `migrate clean` (with --data also what it created); to go on, use \
             the source and the plan that it was begun with",
        ))
    };
    if known.source_kind != plan.source.kind || known.source_fingerprint != plan.source.fingerprint {
        return conflict(format!(
            "the ledger in this database belongs to another source: {} {}, begun at {}",
            known.source_kind, known.source_name, known.started_at
        ));
    }
    if known.plan_fingerprint == plan.fingerprint() {
        return Ok(());
    }
    let what = known.plan().map_or_else(
        |_| "it was written by another version".to_owned(),
        |old| difference(&old.deeds(), &plan.deeds()),
    );
    conflict(format!(
        "the ledger in this database belongs to another plan, begun at {}: {what}",
        known.started_at
    ))
}

async fn create(
    connection: &mut PgConnection,
    plan: &Plan,
    sink: &PostgresSink,
) -> Result<(Progress, i64, bool)> {
    let schemas = missing_schemas(connection, plan).await?;
    check_rights(connection, plan).await?;
    check_extensions(connection, plan).await?;
    check_free(connection, plan).await?;
    room::check_accounts(connection, plan).await?;
    room::check(connection, plan, sink.options.disk_limit).await?;
    // An error closes the connection, and the transaction with it: nothing is left behind.
    let steps = pre_data(plan, sink.facts.extension_schema.as_deref());
    let first = &steps[..steps.len().min(sink.options.portion.max(1))];
    portions::create(connection, sink, first).await?;
    execute(connection, ledger::CREATE, During::Statement)
        .await
        .map_err(|e| e.at("creating", "the ledger"))?;
    execute(connection, ledger::mapping::CREATE, During::Statement)
        .await
        .map_err(|e| e.at("creating", "the mapping of keys"))?;
    let epoch = run::insert(connection, plan).await?;
    created::schemas(connection, &schemas).await?;
    portions::note(connection, plan, first).await?;
    let prepared = first.len() == steps.len();
    if !prepared {
        run::set_prepared(connection, Some(first.len())).await?;
    }
    event::note(
        connection,
        "begun",
        &format!("{} tables from {}", plan.tables.len(), plan.source.name),
    )
    .await?;
    Ok((Progress::default(), epoch, prepared))
}

const EXISTING_SCHEMAS: &str = "select nspname::text from pg_namespace where nspname = any ($1)";

pub(crate) async fn missing_schemas(connection: &mut PgConnection, plan: &Plan) -> Result<Vec<String>> {
    let existing: Vec<String> = query_scalar(EXISTING_SCHEMAS)
        .bind(&plan.schemas)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    Ok(plan
        .schemas
        .iter()
        .filter(|s| !existing.contains(s))
        .cloned()
        .collect())
}

const CLOSED_SCHEMAS: &str = "
    select nspname::text
    from pg_namespace
    where nspname = any ($1) and not has_schema_privilege(oid, 'CREATE')
    order by 1";

async fn check_rights(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    let closed: Vec<String> = query_scalar(CLOSED_SCHEMAS)
        .bind(&plan.schemas)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    if closed.is_empty() {
        return Ok(());
    }
    Err(Error::destination(
        ErrorKind::Permission,
        format!(
            "the user may not create tables in the schema {}",
            closed.join(", ")
        ),
    )
    .hint("let the schema's owner run: grant create on schema NAME to USER"))
}

const MISSING_EXTENSIONS: &str = "
    select name
    from unnest($1::text[]) as wanted (name)
    where name not in (select extname from pg_extension)
      and name not in (select name from pg_available_extensions)";

async fn check_extensions(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    let missing: Vec<String> = query_scalar(MISSING_EXTENSIONS)
        .bind(&plan.extensions)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::destination(
        ErrorKind::Unsupported,
        format!("the server has no extension {}", missing.join(", ")),
    )
    .hint("install it on the server, or change the plan"))
}

/// Relations share their names with indexes, and tables with types.
const TAKEN: &str = "
    select wanted.schema, wanted.name,
           coalesce(
               case class.relkind
                   when 'r' then 'table' when 'p' then 'table' when 'f' then 'foreign table' when 'v' then 'view'
                   when 'm' then 'materialized view' when 'S' then 'sequence' when 'i' then 'index'
                   when 'I' then 'index' when 'c' then 'type'
               end,
               case when type.oid is not null then 'type' end,
               'collation'
           ) as kind
    from (select distinct schema, name, kind
          from unnest($1::text[], $2::text[], $3::text[]) as wanted (schema, name, kind)) as wanted
    join pg_namespace as space on space.nspname = wanted.schema
    left join pg_class as class
      on class.relnamespace = space.oid and class.relname = wanted.name and wanted.kind <> 'collation'
    left join pg_type as type
      on type.typnamespace = space.oid and type.typname = wanted.name and wanted.kind in ('table', 'view', 'domain')
    left join pg_collation as coll
      on coll.collnamespace = space.oid and coll.collname = wanted.name and wanted.kind = 'collation'
    where class.oid is not null or type.oid is not null or coll.oid is not null
    order by 1, 2";

/// Whether every name that the plan gives is free.
async fn check_free(connection: &mut PgConnection, plan: &Plan) -> Result<()> {
    let wanted = wanted_names(plan);
    let rows = query(TAKEN)
        .bind(wanted.iter().map(|(n, _)| n.schema.as_str()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(n, _)| n.name.as_str()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(_, kind)| *kind).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let taken = rows
        .iter()
        .map(|row| {
            let name = TargetName {
                schema: row.try_get("schema")?,
                name: row.try_get("name")?,
            };
            Ok(format!("{} {name}", row.try_get::<String, _>("kind")?))
        })
        .collect::<sqlx::Result<Vec<_>>>()
        .map_err(statement)?;
    if taken.is_empty() {
        return Ok(());
    }
    Err(Error::destination(
        ErrorKind::Conflict,
        format!(
            "the destination already has what the plan creates: {}",
            taken.join(", ")
        ),
    )
    .hint("drop or rename it, choose other names or schemas in the plan, or use another database"))
}

/// Everything that the plan creates, with its kind, those after the rows included: a name that is taken should show
/// now and not after hours of copying.
pub(crate) fn wanted_names(plan: &Plan) -> Vec<(TargetName, &'static str)> {
    let mut names: Vec<(TargetName, &'static str)> = Vec::new();
    names.extend(plan.collations.iter().map(|c| (c.name.clone(), "collation")));
    names.extend(plan.domains.iter().map(|d| (d.name.clone(), "domain")));
    names.extend(plan.sequences.iter().map(|s| (s.name.clone(), "sequence")));
    names.extend(plan.views.iter().map(|v| (v.target.clone(), "view")));
    let relations = plan.declared.objects.iter().filter_map(|o| o.relation.clone());
    names.extend(relations.map(|name| (name, "view")));
    for table in &plan.tables {
        names.push((table.target.clone(), "table"));
        let keys = table.primary_key.iter().chain(&table.uniques).map(|k| &k.name);
        let here = |name: &String| TargetName {
            schema: table.target.schema.clone(),
            name: name.clone(),
        };
        names.extend(
            keys.chain(table.indexes.iter().map(|i| &i.name))
                .map(|name| (here(name), "index")),
        );
    }
    names
}
