//! The command line.

mod amount;
mod destination;
mod mapping;
mod proof;
mod supabase;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use destination::DestinationArgs;
pub(crate) use mapping::MappingArgs;
pub(crate) use proof::{Against, DiffArgs, PageArgs, ValidateArgs};

use migrate_core::pipeline::Rate;

use crate::exit;
use crate::source::Check;

/// Moves a whole database into PostgreSQL, exactly, resumably, with proof.
///
/// SOURCE is a file (a SQL Server .bacpac). With no destination named, a private PostgreSQL cluster is started from
/// the PostgreSQL installed on this machine.
#[derive(Debug, Parser)]
#[command(name = "migrate", version, after_help = exit::HELP, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct GlobalArgs {
    /// Print the result as one JSON document on standard output, and progress as JSON lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results, warnings and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more: -v each table and step, -vv each commit; also lifts limits on lists
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours; NO_COLOR is honoured
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = false
    )]
    pub(crate) color: ColorWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what a source holds
    Inspect(InspectArgs),
    /// Show what a run would do, or write it to a file to edit
    Plan(PlanArgs),
    /// Migrate: create, copy, build keys and indexes, validate
    Run(RunArgs),
    /// Prove that the destination holds what was read, and say go or no-go
    Validate(ValidateArgs),
    /// Compare any two databases row by row
    Diff(DiffArgs),
    /// Show how far a migration came, and what happened
    Status(StatusArgs),
    /// Ask the run that works on a destination to pause at its next commit, from any machine
    Pause(ControlArgs),
    /// Ask a paused run to go on
    Resume(ControlArgs),
    /// Take a migration back: drop what it created, and nothing else; put back what it replaced
    Rollback(RollbackArgs),
    /// Remove the ledger of a finished migration, or roll the migration back
    Clean(CleanArgs),
    /// Migrate a bundled CRM database into a private cluster
    Demo(DemoArgs),
    /// Use the private PostgreSQL cluster
    Db(DbArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The database to look at
    pub(crate) source: String,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The database to move, or a plan file
    #[arg(value_name = "SOURCE|PLAN")]
    pub(crate) source: String,
    /// Write a plan file (TOML with comments) to edit and run
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the plan file
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Print the SQL that creates everything
    #[arg(long, conflicts_with = "json")]
    pub(crate) sql: bool,
    #[command(flatten)]
    pub(crate) mapping: MappingArgs,
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The database to move, or a plan file
    #[arg(value_name = "SOURCE|PLAN")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
    /// Bring only what the source changed since the last run into a migration that is complete (PostgreSQL sources); one that
    /// is not is run to its end as without this
    #[arg(long)]
    pub(crate) incremental: bool,
    /// Also remove rows that are gone in the source: the keys of all rows are compared
    #[arg(long, requires = "incremental")]
    pub(crate) deletes: bool,
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    #[command(flatten)]
    pub(crate) mapping: MappingArgs,
}

/// How rows are copied. None of it changes the result.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Copying")]
pub(crate) struct CopyArgs {
    /// Parts of tables copied at the same time, each over its own connection
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// Memory for rows on their way, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..=1_048_576))]
    pub(crate) memory: u32,
    /// MiB of rows after which a part of a table commits, so that a crash repeats no more than that
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) commit_every: u32,
    /// Seconds after which a source or destination that neither answers nor takes anything is given up as a broken
    /// connection is: tried again, and told
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stall_timeout: u32,
    /// Rows that may be put aside because PostgreSQL refuses them, before the run stops
    #[arg(long, alias = "max-quarantine", value_name = "N", default_value_t = 1000)]
    pub(crate) max_quarantined: u64,
    /// Where to write the report [default: migrate-report-DATABASE.json in this directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pages: PageArgs,
    /// Do not read the destination back after copying
    #[arg(long, help_heading = "Copying")]
    pub(crate) no_validate: bool,
    /// Do not gather the tables' statistics after copying; autovacuum will, some time later
    #[arg(long, help_heading = "Copying")]
    pub(crate) no_analyze: bool,
    /// When a .bacpac's data is checked: all of it before anything is written, or while it is copied, which reads it only
    /// once; a new migration that meets damage then is removed again [default: before, up to 64 MiB of data; else while]
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Copying")]
    check: Option<CheckArg>,
    /// Write no more than this in a second, such as 20MB or 5000rows, where the destination is in use meanwhile
    #[arg(long, value_name = "RATE", value_parser = amount::rate)]
    pub(crate) max_rate: Option<Rate>,
    /// Do not begin if the database would need more disk than this, such as 8GB: what it has, and three bytes for each byte
    /// of the source. A server does not tell how large its disk is
    #[arg(long, value_name = "SIZE", value_parser = amount::bytes)]
    pub(crate) disk_limit: Option<u64>,
    /// Leave the private cluster running at the end
    #[arg(long, help_heading = "Copying")]
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CheckArg {
    /// Before anything is written
    Before,
    /// While it is copied
    While,
}

impl CopyArgs {
    /// When a file's data is checked.
    pub(crate) fn check(&self) -> Check {
        match self.check {
            Some(CheckArg::Before) => Check::Before,
            Some(CheckArg::While) => Check::While,
            None => Check::BySize,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
    /// Print all that happened: who, when, what, how long, how many rows
    #[arg(long, conflicts_with = "watch")]
    pub(crate) history: bool,
    /// Print how far it is every two seconds, until it ends
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
    /// Also drop what the migration created: tables with their rows, views, domains, sequences
    #[arg(long)]
    pub(crate) data: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    /// Where the private cluster is kept
    #[arg(long, value_name = "DIR", env = "MIGRATE_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Only write the bundled .bacpac to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) extract: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,
    /// Where the private cluster is kept
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "MIGRATE_DATA_DIR",
        hide_env_values = true
    )]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Start the cluster and leave it running
    Start,
    /// Stop the cluster
    Stop,
    /// Print the URL of a database in the running cluster; it holds the password
    Url {
        /// The database
        #[arg(default_value = "postgres")]
        database: String,
    },
    /// Open psql on a database, starting the cluster if need be
    Psql {
        /// The database
        #[arg(default_value = "postgres")]
        database: String,
        /// Options for psql, after `--`
        #[arg(last = true)]
        options: Vec<std::ffi::OsString>,
    },
    /// Print the cluster's directory
    Path,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
