//! Reading ahead: a task asks the server for the next batch while the last one is being worked on.

use std::sync::Arc;

use bson::Timestamp;
use futures::StreamExt;
use migrate_core::{Error, Result};
use mongodb::error::Error as DriverError;
use tokio::sync::mpsc;

use super::patience::Patience;
use super::query::{Progress, Query};
use super::slice::Slice;
use super::store::Shared;
use crate::classify::{code, driver, is_transient, message};
use crate::store::Fields;

/// Bytes that a batch should hold.
const BATCH_BYTES: u64 = 1 << 20;

/// Documents that a batch may hold.
const MOST_DOCUMENTS: u64 = 10_000;

/// Documents in a batch as long as their size is unknown.
const UNKNOWN: u32 = 1000;

/// `SnapshotTooOld`
pub(super) const TOO_OLD: i32 = 239;

/// `SnapshotUnavailable`: too new for a member, or too old after its restart.
pub(super) const UNAVAILABLE: i32 = 246;

/// How often a moment may be unavailable before it is given up.
pub(super) const UNAVAILABLE_LIMIT: u32 = 6;

/// What comes out of a feed.
pub(super) enum Feed {
    /// Documents, and where [`Query::Whole`] is after each.
    Batch(Slice, Vec<Progress>),
    /// The end, and no error.
    End,
}

/// How many documents of that average size to ask for at once.
pub(super) fn batch_size(average: Option<u64>) -> u32 {
    average.map_or(UNKNOWN, |average| {
        (BATCH_BYTES / average.max(1)).clamp(1, MOST_DOCUMENTS) as u32
    })
}

/// The task's state.
pub(super) struct Feeder {
    pub(super) shared: Arc<Shared>,
    pub(super) collection: String,
    pub(super) fields: Fields,
    pub(super) query: Query,
    pub(super) batch: u32,
    pub(super) out: mpsc::Sender<Result<Feed>>,
}

/// Why an attempt stopped.
enum Stop {
    /// Nobody wants more.
    Unwanted,
    /// The cursor's end.
    End,
    /// Another size of batches would be better.
    Resize(u32),
    /// The server did not answer as of the moment that it was asked for.
    Ignored(Timestamp),
}

enum Trouble {
    /// The driver or the server, and the moment that was asked for.
    Driver(DriverError, Option<Timestamp>),
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Feeder {
    /// Reads to the end, through everything that passes.
    pub(super) async fn run(mut self) {
        let last = self.read().await;
        let message = match last {
            Ok(true) => Ok(Feed::End),
            Ok(false) => return,
            Err(error) => Err(error.at("collection", &self.collection)),
        };
        // When nobody listens any more, nobody needs it.
        let _ = self.out.send(message).await;
    }

    /// Whether the end was reached, rather than the reader dropped.
    async fn read(&mut self) -> Result<bool> {
        let mut patience = Patience::new(self.shared.deployment.patience);
        let mut unavailable = 0;
        while !self.query.is_nothing() {
            match self.attempt(&mut patience).await {
                Ok(Stop::Unwanted) => return Ok(false),
                Ok(Stop::End) if self.query.end()? => break,
                Ok(Stop::End) => {}
                Ok(Stop::Resize(batch)) => self.batch = batch,
                Ok(Stop::Ignored(moment)) => {
                    self.shared
                        .moment
                        .give_up(moment, "the server ignores the request");
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Driver(error, moment)) => {
                    if let Some(moment) = moment
                        && self.leaves(moment, &error, &mut unavailable)
                    {
                        continue;
                    }
                    if !is_transient(&error) || !patience.wait().await {
                        return Err(driver("reading", &error));
                    }
                }
            }
        }
        self.shared.check_unchanged(&self.collection).await?;
        Ok(true)
    }

    /// Whether an error is a reason to leave the moment, for everything or for this collection.
    fn leaves(&self, moment: Timestamp, error: &DriverError, unavailable: &mut u32) -> bool {
        match code(error) {
            Some(TOO_OLD) => self.shared.moment.give_up(
                moment,
                "the server keeps its past for minSnapshotHistoryWindowInSeconds only, and forgets it when it is \
                 restarted",
            ),
            Some(UNAVAILABLE) if message(error).contains("capped") => self.shared.moment.leave_out(
                moment,
                &self.collection,
                "this version of the server keeps no past of capped collections",
            ),
            Some(UNAVAILABLE) => {
                *unavailable += 1;
                if *unavailable < UNAVAILABLE_LIMIT {
                    return false;
                }
                self.shared.moment.leave_out(
                    moment,
                    &self.collection,
                    "the server has no past of it, as after a change of its indexes or a restart",
                );
            }
            _ => return false,
        }
        true
    }

    /// Reads on from where the query is, with one cursor.
    async fn attempt(&mut self, patience: &mut Patience) -> Result<Stop, Trouble> {
        let deployment = &self.shared.deployment;
        let (concern, moment) = self.shared.moment.concern(deployment, &self.collection);
        let command = self
            .query
            .command(&self.collection, &self.fields, self.batch, concern)?;
        let failed = |error| Trouble::Driver(error, moment);
        self.query.restart();
        // Whatever goes wrong with a cursor, it is left: only a new one is sure to begin after the last document.
        let mut cursor = deployment.open(command, self.batch).await.map_err(failed)?;
        let mut first = true;
        while let Some(reply) = cursor.next().await {
            let mut slice = Slice::of(reply.map_err(failed)?)?;
            if let (true, Some(moment)) = (first, moment)
                && slice.moment() != Some(moment)
            {
                return Ok(Stop::Ignored(moment));
            }
            first = false;
            let (documents, bytes) = (slice.len() as u64, slice.size() as u64);
            let marks = self.query.accept(&mut slice)?;
            if !slice.is_empty() {
                // What comes again does not count: an attempt has to get further than the last one.
                patience.renew();
                if self.out.send(Ok(Feed::Batch(slice, marks))).await.is_err() {
                    return Ok(Stop::Unwanted);
                }
            }
            if let Some(batch) = self.better_batch(documents, bytes) {
                return Ok(Stop::Resize(batch));
            }
        }
        Ok(Stop::End)
    }

    /// Another size of batches, if documents are so much larger or smaller than expected that it is worth a new cursor.
    fn better_batch(&self, documents: u64, bytes: u64) -> Option<u32> {
        if documents == 0 || !matches!(self.query, Query::Range { .. }) {
            return None;
        }
        let better = batch_size(Some(bytes / documents));
        let too_large = bytes > 4 * BATCH_BYTES && better < self.batch / 4;
        let too_small = documents == u64::from(self.batch) && better / 8 > self.batch;
        (too_large || too_small).then_some(better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_about_a_mebibyte() {
        assert_eq!(batch_size(None), 1000);
        assert_eq!(batch_size(Some(0)), 10_000);
        assert_eq!(batch_size(Some(100)), 10_000);
        assert_eq!(batch_size(Some(1 << 10)), 1024);
        assert_eq!(batch_size(Some(16 << 20)), 1);
    }
}
