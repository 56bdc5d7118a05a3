//! What a person decides about a migration: the content of a plan file.
//!
//! A [`Mapping`] says only what differs from the defaults; the planner turns it and a catalog into a
//! [`Plan`](crate::plan::Plan). Its file form is TOML; `docs/plan-file.md` describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalog::ObjectName;
use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::pg_type::PgType;
use crate::policy::TextPolicy;
use crate::proof::{Percent, Rule, TimedQuery};
use crate::staging::Exists;
use crate::supabase::{AccountsMapping, Profile, SupabaseMapping};

/// The content of a plan file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The source: a file, or a URL without its password.
    pub source: Option<String>,
    /// The fingerprint of the schema that the file was written for; a run refuses another schema.
    pub catalog: Option<String>,
    /// How names are changed.
    pub naming: Naming,
    /// What happens to characters that PostgreSQL cannot store.
    pub nul: TextPolicy,
    /// What becomes of case-insensitive keys.
    pub case_insensitive: CaseInsensitive,
    /// What `xml` columns become.
    pub xml: XmlType,
    /// What alias types become.
    pub alias_types: AliasTypes,
    /// What becomes of offsets from UTC.
    pub offsets: Offsets,
    /// What becomes of primary keys that are numbers, and of what refers to them.
    pub keys: Keys,
    /// The namespace that new keys are made in; [`DEFAULT_NAMESPACE`](crate::encode::DEFAULT_NAMESPACE) if none is given.
    pub key_namespace: Option<Uuid>,
    /// Which old keys are kept in a column of their own.
    pub legacy: Legacy,
    /// Tables to take, as patterns over `schema.table` with `*`; none means all.
    pub include: Vec<String>,
    /// Tables to leave out, as patterns; wins over `include`.
    pub exclude: Vec<String>,
    /// New names for schemas.
    pub schemas: BTreeMap<String, String>,
    /// Decisions about single tables, by `schema.table`.
    pub tables: BTreeMap<String, TableMapping>,
    /// What becomes of tables that exist under the names that the plan gives.
    pub exists: Exists,
    /// What becomes of what roles may do in a PostgreSQL source.
    pub grants: Grants,
    /// What becomes of the owners of a PostgreSQL source's objects.
    pub owners: Owners,
    /// The destination's roles for those of the source that are called otherwise there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// What kind of destination the plan is made for.
    pub profile: Profile,
    /// Decisions about a Supabase destination.
    pub supabase: SupabaseMapping,
    /// Which table's rows become accounts of Supabase's sign-in service.
    pub accounts: Option<AccountsMapping>,
    /// Options of the source's own; only the source knows what they mean.
    pub options: serde_json::Map<String, serde_json::Value>,
    /// The share of rows that has to arrive for a validation to say go; all where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Percent>,
    /// Assertions that a validation checks.
    #[serde(rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Queries that a validation times.
    #[serde(rename = "query", skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<TimedQuery>,
}

/// What becomes of unique keys whose source compares without regard to case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseInsensitive {
    /// They compare exactly: `a` and `A` are two values.
    #[default]
    Leave,
    /// Key columns, and the foreign keys to them, become `citext`.
    Citext,
    /// Key columns, and the foreign keys to them, get a nondeterministic ICU collation.
    Collation,
}

/// What `xml` columns become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XmlType {
    /// `xml`, if the destination has it, else `text`.
    #[default]
    Xml,
    /// `text`.
    Text,
}

/// What alias types become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasTypes {
    /// Domains.
    #[default]
    Domain,
    /// Their base types.
    Base,
}

/// What becomes of the offsets from UTC that points in time were written with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offsets {
    /// They are lost: PostgreSQL keeps the moment alone.
    #[default]
    Drop,
    /// A `smallint` column behind each one keeps the minutes.
    Keep,
}

/// What becomes of what roles may do with what is moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grants {
    /// Roles that the destination has may do the same there.
    #[default]
    Keep,
    /// Nobody is granted anything.
    Drop,
}

/// What becomes of owners.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owners {
    /// Whoever moves it owns it.
    #[default]
    Drop,
    /// Roles that the destination has own what they own in the source.
    Keep,
}

/// What becomes of primary keys, and of what refers to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// They stay what they are.
    #[default]
    Keep,
    /// They become UUIDs of version 5, made of the table's name and the old key.
    Uuid,
    /// They become the UUIDs that a table in the destination, `schema.table`, gives them (columns `source_table`,
    /// `legacy_key`, `new_key`); the others as [`Uuid`](Self::Uuid).
    Mapping(String),
}

