//! ORDER BY, OFFSET and FETCH.

use migrate_core::template::Template;
use sqlparser::ast::{Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderBySort};

use super::{Body, columns_of};
use crate::tsql::context::Context;
use crate::tsql::types::Class;
use crate::tsql::value::{Outcome, Value, fill, join};

impl Context<'_> {
    /// ORDER BY and the limits of a set operation, which can only name its columns.
    pub(super) fn set_tail(
        &mut self,
        body: &Body,
        order: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        fetch: Option<&Fetch>,
    ) -> Outcome<Template> {
        let columns = columns_of(body);
        let mut keys = Vec::new();
        for item in order_exprs(order)? {
            let at = match &item.expr {
                Expr::Identifier(name) => self
                    .scope
                    .pick(&name.value, columns.iter().map(|c| c.name.as_str())),
                Expr::Value(v) => v
                    .value
                    .to_string()
                    .parse::<usize>()
                    .ok()
                    .and_then(|n| n.checked_sub(1)),
                _ => None,
            };
            let (position, column) =
                at.and_then(|i| columns.get(i).map(|c| (i + 1, c)))
                    .ok_or_else(|| {
                        format!(
                            "ORDER BY {} of a set operation is not one of its columns",
                            item.expr
                        )
                    })?;
            keys.push(sorted(
                Template::sql(position.to_string()),
                item,
                column.nullable,
            )?);
        }
        let mut tail = Template::new();
        if !keys.is_empty() {
            tail.push(fill("\norder by {}", &[&join(&keys, ", ")]));
        }
        tail.push(self.limits(limit, fetch)?);
        Ok(tail)
    }

    /// OFFSET and FETCH.
    pub(super) fn limits(&mut self, limit: Option<&LimitClause>, fetch: Option<&Fetch>) -> Outcome<Template> {
        let mut sql = Template::new();
        if let Some(fetch) = fetch {
            if fetch.percent || fetch.with_ties {
                return Err("FETCH with PERCENT or TIES".to_owned());
            }
            if let Some(quantity) = &fetch.quantity {
                let n = self.int_value(quantity)?;
                sql.push(fill("\nlimit {}", &[n.arg()]));
            }
        }
        match limit {
            None => {}
            Some(LimitClause::LimitOffset {
                limit: None,
                offset: Some(offset),
                ..
            }) => {
                let n = self.int_value(&offset.value)?;
                if n.lit_int() != Some(0) {
                    sql.push(fill("\noffset {}", &[n.arg()]));
                }
            }
            Some(_) => return Err("LIMIT is not T-SQL".to_owned()),
        }
        Ok(sql)
    }

    pub(super) fn int_value(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.value(expr)?;
        if value.class() == Class::Int {
            Ok(value)
        } else {
            Err(format!("`{expr}` is not a number of rows"))
        }
    }

    /// ORDER BY inside windows and aggregates.
    pub(in crate::tsql) fn order_items(&mut self, items: &[OrderByExpr]) -> Outcome<Template> {
        let mut keys = Vec::new();
        for item in items {
            // `order by (select null)` asks for no order.
            if matches!(&item.expr, Expr::Subquery(q) if q.to_string().eq_ignore_ascii_case("select null")) {
                keys.push(Template::sql("null::integer"));
                continue;
            }
            let value = self.value(&item.expr)?;
            self.sortable(&value)?;
            let nullable = value.nullable;
            keys.push(sorted(value.sql, item, nullable)?);
        }
        Ok(join(&keys, ", "))
    }

    /// Checks that a value is sorted alike, and says where it is not.
    pub(super) fn sortable(&mut self, value: &Value) -> Outcome<()> {
        match value.class() {
            Class::Uuid => Err("uniqueidentifier is sorted by its last bytes first".to_owned()),
            Class::Opaque => Err(format!("{} is sorted", value.ty)),
            Class::Text => {
                self.note("text is sorted by PostgreSQL's collation");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The keys of ORDER BY.
pub(super) fn order_exprs(order: Option<&OrderBy>) -> Outcome<&[OrderByExpr]> {
    match order {
        None => Ok(&[]),
        Some(OrderBy {
            kind: OrderByKind::Expressions(list),
            ..
        }) => Ok(list),
        Some(_) => Err("ORDER BY ALL is not T-SQL".to_owned()),
    }
}

/// A sort key: NULL is the smallest value in SQL Server and the largest in PostgreSQL.
pub(super) fn sorted(key: Template, item: &OrderByExpr, nullable: bool) -> Outcome<Template> {
    if item.options.nulls_first.is_some() || item.with_fill.is_some() {
        return Err("NULLS FIRST is not T-SQL".to_owned());
    }
    let descending = match &item.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(_) => return Err("ORDER BY USING is not T-SQL".to_owned()),
    };
    let direction = if descending { " desc" } else { "" };
    let nulls = match (nullable, descending) {
        (false, _) => "",
        (true, false) => " nulls first",
        (true, true) => " nulls last",
    };
    let mut sql = key;
    sql.push_sql(direction);
    sql.push_sql(nulls);
    Ok(sql)
}
