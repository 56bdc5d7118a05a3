//! What a source holds: the schema as the source describes it, in one neutral model.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::declared::Declarations;
use crate::pg_type::PgType;
use crate::template::Expr;
use crate::value::ValueKind;

/// A schema-qualified name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    /// The schema (SQL Server, PostgreSQL) or database (MongoDB).
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl ObjectName {
    /// A name from its two parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Everything that a source said about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Who says so.
    pub source: SourceInfo,
    /// Schemas, in the source's order; `dbo` and the like included if anything lives there.
    pub schemas: Vec<String>,
    /// Alias types (user-defined names for built-in types).
    pub alias_types: Vec<AliasType>,
    /// Stand-alone sequences.
    pub sequences: Vec<Sequence>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Views, in an order in which they can be created.
    pub views: Vec<View>,
    /// Objects that nobody translates: procedures, triggers, functions, xml indexes and so on.
    pub manual: Vec<ManualObject>,
    /// The choices of its own that the source made, as TOML for the `[options]` of a plan file; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
    /// What tables and columns might be called where their names in the source are none, such as paths.
    #[serde(default, skip_serializing_if = "Proposals::is_empty")]
    pub proposals: Proposals,
    /// What is to become of tables once their rows are in the destination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reshapes: Vec<Reshape>,
    /// What the source, being PostgreSQL itself, says in PostgreSQL's own words.
    #[serde(default, skip_serializing_if = "Declarations::is_empty")]
    pub declared: Declarations,
    /// What the source calls the version that each of its rows carries, if changed rows can be found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_version: Option<String>,
}

/// What is to become of a table once all rows are in the destination, which knows then what refers to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshape {
    /// The table.
    pub table: ObjectName,
    /// Columns whose keys are replaced by numbers.
    pub numbered: Vec<Numbered>,
    /// Columns to add.
    pub resolved: Vec<Resolved>,
}

/// A column of keys that are replaced by numbers. Where it is the primary key of its own table, another column keeps what
/// it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// The column.
    pub column: String,
    /// The table whose rows the keys name.
    pub key_of: ObjectName,
}

/// A column to add, for those values of another one that are keys of a table. Of several that come from the same column, a
/// row gets the first that resolves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What it should be called.
    pub name: String,
    /// The column that holds the values, which stays.
    pub from: String,
    /// The table whose keys they may be, which gets a foreign key.
    pub references: ObjectName,
    /// Its key.
    pub key: String,
    /// What the row has to say besides.
    pub when: Option<SaysWhich>,
}

/// A column that says which table another one refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaysWhich {
    /// The column.
    pub column: String,
    /// What it has to say.
    pub values: Vec<String>,
    /// Whether only letters and digits are compared, without regard to case.
    pub loosely: bool,
}

/// Names that a source proposes. The mapping's naming applies to them, and its choices win over them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposals(BTreeMap<String, Proposal>);

/// Names that a source proposes for a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Proposal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<String, String>,
}

impl Proposals {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Proposes a name for a table.
    pub fn propose_table(&mut self, table: &ObjectName, name: impl Into<String>) {
        self.0.entry(table.to_string()).or_default().name = Some(name.into());
    }

    /// Proposes a name for a column.
    pub fn propose_column(&mut self, table: &ObjectName, column: &str, name: impl Into<String>) {
        let proposal = self.0.entry(table.to_string()).or_default();
        proposal.columns.insert(column.to_owned(), name.into());
    }

    /// What a table should be called: its own name unless another one is proposed.
    pub fn table<'a>(&'a self, table: &'a ObjectName) -> &'a str {
        let proposed = self.0.get(&table.to_string()).and_then(|p| p.name.as_ref());
        proposed.unwrap_or(&table.name)
    }

    /// What a column should be called.
    pub fn column<'a>(&'a self, table: &ObjectName, column: &'a str) -> &'a str {
        let proposed = self.0.get(&table.to_string()).and_then(|p| p.columns.get(column));
        proposed.map_or(column, String::as_str)
    }
}

