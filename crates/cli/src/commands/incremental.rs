//! A later run: only what the source changed since the last one.

use std::sync::Arc;

use migrate_core::Result;
use migrate_core::pipeline;
use tokio_util::sync::CancellationToken;

use super::migrate::{announce, default_report, options, plan_of};
use super::print;
use crate::args::CopyArgs;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::planning::Subject;
use crate::progress::Display;
use crate::report::changes::Outcome;
use crate::report::{file, moment};
use crate::ui::Ui;

pub(super) async fn carry_out(
    subject: &Subject,
    destination: &Destination,
    copy: &CopyArgs,
    deletes: bool,
    ui: &Ui,
    cancel: &CancellationToken,
) -> Result<Exit> {
    let began = moment::now();
    let plan = Arc::new(plan_of(subject, destination).await?);
    announce(&plan, &destination.place, ui);
    let display = Display::start(ui, &plan);
    let report = pipeline::run_changes(
        Arc::clone(&subject.source),
        destination.sink.round(),
        Arc::clone(&plan),
        options(copy),
        deletes,
        display.observer(),
        cancel.clone(),
    )
    .await?;
    display.finish();
    let outcome = Outcome {
        plan: &plan,
        place: &destination.place,
        report: &report,
        began,
        ended: moment::now(),
    };
    let path = copy
        .report
        .clone()
        .unwrap_or_else(|| default_report(&destination.place.database));
    match file::write(&path, &format!("{:#}\n", outcome.as_json())) {
        Err(e) if copy.report.is_some() => return Err(e),
        Err(e) => ui.warn(&format!("{e}; name another place with --report")),
        Ok(()) => {}
    }
    print(ui, || outcome.print(ui), || outcome.as_json());
    Ok(outcome.exit())
}
