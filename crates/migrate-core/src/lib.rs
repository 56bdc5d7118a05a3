//! Model, plan, tuple codec, pipeline and traits for moving whole databases into PostgreSQL.
//!
//! A [`Source`](source::Source) says what it holds, the [`planner`] makes a [`Plan`](plan::Plan) of that and of what a
//! person decided, and the [`pipeline`] carries the plan out into a [`Sink`](sink::Sink). This crate knows no driver; a
//! source and a sink in [`memory`] show how the parts fit:
//!
//! ```
//! use std::sync::Arc;
//!
//! use migrate_core::memory::{Cell, MemorySink, MemorySource};
//! use migrate_core::{catalog::ObjectName, mapping::Mapping, observer::Silent, pg_type::PgType};
//! use migrate_core::{pipeline, plan::Target, planner, source::Source};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> migrate_core::Result<()> {
//! let person = ObjectName::new("dbo", "Person");
//! let columns = [("Id", PgType::Int4), ("FirstName", PgType::Varchar(Some(50)))];
//! let rows = vec![vec![Cell::Int(1), Cell::Text("Ada".into())], vec![Cell::Int(2), Cell::Null]];
//! let source = MemorySource::new("crm").table(person.clone(), &columns, rows);
//! let sink = MemorySink::new();
//!
//! let catalog = source.discover().await?;
//! let mapping = Mapping::from_toml("naming = \"snake\"\nschemas.dbo = \"public\"")?;
//! let plan = Arc::new(planner::plan(&catalog, &mapping, &Target::default())?);
//! assert_eq!(plan.tables[0].target.quoted(), r#""public"."person""#);
//! assert_eq!(plan.tables[0].columns[1].name, "first_name");
//!
//! // Whatever stops a run, the same call goes on where it stopped.
//! let (from, to) = (Arc::new(source), Arc::new(sink.clone()));
//! let (options, cancel) = (pipeline::Options::default(), CancellationToken::new());
//! let report = pipeline::run(from, to, plan, options, Arc::new(Silent), cancel).await?;
//! assert!(report.is_clean());
//! assert_eq!(report.total().read, 2);
//! // Rows are kept as PostgreSQL's COPY tuples: two fields, of which the first is the four bytes of 1.
//! assert_eq!(sink.rows(&person)[0], b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x03Ada");
//! # Ok(())
//! # }
//! ```

pub mod batch;
pub mod catalog;
pub mod chunk;
pub mod declared;
pub mod decode;
pub mod digest;
pub mod encode;
pub mod error;
pub mod mapping;
pub mod memory;
pub mod naming;
pub mod observer;
pub mod oids;
pub mod pg_type;
pub mod pipeline;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod proof;
pub mod retry;
pub mod round;
pub mod sink;
pub mod source;
pub mod staging;
pub mod stored;
pub mod supabase;
mod target;
pub mod template;
pub mod value;

pub use error::{Error, ErrorKind, Result, Side};
