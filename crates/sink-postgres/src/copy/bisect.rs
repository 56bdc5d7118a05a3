//! Finding the rows of a batch that the server refuses.

use std::ops::Range;

use migrate_core::batch::{Batch, COPY_HEADER, COPY_TRAILER, Reject};
use migrate_core::decode::decode_row;
use migrate_core::digest::Digest;
use migrate_core::plan::TablePlan;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self};
use migrate_pg_client::{During, Rejection, classify, execute};
use serde_json::Value as Json;

use super::copy_in;
use super::writer::inward;
use crate::oids::TableOids;

/// Bytes that are sent at once.
const PIECE: usize = 128 << 10;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Rows written.
    pub(super) digest: Digest,
    /// Bytes of their tuples.
    pub(super) bytes: u64,
    /// Rows refused.
    pub(super) rejects: Vec<Reject>,
}

/// Writes a batch, leaving out the rows that the server refuses. The transaction stays good.
///
/// Each attempt stands behind a savepoint. A range that fails is cut at the row that the server complains about, if it
/// says, and in half otherwise; a row is refused only when it fails alone.
pub(super) async fn write(
    connection: &mut PgConnection,
    table: &TablePlan,
    batch: &Batch,
    oids: Option<&TableOids>,
) -> Result<Sorted> {
    let statement = copy_in(table, false);
    let mut sorted = Sorted::default();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    ranges.push(0..batch.rows());
    while let Some(range) = ranges.pop() {
        if range.is_empty() {
            continue;
        }
        let Some(rejection) = attempt(connection, &statement, batch, range.clone(), oids).await? else {
            sorted.bytes += batch.slice(range.clone()).len() as u64;
            if range == (0..batch.rows()) {
                sorted.digest.merge(&batch.digest());
            } else {
                sorted.digest.merge(&batch.digest_of(range));
            }
            continue;
        };
        if range.len() == 1 {
            sorted
                .rejects
                .push(reject(table, batch.row(range.start), rejection)?);
            continue;
        }
        // The last range pushed is taken first, so that rows keep their order.
        for part in cut(&range, rejection.line).into_iter().rev() {
            ranges.push(part);
        }
    }
    Ok(sorted)
}

/// The parts to try next: at most three, all smaller than the range.
fn cut(range: &Range<usize>, line: Option<u64>) -> Vec<Range<usize>> {
    let suspect = line.and_then(|line| {
        range
            .start
            .checked_add(usize::try_from(line).ok()?.checked_sub(1)?)
    });
    match suspect {
        Some(row) if range.contains(&row) => vec![range.start..row, row..row + 1, row + 1..range.end],
        _ => {
            let middle = range.start + range.len() / 2;
            vec![range.start..middle, middle..range.end]
        }
    }
}

/// Copies a range of rows; `Some` if the server refuses one of them.
async fn attempt(
    connection: &mut PgConnection,
    statement: &str,
    batch: &Batch,
    range: Range<usize>,
    oids: Option<&TableOids>,
) -> Result<Option<Rejection>> {
    let own = oids.map(|oids| inward(batch, range.clone(), oids)).transpose()?;
    let tuples = own.as_deref().unwrap_or_else(|| batch.slice(range.clone()));
    execute(connection, "savepoint rows", During::Statement).await?;
    match copy(connection, statement, tuples).await {
        Ok(rows) if rows == range.len() as u64 => {
            execute(connection, "release savepoint rows", During::Statement).await?;
            Ok(None)
        }
        Ok(rows) => Err(miscounted(range.len() as u64, rows)),
        Err(error) => {
            let rejection = Rejection::of(&error).ok_or_else(|| classify(error, During::Copy))?;
            execute(
                connection,
                "rollback to savepoint rows; release savepoint rows",
                During::Statement,
            )
            .await?;
            Ok(Some(rejection))
        }
    }
}

async fn copy(connection: &mut PgConnection, statement: &str, tuples: &[u8]) -> sqlx::Result<u64> {
    let mut copy = connection.copy_in_raw(statement).await?;
    copy.send(COPY_HEADER.as_slice()).await?;
    for piece in tuples.chunks(PIECE) {
        copy.send(piece).await?;
    }
    copy.send(COPY_TRAILER.as_slice()).await?;
    copy.finish().await
}

/// The server counted other rows than were sent.
pub(super) fn miscounted(sent: u64, counted: u64) -> Error {
    Error::destination(
        ErrorKind::Internal,
        format!("{sent} rows were sent and the server counted {counted}"),
    )
}

fn reject(table: &TablePlan, tuple: &[u8], rejection: Rejection) -> Result<Reject> {
    let row = decode_row(table.copied().map(|c| (c.name.as_str(), &c.ty)), tuple)?;
    Ok(Reject {
        column: rejection.column.unwrap_or_default(),
        reason: rejection.reason,
        key: key_of(table, &row),
        row,
    })
}

/// The row's primary key as `name=value` pairs: what a person finds it by in the source.
fn key_of(table: &TablePlan, row: &Json) -> String {
    let Some(key) = &table.primary_key else {
        return String::new();
    };
    let pairs = key
        .columns
        .iter()
        .filter_map(|name| Some(format!("{name}={}", row.get(name)?)));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_into_smaller_ones_without_gaps() {
        assert_eq!(cut(&(10..20), Some(1)), [10..10, 10..11, 11..20]);
        assert_eq!(cut(&(10..20), Some(10)), [10..19, 19..20, 20..20]);
        assert_eq!(cut(&(10..20), Some(11)), [10..15, 15..20]);
        assert_eq!(cut(&(10..20), Some(0)), [10..15, 15..20]);
        assert_eq!(cut(&(10..20), Some(u64::MAX)), [10..15, 15..20]);
        assert_eq!(cut(&(10..12), None), [10..11, 11..12]);
        assert_eq!(cut(&(0..3), None), [0..1, 1..3]);
    }
}
