//! Hands the model's expressions to the translator, with everything that their names can refer to.

use migrate_core::catalog::{AliasType, Collation, Column, ObjectName, Table};
use migrate_core::pg_type::PgType;
use migrate_core::template::Expr;

use crate::tsql::{self, ComputedType, Scope, ScopeColumn, ScopeRelation, Usage};

/// Knows every table, and the views as they are translated.
pub(crate) struct Translator {
    case_sensitive: bool,
    scope: Scope,
}

impl Translator {
    /// A translator for the tables, whose computed columns are translated and typed on the way: they can refer to each
    /// other's tables, but never to each other.
    pub(crate) fn new<'a>(
        case_sensitive: bool,
        collation: Option<&Collation>,
        aliases: &[AliasType],
        tables: impl Iterator<Item = (&'a mut Table, &'a [(usize, String)])>,
    ) -> Self {
        let mut tables: Vec<_> = tables.collect();
        let scope = |tables: &[(&mut Table, &[(usize, String)])]| {
            let mut scope = Scope::new(case_sensitive);
            for alias in aliases {
                scope.add_alias(&alias.name, &*alias.native);
            }
            for (table, _) in tables {
                scope.add_relation(relation(table));
            }
            scope
        };
        let untyped = scope(&tables);
        for (table, computed) in &mut tables {
            for (position, expression) in *computed {
                let (translated, ty) = tsql::translate_computed(expression, &table.name, &untyped);
                let column = &mut table.columns[*position];
                if let Some(ComputedType { pg, native, nullable }) = ty {
                    column.collation = if pg.is_text() { collation.cloned() } else { None };
                    column.pg = pg;
                    column.native = native;
                    // The model can say that it is NOT NULL, never that it is more than the expression is.
                    column.nullable = column.nullable && nullable.unwrap_or(true);
                }
                column.computed = Some(translated);
            }
        }
        Self {
            case_sensitive,
            scope: scope(&tables),
        }
    }

    pub(crate) fn check(&self, text: &str, table: &ObjectName) -> Expr {
        tsql::translate(text, &Usage::Check, table, &self.scope)
    }

    pub(crate) fn default(&self, text: &str, table: &ObjectName, column: &Column) -> Expr {
        tsql::translate(
            text,
            &Usage::Default {
                target: column.pg.clone(),
            },
            table,
            &self.scope,
        )
    }

    pub(crate) fn index_filter(&self, text: &str, table: &ObjectName) -> Expr {
        tsql::translate(text, &Usage::IndexFilter, table, &self.scope)
    }

    /// For each view, what its query mentions, going by its text.
    pub(crate) fn mentioned(&self, views: &[(&ObjectName, &str)]) -> Vec<Vec<ObjectName>> {
        let mut names = Scope::new(self.case_sensitive);
        for (name, _) in views {
            names.add_relation(ScopeRelation {
                name: (*name).clone(),
                columns: Vec::new(),
            });
        }
        views
            .iter()
            .map(|(_, query)| tsql::view_dependencies(query, &names))
            .collect()
    }

    /// Translates a view, which then is known to those that come after it.
    pub(crate) fn view(&mut self, name: &ObjectName, query: &str, columns: &[String]) -> Expr {
        let (translated, types) = tsql::translate_view_typed(query, columns, &self.scope);
        let columns = columns.iter().enumerate().map(|(i, column)| {
            let known = types.get(i).and_then(Option::as_ref);
            let pg = known.map_or(PgType::Text, |t| t.pg.clone());
            ScopeColumn {
                name: column.clone(),
                native: known.map_or_else(String::new, |t| t.native.clone()),
                nullable: known.and_then(|t| t.nullable).unwrap_or(true),
                case_insensitive: pg.is_text() && !self.case_sensitive,
                pg,
            }
        });
        self.scope.add_relation(ScopeRelation {
            name: name.clone(),
            columns: columns.collect(),
        });
        translated
    }
}

fn relation(table: &Table) -> ScopeRelation {
    let columns = table.columns.iter().map(|c| ScopeColumn {
        name: c.name.clone(),
        native: if c.native == super::columns::COMPUTED {
            String::new()
        } else {
            c.native.clone()
        },
        pg: c.pg.clone(),
        nullable: c.nullable,
        case_insensitive: c.collation.as_ref().is_some_and(|c| !c.case_sensitive),
    });
    ScopeRelation {
        name: table.name.clone(),
        columns: columns.collect(),
    }
}
