//! A migration from its plan to its report: what `run` and `demo` have in common.

use std::path::PathBuf;
use std::sync::Arc;

use migrate_core::chunk::ChunkGoal;
use migrate_core::pipeline::{self, Options};
use migrate_core::plan::Plan;
use migrate_core::proof::Proof;
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_sink_postgres::Swapped;
use migrate_validate::Validation;
use tokio_util::sync::CancellationToken;

use super::{incremental, interruptible, print};
use crate::args::{CopyArgs, DestinationArgs};
use crate::destination::{Destination, Place, Work};
use crate::exit::Exit;
use crate::planning::Subject;
use crate::progress::Display;
use crate::report::plan::{counted, describe_source, size};
use crate::report::run::Outcome;
use crate::report::text::printable;
use crate::report::{document, file, moment, number, pages};
use crate::ui::Ui;

/// Fails early where the report could not be written in the end.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if the file's directory does not exist, or the name is a directory's.
pub(super) fn check_report(copy: &CopyArgs) -> Result<()> {
    for path in [&copy.report, &copy.pages.html, &copy.pages.markdown] {
        file::check(path.as_deref())?;
    }
    Ok(())
}

/// Connects to a destination that somebody else runs. The private cluster is not started before its database has a name.
///
/// # Errors
/// Those of connecting.
pub(super) async fn connect_early(
    to: &DestinationArgs,
    copy: &CopyArgs,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Option<Destination>> {
    let (named, told, work) = (to.clone(), ui.clone(), work(copy));
    interruptible(cancel, async move {
        Destination::open_server(&named, work, &told).await
    })
    .await
}

/// Whether a migration into the destination came to its end, its tables under their last names.
async fn is_complete(destination: &Destination) -> Result<bool> {
    let stored: &dyn migrate_core::stored::Stored = &*destination.sink;
    Ok(stored
        .ledger()
        .await?
        .is_some_and(|ledger| ledger.complete && !ledger.plan.staged))
}

/// How the pipeline is told to copy.
pub(super) fn options(copy: &CopyArgs) -> Options {
    Options {
        workers: usize::from(copy.jobs),
        memory: (copy.memory as usize) << 20,
        commit_bytes: u64::from(copy.commit_every) << 20,
        max_quarantined: copy.max_quarantined,
        max_rate: copy.max_rate.unwrap_or_default(),
        stall: std::time::Duration::from_secs(u64::from(copy.stall_timeout)),
        // Small enough that a table of ordinary size keeps all workers busy.
        chunks: ChunkGoal {
            bytes: 32 << 20,
            ..ChunkGoal::default()
        },
        ..Options::default()
    }
}

fn work(copy: &CopyArgs) -> Work {
    Work {
        jobs: usize::from(copy.jobs),
        analyze: !copy.no_analyze,
        disk_limit: copy.disk_limit,
    }
}

/// Carries a migration out and tells what came of it. `early` is the destination where it was connected before. With
/// `follow` one that is complete gets what the source changed since, and loses what is gone if that is true.
///
/// # Errors
/// Whatever stopped it; what was committed until then stays, and the same command goes on from there.
pub(super) async fn migrate(
    subject: &Subject,
    early: Option<Destination>,
    to: &DestinationArgs,
    copy: &CopyArgs,
    follow: Option<bool>,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Exit> {
    let destination = match early {
        Some(destination) => destination,
        None => {
            let (named, told, name, work) = (to.clone(), ui.clone(), subject.database_name(), work(copy));
            interruptible(cancel, async move {
                Destination::open(&named, &name, work, &told).await
            })
            .await?
        }
    };
    let carried = async {
        match follow {
            Some(deletes) if is_complete(&destination).await? => {
                incremental::carry_out(subject, &destination, copy, deletes, ui, cancel).await
            }
            _ => carry_out(subject, &destination, copy, ui, cancel).await,
        }
    };
    let outcome = match carried.await {
        Ok(exit) => Ok(exit),
        Err(error) => {
            let error = advise(error, &destination.place);
            Err(leave_nothing(error, subject, &destination, ui).await)
        }
    };
    if copy.keep && destination.place.embedded.is_none() {
        ui.warn("--keep is about the private cluster, and the destination is another server");
    }
    destination.close(copy.keep, ui).await;
    outcome
}

/// Removes what a migration of a damaged file has made so far, where the file is checked while it is copied: as though
/// it had been checked before. A migration that was complete once stays.
async fn leave_nothing(error: Error, subject: &Subject, destination: &Destination, ui: &Ui) -> Error {
    let damaged = error.kind() == ErrorKind::Corrupt && error.side() == Side::Source;
    if !damaged || !subject.source.capabilities().checked_late {
        return error;
    }
    let place = destination.place.describe();
    let unfinished = async {
        let stored: &dyn migrate_core::stored::Stored = &*destination.sink;
        // Of this very file: another migration's rows are not ours to remove.
        let source = &subject.catalog.source;
        let unfinished = stored
            .ledger()
            .await?
            .is_some_and(|ledger| !ledger.complete && ledger.plan.source.fingerprint == source.fingerprint);
        if unfinished {
            destination.sink.clean(true).await?;
        }
        Ok::<_, Error>(unfinished)
    };
    match unfinished.await {
        Ok(true) => ui.say(&format!("The file is damaged: what was copied of it into {place} was removed again.")),
        Ok(false) => {}
        Err(e) => ui.warn(&format!(
            "what was copied of the damaged file into {place} could not be removed: {e}; `migrate clean --data` removes it"
        )),
    }
    error
}

/// Says how to go on, in terms of this program's commands.
fn advise(error: Error, place: &Place) -> Error {
    let here = match &place.embedded {
        Some(_) => format!(" --database {}", printable(&place.database)),
        None => String::new(),
    };
    match error.kind() {
        ErrorKind::Conflict if place.embedded.is_some() => error.hint(format!(
            "to keep what is there, add --database OTHER-NAME; to begin anew, `migrate clean --data{here}`; to go on, use the \
             source and the plan that it was begun with"
        )),
        ErrorKind::TooManyRejects => error.hint(format!(
            "`migrate status{here}` lists the reasons; raise --max-quarantined to go on, or begin anew with another plan after \
             `migrate clean --data{here}`"
        )),
        _ => error,
    }
}

async fn carry_out(
    subject: &Subject,
    destination: &Destination,
    copy: &CopyArgs,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Exit> {
    let began = moment::now();
    let last = plan_of(subject, destination).await?;
    // Beside what is there, if it replaces something.
    let plan = Arc::new(destination.sink.to_carry_out(&last).await?);
    announce(&plan, &destination.place, ui);
    let options = Options {
        workers: destination.jobs(usize::from(copy.jobs), ui).await?,
        ..options(copy)
    };
    let display = Display::start(ui, &plan);
    let report = pipeline::run(
        Arc::clone(&subject.source),
        Arc::clone(&destination.sink) as Arc<dyn migrate_core::sink::Sink>,
        Arc::clone(&plan),
        options,
        display.observer(),
        cancel.clone(),
    )
    .await?;
    let validation = if copy.no_validate {
        None
    } else {
        Some(validate(subject, destination, &plan, copy, &display, cancel).await?)
    };
    let accounts = destination.sink.accounts(&plan).await?;
    let right = validation.as_ref().map_or(report.is_clean(), |v| v.verdict.go);
    let swapped = match (plan.staged, right) {
        (false, _) => Some(Swapped::default()),
        (true, true) => Some(destination.sink.swap(&last, &display.observer(), cancel).await?),
        (true, false) => None,
    };
    display.finish();
    let outcome = Outcome {
        plan: &plan,
        accounts: accounts.as_ref(),
        place: &destination.place,
        report: &report,
        validation: validation.as_ref(),
        swapped: swapped.as_ref(),
        began,
        ended: moment::now(),
    };
    let written = write_report(&outcome, copy, ui)?;
    pages::write(&copy.pages, || {
        document::of_migration(&document::Facts {
            plan: &plan,
            place: &destination.place,
            validation: validation.as_ref(),
            report: Some(&report),
            took: &report.tables.iter().map(|t| (t.source.clone(), t.took)).collect(),
        })
    })?;
    print(ui, || outcome.print(ui), || outcome.as_json());
    if !ui.json {
        if let Some(path) = &written {
            ui.say(&format!("Report: {}", path.display()));
        }
        if let Some(text) = destination.how_to_connect(copy.keep) {
            ui.say(&format!("\n{text}"));
        }
    }
    Ok(outcome.exit())
}

async fn validate(
    subject: &Subject,
    destination: &Destination,
    plan: &Plan,
    copy: &CopyArgs,
    display: &Display,
    cancel: &CancellationToken,
) -> Result<Validation> {
    display.phase("validating", plan.tables.len(), "table");
    let options = migrate_validate::Options {
        jobs: usize::from(copy.jobs),
        layers: migrate_validate::Layers::AFTER_RUN,
        note: true,
        ..Default::default()
    };
    let stored = Arc::clone(&destination.sink) as Arc<dyn migrate_core::stored::Stored>;
    let source = Some(Arc::clone(&subject.source));
    let options = migrate_validate::Options {
        // A person's rules ask the tables by the names that they will have.
        proof: Some(if plan.staged {
            Proof::default()
        } else {
            plan.proof.clone()
        }),
        read_source: false,
        ..options
    };
    migrate_validate::validate(stored, source, options, display.observer(), cancel.clone()).await
}

/// The plan to carry out. Where the schema is inferred from rows that may have changed since, a migration that was begun
/// goes on with the plan that it began with, unless a person decided something for this run.
pub(super) async fn plan_of(subject: &Subject, destination: &Destination) -> Result<Plan> {
    let plan = subject.plan(&destination.target())?;
    if !subject.source.capabilities().inferred || subject.decided {
        return Ok(plan);
    }
    let stored = Arc::clone(&destination.sink) as Arc<dyn migrate_core::stored::Stored>;
    let same = |other: &Plan| {
        (&other.source.kind, &other.source.fingerprint) == (&plan.source.kind, &plan.source.fingerprint)
    };
    Ok(match stored.ledger().await? {
        Some(ledger) if same(&ledger.plan) => ledger.plan,
        _ => plan,
    })
}

/// Says what will be done, before it is.
pub(super) fn announce(plan: &Plan, place: &Place, ui: &Ui) {
    let style = ui.err_style();
    let source = describe_source(&plan.source.name, &plan.source.version);
    let size = size(plan);
    let size = if size.is_empty() {
        String::new()
    } else {
        format!(", {size}")
    };
    ui.say(&format!("{} {}{size}", style.bold("From"), printable(&source)));
    let named_by = place
        .variable
        .map(|v| format!(", named by {v}"))
        .unwrap_or_default();
    ui.say(&format!("{}   {}{named_by}", style.bold("To"), place.describe()));
    let mut remarks = vec![counted(plan)];
    if !plan.notes.is_empty() {
        remarks.push(number::of(plan.notes.len() as u64, "note"));
    }
    if !plan.manual.is_empty() {
        remarks.push(format!(
            "{} for a person",
            number::of(plan.manual.len() as u64, "object")
        ));
    }
    if plan.staged {
        remarks.push("made beside the tables that are there, which it replaces at the end".to_owned());
    }
    ui.say(&format!(
        "{} {} (`migrate plan` shows all of it)",
        style.bold("Plan"),
        remarks.join("; ")
    ));
    ui.say("");
}

/// Writes the report. Where only the default place cannot be written, the migration is none the worse.
fn write_report(outcome: &Outcome<'_>, copy: &CopyArgs, ui: &Ui) -> Result<Option<PathBuf>> {
    if let Some(path) = &copy.report {
        outcome.write(path)?;
        return Ok(Some(path.clone()));
    }
    let path = default_report(&outcome.place.database);
    match outcome.write(&path) {
        Ok(()) => Ok(Some(path)),
        Err(e) => {
            ui.warn(&format!("{e}; name another place with --report"));
            Ok(None)
        }
    }
}

pub(super) fn default_report(database: &str) -> PathBuf {
    let name: String = database
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '_'
            }
        })
        .collect();
    PathBuf::from(format!("migrate-report-{name}.json"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_report_is_named_after_the_database_and_stays_here() {
        assert_eq!(default_report("crm"), Path::new("migrate-report-crm.json"));
        assert_eq!(default_report("../a/b"), Path::new("migrate-report-.._a_b.json"));
    }
}
