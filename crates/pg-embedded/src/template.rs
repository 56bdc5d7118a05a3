//! Clusters that are made once and copied afterwards, since a copy takes a fifth of the time of `initdb`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::{Account, check_private};
use crate::error::{Doing, tail};
use crate::initdb::{initialize, remove_dir};
use crate::layout::DataDir;
use crate::lock::{self, Mode};
use crate::{Error, Installation};

/// To be raised when `initdb` is asked for something else than before.
const FORMAT: u32 = 1;

const LIMIT: Duration = Duration::from_mins(2);

/// Free bytes that a file system in memory must have to be used.
const MEMORY: u64 = 2 << 30;

/// Where the scratch directory may be, best first. A cluster is a thousand files, and some file systems take half a second to
/// make them, where one in memory takes a twentieth; a `TMPDIR` that is set goes before it all the same.
fn scratch_parents(tmpdir: Option<OsString>, memory: &Path) -> Vec<PathBuf> {
    let mut parents: Vec<PathBuf> = tmpdir
        .map(PathBuf::from)
        .into_iter()
        .filter(|dir| dir.is_absolute())
        .collect();
    let roomy = rustix::fs::statvfs(memory).is_ok_and(|fs| {
        fs.f_bavail
            .checked_mul(fs.f_frsize)
            .is_none_or(|free| free >= MEMORY)
    });
    if parents.is_empty() && roomy {
        parents.push(memory.to_path_buf());
    }
    parents.extend([env::temp_dir(), PathBuf::from("/tmp")]);
    parents
}

/// The directory for templates and disposable clusters, made if missing, in the first place that this process can write to and
/// the server's user can reach.
pub(crate) fn scratch(account: &Account) -> Result<PathBuf, Error> {
    let user = rustix::process::geteuid().as_raw();
    let mut failure = None;
    for parent in scratch_parents(env::var_os("TMPDIR"), Path::new("/dev/shm")) {
        let dir = parent.join(format!("migrate-pg-{user}"));
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                failure = Some(Error::Io {
                    doing: "make the directory",
                    path: dir,
                    source: error,
                });
                continue;
            }
            _ => check_private(&dir, user)?,
        }
        match account.check_reach(&dir) {
            Ok(()) => {
                account.admit(&dir)?;
                return fs::canonicalize(&dir).doing("find", &dir);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or(Error::NoHome))
}

/// A short name that differs for everything that makes clusters differ.
pub(crate) fn key(installation: &Installation, account: &Account, settings: &[(String, String)]) -> String {
    let mut hasher = DefaultHasher::new();
    (
        FORMAT,
        &installation.bin_dir,
        installation.version,
        account.uid,
        settings,
    )
        .hash(&mut hasher);
    format!("{}-{:016x}", installation.version, hasher.finish())
}

/// Fills an empty cluster directory with a copy of the template of this installation. Many processes may ask at the same
/// time; one of them makes the template.
pub(crate) fn copy_into(
    dir: &DataDir,
    account: &Account,
    installation: &Installation,
    scratch: &Path,
) -> Result<(), Error> {
    let path = scratch.join(format!("template-{}", key(installation, account, &[])));
    let template = DataDir::create(&path, account)?;
    {
        let _making = lock::acquire(
            &template.start_lock(),
            Mode::Exclusive,
            LIMIT,
            "making the template cluster",
        )?;
        if template.major()?.is_none() {
            initialize(&template, account, installation, false)?;
        }
    }
    let target = dir.root().join("pgdata.new");
    remove_dir(&target)?;
    account.make_dir(&target)?;
    // Run by the owner of both, so that the copies are the owner's too.
    let cp = Path::new("cp");
    let output = account
        .command(cp)
        .arg("-R")
        .arg(template.pgdata().join("."))
        .arg(&target)
        .output()
        .doing("run", cp)?;
    if !output.status.success() {
        return Err(Error::Program {
            program: "cp",
            status: output.status.to_string(),
            output: tail(&String::from_utf8_lossy(&output.stderr)),
        });
    }
    dir.set_password(&template.password()?)?;
    fs::rename(&target, dir.pgdata()).doing("rename", &target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_when_there_is_enough_and_no_other_wish() {
        let first = |tmpdir: Option<&str>, memory| {
            scratch_parents(tmpdir.map(OsString::from), Path::new(memory)).swap_remove(0)
        };
        // `/proc` is a file system without any room.
        assert_eq!(first(None, "/proc"), env::temp_dir());
        assert_eq!(first(None, "/no/such/place"), env::temp_dir());
        assert_eq!(first(Some("/wish"), "/dev/shm"), PathBuf::from("/wish"));
        assert_eq!(first(Some("relative"), "/proc"), env::temp_dir());
    }
}
