//! The plan: everything that a run will do, decided before anything is done.
//!
//! A [`Plan`] is a plain value. It is made by [`planner`](crate::planner), can be printed and compared, and a sink turns
//! it into statements without deciding anything more.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalog::{Action, Fidelity, ObjectName, Part, SaysWhich, SourceInfo};
use crate::declared::Declared;
use crate::digest::Digest;
use crate::pg_type::PgType;
use crate::policy::TextPolicy;
use crate::proof::Proof;
use crate::staging::Exists;
use crate::supabase::SupabasePlan;
use crate::value::ValueKind;

pub use crate::target::{Target, Who};

/// A schema and a name in the destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TargetName {
    /// The schema.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl TargetName {
    /// Both parts quoted, as SQL.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&self.name))
    }
}

impl std::fmt::Display for TargetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Quotes an identifier for PostgreSQL.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a string literal for PostgreSQL, whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let body = text.replace('\'', "''");
    if body.contains('\\') {
        format!("E'{}'", body.replace('\\', "\\\\"))
    } else {
        format!("'{body}'")
    }
}

/// Everything that a run will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The source it was made from.
    pub source: SourceInfo,
    /// The destination it was made for.
    pub target: Target,
    /// Schemas to create if they are missing.
    pub schemas: Vec<String>,
    /// Extensions to create if they are missing.
    pub extensions: Vec<String>,
    /// Collations to create.
    pub collations: Vec<CollationPlan>,
    /// Domains to create.
    pub domains: Vec<DomainPlan>,
    /// Stand-alone sequences to create.
    pub sequences: Vec<SequencePlan>,
    /// Tables to create and fill.
    pub tables: Vec<TablePlan>,
    /// Views to create, in order.
    pub views: Vec<ViewPlan>,
    /// What a person has to do.
    pub manual: Vec<ManualWork>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Source tables that the mapping leaves out.
    pub excluded: Vec<ObjectName>,
    /// What is to be proven beyond the rows.
    #[serde(default, skip_serializing_if = "Proof::is_empty")]
    pub proof: Proof,
    /// What a PostgreSQL source says in PostgreSQL's own words, with names filled in; it goes before what is built from
    /// the other fields.
    #[serde(default, skip_serializing_if = "Declared::is_empty")]
    pub declared: Declared,
    /// What it does at Supabase, besides all that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supabase: Option<SupabasePlan>,
    /// What becomes of tables that exist under its names.
    #[serde(default, skip_serializing_if = "Exists::is_refuse")]
    pub exists: Exists,
    /// Whether it is carried out beside what is there: its names are not those that its objects will have in the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staged: bool,
}

impl Plan {
    /// A fingerprint of what a run will do, so that a resume notices another plan. What only informs a person (notes, work
    /// by hand, what is left out, counts of rows and bytes, the numbers used last) or is proven afterwards is no part of it: a
    /// later version may word it differently.
    pub fn fingerprint(&self) -> String {
        // Serialising plain data with string keys cannot fail; an empty text would still be compared.
        let text = serde_json::to_vec(&self.deeds()).unwrap_or_default();
        format!("{:032x}", Digest::hash(&text))
    }

    /// The plan without what changes nothing about its run: two plans do the same if these are equal.
    #[must_use]
    pub fn deeds(&self) -> Self {
        let mut deeds = Self {
            manual: Vec::new(),
            notes: Vec::new(),
            excluded: Vec::new(),
            proof: Proof::default(),
            ..self.clone()
        };
        for table in &mut deeds.tables {
            (table.rows, table.bytes) = (None, None);
            // How changes are found later may be decided later.
            table.watermark = None;
            // A source that is in use goes on numbering while it is copied.
            let identities = table.columns.iter_mut().filter_map(|c| c.identity.as_mut());
            identities.for_each(|identity| identity.last = None);
        }
        deeds.sequences.iter_mut().for_each(|s| s.last = None);
        // A file may be renamed, and a server patched; the content has a fingerprint of its own.
        deeds.source.name.clear();
        deeds.source.version.clear();
        // A role that was missing may be made, and rights asked for, before what is left is done.
        deeds.declared.rights.clear();
        deeds
    }

    /// Whether keys come from a table of the destination.
    pub fn uses_known_keys(&self) -> bool {
        self.known_keys().next().is_some()
    }

    /// The tables of the destination that list keys given before, each with a source table whose keys it lists.
    pub fn known_keys(&self) -> impl Iterator<Item = (&TargetName, &ObjectName)> {
        let rekeyed = self
            .tables
            .iter()
            .flat_map(|t| &t.columns)
            .filter_map(|c| c.rekey.as_ref());
        rekeyed.filter_map(|r| Some((r.known.as_ref()?, &r.table)))
    }

    /// The table that comes from the source table.
    pub fn table(&self, source: &ObjectName) -> Option<&TablePlan> {
        self.tables.iter().find(|t| &t.source == source)
    }
}

/// A collation to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollationPlan {
    /// Its name.
    pub name: TargetName,
    /// The ICU locale.
    pub locale: String,
}

