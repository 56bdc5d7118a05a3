//! Writing `.bacpac` files.
//!
//! A `.bacpac` is a zip (an Open Packaging Conventions package) with the schema as XML, one or more bulk-copy files
//! for every table that has rows, and checksums. Describe the database with a [`DatabaseSpec`], then stream rows into a
//! [`BacpacWriter`]:
//!
//! ```
//! use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
//!
//! let table = TableSpec::new("dbo", "Colour")
//!     .column(ColumnSpec::new("id", SqlType::Int).not_null())
//!     .column(ColumnSpec::new("name", SqlType::NVarChar(Some(20))))
//!     .primary_key("PK_Colour", &["id"]);
//! let database = DatabaseSpec::new("Paint").table(table);
//!
//! let mut file = BacpacWriter::new(std::io::Cursor::new(Vec::new()), database, Options::default())?;
//! file.table_rows("dbo", "Colour", 1000, [
//!     vec![Cell::Int(1), Cell::text("rouge")],
//!     vec![Cell::Int(2), Cell::Null],
//! ])?;
//! let bytes = file.finish()?.into_inner();
//! assert_eq!(bytes[..4], *b"PK\x03\x04");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The output depends on nothing but the calls: zip times and identifiers are fixed.

mod cell;
mod encode;
mod model;
mod origin;
mod package;
mod spec;
mod table;
mod types;
pub mod variant;
mod xml;

pub use cell::Cell;
pub(crate) use encode::mixed_endian;
pub use encode::{Layout, RowEncoder, TimeBytes};
pub use package::{BacpacWriter, Options, RowWriter, part_name};
pub use spec::{
    AliasType, DatabaseSpec, Description, FunctionSpec, ProcedureSpec, SequenceSpec, TriggerEvents,
    TriggerSpec, ViewSpec,
};
pub use table::{
    CheckSpec, ColumnSpec, ForeignKeySpec, Identity, IndexColumn, IndexSpec, KeySpec, ReferentialAction,
    TableSpec, Temporal,
};
pub use types::SqlType;
