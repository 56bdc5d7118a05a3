//! Reading back what was written, and what stands around it.

mod ask;
mod describe;
mod numbering;
mod orphans;
mod parts;
mod replace;
mod rows_as_text;
mod since;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use migrate_core::decode::CopyReader;
use migrate_core::encode::KnownKeys;
use migrate_core::plan::{Plan, TablePlan, TargetName};
use migrate_core::proof::Answer;
use migrate_core::stored::{
    Description, LedgerView, Orphans, ProofNote, QuarantinedRow, Reference, RowChange, Stored, TableParts,
    TupleScan, Tuples,
};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::{self, postgres::PgConnection};
use migrate_pg_client::{During, classify, execute};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::connect::{PostgresSink, Shared};
use crate::copy::columns;
use crate::ddl::reshape;
use crate::ledger::mapping::known_keys;
use crate::ledger::run::Presence;
use crate::ledger::{chunk, event, quarantine, round, run, step};
use crate::oids::{self, TableOids};
use crate::stored::parts::Part;

/// Bytes of tuples that are handed over at once.
const HANDFUL: usize = 256 << 10;

#[async_trait]
impl Stored for PostgresSink {
    async fn ledger(&self) -> Result<Option<LedgerView>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let view = match run::presence(&mut connection).await? {
            Presence::Ledger => Some(read_ledger(&mut connection).await?),
            Presence::Absent | Presence::Foreign => None,
        };
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        if let Some(view) = &view {
            self.shared.set_plan(&view.plan);
        }
        Ok(view)
    }

    async fn known_keys(&self, plan: &Plan) -> Result<KnownKeys> {
        known_keys(&self.shared, plan).await
    }

    async fn scan(&self, table: &TablePlan) -> Result<Box<dyn TupleScan>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let rows = match &table.reshape {
            Some(how) if is_reshaped(&mut connection, table).await? => {
                format!("({})", reshape::copied(table, how))
            }
            _ => format!("{}{}", table.target.quoted(), columns(table)),
        };
        self.start(connection, table, &rows).await
    }

    async fn parts(&self, table: &TablePlan, most: usize) -> Result<TableParts> {
        if table.reshape.is_some() || table.copied().next().is_none() {
            return Ok(TableParts::whole());
        }
        parts::of(&self.shared, table, most).await
    }

    async fn scan_part(&self, table: &TablePlan, part: &str) -> Result<Box<dyn TupleScan>> {
        let Some(part) = Part::read(part)? else {
            return self.scan(table).await;
        };
        let mut connection = self.shared.acquire().await?;
        part.begin(&self.shared, &mut connection).await?;
        self.start(connection, table, &format!("({})", part.query(table)))
            .await
    }

    async fn count(&self, table: &TablePlan) -> Result<u64> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let statement = format!("select count(*) from {}", table.target.quoted());
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .persistent(false)
            .fetch_one(&mut connection)
            .await
            .map_err(|e| unreadable(e).at("table", &table.target))?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(count as u64)
    }

    async fn describe(&self, plan: &Plan) -> Result<Option<Description>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let description = describe::describe(&mut connection, plan).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(Some(description))
    }

    async fn orphans(&self, reference: &Reference, limit: usize) -> Result<Option<Orphans>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let orphans = orphans::find(&mut connection, reference, limit).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(Some(orphans))
    }

    async fn ask(&self, sql: &str, limit: usize) -> Result<Option<Answer>> {
        let mut connection = self.shared.acquire().await?;
        // A connection on which a query failed is closed with its transaction.
        let answer = ask::ask(&self.shared, &mut connection, sql, limit).await?;
        self.shared.release(connection);
        Ok(Some(answer))
    }

    async fn full_reads(&self, sql: &str) -> Result<Vec<(TargetName, u64)>> {
        let mut connection = self.shared.acquire().await?;
        let reads = ask::full_reads(&self.shared, &mut connection, sql).await?;
        self.shared.release(connection);
        Ok(reads)
    }

    async fn written_after(&self, table: &TablePlan, rows: &[&[u8]]) -> Result<Vec<Option<bool>>> {
        if table.reshape.is_some() {
            return Ok(vec![None; rows.len()]);
        }
        let mut connection = self.shared.acquire().await?;
        let answers = since::written_after(&self.shared, &mut connection, table, rows).await?;
        self.shared.release(connection);
        Ok(answers)
    }

    async fn replace(&self, table: &TablePlan, changes: &[RowChange]) -> Result<()> {
        if table.reshape.is_some() {
            return Err(Error::destination(
                ErrorKind::Conflict,
                "its keys were rewritten after the rows were copied, so single rows cannot be copied again",
            ));
        }
        let connection = self.shared.acquire().await?;
        let connection = replace::replace(&self.shared, connection, table, changes).await?;
        self.shared.release(connection);
        Ok(())
    }

    async fn quarantined_rows(&self, limit: usize) -> Result<Vec<QuarantinedRow>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let rows = quarantine::list(&mut connection, limit as i64).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(rows)
    }

    async fn note_proof(&self, note: &ProofNote) -> Result<()> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        event::note_proof(&mut connection, note).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(())
    }
}

impl PostgresSink {
    /// Starts reading rows over a connection whose transaction is open.
    async fn start(
        &self,
        mut connection: PgConnection,
        table: &TablePlan,
        rows: &str,
    ) -> Result<Box<dyn TupleScan>> {
        let oids = oids::of_table(&self.shared, &mut connection, table).await;
        let oids = oids.map_err(|e| e.at("table", &table.target))?;
        let statement = format!("copy {rows} to stdout (format binary)");
        let (full, inbox) = mpsc::channel(1);
        let (spent, empty) = mpsc::channel(2);
        let fields = table.copied().count();
        let task = tokio::spawn(read_out(
            Arc::clone(&self.shared),
            connection,
            statement,
            fields,
            oids,
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
        took: chunk::took(connection).await?,
        proofs: event::proofs(connection).await?,
        changes: round::changes(connection).await?,
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

fn code(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .map(|c| c.into_owned())
}

/// Why a table cannot be read back. That it is not there any more, or not all of it, is a finding and no failure.
fn unreadable(error: sqlx::Error) -> Error {
    let gone = code(&error).is_some_and(|c| matches!(&*c, "3F000" | "42P01" | "42703"));
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
    oids: Option<TableOids>,
    full: mpsc::Sender<Tuples>,
    mut empty: mpsc::Receiver<Tuples>,
) -> Result<()> {
    let mut reader = CopyReader::new(fields);
    let mut tuples = Tuples::default();
    {
        let outcome = connection.copy_out_raw(&statement).await;
        // A partitioned table has no rows of its own: they are its partitions'.
        if matches!(&outcome, Err(e) if code(e).as_deref() == Some("42809")) {
            return Ok(());
        }
        let mut stream = outcome.map_err(unreadable)?;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(unreadable)?;
            reader.read(&piece, |tuple| {
                let start = tuples.bytes.len();
                tuples.bytes.extend_from_slice(tuple);
                if let Some(oids) = &oids {
                    oids.outward(&mut tuples.bytes[start..])?;
                }
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
    execute(&mut connection, "commit", During::Statement).await?;
    shared.release(connection);
    Ok(())
}
