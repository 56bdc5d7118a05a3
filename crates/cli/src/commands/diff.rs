//! `migrate diff`

use std::path::Path;
use std::sync::Arc;

use migrate_core::encode::KnownKeys;
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, Target};
use migrate_core::stored::Stored;
use migrate_core::{Error, ErrorKind, Result, planner};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_mssql::Check;
use migrate_validate::{Diff, DiffOptions, DiffSide, Side};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::{DiffArgs, MappingArgs};
use crate::connection::holds_password;
use crate::exit::Exit;
use crate::planning::Subject;
use crate::progress::Display;
use crate::report::{diff as page, difference, file};
use crate::ui::Ui;

pub(super) async fn run(args: DiffArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    file::check(args.compare.rejects.as_deref())?;
    let (told, flags) = (ui.clone(), args.mapping.clone());
    let (left, right) = (args.left.clone(), args.right.clone());
    let (left, right) = interruptible(cancel, async move {
        let left = Opened::open(&left, &flags, &told).await?;
        let right = Opened::open(&right, &flags, &told).await?;
        sides(left, right).await
    })
    .await?;
    let display = Display::start(ui, &left.plan);
    display.phase("comparing", left.plan.tables.len(), "table");
    let options = DiffOptions {
        jobs: usize::from(args.compare.jobs),
        max_differences: args.compare.wanted(),
        mask: args.compare.mask,
    };
    let mut found = migrate_validate::diff(left, right, options, display.observer(), cancel.clone()).await?;
    display.finish();
    if let Some(path) = &args.compare.rejects {
        write_rejects(path, &found)?;
    }
    for table in &mut found.tables {
        table.more |= table.differences.len() > args.compare.max_differences;
        table.differences.truncate(args.compare.max_differences);
    }
    print(
        ui,
        || page::print(&found, ui.out_style()),
        || {
            let mut value = serde_json::to_value(&found).unwrap_or_default();
            if let Some(members) = value.as_object_mut() {
                members.insert("same".to_owned(), found.is_same().into());
            }
            value
        },
    );
    Ok(if found.is_same() {
        Exit::Done
    } else {
        Exit::Mismatch
    })
}

/// What an argument names, opened.
enum Opened {
    Source(Box<Subject>),
    Postgres(Arc<PostgresSink>),
}

impl Opened {
    async fn open(argument: &str, flags: &MappingArgs, ui: &Ui) -> Result<Self> {
        match postgres_url(argument)? {
            None => Ok(Self::Source(Box::new(
                Subject::open(argument, flags, Check::BySize, ui).await?,
            ))),
            Some(url) => {
                if holds_password(argument) {
                    ui.warn(
                        "the password can be seen by other users of this machine, and stays in the shell's history; put the \
                         URL into a variable and name that: env:NAME",
                    );
                }
                let mut options = SinkOptions::new(String::new());
                options.url = url;
                Ok(Self::Postgres(PostgresSink::connect(options).await?))
            }
        }
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

/// Both sides with the plans that their rows are read by.
async fn sides(left: Opened, right: Opened) -> Result<(DiffSide, DiffSide)> {
    Ok(match (left, right) {
        (Opened::Source(left), Opened::Source(right)) => {
            let plan = left.plan(&Target::default())?;
            let other = planned_alike(&right, &plan)?;
            (
                source_side(&left, plan, None).await?,
                source_side(&right, other, None).await?,
            )
        }
        (Opened::Source(left), Opened::Postgres(right)) => {
            let plan = plan_for(&left, &right).await?;
            (
                source_side(&left, plan.clone(), Some(&right)).await?,
                stored_side(right, plan),
            )
        }
        (Opened::Postgres(left), Opened::Source(right)) => {
            let plan = plan_for(&right, &left).await?;
            (
                stored_side(Arc::clone(&left), plan.clone()),
                source_side(&right, plan, Some(&left)).await?,
            )
        }
        (Opened::Postgres(left), Opened::Postgres(right)) => {
            let ledger = match left.ledger().await? {
                Some(ledger) => ledger,
                None => right.ledger().await?.ok_or_else(|| {
                    Error::new(
                        ErrorKind::Config,
                        "neither PostgreSQL database holds the ledger of a migration, which says what to compare",
                    )
                })?,
            };
            (
                stored_side(left, ledger.plan.clone()),
                stored_side(right, ledger.plan),
            )
        }
    })
}

fn stored_side(sink: Arc<PostgresSink>, plan: Plan) -> DiffSide {
    DiffSide {
        plan,
        side: Side::Stored(sink),
    }
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

/// The plan by which a source came, or would come, into a PostgreSQL database: the ledger's where it is of this source and
/// nobody decided otherwise now.
async fn plan_for(subject: &Subject, sink: &PostgresSink) -> Result<Plan> {
    if !subject.decided
        && let Some(ledger) = sink.ledger().await?
        && ledger.plan.source.kind == subject.catalog.source.kind
        && ledger.plan.source.fingerprint == subject.catalog.source.fingerprint
    {
        return Ok(ledger.plan);
    }
    subject.plan(&sink.target())
}

/// A source's plan with the types of another plan's columns of the same names, as far as its values can become them.
fn planned_alike(subject: &Subject, other: &Plan) -> Result<Plan> {
    let mut mapping = subject.mapping.clone();
    let mut plan = subject.plan(&other.target)?;
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

fn write_rejects(path: &Path, found: &Diff) -> Result<()> {
    let mut lines = String::new();
    for table in &found.tables {
        let name = table.table.to_string();
        for row in &table.differences {
            lines.push_str(&difference::as_json(&name, row));
            lines.push('\n');
        }
    }
    file::write(path, &lines)
}
