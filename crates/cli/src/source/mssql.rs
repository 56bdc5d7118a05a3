//! SQL Server, and what it exports.

use std::sync::Arc;

use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result};
use migrate_source_mssql::{Bacpac, BacpacOptions, Mssql, MssqlConfig};
use serde_json::{Map, Value};

use super::named::Place;
use super::{Check, Named};

pub(super) fn open(named: &Named, options: &Map<String, Value>, check: Check) -> Result<Arc<dyn Source>> {
    no_options(options)?;
    match &named.place {
        Place::Path(path) => {
            let options = BacpacOptions {
                check: check.into(),
                ..BacpacOptions::default()
            };
            Ok(Arc::new(Bacpac::open(path, options)?))
        }
        Place::Connection(text) => Ok(Arc::new(Mssql::new(MssqlConfig::parse(text)?))),
    }
}

impl From<Check> for migrate_source_mssql::Check {
    fn from(check: Check) -> Self {
        match check {
            Check::BySize => Self::BySize,
            Check::Before => Self::Before,
            Check::While => Self::While,
        }
    }
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
