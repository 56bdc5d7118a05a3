//! The seam over the crate `tiberius`.
//!
//! A result borrows the client that it came from, so both live in one future, [`run`], which puts rows into a [`Link`]
//! and is polled by whoever fetches them. It is no task: dropping the session drops it, and with it the connection.

mod error;
mod login;
mod row;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use ::tiberius::{Client, QueryItem, Row};
use async_trait::async_trait;
use futures::Stream;
use futures::future::{Either, select};
use migrate_core::Result;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_util::compat::Compat;

use self::error::{failed, is_fatal};
pub(crate) use self::login::connect;
use super::{Fetch, Flow, Query, ResultColumn, RowTarget, Session};
use crate::classify;

/// Rows that are read before the target gets them.
const ROWS_AHEAD: usize = 64;
/// How long a cancelled query may take to come to the end of a row and to be acknowledged as cancelled.
const CANCEL_PATIENCE: Duration = Duration::from_secs(3);

/// The driver reads 8 KiB at a time, which is half a packet: what the socket has more of waits in a buffer.
type Driver = Client<Compat<BufReader<TcpStream>>>;
type Run = Pin<Box<dyn Future<Output = (Driver, ::tiberius::Result<Ended>)> + Send>>;

/// How a query ended, if not with an error.
enum Ended {
    Complete,
    /// Cancelled between two rows.
    Cancelled,
    /// Cancelled before its first answer was read: perhaps within it, so that the connection is out of step.
    CancelledEarly,
}

/// What a running query and its session tell each other.
#[derive(Default)]
struct Link {
    columns: Option<Vec<ResultColumn>>,
    rows: VecDeque<Row>,
    /// Whether the query gave way for its session to look at the link.
    gave_way: bool,
    cancelled: bool,
}

type SharedLink = Arc<Mutex<Link>>;

