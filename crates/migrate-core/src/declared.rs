//! What a PostgreSQL source says about its objects in PostgreSQL's own words.
//!
//! The neutral [`catalog`](crate::catalog) says of a table what all sources have in common. PostgreSQL has more (exclusion
//! constraints, partitions, triggers, policies), and prints its own definitions. They stand beside the neutral model as
//! [`Declarations`], with places for names; the planner makes [`Declared`] of them, and a sink uses what is declared
//! instead of building its own statement.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectName;
use crate::pg_type::PgType;
use crate::plan::TargetName;
use crate::template::Template;

/// Definitions in a catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declarations {
    /// Extensions, each with the schema of its objects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Tables, by `schema.name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableDeclaration>,
    /// Everything else, in an order in which it can be created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// Who may do what, and who owns what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Right>,
}

impl Declarations {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.extensions.is_empty()
            && self.tables.is_empty()
            && self.objects.is_empty()
            && self.rights.is_empty()
    }

    /// The roles that policies and rights speak of.
    pub fn roles(&self) -> BTreeSet<&str> {
        let objects = self.objects.iter().map(|o| &o.create);
        let rights = self.rights.iter().map(|r| &r.sql);
        objects.chain(rights).flat_map(Template::roles).collect()
    }

    /// What is declared about the table.
    pub fn table(&self, name: &ObjectName) -> Option<&TableDeclaration> {
        self.tables.get(&name.to_string())
    }
}

/// What a table is declared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDeclaration {
    /// Whether it is not written to the log.
    #[serde(default)]
    pub unlogged: bool,
    /// Whether its rows are in its partitions.
    #[serde(default)]
    pub partitioned: bool,
    /// Its parents, whose columns it has: they are created first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ObjectName>,
    /// What follows the list of columns: `inherits (...)`, `partition by ...`, `with (...)`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub tail: Template,
    /// Statements right after its creation, such as its attachment to a partitioned table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Template>,
    /// Columns that it has from its parents and does not declare itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<String>,
    /// What follows each column's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Template>,
    /// Keys, foreign keys, checks and indexes, by name: what follows the constraint's name, or the whole statement that
    /// creates the index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub definitions: BTreeMap<String, Template>,
    /// Keys and unique indexes in which two NULLs are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nulls_not_distinct: Vec<String>,
    /// Sequences of columns that belong to them, by column; the sequence is a stand-alone one in the catalog.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub serial: BTreeMap<String, ObjectName>,
}

fn is_empty(template: &Template) -> bool {
    template.pieces().is_empty()
}

/// When an object is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the tables, which need it: types, functions.
    BeforeTables,
    /// After the tables and before their rows.
    AfterTables,
    /// With keys and indexes.
    Keys,
    /// After all keys and indexes: partitions' indexes become parts of their tables'.
    Attach,
    /// After foreign keys and checks: views, functions on tables, triggers, policies.
    Last,
    /// After everything else: what would see or send on how the rest is made.
    End,
}

/// An object that is created by a statement of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// What it is: `function`, `enum`, `trigger`...
    pub kind: String,
    /// Its name for people, unique among those of its kind.
    pub name: String,
    /// The name that it takes among tables, views, sequences and types, if it takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<ObjectName>,
    /// Its schema in the source, which has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// When it is created.
    pub moment: Moment,
    /// The statements that create it, separated by semicolons.
    pub create: Template,
    /// The statement that removes it again, if dropping its table does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<Template>,
    /// The table that creating it locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<ObjectName>,
    /// Tables, views, sequences and types that its text names and the template does not: they must keep their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<ObjectName>,
    /// Other objects that it needs, by kind and name: without them it is not created either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<(String, String)>,
    /// Whether only superusers may create it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superuser: bool,
    /// Its owner in the source's words, where it has to be said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a [`Right`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightKind {
    /// What roles may do with an object, beyond or short of what every such object allows.
    Grant,
    /// What roles will be able to do with objects that a role makes later.
    DefaultPrivilege,
    /// Who owns an object.
    Owner,
}

/// One statement about what a role may do with an object, or about its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// What it is.
    pub kind: RightKind,
    /// What it is about, for people: `table shop.orders`.
    pub on: String,
    /// The table, view, sequence or type that has to be in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<ObjectName>,
    /// Whether the text names something that is called as it is only if `relation` keeps its names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verbatim: bool,
    /// The object that has to be created, by kind and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<(String, String)>,
    /// The schema that has to be in the plan, by its source name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The role that whoever says it has to be able to act as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_as: Option<String>,
    /// The oldest major version of PostgreSQL that understands it.
    pub since: u32,
    /// The statement, with places for its roles.
    pub sql: Template,
}

/// Definitions in a plan: those of the catalog with names filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Extensions, each with the schema of its objects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Tables by their quoted new names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, DeclaredTable>,
    /// Everything else, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<DeclaredObject>,
    /// Who may do what, and who owns what, once everything is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<DeclaredRight>,
}

impl Declared {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.extensions.is_empty()
            && self.tables.is_empty()
            && self.objects.is_empty()
            && self.rights.is_empty()
    }

    /// What is declared about the table.
    pub fn table(&self, name: &TargetName) -> Option<&DeclaredTable> {
        self.tables.get(&name.quoted())
    }

    /// What a key, foreign key, check or index of the table is defined as.
    pub fn definition(&self, table: &TargetName, name: &str) -> Option<&str> {
        self.table(table)?.definitions.get(name).map(String::as_str)
    }
}

/// A table of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredTable {
    /// Whether it is not written to the log.
    pub unlogged: bool,
    /// Whether its rows are in its partitions.
    pub partitioned: bool,
    /// Its parents, which are created first.
    pub parents: Vec<TargetName>,
    /// What follows the list of columns.
    pub tail: String,
    /// Statements right after its creation.
    pub after: Vec<String>,
    /// Columns that it has from its parents.
    pub inherited: Vec<String>,
    /// What follows each column's name, for as long as the column is of the type.
    pub columns: BTreeMap<String, (PgType, String)>,
    /// Keys, foreign keys, checks and indexes, by their new names.
    pub definitions: BTreeMap<String, String>,
    /// Sequences of columns, by column.
    pub serial: BTreeMap<String, TargetName>,
}

/// An object of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredObject {
    /// What it is.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// When it is created.
    pub moment: Moment,
    /// The statements that create it.
    pub create: String,
    /// The statement that removes it.
    pub drop: Option<String>,
    /// The table that creating it locks.
    pub table: Option<TargetName>,
    /// The name that it takes among relations and types.
    pub relation: Option<TargetName>,
}

/// Rights of one kind on one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredRight {
    /// What they are.
    pub kind: RightKind,
    /// What they are on, for people.
    pub on: String,
    /// The table, view, sequence or type, if it is one.
    pub relation: Option<TargetName>,
    /// The statements, separated by semicolons.
    pub sql: String,
}
