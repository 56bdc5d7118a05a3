//! One module for each command.

mod clean;
mod completions;
mod control;
mod db;
mod demo;
mod diff;
mod incremental;
mod inspect;
mod migrate;
mod plan;
mod run;
mod status;
mod validate;
mod watch;

use std::future::Future;
use std::process::ExitCode;

use migrate_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::args::Command;
use crate::signal;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// Whatever ended it, for `main` to print.
pub(crate) fn dispatch(command: Command, ui: &Ui) -> Result<ExitCode> {
    let jobs = match &command {
        Command::Completions(args) => return Ok(completions::run(args).into()),
        Command::Run(args) => args.copy.jobs,
        Command::Demo(args) => args.copy.jobs,
        Command::Validate(args) => args.compare.jobs,
        Command::Diff(args) => args.compare.jobs,
        _ => 1,
    };
    // Readers of local files keep their thread busy: there are threads enough for them and everybody else.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::from(jobs).saturating_mul(2).clamp(4, 64))
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Internal, "threads cannot be started").because(e))?;
    let outcome = runtime.block_on(async {
        let cancel = match &command {
            Command::Db(_) => signal::left_to_others(),
            _ => signal::cancellation(ui),
        };
        match command {
            Command::Inspect(args) => inspect::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Plan(args) => plan::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Run(args) => run::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Validate(args) => validate::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Diff(args) => diff::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Status(args) => status::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Pause(args) => control::run(args, true, ui, &cancel).await.map(ExitCode::from),
            Command::Resume(args) => control::run(args, false, ui, &cancel).await.map(ExitCode::from),
            Command::Clean(args) => clean::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Rollback(args) => clean::run(args.into(), ui, &cancel).await.map(ExitCode::from),
            Command::Demo(args) => demo::run(args, ui, &cancel).await.map(ExitCode::from),
            Command::Db(args) => db::run(args, ui).await,
            Command::Completions(args) => Ok(completions::run(&args).into()),
        }
    });
    // Whatever an interrupted step left behind in a thread must not hold the process up.
    runtime.shutdown_background();
    outcome
}

/// Waits for something that knows nothing of cancellation. What is given up runs to its end in the background.
async fn interruptible<T: Send + 'static>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let task = tokio::spawn(work);
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        joined = task => {
            joined.unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a task panicked").because(e)))
        }
    }
}

/// Prints a result in the form that was asked for.
fn print(ui: &Ui, text: impl FnOnce() -> String, json: impl FnOnce() -> serde_json::Value) {
    if ui.json {
        Ui::out_json(&json());
    } else {
        Ui::out(&text());
    }
}
