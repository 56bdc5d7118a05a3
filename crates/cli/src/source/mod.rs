//! From what the user names to a source.

mod named;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_source_mongo::{DumpOptions, Mongo, MongoConfig, MongoOptions};
use migrate_source_mssql::{Bacpac, BacpacOptions, Check, Mssql, MssqlConfig};
use migrate_source_postgres::{Postgres, PostgresConfig, PostgresOptions};
use serde_json::{Map, Value};

pub(crate) use named::{Kind, Named, Place};

/// How every zip file with an entry begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// Plan files are written by people and tools; nobody's is larger.
const LARGEST_PLAN: u64 = 64 << 20;

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
    if path.exists() && migrate_source_mongo::is_dump(&path) {
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
    match (&named.kind, &named.place) {
        (Kind::Bacpac, Place::Path(path)) => {
            no_options(options)?;
            let options = BacpacOptions {
                check,
                ..BacpacOptions::default()
            };
            Ok(Arc::new(Bacpac::open(path, options)?))
        }
        (Kind::SqlServer, Place::Connection(text)) => {
            no_options(options)?;
            Ok(Arc::new(Mssql::new(MssqlConfig::parse(text)?)))
        }
        (Kind::Postgres, Place::Connection(text)) => {
            let options = PostgresOptions::from_map(options)?;
            let config = PostgresConfig::parse(text)?.with_options(options);
            Ok(Arc::new(Postgres::new(config)))
        }
        (Kind::MongoDb | Kind::MongoDump, _) => Ok(Arc::new(open_mongo(named, options).await?)),
        _ => Err(misplaced()),
    }
}

/// Opens a MongoDB deployment, or what `mongodump` wrote. The option `database` names the database where the connection
/// string or the dump leaves it open; the others are the source's own.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_mongo(named: &Named, options: &Map<String, Value>) -> Result<Mongo> {
    let mut options = options.clone();
    let database = match options.remove("database") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Config,
                "the option `database` is not a name",
            ));
        }
    };
    let options = MongoOptions::from_map(&options)?;
    match &named.place {
        Place::Connection(text) => {
            let mut config = MongoConfig::parse(text)?;
            if let Some(name) = database {
                config = config.with_database(name);
            }
            if config.lacks_password()
                && let Ok(password) = std::env::var("MONGODB_PASSWORD")
            {
                config = config.with_password(password.into());
            }
            Mongo::connect(&config, options).await
        }
        Place::Path(path) => {
            let dump = DumpOptions {
                database,
                ..DumpOptions::default()
            };
            Mongo::open_dump(path, &dump, options)
        }
    }
}

fn misplaced() -> Error {
    Error::new(
        ErrorKind::Internal,
        "a source of a kind that does not fit its place",
    )
}

fn no_options(options: &Map<String, Value>) -> Result<()> {
    match options.keys().next() {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::Config,
            format!("this kind of source has no options, and the plan file sets `{name}`"),
        )
        .hint("remove [options] from the plan file")),
    }
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
