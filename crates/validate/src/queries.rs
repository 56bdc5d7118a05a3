//! The plan's own queries, timed.

use std::time::{Duration, Instant};

use migrate_core::Result;
use migrate_core::plan::TargetName;
use migrate_core::proof::TimedQuery;
use migrate_core::source::Source;
use migrate_core::stored::Stored;
use serde::Serialize;

/// Rows that a timed query hands over.
const ROWS: usize = 1000;

/// Reading a table of fewer rows from end to end is no reason for an index.
const BIG_TABLE: u64 = 10_000;

/// A query and its times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryOutcome {
    /// Its name.
    pub name: String,
    /// In the destination.
    pub destination: Option<Times>,
    /// In the source, where it can be asked and the plan says how.
    pub source: Option<Times>,
    /// Big tables that it reads from end to end, with their rows, as the destination's query planner estimates.
    pub full_reads: Vec<(TargetName, u64)>,
    /// Milliseconds that 95 of 100 runs may take.
    pub limit_ms: Option<u64>,
    /// Why it could not be run.
    pub failed: Option<String>,
}

impl QueryOutcome {
    /// Whether it takes longer than it may.
    pub fn exceeds_limit(&self) -> bool {
        let limit = self.limit_ms.map(Duration::from_millis);
        limit.is_some_and(|limit| self.destination.is_none_or(|t| t.p95 > limit))
    }
}

/// How long a query took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// Runs that were counted.
    pub runs: usize,
    /// What half of the runs took no longer than, in seconds.
    #[serde(serialize_with = "crate::table::seconds")]
    pub p50: Duration,
    /// What 95 of 100 runs took no longer than, in seconds.
    #[serde(serialize_with = "crate::table::seconds")]
    pub p95: Duration,
}

pub(crate) async fn time(
    queries: &[TimedQuery],
    stored: &dyn Stored,
    source: Option<&dyn Source>,
) -> Vec<QueryOutcome> {
    let mut outcomes = Vec::new();
    for query in queries {
        let mut outcome = QueryOutcome {
            name: query.name.clone(),
            destination: None,
            source: None,
            full_reads: Vec::new(),
            limit_ms: query.limit_ms,
            failed: None,
        };
        if let Err(e) = run(query, stored, source, &mut outcome).await {
            outcome.failed = Some(e.to_string());
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn run(
    query: &TimedQuery,
    stored: &dyn Stored,
    source: Option<&dyn Source>,
    outcome: &mut QueryOutcome,
) -> Result<()> {
    let mut took = Vec::new();
    for run in 0..=query.runs.max(1) {
        let started = Instant::now();
        if stored.ask(&query.sql, ROWS).await?.is_none() {
            break;
        }
        if run > 0 {
            took.push(started.elapsed());
        }
    }
    outcome.destination = times(took);
    let full = stored.full_reads(&query.sql).await?;
    outcome.full_reads = full.into_iter().filter(|(_, rows)| *rows >= BIG_TABLE).collect();
    if let (Some(source), Some(text)) = (source, &query.source_sql) {
        let mut took = Vec::new();
        for run in 0..=query.runs.max(1) {
            let started = Instant::now();
            if source.ask(text, ROWS).await?.is_none() {
                break;
            }
            if run > 0 {
                took.push(started.elapsed());
            }
        }
        outcome.source = times(took);
    }
    Ok(())
}

/// The nearest-rank percentiles.
fn times(mut took: Vec<Duration>) -> Option<Times> {
    took.sort_unstable();
    let rank = |percent: usize| took.get((took.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some(Times {
        runs: took.len(),
        p50: rank(50)?,
        p95: rank(95)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_runs_that_were() {
        assert_eq!(times(Vec::new()), None);
        let of = |n: u64| times((1..=n).rev().map(Duration::from_millis).collect()).unwrap();
        assert_eq!((of(1).p50.as_millis(), of(1).p95.as_millis()), (1, 1));
        assert_eq!((of(10).p50.as_millis(), of(10).p95.as_millis()), (5, 10));
        assert_eq!((of(100).p50.as_millis(), of(100).p95.as_millis()), (50, 95));
    }
}
