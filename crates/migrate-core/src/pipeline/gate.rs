//! A pause that somebody asks for in the destination: rows stop at the next place where a chunk can go on from.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::observer::{Event, Observer};
use crate::sink::Sink;

/// How often the destination is asked.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// Open unless somebody paused the migration.
#[derive(Debug)]
pub(super) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open, or the run ends.
    pub(super) async fn pass(&self, stop: &CancellationToken) {
        if !self.is_closed() {
            return;
        }
        let mut state = self.0.subscribe();
        tokio::select! {
            () = stop.cancelled() => {}
            // The sender is here: waiting does not fail.
            _ = state.wait_for(|closed| !closed) => {}
        }
    }

    /// Follows what the destination says, until it is dropped. An answer that fails leaves everything as it is: writers meet
    /// the same failure and know what to do.
    pub(super) async fn watch(&self, sink: &Arc<dyn Sink>, observer: &dyn Observer) {
        loop {
            if let Ok(paused) = sink.paused().await
                && self
                    .0
                    .send_if_modified(|now| std::mem::replace(now, paused) != paused)
            {
                observer.event(&if paused { Event::Paused } else { Event::Resumed });
            }
            tokio::time::sleep(LOOKED_AT).await;
        }
    }
}
