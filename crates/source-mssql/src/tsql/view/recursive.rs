//! Recursive common table expressions.

use sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, TableFactor, TableWithJoins};

use super::{Body, Naming, Rows, columns_of, each_row, named_columns, write};
use crate::tsql::context::{Context, Named};
use crate::tsql::convert::Reason;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Outcome, Value};

impl Context<'_> {
    /// `anchor union all member`, where the member's FROM has the expression's own name once.
    pub(super) fn recursive_cte(
        &mut self,
        name: &str,
        names: &[String],
        query: &Query,
        naming: Naming,
    ) -> Outcome<Rows> {
        let SetExpr::SetOperation {
            left,
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::All,
            right,
        } = &*query.body
        else {
            return Err("a recursive common table expression that is not a UNION ALL".to_owned());
        };
        if mentions(left, &|n| self.scope.same(n, name)) {
            return Err("a recursive common table expression with several recursive members".to_owned());
        }
        if query.with.is_some()
            || query.order_by.is_some()
            || query.limit_clause.is_some()
            || query.fetch.is_some()
        {
            return Err("a recursive common table expression with further clauses".to_owned());
        }
        let mut anchor = self.body(left, None, None, None)?;
        self.agree(&mut anchor)?;
        let known = self.ctes.len();
        let columns = named_columns(columns_of(&anchor), names)?;
        self.ctes.push(Named {
            name: name.to_owned(),
            columns: columns.clone(),
        });
        let member = self.body(right, None, None, None);
        self.ctes.truncate(known);
        let mut member = member?;
        // SQL Server wants the types of both to be the same; PostgreSQL looks at lengths and precisions too, which
        // only plain columns have there.
        let types: Vec<SqlType> = columns.iter().map(|c| c.ty.clone()).collect();
        let mut all_bare = vec![true; types.len()];
        for body in [&mut anchor, &mut member] {
            each_row(body, &mut |row| {
                if row.len() != types.len() {
                    return Err(
                        "the members of a recursive common table expression differ in columns".to_owned(),
                    );
                }
                for ((value, bare), ty) in row.iter().zip(&mut all_bare).zip(&types) {
                    *bare &= (value.bare || value.class() == Class::Int) && value.ty == *ty;
                }
                Ok(())
            })?;
        }
        for body in [&mut anchor, &mut member] {
            each_row(body, &mut |row| {
                for ((value, ty), bare) in row.iter_mut().zip(&types).zip(&all_bare) {
                    if !bare {
                        **value = self.typed_exactly((*value).clone(), ty)?;
                    }
                }
                Ok(())
            })?;
        }
        let columns = columns_of(&anchor);
        let body = Body::Set("union all", Box::new(anchor), Box::new(member));
        Ok(Rows {
            sql: write(&body, naming, false)?,
            columns,
        })
    }

    fn typed_exactly(&mut self, value: Value, ty: &SqlType) -> Outcome<Value> {
        let converted = self.convert(value, ty, Reason::Explicit(0))?;
        let pg = ty
            .pg()
            .ok_or("a recursive common table expression with a column of unknown type")?
            .to_string();
        let sql = converted.sql.clone();
        let ends = matches!(sql.pieces().last(), Some(migrate_core::template::Piece::Sql(s)) if s.ends_with(&format!("::{pg}")));
        Ok(if ends { converted } else { converted.cast(&pg) }.typed(ty.clone()))
    }
}

/// Whether a FROM clause names a relation without a schema.
pub(super) fn mentions(body: &SetExpr, name: &dyn Fn(&str) -> bool) -> bool {
    match body {
        SetExpr::Select(select) => select.from.iter().any(|t| in_joins(t, name)),
        SetExpr::Query(query) => mentions(&query.body, name),
        SetExpr::SetOperation { left, right, .. } => mentions(left, name) || mentions(right, name),
        _ => false,
    }
}

fn in_joins(table: &TableWithJoins, name: &dyn Fn(&str) -> bool) -> bool {
    in_factor(&table.relation, name) || table.joins.iter().any(|j| in_factor(&j.relation, name))
}

fn in_factor(factor: &TableFactor, name: &dyn Fn(&str) -> bool) -> bool {
    match factor {
        TableFactor::Table { name: table, .. } => {
            matches!(table.0.as_slice(), [one] if one.as_ident().is_some_and(|i| name(&i.value)))
        }
        TableFactor::Derived { subquery, .. } => mentions(&subquery.body, name),
        TableFactor::NestedJoin { table_with_joins, .. } => in_joins(table_with_joins, name),
        _ => false,
    }
}
