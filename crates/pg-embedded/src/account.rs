//! The user that the server runs as.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::Doing;

/// The only variables that the server's programs get. The rest of the environment is not theirs to see: it may hold
/// passwords, and `PG*` and `LC_*` would change what they do.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "LOCPATH",
    "LOCALE_ARCHIVE",
];

/// Who runs `initdb` and the server: the user of this process, or an unprivileged one if that is root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    name: String,
    /// This process is root and gives its rights up for the server.
    pub(crate) drops: bool,
}

impl Account {
    pub(crate) fn for_server() -> Result<Self, Error> {
        let euid = rustix::process::geteuid();
        if !euid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self {
                uid: euid.as_raw(),
                gid,
                name: "this user".to_owned(),
                drops: false,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                let (uid, gid) = in_passwd(&passwd, name).or_else(|| by_id(name))?;
                (uid != 0).then(|| Self {
                    uid,
                    gid,
                    name: name.to_owned(),
                    drops: true,
                })
            })
            .ok_or(Error::NoUnprivilegedUser)
    }

    /// A command that runs as this user, from the root directory, with a nearly empty environment and no input.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").stdin(Stdio::null());
        for name in ENVIRONMENT {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        // Messages in English, since some of them are looked at.
        command.env("LC_ALL", "C");
        if self.drops {
            // With a uid given, the standard library also clears root's supplementary groups.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes a directory that belongs to this user alone.
    pub(crate) fn make_dir(&self, path: &Path) -> Result<(), Error> {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .doing("make the directory", path)?;
        self.own(path)
    }

    /// Hands a file or directory to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        if self.drops {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
                .doing("change the owner of", path)?;
        }
        Ok(())
    }

    /// Lets this user into a directory (or read a file) of root's that stays root's.
    pub(crate) fn admit(&self, path: &Path) -> Result<(), Error> {
        let is_dir = fs::metadata(path).doing("read", path)?.is_dir();
        let mode = match (is_dir, self.drops) {
            (true, true) => 0o710,
            (true, false) => 0o700,
            (false, true) => 0o640,
            (false, false) => 0o600,
        };
        if self.drops {
            std::os::unix::fs::chown(path, None, Some(self.gid)).doing("change the group of", path)?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("change the mode of", path)
    }

    /// Checks that this user can get to `path`: every directory above it lets the user in.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        if !self.drops {
            return Ok(());
        }
        let full = fs::canonicalize(path).doing("find", path)?;
        let mut above: Vec<&Path> = full.ancestors().skip(1).collect();
        above.reverse();
        for dir in above {
            let meta = fs::metadata(dir).doing("read", dir)?;
            let bit = if meta.uid() == self.uid {
                0o100
            } else if meta.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if meta.mode() & bit == 0 {
                return Err(Error::Unreachable {
                    path: full.clone(),
                    blocked_by: dir.to_path_buf(),
                    account: self.name.clone(),
                });
            }
        }
        Ok(())
    }
}

fn in_passwd(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// For users that are not in `/etc/passwd`: directory services, macOS.
fn by_id(name: &str) -> Option<(u32, u32)> {
    let ask = |flag: &str| -> Option<u32> {
        let output = Command::new("id")
            .args([flag, name])
            .stdin(Stdio::null())
            .output()
            .ok()?;
        // macOS prints the id of nobody as -2.
        let id: i64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
        output.status.success().then_some(id as u32)
    };
    Some((ask("-u")?, ask("-g")?))
}

/// Checks that a directory that may have been made by anyone belongs to this process's user, is not a link, and
/// can be written by nobody else.
pub(crate) fn check_private(path: &Path, owner: u32) -> Result<(), Error> {
    let meta = fs::symlink_metadata(path).doing("read", path)?;
    if !meta.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory)).doing("use", path);
    }
    if meta.uid() != owner {
        return Err(Error::OtherOwner {
            path: path.to_path_buf(),
            owner: meta.uid(),
            user: owner,
        });
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::Damaged {
            path: PathBuf::from(path),
            reason: "other users can write to it",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\nbad:x\n";
        assert_eq!(in_passwd(passwd, "nobody"), Some((65534, 65533)));
        assert_eq!(in_passwd(passwd, "bad"), None);
        assert_eq!(in_passwd(passwd, "nobod"), None);
    }

    #[test]
    fn reach_names_the_first_closed_directory() {
        let base = env::temp_dir().join(format!("reach-{}", std::process::id()));
        let inner = base.join("closed/open");
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(base.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
        // An id that owns nothing here.
        let account = Account {
            uid: 54321,
            gid: 54321,
            name: "someone".to_owned(),
            drops: true,
        };
        let closed = fs::canonicalize(base.join("closed")).unwrap();
        let error = account.check_reach(&inner).unwrap_err();
        assert!(
            matches!(&error, Error::Unreachable { blocked_by, .. } if *blocked_by == closed),
            "{error}"
        );
        account.check_reach(&closed).unwrap();
        fs::remove_dir_all(&base).unwrap();
    }
}
