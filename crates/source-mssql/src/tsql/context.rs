//! What a translation knows while it runs: the names in sight and what it has to tell.

use migrate_core::catalog::ObjectName;
use migrate_core::template::Template;
use sqlparser::ast::Ident;

use super::scope::{Scope, ScopeRelation};
use super::types::SqlType;
use super::value::{Outcome, Prec, Value, quote_ident};

/// How deep expressions may be nested; deeper ones would need more stack than a thread has.
const DEPTH: u32 = 120;

/// A column that a query can name.
#[derive(Debug, Clone)]
pub(super) struct Visible {
    /// As the source spells it; empty if it has no name.
    pub(super) name: String,
    pub(super) ty: SqlType,
    pub(super) nullable: bool,
    pub(super) case_insensitive: bool,
}

/// One relation in a FROM clause, or the table that an expression belongs to.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The name by which T-SQL refers to it.
    pub(super) name: String,
    /// The schema, if it can be referred to with one (a table without an alias).
    pub(super) schema: Option<String>,
    /// The alias it has in PostgreSQL, quoted; None where columns stand alone.
    pub(super) alias: Option<String>,
    /// The table or view that owns the columns; None for CTEs and derived tables.
    pub(super) owner: Option<ObjectName>,
    pub(super) columns: Vec<Visible>,
}

impl Source {
    /// A table or view.
    pub(super) fn relation(
        scope: &Scope,
        relation: &ScopeRelation,
        name: String,
        alias: Option<String>,
    ) -> Self {
        let columns = relation
            .columns
            .iter()
            .map(|c| Visible {
                name: c.name.clone(),
                ty: scope.column_type(c),
                nullable: c.nullable,
                case_insensitive: c.case_insensitive,
            })
            .collect();
        Self {
            name,
            schema: None,
            alias,
            owner: Some(relation.name.clone()),
            columns,
        }
    }
}

/// The sources of one query.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) sources: Vec<Source>,
}

/// A common table expression in sight.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) columns: Vec<Visible>,
}

/// The state of one translation.
pub(super) struct Context<'a> {
    pub(super) scope: &'a Scope,
    /// Whether the result has to be immutable to be of use, so that longer immutable forms are preferred.
    pub(super) wants_immutable: bool,
    pub(super) immutable: bool,
    pub(super) notes: Vec<String>,
    /// Queries from the outermost to the innermost.
    pub(super) frames: Vec<Frame>,
    pub(super) ctes: Vec<Named>,
    depth: u32,
}

impl<'a> Context<'a> {
    pub(super) fn new(scope: &'a Scope, wants_immutable: bool) -> Self {
        Self {
            scope,
            wants_immutable,
            immutable: true,
            notes: Vec::new(),
            frames: Vec::new(),
            ctes: Vec::new(),
            depth: 0,
        }
    }

    /// Records that the result depends on more than its operands.
    pub(super) fn stable(&mut self) {
        self.immutable = false;
    }

    /// Records a difference in meaning, once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Runs one level of nesting.
    pub(super) fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth >= DEPTH {
            return Err(format!("it is nested more than {DEPTH} levels deep"));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// The column that a name of one to three parts means.
    pub(super) fn column(&self, parts: &[Ident]) -> Outcome<Value> {
        let (column, qualifier) = parts.split_last().ok_or("an empty name")?;
        for frame in self.frames.iter().rev() {
            let mut found: Vec<(&Source, &Visible)> = Vec::new();
            let mut qualifier_known = false;
            for source in &frame.sources {
                if !self.means(qualifier, source) {
                    continue;
                }
                qualifier_known |= !qualifier.is_empty();
                let at = self
                    .scope
                    .pick(&column.value, source.columns.iter().map(|c| c.name.as_str()));
                if let Some(visible) = at.and_then(|i| source.columns.get(i)) {
                    found.push((source, visible));
                }
            }
            match found.as_slice() {
                [(source, visible)] => return reference(source, visible),
                [] if !qualifier_known => {}
                [] => return Err(format!("there is no column `{}`", dotted(parts))),
                _ => return Err(format!("the column `{}` is ambiguous", dotted(parts))),
            }
        }
        Err(format!("there is no column `{}`", dotted(parts)))
    }

    fn means(&self, qualifier: &[Ident], source: &Source) -> bool {
        match qualifier {
            [] => true,
            [name] => self.scope.same(&name.value, &source.name),
            [schema, name] => {
                self.scope.same(&name.value, &source.name)
                    && source
                        .schema
                        .as_deref()
                        .is_some_and(|s| self.scope.same(&schema.value, s))
            }
            _ => false,
        }
    }

    /// The common table expression with the name.
    pub(super) fn cte(&self, name: &str) -> Option<&Named> {
        self.ctes.iter().rev().find(|c| self.scope.same(&c.name, name))
    }
}

/// A column of a source as an expression.
pub(super) fn reference(source: &Source, visible: &Visible) -> Outcome<Value> {
    let mut sql = Template::new();
    if let Some(alias) = &source.alias {
        sql.push_sql(alias);
        sql.push_sql(".");
    }
    match &source.owner {
        Some(owner) => sql.push_column(owner.clone(), visible.name.clone()),
        None => sql.push_sql(&quote_ident(&visible.name)?),
    }
    let mut value = Value::new(sql, Prec::Atom, visible.ty.clone(), visible.nullable);
    value.case_insensitive = visible.case_insensitive;
    value.bare = true;
    Ok(value)
}

/// A name as a person would write it.
pub(super) fn dotted(parts: &[Ident]) -> String {
    parts
        .iter()
        .map(|p| p.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}
