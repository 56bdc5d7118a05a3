//! From what the user names to a source.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_source_mssql::{Bacpac, BacpacOptions};

/// How every zip file with an entry begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// Plan files are written by people and tools; nobody's is larger.
const LARGEST_PLAN: u64 = 64 << 20;

/// What an argument names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// A .bacpac file.
    Bacpac(PathBuf),
    /// A plan file.
    Plan(PathBuf),
}

/// Says what an argument names, by its scheme, its first bytes and its ending, in this order.
///
/// # Errors
/// [`Io`](ErrorKind::Io) for a file that cannot be read, [`Unsupported`](ErrorKind::Unsupported) for anything that no source
/// reads.
pub(crate) fn recognise(argument: &str) -> Result<Argument> {
    if let Some((scheme, _)) = argument.split_once("://") {
        return Err(not_yet(scheme));
    }
    let path = PathBuf::from(argument);
    let start = beginning(&path)?;
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if ending == "dacpac" {
        return Err(unsupported("a .dacpac holds a schema and no rows")
            .at("file", path.display())
            .hint("export a .bacpac: SqlPackage /Action:Export"));
    }
    if start.starts_with(ZIP) || ending == "bacpac" {
        return Ok(Argument::Bacpac(path));
    }
    if ending == "toml" || looks_like_toml(&path) {
        return Ok(Argument::Plan(path));
    }
    Err(unsupported("this is neither a .bacpac nor a plan file").at("file", path.display()).hint(
        "a .bacpac is a zip file that SqlPackage /Action:Export or the export of a data-tier application writes",
    ))
}

/// Opens a source.
///
/// # Errors
/// Those of [`recognise`]; [`Config`](ErrorKind::Config) for a plan file; what the source itself finds wrong.
pub(crate) fn open(argument: &str) -> Result<Arc<dyn Source>> {
    match recognise(argument)? {
        Argument::Bacpac(path) => Ok(Arc::new(Bacpac::open(&path, BacpacOptions::default())?)),
        Argument::Plan(path) => Err(Error::new(
            ErrorKind::Config,
            "a source is wanted here, and this is a plan file",
        )
        .at("file", path.display())),
    }
}

/// A name for the database in the private cluster: the file's, in letters that need no quoting.
pub(crate) fn database_name(source: &str) -> String {
    let stem = Path::new(source)
        .file_stem()
        .map(|s| s.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let mut name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(60)
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "db");
    }
    // Databases that a cluster has from the start.
    if matches!(name.as_str(), "postgres" | "template0" | "template1") {
        name.push_str("_copy");
    }
    name
}

fn beginning(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |e: std::io::Error| {
        let message = if e.kind() == std::io::ErrorKind::NotFound {
            "there is no such file"
        } else {
            "the file cannot be read"
        };
        let error = Error::source_side(ErrorKind::Io, message).at("file", path.display());
        if e.kind() == std::io::ErrorKind::NotFound {
            error
        } else {
            error.because(e)
        }
    };
    if path.is_dir() {
        return Err(Error::source_side(
            ErrorKind::Config,
            "a file is wanted here, and this is a directory",
        )
        .at("directory", path.display()));
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|f| f.take(512).read_to_end(&mut start))
        .map_err(unreadable)?;
    Ok(start)
}

fn looks_like_toml(path: &Path) -> bool {
    let small = std::fs::metadata(path).is_ok_and(|m| m.len() <= LARGEST_PLAN);
    small
        && std::fs::read_to_string(path).is_ok_and(|text| {
            !text.trim().is_empty() && migrate_core::mapping::Mapping::from_toml(&text).is_ok()
        })
}

/// Only the scheme is repeated: the rest may hold a password.
fn not_yet(scheme: &str) -> Error {
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "mssql" | "sqlserver" => unsupported("a live SQL Server cannot be read yet")
            .hint("export a .bacpac (SqlPackage /Action:Export) and migrate the file"),
        "mongodb" | "mongodb+srv" => unsupported("MongoDB cannot be read yet"),
        "postgres" | "postgresql" => {
            unsupported("PostgreSQL cannot be read yet: it can only be the destination")
                .hint("name the destination with --to")
        }
        _ => unsupported("no source has this kind of URL").hint("a source is a .bacpac file"),
    }
}

fn unsupported(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message).on(Side::Source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_names_need_no_quoting() {
        assert_eq!(database_name("/a/CRM.bacpac"), "crm");
        assert_eq!(
            database_name("adventureworkslt2025.bacpac"),
            "adventureworkslt2025"
        );
        assert_eq!(database_name("My Shop-2.bacpac"), "my_shop_2");
        assert_eq!(database_name("2024.bacpac"), "db2024");
        assert_eq!(database_name("postgres.bacpac"), "postgres_copy");
        assert_eq!(database_name(&format!("{}.bacpac", "é".repeat(100))).len(), 62);
    }

    #[test]
    fn urls_are_refused_without_being_repeated() {
        for url in [
            "mssql://sa:hunter2@h/db",
            "mongodb+srv://a:hunter2@h",
            "postgres://a:hunter2@h/d",
            "x://hunter2",
        ] {
            let e = recognise(url).unwrap_err();
            assert_eq!((e.kind(), e.side()), (ErrorKind::Unsupported, Side::Source));
            assert!(!format!("{e}{:?}", e.hint_text()).contains("hunter2"));
        }
    }

    #[test]
    fn files_are_recognised_by_content_and_ending() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let ask = |path: &Path| recognise(path.to_str().unwrap());
        let zip = file("export.dat", b"PK\x03\x04rest");
        assert_eq!(ask(&zip).unwrap(), Argument::Bacpac(zip));
        let broken = file("cut.bacpac", b"");
        assert_eq!(ask(&broken).unwrap(), Argument::Bacpac(broken));
        let plan = file("plan.toml", b"= broken");
        assert_eq!(ask(&plan).unwrap(), Argument::Plan(plan));
        let unnamed = file("plan", b"naming = \"snake\"\n");
        assert_eq!(ask(&unnamed).unwrap(), Argument::Plan(unnamed));
        let other = file("dump.sql", b"select 1;");
        assert_eq!(ask(&other).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(
            ask(&file("a.dacpac", b"PK\x03\x04")).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            ask(&dir.path().join("none.bacpac")).unwrap_err().kind(),
            ErrorKind::Io
        );
        assert_eq!(ask(dir.path()).unwrap_err().kind(), ErrorKind::Config);
    }
}
