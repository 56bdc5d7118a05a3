//! MongoDB as a source of migrations: a live deployment, or what `mongodump` wrote.
//!
//! [`Mongo`] reads all documents once, proposes tables that a person would have designed ([`MongoOptions`] decides
//! otherwise), and then reads raw BSON into their rows. What no column takes is kept in an overflow column, so that every
//! document can be rebuilt: [`document_from_json`] and its companions are the way back for values that are stored as JSON,
//! [`object_id_of_uuid`] that for keys.
//!
//! ```no_run
//! use migrate_core::source::Source;
//! use migrate_source_mongo::{DumpOptions, Mongo, MongoOptions};
//!
//! # async fn example() -> migrate_core::Result<()> {
//! let source = Mongo::open_dump("dump/crm", &DumpOptions::default(), MongoOptions::default())?;
//! for table in source.discover().await?.tables {
//!     println!("{}: {} columns", table.name, table.columns.len());
//! }
//! # Ok(())
//! # }
//! ```

mod classify;
mod config;
mod dump;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod infer;
mod live;
mod mapping;
mod raw;
mod read;
mod shape;
mod source;
mod store;
mod values;

pub use config::MongoConfig;
pub use dump::{DumpOptions, is_dump};
pub use infer::{CollectionReport, PathReport, describe};
pub use mapping::{
    Choice, KeyType, MongoOptions, NotNull, Nulls, ObjectIdType, Overflow, Polymorphic, Targets, UuidBinary,
};
pub use source::Mongo;
pub use values::{
    document_from_json, object_id_of_uuid, overflow_from_json, type_table_markdown, uuid_of_object_id,
    value_from_json,
};
