//! The contract of a destination, fulfilled.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Checkpoint, Chunk, ChunkId, Receipt};
use migrate_core::encode::KnownKeys;
use migrate_core::observer::Observer;
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::sink::{ChunkWriter, Completion, Progress, Sink, WriteMode};
use migrate_pg_client::{During, execute};

use crate::connect::PostgresSink;
use crate::copy::Writer;
use crate::ledger::mapping::known_keys;
use crate::ledger::{chunk, event, run};
use crate::{begin, complete, oids};

#[async_trait]
impl Sink for PostgresSink {
    async fn begin(&self, plan: &Plan) -> Result<Progress> {
        begin::begin(self, plan).await
    }

    async fn register(
        &self,
        table: &ObjectName,
        chunks: &[Chunk],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()> {
        let epoch = self.shared.epoch()?;
        let mut connection = self.shared.acquire().await?;
        // An error closes the connection, and the transaction with it.
        self.shared.begin(&mut connection).await?;
        run::hold(&mut connection, epoch).await?;
        chunk::register(&mut connection, table, chunks, checkpoint).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(())
    }

    async fn restart(&self, table: &TablePlan) -> Result<()> {
        let epoch = self.shared.epoch()?;
        let mut connection = self.shared.acquire().await?;
        // An error closes the connection, and the transaction with it.
        self.shared.begin(&mut connection).await?;
        run::hold(&mut connection, epoch).await?;
        let truncate = format!("truncate only {}", table.target.quoted());
        execute(&mut connection, truncate, During::Statement)
            .await
            .map_err(|e| e.at("table", &table.target))?;
        chunk::forget(&mut connection, &table.source).await?;
        let text = format!("{}: its source changed since it was copied in part", table.source);
        event::note(&mut connection, "table restarted", &text).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(())
    }

    async fn writer(
        &self,
        table: &TablePlan,
        chunk: &ChunkId,
        mode: WriteMode,
    ) -> Result<(Box<dyn ChunkWriter>, Receipt)> {
        let epoch = self.shared.epoch()?;
        let mut connection = self.shared.acquire().await?;
        // Committed at once: earlier writers are shut out before this one has written anything.
        self.shared.begin(&mut connection).await?;
        let opened = chunk::open(&mut connection, chunk, epoch).await?;
        let oids = oids::of_table(&self.shared, &mut connection, table).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        let writer = Writer::new(
            Arc::clone(&self.shared),
            connection,
            table,
            chunk,
            mode,
            epoch,
            &opened,
            oids,
        );
        Ok((Box::new(writer), opened.receipt))
    }

    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        known_keys(&self.shared, plan).await
    }

    async fn complete(&self, plan: &Plan, observer: &dyn Observer) -> Result<Completion> {
        complete::complete(self, plan, observer).await
    }

    async fn paused(&self) -> Result<bool> {
        self.is_paused().await
    }

    async fn close(&self) -> Result<()> {
        self.shared.close_idle().await;
        if let Some(lock) = self.lock.lock().await.take() {
            lock.let_go().await;
        }
        Ok(())
    }
}
