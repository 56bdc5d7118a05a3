//! PostgreSQL as a source: its whole schema as PostgreSQL prints it, and its rows as it sends them.
//!
//! A [`Postgres`] reads the catalog in a handful of set-based queries, exports one snapshot that all readers share, and
//! passes tuples of COPY BINARY through untouched wherever the plan changes nothing about a table's columns.
//!
//! ```no_run
//! # async fn example() -> migrate_core::Result<()> {
//! use migrate_core::source::Source;
//! use migrate_source_postgres::{Postgres, PostgresConfig};
//! let config = PostgresConfig::parse(&"postgres://reader:secret@db.example.com/shop".to_owned().into())?;
//! let catalog = Postgres::new(config).discover().await?;
//! assert_eq!(catalog.source.kind, "postgres");
//! # Ok(())
//! # }
//! ```

mod ask;
mod catalog;
mod changes;
mod config;
mod connect;
mod read;
mod snapshot;
mod source;
mod split;
mod types;
mod unchanged;

pub use config::{PostgresConfig, PostgresOptions};
pub use source::Postgres;
