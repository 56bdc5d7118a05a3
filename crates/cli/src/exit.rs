//! What the process's exit code says. Scripts rely on these numbers: they are part of the interface.

use std::process::ExitCode;

use migrate_core::{Error, ErrorKind, Side};

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything asked for was done, or was done already.
    Done = 0,
    /// A bug here, or something that has no number of its own.
    Unexpected = 1,
    /// A flag, an argument or the plan file is wrong.
    Usage = 2,
    /// The run came to its end, but rows are in quarantine or steps failed.
    Incomplete = 3,
    /// The source cannot be read, is damaged, or is not supported.
    Source = 4,
    /// The destination cannot be reached, lacks rights, or ran out of something.
    Destination = 5,
    /// The destination holds something that this run would overwrite, or another run is at work.
    Conflict = 6,
    /// Source and destination do not agree, or something else stands in the way of going live.
    Mismatch = 7,
    /// More rows were refused than `--max-quarantined` allows.
    TooManyRejects = 8,
    /// The source cannot be reached: name, port, firewall, or the connection broke for good.
    Unreachable = 20,
    /// The source's certificate cannot be verified, or the connection cannot be encrypted.
    Untrusted = 21,
    /// The source refused the login.
    Login = 22,
    /// The source lets this login in, but not read what has to be read.
    Forbidden = 23,
    /// The source's database, or a table of the plan, does not exist.
    NotFound = 24,
    /// Ctrl-C, or a request to terminate.
    Cancelled = 130,
}

/// The table at the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done, or nothing was left to do
  1    unexpected: a bug in migrate, or a failure without a number of its own
  2    wrong usage, or a plan that does not fit the source
  3    finished, but rows are in quarantine or steps failed
  4    the source cannot be read, is damaged, or is not supported
  5    the destination cannot be reached, lacks rights, or ran out of room
  6    the destination already holds something that would be overwritten
  7    validation says no-go, or two databases differ
  8    more rows were refused than --max-quarantined allows
  20   the source cannot be reached, or the connection broke and stayed broken
  21   the source's certificate is not trusted, or encryption failed
  22   the source refused the login
  23   a right to read the source is missing
  24   the source's database, or a table of the plan, does not exist
  130  cancelled; run the same command again to go on";

impl Exit {
    /// What an error that ended the command means for the exit code.
    pub(crate) fn of(error: &Error) -> Self {
        match (error.kind(), error.side()) {
            (ErrorKind::Cancelled, _) => Self::Cancelled,
            (ErrorKind::Config, _) => Self::Usage,
            (ErrorKind::Conflict | ErrorKind::Fenced, _) => Self::Conflict,
            (ErrorKind::Mismatch, _) => Self::Mismatch,
            (ErrorKind::TooManyRejects, _) => Self::TooManyRejects,
            (ErrorKind::Internal, _) => Self::Unexpected,
            (ErrorKind::Connection, Side::Source) => Self::Unreachable,
            (ErrorKind::Tls, Side::Source) => Self::Untrusted,
            (ErrorKind::Login, Side::Source) => Self::Login,
            (ErrorKind::Permission, Side::Source) => Self::Forbidden,
            (ErrorKind::NotFound, Side::Source) => Self::NotFound,
            (_, Side::Source) => Self::Source,
            (_, Side::Destination) => Self::Destination,
            // Damage is found where something is read that somebody else wrote.
            (ErrorKind::Corrupt, Side::Neither) => Self::Source,
            (ErrorKind::Unsupported, Side::Neither) => Self::Usage,
            (_, Side::Neither) => Self::Unexpected,
        }
    }

    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_on_every_side_has_its_code() {
        use ErrorKind::*;
        // Source, destination, neither.
        let table = [
            (Config, [2, 2, 2]),
            (Corrupt, [4, 5, 4]),
            (Unsupported, [4, 5, 2]),
            (Connection, [20, 5, 1]),
            (Tls, [21, 5, 1]),
            (Login, [22, 5, 1]),
            (Permission, [23, 5, 1]),
            (NotFound, [24, 5, 1]),
            (Conflict, [6, 6, 6]),
            (Resources, [4, 5, 1]),
            (DataRejected, [4, 5, 1]),
            (Fenced, [6, 6, 6]),
            (Cancelled, [130, 130, 130]),
            (Mismatch, [7, 7, 7]),
            (TooManyRejects, [8, 8, 8]),
            (Io, [4, 5, 1]),
            (Internal, [1, 1, 1]),
        ];
        for (kind, codes) in table {
            for (side, code) in [Side::Source, Side::Destination, Side::Neither]
                .into_iter()
                .zip(codes)
            {
                assert_eq!(
                    Exit::of(&Error::new(kind, "").on(side)).code(),
                    code,
                    "{kind:?} on {side:?}"
                );
            }
        }
    }

    #[test]
    fn the_help_lists_every_code_in_order() {
        let listed: Vec<u8> = HELP
            .lines()
            .skip(1)
            .map(|l| l.split_whitespace().next().unwrap().parse().unwrap())
            .collect();
        let all = [
            Exit::Done,
            Exit::Unexpected,
            Exit::Usage,
            Exit::Incomplete,
            Exit::Source,
            Exit::Destination,
            Exit::Conflict,
            Exit::Mismatch,
            Exit::TooManyRejects,
            Exit::Unreachable,
            Exit::Untrusted,
            Exit::Login,
            Exit::Forbidden,
            Exit::NotFound,
            Exit::Cancelled,
        ];
        assert_eq!(listed, all.map(Exit::code));
    }
}
