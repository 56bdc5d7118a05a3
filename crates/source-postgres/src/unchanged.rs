//! Whether rows that were read under an earlier snapshot are still what a later one shows at the same places.
//!
//! A part of a table holds the same rows if it lies in the same file, if no row in it was written by a transaction that the
//! earlier snapshot may not have seen as ended, and if it holds as many rows as were read: rows are never changed in
//! place, so nothing was added, and what is as many as before has lost nothing. This reads the parts once and sends
//! nothing of them.

use migrate_core::Result;
use migrate_core::chunk::{Chunk, Receipt};
use migrate_core::plan::TablePlan;
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;

use crate::connect::ask;
use crate::read::{source_name, where_clause};
use crate::split::Token;

#[derive(Deserialize)]
struct Now {
    file: u32,
    next: u64,
}

#[derive(Deserialize)]
struct Rows {
    rows: u64,
    young: u64,
}

/// Beyond this many transactions 32 bits may not tell before from after.
const FAR: u64 = 1 << 30;

/// Whether the receipts hold under the session's snapshot.
pub(crate) async fn holds(
    session: &mut PgConnection,
    table: &TablePlan,
    oid: u32,
    chunks: &[(Chunk, Receipt)],
) -> Result<bool> {
    let question = format!(
        "select coalesce(pg_relation_filenode({oid}), 0)::bigint as file,
                txid_snapshot_xmax(txid_current_snapshot()) as next"
    );
    let Some(now) = ask::<Now>(session, &question).await?.pop() else {
        return Ok(false);
    };
    for (chunk, receipt) in chunks {
        let token = Token::of(chunk)?;
        if token.file != now.file || now.next.saturating_sub(token.before) > FAR {
            return Ok(false);
        }
        if receipt.read == 0 && !receipt.done {
            continue;
        }
        if !receipt.done {
            // Parts have no places in their middle to go on from.
            return Ok(false);
        }
        // No transaction began since: there is nothing to look for.
        if now.next == token.before {
            continue;
        }
        let sql = format!(
            "select count(*) as rows, count(*) filter (where age(xmin) <= (select age('{}'::xid))) as young from only {}{}",
            token.before & u64::from(u32::MAX),
            source_name(table),
            where_clause(table, &token),
        );
        let Some(rows) = ask::<Rows>(session, &sql).await?.pop() else {
            return Ok(false);
        };
        if rows.young > 0 || rows.rows != receipt.read {
            return Ok(false);
        }
    }
    Ok(true)
}
