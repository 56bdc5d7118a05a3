//! A whole validation: layer by layer, cheapest first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_core::observer::Observer;
use migrate_core::proof::Percent;
use migrate_core::source::{Snapshot, Source};
use migrate_core::stored::{LedgerView, ProofNote, QuarantinedRow, Stored};
use migrate_core::{Error, ErrorKind, Result};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::finding::Finding;
use crate::options::{Layers, Options};
use crate::queries::QueryOutcome;
use crate::references::ReferenceCheck;
use crate::rules::RuleOutcome;
use crate::schema::check_schema;
use crate::table::{Job, Pace, TableValidation};
use crate::verdict::{self, Verdict};
use crate::workers::{self, Task};
use crate::{queries, references, rules};

/// Quarantined rows that are listed.
const LISTED: usize = 1000;

/// What a validation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// Go or no-go.
    pub verdict: Verdict,
    /// What was looked at.
    pub layers: Layers,
    /// Each table of the plan, in its order.
    pub tables: Vec<TableValidation>,
    /// Whether the migration that is validated was complete.
    pub complete: bool,
    /// Rows in quarantine, which by design are not in the tables.
    pub quarantined: u64,
    /// The first thousand of them.
    pub quarantined_rows: Vec<QuarantinedRow>,
    /// In what the destination's objects differ from the plan; `None` if nobody looked.
    pub schema: Option<Vec<Finding>>,
    /// References that were looked at.
    pub references: Vec<ReferenceCheck>,
    /// Rules.
    pub rules: Vec<RuleOutcome>,
    /// Timed queries.
    pub queries: Vec<QueryOutcome>,
    /// When an earlier validation found all rows right, if the ledger knows of one.
    pub proven_at: Option<String>,
    /// How long all of it took.
    #[serde(serialize_with = "crate::table::seconds")]
    pub took: Duration,
}

impl Validation {
    /// Whether every table agrees.
    pub fn agrees(&self) -> bool {
        self.tables.iter().all(TableValidation::agrees)
    }
}

/// The ledger, without which there is nothing to validate against.
pub(crate) async fn ledger(stored: &dyn Stored) -> Result<LedgerView> {
    stored.ledger().await?.ok_or_else(|| {
        Error::destination(
            ErrorKind::Config,
            "the destination has no ledger to validate against",
        )
        .hint("validate before `migrate clean`; the ledger is the schema \"migrate\"")
    })
}

/// Compares what the destination holds with what its ledger says was read, and with the source if that is given.
///
/// Memory is bounded: a few mebibytes for each job, and some twenty more for sums and for rows that differ. Nothing is written, unless
/// [`Options::note`] asks for a note in the ledger.
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
    let started = Instant::now();
    let ledger = Arc::new(ledger(stored.as_ref()).await?);
    let layers = options.layers;
    let proof = options.proof.clone().unwrap_or_else(|| ledger.plan.proof.clone());
    let description = if layers.schema || layers.references != crate::References::None {
        unless_cancelled(&cancel, stored.describe(&ledger.plan)).await?
    } else {
        None
    };
    let schema = match &description {
        Some(found) if layers.schema => Some(check_schema(&ledger.plan, found, ledger.complete)),
        _ => None,
    };
    let snapshot: Option<Arc<dyn Snapshot>> = match &source {
        Some(source) if options.read_source => Some(source.snapshot(&ledger.plan).await?),
        _ => None,
    };
    let known = if snapshot.is_some() && ledger.plan.uses_known_keys() {
        Arc::new(stored.known_keys(&ledger.plan).await?)
    } else {
        Arc::default()
    };
    let pace = Pace::new(options.jobs, ledger.plan.tables.len());
    let tasks = ledger.plan.tables.iter().map(|table| {
        let job = Job {
            table: Arc::new(table.clone()),
            ledger: Arc::clone(&ledger),
            stored: Arc::clone(&stored),
            snapshot: snapshot.clone(),
            known: Arc::clone(&known),
            options: options.clone(),
            pace: pace.clone(),
        };
        Task {
            step: format!("validate {}", table.source),
            table: table.source.to_string(),
            size: table.bytes.or(table.rows).unwrap_or(0),
            work: Box::pin(async move { job.run().await }),
        }
    });
    let tables = workers::run(tasks.collect(), options.jobs, &observer, &cancel).await?;
    let others = async {
        let wanted = if ledger.complete {
            references::wanted(&ledger.plan, layers.references, description.as_ref())
        } else {
            // Parents that were not copied yet are no news.
            Vec::new()
        };
        let references = references::check(&stored, wanted).await?;
        let rules = if layers.rules {
            rules::check(&proof.rules, stored.as_ref(), source.as_deref(), options.mask).await
        } else {
            Vec::new()
        };
        let queries = if layers.queries {
            queries::time(&proof.queries, stored.as_ref(), source.as_deref()).await
        } else {
            Vec::new()
        };
        let quarantined_rows = if ledger.quarantined > 0 {
            stored.quarantined_rows(LISTED).await?
        } else {
            Vec::new()
        };
        Ok((references, rules, queries, quarantined_rows))
    };
    let (references, rules, queries, quarantined_rows) = unless_cancelled(&cancel, others).await?;
    let mut found = Validation {
        verdict: Verdict {
            go: false,
            reasons: Vec::new(),
            warnings: Vec::new(),
            wanted: Percent::ALL,
            arrived: 0,
            due: 0,
        },
        layers,
        tables,
        complete: ledger.complete,
        quarantined: ledger.quarantined,
        quarantined_rows,
        schema,
        references,
        rules,
        queries,
        proven_at: ledger
            .proofs
            .iter()
            .rev()
            .map(|p| p.at.clone())
            .find(|at| !at.is_empty()),
        took: Duration::ZERO,
    };
    found.verdict = verdict::draw(&found, proof.success.unwrap_or(Percent::ALL));
    if options.note && layers.digests && ledger.complete {
        let agreed = found.tables.iter().filter(|t| t.agrees());
        let note = ProofNote {
            at: String::new(),
            agreed: agreed.map(|t| t.source.clone()).collect(),
        };
        stored.note_proof(&note).await?;
    }
    found.took = started.elapsed();
    Ok(found)
}

/// Waits, unless somebody says not to.
pub(crate) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        result = work => result,
    }
}
