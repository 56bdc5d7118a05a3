//! Proof that source and destination agree: row counts and digests.
//!
//! Every row that a migration writes is hashed as the bytes that PostgreSQL will send back for it, and the ledger keeps the
//! sum for each chunk. [`validate`] reads each table back from the destination, hashes it again and compares: that
//! needs the destination alone. Given the source as well, it reads that again too, and names the rows and columns that
//! differ.
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
//! # Ok(())
//! # }
//! ```

mod locate;
mod table;

use std::sync::Arc;

use migrate_core::observer::{Event, Observer};
use migrate_core::pipeline::Options as ReadOptions;
use migrate_core::source::{Snapshot, Source};
use migrate_core::stored::Stored;
use migrate_core::{Error, ErrorKind, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use locate::{Difference, DifferenceKind};
pub use table::TableValidation;

/// How a validation is carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tables compared at the same time.
    pub jobs: usize,
    /// Differing rows named for each table.
    pub max_differences: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 4,
            max_differences: 20,
        }
    }
}

/// What a validation found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Validation {
    /// Each table of the plan, in its order.
    pub tables: Vec<TableValidation>,
    /// Whether the migration that is validated was complete.
    pub complete: bool,
    /// Rows in quarantine, which by design are not in the tables.
    pub quarantined: u64,
}

impl Validation {
    /// Whether every table agrees.
    pub fn agrees(&self) -> bool {
        self.tables.iter().all(TableValidation::agrees)
    }
}

/// Compares what the destination holds with what its ledger says was read, and with the source if that is given.
///
/// Memory is bounded: a few mebibytes for each job, and in a table that differs about 100,000 rows' hashes more.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if the destination has no ledger; whatever reading either side gives. A disagreement is no
/// error, but a result.
pub async fn validate(
    stored: Arc<dyn Stored>,
    source: Option<Arc<dyn Source>>,
    options: Options,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Validation> {
    let ledger = stored.ledger().await?.ok_or_else(|| {
        Error::destination(
            ErrorKind::Config,
            "the destination has no ledger to validate against",
        )
        .hint("validate before `migrate clean`; the ledger is the schema \"migrate\"")
    })?;
    let ledger = Arc::new(ledger);
    let snapshot: Option<Arc<dyn Snapshot>> = match &source {
        Some(source) => Some(source.snapshot(&ledger.plan).await?),
        None => None,
    };
    let known = if snapshot.is_some() && ledger.plan.uses_known_keys() {
        Arc::new(stored.known_keys(&ledger.plan).await?)
    } else {
        Arc::default()
    };
    let stop = cancel.child_token();
    let mut running: JoinSet<Result<(usize, TableValidation)>> = JoinSet::new();
    let mut results: Vec<Option<TableValidation>> = vec![None; ledger.plan.tables.len()];
    let mut waiting: Vec<usize> = (0..ledger.plan.tables.len()).collect();
    // Largest last, since the vector is emptied from its end.
    waiting.sort_by_key(|&i| ledger.plan.tables.get(i).and_then(|t| t.bytes.or(t.rows)));
    let mut first_error = None;
    loop {
        while running.len() < options.jobs.max(1)
            && first_error.is_none()
            && let Some(index) = waiting.pop()
        {
            let job = table::Job {
                index,
                ledger: Arc::clone(&ledger),
                stored: Arc::clone(&stored),
                snapshot: snapshot.clone(),
                known: Arc::clone(&known),
                max_differences: options.max_differences,
                batch_bytes: ReadOptions::default().batch_bytes,
            };
            let (observer, stop) = (Arc::clone(&observer), stop.clone());
            running.spawn(async move {
                let name = job.name();
                observer.event(&Event::StepStarted {
                    step: format!("validate {name}"),
                });
                let started = std::time::Instant::now();
                let result = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
                    result = job.run() => result.map_err(|e| e.at("table", &name)),
                }?;
                observer.event(&Event::StepDone {
                    step: format!("validate {name}"),
                    took: started.elapsed(),
                });
                Ok((index, result))
            });
        }
        let Some(joined) = running.join_next().await else {
            break;
        };
        match joined
            .unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a validation panicked").because(e)))
        {
            Ok((index, table)) => {
                if let Some(slot) = results.get_mut(index) {
                    *slot = Some(table);
                }
            }
            Err(error) => {
                stop.cancel();
                if first_error
                    .as_ref()
                    .is_none_or(|e: &Error| e.kind() == ErrorKind::Cancelled)
                {
                    first_error = Some(error);
                }
            }
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(Validation {
            tables: results.into_iter().flatten().collect(),
            complete: ledger.complete,
            quarantined: ledger.quarantined,
        }),
    }
}
