//! What can go wrong, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::Version;

/// Why a cluster could not be found, created, started, reached or stopped.
///
/// Messages name files and programs. They never hold a password, nor anything that is stored in a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable PostgreSQL server programs were found on this machine.
    #[error("no PostgreSQL {oldest} or newer is installed here. Install it with: {hint}")]
    NotInstalled {
        /// The oldest major version that would do.
        oldest: u32,
        /// The one command that installs it, see [`install_hint`](crate::install_hint).
        hint: String,
    },
    /// A directory was named explicitly, and it does not hold PostgreSQL's server programs.
    #[error("{} holds no usable PostgreSQL: {reason}. Name the directory that has initdb and postgres in it", bin_dir.display())]
    NotAnInstallation {
        /// The directory.
        bin_dir: PathBuf,
        /// What is missing or did not work.
        reason: String,
    },
    /// The cluster was made by one major version, and another one was to open it.
    #[error(
        "the cluster in {} was made by PostgreSQL {cluster}, and PostgreSQL {installed} cannot open it. \
         Use PostgreSQL {cluster}, or another data directory", data_dir.display()
    )]
    WrongMajor {
        /// The cluster's directory.
        data_dir: PathBuf,
        /// The major version that made it.
        cluster: u32,
        /// The version that was found or asked for.
        installed: Version,
    },
    /// The directory exists, and is neither empty nor a cluster of this kind.
    #[error(
        "{} is neither empty nor a cluster of this program; it was left as it is. Name another directory",
        data_dir.display()
    )]
    NotACluster {
        /// The directory.
        data_dir: PathBuf,
    },
    /// The directory belongs to another user.
    #[error(
        "{} belongs to the user with id {owner}, and this process runs with id {user}. \
         Run as that user, or name another directory", path.display()
    )]
    OtherOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this process.
        user: u32,
    },
    /// As root: the user that the server runs as cannot get to a file or directory.
    #[error(
        "PostgreSQL does not run as root, and the user {account}, which it would run as, cannot enter {}, \
         so it cannot reach {}. Use a place that every user can reach, such as one under /var/lib",
        blocked_by.display(), path.display()
    )]
    Unreachable {
        /// What has to be reached.
        path: PathBuf,
        /// The first directory on the way that does not let the user in.
        blocked_by: PathBuf,
        /// The unprivileged user.
        account: String,
    },
    /// As root: there is no user `postgres` or `nobody` to run the server as.
    #[error("PostgreSQL does not run as root, and there is no user named postgres or nobody to run it as")]
    NoUnprivilegedUser,
    /// No home directory is known, so there is no default place for a cluster.
    #[error("neither XDG_DATA_HOME nor HOME is set, so there is no default data directory: name one")]
    NoHome,
    /// A program ran and failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server ended while starting.
    #[error("PostgreSQL did not start; the end of {} says: {output}", log.display())]
    Start {
        /// The server's log file.
        log: PathBuf,
        /// Its last lines.
        output: String,
    },
    /// Something took longer than allowed.
    #[error("{waiting_for} took longer than {seconds} s ({})", path.display())]
    Timeout {
        /// What was waited for.
        waiting_for: &'static str,
        /// The cluster's directory or file concerned.
        path: PathBuf,
        /// The time allowed, in seconds.
        seconds: u64,
    },
    /// A database can be created from here only with `psql`, and none was found.
    #[error("no psql was found beside any PostgreSQL here, nor on the PATH")]
    NoPsql,
    /// A name that cannot be a database's.
    #[error("{name:?} cannot be the name of a database: it must have 1 to 63 bytes and no NUL")]
    DatabaseName {
        /// The name.
        name: String,
    },
    /// The cluster's files are damaged or incomplete.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file or process operation failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Adds what was being done to an I/O error.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing,
            path: path.to_path_buf(),
            source,
        })
    }
}

/// The last lines of a program's output, short enough for an error message.
pub(crate) fn tail(output: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_lines_without_blank_ones() {
        let text = (0..20)
            .map(|n| format!("line {n}  \n"))
            .collect::<Vec<_>>()
            .join("\n");
        let kept = tail(&text);
        assert_eq!(kept.lines().count(), 12);
        assert!(
            kept.starts_with("line 8\n") && kept.ends_with("line 19"),
            "{kept}"
        );
        assert_eq!(tail(""), "");
    }
}
