//! PostgreSQL as a source.

use std::sync::Arc;

use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result};
use migrate_source_postgres::{Postgres, PostgresConfig, PostgresOptions};
use serde_json::{Map, Value};

use super::Named;
use super::named::Place;

pub(super) fn open(named: &Named, options: &Map<String, Value>) -> Result<Arc<dyn Source>> {
    let Place::Connection(text) = &named.place else {
        return Err(misplaced());
    };
    let options = PostgresOptions::from_map(options)?;
    let config = PostgresConfig::parse(text)?.with_options(options);
    Ok(Arc::new(Postgres::new(config)))
}

fn misplaced() -> Error {
    Error::new(ErrorKind::Internal, "PostgreSQL is read over a connection")
}
