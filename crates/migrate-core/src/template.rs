//! SQL expressions that are translated once and named later.
//!
//! A source translates its own dialect into PostgreSQL's before anybody has decided what tables and columns will be
//! called. A [`Template`] keeps the places where names go, and the planner fills them in.

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectName;
use crate::plan::quote_ident;

/// One piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// PostgreSQL SQL, copied as it is.
    Sql(String),
    /// A column by its name in the source: the planner puts its quoted new name here (never qualified).
    Column {
        /// The table or view that owns the column, by its source name.
        table: ObjectName,
        /// The column's source name, exactly as the catalog spells it.
        column: String,
    },
    /// A table or view by its source name: the planner puts its quoted, qualified new name here.
    Relation(ObjectName),
    /// A schema by its source name: the planner puts its quoted new name here.
    Schema(String),
    /// A role by its source name: the planner puts the quoted name of the destination's role here.
    Role(String),
}

/// PostgreSQL SQL with places for names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(Vec<Piece>);

impl Template {
    /// An empty template.
    pub fn new() -> Self {
        Self::default()
    }

    /// A template that is plain SQL.
    pub fn sql(text: impl Into<String>) -> Self {
        Self(vec![Piece::Sql(text.into())])
    }

    /// Appends SQL, joining it to SQL that is already at the end.
    pub fn push_sql(&mut self, text: &str) {
        if let Some(Piece::Sql(last)) = self.0.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.0.push(Piece::Sql(text.to_owned()));
        }
    }

    /// Appends a column's place.
    pub fn push_column(&mut self, table: ObjectName, column: impl Into<String>) {
        self.0.push(Piece::Column {
            table,
            column: column.into(),
        });
    }

    /// Appends a relation's place.
    pub fn push_relation(&mut self, name: ObjectName) {
        self.0.push(Piece::Relation(name));
    }

    /// Appends a schema's place.
    pub fn push_schema(&mut self, name: impl Into<String>) {
        self.0.push(Piece::Schema(name.into()));
    }

    /// Appends a role's place.
    pub fn push_role(&mut self, name: impl Into<String>) {
        self.0.push(Piece::Role(name.into()));
    }

    /// Appends another template.
    pub fn push(&mut self, other: Template) {
        for piece in other.0 {
            match piece {
                Piece::Sql(text) => self.push_sql(&text),
                other => self.0.push(other),
            }
        }
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The source columns that the template names.
    pub fn columns(&self) -> impl Iterator<Item = (&ObjectName, &str)> {
        self.0.iter().filter_map(|p| match p {
            Piece::Column { table, column } => Some((table, column.as_str())),
            _ => None,
        })
    }

    /// The source relations that the template names.
    pub fn relations(&self) -> impl Iterator<Item = &ObjectName> {
        self.0.iter().filter_map(|p| match p {
            Piece::Relation(name) => Some(name),
            _ => None,
        })
    }

    /// The source's roles that the template names.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|p| match p {
            Piece::Role(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The template with its schemas and roles named as they are given here; places for tables and columns stay.
    pub fn with_homes(&self, schema: impl Fn(&str) -> String, role: impl Fn(&str) -> String) -> Self {
        let mut out = Self::new();
        for piece in &self.0 {
            match piece {
                Piece::Schema(name) => out.push_sql(&quote_ident(&schema(name))),
                Piece::Role(name) => out.push_sql(&quote_ident(&role(name))),
                Piece::Sql(text) => out.push_sql(text),
                other => out.0.push(other.clone()),
            }
        }
        out
    }

    /// Renders the template, asking for each name of a table or column, with schemas and roles as the source calls them; `None`
    /// from either function means that the name is gone (excluded from the plan) and makes the whole template `None`.
    pub fn render(
        &self,
        column: impl Fn(&ObjectName, &str) -> Option<String>,
        relation: impl Fn(&ObjectName) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Sql(text) => out.push_str(text),
                Piece::Column { table, column: name } => out.push_str(&column(table, name)?),
                Piece::Relation(name) => out.push_str(&relation(name)?),
                Piece::Schema(name) | Piece::Role(name) => out.push_str(&quote_ident(name)),
            }
        }
        Some(out)
    }
}

/// An expression in a source's dialect with its translation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expr {
    /// The source's own text.
    pub native: String,
    /// PostgreSQL's form, or why there is none.
    pub translation: Translation,
}

/// What became of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Translation {
    /// It can be said in PostgreSQL.
    Done {
        /// The PostgreSQL form.
        template: Template,
        /// Whether every function in it is immutable, as generated columns and index predicates require.
        immutable: bool,
        /// Differences in meaning that a person should know.
        notes: Vec<String>,
    },
    /// It cannot, and a person has to decide.
    Impossible {
        /// Why.
        reason: String,
    },
}
