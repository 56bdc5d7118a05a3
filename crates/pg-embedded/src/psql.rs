//! PostgreSQL's own client program.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Doing, tail};
use crate::installation::is_program;
use crate::layout::SUPERUSER;
use crate::{Cluster, Error, Search};

/// The best `psql` for a server: one of its own version, else of any installation, else the first on the PATH.
fn find_psql(major: u32) -> Option<PathBuf> {
    let all = Search::from_env().all();
    let (same, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|installation| installation.version.major == major);
    let installed = same
        .into_iter()
        .chain(others)
        .map(|installation| installation.program("psql"));
    let path = env::var_os("PATH").unwrap_or_default();
    installed
        .chain(env::split_paths(&path).map(|dir| dir.join("psql")))
        .find(|psql| is_program(psql))
}

impl Cluster {
    /// `psql` on one database of this cluster, ready to run. It finds the password in [`pass_file`](Self::pass_file).
    /// Some packages of the server come without it, so programs should rather connect to [`url`](Self::url) themselves.
    ///
    /// # Errors
    /// [`Error::NoPsql`] when there is none.
    pub fn psql(&self, database: &str) -> Result<Command, Error> {
        let mut command = Command::new(find_psql(self.major()).ok_or(Error::NoPsql)?);
        for name in ["PGPASSWORD", "PGSERVICE", "PGHOSTADDR", "PGOPTIONS", "PGSSLMODE"] {
            command.env_remove(name);
        }
        command
            .env("PGHOST", self.socket_dir())
            .env("PGPORT", self.port().to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGDATABASE", database)
            .env("PGPASSFILE", self.pass_file());
        Ok(command)
    }

    /// Creates a database; `false` if it is there already. It needs [`psql`](Self::psql), a convenience for callers that have no
    /// connection of their own.
    ///
    /// # Errors
    /// [`Error::DatabaseName`] for a name that PostgreSQL would not take as it is, [`Error::NoPsql`], [`Error::Program`].
    pub fn create_database(&self, name: &str) -> Result<bool, Error> {
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            return Err(Error::DatabaseName {
                name: name.to_owned(),
            });
        }
        let mut command = self.psql("postgres")?;
        let program = PathBuf::from(command.get_program());
        let output = command
            .args(["-X", "-q", "-w", "-v", "VERBOSITY=sqlstate", "-c"])
            .arg(format!("create database \"{}\"", name.replace('"', "\"\"")))
            .stdin(Stdio::null())
            .output()
            .doing("run", &program)?;
        let messages = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(true)
        } else if messages.contains("42P04") {
            // duplicate_database
            Ok(false)
        } else {
            Err(Error::Program {
                program: "psql",
                status: output.status.to_string(),
                output: tail(&messages),
            })
        }
    }
}
