//! What a destination has to do to follow a source after the first run: one round of changes at a time.
//!
//! A round has two parts. Rows that changed since the last one are staged beside their tables, through a [`Sink`] of its
//! own: nothing that anybody reads is touched, and a round that ends there leaves nothing. Then [`Round::apply`]
//! brings all of them into the tables, together with the note that says up to where the source was read, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::catalog::ObjectName;
use crate::chunk::{Checkpoint, Receipt};
use crate::error::Result;
use crate::observer::Observer;
use crate::plan::{Plan, TargetName};
use crate::stored::LaterChanges;

use crate::sink::Sink;

/// What is put beside the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Staging {
    /// Rows that changed.
    Rows,
    /// The keys of all rows.
    Keys,
}

/// A table of a complete migration, as a round finds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Up to where it was read, if that is known.
    pub checkpoint: Option<Checkpoint>,
    /// What all earlier runs wrote of it.
    pub total: Receipt,
}

/// A table whose rows are staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its source name.
    pub table: ObjectName,
    /// Whether all rows are staged rather than those that changed.
    pub whole: bool,
    /// The staged rows, all chunks together.
    pub receipt: Receipt,
    /// The staged keys of all rows, if rows with other keys are to be removed. Those that are there have to be these: one that
    /// got lost would be a row that is removed.
    pub keys: Option<Receipt>,
    /// Up to where the source was read.
    pub checkpoint: Option<Checkpoint>,
}

/// What a round made of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableChanges {
    /// Its source name.
    pub source: ObjectName,
    /// Its name in the destination.
    pub target: TargetName,
    /// Whether it was read whole.
    pub whole: bool,
    /// Rows that the source delivered.
    pub read: u64,
    /// Rows that the source delivered and that stood in the destination already, as they are.
    pub unchanged: u64,
    /// Rows of this round that are in quarantine.
    pub refused: u64,
    /// What was changed.
    #[serde(flatten)]
    pub changes: LaterChanges,
    /// How long changing it took.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub took: Duration,
}

pub(crate) fn seconds<S: serde::Serializer>(
    d: &Duration,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64((d.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// One round at a destination.
#[async_trait]
pub trait Round: Send + Sync {
    /// Takes a complete migration of the plan over, for one round, and removes what an earlier round left that did not
    /// come to its end. Holds off any other run until the round is [`close`](Self::close)d or dropped.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the destination holds no complete migration of this plan; nothing was changed then.
    async fn begin(&self, plan: &Plan) -> Result<BTreeMap<ObjectName, Known>>;

    /// A sink that stages: [`Sink::register`] makes room for a table, writers fill it. Its `begin` and `complete` are not for
    /// use.
    fn staging(&self, what: Staging) -> Arc<dyn Sink>;

    /// Brings what is staged into the tables, in one transaction with the checkpoints: all of it or nothing. Each
    /// table's staged rows are read back from it before that is committed.
    ///
    /// # Errors
    /// Any error leaves the destination as it was. After a broken connection the outcome is unknown; the next round finds
    /// one or the other.
    async fn apply(
        &self,
        plan: &Plan,
        staged: &[Staged],
        observer: &dyn Observer,
    ) -> Result<Vec<TableChanges>>;

    /// Lets go of everything that the round holds in the destination.
    async fn close(&self) -> Result<()>;
}
