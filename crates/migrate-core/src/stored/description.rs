//! What a destination says about itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalog::Action;
use crate::plan::TargetName;

/// The objects of a plan as the destination has them. What is not there is missing here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Tables.
    pub tables: BTreeMap<TargetName, TableDescription>,
    /// Stand-alone sequences.
    pub sequences: BTreeMap<TargetName, Numbering>,
    /// Views.
    pub views: BTreeSet<TargetName>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableDescription {
    /// Columns in order.
    pub columns: Vec<ColumnDescription>,
    /// Keys, foreign keys and checks.
    pub constraints: Vec<ConstraintDescription>,
    /// Indexes that belong to no constraint.
    pub indexes: Vec<IndexDescription>,
    /// How identity columns go on numbering.
    pub numbering: BTreeMap<String, Numbering>,
    /// Whether the query planner knows the rows.
    pub statistics: Statistics,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// Its type as SQL, a domain's base type where it has one.
    pub ty: String,
    /// Its domain.
    pub domain: Option<TargetName>,
    /// Its collation, if not its type's.
    pub collation: Option<TargetName>,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Whether it numbers rows.
    pub identity: bool,
    /// Its default, as the server prints it.
    pub default: Option<String>,
    /// The expression that it is computed by, as the server prints it.
    pub generated: Option<String>,
}

/// What a constraint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// A primary key.
    Primary,
    /// A unique constraint.
    Unique,
    /// A foreign key.
    Foreign,
    /// A check.
    Check,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConstraintDescription {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ConstraintKind,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// What a foreign key refers to: table and columns.
    pub references: Option<(TargetName, Vec<String>)>,
    /// What a foreign key does on delete and on update.
    pub actions: Option<(Action, Action)>,
    /// Whether existing rows were checked.
    pub validated: bool,
    /// Whether its index can be used; `true` where it has none.
    pub usable: bool,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexDescription {
    /// Its name.
    pub name: String,
    /// Its key columns in order with whether they are descending; `None` for an expression.
    pub columns: Vec<Option<(String, bool)>>,
    /// Columns stored in it.
    pub include: Vec<String>,
    /// Whether it is unique.
    pub unique: bool,
    /// Its access method.
    pub method: String,
    /// Whether it covers a part of the rows only.
    pub partial: bool,
    /// Whether it can be used.
    pub usable: bool,
}

/// How numbers go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Numbering {
    /// The value handed out next.
    pub next: i64,
    /// The step.
    pub increment: i64,
    /// For a column, the furthest value stored.
    pub furthest: Option<i64>,
}

/// What the query planner knows of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Whether statistics were ever gathered.
    pub gathered: bool,
    /// Rows changed since.
    pub changed_since: u64,
    /// Rows, as the planner estimates them.
    pub rows: u64,
}
