//! A running SQL Server as a source.

pub(crate) mod catalog;
pub mod config;
pub(crate) mod connect;
pub(crate) mod pool;
pub(crate) mod read;
mod snapshot;
pub(crate) mod split;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wire;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::catalog::{Catalog, ManualObject};
use migrate_core::plan::Plan;
use migrate_core::proof::Answer;
use migrate_core::source::{Capabilities, Snapshot, Source};
use tokio::sync::OnceCell;

use self::catalog::{Discovered, ServerFacts, bracketed};
use self::config::MssqlConfig;
use self::pool::Pool;
use self::read::patience::{Failures, Patience};
use self::read::question;
use self::read::sessions::Sessions;
use self::snapshot::MssqlSnapshot;

/// A database of a running SQL Server (2012 to 2025), of Azure SQL Database or of a Managed Instance as a source.
///
/// A plan's `where` is a condition in T-SQL; the server carries it out, and rows that it leaves out are not read at all.
///
/// Rows are read in the order of a unique key, a range of it for each chunk. Where the database allows it, each chunk is
/// read in a transaction of its own under SNAPSHOT, otherwise under READ COMMITTED, which the catalog then says; never with
/// `NOLOCK`. A connection that breaks, a deadlock and an overloaded server are waited out, and the chunk goes on behind the
/// last row that was delivered. Rows that are written meanwhile may be seen by one chunk and not by another: stop
/// writing, or follow the changes from the positions that each chunk reports.
pub struct Mssql {
    sessions: Arc<dyn Sessions>,
    /// Host and database, without secrets.
    name: String,
    patience: Patience,
    known: OnceCell<Arc<Discovered>>,
}

impl Mssql {
    /// A source for the database. Nothing is connected before something is asked.
    pub fn new(config: MssqlConfig) -> Self {
        let name = config.describe();
        Self {
            sessions: Arc::new(Pool::new(config)),
            name,
            patience: Patience::default(),
            known: OnceCell::new(),
        }
    }

    async fn known(&self) -> Result<Arc<Discovered>> {
        let known = self.known.get_or_try_init(|| async {
            // A server that cannot be reached at all is an error to tell at once.
            let first = self.sessions.take().await?;
            self.sessions.give_back(first);
            let mut failures = Failures::default();
            loop {
                let error = match self.ask().await {
                    Ok(discovered) => return Ok(Arc::new(discovered)),
                    Err(error) => error,
                };
                match failures.next(&self.patience) {
                    Some(wait) if error.is_transient() => tokio::time::sleep(wait).await,
                    _ => return Err(error),
                }
            }
        });
        known.await.cloned()
    }

    async fn ask(&self) -> Result<Discovered> {
        let mut session = self.sessions.take().await?;
        let mut discovered = catalog::discover(session.as_mut(), Some(&*self.sessions), &self.name).await?;
        self.sessions.give_back(session);
        discovered.catalog.manual.extend(moments(&discovered.server));
        Ok(discovered)
    }
}

impl fmt::Debug for Mssql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mssql")
            .field("at", &self.name)
            .finish_non_exhaustive()
    }
}

/// What has to be done for a chunk to be of one moment, where the database does not allow it.
fn moments(server: &ServerFacts) -> Option<ManualObject> {
    if server.snapshot_isolation || server.read_only {
        return None;
    }
    let seen = if server.read_committed_snapshot {
        "each query reads one moment, but a chunk whose connection breaks goes on at a later one"
    } else {
        "rows that are moved to another key while they are read may be seen twice or not at all"
    };
    Some(ManualObject {
        kind: "consistent reading".to_owned(),
        name: server.database.clone(),
        definition: format!(
            "alter database {} set allow_snapshot_isolation on",
            bracketed(&server.database)
        ),
        reason: format!(
            "the database does not allow SNAPSHOT isolation, so that rows are read under READ COMMITTED: {seen}. Allow it, \
             or let nobody write while the copy runs"
        ),
    })
}

#[async_trait]
impl Source for Mssql {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            filter: true,
            ..Capabilities::default()
        }
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(self.known().await?.catalog.clone())
    }

    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
        let known = self.known().await?;
        let snapshot = MssqlSnapshot::begin(Arc::clone(&self.sessions), known, plan, self.patience).await?;
        Ok(Arc::new(snapshot))
    }

    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        let snapshot = self.known().await?.server.snapshot_isolation;
        let mut session = self.sessions.take().await?;
        let answer = question::answer(session.as_mut(), snapshot, query, limit).await?;
        self.sessions.give_back(session);
        Ok(Some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::catalog::Engine;

    #[test]
    fn what_snapshot_isolation_would_change_is_said() {
        let mut server = ServerFacts {
            database: "a]b".into(),
            major: 16,
            engine: Engine::Server,
            snapshot_isolation: false,
            read_committed_snapshot: false,
            read_only: false,
            collation: None,
        };
        let work = moments(&server).unwrap();
        assert_eq!(
            work.definition,
            "alter database [a]]b] set allow_snapshot_isolation on"
        );
        assert!(
            work.reason.contains("may be seen twice or not at all"),
            "{}",
            work.reason
        );
        server.read_committed_snapshot = true;
        assert!(
            moments(&server)
                .unwrap()
                .reason
                .contains("each query reads one moment")
        );
        server.read_only = true;
        assert_eq!(moments(&server), None);
        server.read_only = false;
        server.snapshot_isolation = true;
        assert_eq!(moments(&server), None);
    }
}
