//! Which rows changed since an earlier reading.
//!
//! **By `xmin`.** Each row version carries the number of the transaction that wrote it. Of an earlier snapshot its `xmin` is
//! kept: every transaction before it was over then, so that what they wrote was read. A row that was written by that
//! transaction or a later one is read again, whether the earlier snapshot showed it or not: so transactions that were
//! under way then are not missed, however long they took to commit. Row headers hold 32 bits of the number, also those of
//! frozen rows (PostgreSQL's documentation, "Preventing Transaction ID Wraparound Failures"); `age(xmin)` tells the
//! last 2,147,483,648 transactions from each other. A row that is older than those may be read again in vain; beyond
//! half of them nothing is told, and the table is read whole.
//!
//! **By a column.** Rows with the column's last value, less an overlap, and later ones are read. The last value of a
//! `timestamptz` is no value of the table but a moment: before the snapshot is taken, the source is asked since when its
//! oldest open transaction runs. Whatever commits later began then or later, and `now()` in it says so. Of a `timestamp`
//! nobody knows the time zone: the largest value stands for the moment. Of numbers it is the largest one.

use migrate_core::Result;
use migrate_core::chunk::Checkpoint;
use migrate_core::plan::{TablePlan, Watermark, quote_ident, quote_literal};
use migrate_core::{Error, ErrorKind};
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::{Deserialize, Serialize};

use crate::connect::ask;
use crate::read::source_name;

/// Up to where a table was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Every transaction before this one was over, and what it wrote was read.
    before: u64,
    /// The watermark's column with its last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<(String, String)>,
}

/// The rows that are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Since {
    /// Those written by this transaction or a later one.
    Transaction(u64),
    /// Those that meet the condition.
    Condition(String),
}

impl Since {
    pub(crate) fn condition(&self) -> String {
        match self {
            // Of numbers that are no transaction's (0 to 2) the age is endless, and every row is read.
            Self::Transaction(before) => {
                // As a query of its own it is asked once, and not for each row.
                format!(
                    "age(xmin) <= (select age('{}'::xid))",
                    before & u64::from(u32::MAX)
                )
            }
            Self::Condition(condition) => format!("({condition})"),
        }
    }
}

/// When the oldest transaction began that may still commit, as it was before the snapshot was taken.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Oldest {
    /// The moment of the question, in UTC.
    now: String,
    /// Seconds that the oldest transaction has been running then.
    running: f64,
}

/// Where others' transactions cannot be seen, none is taken to run longer than this: seconds.
const UNSEEN: u32 = 3600;

/// A standby does not see its primary's transactions, and a role without the right those of other roles.
pub(crate) fn oldest_question() -> String {
    format!(
        "select to_char(now at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as now,
                greatest(extract(epoch from now - least(
                    now,
                    (select min(xact_start) from pg_stat_activity where pid <> pg_backend_pid()),
                    (select min(prepared) from pg_prepared_xacts)))::float8,
                    case when pg_is_in_recovery() or not pg_has_role('pg_read_all_stats', 'usage')
                         then {UNSEEN} else 0 end) as running
         from (select clock_timestamp() as now) as asked"
    )
}

#[derive(Deserialize)]
struct Transactions {
    before: u64,
    next: u64,
}

const TRANSACTIONS: &str = "
    select txid_snapshot_xmin(txid_current_snapshot()) as before,
           txid_snapshot_xmax(txid_current_snapshot()) as next";

async fn transactions(session: &mut PgConnection) -> Result<Transactions> {
    ask(session, TRANSACTIONS)
        .await?
        .pop()
        .ok_or_else(|| Error::source_side(ErrorKind::Internal, "the source does not tell its snapshot"))
}

#[derive(Deserialize)]
struct Last {
    last: Option<String>,
}

#[derive(Deserialize)]
struct ColumnType {
    name: String,
}

/// Up to where the session's snapshot shows the table.
pub(crate) async fn mark(
    session: &mut PgConnection,
    table: &TablePlan,
    oid: u32,
    oldest: &Oldest,
) -> Result<Checkpoint> {
    let mut mark = Mark {
        before: transactions(session).await?.before,
        column: None,
    };
    if let Some(Watermark::Column { name, .. }) = &table.watermark {
        let ty = column_type(session, oid, name).await?;
        let (now, running) = (quote_literal(&oldest.now), oldest.running);
        let column = quote_ident(name);
        let from = format!(
            "(select max({column}) as last from only {}) as found",
            source_name(table)
        );
        let last = match ty.as_str() {
            // What commits later began then or later.
            "timestamptz" => {
                format!("select ({now}::timestamptz - interval '{running} seconds')::text as last")
            }
            // A row from the future would hide all that follow: no clock shows more than 14 hours beyond UTC.
            "timestamp" => format!(
                "select (least(last, {now}::timestamptz at time zone 'UTC' + interval '14 hours')
                         - interval '{running} seconds')::text as last from {from}"
            ),
            _ => format!("select last::text from {from}"),
        };
        let last = ask::<Last>(session, &last).await?.pop().and_then(|l| l.last);
        mark.column = last.map(|last| (name.clone(), last));
    }
    // Plain data: it always has a text.
    Ok(Checkpoint(serde_json::to_string(&mark).unwrap_or_default()))
}

async fn column_type(session: &mut PgConnection, oid: u32, column: &str) -> Result<String> {
    let question = format!(
        "select t.typname as name from pg_attribute a join pg_type t on t.oid = a.atttypid
         where a.attrelid = {oid} and a.attname = {} and not a.attisdropped",
        quote_literal(column)
    );
    let found = ask::<ColumnType>(session, &question).await?.pop();
    found.map(|t| t.name).ok_or_else(|| {
        Error::source_side(
            ErrorKind::NotFound,
            "the watermark's column is not there any more",
        )
        .at("column", column)
    })
}

/// Beyond this many transactions 32 bits may not tell before from after.
const FAR: u64 = 1 << 30;

/// The rows of the table that changed since; `None` where the table has to be read whole.
pub(crate) async fn since(
    session: &mut PgConnection,
    table: &TablePlan,
    oid: u32,
    mark: &Checkpoint,
) -> Result<Option<Since>> {
    let mark: Mark = serde_json::from_str(&mark.0).map_err(|e| {
        Error::source_side(
            ErrorKind::Internal,
            "a stored checkpoint is not one of this source",
        )
        .because(e)
    })?;
    let now = transactions(session).await?;
    // Transactions that did not happen yet: the source was restored from an earlier state.
    if mark.before > now.next {
        return Ok(None);
    }
    match &table.watermark {
        Some(Watermark::RowVersion) => {
            let near = now.next - mark.before <= FAR;
            Ok(near.then_some(Since::Transaction(mark.before)))
        }
        Some(Watermark::Column { name, overlap }) => {
            let Some((_, last)) = mark.column.as_ref().filter(|(column, _)| column == name) else {
                return Ok(None);
            };
            let ty = column_type(session, oid, name).await?;
            let (column, last) = (quote_ident(name), quote_literal(last));
            let from = match ty.as_str() {
                "timestamptz" | "timestamp" => format!("{last}::{ty} - interval '{overlap} seconds'"),
                _ => format!("{last}::bigint - {overlap}"),
            };
            Ok(Some(Since::Condition(format!(
                "{column} >= {from} or {column} is null"
            ))))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_of_32_bits() {
        assert_eq!(
            Since::Transaction((5 << 32) + 7).condition(),
            "age(xmin) <= (select age('7'::xid))"
        );
        assert_eq!(Since::Condition("a or b".to_owned()).condition(), "(a or b)");
    }
}
