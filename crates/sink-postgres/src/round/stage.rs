//! A sink beside the tables.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Checkpoint, Chunk, ChunkId, Receipt};
use migrate_core::encode::KnownKeys;
use migrate_core::observer::Observer;
use migrate_core::plan::{Plan, TablePlan, quote_ident};
use migrate_core::round::Staging;
use migrate_core::sink::{ChunkWriter, Completion, Progress, Sink, WriteMode};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::{During, execute};

use super::{keys_of, rows_of};
use crate::connect::PostgresSink;
use crate::copy::Writer;
use crate::ledger::mapping::known_keys;
use crate::ledger::{chunk, run};
use crate::oids;

/// Keys have chunks of their own.
const KEYS: u32 = chunk::LATER + (1 << 29);

/// Takes rows, or keys, of all tables of a round. Its tables are not logged: a server that crashes empties them, and the
/// round is made again.
pub(super) struct Stage {
    sink: Arc<PostgresSink>,
    what: Staging,
}

impl Stage {
    pub(super) fn new(sink: Arc<PostgresSink>, what: Staging) -> Self {
        Self { sink, what }
    }

    fn first(&self) -> u32 {
        match self.what {
            Staging::Rows => chunk::LATER,
            Staging::Keys => KEYS,
        }
    }
}

fn not_for_use() -> Error {
    Error::new(ErrorKind::Internal, "a staging sink only takes rows")
}

#[async_trait]
impl Sink for Stage {
    async fn begin(&self, _: &Plan) -> Result<Progress> {
        Err(not_for_use())
    }

    async fn register(&self, table: &ObjectName, chunks: &[Chunk], _: Option<&Checkpoint>) -> Result<()> {
        let shared = &self.sink.shared;
        let epoch = shared.epoch()?;
        let mut connection = shared.acquire().await?;
        // An error closes the connection, and the transaction with it.
        shared.begin(&mut connection).await?;
        run::hold(&mut connection, epoch).await?;
        // After an error that may pass it is called again, and may find its chunks.
        chunk::forget_staged(&mut connection, table, self.first()).await?;
        chunk::insert(&mut connection, table, chunks, self.first()).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        shared.release(connection);
        Ok(())
    }

    async fn restart(&self, _: &TablePlan) -> Result<()> {
        Err(not_for_use())
    }

    async fn writer(
        &self,
        table: &TablePlan,
        id: &ChunkId,
        mode: WriteMode,
    ) -> Result<(Box<dyn ChunkWriter>, Receipt)> {
        let shared = &self.sink.shared;
        let epoch = shared.epoch()?;
        let mut connection = shared.acquire().await?;
        shared.begin(&mut connection).await?;
        let id = ChunkId {
            table: id.table.clone(),
            ordinal: self.first() + id.ordinal,
        };
        let opened = chunk::open(&mut connection, &id, epoch).await?;
        let oids = oids::of_table(shared, &mut connection, table).await?;
        let staged = TablePlan {
            target: match self.what {
                Staging::Rows => rows_of(table),
                Staging::Keys => keys_of(table),
            },
            ..table.clone()
        };
        execute(&mut connection, create(table, &staged), During::Statement).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        let writer = Writer::new(
            Arc::clone(shared),
            connection,
            &staged,
            &id,
            mode,
            epoch,
            &opened,
            oids,
        );
        Ok((Box::new(writer), opened.receipt))
    }

    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        known_keys(&self.sink.shared, plan).await
    }

    async fn complete(&self, _: &Plan, _: &dyn Observer) -> Result<Completion> {
        Err(not_for_use())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// A table with the types of the table's columns and nothing else of it. Two writers may come at once: the epoch's row keeps
/// them apart.
pub(super) fn create(table: &TablePlan, staged: &TablePlan) -> String {
    let columns: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
    format!(
        "select from migrate.table_state where (source_schema, source_name) = ({}, {}) for update;
         create unlogged table if not exists {} as select {} from {} with no data",
        migrate_core::plan::quote_literal(&table.source.schema),
        migrate_core::plan::quote_literal(&table.source.name),
        staged.target.quoted(),
        columns.join(", "),
        table.target.quoted()
    )
}