/// Which old keys are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Legacy {
    /// Those of the rows themselves.
    #[default]
    Keys,
    /// Those in references too.
    All,
}

/// A pair of columns of which one says to which table the other refers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polymorphic {
    /// The column that says which table is meant.
    #[serde(rename = "type")]
    pub kind: String,
    /// The column with the key.
    pub id: String,
    /// Tables, `schema.table`, by what the first column holds, as text.
    pub targets: BTreeMap<String, String>,
}

/// Decisions about one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableMapping {
    /// Leaves the table out.
    pub skip: bool,
    /// Its new name: `table` or `schema.table`.
    pub name: Option<String>,
    /// A condition in the source's language; only rows that meet it are copied.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// What happens to characters that PostgreSQL cannot store, in this table.
    pub nul: Option<TextPolicy>,
    /// What becomes of its primary key, whatever its type.
    pub key: Option<Keys>,
    /// How a later run finds the rows that changed: a column that grows, or what the source calls its rows' versions.
    pub watermark: Option<String>,
    /// How far behind the last value of the watermark's column the next run begins: seconds, or numbers.
    pub overlap: Option<u64>,
    /// Pairs of columns that become foreign keys.
    pub polymorphic: Vec<Polymorphic>,
    /// Decisions about single columns.
    pub columns: BTreeMap<String, ColumnMapping>,
}

/// Decisions about one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnMapping {
    /// Leaves the column out.
    pub skip: bool,
    /// Its new name.
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Option<PgType>,
    /// What happens to characters that PostgreSQL cannot store.
    pub nul: Option<TextPolicy>,
    /// Allows decimals to be rounded to the scale of `type`; counted.
    pub round: bool,
    /// The table, `schema.table`, whose primary key it holds although no foreign key says so.
    pub references: Option<String>,
    /// Whether `references` becomes a foreign key.
    pub foreign_key: bool,
    /// Whether its old keys are kept where they are rewritten.
    pub legacy: Option<bool>,
}

impl Mapping {
    /// Reads a plan file.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with line and column.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            let place = e.span().map(|span| {
                let before = &text[..span.start.min(text.len())];
                (
                    before.matches('\n').count() + 1,
                    before.chars().rev().take_while(|c| *c != '\n').count() + 1,
                )
            });
            let error = Error::new(ErrorKind::Config, e.message().trim().to_owned());
            match place {
                Some((line, column)) => error.at("column", column).at("line", line),
                None => error,
            }
        })
    }

    /// Whether the patterns and the table's own entry take the table.
    pub fn takes(&self, table: &ObjectName) -> bool {
        let name = table.to_string();
        let included = self.include.is_empty() || self.include.iter().any(|p| matches(p, &name));
        included
            && !self.exclude.iter().any(|p| matches(p, &name))
            && !self.tables.get(&name).is_some_and(|t| t.skip)
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any characters; without regard to ASCII case.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    fn go(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|i| go(rest, &name[i..])),
            Some((p, rest)) => name
                .split_first()
                .is_some_and(|(n, tail)| n.eq_ignore_ascii_case(p) && go(rest, tail)),
        }
    }
    go(pattern.as_bytes(), name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_file_is_read_with_its_places() {
        let m = Mapping::from_toml(
            "naming = \"snake\"\nexclude = [\"dbo.Err*\"]\n[tables.\"dbo.A\"]\nwhere = \"x > 1\"\n\
             columns.b = { type = \"numeric(10,2)\", round = true }\n",
        )
        .unwrap();
        assert_eq!(m.naming, Naming::Snake);
        assert!(!m.takes(&ObjectName::new("dbo", "ErrorLog")));
        assert!(m.takes(&ObjectName::new("dbo", "A")));
        let a = &m.tables["dbo.A"];
        assert_eq!(a.filter.as_deref(), Some("x > 1"));
        assert_eq!(a.columns["b"].ty, Some(PgType::Numeric(Some((10, 2)))));

        let e = Mapping::from_toml("naming = \"snake\"\nnaming_policy = 1\n").unwrap_err();
        assert!(e.to_string().contains("line 2, column 1"), "{e}");
        let e = Mapping::from_toml("[tables.\"a.b\"]\ncolumns.c.type = \"txet\"\n").unwrap_err();
        assert!(
            e.to_string().contains("txet") && e.to_string().contains("line 2"),
            "{e}"
        );
    }

    #[test]
    fn patterns() {
        assert!(matches("dbo.*", "dbo.A"));
        assert!(matches("*.a", "dbo.A"));
        assert!(matches("*", ""));
        assert!(!matches("dbo.A", "dbo.AB"));
        assert!(!matches("a*b", "ac"));
    }
}