/// A domain to create for an alias type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainPlan {
    /// The alias type.
    pub source: ObjectName,
    /// The domain.
    pub name: TargetName,
    /// What it stands for.
    pub ty: PgType,
    /// Its comment.
    pub comment: Option<String>,
}

/// A stand-alone sequence to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequencePlan {
    /// Its name.
    pub name: TargetName,
    /// smallint, integer or bigint.
    pub ty: PgType,
    /// The first value.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The smallest value.
    pub min: Option<i64>,
    /// The largest value.
    pub max: Option<i64>,
    /// Whether it starts again at its end.
    pub cycle: bool,
    /// The value handed out last.
    pub last: Option<i64>,
    /// Its comment.
    pub comment: Option<String>,
}

/// A table to create and fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Its source name.
    pub source: ObjectName,
    /// Its name in the destination.
    pub target: TargetName,
    /// Columns, in the destination's order.
    pub columns: Vec<ColumnPlan>,
    /// A condition in the source's language; rows that do not meet it are not copied.
    pub filter: Option<String>,
    /// The primary key.
    pub primary_key: Option<KeyPlan>,
    /// Unique constraints.
    pub uniques: Vec<KeyPlan>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKeyPlan>,
    /// Checks.
    pub checks: Vec<CheckPlan>,
    /// Indexes.
    pub indexes: Vec<IndexPlan>,
    /// Its comment.
    pub comment: Option<String>,
    /// Rows in the source, as far as known.
    pub rows: Option<u64>,
    /// Bytes in the source, as far as known.
    pub bytes: Option<u64>,
    /// What becomes of it once all rows are copied; keys and constraints are those of what it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reshape: Option<Box<ReshapePlan>>,
    /// How a later run finds the rows that changed; without it the table is compared whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
}

/// How it is found out which rows of a table changed after they were copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watermark {
    /// By the version that the source itself gives each row: no change escapes it.
    RowVersion,
    /// By a column that grows with each change, or with each new row.
    Column {
        /// Its name in the source.
        name: String,
        /// How far behind the last value the next run begins: seconds of a column of times, numbers of one of numbers.
        overlap: u64,
    },
}

impl TablePlan {
    /// The columns that are copied (not generated), in order: the fields of every tuple.
    pub fn copied(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.columns.iter().filter(|c| c.generated.is_none())
    }

    /// The table that it becomes: with the columns as they are once all rows are copied.
    pub fn reshaped(&self) -> Self {
        let Some(reshape) = &self.reshape else {
            return self.clone();
        };
        let mut table = self.clone();
        table.columns.clear();
        for column in &self.columns {
            let Some(numbered) = reshape.numbered.iter().find(|n| n.column == column.name) else {
                table.columns.push(column.clone());
                continue;
            };
            let own = numbered.legacy.is_some();
            table.columns.push(ColumnPlan {
                ty: PgType::Int8,
                domain: None,
                collation: None,
                default: None,
                identity: own.then_some(IdentityPlan {
                    start: 1,
                    increment: 1,
                    last: None,
                }),
                ..column.clone()
            });
            table
                .columns
                .extend(numbered.legacy.iter().map(|name| ColumnPlan {
                    name: name.clone(),
                    ..column.clone()
                }));
        }
        for resolved in &reshape.resolved {
            let like = self.columns.iter().find(|c| c.name == resolved.from);
            table.columns.extend(like.map(|column| ColumnPlan {
                name: resolved.name.clone(),
                ty: resolved.ty.clone(),
                nullable: true,
                default: None,
                comment: None,
                ..column.clone()
            }));
        }
        table
    }

    /// The columns that a reader delivers, in order, each with the type that its values have before keys are rewritten: the
    /// copied columns without those that are made of others.
    pub fn delivered(&self) -> impl Iterator<Item = Cow<'_, ColumnPlan>> {
        self.copied().filter(|c| !c.is_derived()).map(|c| match &c.rekey {
            None => Cow::Borrowed(c),
            Some(rekey) => Cow::Owned(ColumnPlan {
                ty: rekey.old.clone(),
                rekey: None,
                ..c.clone()
            }),
        })
    }

    /// The column that keeps what `column` held before its keys were rewritten.
    pub fn legacy_of(&self, column: &ColumnPlan) -> Option<&ColumnPlan> {
        let keeps = |c: &&ColumnPlan| matches!(&c.part, Some(Part::Legacy { of }) if *of == column.source);
        self.columns.iter().find(keeps)
    }

    /// Columns that name a row: of the primary key, or else of a unique key without NULLs.
    pub fn row_key(&self) -> Option<Vec<&ColumnPlan>> {
        let column = |name: &String| self.copied().find(|c| &c.name == name);
        let primary = self.primary_key.iter().map(|key| (&key.columns, true));
        let uniques = self.uniques.iter().map(|key| (&key.columns, false));
        let mut keys = primary.chain(uniques).filter_map(|(columns, primary)| {
            let columns: Option<Vec<&ColumnPlan>> = columns.iter().map(column).collect();
            columns.filter(|columns| !columns.is_empty() && (primary || columns.iter().all(|c| !c.nullable)))
        });
        keys.next()
    }

    /// The places of `key`'s columns among [`copied`](Self::copied); `None` where one of them is generated.
    pub fn copied_positions(&self, key: &[String]) -> Option<Vec<usize>> {
        let copied: Vec<&str> = self.copied().map(|c| c.name.as_str()).collect();
        key.iter().map(|k| copied.iter().position(|c| c == k)).collect()
    }
}