/// Which source a catalog describes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// What kind: `bacpac`, `mssql`, `mongodb`, `postgres`, `memory`.
    pub kind: String,
    /// A name without secrets: a file name, or host and database.
    pub name: String,
    /// The product's version as it states it.
    pub version: String,
    /// The default collation, if the source has one.
    pub collation: Option<String>,
    /// A fingerprint of the content or schema, so that a resume notices another source.
    pub fingerprint: String,
}

/// How faithful a mapping of types is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// Every value has exactly one counterpart.
    Exact,
    /// Every value fits; the destination's type allows more.
    Widened,
    /// Something is changed; the text says what.
    Lossy(String),
}

/// A user-defined name for a built-in type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasType {
    /// Its name.
    pub name: ObjectName,
    /// The source's own spelling of the base type.
    pub native: String,
    /// The proposed PostgreSQL type.
    pub pg: PgType,
    /// Its description.
    pub comment: Option<String>,
}

/// A stand-alone sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: ObjectName,
    /// smallint, integer or bigint.
    pub pg: PgType,
    /// The first value.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The smallest value, if bounded.
    pub min: Option<i64>,
    /// The largest value, if bounded.
    pub max: Option<i64>,
    /// Whether it starts again at its end.
    pub cycle: bool,
    /// The value handed out last, if the source says so.
    pub last: Option<i64>,
    /// Its description.
    pub comment: Option<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: ObjectName,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// The primary key.
    pub primary_key: Option<Key>,
    /// Unique constraints.
    pub uniques: Vec<Key>,
    /// Foreign keys that this table declares.
    pub foreign_keys: Vec<ForeignKey>,
    /// Check constraints.
    pub checks: Vec<Check>,
    /// Indexes that are not constraints.
    pub indexes: Vec<Index>,
    /// Its description.
    pub comment: Option<String>,
    /// Rows, exact where the source can say so cheaply.
    pub rows: Option<u64>,
    /// Bytes in the source.
    pub bytes: Option<u64>,
    /// What a person should know: temporal, memory-optimised, partitioned...
    pub notes: Vec<String>,
}

impl Table {
    /// A table with nothing but columns.
    pub fn new(name: ObjectName, columns: Vec<Column>) -> Self {
        Self {
            name,
            columns,
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            rows: None,
            bytes: None,
            notes: Vec::new(),
        }
    }

    /// The column with the name, spelled exactly so.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The source's own spelling of the type, for example `nvarchar(50)`.
    pub native: String,
    /// The alias type it was declared with.
    pub alias: Option<ObjectName>,
    /// Which values its reader delivers.
    pub kind: ValueKind,
    /// The proposed PostgreSQL type.
    pub pg: PgType,
    /// How faithful that is.
    pub fidelity: Fidelity,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Identity, if the source numbers rows itself.
    pub identity: Option<Identity>,
    /// The default value.
    pub default: Option<Expr>,
    /// The name of the default's constraint, if it has one.
    pub default_name: Option<String>,
    /// The expression, if the column is computed. Computed columns are not read.
    pub computed: Option<Expr>,
    /// The collation, for text.
    pub collation: Option<Collation>,
    /// Its description.
    pub comment: Option<String>,
    /// Whether its values carry an offset from UTC, which the source can deliver as [`Part::UtcOffset`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub utc_offset: bool,
    /// Which part of a value it is, if it is not a column of the source itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

impl Column {
    /// A column whose values become `pg` exactly: not nullable, with nothing else to say about it.
    pub fn new(name: impl Into<String>, native: impl Into<String>, kind: ValueKind, pg: PgType) -> Self {
        Self {
            name: name.into(),
            native: native.into(),
            alias: None,
            kind,
            pg,
            fidelity: Fidelity::Exact,
            nullable: false,
            identity: None,
            default: None,
            default_name: None,
            computed: None,
            collation: None,
            comment: None,
            utc_offset: false,
            part: None,
        }
    }

