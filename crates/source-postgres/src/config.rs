//! Where the source is, and choices of its own.

use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_pg_client::PgTarget;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// A PostgreSQL database to read.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    pub(crate) target: PgTarget,
    pub(crate) options: PostgresOptions,
}

/// The `[options]` of a plan file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresOptions {
    /// Whether the schemas that Supabase keeps for itself (`auth`, `storage` and so on) are taken along.
    pub supabase_schemas: bool,
}

impl PostgresConfig {
    /// Reads a connection string: a URL or libpq's `host=... dbname=...` form.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the text is neither, or names a parameter that does not exist.
    pub fn parse(text: &SecretString) -> Result<Self> {
        let target = PgTarget::parse(text).map_err(|e| e.on(Side::Source))?;
        Ok(Self {
            target,
            options: PostgresOptions::default(),
        })
    }

    /// The same with other choices.
    pub fn with_options(mut self, options: PostgresOptions) -> Self {
        self.options = options;
        self
    }
}

impl PostgresOptions {
    /// Reads the `[options]` of a plan file.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for an option that there is not, or a value that it does not take.
    pub fn from_map(options: &serde_json::Map<String, serde_json::Value>) -> Result<Self> {
        serde_json::from_value(serde_json::Value::Object(options.clone())).map_err(|e| {
            Error::new(
                ErrorKind::Config,
                format!("[options] of a PostgreSQL source: {e}"),
            )
            .on(Side::Source)
            .hint("there is `supabase_schemas` (true or false)")
        })
    }
}
