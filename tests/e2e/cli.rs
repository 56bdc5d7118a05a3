//! The program, started as a user starts it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::server::Database;

/// The bundled database.
pub(crate) fn crm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/crm.bacpac")
}

/// A directory to work in. The server's user has nothing to do there.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One that the server's user can get to.
    pub(crate) fn open_to_all() -> Self {
        let folder = Self::new();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A call of `migrate`.
pub(crate) struct Call {
    command: Command,
    /// What no output may contain.
    secrets: Vec<String>,
    shown: String,
}

/// `migrate`, in a directory of its own and with nothing in its environment that decides anything.
pub(crate) fn migrate<S: AsRef<OsStr>>(folder: &Folder, args: impl IntoIterator<Item = S>) -> Call {
    // Another build of it, such as a release, for those who wait long.
    let program = std::env::var_os("MIGRATE_TEST_BINARY");
    let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_migrate").into()));
    command.args(args).current_dir(folder.path()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("PG") || name_text.starts_with("MIGRATE_") {
            command.env_remove(&name);
        }
    }
    command.env_remove("DATABASE_URL").env_remove("NO_COLOR");
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let shown = format!("migrate {}", args.join(" "));
    Call {
        command,
        secrets: Vec::new(),
        shown,
    }
}

impl Call {
    /// Into this database, named as the documentation recommends it.
    pub(crate) fn to(self, database: &Database) -> Self {
        self.url(&database.url())
    }

    /// Into what a URL names. Its password must not be printed.
    pub(crate) fn url(mut self, url: &str) -> Self {
        self.command.env("MIGRATE_TO", url);
        let password = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .and_then(|(user, _)| user.split_once(':'))
            .map(|(_, password)| password.to_owned());
        self.secrets.extend(password);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Must not be printed.
    pub(crate) fn secret(mut self, text: &str) -> Self {
        self.secrets.push(text.to_owned());
        self
    }

    /// Starts it. Its messages can be read, and its results go nowhere.
    pub(crate) fn start(mut self) -> Child {
        self.command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs it to its end, which must have this exit code.
    pub(crate) fn ends(self, code: i32) -> Ended {
        let shown = self.shown.clone();
        let ended = self.run();
        assert_eq!(ended.code, Some(code), "{shown}\n{}\n{}", ended.out, ended.err);
        ended
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ended {
        let output = self.command.output().unwrap();
        let ended = Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in &self.secrets {
            let printed = ended.out.contains(secret) || ended.err.contains(secret);
            assert!(!printed, "{} printed a secret", self.shown);
        }
        for text in [&ended.out, &ended.err] {
            assert!(!text.contains("panicked"), "{}\n{text}", self.shown);
        }
        ended
    }
}

/// What a call printed and how it ended.
pub(crate) struct Ended {
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Whether the results say all of this.
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(
                self.out.contains(part),
                "{part:?} is not in\n{}\n{}",
                self.out,
                self.err
            );
        }
        self
    }

    /// Whether the messages say all of this.
    pub(crate) fn complains(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in\n{}", self.err);
        }
        self
    }

    /// The result of a call with `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}\n{}\n{}", self.out, self.err))
    }
}

/// Sends a signal, such as `KILL`.
pub(crate) fn signal(child: &Child, name: &str) {
    // It may have ended by itself.
    let _ = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap();
}
