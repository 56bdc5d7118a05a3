//! The source itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::chunk::{Checkpoint, Chunk, ChunkGoal, Cursor, Position, Receipt};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::proof::Answer;
use migrate_core::source::{Capabilities, ChunkReader, Reach, Snapshot, Source};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::Connector;

use crate::ask::Asker;
use crate::catalog;
use crate::config::PostgresConfig;
use crate::connect::{self, Facts, execute};
use crate::read::{self, Shape};
use crate::snapshot::Exported;
use crate::{changes, split, unchanged};

/// A PostgreSQL database as a source.
pub struct Postgres {
    config: PostgresConfig,
    connector: Connector,
    asker: Asker,
}

impl Postgres {
    /// A source that connects to nothing yet.
    pub fn new(config: PostgresConfig) -> Self {
        Self {
            connector: Connector::reading(config.target.clone()),
            config,
            asker: Asker::default(),
        }
    }

    /// Readers hold transactions open: a pooler that hands each transaction to another server process is no use.
    async fn refuse_pooler(&self, first: &Facts) -> Result<()> {
        let mut second = self.connector.connect().await?;
        let other = connect::facts(&mut second).await?;
        Connector::disconnect(second).await;
        if other.pid != first.pid {
            return Ok(());
        }
        Err(Error::source_side(
            ErrorKind::Unsupported,
            "a pooler in transaction mode stands before the source, and readers need sessions of their own",
        )
        .hint("connect to the server itself or to a pooler in session mode (Supabase: port 5432 instead of 6543)"))
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("target", self.connector.target())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Postgres {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            filter: true,
            changes: true,
            ..Capabilities::default()
        }
    }

    async fn discover(&self) -> Result<Catalog> {
        let mut connection = self.connector.connect().await?;
        let facts = connect::facts(&mut connection).await?;
        self.refuse_pooler(&facts).await?;
        let name = self.connector.target().describe();
        let catalog = catalog::read(&mut connection, &facts, &self.config.options, name).await;
        Connector::disconnect(connection).await;
        catalog
    }

    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
        let exported = Exported::take(&self.connector).await?;
        let mut session = exported.session().await?;
        let facts = connect::facts(&mut session).await?;
        let shapes = read::shapes(&mut session, plan, &facts).await?;
        execute(&mut session, "select 1").await?;
        exported.give_back(session);
        let exported = Arc::new(exported);
        self.asker.see(&exported);
        Ok(Arc::new(PgSnapshot {
            exported,
            major: facts.major(),
            shapes,
        }))
    }

    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        self.asker.ask(&self.connector, query, limit).await.map(Some)
    }
}

/// One reading of the source.
struct PgSnapshot {
    exported: Arc<Exported>,
    major: u32,
    shapes: BTreeMap<ObjectName, Arc<Shape>>,
}

impl PgSnapshot {
    fn shape(&self, table: &TablePlan) -> Result<&Arc<Shape>> {
        self.shapes.get(&table.source).ok_or_else(|| {
            Error::source_side(
                ErrorKind::Internal,
                "a table is read that the snapshot was not taken for",
            )
            .at("table", &table.source)
        })
    }
}

#[async_trait]
impl Snapshot for PgSnapshot {
    fn position(&self) -> Option<Position> {
        self.exported.position.clone()
    }

    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let shape = self.shape(table)?;
        let mut session = self.exported.session().await?;
        let chunks = split::split(&mut session, table, shape, goal, self.major, None).await?;
        self.exported.give_back(session);
        Ok(chunks)
    }

    async fn checkpoint(&self, table: &TablePlan) -> Result<Option<Checkpoint>> {
        let shape = self.shape(table)?;
        let mut session = self.exported.session().await?;
        let mark = changes::mark(&mut session, table, shape.oid, &self.exported.oldest).await?;
        self.exported.give_back(session);
        Ok(Some(mark))
    }

    async fn changes(
        &self,
        table: &TablePlan,
        since: &Checkpoint,
        goal: ChunkGoal,
    ) -> Result<Option<Vec<Chunk>>> {
        let shape = self.shape(table)?;
        let mut session = self.exported.session().await?;
        let since = changes::since(&mut session, table, shape.oid, since).await?;
        let chunks = match since {
            Some(since) => {
                Some(split::split(&mut session, table, shape, goal, self.major, Some(since)).await?)
            }
            None => None,
        };
        self.exported.give_back(session);
        Ok(chunks)
    }

    fn reach(&self, _: &TablePlan) -> Reach {
        Reach {
            by_cursor: false,
            // Blocks cannot be chosen from before PostgreSQL 14, and every part would cost the whole.
            by_split: self.major >= 14,
        }
    }

    async fn holds(&self, table: &TablePlan, chunks: &[(Chunk, Receipt)]) -> Result<bool> {
        let shape = self.shape(table)?;
        let mut session = self.exported.session().await?;
        let holds = unchanged::holds(&mut session, table, shape.oid, chunks).await?;
        self.exported.give_back(session);
        Ok(holds)
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        let shape = self.shape(table)?.for_columns_of(table)?;
        read::start(Arc::clone(&self.exported), shape, table, chunk, after)
    }
}
