//! What a plan reads, checked before anything is written.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor, Position};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{ChunkReader, Reach, Snapshot};
use migrate_core::{Error, ErrorKind, Result};

use super::catalog::{Discovered, Storage, TableFacts, bracketed};
use super::read::ask::ask;
use super::read::patience::{Failures, Patience};
use super::read::position::History;
use super::read::select::Selection;
use super::read::sessions::Sessions;
use super::read::token::Token;
use super::read::{Reading, TableReader};
use super::split;
use crate::classify::config;

/// One reading of the database. SQL Server has no snapshot that several connections share, so this fixes what is read and
/// from where changes have to be followed, and each chunk is as consistent as its reader can make it.
pub(super) struct MssqlSnapshot {
    sessions: Arc<dyn Sessions>,
    known: Arc<Discovered>,
    history: History,
    position: Option<Position>,
    patience: Patience,
}

impl MssqlSnapshot {
    pub(super) async fn begin(
        sessions: Arc<dyn Sessions>,
        known: Arc<Discovered>,
        plan: &Plan,
        patience: Patience,
    ) -> Result<Self> {
        for table in &plan.tables {
            let facts = facts(&known, &table.source)?;
            if let Some(error) = known.missing_right(&table.source) {
                return Err(error);
            }
            // The plan's columns are all there and of the kinds that it expects.
            Selection::new(table, facts, None)?;
        }
        let filters = plan
            .tables
            .iter()
            .filter_map(|t| t.filter.as_deref().map(|f| (&t.source, f)));
        let filters: Vec<(&ObjectName, &str)> = filters.collect();
        let mut snapshot = Self {
            sessions,
            known,
            history: History::default(),
            position: None,
            patience,
        };
        let mut failures = Failures::default();
        loop {
            match snapshot.look_around(&filters).await {
                Ok((history, position)) => {
                    (snapshot.history, snapshot.position) = (history, position);
                    return Ok(snapshot);
                }
                Err(error) => snapshot.wait(&mut failures, error).await?,
            }
        }
    }

    /// Lets the server read the plan's conditions, and asks where it is.
    async fn look_around(&self, filters: &[(&ObjectName, &str)]) -> Result<(History, Option<Position>)> {
        let mut session = self.sessions.take().await?;
        for (table, filter) in filters {
            let sql = format!("select top (0) 1 from {} where (\n{filter}\n)", quoted(table));
            match ask(session.as_mut(), "checking a condition of the plan", &sql).await {
                Err(error) if !error.is_transient() && !session.is_broken() => {
                    return Err(
                        config(format!("the server refuses the `where`: {}", error.message()))
                            .at("table", table)
                            .hint("write the condition as T-SQL has it, over the table's own columns"),
                    );
                }
                outcome => outcome?,
            };
        }
        let history = History::find(session.as_mut()).await?;
        let position = history.now(session.as_mut()).await?;
        self.sessions.give_back(session);
        Ok((history, position))
    }

    async fn split_once(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let facts = facts(&self.known, &table.source)?;
        let mut session = self.sessions.take().await?;
        let chunks = split::split(session.as_mut(), table, facts, goal).await?;
        self.sessions.give_back(session);
        Ok(chunks)
    }

    /// Waits out what may pass; gives anything else back.
    async fn wait(&self, failures: &mut Failures, error: Error) -> Result<()> {
        match failures.next(&self.patience) {
            Some(wait) if error.is_transient() => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// `[schema].[table]`
fn quoted(table: &ObjectName) -> String {
    format!("{}.{}", bracketed(&table.schema), bracketed(&table.name))
}

fn facts<'a>(known: &'a Discovered, table: &ObjectName) -> Result<&'a TableFacts> {
    known.tables.get(table).ok_or_else(|| {
        let message = "the plan has a table that the database does not have, or does not show to this login";
        Error::source_side(ErrorKind::NotFound, message)
            .at("table", table)
            .hint("make the plan again, or let the login see the table")
    })
}

#[async_trait]
impl Snapshot for MssqlSnapshot {
    fn position(&self) -> Option<Position> {
        self.position.clone()
    }

    fn reach(&self, _: &TablePlan) -> Reach {
        Reach {
            // Rows are read in the order of a key, which finds them; without one there are no cursors.
            by_cursor: true,
            by_split: false,
        }
    }

    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let mut failures = Failures::default();
        loop {
            match self.split_once(table, goal).await {
                Ok(chunks) => return Ok(chunks),
                Err(error) => self.wait(&mut failures, error).await?,
            }
        }
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        let facts = facts(&self.known, &table.source)?;
        let token = Token::read(chunk)?;
        let reading = Reading {
            sessions: Arc::clone(&self.sessions),
            table: table.source.clone(),
            selection: Selection::new(table, facts, token.key)?,
            range: token.range,
            // A table in memory reads versions on its own, and cannot be read in a transaction under SNAPSHOT.
            snapshot: self.known.server.snapshot_isolation && facts.storage != Storage::Memory,
            history: self.history,
            patience: self.patience,
        };
        Ok(Box::new(TableReader::new(reading, after)?))
    }
}
