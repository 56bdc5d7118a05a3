//! Large tables in parts: ranges of blocks, all read as they were at one moment.

use std::sync::Arc;

use migrate_core::plan::{TablePlan, quote_ident};
use migrate_core::stored::TableParts;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{Connector, During, execute};
use serde::{Deserialize, Serialize};

use super::unreadable;
use crate::connect::{Shared, statement};

/// Blocks below which a part is not worth its question: two mebibytes.
const FEWEST_BLOCKS: i64 = 256;

/// Blocks of an ordinary table; other kinds of relations have no rows of their own.
const BLOCKS: &str = "
    select pg_relation_size(oid) / current_setting('block_size')::int as blocks, pg_export_snapshot() as snapshot
    from pg_class
    where oid = $1::text::regclass and relkind = 'r'";

/// A range of blocks, as a snapshot shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    from: i64,
    /// Before which it ends; the last one is open, for whatever the snapshot shows lies within the blocks of now.
    to: Option<i64>,
    snapshot: String,
}

impl Part {
    /// `None` for the whole table.
    pub(super) fn read(text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(text).map(Some).map_err(|e| {
            Error::destination(ErrorKind::Internal, "a part is not one of this destination").because(e)
        })
    }

    pub(super) async fn begin(&self, shared: &Shared, connection: &mut PgConnection) -> Result<()> {
        shared
            .connector
            .begin_moment(connection, Some(&self.snapshot))
            .await
    }

    pub(super) fn query(&self, table: &TablePlan) -> String {
        let columns: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
        let end = self
            .to
            .map_or_else(String::new, |to| format!(" and ctid < '({to},0)'::tid"));
        format!(
            "select {} from only {} where ctid >= '({},0)'::tid{end}",
            columns.join(", "),
            table.target.quoted(),
            self.from
        )
    }
}

/// The transaction that keeps a snapshot.
struct Holder {
    connection: Option<PgConnection>,
    shared: Arc<Shared>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        let (Some(mut connection), Ok(runtime)) =
            (self.connection.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            match execute(&mut connection, "commit", During::Statement).await {
                Ok(_) => shared.release(connection),
                Err(_) => Connector::disconnect(connection).await,
            }
        });
    }
}

/// Cuts a table into about `most` parts of about the same size.
pub(super) async fn of(shared: &Arc<Shared>, table: &TablePlan, most: usize) -> Result<TableParts> {
    let mut connection = shared.acquire().await?;
    shared.connector.begin_moment(&mut connection, None).await?;
    let found = sqlx::query(BLOCKS)
        .persistent(false)
        .bind(table.target.quoted())
        .fetch_optional(&mut connection)
        .await
        .map_err(|e| unreadable(e).at("table", &table.target))?;
    let holder = |connection| Holder {
        connection: Some(connection),
        shared: Arc::clone(shared),
    };
    let Some(row) = found else {
        drop(holder(connection));
        return Ok(TableParts::whole());
    };
    let blocks: i64 = row.try_get("blocks").map_err(statement)?;
    let snapshot: String = row.try_get("snapshot").map_err(statement)?;
    let count = (blocks / FEWEST_BLOCKS).clamp(1, most.max(1) as i64);
    if count == 1 {
        drop(holder(connection));
        return Ok(TableParts::whole());
    }
    let start =
        |n: i64| i64::try_from(i128::from(blocks) * i128::from(n) / i128::from(count)).unwrap_or(i64::MAX);
    let part = |n: i64| {
        let part = Part {
            from: start(n),
            to: (n + 1 < count).then(|| start(n + 1)),
            snapshot: snapshot.clone(),
        };
        // Plain data of numbers and text: it always has a text.
        serde_json::to_string(&part).unwrap_or_default()
    };
    let parts = (0..count).map(part).collect();
    Ok(TableParts::of_one_moment(parts, Box::new(holder(connection))))
}