fn with<T>(link: &SharedLink, f: impl FnOnce(&mut Link) -> T) -> T {
    // A panic elsewhere leaves nothing half done here.
    f(&mut link.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) struct TiberiusSession {
    /// The driver, while no query runs.
    client: Option<Driver>,
    /// The query that runs.
    open: Option<Open>,
    patience: Option<Duration>,
    broken: bool,
}

struct Open {
    purpose: &'static str,
    link: SharedLink,
    run: Run,
    /// How the query ended, once it did.
    outcome: Option<::tiberius::Result<Ended>>,
}

impl TiberiusSession {
    fn new(client: Driver, patience: Option<Duration>) -> Self {
        Self {
            client: Some(client),
            open: None,
            patience,
            broken: false,
        }
    }

    fn open(&mut self, query: Query<'_>) -> Result<()> {
        if self.is_broken() {
            return Err(classify::broken(
                query.purpose,
                "an earlier error left it unusable",
            ));
        }
        let Some(client) = self.client.take() else {
            return Err(classify::internal(format!(
                "{}: the session has another query open",
                query.purpose
            )));
        };
        let link = SharedLink::default();
        self.open = Some(Open {
            purpose: query.purpose,
            run: Box::pin(run(client, query.sql.to_owned(), Arc::clone(&link))),
            link,
            outcome: None,
        });
        Ok(())
    }

    /// Lets the query run until `ready` says that there is something to look at, or it ends.
    async fn drive(&mut self, ready: impl Fn(&Link) -> bool) {
        let Self { client, open, .. } = self;
        let Some(open) = open else { return };
        poll_fn(|cx| {
            if open.outcome.is_some() {
                return Poll::Ready(());
            }
            if let Poll::Ready((driver, outcome)) = open.run.as_mut().poll(cx) {
                *client = Some(driver);
                open.outcome = Some(outcome);
                return Poll::Ready(());
            }
            // The query gave way for us to take rows, or it waits for the server, which will wake us.
            if with(&open.link, |link| {
                std::mem::take(&mut link.gave_way) || ready(link)
            }) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Closes a query that has ended, and says how it did.
    fn close(&mut self) -> Result<()> {
        let Some(Open { purpose, outcome, .. }) = self.open.take() else {
            return Ok(());
        };
        match outcome {
            Some(Ok(ended)) => {
                self.broken |= matches!(ended, Ended::CancelledEarly);
                Ok(())
            }
            Some(Err(error)) => {
                self.broken |= is_fatal(&error);
                Err(failed(purpose, error, self.patience))
            }
            None => {
                self.broken = true;
                Err(classify::internal(format!(
                    "{purpose}: the query was closed before its end"
                )))
            }
        }
    }
}

#[async_trait]
impl Session for TiberiusSession {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        self.open(query)?;
        loop {
            self.drive(|link| !link.rows.is_empty()).await;
            let Some(open) = &self.open else { break };
            with(&open.link, |link| link.rows.clear());
            if open.outcome.is_some() {
                break;
            }
        }
        self.close()
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        self.open(query)?;
        self.drive(|link| link.columns.is_some()).await;
        let columns = self
            .open
            .as_ref()
            .and_then(|open| with(&open.link, |link| link.columns.take()));
        match columns {
            Some(columns) => Ok(columns),
            None => {
                // No result; how the batch ended is told now if it failed, else by `fetch`.
                if self
                    .open
                    .as_ref()
                    .is_some_and(|open| matches!(open.outcome, Some(Err(_))))
                {
                    self.close()?;
                }
                Ok(Vec::new())
            }
        }
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        loop {
            let Some(open) = &self.open else {
                return Err(classify::internal("rows are fetched, and no query is open"));
            };
            while let Some(row) = with(&open.link, |link| link.rows.pop_front()) {
                target.begin();
                row.cells()
                    .for_each(|(column, data)| target.value(row::value(column, data)));
                match target.end() {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Pause) => return Ok(Fetch::More),
                    Err(error) => {
                        // Nobody wants the rest, and it is not worth reading.
                        self.open = None;
                        self.broken = true;
                        return Err(error);
                    }
                }
            }
            if open.outcome.is_some() {
                self.close()?;
                return Ok(Fetch::End);
            }
            self.drive(|link| !link.rows.is_empty()).await;
        }
    }

    async fn cancel(&mut self) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        with(&open.link, |link| {
            link.cancelled = true;
            link.rows.clear();
        });
        let settle = async {
            loop {
                self.drive(|link| !link.rows.is_empty()).await;
                let Some(open) = &self.open else { return Ok(()) };
                with(&open.link, |link| link.rows.clear());
                if open.outcome.is_some() {
                    return self.close();
                }
            }
        };
        // Whatever went wrong, the query is given up: with the connection, if need be.
        if tokio::time::timeout(CANCEL_PATIENCE, settle).await.is_err() {
            self.open = None;
            self.broken = true;
        }
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken
    }
}

/// Runs a query, gives its first result's rows to the link, and hands the client back.
async fn run(mut client: Driver, sql: String, link: SharedLink) -> (Driver, ::tiberius::Result<Ended>) {
    let outcome = match deliver(&mut client, sql, &link).await {
        Ok(ended @ (Ended::Cancelled | Ended::CancelledEarly)) => client.cancel_query().await.map(|()| ended),
        other => other,
    };
    (client, outcome)
}

async fn deliver(client: &mut Driver, sql: String, link: &SharedLink) -> ::tiberius::Result<Ended> {
    let cancelled = || with(link, |link| link.cancelled);
    let asked_to_stop = poll_fn(|_| {
        if cancelled() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let stream = match select(asked_to_stop, pin!(client.simple_query(sql))).await {
        Either::Left(_) => return Ok(Ended::CancelledEarly),
        Either::Right((stream, _)) => stream?,
    };
    let mut stream = pin!(stream);
    loop {
        // The driver keeps no part of a row over a stream that is dropped, so a row that was begun is read to its end.
        let mut within_row = false;
        let item = poll_fn(|cx| {
            if cancelled() && !within_row {
                return Poll::Ready(None);
            }
            let item = stream.as_mut().poll_next(cx);
            within_row = item.is_pending();
            item.map(Some)
        })
        .await;
        let waiting = match item {
            None => return Ok(Ended::Cancelled),
            Some(None) => return Ok(Ended::Complete),
            Some(Some(Err(error))) => return Err(error),
            Some(Some(Ok(QueryItem::Metadata(result)))) if result.result_index() == 0 => {
                let columns = result.columns().iter().map(|column| ResultColumn {
                    name: column.name().to_owned(),
                });
                with(link, |link| link.columns = Some(columns.collect()));
                ROWS_AHEAD
            }
            Some(Some(Ok(QueryItem::Row(row)))) if row.result_index() == 0 => with(link, |link| {
                link.rows.push_back(row);
                link.rows.len()
            }),
            Some(Some(Ok(_))) => 0,
        };
        if waiting >= ROWS_AHEAD {
            with(link, |link| link.gave_way = true);
            futures::pending!();
        }
    }
}
