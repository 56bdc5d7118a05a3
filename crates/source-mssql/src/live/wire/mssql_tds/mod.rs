//! The seam over the crate `mssql-tds`, which decodes rows straight into the target.

mod error;
mod login;
mod pin;
mod writer;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ::mssql_tds::connection::tds_client::{BufferedRowPoll, ResultSet, TdsClient};
use ::mssql_tds::core::TdsResult;
use async_trait::async_trait;
use migrate_core::Result;

use self::error::{failed, is_fatal};
pub(crate) use self::login::connect;
use self::writer::Writer;
use super::{Fetch, Flow, Query, ResultColumn, RowTarget, Session};
use crate::classify;

/// How long the server may take to acknowledge that a query was cancelled.
const CANCEL_SECONDS: u32 = 5;

pub(crate) struct TdsSession {
    client: TdsClient,
    /// How long the server may stay silent.
    patience: Option<Duration>,
    /// What the open query is for.
    purpose: Option<&'static str>,
    /// Whether the open query has rows.
    rows: bool,
    columns: usize,
    /// Set while the driver works, so that a call that is dropped on the way leaves it set: nobody knows then where in
    /// the conversation the connection stands.
    busy: bool,
    broken: bool,
    /// Text on its way from a code page.
    scratch: String,
}

impl TdsSession {
    fn new(client: TdsClient, patience: Option<Duration>) -> Self {
        Self {
            client,
            patience,
            purpose: None,
            rows: false,
            columns: 0,
            busy: false,
            broken: false,
            scratch: String::new(),
        }
    }

    /// Turns a driver's result into ours, and remembers what it says about the connection.
    fn settle<T>(&mut self, purpose: &'static str, outcome: Waited<T>) -> Result<T> {
        self.busy = false;
        let error = match outcome {
            Waited::Done(Ok(value)) => return Ok(value),
            Waited::Done(Err(error)) => {
                self.broken |= is_fatal(&error) || self.client.is_connection_dead();
                failed(purpose, error)
            }
            Waited::Silent(after) => {
                self.broken = true;
                classify::silent(purpose, after)
            }
        };
        self.purpose = None;
        Err(error)
    }

    fn begin(&mut self, purpose: &'static str) -> Result<()> {
        if self.is_broken() {
            return Err(classify::broken(purpose, "an earlier error left it unusable"));
        }
        if self.purpose.is_some() {
            return Err(classify::internal(format!(
                "{purpose}: the session has another query open"
            )));
        }
        self.busy = true;
        Ok(())
    }

    /// Delivers rows until the target pauses (`true`) or the first result ends.
    async fn deliver(&mut self, purpose: &'static str, target: &mut dyn RowTarget) -> Result<bool> {
        let Self {
            client,
            patience,
            scratch,
            columns,
            busy,
            ..
        } = self;
        let mut writer = Writer::new(target, scratch);
        let outcome = loop {
            *busy = true;
            // Most rows lie in the driver's buffer already, and need neither a future nor a timer.
            let outcome = match client.try_next_buffered_row_into(&mut writer) {
                Ok(BufferedRowPoll::Complete) => Waited::Done(Ok(true)),
                Ok(BufferedRowPoll::Partial) => {
                    wait(*patience, async {
                        client.finish_row_into(&mut writer).await.map(|()| true)
                    })
                    .await
                }
                Ok(BufferedRowPoll::Pending) => wait(*patience, client.next_row_into(&mut writer)).await,
                Ok(BufferedRowPoll::Exhausted) => Waited::Done(Ok(false)),
                Err(error) => Waited::Done(Err(error)),
            };
            if !matches!(outcome, Waited::Done(Ok(true))) {
                break outcome;
            }
            *busy = false;
            match writer.finish(*columns) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Pause) => return Ok(true),
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        };
        self.settle(purpose, outcome)
    }
}

#[async_trait]
impl Session for TdsSession {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        self.begin(query.purpose)?;
        let client = &mut self.client;
        let run = async {
            client.execute(query.sql.to_owned(), ()).await?;
            client.close_query().await
        };
        let outcome = wait(self.patience, run).await;
        self.settle(query.purpose, outcome)
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        self.begin(query.purpose)?;
        let client = &mut self.client;
        let run = async {
            client.execute(query.sql.to_owned(), ()).await?;
            Ok(client.on_rows() || client.advance_to_rows().await?)
        };
        let outcome = wait(self.patience, run).await;
        self.rows = self.settle(query.purpose, outcome)?;
        self.purpose = Some(query.purpose);
        let columns: Vec<_> = if self.rows {
            let metadata = self.client.get_metadata();
            metadata
                .iter()
                .map(|column| ResultColumn {
                    name: column.column_name.clone(),
                })
                .collect()
        } else {
            Vec::new()
        };
        self.columns = columns.len();
        Ok(columns)
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        let purpose = self
            .purpose
            .ok_or_else(|| classify::internal("rows are fetched, and no query is open"))?;
        if self.is_broken() {
            return Err(classify::broken(purpose, "an earlier error left it unusable"));
        }
        if self.rows && self.deliver(purpose, target).await? {
            return Ok(Fetch::More);
        }
        // An error may still follow the last row: only an answer read to its end is an end.
        self.busy = true;
        let outcome = wait(self.patience, self.client.close_query()).await;
        self.settle(purpose, outcome)?;
        self.purpose = None;
        Ok(Fetch::End)
    }

    async fn cancel(&mut self) -> Result<()> {
        if self.purpose.take().is_none() || self.is_broken() {
            // The server ends the query when it sees the connection close.
            return Ok(());
        }
        self.busy = true;
        let outcome = self.client.cancel_query(CANCEL_SECONDS).await;
        self.busy = false;
        // Whatever went wrong, the query is given up: with the connection, if need be.
        self.broken |= outcome.is_err_and(|error| is_fatal(&error));
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken || self.busy || self.client.is_connection_dead()
    }
}

enum Waited<T> {
    Done(TdsResult<T>),
    Silent(Duration),
}

/// Waits for the driver, but not longer than `patience`. What is ready at once costs no timer.
async fn wait<T>(patience: Option<Duration>, work: impl Future<Output = TdsResult<T>>) -> Waited<T> {
    let mut work = pin!(work);
    if let Poll::Ready(done) = futures::poll!(&mut work) {
        return Waited::Done(done);
    }
    match patience {
        None => Waited::Done(work.await),
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(done) => Waited::Done(done),
            Err(_) => Waited::Silent(limit),
        },
    }
}
