//! Hands the schema's expressions to the translator, with everything that their names can refer to.

use migrate_core::catalog::{AliasType, Collation, Column, ObjectName, Table};
use migrate_core::pg_type::PgType;
use migrate_core::template::{Expr, Translation};

use super::columns::{COMPUTED, Inferred};
use super::views::ViewDraft;
use super::{Script, TableDraft};
use crate::tsql::{self, ComputedType, Scope, ScopeColumn, ScopeRelation, Usage};

/// Knows every table, and the views as they are translated.
pub(super) struct Translator {
    case_sensitive: bool,
    scope: Scope,
}

impl Translator {
    /// A translator for the tables, whose computed columns are translated and typed on the way: they can refer to each
    /// other's tables, but never to each other.
    pub(super) fn new(
        case_sensitive: bool,
        collation: Option<&Collation>,
        aliases: &[AliasType],
        tables: &mut [TableDraft],
    ) -> Self {
        let scope = |tables: &[TableDraft]| {
            let mut scope = Scope::new(case_sensitive);
            for alias in aliases {
                scope.add_alias(&alias.name, &*alias.native);
            }
            for draft in tables {
                scope.add_relation(relation(&draft.table));
            }
            scope
        };
        let untyped = scope(tables);
        for TableDraft { table, computed, .. } in &mut *tables {
            for draft in computed {
                let Some(column) = table.columns.get_mut(draft.position) else {
                    continue;
                };
                let (translated, inferred) = match &draft.script {
                    Script::Known(text) => tsql::translate_computed(text, &table.name, &untyped),
                    Script::Hidden => (hidden(), None),
                };
                if let Some(ty) = inferred {
                    take_type(column, ty, draft.ty, collation);
                }
                if !draft.persisted && matches!(translated.translation, Translation::Done { .. }) {
                    let name = &column.name;
                    table.notes.push(format!(
                        "column {name}: is stored and takes space, where SQL Server computes it when it is read"
                    ));
                }
                column.computed = Some(translated);
            }
        }
        Self {
            case_sensitive,
            scope: scope(tables),
        }
    }

    pub(super) fn check(&self, script: &Script, table: &ObjectName) -> Expr {
        self.expression(script, &Usage::Check, table)
    }

    pub(super) fn default(&self, script: &Script, table: &ObjectName, column: &Column) -> Expr {
        let target = column.pg.clone();
        self.expression(script, &Usage::Default { target }, table)
    }

    pub(super) fn index_filter(&self, script: &Script, table: &ObjectName) -> Expr {
        self.expression(script, &Usage::IndexFilter, table)
    }

    fn expression(&self, script: &Script, usage: &Usage, table: &ObjectName) -> Expr {
        match script {
            Script::Known(text) => tsql::translate(text, usage, table, &self.scope),
            Script::Hidden => hidden(),
        }
    }

    /// Adds to each view what its query mentions, going by its text.
    pub(super) fn mention(&self, views: &mut [ViewDraft]) {
        let mut names = self.scope.clone();
        for view in &*views {
            names.add_relation(ScopeRelation {
                name: view.name.clone(),
                columns: Vec::new(),
            });
        }
        for view in views {
            names.set_default_schema(Some(&view.name.schema));
            view.needs.extend(tsql::view_dependencies(&view.query, &names));
        }
    }

    /// Translates a view, which then is known to those that come after it.
    pub(super) fn view(&mut self, name: &ObjectName, query: &str, columns: &[String]) -> Expr {
        self.scope.set_default_schema(Some(&name.schema));
        let (translated, types) = tsql::translate_view_typed(query, columns, &self.scope);
        self.scope.set_default_schema(None);
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

/// Gives a computed column the type of its expression, unless the server states another one.
fn take_type(column: &mut Column, ty: ComputedType, known: Inferred, collation: Option<&Collation>) {
    let ComputedType { pg, native, nullable } = ty;
    // The source can say that it is NOT NULL, never that it is more than the expression is: a server calls everything
    // nullable that could overflow, where PostgreSQL fails.
    column.nullable = column.nullable && nullable.unwrap_or(true);
    match known {
        Inferred::FromExpression => {
            column.collation = if pg.is_text() { collation.cloned() } else { None };
            column.pg = pg;
            column.native = native;
        }
        Inferred::Stated if column.native == native => column.pg = pg,
        Inferred::Stated => {}
    }
}

/// What stands for an expression that the server does not show.
fn hidden() -> Expr {
    Expr {
        native: String::new(),
        translation: Translation::Impossible {
            reason: "the server does not show its text to this login, which lacks VIEW DEFINITION".to_owned(),
        },
    }
}

fn relation(table: &Table) -> ScopeRelation {
    let columns = table.columns.iter().map(|c| ScopeColumn {
        name: c.name.clone(),
        native: if c.native == COMPUTED {
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
