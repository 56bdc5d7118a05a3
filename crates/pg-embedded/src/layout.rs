//! The files of a cluster's directory.
//!
//! ```text
//! <data dir>/
//!   start.lock    held by whoever starts the server; also the mark of a directory of this crate
//!   users         shared lock of every user of the running server, exclusive lock of whoever stops it
//!   keep          exists while the server is to outlive its users
//!   pgpass        the superuser's password, in the format of libpq's password file
//!   port          the TCP port of the last start
//!   server.log    what the server printed
//!   pgdata/       PostgreSQL's data directory        (the server's user)
//!   run/          the unix socket                    (the server's user)
//! ```

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::Error;
use crate::account::{Account, check_private};
use crate::error::Doing;
use crate::lock;

/// The superuser of every cluster.
pub(crate) const SUPERUSER: &str = "migrate";

/// The shortest limit among the systems supported (macOS: 104 with the final NUL; Linux: 108).
const SOCKET_PATH_LIMIT: usize = 103;

/// Where a user's cluster is unless another place is named: `$XDG_DATA_HOME/migrate/postgres`, with
/// `~/.local/share` for a missing `XDG_DATA_HOME`; for root `/var/lib/migrate/postgres`, which the server's
/// unprivileged user can reach.
///
/// The path does not depend on the version of PostgreSQL, so that installing a newer one does not seem to empty the
/// cluster.
///
/// # Errors
/// [`Error::NoHome`] when neither variable is set.
pub fn default_data_dir() -> Result<PathBuf, Error> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/migrate/postgres"));
    }
    data_home(
        env::var_os("XDG_DATA_HOME").map(PathBuf::from),
        env::var_os("HOME").map(PathBuf::from),
    )
    .map(|home| home.join("migrate/postgres"))
    .ok_or(Error::NoHome)
}

/// A relative `XDG_DATA_HOME` is to be ignored, says the XDG Base Directory Specification.
fn data_home(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    xdg.filter(absolute)
        .or_else(|| Some(home.filter(absolute)?.join(".local/share")))
}

