//! Finding PostgreSQL's server programs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::hint::install_hint;

/// The oldest major version that is used when it is found.
pub const OLDEST_MAJOR: u32 = 14;

/// Names a directory with PostgreSQL's programs; it alone is used when set.
const OVERRIDE: &str = "MIGRATE_PG_BIN";

/// A PostgreSQL version, ordered. A version that is not released yet (`19beta1`, `19devel`) has minor 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 15 in 15.4.
    pub major: u32,
    /// 4 in 15.4.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Reads what `postgres --version` prints, such as `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`.
    fn parse(output: &str) -> Option<Self> {
        let number = output
            .split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let mut parts = number.split('.');
        let digits = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse::<u32>().ok()
        };
        Some(Self {
            major: digits(parts.next()?)?,
            minor: parts.next().and_then(digits).unwrap_or(0),
        })
    }
}

/// An installed PostgreSQL that has at least `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The directory of its programs, without symbolic links.
    pub bin_dir: PathBuf,
    /// What `postgres --version` reports.
    pub version: Version,
}

impl Installation {
    /// Looks at one directory of programs.
    ///
    /// # Errors
    /// [`Error::NotAnInstallation`] when `initdb` or `postgres` is missing there or does not run.
    pub fn at(bin_dir: &Path) -> Result<Self, Error> {
        let fail = |reason: String| Error::NotAnInstallation {
            bin_dir: bin_dir.to_path_buf(),
            reason,
        };
        let bin_dir = home_of(bin_dir).map_err(fail)?;
        let output = Command::new(bin_dir.join("postgres"))
            .arg("--version")
            .env_remove("LD_PRELOAD")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| fail(format!("postgres does not run: {error}")))?;
        if !output.status.success() {
            return Err(fail(format!("postgres --version failed ({})", output.status)));
        }
        let version = Version::parse(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| fail("postgres --version prints no version".to_owned()))?;
        Ok(Self { bin_dir, version })
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// The directory where the programs really are. `initdb` finds `postgres` beside its own resolved path, so
/// a directory of symbolic links (`/usr/local/bin/initdb`) stands for the directory they point into.
fn home_of(dir: &Path) -> Result<PathBuf, String> {
    let initdb = dir.join("initdb");
    if !is_program(&initdb) {
        return Err("it has no program initdb".to_owned());
    }
    if let Some(target) = fs::canonicalize(&initdb).ok().as_deref().and_then(Path::parent)
        && is_program(&target.join("initdb"))
        && is_program(&target.join("postgres"))
    {
        return Ok(target.to_path_buf());
    }
    if is_program(&dir.join("postgres")) {
        return fs::canonicalize(dir).map_err(|error| error.to_string());
    }
    Err("it has no program postgres".to_owned())
}

pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Where to look for PostgreSQL.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// When set, the only directory to look at.
    pub only: Option<PathBuf>,
    /// Directories of programs, as in `PATH`.
    pub path: Option<OsString>,
    /// Directories of programs where at most one component holds one `*`.
    pub patterns: Vec<PathBuf>,
}

impl Search {
    /// `MIGRATE_PG_BIN` if it is set; else `PATH` and the places where packages put PostgreSQL: Debian's, the PostgreSQL
    /// project's RPMs, SUSE's, Alpine's, Homebrew and Postgres.app.
    pub fn from_env() -> Self {
        Self {
            only: env::var_os(OVERRIDE)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            path: env::var_os("PATH"),
            patterns: [
                "/usr/lib/postgresql/*/bin",
                "/usr/pgsql-*/bin",
                "/usr/lib/postgresql*/bin",
                "/usr/libexec/postgresql*",
                "/usr/local/pgsql/bin",
                "/opt/homebrew/opt/postgresql*/bin",
                "/usr/local/opt/postgresql*/bin",
                "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
                "/Applications/Postgres.app/Contents/Versions/*/bin",
            ]
            .map(PathBuf::from)
            .to_vec(),
        }
    }

    /// Every installation, newest first; among equals the order of the search. Directories that do not hold a working
    /// PostgreSQL are passed over.
    pub fn all(&self) -> Vec<Installation> {
        let mut seen = HashSet::new();
        let mut found: Vec<Installation> = self
            .candidates()
            .into_iter()
            .filter_map(|dir| home_of(&dir).ok())
            .filter(|home| seen.insert(home.clone()))
            .filter_map(|home| Installation::at(&home).ok())
            .collect();
        found.sort_by_key(|installation| Reverse(installation.version));
        found
    }

    /// The newest installation that is at least [`OLDEST_MAJOR`].
    ///
    /// # Errors
    /// [`Error::NotAnInstallation`] when `only` does not hold a PostgreSQL, [`Error::NotInstalled`] when nothing is found.
    pub fn newest(&self) -> Result<Installation, Error> {
        if let Some(dir) = &self.only {
            return Installation::at(dir);
        }
        self.all()
            .into_iter()
            .find(|installation| installation.version.major >= OLDEST_MAJOR)
            .ok_or_else(|| Error::NotInstalled {
                oldest: OLDEST_MAJOR,
                hint: install_hint(),
            })
    }

    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(dir) = &self.only {
            return vec![dir.clone()];
        }
        let path = self
            .path
            .iter()
            .flat_map(env::split_paths)
            .filter(|dir| dir.is_absolute());
        path.chain(self.patterns.iter().flat_map(|pattern| expand(pattern)))
            .collect()
    }
}

/// The directories that match a path in which one component may hold one `*`.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        let Some((before, after)) = text.split_once('*') else {
            for dir in &mut found {
                dir.push(component);
            }
            continue;
        };
        found = found
            .iter()
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flat_map(|entries| entries.flatten())
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            })
            .map(|entry| entry.path())
            .collect();
        found.sort();
    }
    found
}

/// The newest PostgreSQL that is installed here, see [`Search::from_env`].
///
/// # Errors
/// As [`Search::newest`]; [`Error::NotInstalled`] names the command that installs it.
pub fn find_installation() -> Result<Installation, Error> {
    Search::from_env().newest()
}

/// Every PostgreSQL that is installed here, newest first, of any version, see [`Search::from_env`].
pub fn find_all_installations() -> Vec<Installation> {
    Search::from_env().all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_printed_by_postgres() {
        let parse = |text| Version::parse(text).map(|v| (v.major, v.minor));
        assert_eq!(
            parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18))
        );
        assert_eq!(parse("postgres (PostgreSQL) 18.4"), Some((18, 4)));
        assert_eq!(parse("postgres (PostgreSQL) 19beta1"), Some((19, 0)));
        assert_eq!(parse("postgres (PostgreSQL) 19devel"), Some((19, 0)));
        assert_eq!(parse("postgres (PostgreSQL) 9.6.24"), Some((9, 6)));
        assert_eq!(parse("postgres"), None);
        assert_eq!(parse("99999999999999"), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let mut all = [(15, 2), (9, 6), (15, 10), (18, 0)].map(|(major, minor)| Version { major, minor });
        all.sort();
        assert_eq!(all.map(|v| v.to_string()), ["9.6", "15.2", "15.10", "18.0"]);
    }

    #[test]
    fn a_pattern_matches_within_one_component() {
        let found = expand(Path::new("/usr/l*b/../lib"));
        assert!(found.contains(&PathBuf::from("/usr/lib/../lib")), "{found:?}");
        assert_eq!(expand(Path::new("/no/such/*/bin")), Vec::<PathBuf>::new());
        assert_eq!(expand(Path::new("/plain/path")), [PathBuf::from("/plain/path")]);
    }
}
