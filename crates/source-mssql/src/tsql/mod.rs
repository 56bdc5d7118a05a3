//! T-SQL expressions and queries in PostgreSQL's words.
//!
//! Defaults, checks, computed columns, index predicates and views are parsed with `sqlparser`, typed by SQL Server's
//! own rules (data type precedence, the precision and scale of decimal arithmetic, lengths of concatenations), and
//! written for PostgreSQL so that they mean the same. Where they cannot, either a note says what is different, or
//! there is no translation and the reason says why. Nothing is guessed.
//!
//! Differences that are accepted without a note, because they can only show in errors: arithmetic overflow happens at
//! PostgreSQL's limits, and conversions of malformed text fail with PostgreSQL's messages.

mod constant;
mod context;
mod convert;
mod dialect;
mod expr;
mod functions;
mod literal;
mod moment;
mod operator;
mod parse;
mod pattern;
mod scope;
mod style;
mod types;
mod value;
mod view;

#[cfg(test)]
mod tests;

use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;
use migrate_core::template::{Expr, Template, Translation};
use sqlparser::tokenizer::Token;

use context::{Context, Frame, Source};
use convert::Reason;
use types::SqlType;
use value::{Outcome, Value};
use view::Naming;

pub use scope::{Scope, ScopeColumn, ScopeRelation};

/// What an expression is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// A column's default.
    Default {
        /// The column's PostgreSQL type.
        target: PgType,
    },
    /// The condition of a check constraint.
    Check,
    /// The value of a computed column.
    Computed,
    /// The condition of a filtered index.
    IndexFilter,
}

/// The type that SQL Server gives an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputedType {
    /// The PostgreSQL type for it.
    pub pg: PgType,
    /// SQL Server's spelling, `decimal(38,6)`.
    pub native: String,
    /// Whether it can be NULL, if that is known.
    pub nullable: Option<bool>,
}

/// Translates an expression that belongs to `table`.
///
/// Never fails: what has no translation comes back as [`Translation::Impossible`] with the reason. Sequences in
/// `next value for` come back as relations of the template.
pub fn translate(native: &str, usage: &Usage, table: &ObjectName, scope: &Scope) -> Expr {
    let wants_immutable = matches!(usage, Usage::Computed | Usage::IndexFilter);
    let mut cx = in_table(table, scope, wants_immutable);
    let result = parse::expression(native).and_then(|ast| match usage {
        Usage::Default { target } => {
            let value = cx.value(&ast)?;
            let ty = SqlType::from_pg(target);
            match ty {
                SqlType::Opaque(_) if value.lit_text().is_none() && !value.is_null() => Err(format!(
                    "a default of type {} for a column of type {target}",
                    value.ty
                )),
                SqlType::Opaque(_) => Ok(value),
                _ => cx.convert(value, &ty, Reason::Assign),
            }
        }
        Usage::Check | Usage::IndexFilter => cx.condition(&ast),
        Usage::Computed => cx.value(&ast),
    });
    finished(native, cx, result.map(|v| v.sql))
}

/// Translates a computed column and infers the type of its result.
pub fn translate_computed(native: &str, table: &ObjectName, scope: &Scope) -> (Expr, Option<ComputedType>) {
    let mut cx = in_table(table, scope, true);
    let result = parse::expression(native).and_then(|ast| cx.value(&ast));
    let ty = result.as_ref().ok().and_then(computed_type);
    (finished(native, cx, result.map(|v| v.sql)), ty)
}

/// Translates the query of a view whose columns are `columns`.
///
/// Columns of the result have the same order; a view made of it should be given its column names explicitly, because
/// only aliases that the query itself gives are written.
pub fn translate_view(native_query: &str, columns: &[String], scope: &Scope) -> Expr {
    translate_view_typed(native_query, columns, scope).0
}

/// Like [`translate_view`], with the types of the view's columns where they are known, so that the view can be added
/// to the scope of others.
pub fn translate_view_typed(
    native_query: &str,
    columns: &[String],
    scope: &Scope,
) -> (Expr, Vec<Option<ComputedType>>) {
    let mut cx = Context::new(scope, false);
    let result = parse::query(native_query)
        .and_then(|ast| cx.query(&ast, Naming::Natural))
        .and_then(|rows| {
            if columns.is_empty() || columns.len() == rows.columns.len() {
                Ok(rows)
            } else {
                Err(format!(
                    "the query has {} columns and the view {}",
                    rows.columns.len(),
                    columns.len()
                ))
            }
        });
    let types = result.as_ref().map_or_else(
        |_| vec![None; columns.len()],
        |rows| {
            rows.columns
                .iter()
                .map(|c| {
                    let native = c.ty.to_string();
                    c.ty.pg().map(|pg| ComputedType {
                        pg,
                        native,
                        nullable: Some(c.nullable),
                    })
                })
                .collect()
        },
    );
    (finished(native_query, cx, result.map(|rows| rows.sql)), types)
}

/// The tables and views of `scope` that a query may use, whether or not the query can be translated. Names that stand
/// for something else by chance (a column called like a view) may be among them.
pub fn view_dependencies(native_query: &str, scope: &Scope) -> Vec<ObjectName> {
    let Some(words) = parse::words(native_query) else {
        return Vec::new();
    };
    let mut out: Vec<ObjectName> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let Token::Word(name) = word else { continue };
        let before = i.checked_sub(1).and_then(|j| words.get(j));
        let relations: Vec<&ScopeRelation> = match (words.get(i + 1), words.get(i + 2)) {
            (Some(Token::Period), Some(Token::Word(table))) => {
                scope.relation(&name.value, &table.value).into_iter().collect()
            }
            // Without a schema only where a relation can stand.
            _ if starts_relation(before) => match scope.unqualified(&name.value) {
                Ok(one) => vec![one],
                Err(_) => scope.of_name(&name.value).collect(),
            },
            _ => Vec::new(),
        };
        for relation in relations {
            if !out.contains(&relation.name) {
                out.push(relation.name.clone());
            }
        }
    }
    out
}

fn starts_relation(before: Option<&Token>) -> bool {
    match before {
        Some(Token::Word(w)) => {
            w.quote_style.is_none() && matches!(w.value.to_lowercase().as_str(), "from" | "join" | "apply")
        }
        Some(Token::Comma | Token::LParen) => true,
        _ => false,
    }
}

fn in_table<'a>(table: &ObjectName, scope: &'a Scope, wants_immutable: bool) -> Context<'a> {
    let mut cx = Context::new(scope, wants_immutable);
    if let Some(relation) = scope.relation(&table.schema, &table.name) {
        let source = Source::relation(scope, relation, relation.name.name.clone(), None);
        cx.frames.push(Frame {
            sources: vec![Source {
                schema: Some(table.schema.clone()),
                ..source
            }],
        });
    }
    cx
}

fn computed_type(value: &Value) -> Option<ComputedType> {
    let pg = value.ty.pg()?;
    Some(ComputedType {
        pg,
        native: value.ty.to_string(),
        nullable: Some(value.nullable),
    })
}

fn finished(native: &str, cx: Context<'_>, result: Outcome<Template>) -> Expr {
    let translation = match result {
        Ok(template) => Translation::Done {
            template,
            immutable: cx.immutable,
            notes: cx.notes,
        },
        Err(reason) => Translation::Impossible { reason },
    };
    Expr {
        native: native.to_owned(),
        translation,
    }
}
