//! `migrate validate`

use std::path::Path;
use std::sync::Arc;

use migrate_core::proof::Proof;
use migrate_core::stored::{LedgerView, Stored};
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_validate::{Options, RepairOptions, TableRepair, Validation};
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::{Against, MappingArgs, ValidateArgs};
use crate::destination::{Destination, Work};
use crate::exit::Exit;
use crate::planning::Subject;
use crate::progress::Display;
use crate::report::{difference, document, file, number, pages, text::printable, validation};
use crate::source::Check;
use crate::ui::{Style, Ui};

pub(super) async fn run(args: ValidateArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    for path in [&args.pages.html, &args.pages.markdown, &args.compare.rejects] {
        file::check(path.as_deref())?;
    }
    if args.source.is_none() && args.against == Some(Against::Source) {
        return Err(Error::new(ErrorKind::Config, "--against source needs the source")
            .hint("name it: migrate validate SOURCE --against source"));
    }
    let subject = match args.source.clone() {
        Some(source) => Some({
            let told = ui.clone();
            interruptible(cancel, async move {
                Subject::open(&source, &MappingArgs::default(), Check::BySize, &told).await
            })
            .await?
        }),
        None => None,
    };
    let name = subject.as_ref().map(Subject::database_name);
    let (named, told, jobs) = (
        args.destination.clone(),
        ui.clone(),
        usize::from(args.compare.jobs),
    );
    let destination = interruptible(cancel, async move {
        Destination::existing(&named, name.as_deref(), Work::with(jobs), &told).await
    })
    .await?;
    let outcome = prove(&args, subject.as_ref(), &destination, ui, cancel).await;
    destination.close(false, ui).await;
    outcome
}

async fn prove(
    args: &ValidateArgs,
    subject: Option<&Subject>,
    destination: &Destination,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Exit> {
    let stored = Arc::clone(&destination.sink) as Arc<dyn Stored>;
    let ledger = stored.ledger().await?.ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            "no migration was made here, or its ledger was removed with `migrate clean`",
        )
        .on(Side::Destination)
        .at("destination", destination.place.describe())
    })?;
    if let Some(subject) = subject {
        must_be_its_source(subject, &ledger)?;
    }
    let options = Options {
        jobs: usize::from(args.compare.jobs),
        max_differences: args.compare.wanted(),
        layers: args.level().layers(),
        mask: args.compare.mask,
        note: false,
        read_source: args.against != Some(Against::Ledger) && args.level().layers().digests,
        proof: subject.and_then(proof_of),
    };
    let source = subject.map(|s| Arc::clone(&s.source));
    let validate = async || {
        let display = Display::start(ui, &ledger.plan);
        display.phase("validating", ledger.plan.tables.len(), "table");
        let found = migrate_validate::validate(
            Arc::clone(&stored),
            source.clone(),
            options.clone(),
            display.observer(),
            cancel.clone(),
        )
        .await?;
        display.finish();
        Ok::<_, Error>(found)
    };
    let mut found = validate().await?;
    if let Some(path) = &args.compare.rejects {
        write_rejects(path, &found)?;
    }
    let mut repairs = None;
    if let Some(source) = source.clone().filter(|_| args.repair && !found.agrees()) {
        let display = Display::start(ui, &ledger.plan);
        display.phase("repairing", ledger.plan.tables.len(), "table");
        let repair = RepairOptions {
            jobs: usize::from(args.compare.jobs),
            ..RepairOptions::default()
        };
        let done = migrate_validate::repair(
            Arc::clone(&stored),
            source,
            repair,
            display.observer(),
            cancel.clone(),
        )
        .await?;
        display.finish();
        repairs = Some((found, done));
        found = validate().await?;
    }
    pages::write(&args.pages, || {
        document::of_migration(&document::Facts {
            plan: &ledger.plan,
            place: &destination.place,
            validation: Some(&found),
            report: None,
            took: &ledger.took,
        })
    })?;
    print(
        ui,
        || {
            text(
                &found,
                repairs.as_ref(),
                args.compare.max_differences,
                ui.out_style(),
            )
        },
        || {
            let mut value = validation::as_json(&found);
            if let (Some((before, done)), Some(members)) = (&repairs, value.as_object_mut()) {
                members.insert("repairs".to_owned(), serde_json::json!(done));
                members.insert("before_repair".to_owned(), validation::as_json(before));
            }
            value
        },
    );
    Ok(if found.verdict.go {
        Exit::Done
    } else {
        Exit::Mismatch
    })
}

fn must_be_its_source(subject: &Subject, ledger: &LedgerView) -> Result<()> {
    let (ours, theirs) = (&subject.catalog.source, &ledger.plan.source);
    if (&ours.kind, &ours.fingerprint) == (&theirs.kind, &theirs.fingerprint) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        format!(
            "{} is not the source of this migration, which was {} {}",
            ours.name, theirs.kind, theirs.name
        ),
    )
    .on(Side::Source))
}

/// What the plan file at hand wants proven, if it says anything: it may have been written since the run.
fn proof_of(subject: &Subject) -> Option<Proof> {
    let mapping = &subject.mapping;
    let proof = Proof {
        success: mapping.success,
        rules: mapping.rules.clone(),
        queries: mapping.queries.clone(),
    };
    (!proof.is_empty()).then_some(proof)
}

fn write_rejects(path: &Path, found: &Validation) -> Result<()> {
    let mut lines = String::new();
    for table in &found.tables {
        let name = table.target.to_string();
        for row in &table.differences {
            lines.push_str(&difference::as_json(&name, row));
            lines.push('\n');
        }
    }
    file::write(path, &lines)
}

fn text(
    found: &Validation,
    repairs: Option<&(Validation, Vec<TableRepair>)>,
    shown: usize,
    style: Style,
) -> String {
    let mut out = Vec::new();
    if let Some((before, done)) = repairs {
        out.extend(validation::differences(before, shown));
        out.extend(done.iter().flat_map(|repair| repaired(repair, style)));
        out.push(String::new());
    }
    out.push(validation::tables(found));
    out.push(String::new());
    out.extend(validation::queries(found));
    out.push(validation::verdict(found, style));
    out.extend(validation::differences(found, shown));
    if !found.complete {
        out.push("The migration is not complete: `migrate status` says what is missing.".to_owned());
    }
    out.extend(validation::conclusion(found, style));
    out.join("\n")
}

fn repaired(repair: &TableRepair, style: Style) -> Vec<String> {
    let rows = number::of(repair.changed + repair.added + repair.removed, "row");
    let mut lines = vec![format!(
        "{} {}: {rows} ({} changed back, {} added, {} removed); {}, {}",
        if repair.proven {
            style.green("Repaired")
        } else {
            style.red("Not all repaired")
        },
        printable(&repair.target.to_string()),
        repair.changed,
        repair.added,
        repair.removed,
        if repair.proven {
            "the table is what was read"
        } else {
            "the table is not what was read"
        },
        if repair.nothing_else_changed {
            "and nothing else was changed"
        } else {
            "and somebody else changed it meanwhile"
        }
    )];
    lines.extend(
        repair
            .failed
            .iter()
            .map(|why| format!("      {}", printable(why))),
    );
    lines
}
