//! The moment that is read.
//!
//! Servers that keep their past (replica sets and sharded clusters since 5.0) answer reads "as of" a cluster time, for
//! `minSnapshotHistoryWindowInSeconds` (300 by default) after it. A run takes one such time at its beginning and reads
//! every collection as of it. When the servers forget it before the run is over, reading goes on with the current state,
//! from where each reader is, and the run says so: each document that nobody changed meanwhile still comes exactly once;
//! what was changed may come in its later state, and what was inserted or deleted may come or not.
//!
//! A server that does not know snapshot reads may ignore the request without a word. The time is believed only when the
//! reply carries it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, Timestamp, doc};
use futures::StreamExt;
use migrate_core::Result;
use mongodb::error::Error as DriverError;

use super::deployment::{Deployment, Topology};
use super::feed::{UNAVAILABLE, UNAVAILABLE_LIMIT};
use super::patience::Patience;
use super::slice::Slice;
use crate::classify::{code, driver, is_transient};

/// Which state readers see.
#[derive(Debug, Default)]
pub(super) struct Moment {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    moment: Option<Timestamp>,
    /// Collections that are read as they are now.
    without: BTreeSet<String>,
    notes: Vec<String>,
}

impl Moment {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a person should know about how consistent the reading is.
    pub(super) fn notes(&self) -> Vec<String> {
        self.state().notes.clone()
    }

    /// Adds a note, once.
    pub(super) fn note(&self, note: String) {
        let mut state = self.state();
        if !state.notes.contains(&note) {
            state.notes.push(note);
        }
    }

    /// Goes over to the current state, for all readers of this moment.
    pub(super) fn give_up(&self, moment: Timestamp, why: &str) {
        let mut state = self.state();
        if state.moment == Some(moment) {
            state.moment = None;
            state.notes.push(format!(
                "reading goes on with the current state, since the state at the beginning is no longer to be had: {why}"
            ));
        }
    }

    /// Goes over to the current state for one collection.
    pub(super) fn leave_out(&self, moment: Timestamp, collection: &str, why: &str) {
        let mut state = self.state();
        if state.moment != Some(moment) || !state.without.insert(collection.to_owned()) {
            return;
        }
        state.notes.push(format!(
            "{collection} is not read as of the moment of the rest, but each document as it is when its turn comes: {why}"
        ));
    }

    /// Takes the deployment's present time for everything that is read from now on, if it can do that; otherwise a note
    /// says why not. `collection` is any collection of the database.
    pub(super) async fn fix(&self, deployment: &Deployment, collection: &str) -> Result<()> {
        {
            let mut state = self.state();
            state.moment = None;
            state.without.clear();
        }
        let why = if deployment.topology == Topology::Standalone {
            "a server that belongs to no replica set keeps no past".to_owned()
        } else {
            let mut patience = Patience::new(deployment.patience);
            let mut unavailable = 0;
            loop {
                match ask(deployment, collection).await {
                    Ok(Some(moment)) => {
                        self.state().moment = Some(moment);
                        return Ok(());
                    }
                    Ok(None) => break "the server ignores the request".to_owned(),
                    Err(error) if code(&error) == Some(UNAVAILABLE) => {
                        unavailable += 1;
                        if unavailable == UNAVAILABLE_LIMIT || !patience.wait().await {
                            break "the server has no state to read".to_owned();
                        }
                    }
                    Err(error) if is_transient(&error) && patience.wait().await => {}
                    Err(error) => match code(&error) {
                        Some(code) if !is_transient(&error) => {
                            break format!("the server refuses (code {code})");
                        }
                        _ => return Err(driver("asking for the present state", &error)),
                    },
                }
            }
        };
        self.note(format!(
            "collections are not read as of one moment, but each document as it is when its turn comes: {why}"
        ));
        Ok(())
    }

    /// The read concern of a command about a collection, and the moment in it.
    pub(super) fn concern(
        &self,
        deployment: &Deployment,
        collection: &str,
    ) -> (Option<Document>, Option<Timestamp>) {
        let moment = {
            let state = self.state();
            state.moment.filter(|_| !state.without.contains(collection))
        };
        if let Some(time) = moment {
            return (Some(doc! { "level": "snapshot", "atClusterTime": time }), moment);
        }
        let level = deployment.level.as_deref();
        let concern = match (deployment.topology, level) {
            (Topology::Standalone, None) => return (None, None),
            (Topology::Standalone, Some(level)) => doc! { "level": level },
            // What a majority has is never rolled back, so that going on with another member finds the same documents;
            // and no member answers with a state from before this program was started.
            (_, None | Some("majority" | "local")) => {
                let mut concern = doc! { "level": level.unwrap_or("majority") };
                if let Some(time) = deployment.connected {
                    concern.insert("afterClusterTime", Bson::Timestamp(time));
                }
                concern
            }
            (_, Some(level)) => doc! { "level": level },
        };
        (Some(concern), None)
    }
}

/// Reads something as of the present, and returns the time that the reply names.
///
/// The time is asked for and then named, rather than left to the server: of itself, a server answers as of what a
/// majority has, which may be from before the latest writes and before the latest index was made.
async fn ask(deployment: &Deployment, collection: &str) -> Result<Option<Timestamp>, DriverError> {
    let Some(now) = deployment.time().await? else {
        return Ok(None);
    };
    let find = doc! {
        "find": collection, "limit": 1, "singleBatch": true, "projection": { "_id": 1 },
        "readConcern": { "level": "snapshot", "atClusterTime": now },
    };
    let mut cursor = deployment.open(RawDocumentBuf::try_from(&find)?, 1).await?;
    match cursor.next().await {
        Some(batch) => {
            let answered = Slice::of(batch?).map_err(DriverError::custom)?.moment();
            Ok(answered.filter(|answered| *answered == now))
        }
        None => Ok(None),
    }
}
