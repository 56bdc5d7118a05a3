//! Reading back what was written.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use migrate_core::decode::CopyReader;
use migrate_core::encode::KnownKeys;
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::stored::{LedgerView, Stored, TupleScan, Tuples};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::{self, postgres::PgConnection};
use migrate_pg_client::{During, classify};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::connect::{PostgresSink, Shared};
use crate::copy::columns;
use crate::ddl::reshape;
use crate::ledger::mapping::known_keys;
use crate::ledger::run::Presence;
use crate::ledger::{chunk, quarantine, run, step};

/// Bytes of tuples that are handed over at once.
const HANDFUL: usize = 1 << 20;

#[async_trait]
impl Stored for PostgresSink {
    async fn ledger(&self) -> Result<Option<LedgerView>> {
        let mut connection = self.shared.acquire().await?;
        let view = match run::presence(&mut connection).await? {
            Presence::Ledger => Some(read_ledger(&mut connection).await?),
            Presence::Absent | Presence::Foreign => None,
        };
        self.shared.release(connection);
        Ok(view)
    }

    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        known_keys(&self.shared, plan).await
    }

    async fn scan(&self, table: &TablePlan) -> Result<Box<dyn TupleScan>> {
        let mut connection = self.shared.acquire().await?;
        let rows = match &table.reshape {
            Some(how) if is_reshaped(&mut connection, table).await? => {
                format!("({})", reshape::copied(table, how))
            }
            _ => format!("{}{}", table.target.quoted(), columns(table)),
        };
        let statement = format!("copy {rows} to stdout (format binary)");
        let (full, inbox) = mpsc::channel(1);
        let (spent, empty) = mpsc::channel(2);
        let fields = table.copied().count();
        let task = tokio::spawn(read_out(
            Arc::clone(&self.shared),
            connection,
            statement,
            fields,
            full,
            empty,
        ));
        Ok(Box::new(Scan {
            inbox,
            spent,
            task: Some(task),
            table: table.target.to_string(),
        }))
    }
}

/// Whether the table has its final columns, so that the rows as they were copied have to be put together again.
async fn is_reshaped(connection: &mut PgConnection, table: &TablePlan) -> Result<bool> {
    let done = step::done(connection).await?;
    Ok(done.contains(&reshape::step_id(table)))
}

async fn read_ledger(connection: &mut PgConnection) -> Result<LedgerView> {
    let run = run::read(connection).await?;
    Ok(LedgerView {
        plan: run.plan()?,
        complete: run.finished_at.is_some(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        tables: chunk::read(connection).await?,
        quarantined: quarantine::count(connection).await?,
    })
}

/// A COPY TO that runs in a task, at most two handfuls ahead. Dropping it ends the COPY.
struct Scan {
    inbox: mpsc::Receiver<Tuples>,
    spent: mpsc::Sender<Tuples>,
    task: Option<JoinHandle<Result<()>>>,
    table: String,
}

#[async_trait]
impl TupleScan for Scan {
    async fn next(&mut self, out: &mut Tuples) -> Result<bool> {
        if let Some(next) = self.inbox.recv().await {
            // The memory goes back to be filled again; if it is not wanted any more, it is freed.
            let _ = self.spent.try_send(std::mem::replace(out, next));
            return Ok(true);
        }
        out.clear();
        match self.task.take() {
            None => Ok(false),
            Some(task) => {
                let outcome = task.await.unwrap_or_else(|e| {
                    Err(Error::new(
                        ErrorKind::Internal,
                        "the reading of a table stopped without a reason",
                    )
                    .because(e))
                });
                outcome.map(|()| false).map_err(|e| e.at("table", &self.table))
            }
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Why a table cannot be read back. That it is not there any more, or not all of it, is a finding and no failure.
fn unreadable(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|e| e.code());
    let gone = code.is_some_and(|c| matches!(&*c, "3F000" | "42P01" | "42703"));
    let error = classify(error, During::Rows);
    if !gone {
        return error;
    }
    Error::destination(ErrorKind::Mismatch, error.to_string())
        .hint("somebody dropped or renamed it: put it back, or begin anew with `migrate clean --data`")
}

async fn read_out(
    shared: Arc<Shared>,
    mut connection: PgConnection,
    statement: String,
    fields: usize,
    full: mpsc::Sender<Tuples>,
    mut empty: mpsc::Receiver<Tuples>,
) -> Result<()> {
    let mut reader = CopyReader::new(fields);
    let mut tuples = Tuples::default();
    {
        let mut stream = connection.copy_out_raw(&statement).await.map_err(unreadable)?;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(unreadable)?;
            reader.read(&piece, |tuple| {
                tuples.bytes.extend_from_slice(tuple);
                tuples.ends.push(tuples.bytes.len());
                Ok(())
            })?;
            if tuples.bytes.len() >= HANDFUL {
                let mut next = empty.try_recv().unwrap_or_default();
                next.clear();
                if full.send(std::mem::replace(&mut tuples, next)).await.is_err() {
                    // Nobody listens: closing the connection ends the COPY.
                    return Ok(());
                }
            }
        }
    }
    reader.finish()?;
    if !tuples.ends.is_empty() && full.send(tuples).await.is_err() {
        return Ok(());
    }
    shared.release(connection);
    Ok(())
}
