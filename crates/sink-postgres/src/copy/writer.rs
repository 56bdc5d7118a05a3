//! A chunk's rows and its receipt, in one transaction.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::{Batch, Reject};
use migrate_core::chunk::{ChunkId, Receipt, Segment, Window, add_conversions};
use migrate_core::digest::Digest;
use migrate_core::plan::TablePlan;
use migrate_core::sink::{ChunkWriter, WriteMode};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{Connector, During, classify, execute};

use super::aside::Aside;
use super::wire::{Ended, Wire};
use super::{bisect, copy_in};
use crate::connect::{Shared, statement};
use crate::ledger::chunk::Opened;
use crate::ledger::{chunk, quarantine};
use crate::oids::TableOids;

/// A chunk opened for writing.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    table: TablePlan,
    chunk: ChunkId,
    mode: WriteMode,
    epoch: i64,
    attempt: i64,
    before: Receipt,
    /// Whether the table is this transaction's to empty and to fill with frozen rows.
    freeze: bool,
    link: Link,
    /// A method was left before its end.
    broken: bool,
    /// Rows of the COPY that is running.
    sent: u64,
    digest: Digest,
    bytes: u64,
    quarantined: u64,
    aside: Aside,
    /// What has to be replaced in values, if something has to.
    oids: Option<TableOids>,
}

/// Where the connection is.
enum Link {
    /// No transaction yet.
    Idle(PgConnection),
    /// In a transaction, with no COPY running.
    Open(PgConnection),
    /// In a transaction, lent to a COPY.
    Copying(Wire),
    /// Lost, or being handed from one to the other.
    Gone,
}

impl Writer {
    /// A writer of a chunk that was just opened.
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: PgConnection,
        table: &TablePlan,
        chunk: &ChunkId,
        mode: WriteMode,
        epoch: i64,
        opened: &Opened,
        oids: Option<TableOids>,
    ) -> Self {
        // Frozen rows are seen by every transaction at once, so the table has to be empty and locked: rows of earlier
        // commits or of other chunks rule it out. Savepoints do too.
        let fresh = opened.alone && opened.receipt == Receipt::default();
        Self {
            freeze: shared.freeze && fresh && mode == WriteMode::Fast,
            shared,
            table: table.clone(),
            chunk: chunk.clone(),
            mode,
            epoch,
            attempt: opened.attempt,
            before: opened.receipt.clone(),
            link: Link::Idle(connection),
            broken: false,
            sent: 0,
            digest: Digest::default(),
            bytes: 0,
            quarantined: 0,
            aside: Aside::default(),
            oids,
        }
    }

    /// Takes the connection, in a transaction with no COPY running.
    async fn open(&mut self) -> Result<PgConnection> {
        match std::mem::replace(&mut self.link, Link::Gone) {
            Link::Open(connection) => Ok(connection),
            Link::Copying(wire) => {
                let Ended { connection, outcome } = wire.finish().await;
                let sent = std::mem::take(&mut self.sent);
                match outcome {
                    Ok(Some(counted)) if counted == sent => connection.ok_or_else(gone),
                    Ok(counted) => Err(bisect::miscounted(sent, counted.unwrap_or_default())),
                    Err(error) => {
                        // The transaction has failed; `abort` ends it.
                        self.link = connection.map_or(Link::Gone, Link::Open);
                        Err(classify(error, During::Copy))
                    }
                }
            }
            Link::Idle(mut connection) => {
                self.shared.begin(&mut connection).await?;
                Ok(connection)
            }
            Link::Gone => Err(gone()),
        }
    }

    async fn write_fast(&mut self, batch: &Batch) -> Result<()> {
        if !matches!(self.link, Link::Copying(_)) {
            let mut connection = self.open().await?;
            let freeze = self.freeze && empty_table(&mut connection, &self.table).await?;
            // A second COPY of this transaction must not empty the table again.
            self.freeze = false;
            self.link = Link::Copying(Wire::start(connection, copy_in(&self.table, freeze)));
        }
        if let Link::Copying(wire) = &mut self.link {
            self.sent += batch.rows() as u64;
            let own;
            let bytes = match &self.oids {
                None => batch.bytes(),
                Some(oids) => {
                    own = inward(batch, 0..batch.rows(), oids)?;
                    &own
                }
            };
            if !wire.send(bytes).await {
                // Ending the COPY tells what happened to it.
                let connection = self.open().await?;
                self.link = Link::Open(connection);
                return Err(Error::destination(
                    ErrorKind::Internal,
                    "the copying stopped without a reason",
                ));
            }
        }
        self.digest.merge(&batch.digest());
        self.bytes += batch.bytes().len() as u64;
        Ok(())
    }

    async fn write_carefully(&mut self, batch: &Batch) -> Result<()> {
        let mut connection = self.open().await?;
        let outcome = bisect::write(&mut connection, &self.table, batch, self.oids.as_ref()).await;
        self.link = Link::Open(connection);
        let sorted = outcome?;
        self.digest.merge(&sorted.digest);
        self.bytes += sorted.bytes;
        self.put_aside(&sorted.rejects).await
    }

    /// Keeps refused rows for quarantine, and sends them there before they become many or large. That ends the COPY;
    /// the next rows begin another one in the same transaction.
    async fn put_aside(&mut self, rejects: &[Reject]) -> Result<()> {
        self.quarantined += rejects.len() as u64;
        if self.aside.keep(rejects) {
            return Ok(());
        }
        let mut connection = self.open().await?;
        let mut outcome = Ok(());
        for part in [self.aside.rejects(), rejects] {
            outcome = quarantine::insert(&mut connection, &self.chunk, part).await;
            if outcome.is_err() {
                break;
            }
        }
        self.link = Link::Open(connection);
        self.aside.clear();
        outcome
    }

    fn place(&self, error: Error) -> Error {
        error.at("chunk", &self.chunk).at("table", &self.table.target)
    }

    async fn commit_inner(&mut self, segment: Segment) -> Result<Receipt> {
        let mut receipt = self.before.clone();
        receipt.read += segment.read;
        receipt.filtered += segment.filtered;
        receipt.quarantined += self.quarantined;
        receipt.digest.merge(&self.digest);
        receipt.bytes += self.bytes;
        receipt.cursor = segment.cursor;
        receipt.done = segment.done;
        add_conversions(&mut receipt.conversions, &segment.conversions);
        if !receipt.balances() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "{} rows read are not {} written, {} in quarantine and {} left out",
                    receipt.read, receipt.digest.rows, receipt.quarantined, receipt.filtered
                ),
            ));
        }
        let mut connection = self.open().await?;
        if let Err(error) = self.note(&mut connection, &receipt, &segment.window).await {
            self.link = Link::Open(connection);
            return Err(error);
        }
        // A connection that fails here is closed: nobody knows what the server did with the transaction.
        execute(&mut connection, "commit", During::Statement).await.map_err(|e| match e.kind() {
            ErrorKind::Connection => {
                e.hint("whether the rows are stored is unknown here; the ledger knows, and the next attempt asks it")
            }
            _ => e,
        })?;
        self.shared.release(connection);
        Ok(receipt)
    }

    /// Writes what stands beside the rows: quarantine and receipt.
    async fn note(&self, connection: &mut PgConnection, receipt: &Receipt, window: &Window) -> Result<()> {
        quarantine::insert(connection, &self.chunk, self.aside.rejects()).await?;
        chunk::close(connection, &self.chunk, self.attempt, self.epoch, receipt, window).await
    }
}

