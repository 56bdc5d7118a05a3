//! Queries: the bodies of views, and subqueries in expressions.

mod from;
mod order;
mod recursive;
mod select;

use migrate_core::template::Template;
use sqlparser::ast::{
    Cte, Expr, Fetch, LimitClause, OrderBy, Query, SetExpr, SetOperator, SetQuantifier, TableAlias, Values,
};

use order::order_exprs;

use super::context::{Context, Frame, Named, Visible};
use super::convert::Reason;
use super::types::{Class, SqlType};
use super::value::{Outcome, Prec, Value, fill, join, quote_ident};

/// Where the names of a query's columns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// Columns keep the names they get by themselves; only aliases are written.
    Natural,
    /// Every column is given its source name, because others refer to it by that.
    Aliased,
    /// Nobody looks at the names.
    Anonymous,
}

/// A translated query.
pub(super) struct Rows {
    pub(super) sql: Template,
    pub(super) columns: Vec<Visible>,
}

/// One column of a SELECT.
pub(super) struct Item {
    pub(super) value: Value,
    /// Its name in the source, if it has one.
    pub(super) name: Option<String>,
    /// Whether the name was given with AS.
    pub(super) aliased: bool,
}

/// A SELECT or VALUES whose columns are not yet written, so that set operations can still agree on types.
pub(super) struct Leaf {
    /// Between `select` and the columns: `distinct `.
    head: Template,
    items: Vec<Item>,
    /// From `from` to `limit`.
    tail: Template,
    /// Whether ORDER BY or LIMIT in it asks for parentheses in a set operation.
    closed: bool,
}

/// The shape of a query's body.
pub(super) enum Body {
    Leaf(Box<Leaf>),
    /// VALUES: rows of values.
    Values(Vec<Vec<Value>>),
    /// The operator with its quantifier, and two bodies.
    Set(&'static str, Box<Body>, Box<Body>),
    /// A query in parentheses with its own clauses.
    Query(Box<Body>, Template),
}

impl Context<'_> {
    /// Translates a query in the frames that are open.
    pub(super) fn query(&mut self, query: &Query, naming: Naming) -> Outcome<Rows> {
        self.nested(|cx| {
            let known = cx.ctes.len();
            let rows = cx.query_inner(query, naming);
            cx.ctes.truncate(known);
            rows
        })
    }

    fn query_inner(&mut self, query: &Query, naming: Naming) -> Outcome<Rows> {
        if query.for_clause.is_some() {
            return Err("FOR XML and FOR JSON have no PostgreSQL form that is known here".to_owned());
        }
        if !query.locks.is_empty() || query.settings.is_some() || !query.pipe_operators.is_empty() {
            return Err("the query has a clause that is not known here".to_owned());
        }
        let mut sql = Template::new();
        if let Some(with) = &query.with {
            let mut recursive = false;
            let mut parts = Vec::new();
            for cte in &with.cte_tables {
                let (part, is_recursive) = self.cte_definition(cte)?;
                recursive |= is_recursive;
                parts.push(part);
            }
            sql.push_sql(if recursive { "with recursive " } else { "with " });
            sql.push(join(&parts, ",\n"));
            sql.push_sql("\n");
        }
        let mut body = self.body(
            &query.body,
            query.order_by.as_ref(),
            query.limit_clause.as_ref(),
            query.fetch.as_ref(),
        )?;
        self.agree(&mut body)?;
        let columns = columns_of(&body);
        sql.push(write(&body, naming, false)?);
        Ok(Rows { sql, columns })
    }

    /// `"Name"("a", "b") as (...)`, and whether it is recursive. The name is in sight afterwards.
    fn cte_definition(&mut self, cte: &Cte) -> Outcome<(Template, bool)> {
        let name = &cte.alias.name.value;
        let names = alias_columns(&cte.alias)?;
        let naming = if names.is_empty() {
            Naming::Aliased
        } else {
            Naming::Anonymous
        };
        // A common table expression sees nothing of the query around it.
        let outside = std::mem::take(&mut self.frames);
        let result = if recursive::mentions(&cte.query.body, &|n| self.scope.same(n, name)) {
            self.recursive_cte(name, &names, &cte.query, naming)
                .map(|rows| (rows, true))
        } else {
            self.query(&cte.query, naming).map(|rows| (rows, false))
        };
        self.frames = outside;
        let (rows, is_recursive) = result?;
        let columns = named_columns(rows.columns, &names)?;
        self.ctes.push(Named {
            name: name.clone(),
            columns,
        });
        let head = format!("{}{} as (\n", quote_ident(name)?, column_list(&names)?);
        Ok((fill("{}{}\n)", &[&Template::sql(head), &rows.sql]), is_recursive))
    }

