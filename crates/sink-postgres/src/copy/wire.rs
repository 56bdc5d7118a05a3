//! One running COPY.
//!
//! The driver lends its connection to a COPY, so the COPY lives in a task that owns the connection. Rows go there in
//! pieces of fixed size through two buffers that travel back and forth: while one is being sent, the other is filled,
//! and nothing else is allocated.

use migrate_core::batch::{COPY_HEADER, COPY_TRAILER};
use migrate_pg_client::sqlx;
use migrate_pg_client::sqlx::postgres::PgConnection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes that are handed over, and sent, at once.
const PIECE: usize = 128 << 10;

/// What the task is told.
enum Order {
    Send(Vec<u8>),
    Finish,
}

/// How a COPY ended.
pub(super) struct Ended {
    /// The connection, if it can go on: with the transaction open, and failed if `outcome` is an error.
    pub(super) connection: Option<PgConnection>,
    /// Rows that the server counted; `None` if the COPY was given up.
    pub(super) outcome: sqlx::Result<Option<u64>>,
}

/// A COPY into a table. Dropping it closes the connection, on which the server gives the transaction up.
pub(super) struct Wire {
    orders: mpsc::Sender<Order>,
    empty: mpsc::Receiver<Vec<u8>>,
    filling: Vec<u8>,
    task: Option<JoinHandle<Ended>>,
}

impl Wire {
    /// Starts the COPY on a connection that has a transaction open.
    pub(super) fn start(connection: PgConnection, statement: String) -> Self {
        let (orders, inbox) = mpsc::channel(1);
        let (outbox, empty) = mpsc::channel(2);
        let task = tokio::spawn(run(connection, statement, inbox, outbox.clone()));
        // The channel has room for both buffers of the COPY: the one here and this one.
        let _ = outbox.try_send(Vec::with_capacity(PIECE));
        let mut filling = Vec::with_capacity(PIECE);
        filling.extend_from_slice(&COPY_HEADER);
        Self {
            orders,
            empty,
            filling,
            task: Some(task),
        }
    }

    /// Sends bytes, as far as they fill pieces. False if the COPY has failed; [`finish`](Self::finish) tells why.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let room = PIECE - self.filling.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
            if self.filling.len() == PIECE && !self.hand_over().await {
                return false;
            }
        }
        true
    }

    async fn hand_over(&mut self) -> bool {
        // Waiting for the empty buffer first keeps the two in step with the network.
        let Some(empty) = self.empty.recv().await else {
            return false;
        };
        let full = std::mem::replace(&mut self.filling, empty);
        self.orders.send(Order::Send(full)).await.is_ok()
    }

    /// Sends what is left and ends the COPY.
    pub(super) async fn finish(mut self) -> Ended {
        // A failure here shows in the outcome.
        let _ = self.send(&COPY_TRAILER).await
            && self.hand_over().await
            && self.orders.send(Order::Finish).await.is_ok();
        self.join().await
    }

    /// Gives the COPY up.
    pub(super) async fn give_up(mut self) -> Ended {
        let (closed, _) = mpsc::channel(1);
        self.orders = closed;
        self.join().await
    }

    async fn join(&mut self) -> Ended {
        let gone = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::NotConnected));
        match self.task.take() {
            Some(task) => task.await.unwrap_or_else(|_| Ended {
                connection: None,
                outcome: Err(gone()),
            }),
            None => Ended {
                connection: None,
                outcome: Err(gone()),
            },
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn run(
    mut connection: PgConnection,
    statement: String,
    mut inbox: mpsc::Receiver<Order>,
    outbox: mpsc::Sender<Vec<u8>>,
) -> Ended {
    let outcome = pump(&mut connection, &statement, &mut inbox, &outbox).await;
    // After an error of the server the connection has read to the end of its answer; after any other, and after a COPY
    // whose end was not as expected, nobody knows what comes next.
    let usable = match &outcome {
        Ok(_) => true,
        Err(Stopped::Failed(e)) => e.as_database_error().is_some(),
        Err(Stopped::OutOfStep(_)) => false,
    };
    Ended {
        connection: usable.then_some(connection),
        outcome: outcome.map_err(|stopped| match stopped {
            Stopped::Failed(e) | Stopped::OutOfStep(e) => e,
        }),
    }
}

enum Stopped {
    Failed(sqlx::Error),
    OutOfStep(sqlx::Error),
}

async fn pump(
    connection: &mut PgConnection,
    statement: &str,
    inbox: &mut mpsc::Receiver<Order>,
    outbox: &mpsc::Sender<Vec<u8>>,
) -> Result<Option<u64>, Stopped> {
    let mut copy = connection.copy_in_raw(statement).await.map_err(Stopped::Failed)?;
    loop {
        match inbox.recv().await {
            Some(Order::Send(mut piece)) => {
                if let Err(e) = copy.send(piece.as_slice()).await {
                    return Err(Stopped::OutOfStep(e));
                }
                piece.clear();
                // There are never more buffers than the channel has places.
                let _ = outbox.try_send(piece);
            }
            Some(Order::Finish) => return copy.finish().await.map(Some).map_err(Stopped::Failed),
            None => {
                return copy
                    .abort("given up")
                    .await
                    .map(|()| None)
                    .map_err(Stopped::OutOfStep);
            }
        }
    }
}