/// What becomes of a table once all rows are copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReshapePlan {
    /// Columns whose keys become numbers.
    pub numbered: Vec<NumberedPlan>,
    /// Columns that are added at the end.
    pub resolved: Vec<ResolvedPlan>,
}

/// A column of keys that become numbers: bigint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedPlan {
    /// The column's name.
    pub column: String,
    /// The source's name of the table whose rows the keys name.
    pub key_of: ObjectName,
    /// The column that keeps what it held, where it is its own table's key; it follows right behind.
    pub legacy: Option<String>,
}

/// A column for those values of another one that are keys of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedPlan {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: PgType,
    /// The column that holds the values.
    pub from: String,
    /// The source's name of the table whose keys they may be.
    pub references: ObjectName,
    /// Its key by its new name.
    pub key: String,
    /// What the row has to say besides, by the column's new name.
    pub when: Option<SaysWhich>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// Its source name.
    pub source: String,
    /// Its name in the destination.
    pub name: String,
    /// The source's spelling of its type.
    pub native: String,
    /// Which part of a source column it is, if not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Which values the source delivers.
    pub kind: ValueKind,
    /// Its type, domains resolved: what the tuple codec encodes.
    pub ty: PgType,
    /// The domain that the column is declared with, if one.
    pub domain: Option<TargetName>,
    /// The collation that the column is declared with, if not the default.
    pub collation: Option<TargetName>,
    /// How faithful the mapping is.
    pub fidelity: Fidelity,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Identity.
    pub identity: Option<IdentityPlan>,
    /// The default, as SQL.
    pub default: Option<String>,
    /// The expression of a generated stored column, as SQL.
    pub generated: Option<String>,
    /// What happens to characters that PostgreSQL cannot store.
    pub text: TextPolicy,
    /// Whether decimals may be rounded to the type's scale (only where the mapping overrides the type and allows it).
    pub round: bool,
    /// How its values become new keys, if they do; `ty` is then the new keys' type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rekey: Option<Rekey>,
    /// Its comment.
    pub comment: Option<String>,
}

impl ColumnPlan {
    /// Whether it is made of other columns' values, so that no reader delivers it.
    pub fn is_derived(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_derived)
    }
}

/// How old keys become new ones: UUIDs of version 5 (RFC 9562) over the key's text, in a namespace that each table has. A
/// key and everything that refers to it are rewritten by the same rule, wherever they are, without looking anything up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekey {
    /// The source table whose keys they are.
    pub table: ObjectName,
    /// The namespace of the table's keys.
    pub namespace: Uuid,
    /// The type that the values have before.
    pub old: PgType,
    /// A table in the destination with keys that were given before; those that it lacks are made as above, and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<TargetName>,
}

/// `generated by default as identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityPlan {
    /// The first value.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The value that the source used last, if it says so.
    pub last: Option<i64>,
}

/// A primary key or unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlan {
    /// The constraint's name.
    pub name: String,
    /// Columns by their new names.
    pub columns: Vec<String>,
    /// Whether two NULLs are duplicates (`nulls not distinct`, PostgreSQL 15 or newer).
    pub nulls_not_distinct: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKeyPlan {
    /// The constraint's name.
    pub name: String,
    /// Referencing columns.
    pub columns: Vec<String>,
    /// The referenced table.
    pub references: TargetName,
    /// Referenced columns.
    pub referenced_columns: Vec<String>,
    /// On delete.
    pub on_delete: Action,
    /// On update.
    pub on_update: Action,
    /// Whether existing rows are checked; where the source does not vouch for them, it stays NOT VALID.
    pub validate: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// A check constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPlan {
    /// The constraint's name.
    pub name: String,
    /// The condition, as SQL.
    pub expression: String,
    /// Whether existing rows are checked.
    pub validate: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPlan {
    /// Its name; it lives in its table's schema.
    pub name: String,
    /// Key columns in order, each with whether it is descending.
    pub columns: Vec<(String, bool)>,
    /// Stored columns.
    pub include: Vec<String>,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether two NULLs are duplicates (unique only; PostgreSQL 15 or newer).
    pub nulls_not_distinct: bool,
    /// The condition of a partial index, as SQL.
    pub filter: Option<String>,
    /// The access method, if not a B-tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// What is indexed instead of columns, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewPlan {
    /// Its source name.
    pub source: ObjectName,
    /// Its name.
    pub target: TargetName,
    /// Its columns' names in order.
    pub columns: Vec<String>,
    /// Its query, as SQL.
    pub query: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// Something that a person has to move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualWork {
    /// What it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its definition in the source's language.
    pub definition: String,
    /// Why it is not moved.
    pub reason: String,
}

/// Something that a person should know before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The object concerned, or the whole database.
    pub object: String,
    /// What to know.
    pub text: String,
}
