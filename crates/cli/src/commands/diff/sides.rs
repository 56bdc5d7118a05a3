//! From two arguments to two sides and the plans that their rows are read by.

use std::sync::Arc;

use migrate_core::catalog::Catalog;
use migrate_core::encode::KnownKeys;
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, TablePlan, Target};
use migrate_core::stored::Stored;
use migrate_core::{Error, ErrorKind, Result, planner};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_validate::{DiffSide, Side};
use secrecy::SecretString;

use crate::args::MappingArgs;
use crate::connection::holds_password;
use crate::planning::Subject;
use crate::source::Check;
use crate::ui::Ui;

/// Opens both sides.
pub(super) async fn open(
    left: &str,
    right: &str,
    flags: &MappingArgs,
    ui: &Ui,
) -> Result<(DiffSide, DiffSide)> {
    let opening = Opening { flags, ui };
    let left = opening.open(left).await?;
    let right = opening.open(right).await?;
    match (left, right) {
        (Opened::Source(left), Opened::Source(right)) => two_sources(&left, &right, &Target::default()).await,
        (Opened::Source(left), Opened::Postgres(right)) => opening.beside(&left, right).await,
        (Opened::Postgres(left), Opened::Source(right)) => {
            let (right, left) = opening.beside(&right, left).await?;
            Ok((left, right))
        }
        (Opened::Postgres(left), Opened::Postgres(right)) => opening.two_databases(left, right).await,
    }
}

struct Opening<'a> {
    flags: &'a MappingArgs,
    ui: &'a Ui,
}

/// What an argument names.
enum Opened {
    Source(Box<Subject>),
    Postgres(Database),
}

/// A PostgreSQL database: a source as any other, and maybe what a migration wrote.
struct Database {
    argument: String,
    written: Option<Written>,
}

/// A PostgreSQL database as what a migration may have written.
struct Written {
    sink: Arc<PostgresSink>,
    /// The plan of its ledger, where it has one that may be read.
    plan: Option<Plan>,
}

impl Database {
    /// The ledger's plan, where it is of this source and nobody decided otherwise now.
    fn written_from(&self, subject: &Subject) -> Option<(Arc<PostgresSink>, Plan)> {
        let written = self.written.as_ref()?;
        let plan = written.plan.as_ref()?;
        let same = plan.source.kind == subject.catalog.source.kind
            && plan.source.fingerprint == subject.catalog.source.fingerprint;
        (same && !subject.decided).then(|| (Arc::clone(&written.sink), plan.clone()))
    }

    fn target(&self) -> Target {
        self.written
            .as_ref()
            .map_or_else(Target::default, |written| written.sink.target())
    }
}

impl Opening<'_> {
    async fn open(&self, argument: &str) -> Result<Opened> {
        match postgres_url(argument)? {
            None => Ok(Opened::Source(Box::new(self.subject(argument).await?))),
            Some(url) => Ok(Opened::Postgres(Database {
                argument: argument.to_owned(),
                written: self.written(url).await?,
            })),
        }
    }

    async fn subject(&self, argument: &str) -> Result<Subject> {
        Subject::open(argument, self.flags, Check::BySize, self.ui).await
    }

    /// The database as a destination; `None` for one that never was any, being too old or in another encoding.
    async fn written(&self, url: SecretString) -> Result<Option<Written>> {
        let mut options = SinkOptions::new(String::new());
        options.url = url;
        let sink = match PostgresSink::connect_to_read(options).await {
            Ok(sink) => sink,
            Err(e) if e.kind() == ErrorKind::Unsupported => return Ok(None),
            Err(e) => return Err(e),
        };
        let plan = match sink.ledger().await {
            Ok(ledger) => ledger.map(|ledger| ledger.plan),
            Err(e) if e.kind() == ErrorKind::Permission => {
                self.ui.warn(&format!(
                    "the schema migrate in {} may not be read: what a migration noted there is not taken into account",
                    sink.describe()
                ));
                None
            }
            Err(e) => return Err(e),
        };
        Ok(Some(Written { sink, plan }))
    }

    /// A source of another kind and a PostgreSQL database.
    async fn beside(&self, subject: &Subject, database: Database) -> Result<(DiffSide, DiffSide)> {
        if let Some((sink, plan)) = database.written_from(subject) {
            return self.migrated(subject, sink, plan, &database.argument).await;
        }
        let plan = subject.plan(&database.target())?;
        // Keys that were given, and columns that were put together, are the destination's own: only it can read them back.
        let only_written = plan.uses_known_keys() || plan.tables.iter().any(|t| t.reshape.is_some());
        if let (true, Some(written)) = (only_written, &database.written) {
            let sink = Arc::clone(&written.sink);
            return self.migrated(subject, sink, plan, &database.argument).await;
        }
        let mut there = self.subject(&database.argument).await?;
        leave_to(&mut there.mapping, &there.catalog, &subject.catalog);
        let mut other = planned_alike(&there, &plan)?;
        other.tables.retain(|table| is_asked_for(table, &plan, subject));
        Ok((
            source_side(subject, plan, None).await?,
            source_side(&there, other, None).await?,
        ))
    }

    async fn two_databases(&self, left: Database, right: Database) -> Result<(DiffSide, DiffSide)> {
        let mut here = self.subject(&left.argument).await?;
        if let Some((sink, plan)) = right.written_from(&here) {
            return self.migrated(&here, sink, plan, &right.argument).await;
        }
        let mut there = self.subject(&right.argument).await?;
        if let Some((sink, plan)) = left.written_from(&there) {
            let (there, here) = self.migrated(&there, sink, plan, &left.argument).await?;
            return Ok((here, there));
        }
        let (includes_here, includes_there) = (here.mapping.include.clone(), there.mapping.include.clone());
        leave_to(&mut here.mapping, &here.catalog, &there.catalog);
        leave_to(&mut there.mapping, &there.catalog, &here.catalog);
        // Without any of its patterns all tables would be taken: such a side is refused by the planner instead.
        for (subject, includes) in [(&mut here, includes_here), (&mut there, includes_there)] {
            if subject.mapping.include.is_empty() {
                subject.mapping.include = includes;
            }
        }
        two_sources(&here, &there, &right.target()).await
    }

    /// A source and what was, or would have been, written by its plan.
    async fn migrated(
        &self,
        subject: &Subject,
        sink: Arc<PostgresSink>,
        plan: Plan,
        argument: &str,
    ) -> Result<(DiffSide, DiffSide)> {
        // One that is opened as a source is warned of there.
        if holds_password(argument) {
            self.ui.warn(
                "the password can be seen by other users of this machine, and stays in the shell's history; put the URL into \
                 a variable and name that: env:NAME",
            );
        }
        let source = source_side(subject, plan.clone(), Some(&sink)).await?;
        let side = Side::Stored(sink);
        Ok((source, DiffSide { plan, side }))
    }
}

