//! The `migrate` binary: flags, files, progress, exit codes. What a migration is, the libraries know.

mod args;
mod commands;
mod connection;
mod destination;
mod exit;
mod fingerprint;
mod plan_file;
mod planning;
mod private_cluster;
mod progress;
mod report;
mod signal;
mod source;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::Exit;
use crate::ui::Ui;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.global);
    match commands::dispatch(cli.command, &ui) {
        Ok(exit) => exit,
        Err(error) => {
            report::error::print(&error, &ui);
            Exit::of(&error).into()
        }
    }
}
