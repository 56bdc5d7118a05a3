//! A plan as statements. Pure: no connection, no decision.

mod accounts;
mod declared;
mod post;
mod pre;
pub(crate) mod reshape;
mod security;
mod table;

pub(crate) use accounts::{OWN_PROVIDERS, provider};
pub(crate) use post::mapping;
pub use post::post_data;
pub use pre::pre_data;

use migrate_core::declared::DeclaredObject;
use migrate_core::plan::TargetName;

/// One thing to create, or one check to make, as one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// A name that is the same in every run of the plan; the ledger remembers finished steps by it.
    pub id: String,
    /// What it makes, for people.
    pub subject: String,
    /// Statements, separated by semicolons.
    pub sql: String,
    /// When it can be done.
    pub phase: Phase,
    /// The table that it locks, and how.
    pub lock: Option<(TargetName, Lock)>,
    /// The relation that it creates, where the ledger has to know that it did.
    pub creates: Option<TargetName>,
    /// Whether it changes who may do what with something that may have been there before: the ledger has to know how to take
    /// that back.
    pub shared: bool,
}

/// Steps of one phase may run at the same time as far as their locks allow; phases follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Schemas, types, sequences, tables: in order, all in one transaction.
    Before,
    /// New keys for old ones: in order.
    Numbers,
    /// Tables with their final columns: in order, since one may look into another.
    Shape,
    /// Keys and indexes.
    Keys,
    /// What needs all keys and indexes: those of partitions become parts of their tables'.
    Attach,
    /// Statistics, which the checks of foreign keys are planned by.
    Statistics,
    /// Constraints that are not checked yet.
    Constraints,
    /// Checks of constraints against the rows.
    Validation,
    /// Sequences past the largest value.
    Sequences,
    /// Views, in order.
    Views,
    /// What roles may do, and who owns what: in order, the owners last.
    Rights,
    /// Accounts made from rows.
    Accounts,
    /// What would see or send on how the rest is made: publications, event triggers.
    End,
}

impl Phase {
    /// The phases after the rows, in order.
    pub const AFTER: [Self; 12] = [
        Self::Numbers,
        Self::Shape,
        Self::Keys,
        Self::Attach,
        Self::Statistics,
        Self::Constraints,
        Self::Validation,
        Self::Sequences,
        Self::Views,
        Self::Rights,
        Self::Accounts,
        Self::End,
    ];

    /// Whether its steps may run at the same time.
    pub fn is_parallel(self) -> bool {
        matches!(self, Self::Keys | Self::Statistics | Self::Validation)
    }
}

/// How a step locks its table against other steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Other shared ones may run.
    Shared,
    /// Nothing else may run.
    Exclusive,
}

impl Step {
    /// `name` holds quoted identifiers: plain ones could run into each other.
    fn new(kind: &str, name: &str, subject: impl Into<String>, phase: Phase, sql: String) -> Self {
        Self {
            id: format!("{kind} {name}"),
            subject: subject.into(),
            sql,
            phase,
            lock: None,
            creates: None,
            shared: false,
        }
    }

    fn locking(mut self, table: &TargetName, lock: Lock) -> Self {
        self.lock = Some((table.clone(), lock));
        self
    }
}

/// The id of the step that creates an object which the source declares.
pub(crate) fn step_id(object: &DeclaredObject) -> String {
    format!("{} {}", object.kind, object.name)
}

/// `"a", "b"`
fn column_list<S: AsRef<str>>(columns: &[S]) -> String {
    columns
        .iter()
        .map(|c| migrate_core::plan::quote_ident(c.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `; comment on OBJECT is '...'`, or nothing.
fn comment(object: &str, text: Option<&String>) -> String {
    text.map(|text| {
        format!(
            ";\ncomment on {object} is {}",
            migrate_core::plan::quote_literal(text)
        )
    })
    .unwrap_or_default()
}
