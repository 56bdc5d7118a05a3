//! Proof that source and destination agree, and a verdict: go or no-go.
//!
//! Every row that a migration writes is hashed as the bytes that PostgreSQL will send back for it, and the ledger keeps the
//! sum for each chunk. [`validate()`] reads each table back from the destination, hashes it again and compares: that
//! needs the destination alone. Given the source as well, it reads that again too, and shows the rows and columns that
//! differ with both values. [`repair()`] copies exactly those rows again. [`diff()`] compares any two sides, whether a migration
//! joins them or not.
//!
//! Rows are one of several layers, each of which can be looked at alone ([`Layers`]): the destination's objects against the
//! plan, exact counts, digests, references between tables, and the rules and timed queries of the plan file.
//!
//! Sums of hashes do not depend on the order of rows. The hash is XXH3 with 128 bits: it finds accidents, not forgeries.
//!
//! ```
//! use std::sync::Arc;
//!
//! use migrate_core::memory::{Cell, MemorySink, MemorySource};
//! use migrate_core::{catalog::ObjectName, mapping::Mapping, observer::Silent, pg_type::PgType};
//! use migrate_core::{pipeline, plan::Target, planner, source::Source};
//! use migrate_validate::{DifferenceKind, Options, validate};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> migrate_core::Result<()> {
//! let name = ObjectName::new("dbo", "Item");
//! let rows = (0..100).map(|i| vec![Cell::Int(i), Cell::Int(i * i)]).collect();
//! let source = MemorySource::new("s").table(name.clone(), &[("id", PgType::Int4), ("n", PgType::Int8)], rows);
//! let (source, sink) = (Arc::new(source), MemorySink::new());
//! let plan = planner::plan(&source.discover().await?, &Mapping::default(), &Target::default())?;
//! let (options, cancel) = (pipeline::Options::default(), CancellationToken::new());
//! let stored = Arc::new(sink.clone());
//! pipeline::run(source.clone(), stored.clone(), Arc::new(plan), options, Arc::new(Silent), cancel.clone()).await?;
//!
//! // One bit of one cell: the last byte of the row with the largest key.
//! sink.tamper(&name, |rows| *rows.iter_mut().max().unwrap().last_mut().unwrap() ^= 1);
//!
//! // The destination alone says which table; with the source, which row and column.
//! let found = validate(stored.clone(), None, Options::default(), Arc::new(Silent), cancel.clone()).await?;
//! assert!(!found.agrees());
//! let found = validate(stored, Some(source), Options::default(), Arc::new(Silent), cancel).await?;
//! let [difference] = found.tables[0].differences.as_slice() else { panic!("one row differs") };
//! assert_eq!(difference.key.to_string(), r#"{"id":99}"#);
//! assert_eq!(difference.kind, DifferenceKind::Changed(vec!["n".to_owned()]));
//! assert_eq!(difference.expected.as_ref().unwrap().to_string(), r#"{"n":9801}"#);
//! assert_eq!(difference.found.as_ref().unwrap().to_string(), r#"{"n":9800}"#);
//! assert_eq!(found.verdict.reasons, ["dbo.Item: its rows are not those that were read"]);
//! # Ok(())
//! # }
//! ```

mod buckets;
mod compare;
mod diff;
mod difference;
mod finding;
mod key;
mod options;
mod queries;
mod references;
mod repair;
mod rows;
mod rules;
mod schema;
mod stretch;
mod table;
mod validation;
mod verdict;
mod workers;

pub use diff::{Diff, DiffOptions, DiffSide, TableDiff, diff};
pub use difference::{Difference, DifferenceKind, Origin};
pub use finding::Finding;
pub use options::{Layers, Level, Options, References};
pub use queries::{QueryOutcome, Times};
pub use references::{ReferenceCheck, by_name};
pub use repair::{RepairOptions, TableRepair, repair};
pub use rows::Side;
pub use rules::{Outcome, RuleOutcome};
pub use schema::check_schema;
pub use table::TableValidation;
pub use validation::{Validation, validate};
pub use verdict::Verdict;
