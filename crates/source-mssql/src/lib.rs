//! SQL Server as a source of migrations.
//!
//! [`Bacpac`] reads `.bacpac` files: the schema, with expressions translated by [`tsql`], and the rows, streamed out of the
//! archive in memory that depends on the largest row and nothing else. [`Mssql`] reads a running server, over TDS. [`types`] is the one table of how types travel;
//! [`clr`] reads what SQL Server stores as opaque bytes.
//!
//! ```no_run
//! use migrate_core::source::Source;
//! use migrate_source_mssql::{Bacpac, BacpacOptions};
//!
//! # async fn example() -> migrate_core::Result<()> {
//! let source = Bacpac::open("crm.bacpac", BacpacOptions::default())?;
//! for table in source.discover().await?.tables {
//!     println!("{}: {:?} rows", table.name, table.rows);
//! }
//! # Ok(())
//! # }
//! ```

pub mod bacpac;
mod classify;
pub mod clr;
pub mod live;
mod schema;
pub mod tsql;
pub mod types;

pub use bacpac::{Bacpac, BacpacOptions, Check};
pub use live::Mssql;
pub use live::config::MssqlConfig;
pub use types::type_table_markdown;
