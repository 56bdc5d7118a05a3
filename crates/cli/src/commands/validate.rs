//! `migrate validate`

use std::sync::Arc;

use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_source_mssql::Check;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::{MappingArgs, ValidateArgs};
use crate::destination::{Destination, Work};
use crate::exit::Exit;
use crate::planning::Subject;
use crate::progress::Display;
use crate::report;
use crate::ui::Ui;

pub(super) async fn run(args: ValidateArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
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
    let (named, told, jobs) = (args.destination.clone(), ui.clone(), usize::from(args.jobs));
    let destination = interruptible(cancel, async move {
        Destination::existing(&named, name.as_deref(), Work::with(jobs), &told).await
    })
    .await?;
    let outcome = compare(&args, subject.as_ref(), &destination, ui, cancel).await;
    destination.close(false, ui).await;
    outcome
}

async fn compare(
    args: &ValidateArgs,
    subject: Option<&Subject>,
    destination: &Destination,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Exit> {
    let stored = Arc::clone(&destination.sink) as Arc<dyn migrate_core::stored::Stored>;
    let ledger = stored.ledger().await?.ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            "no migration was made here, or its ledger was removed with `migrate clean`",
        )
        .on(Side::Destination)
        .at("destination", destination.place.describe())
    })?;
    if let Some(subject) = subject {
        let (ours, theirs) = (&subject.catalog.source, &ledger.plan.source);
        if (&ours.kind, &ours.fingerprint) != (&theirs.kind, &theirs.fingerprint) {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "{} is not the source of this migration, which was {} {}",
                    ours.name, theirs.kind, theirs.name
                ),
            )
            .on(Side::Source));
        }
    }
    let display = Display::start(ui, &ledger.plan);
    display.phase("validating", ledger.plan.tables.len(), "table");
    let options = migrate_validate::Options {
        jobs: usize::from(args.jobs),
        max_differences: args.max_differences,
    };
    let source = subject.map(|s| Arc::clone(&s.source));
    let found =
        migrate_validate::validate(stored, source, options, display.observer(), cancel.clone()).await?;
    display.finish();
    print(
        ui,
        || {
            let mut out = vec![report::validation::tables(&found), String::new()];
            out.push(report::validation::verdict(&found, ui.out_style()));
            out.extend(report::validation::differences(&found));
            if !found.complete {
                out.push("The migration is not complete: `migrate status` says what is missing.".to_owned());
            }
            out.join("\n")
        },
        || report::validation::as_json(&found),
    );
    Ok(if !found.agrees() {
        Exit::Mismatch
    } else if !found.complete || found.quarantined > 0 {
        Exit::Incomplete
    } else {
        Exit::Done
    })
}
