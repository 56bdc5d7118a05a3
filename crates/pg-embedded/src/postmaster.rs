//! The running server, as its `postmaster.pid` tells.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::error::Doing;
use crate::lock::PAUSE;

/// The content of `postmaster.pid` (PostgreSQL's `src/include/utils/pidfile.h`): one item in each line. The server adds
/// lines while it starts, so all but the first may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: i32,
    pub(crate) port: Option<u16>,
    pub(crate) socket_dir: Option<PathBuf>,
    /// The server accepts connections.
    pub(crate) ready: bool,
}

impl PidFile {
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let line = |number: usize| lines.get(number - 1).copied().filter(|line| !line.is_empty());
        Some(Self {
            // Negative when the server runs in single-user mode.
            pid: line(1)?.parse::<i32>().ok()?.checked_abs()?,
            port: line(4).and_then(|port| port.parse().ok()),
            socket_dir: line(5).map(PathBuf::from),
            ready: line(8) == Some("ready"),
        })
    }

    pub(crate) fn read(pgdata: &Path) -> Result<Option<Self>, Error> {
        let path = pgdata.join("postmaster.pid");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read", &path),
        }
    }

    /// Whether the process of this file is a server on this data directory, and not just one with the same number.
    pub(crate) fn is_running(&self, pgdata: &Path) -> bool {
        if cfg!(target_os = "linux") {
            // The server's working directory is its data directory, from before it writes the file.
            return fs::read_link(format!("/proc/{}/cwd", self.pid)).is_ok_and(|cwd| cwd == pgdata);
        }
        std::process::Command::new("ps")
            .args(["-p", &self.pid.to_string(), "-o", "command="])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("postgres"))
    }

    /// Removes a file whose process number belongs to something else by now, as after a restart of the machine or in a
    /// new container; PostgreSQL itself would take that process for a running server. It is left alone if a server answers at
    /// its socket, from wherever that server may run.
    pub(crate) fn remove_if_stale(&self, pgdata: &Path) -> Result<(), Error> {
        let path = pgdata.join("postmaster.pid");
        let answers = self
            .socket_dir
            .iter()
            .zip(self.port)
            .any(|(dir, port)| UnixStream::connect(dir.join(format!(".s.PGSQL.{port}"))).is_ok());
        if answers {
            return Err(Error::Damaged {
                path,
                reason: "a server that is not on this machine uses the cluster",
            });
        }
        match Pid::from_raw(self.pid) {
            // PostgreSQL removes the file of a process that is gone, and has better means to be sure.
            Some(pid) if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) => Ok(()),
            _ => fs::remove_file(&path).doing("remove", &path),
        }
    }

    /// Sends a signal, if the server is still there.
    pub(crate) fn signal(&self, pgdata: &Path, signal: Signal) -> Result<(), Error> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        if !self.is_running(pgdata) {
            return Ok(());
        }
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(io::Error::from(error)).doing("stop the server of", pgdata),
        }
    }

    /// Waits until the server is gone; `false` if it is not within `limit`.
    pub(crate) fn wait_for_end(&self, pgdata: &Path, limit: Duration) -> bool {
        let start = Instant::now();
        while self.is_running(pgdata) {
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_file() {
        let text = "4711\n/d/pgdata\n1700000000\n40123\n/d/run\n127.0.0.1\n  123 456\nready   \n";
        let expected = PidFile {
            pid: 4711,
            port: Some(40123),
            socket_dir: Some(PathBuf::from("/d/run")),
            ready: true,
        };
        assert_eq!(PidFile::parse(text), Some(expected));
        assert!(
            !PidFile::parse(&text.replace("ready   ", "stopping"))
                .unwrap()
                .ready
        );
    }

    #[test]
    fn a_file_that_is_being_written() {
        let partial = PidFile::parse("4711\n/d/pgdata\n1700000000\n40123\n").unwrap();
        assert_eq!(
            (partial.port, partial.socket_dir, partial.ready),
            (Some(40123), None, false)
        );
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("x\n"), None);
    }
}