    /// Whether two values that differ in the source can be one in the destination. Offsets from UTC make no difference:
    /// points in time are compared as moments.
    pub fn merges_values(&self) -> bool {
        match &self.fidelity {
            Fidelity::Lossy(what) => !self.utc_offset || what.contains("digit"),
            Fidelity::Exact | Fidelity::Widened => false,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A part of another column's values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The offset from UTC that a point in time was written with: minutes, eastern ones positive, as
    /// [`Value::Int16`](crate::value::Value::Int16).
    UtcOffset {
        /// The column with the points in time.
        of: String,
    },
    /// The value that a column had before its keys were rewritten. It is made of the value that is read for that column,
    /// which stands right before it: nothing reads it by itself.
    Legacy {
        /// The column whose values are rewritten.
        of: String,
    },
    /// A reference that a pair of columns makes to one of several tables: the key of the row in one of them, where the pair
    /// names that one. It is made of the pair's values, and stands behind all columns that are read.
    Target {
        /// The column that says which table is meant.
        kind: String,
        /// The column with the key.
        id: String,
        /// What the first column holds where this table is meant, as text.
        value: String,
    },
}

impl Part {
    /// Whether it is made of other columns' values while rows are encoded, so that no reader delivers it.
    pub fn is_derived(&self) -> bool {
        matches!(self, Self::Legacy { .. } | Self::Target { .. })
    }
}

/// How a source numbers rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The first value.
    pub seed: i64,
    /// The step.
    pub increment: i64,
    /// The value used last, if the source says so.
    pub last: Option<i64>,
}

/// How a source compares text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Collation {
    /// The source's name for it.
    pub name: String,
    /// Whether `a` and `A` differ.
    pub case_sensitive: bool,
    /// Whether `a` and `á` differ.
    pub accent_sensitive: bool,
}

/// A primary key or a unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The constraint's name, if the source names it.
    pub name: Option<String>,
    /// Its columns in order.
    pub columns: Vec<String>,
    /// Whether the source stores the table in this order.
    pub clustered: bool,
    /// Its description.
    pub comment: Option<String>,
}

/// What happens to referencing rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The change is refused.
    #[default]
    NoAction,
    /// The change is repeated.
    Cascade,
    /// The reference becomes NULL.
    SetNull,
    /// The reference becomes its default.
    SetDefault,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name, if the source names it.
    pub name: Option<String>,
    /// Referencing columns in order.
    pub columns: Vec<String>,
    /// The referenced table.
    pub references: ObjectName,
    /// Referenced columns in the same order.
    pub referenced_columns: Vec<String>,
    /// On delete.
    pub on_delete: Action,
    /// On update.
    pub on_update: Action,
    /// Whether the source enforces it.
    pub enabled: bool,
    /// Whether the source vouches that existing rows obey it.
    pub trusted: bool,
    /// Its description.
    pub comment: Option<String>,
}

/// A check constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The constraint's name, if the source names it.
    pub name: Option<String>,
    /// The condition.
    pub expression: Expr,
    /// Whether the source enforces it.
    pub enabled: bool,
    /// Whether the source vouches that existing rows obey it.
    pub trusted: bool,
    /// Its description.
    pub comment: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key columns in order.
    pub columns: Vec<IndexColumn>,
    /// Columns that are stored but not sorted by.
    pub include: Vec<String>,
    /// Whether key values are unique.
    pub unique: bool,
    /// Whether the source stores the table in this order.
    pub clustered: bool,
    /// The condition of a filtered index.
    pub filter: Option<Expr>,
    /// PostgreSQL's access method (`gin`, `gist`, `brin`...); `None` for a B-tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// What is indexed instead of columns: PostgreSQL's list of expressions, without the parentheses around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<Expr>,
    /// Whether the source has it switched off.
    pub disabled: bool,
    /// Its description.
    pub comment: Option<String>,
}

/// A column of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexColumn {
    /// The column's name.
    pub name: String,
    /// Whether it is sorted downwards.
    pub descending: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Its name.
    pub name: ObjectName,
    /// Its columns, by name, in order.
    pub columns: Vec<String>,
    /// Its query.
    pub query: Expr,
    /// Its description.
    pub comment: Option<String>,
}

/// An object that a person has to move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualObject {
    /// What it is: `procedure`, `trigger`, `xml index`...
    pub kind: String,
    /// Its name, qualified as the source does.
    pub name: String,
    /// Its definition in the source's language.
    pub definition: String,
    /// Why it is not moved.
    pub reason: String,
}
