//! Any two sides against each other, whether a migration joins them or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_core::digest::Digest;
use migrate_core::observer::Observer;
use migrate_core::plan::{Plan, TablePlan, TargetName};
use migrate_core::{ErrorKind, Result};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::compare::Comparison;
use crate::difference::Difference;
use crate::rows::{Readers, Side, TableSide};
use crate::table::Pace;
use crate::workers::{self, Task};

/// One of two sides.
#[derive(Clone)]
pub struct DiffSide {
    /// Which tables and columns it has, under which names and in which types its rows are to be read.
    pub plan: Plan,
    /// Where its rows are.
    pub side: Side,
}

/// How two sides are compared.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Tables compared at the same time.
    pub jobs: usize,
    /// Differing rows shown for each table.
    pub max_differences: usize,
    /// Whether values are shown by their length alone.
    pub mask: bool,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            max_differences: 20,
            mask: false,
        }
    }
}

/// How two sides differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Tables that both have, in the order of the first.
    pub tables: Vec<TableDiff>,
    /// Tables that only the first has.
    pub only_left: Vec<TargetName>,
    /// Tables that only the second has.
    pub only_right: Vec<TargetName>,
    /// How long it took.
    #[serde(serialize_with = "crate::table::seconds")]
    pub took: Duration,
}

impl Diff {
    /// Whether both hold the same tables, columns and rows.
    pub fn is_same(&self) -> bool {
        self.only_left.is_empty() && self.only_right.is_empty() && self.tables.iter().all(TableDiff::is_same)
    }
}

/// How one table differs. In its differences the first side is `expected` and the second `found`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableDiff {
    /// Its name on the first side.
    pub table: TargetName,
    /// Its name on the second side.
    pub other: TargetName,
    /// The first side's rows, over the columns compared.
    pub left: Digest,
    /// The second side's.
    pub right: Digest,
    /// Rows of either side that have no form in PostgreSQL and were not compared.
    pub not_compared: u64,
    /// Columns that were not compared, with the reason.
    pub columns: BTreeMap<String, String>,
    /// Why the table cannot be read, if it cannot.
    pub unreadable: Option<String>,
    /// Rows that differ.
    pub differences: Vec<Difference>,
    /// Whether more rows differ.
    pub more: bool,
}

impl TableDiff {
    /// Whether the rows are the same in all columns of both.
    pub fn is_same(&self) -> bool {
        self.left == self.right
            && self.columns.is_empty()
            && self.unreadable.is_none()
            && self.not_compared == 0
    }
}