    /// A body with the clauses that follow it.
    fn body(
        &mut self,
        body: &SetExpr,
        order: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        fetch: Option<&Fetch>,
    ) -> Outcome<Body> {
        match body {
            SetExpr::Select(select) => {
                let order = order_exprs(order)?;
                let leaf = self.select(select, order, |cx| cx.limits(limit, fetch))?;
                Ok(Body::Leaf(Box::new(leaf)))
            }
            SetExpr::Values(values) if order.is_none() && limit.is_none() => self.values(values),
            SetExpr::Query(inner) => {
                if inner.with.is_some() {
                    return Err("WITH inside parentheses".to_owned());
                }
                let inner = self.body(
                    &inner.body,
                    inner.order_by.as_ref(),
                    inner.limit_clause.as_ref(),
                    inner.fetch.as_ref(),
                )?;
                let tail = self.set_tail(&inner, order, limit, fetch)?;
                Ok(Body::Query(Box::new(inner), tail))
            }
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                let word = set_word(*op, *set_quantifier)?;
                let left = self.body(left, None, None, None)?;
                let right = self.body(right, None, None, None)?;
                if word != "union all" {
                    self.note_text(&texts(&left));
                }
                let set = Body::Set(word, Box::new(left), Box::new(right));
                let tail = self.set_tail(&set, order, limit, fetch)?;
                Ok(if tail.pieces().is_empty() {
                    set
                } else {
                    Body::Query(Box::new(set), tail)
                })
            }
            _ => Err("the query is not a SELECT".to_owned()),
        }
    }

    fn values(&mut self, values: &Values) -> Outcome<Body> {
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            rows.push(row.iter().map(|e| self.value(e)).collect::<Outcome<Vec<_>>>()?);
        }
        Ok(Body::Values(rows))
    }

    /// Gives the branches of a set operation, or the rows of VALUES, one type for each column.
    fn agree(&mut self, body: &mut Body) -> Outcome<()> {
        if let Body::Query(inner, _) = body {
            return self.agree(inner);
        }
        let mut types: Vec<SqlType> = Vec::new();
        each_row(body, &mut |row| {
            if types.is_empty() {
                types = row.iter().map(|v| v.ty.clone()).collect();
                return Ok(());
            }
            if types.len() != row.len() {
                return Err("the branches of a set operation have different numbers of columns".to_owned());
            }
            for (ty, value) in types.iter_mut().zip(row.iter()) {
                *ty = ty.unify(&value.ty);
            }
            Ok(())
        })?;
        each_row(body, &mut |row| {
            for (ty, value) in types.iter().zip(row) {
                if value.ty != *ty {
                    **value = self.convert((*value).clone(), ty, Reason::Operand)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn exists(&mut self, query: &Query, negated: bool) -> Outcome<Value> {
        let rows = self.query(query, Naming::Anonymous)?;
        let (word, prec) = if negated {
            ("not exists", Prec::Not)
        } else {
            ("exists", Prec::Atom)
        };
        Ok(Value::new(
            fill(&format!("{word} ({{}})"), &[&rows.sql]),
            prec,
            SqlType::Condition,
            false,
        ))
    }

    pub(super) fn in_subquery(&mut self, expr: &Expr, query: &Query, negated: bool) -> Outcome<Value> {
        let subject = self.value(expr)?;
        let rows = self.query(query, Naming::Anonymous)?;
        let [column] = rows.columns.as_slice() else {
            return Err("IN with a query of several columns".to_owned());
        };
        if subject.class() != column.ty.class()
            && !(subject.class().is_number() && column.ty.class().is_number())
        {
            return Err(format!("{} is looked up in a query of {}", subject.ty, column.ty));
        }
        if subject.class() == Class::Text {
            self.note_text(&[&subject]);
        }
        let word = if negated { "not in" } else { "in" };
        let sql = fill(
            &format!("{{}} {word} ({{}})"),
            &[&subject.at(Prec::Other), &rows.sql],
        );
        Ok(Value::new(sql, Prec::Range, SqlType::Condition, true))
    }

    pub(super) fn scalar_subquery(&mut self, query: &Query) -> Outcome<Value> {
        let rows = self.query(query, Naming::Anonymous)?;
        let [column] = rows.columns.as_slice() else {
            return Err("a subquery of several columns as a value".to_owned());
        };
        let mut value = Value::atom(fill("({})", &[&rows.sql]), column.ty.clone(), true);
        value.case_insensitive = column.case_insensitive;
        Ok(value)
    }

    /// Runs with a new, empty frame.
    fn framed<T>(&mut self, f: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.frames.push(Frame::default());
        let result = f(self);
        self.frames.pop();
        result
    }
}

/// Calls `f` with the values of every branch and row.
fn each_row(body: &mut Body, f: &mut dyn FnMut(&mut [&mut Value]) -> Outcome<()>) -> Outcome<()> {
    match body {
        Body::Leaf(leaf) => f(&mut leaf.items.iter_mut().map(|i| &mut i.value).collect::<Vec<_>>()),
        Body::Values(rows) => rows
            .iter_mut()
            .try_for_each(|row| f(&mut row.iter_mut().collect::<Vec<_>>())),
        Body::Set(_, left, right) => {
            each_row(left, f)?;
            each_row(right, f)
        }
        Body::Query(inner, _) => each_row(inner, f),
    }
}

/// The columns of a body: names from its first branch.
fn columns_of(body: &Body) -> Vec<Visible> {
    match body {
        Body::Leaf(leaf) => leaf
            .items
            .iter()
            .map(|i| visible(&i.value, i.name.clone()))
            .collect(),
        Body::Values(rows) => rows
            .first()
            .into_iter()
            .flatten()
            .map(|v| visible(v, None))
            .collect(),
        Body::Set(_, left, right) => {
            let mut columns = columns_of(left);
            for (column, other) in columns.iter_mut().zip(columns_of(right)) {
                column.nullable |= other.nullable;
                column.case_insensitive |= other.case_insensitive;
                column.ty = column.ty.unify(&other.ty);
            }
            columns
        }
        Body::Query(inner, _) => columns_of(inner),
    }
}

fn visible(value: &Value, name: Option<String>) -> Visible {
    Visible {
        name: name.unwrap_or_default(),
        ty: value.ty.clone(),
        nullable: value.nullable,
        case_insensitive: value.case_insensitive,
    }
}

/// The values of a body's first branch, for what has to be said about comparing them.
fn texts(body: &Body) -> Vec<&Value> {
    match body {
        Body::Leaf(leaf) => leaf
            .items
            .iter()
            .map(|i| &i.value)
            .filter(|v| v.class() == Class::Text)
            .collect(),
        Body::Values(rows) => rows
            .first()
            .into_iter()
            .flatten()
            .filter(|v| v.class() == Class::Text)
            .collect(),
        Body::Set(_, left, _) => texts(left),
        Body::Query(inner, _) => texts(inner),
    }
}

/// Writes a body; `inside` a set operation some need parentheses.
fn write(body: &Body, naming: Naming, inside: bool) -> Outcome<Template> {
    Ok(match body {
        Body::Leaf(leaf) => {
            let mut items = Vec::with_capacity(leaf.items.len());
            for item in &leaf.items {
                let alias = match (naming, &item.name) {
                    (Naming::Anonymous, _) => None,
                    (Naming::Natural, name) => name.as_ref().filter(|_| item.aliased),
                    (Naming::Aliased, Some(name)) => Some(name),
                    (Naming::Aliased, None) => {
                        return Err("a column of a derived table has no name".to_owned());
                    }
                };
                items.push(match alias {
                    Some(name) => fill(
                        "{} as {}",
                        &[item.value.arg(), &Template::sql(quote_ident(name)?)],
                    ),
                    None => item.value.sql.clone(),
                });
            }
            let sql = fill("select {}{}{}", &[&leaf.head, &join(&items, ", "), &leaf.tail]);
            if inside && leaf.closed {
                fill("({})", &[&sql])
            } else {
                sql
            }
        }
        Body::Values(rows) => {
            let rows: Vec<Template> = rows
                .iter()
                .map(|row| fill("({})", &[&join(row.iter().map(Value::arg), ", ")]))
                .collect();
            fill("values {}", &[&join(&rows, ", ")])
        }
        Body::Set(word, left, right) => {
            let left = write(left, naming, true)?;
            let grouped = matches!(**right, Body::Set(..));
            let right = write(right, Naming::Anonymous, true)?;
            let right = if grouped { fill("({})", &[&right]) } else { right };
            fill(&format!("{{}}\n{word}\n{{}}"), &[&left, &right])
        }
        Body::Query(inner, tail) => {
            let inner_sql = write(inner, naming, false)?;
            // ORDER BY after a set operation belongs to the whole of it.
            let whole = matches!(**inner, Body::Set(..)) && !inside;
            fill(if whole { "{}{}" } else { "({}){}" }, &[&inner_sql, tail])
        }
    })
}

fn set_word(op: SetOperator, quantifier: SetQuantifier) -> Outcome<&'static str> {
    Ok(match (op, quantifier) {
        (SetOperator::Union, SetQuantifier::All) => "union all",
        (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => "union",
        (SetOperator::Except, SetQuantifier::None | SetQuantifier::Distinct) => "except",
        (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => "intersect",
        _ => return Err(format!("the set operation {op} {quantifier}")),
    })
}

/// The column names in `as t(a, b)`.
pub(super) fn alias_columns(alias: &TableAlias) -> Outcome<Vec<String>> {
    if alias.at.is_some() || alias.columns.iter().any(|c| c.data_type.is_some()) {
        return Err("an alias with types".to_owned());
    }
    Ok(alias.columns.iter().map(|c| c.name.value.clone()).collect())
}

/// `("a", "b")`, or nothing.
pub(super) fn column_list(names: &[String]) -> Outcome<String> {
    if names.is_empty() {
        return Ok(String::new());
    }
    let quoted = names
        .iter()
        .map(|n| quote_ident(n))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(format!("({})", quoted.join(", ")))
}

/// Columns under the names that an alias gives them.
pub(super) fn named_columns(mut columns: Vec<Visible>, names: &[String]) -> Outcome<Vec<Visible>> {
    if names.is_empty() {
        return Ok(columns);
    }
    if names.len() != columns.len() {
        return Err(format!(
            "{} names are given to {} columns",
            names.len(),
            columns.len()
        ));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    Ok(columns)
}
