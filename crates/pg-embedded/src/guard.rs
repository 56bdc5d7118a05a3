//! The process that runs the server and ends it with its users; see `guard.sh`.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;

use crate::Error;
use crate::account::Account;
use crate::error::{Doing, tail};
use crate::layout::DataDir;

/// A log longer than this is started anew at the next start.
const LOG_LIMIT: u64 = 8 << 20;

/// How the guard learns that the last user is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// The best way that this system has.
    Auto,
    /// util-linux's or BusyBox's `flock`.
    #[cfg(test)]
    Flock,
    /// Perl's `flock`.
    #[cfg(test)]
    Perl,
    /// The end of the pipe from the process that started the guard.
    #[cfg(test)]
    Pipe,
}

impl Waiter {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            #[cfg(test)]
            Self::Flock => "flock",
            #[cfg(test)]
            Self::Perl => "perl",
            #[cfg(test)]
            Self::Pipe => "pipe",
        }
    }
}

/// A running guard. Dropping it closes the pipe, and leaves a thread that collects the process when it ends.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Option<Child>,
    /// Held open as long as the cluster is used.
    _pipe: Option<ChildStdin>,
    log_start: u64,
}

impl Guard {
    /// Starts `postgres` with these arguments under a guard, in a process group of its own, so that an interrupt
    /// from the terminal reaches the program but not its server.
    pub(crate) fn spawn(
        dir: &DataDir,
        account: &Account,
        waiter: Waiter,
        postgres: &Path,
        arguments: &[OsString],
    ) -> Result<Self, Error> {
        let path = dir.log();
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let log = options.open(&path).doing("open the log", &path)?;
        if log.metadata().doing("read", &path)?.len() > LOG_LIMIT {
            log.set_len(0).doing("shorten", &path)?;
        }
        let log_start = log.metadata().doing("read", &path)?.len();
        let mut child = account
            .command(Path::new("/bin/sh"))
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(dir.users())
            .arg(dir.keep_marker())
            .arg(waiter.name())
            .arg(postgres)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().doing("open the log", &path)?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .doing("start", postgres)?;
        let pipe = child.stdin.take();
        Ok(Self {
            child: Some(child),
            _pipe: pipe,
            log_start,
        })
    }

    /// Whether the guard has ended, and the server with it.
    pub(crate) fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => true,
        }
    }

    /// What this server wrote to its log.
    pub(crate) fn log(&self, dir: &DataDir) -> String {
        let mut bytes = Vec::new();
        let read = || -> std::io::Result<()> {
            let mut file = std::fs::File::open(dir.log())?;
            file.seek(SeekFrom::Start(self.log_start))?;
            file.take(64 << 10).read_to_end(&mut bytes)?;
            Ok(())
        };
        // Only ever part of an error message; a log that cannot be read makes that one shorter.
        let _ = { read }();
        tail(&String::from_utf8_lossy(&bytes))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take()
            && matches!(child.try_wait(), Ok(None))
        {
            thread::spawn(move || child.wait());
        }
    }
}