/// A cluster's directory, by its path without symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Opens the directory, making it if it is missing or empty.
    pub(crate) fn create(path: &Path, account: &Account) -> Result<Self, Error> {
        let path = std::path::absolute(path).doing("find", path)?;
        if !path.exists() {
            // Root's umask must not close the way to the cluster for the server's user.
            let mode = if account.drops { 0o755 } else { 0o700 };
            if let Some(parent) = path.parent() {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(mode)
                    .create(parent)
                    .doing("make the directory", parent)?;
            }
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                result => result.doing("make the directory", &path)?,
            }
        }
        let dir = Self {
            root: fs::canonicalize(&path).doing("find", &path)?,
        };
        dir.check_owner()?;
        if !dir.is_marked() {
            let mut entries = fs::read_dir(&dir.root).doing("read", &dir.root)?;
            // Another process may have marked it meanwhile; then it is not empty, and all is well.
            if entries.next().is_some() && !dir.is_marked() {
                return Err(Error::NotACluster { data_dir: dir.root });
            }
        }
        account.check_reach(&dir.root)?;
        account.admit(&dir.root)?;
        lock::open(&dir.start_lock())?;
        lock::open(&dir.users())?;
        account.admit(&dir.users())?;
        Ok(dir)
    }

    /// Opens the directory if it is a cluster.
    pub(crate) fn existing(path: &Path) -> Result<Option<Self>, Error> {
        let Ok(root) = fs::canonicalize(path) else {
            return Ok(None);
        };
        let dir = Self { root };
        if !dir.is_marked() || dir.major()?.is_none() {
            return Ok(None);
        }
        dir.check_owner()?;
        Ok(Some(dir))
    }

    fn is_marked(&self) -> bool {
        self.start_lock().exists()
    }

    fn check_owner(&self) -> Result<(), Error> {
        let user = rustix::process::geteuid().as_raw();
        let owner = fs::metadata(&self.root).doing("read", &self.root)?.uid();
        if owner == user {
            Ok(())
        } else {
            Err(Error::OtherOwner {
                path: self.root.clone(),
                owner,
                user,
            })
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
    pub(crate) fn start_lock(&self) -> PathBuf {
        self.root.join("start.lock")
    }
    pub(crate) fn users(&self) -> PathBuf {
        self.root.join("users")
    }
    pub(crate) fn keep_marker(&self) -> PathBuf {
        self.root.join("keep")
    }
    pub(crate) fn pgpass(&self) -> PathBuf {
        self.root.join("pgpass")
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }
    pub(crate) fn pgdata(&self) -> PathBuf {
        self.root.join("pgdata")
    }
    fn port_file(&self) -> PathBuf {
        self.root.join("port")
    }

    /// The major version that made the cluster; `None` before `initdb`.
    pub(crate) fn major(&self) -> Result<Option<u32>, Error> {
        let path = self.pgdata().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().split('.').next().unwrap_or_default().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(Error::Damaged {
                    path,
                    reason: "this is no version number",
                }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.pgdata().exists() {
                    return Err(Error::Damaged {
                        path,
                        reason: "this file of the cluster is missing",
                    });
                }
                Ok(None)
            }
            Err(error) => Err(error).doing("read", &path),
        }
    }

    pub(crate) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.port_file()).ok()?.trim().parse().ok()
    }

    pub(crate) fn set_last_port(&self, port: u16) -> Result<(), Error> {
        write_private(&self.port_file(), format!("{port}\n").as_bytes())
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.keep_marker().exists()
    }

    pub(crate) fn set_kept(&self, kept: bool) -> Result<(), Error> {
        let path = self.keep_marker();
        if kept {
            return write_private(&path, b"");
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("remove", &path),
            _ => Ok(()),
        }
    }

    pub(crate) fn password(&self) -> Result<SecretString, Error> {
        let path = self.pgpass();
        let text = fs::read_to_string(&path).doing("read the password in", &path)?;
        match text.trim_end().rsplit_once(':') {
            Some((_, password)) if !password.is_empty() => Ok(SecretString::from(password)),
            _ => Err(Error::Damaged {
                path,
                reason: "this is no password file",
            }),
        }
    }

    pub(crate) fn set_password(&self, password: &SecretString) -> Result<(), Error> {
        let line = format!("*:*:*:{SUPERUSER}:{}\n", password.expose_secret());
        write_private(&self.pgpass(), line.as_bytes())
    }

    /// The directory for the unix socket, made if missing: `run` in the cluster, or, where the path would be too long for
    /// a socket's address, a private directory under `/tmp`.
    pub(crate) fn socket_dir(&self, account: &Account) -> Result<PathBuf, Error> {
        let mut dir = self.root.join("run");
        if dir.as_os_str().as_bytes().len() + "/.s.PGSQL.65535".len() > SOCKET_PATH_LIMIT {
            let mut hasher = DefaultHasher::new();
            (&self.root, account.uid).hash(&mut hasher);
            dir = PathBuf::from(format!("/tmp/migrate-pg-{:016x}", hasher.finish()));
        }
        if fs::symlink_metadata(&dir).is_err() {
            account.make_dir(&dir)?;
        }
        check_private(&dir, account.uid)?;
        Ok(dir)
    }
}

/// Replaces a file in one step; nobody else can read it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .doing("write", &temporary)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .doing("write", &temporary)?;
    fs::rename(&temporary, path).doing("write", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_home_follows_the_xdg_specification() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(data_home(path("/x"), path("/h")), path("/x"));
        assert_eq!(data_home(path("relative"), path("/h")), path("/h/.local/share"));
        assert_eq!(data_home(path(""), path("/h")), path("/h/.local/share"));
        assert_eq!(data_home(None, path("/h")), path("/h/.local/share"));
        assert_eq!(data_home(None, None), None);
    }
}
