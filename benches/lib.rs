//! What the benches share. They are programs: `cargo bench -p migrate-benches` runs them.
//!
//! Every figure is of a whole process, seen from outside as the kernel sees it: seconds from start to end, seconds of processor,
//! and the largest resident set. Whatever is compared runs in turn, against the same cluster, in the same minutes.

pub mod drain;
mod process;
mod server;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use process::{Ran, processor_seconds, watched};
pub use server::Server;

/// What a bench's steps give back.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// How often everything is run; the shortest time counts.
pub const ROUNDS: usize = 3;

/// The words behind `--`, or nothing if the bench was not asked to run: `cargo bench` passes `--bench`, and `cargo test --benches`
/// does not, which must not run for minutes.
pub fn asked() -> Option<Vec<String>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    args.iter().any(|a| a == "--bench").then_some(args)
}

/// The shortest of several times, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Shortest(pub f64);

impl Default for Shortest {
    fn default() -> Self {
        Self(f64::MAX)
    }
}

impl Shortest {
    /// Takes one more time into account.
    pub fn see(&mut self, seconds: f64) {
        self.0 = self.0.min(seconds);
    }
}

/// The release build of the command line.
#[derive(Clone, Debug)]
pub struct Migrate {
    binary: PathBuf,
}

/// One `migrate run` that succeeded.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// The whole process.
    pub ran: Ran,
    /// Seconds from the run's first statement until the last row was durable, by its own report.
    pub copy_seconds: f64,
}

impl Migrate {
    /// Finds it where cargo keeps it, beside this bench's own directory.
    ///
    /// # Errors
    ///
    /// It was not built.
    pub fn find() -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let target = own.parent().and_then(Path::parent).ok_or("no target directory")?;
        let binary = target.join("migrate");
        if !binary.exists() {
            return Err(format!(
                "{} is missing: run `cargo build --release -p migrate-cli` first",
                binary.display()
            )
            .into());
        }
        Ok(Self { binary })
    }

    /// The command, without output and without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.stdout(Stdio::null());
        command
    }

    /// `migrate run` of `source` into `to`, which is a URL, with more arguments. No proof at the end: it has a bench of its own.
    ///
    /// # Errors
    ///
    /// It failed, or its report could not be read.
    pub fn run(&self, source: &str, to: &str, arguments: &[&str]) -> Outcome<Loaded> {
        let folder = tempfile::tempdir()?;
        let report = folder.path().join("report.json");
        // A connection string may have a password in it; a path is none.
        let named = if source.contains("://") {
            "env:BENCH_SOURCE"
        } else {
            source
        };
        let ran = watched(
            self.command()
                .args(["run", named, "--quiet", "--no-validate"])
                .args(arguments)
                .arg("--report")
                .arg(&report)
                .env("BENCH_SOURCE", source)
                .env("MIGRATE_TO", to),
        )?;
        if !ran.status.success() {
            return Err(format!("migrate run: {}", ran.status).into());
        }
        let text = std::fs::read_to_string(&report)?;
        let copy_seconds =
            number_after(&text, "\"copy_seconds\":").ok_or("the report has no copy_seconds")?;
        Ok(Loaded { ran, copy_seconds })
    }
}

/// The number that follows a label.
pub(crate) fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start();
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
