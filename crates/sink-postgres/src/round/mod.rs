//! Following the source after the first run: rows are staged in the ledger's schema, and brought into their tables in one
//! transaction.

mod apply;
mod lent;
mod pace;
mod quiet;
mod replace;
mod stage;
mod statements;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::Receipt;
use migrate_core::observer::Observer;
use migrate_core::plan::{Plan, TablePlan, TargetName};
use migrate_core::round::{Known, Round, Staged, Staging, TableChanges};
use migrate_core::sink::Sink;
use migrate_core::stored::LaterChanges;
use migrate_pg_client::{During, execute};

use crate::begin;
use crate::connect::PostgresSink;
use crate::ledger::round;
use stage::Stage;

impl PostgresSink {
    /// A round of changes into this database, whose migration is complete.
    pub fn round(self: &Arc<Self>) -> Arc<dyn Round> {
        Arc::new(PostgresRound(Arc::clone(self)))
    }
}

struct PostgresRound(Arc<PostgresSink>);

#[async_trait]
impl Round for PostgresRound {
    async fn begin(&self, plan: &Plan) -> Result<BTreeMap<ObjectName, Known>> {
        let sink = &self.0;
        let progress = begin::begin_round(sink, plan).await?;
        let mut connection = sink.shared.acquire().await?;
        sink.shared.begin(&mut connection).await?;
        let mut checkpoints = round::checkpoints(&mut connection).await?;
        let changes = round::changes(&mut connection).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        sink.shared.release(connection);
        let known = progress.tables.into_iter().map(|(table, chunks)| {
            let mut total = Receipt {
                done: true,
                ..Receipt::default()
            };
            for (_, receipt) in &chunks {
                total.merge(receipt);
            }
            let later: LaterChanges = changes.get(&table).copied().unwrap_or_default();
            total.digest.merge(&later.digest);
            let checkpoint = checkpoints.remove(&table);
            (table, Known { checkpoint, total })
        });
        Ok(known.collect())
    }

    fn staging(&self, what: Staging) -> Arc<dyn Sink> {
        Arc::new(Stage::new(Arc::clone(&self.0), what))
    }

    async fn apply(
        &self,
        plan: &Plan,
        staged: &[Staged],
        observer: &dyn Observer,
    ) -> Result<Vec<TableChanges>> {
        apply::apply(&self.0, plan, staged, observer).await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

/// Where what is staged of a table is.
fn place(table: &TablePlan, kind: &str) -> TargetName {
    let hash = migrate_core::digest::Digest::hash(table.target.quoted().as_bytes()) as u64;
    TargetName {
        schema: "migrate".to_owned(),
        name: format!("{kind}_{hash:016x}"),
    }
}

/// The table of rows that changed.
fn rows_of(table: &TablePlan) -> TargetName {
    place(table, "rows")
}

/// The table of all keys.
fn keys_of(table: &TablePlan) -> TargetName {
    place(table, "keys")
}

/// The table of keys that are gone.
fn gone_of(table: &TablePlan) -> TargetName {
    place(table, "gone")
}

/// The table of places: where a staged row is, and where the row that it replaces. It only lives in the transaction.
fn here_of(table: &TablePlan) -> TargetName {
    place(table, "here")
}
