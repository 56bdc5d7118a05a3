//! What the names in an expression can refer to.

use std::collections::HashMap;

use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;

use super::types::SqlType;

/// A column that expressions can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeColumn {
    /// Its source name.
    pub name: String,
    /// SQL Server's spelling of its type, `nvarchar(50)`; alias types may stand here too, qualified. Empty if
    /// unknown.
    pub native: String,
    /// The PostgreSQL type proposed for it.
    pub pg: PgType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether it holds text under a collation to which `a` and `A` are equal.
    pub case_insensitive: bool,
}

/// A table or view that expressions can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRelation {
    /// Its source name.
    pub name: ObjectName,
    /// Its columns in order.
    pub columns: Vec<ScopeColumn>,
}

/// What the names in an expression can refer to, in the source's spelling.
///
/// T-SQL compares names under the database's collation: a name is looked up exactly first and then, unless the
/// database is case sensitive, without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    case_sensitive: bool,
    /// Where names without a schema are looked up first.
    default_schema: Option<String>,
    relations: Vec<ScopeRelation>,
    /// Lower-cased name -> positions in `relations`.
    index: HashMap<(String, String), Vec<usize>>,
    /// Lower-cased name without its schema -> positions in `relations`.
    names: HashMap<String, Vec<usize>>,
    aliases: HashMap<(String, String), String>,
}

impl Scope {
    /// An empty scope of a database whose collation tells `a` from `A` or not.
    pub fn new(case_sensitive: bool) -> Self {
        Self {
            case_sensitive,
            ..Self::default()
        }
    }

    /// Adds a table or view.
    pub fn add_relation(&mut self, relation: ScopeRelation) {
        let key = folded(&relation.name.schema, &relation.name.name);
        let place = self.relations.len();
        self.names.entry(key.1.clone()).or_default().push(place);
        self.index.entry(key).or_default().push(place);
        self.relations.push(relation);
    }

    /// Adds an alias type with SQL Server's spelling of its base type.
    pub fn add_alias(&mut self, name: &ObjectName, native: impl Into<String>) {
        self.aliases
            .insert(folded(&name.schema, &name.name), native.into());
    }

    /// The relation with the name.
    pub fn relation(&self, schema: &str, name: &str) -> Option<&ScopeRelation> {
        let candidates = self.index.get(&folded(schema, name))?;
        let all = || candidates.iter().filter_map(|i| self.relations.get(*i));
        all()
            .find(|r| r.name.schema == schema && r.name.name == name)
            .or_else(|| if self.case_sensitive { None } else { all().next() })
    }

    /// Sets the schema in which names without one are looked up first: a view's own. `dbo` comes after it.
    pub fn set_default_schema(&mut self, schema: Option<&str>) {
        self.default_schema = schema.map(str::to_owned);
    }

    /// The relation that a name without a schema means: in the default schema, else in `dbo`, else the only one of that
    /// name. Without a default schema a name that exists in several schemas means nothing.
    pub(super) fn unqualified(&self, name: &str) -> Result<&ScopeRelation, String> {
        let mut all: Vec<&ScopeRelation> = self.of_name(name).collect();
        if all.len() > 1
            && let Some(schema) = &self.default_schema
        {
            let home = [schema.as_str(), "dbo"]
                .into_iter()
                .find_map(|s| self.relation(s, name));
            all = home.into_iter().collect();
        }
        match all.as_slice() {
            [one] => Ok(one),
            [] => Err(format!("the table or view {name} is not known")),
            [a, b, ..] => Err(format!(
                "`{name}` without a schema could be {} or {}",
                a.name, b.name
            )),
        }
    }

    /// Every relation of a name, whatever its schema.
    pub(super) fn of_name(&self, name: &str) -> impl Iterator<Item = &ScopeRelation> {
        let places = self.names.get(&name.to_lowercase());
        (places.into_iter().flatten())
            .filter_map(|i| self.relations.get(*i))
            .filter(move |r| self.same(&r.name.name, name))
    }

    /// The position among `names` of the one that `wanted` means.
    pub(super) fn pick<'n>(
        &self,
        wanted: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<usize> {
        names.clone().position(|n| n == wanted).or_else(|| {
            if self.case_sensitive {
                return None;
            }
            let wanted = wanted.to_lowercase();
            names.clone().position(|n| n.to_lowercase() == wanted)
        })
    }

    /// Whether two names mean the same.
    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        a == b || (!self.case_sensitive && a.to_lowercase() == b.to_lowercase())
    }

    /// Reads a type, alias types included.
    pub(super) fn sql_type(&self, text: &str, short: u32) -> Option<SqlType> {
        if let Some(ty) = SqlType::parse(text, short) {
            return Some(ty);
        }
        let plain: String = text.chars().filter(|c| !"[]\"".contains(*c)).collect();
        let (schema, name) = plain.split_once('.').unwrap_or(("dbo", plain.as_str()));
        // Alias types of alias types do not exist, so one step is enough.
        self.aliases
            .get(&folded(schema.trim(), name.trim()))
            .and_then(|native| SqlType::parse(native, 1))
    }

    /// The type of a column: SQL Server's own, unless the proposed PostgreSQL type behaves differently.
    pub(super) fn column_type(&self, column: &ScopeColumn) -> SqlType {
        if column.native.is_empty() {
            return SqlType::Unknown;
        }
        match self.sql_type(&column.native, 1) {
            Some(ty @ SqlType::Opaque(_)) => ty,
            Some(ty) if ty.fits(&column.pg) => ty,
            Some(_) => SqlType::from_pg(&column.pg),
            None => SqlType::Opaque(column.native.clone()),
        }
    }
}

fn folded(schema: &str, name: &str) -> (String, String) {
    (schema.to_lowercase(), name.to_lowercase())
}
