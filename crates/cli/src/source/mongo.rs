//! MongoDB, and what `mongodump` writes.

use std::path::Path;

use migrate_core::catalog::Catalog;
use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result};
use migrate_source_mongo::{DumpOptions, Mongo, MongoConfig, MongoOptions};
use serde_json::{Map, Value, json};

use super::named::Place;
use super::{Inferred, Named};

pub(super) fn is_dump(path: &Path) -> bool {
    path.exists() && migrate_source_mongo::is_dump(path)
}

/// Opens a deployment, or a dump. The option `database` names the database where the connection string or the dump leaves it
/// open; the others are the source's own.
pub(super) async fn open(named: &Named, options: &Map<String, Value>) -> Result<Mongo> {
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

pub(super) async fn look(named: &Named) -> Result<(Catalog, Option<Inferred>)> {
    let source = open(named, &Map::new()).await?;
    let catalog = source.discover().await?;
    let collections = source.inspect().await?;
    let inferred = (!collections.is_empty()).then(|| Inferred {
        text: migrate_source_mongo::describe(&collections),
        json: json!(collections),
    });
    Ok((catalog, inferred))
}