/// The URL of a PostgreSQL database, if that is what an argument names, itself or as `env:NAME`.
fn postgres_url(argument: &str) -> Result<Option<SecretString>> {
    let text = match argument.strip_prefix("env:") {
        None => argument.to_owned(),
        Some(name) => std::env::var(name).map_err(|_| {
            Error::new(ErrorKind::Config, "the environment variable is not set").at("variable", name)
        })?,
    };
    let text = text.trim();
    let postgres = ["postgres://", "postgresql://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    Ok(postgres.then(|| text.to_owned().into()))
}

async fn two_sources(left: &Subject, right: &Subject, target: &Target) -> Result<(DiffSide, DiffSide)> {
    let plan = left.plan(target)?;
    let other = planned_alike(right, &plan)?;
    Ok((
        source_side(left, plan, None).await?,
        source_side(right, other, None).await?,
    ))
}

async fn source_side(subject: &Subject, plan: Plan, beside: Option<&PostgresSink>) -> Result<DiffSide> {
    let known = match beside {
        Some(sink) if plan.uses_known_keys() => Stored::known_keys(sink, &plan).await?,
        _ => KnownKeys::default(),
    };
    let side = Side::Source {
        snapshot: subject.source.snapshot(&plan).await?,
        known: Arc::new(known),
    };
    Ok(DiffSide { plan, side })
}

/// Flags speak of both sides: what names nothing on one of them and something on the other is left to the other.
fn leave_to(mapping: &mut Mapping, own: &Catalog, other: &Catalog) {
    let has_schema = |catalog: &Catalog, name: &str| catalog.tables.iter().any(|t| t.name.schema == name);
    let has_table = |catalog: &Catalog, pattern: &String| {
        let alone = Mapping {
            include: vec![pattern.clone()],
            ..Mapping::default()
        };
        catalog.tables.iter().any(|t| alone.takes(&t.name))
    };
    let stays = |pattern: &String| has_table(own, pattern) || !has_table(other, pattern);
    mapping
        .schemas
        .retain(|name, _| has_schema(own, name) || !has_schema(other, name));
    mapping.include.retain(stays);
    mapping.exclude.retain(stays);
}

/// Whether a PostgreSQL database's table is compared with a source of which maybe only some tables are wanted.
fn is_asked_for(table: &TablePlan, plan: &Plan, subject: &Subject) -> bool {
    let alike = |name: &str| name.eq_ignore_ascii_case(&table.target.name);
    let planned = plan
        .tables
        .iter()
        .any(|t| t.target == table.target || alike(&t.target.name));
    let left_out = plan.excluded.iter().any(|name| alike(&name.name));
    planned || (subject.mapping.include.is_empty() && !left_out)
}

/// A source's plan with the types of another plan's columns of the same names, as far as its values can become them.
fn planned_alike(subject: &Subject, other: &Plan) -> Result<Plan> {
    let mut mapping = subject.mapping.clone();
    let mut plan = planner::plan(&subject.catalog, &mapping, &other.target)?;
    let wanted: Vec<_> = plan
        .tables
        .iter()
        .flat_map(|table| {
            let partner = other.tables.iter().find(|t| t.target == table.target);
            table.copied().filter_map(move |column| {
                let theirs = partner?.copied().find(|c| c.name == column.name)?;
                (theirs.ty != column.ty)
                    .then(|| (table.source.to_string(), column.source.clone(), theirs.ty.clone()))
            })
        })
        .collect();
    for (table, column, ty) in wanted {
        let mut tried: Mapping = mapping.clone();
        let decision = tried
            .tables
            .entry(table)
            .or_default()
            .columns
            .entry(column)
            .or_default();
        decision.ty = Some(ty);
        // A type that the values cannot become stays as it was, and the column is listed as not compared.
        if let Ok(better) = planner::plan(&subject.catalog, &tried, &other.target) {
            (mapping, plan) = (tried, better);
        }
    }
    Ok(plan)
}
