//! `migrate completions`

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;

pub(super) fn run(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "migrate", &mut script);
    // A reader that went away early is no error.
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), &script);
    Exit::Done
}
