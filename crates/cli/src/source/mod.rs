//! From what the user names to a source. Each kind is a feature of this package; a build without one says so.

#[cfg(feature = "mongo")]
mod mongo;
#[cfg(feature = "mssql")]
mod mssql;
mod named;
#[cfg(feature = "postgres")]
mod postgres;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::catalog::Catalog;
use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result, Side};
use serde_json::{Map, Value};

pub(crate) use named::{Kind, Named};

/// How every zip file with an entry begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// Plan files are written by people and tools; nobody's is larger.
const LARGEST_PLAN: u64 = 64 << 20;

/// When a file's data is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// Small files before anything else, large ones while they are read.
    BySize,
    /// Before anything else.
    Before,
    /// While they are read.
    While,
}

/// Collections whose schema was inferred, for people and for programs.
pub(crate) struct Inferred {
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// What an argument names.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A source.
    Source(Named),
    /// A plan file.
    Plan(PathBuf),
}

/// Says what an argument names, by its scheme, its first bytes and its ending, in this order. `env:NAME` stands for the
/// variable's content.
///
/// # Errors
/// [`Io`](ErrorKind::Io) for a file that cannot be read, [`Config`](ErrorKind::Config) for a variable that is not set,
/// [`Unsupported`](ErrorKind::Unsupported) for anything that no source reads.
pub(crate) fn recognise(argument: &str) -> Result<Argument> {
    if let Some(named) = Named::connection(argument, |name| std::env::var(name).ok())? {
        return Ok(Argument::Source(named));
    }
    let path = PathBuf::from(argument);
    #[cfg(feature = "mongo")]
    if mongo::is_dump(&path) {
        return Ok(Argument::Source(Named::file(Kind::MongoDump, path)));
    }
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
        return Ok(Argument::Source(Named::file(Kind::Bacpac, path)));
    }
    if ending == "toml" || looks_like_toml(&path) {
        return Ok(Argument::Plan(path));
    }
    Err(
        unsupported("this is neither a .bacpac, nor what mongodump writes, nor a plan file")
            .at("file", path.display())
            .hint(
                "a .bacpac is a zip file that SqlPackage /Action:Export or the export of a data-tier application writes",
            ),
    )
}

/// The source that an argument names.
///
/// # Errors
/// Those of [`recognise`]; [`Config`](ErrorKind::Config) for a plan file.
pub(crate) fn named(argument: &str) -> Result<Named> {
    match recognise(argument)? {
        Argument::Source(named) => Ok(named),
        Argument::Plan(path) => Err(Error::new(
            ErrorKind::Config,
            "a source is wanted here, and this is a plan file",
        )
        .at("file", path.display())),
    }
}

/// Opens a source with the plan file's `[options]`; `check` says when a file's data is checked.
///
/// # Errors
/// [`Config`](ErrorKind::Config) for options that the source does not have; what the source itself finds wrong.
pub(crate) async fn open(
    named: &Named,
    options: &Map<String, Value>,
    check: Check,
) -> Result<Arc<dyn Source>> {
    #[cfg(not(all(feature = "mssql", feature = "postgres", feature = "mongo")))]
    let _ = (options, check);
    match named.kind {
        Kind::Bacpac | Kind::SqlServer => {
            #[cfg(feature = "mssql")]
            return mssql::open(named, options, check);
            #[cfg(not(feature = "mssql"))]
            Err(not_built("SQL Server or a .bacpac", "mssql"))
        }
        Kind::Postgres => {
            #[cfg(feature = "postgres")]
            return postgres::open(named, options);
            #[cfg(not(feature = "postgres"))]
            Err(not_built("PostgreSQL", "postgres"))
        }
        Kind::MongoDb | Kind::MongoDump => {
            #[cfg(feature = "mongo")]
            return Ok(Arc::new(mongo::open(named, options).await?));
            #[cfg(not(feature = "mongo"))]
            Err(not_built("MongoDB", "mongo"))
        }
    }
}

/// What the source holds, and where its schema is inferred, from what.
///
/// # Errors
/// As [`open`].
pub(crate) async fn look(named: Named) -> Result<(Catalog, Option<Inferred>)> {
    #[cfg(feature = "mongo")]
    if matches!(named.kind, Kind::MongoDb | Kind::MongoDump) {
        return mongo::look(&named).await;
    }
    let source = open(&named, &Map::new(), Check::Before).await?;
    Ok((source.discover().await?, None))
}

#[cfg(not(all(feature = "mssql", feature = "mongo", feature = "postgres")))]
fn not_built(what: &str, feature: &str) -> Error {
    unsupported(&format!("this build of migrate does not read {what}"))
        .hint(format!("build it with the feature `{feature}`"))
}

/// A name for the database in the private cluster: the source's, in letters that need no quoting.
pub(crate) fn database_name(stem: &str) -> String {
    let stem = stem.to_lowercase();
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

fn unsupported(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message).on(Side::Source)
}

#[cfg(test)]
mod tests {
    use super::named::Place;
    use super::*;

    #[test]
    fn database_names_need_no_quoting() {
        assert_eq!(database_name("CRM"), "crm");
        assert_eq!(database_name("adventureworkslt2025"), "adventureworkslt2025");
        assert_eq!(database_name("My Shop-2"), "my_shop_2");
        assert_eq!(database_name("2024"), "db2024");
        assert_eq!(database_name("postgres"), "postgres_copy");
        assert_eq!(database_name(&"é".repeat(100)).len(), 62);
    }

    #[test]
    fn files_are_recognised_by_content_and_ending() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let ask = |path: &Path| {
            recognise(path.to_str().unwrap()).map(|found| match found {
                Argument::Plan(path) => ("plan", path),
                Argument::Source(named) => match (named.kind, named.place) {
                    (Kind::Bacpac, Place::Path(path)) => ("bacpac", path),
                    other => panic!("{other:?}"),
                },
            })
        };
        let zip = file("export.dat", b"PK\x03\x04rest");
        assert_eq!(ask(&zip).unwrap(), ("bacpac", zip));
        let broken = file("cut.bacpac", b"");
        assert_eq!(ask(&broken).unwrap(), ("bacpac", broken));
        let plan = file("plan.toml", b"= broken");
        assert_eq!(ask(&plan).unwrap(), ("plan", plan));
        let unnamed = file("plan", b"naming = \"snake\"\n");
        assert_eq!(ask(&unnamed).unwrap(), ("plan", unnamed));
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