/// Tuples with the destination's numbers of types.
pub(super) fn inward(batch: &Batch, rows: Range<usize>, oids: &TableOids) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(batch.slice(rows.clone()).len());
    for row in rows {
        let start = bytes.len();
        bytes.extend_from_slice(batch.row(row));
        oids.inward(&mut bytes[start..])?;
    }
    Ok(bytes)
}

fn gone() -> Error {
    Error::destination(ErrorKind::Connection, "the connection to the server broke").transient()
}

/// Locks the table, and empties it if it is empty: that makes it this transaction's own. False if somebody else put
/// rows there, which are left alone.
async fn empty_table(connection: &mut PgConnection, table: &TablePlan) -> Result<bool> {
    let name = table.target.quoted();
    execute(
        connection,
        format!("lock table {name} in access exclusive mode"),
        During::Statement,
    )
    .await?;
    let question = sqlx::AssertSqlSafe(format!("select not exists (select from {name})"));
    let empty: bool = sqlx::query_scalar(question)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if empty {
        execute(connection, format!("truncate only {name}"), During::Statement).await?;
    }
    Ok(empty)
}

#[async_trait]
impl ChunkWriter for Writer {
    async fn write(&mut self, batch: &Batch) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(self.place(Error::new(
                ErrorKind::Internal,
                "a write went on after one that failed",
            )));
        }
        let outcome = match (batch.rows(), self.mode) {
            (0, _) => Ok(()),
            (_, WriteMode::Fast) => self.write_fast(batch).await,
            (_, WriteMode::Careful) => self.write_carefully(batch).await,
        };
        let outcome = match outcome {
            Ok(()) if !batch.rejects.is_empty() => self.put_aside(&batch.rejects).await,
            outcome => outcome,
        };
        self.broken = outcome.is_err();
        outcome.map_err(|e| self.place(e))
    }

    async fn commit(mut self: Box<Self>, segment: Segment) -> Result<Receipt> {
        if self.broken {
            return Err(self.place(Error::new(
                ErrorKind::Internal,
                "a commit after a write that failed",
            )));
        }
        let outcome = self.commit_inner(segment).await;
        if outcome.is_err() {
            roll_back(std::mem::replace(&mut self.link, Link::Gone), &self.shared).await;
        }
        outcome.map_err(|e| self.place(e))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        roll_back(std::mem::replace(&mut self.link, Link::Gone), &self.shared).await;
        Ok(())
    }
}

/// Ends the transaction without a trace. A connection that cannot say so is closed, on which the server does the same.
async fn roll_back(link: Link, shared: &Shared) {
    let connection = match link {
        Link::Idle(connection) => return shared.release(connection),
        Link::Open(connection) => Some(connection),
        Link::Copying(wire) => wire.give_up().await.connection,
        Link::Gone => None,
    };
    let Some(mut connection) = connection else { return };
    match execute(&mut connection, "rollback", During::Statement).await {
        Ok(_) => shared.release(connection),
        Err(_) => Connector::disconnect(connection).await,
    }
}
