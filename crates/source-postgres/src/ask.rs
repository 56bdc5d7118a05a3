//! Queries that a person wrote.

use std::sync::{Arc, PoisonError, Weak};

use migrate_core::Result;
use migrate_core::proof::Answer;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{AssertSqlSafe, Executor, SqlSafeStr};
use migrate_pg_client::{Connector, answer};

use crate::connect::{execute, statement};
use crate::snapshot::{BEGIN, Exported};

/// What a query may take, and that it may write nothing even if it ends its transaction.
const BOUNDS: &str = "set statement_timeout = '600s'; set default_transaction_read_only = on";

/// A session for queries, which waits for the next one: they are timed, and connecting is no part of them.
#[derive(Default)]
pub(crate) struct Asker {
    /// The snapshot taken last. Rows are compared as it shows them, and so are answers as long as it is there.
    latest: std::sync::Mutex<Weak<Exported>>,
    session: tokio::sync::Mutex<Option<Session>>,
}

struct Session {
    connection: PgConnection,
    /// The snapshot that it sees.
    sees: Weak<Exported>,
}

impl Asker {
    /// From now on answers are as this snapshot shows.
    pub(crate) fn see(&self, exported: &Arc<Exported>) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(exported);
    }

    /// Answers one statement with at most `limit` rows.
    pub(crate) async fn ask(&self, connector: &Connector, query: &str, limit: usize) -> Result<Answer> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut held = self.session.lock().await;
        let waiting = held.take().filter(|session| session.sees.ptr_eq(&latest));
        let mut session = match waiting {
            Some(session) => session,
            None => Session {
                connection: open(connector, latest.upgrade().as_deref()).await?,
                sees: latest,
            },
        };
        // Only a single statement can be prepared: nothing is run behind the end of the transaction.
        let sql = AssertSqlSafe(query.to_owned()).into_sql_str();
        (&mut session.connection).prepare(sql).await.map_err(statement)?;
        let answer = answer(&mut session.connection, query, limit)
            .await
            .map_err(statement)?;
        // One on which a query failed is closed, with its transaction.
        *held = Some(session);
        Ok(answer)
    }
}

async fn open(connector: &Connector, exported: Option<&Exported>) -> Result<PgConnection> {
    let mut connection = match exported {
        Some(exported) => exported.fresh_session().await?,
        None => {
            let mut connection = connector.connect().await?;
            execute(&mut connection, BEGIN).await?;
            connection
        }
    };
    execute(&mut connection, BOUNDS).await?;
    Ok(connection)
}