/// Compares two sides: tables by name, rows by hash buckets of the first side's key, both read at the same time, once; and
/// once more where rows differ.
///
/// Tables and columns pair up by their names in the plans; those without such a counterpart by names that differ in case,
/// underscores or schema alone. A column that has another type on the other side is not compared, and listed.
///
/// # Errors
/// Whatever reading either side gives. A table that is not there is a result.
pub async fn diff(
    left: DiffSide,
    right: DiffSide,
    options: DiffOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Diff> {
    let started = Instant::now();
    let (pairs, only_left, only_right) = pair_up(&left.plan.tables, &right.plan.tables);
    let pace = Pace::new(options.jobs, pairs.len());
    let tasks = pairs.into_iter().map(|(ours, theirs)| {
        let (mine, other, columns) = align(ours, theirs);
        let sides = (left.side.clone(), right.side.clone());
        let (options, pace) = (options.clone(), pace.clone());
        Task {
            step: format!("compare {}", ours.target),
            table: ours.target.to_string(),
            size: ours.bytes.or(ours.rows).unwrap_or(0),
            work: Box::pin(async move { table_diff(mine, other, columns, sides, options, pace).await }),
        }
    });
    let tables = workers::run(tasks.collect(), options.jobs, &observer, &cancel).await?;
    Ok(Diff {
        tables,
        only_left,
        only_right,
        took: started.elapsed(),
    })
}

async fn table_diff(
    mine: TablePlan,
    other: TablePlan,
    columns: BTreeMap<String, String>,
    sides: (Side, Side),
    options: DiffOptions,
    pace: Pace,
) -> Result<TableDiff> {
    let mut result = TableDiff {
        table: mine.target.clone(),
        other: other.target.clone(),
        left: Digest::default(),
        right: Digest::default(),
        not_compared: 0,
        columns,
        unreadable: None,
        differences: Vec::new(),
        more: false,
    };
    let side = |side, table: TablePlan, readers: &Readers| TableSide {
        side,
        rows: table.rows,
        table: Arc::new(table),
        chunks: None,
        readers: readers.clone(),
    };
    let table = mine.clone();
    let compared = async {
        let left = side(sides.0, mine, &pace.source);
        let right = side(sides.1, other, &pace.destination);
        let mut comparison = Comparison::read(left, right, pace.tables).await?;
        let mut pairs = Vec::new();
        while comparison.has_more() && (pairs.is_empty() || pairs.len() < options.max_differences) {
            pairs.extend(comparison.round().await?);
        }
        Ok::<_, migrate_core::Error>((comparison, pairs))
    };
    match compared.await {
        Ok((comparison, mut pairs)) => {
            result.left = comparison.left();
            result.right = comparison.right();
            result.not_compared = comparison.not_compared();
            result.more = comparison.has_more() || pairs.len() > options.max_differences;
            pairs.truncate(options.max_differences);
            let described = pairs
                .iter()
                .map(|p| p.describe(&table, comparison.key(), options.mask));
            result.differences = described.collect();
        }
        Err(error) if error.kind() == ErrorKind::Mismatch => result.unreadable = Some(error.to_string()),
        Err(error) => return Err(error),
    }
    Ok(result)
}

type Tables<'p> = Vec<(&'p TablePlan, &'p TablePlan)>;

fn pair_up<'p>(
    left: &'p [TablePlan],
    right: &'p [TablePlan],
) -> (Tables<'p>, Vec<TargetName>, Vec<TargetName>) {
    let mut free: Vec<&TablePlan> = right.iter().collect();
    let mut partners: Vec<Option<&TablePlan>> = left
        .iter()
        .map(|table| {
            let at = free.iter().position(|other| other.target == table.target)?;
            Some(free.remove(at))
        })
        .collect();
    for (table, partner) in left.iter().zip(&mut partners) {
        let alike = |other: &&TablePlan| plain(&other.target.name) == plain(&table.target.name);
        // With two candidates a name tells nothing.
        if partner.is_none()
            && free.iter().filter(|other| alike(other)).count() == 1
            && left.iter().filter(alike).count() == 1
            && let Some(at) = free.iter().position(alike)
        {
            *partner = Some(free.remove(at));
        }
    }
    let mut pairs = Vec::new();
    let mut only_left = Vec::new();
    for (table, partner) in left.iter().zip(partners) {
        match partner {
            Some(partner) => pairs.push((table, partner)),
            None => only_left.push(table.target.clone()),
        }
    }
    (
        pairs,
        only_left,
        free.into_iter().map(|t| t.target.clone()).collect(),
    )
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

/// Two tables with the columns that can be compared, in the first one's order; and the others, with the reason.
fn align(ours: &TablePlan, theirs: &TablePlan) -> (TablePlan, TablePlan, BTreeMap<String, String>) {
    let (mut mine, mut other) = (ours.clone(), theirs.clone());
    let mut reasons = BTreeMap::new();
    (mine.columns, other.columns) = (Vec::new(), Vec::new());
    let mut free: Vec<_> = theirs.copied().collect();
    for column in ours.copied() {
        let exact = free.iter().position(|c| c.name == column.name);
        let alike = || free.iter().position(|c| plain(&c.name) == plain(&column.name));
        match exact.or_else(alike).map(|at| free.remove(at)) {
            None => {
                reasons.insert(column.name.clone(), "only the first side has it".to_owned());
            }
            Some(partner) if partner.ty != column.ty => {
                reasons.insert(
                    column.name.clone(),
                    format!("it is {} on one side and {} on the other", column.ty, partner.ty),
                );
            }
            Some(partner) => {
                mine.columns.push(column.clone());
                other.columns.push(partner.clone());
            }
        }
    }
    for column in free {
        reasons.insert(column.name.clone(), "only the second side has it".to_owned());
    }
    // The key is looked up in the first side's columns, and its places serve both.
    (other.primary_key, other.uniques) = (None, Vec::new());
    (mine, other, reasons)
}
