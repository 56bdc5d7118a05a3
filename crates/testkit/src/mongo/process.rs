//! The process of a server, which never outlives its test.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::{fs, io};

/// A running program. Dropping it kills it and waits.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Held so that the thread that started the program lives on: the kernel takes that thread's end for its parent's.
    _keeper: mpsc::Sender<()>,
}

impl Process {
    /// Starts a program with its output in `log`; the kernel kills it when this process is killed.
    pub(super) fn start(program: &Path, arguments: &[OsString], log: &Path) -> io::Result<Self> {
        let output = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let (keeper, ended) = mpsc::channel::<()>();
        let (started, result) = mpsc::channel();
        thread::Builder::new()
            .name("keeper of a server".to_owned())
            .spawn(move || {
                let _ = started.send(command.spawn());
                let _ = ended.recv();
            })?;
        let child = result.recv().map_err(io::Error::other)??;
        Ok(Self {
            child,
            _keeper: keeper,
        })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
