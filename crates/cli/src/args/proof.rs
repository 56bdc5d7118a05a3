//! How a proof is made, and where its report goes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use migrate_validate::Level;

use super::DestinationArgs;

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Read the source again as well, to show the rows that differ; or a plan file, whose rules and queries then count
    #[arg(value_name = "SOURCE|PLAN")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
    /// How much is looked at: quick reads no row, standard reads every row once, full times the plan's queries as well
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "standard")]
    level: LevelArg,
    /// What the destination's rows are compared with [default: the source where one is named, else the ledger]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) against: Option<Against>,
    /// Copy the rows that differ again, exactly those, and prove it
    #[arg(long, requires = "source")]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
    #[command(flatten)]
    pub(crate) pages: PageArgs,
}

/// How rows are compared.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparing")]
pub(crate) struct CompareArgs {
    /// Tables compared at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// Differing rows shown for each table
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) max_differences: usize,
    /// Show how long values are instead of the values; keys are shown all the same
    #[arg(long)]
    pub(crate) mask: bool,
    /// Write every differing row to a file, as one JSON document a line
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

impl CompareArgs {
    /// How many differing rows are looked for in each table.
    pub(crate) fn wanted(&self) -> usize {
        if self.rejects.is_some() {
            usize::MAX
        } else {
            self.max_differences
        }
    }
}

/// Reports for people.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct PageArgs {
    /// Write the report as one HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// What should be: a source (PostgreSQL is one as well), or a plan file that names one
    #[arg(value_name = "A")]
    pub(crate) left: String,
    /// What is: another source, or a PostgreSQL database that was migrated to
    #[arg(value_name = "B")]
    pub(crate) right: String,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
    #[command(flatten)]
    pub(crate) mapping: super::MappingArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArg {
    /// The destination's objects and exact counts
    Quick,
    /// Every row once, references, rules
    Standard,
    /// References that only names tell of, and timed queries, as well
    Full,
}

/// What rows are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// What the ledger recorded while they were copied
    Ledger,
    /// The source, read again
    Source,
}

impl ValidateArgs {
    pub(crate) fn level(&self) -> Level {
        match self.level {
            LevelArg::Quick => Level::Quick,
            LevelArg::Standard => Level::Standard,
            LevelArg::Full => Level::Full,
        }
    }
}
