//! One SELECT.

use migrate_core::template::Template;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, GroupByWithModifier, OrderByExpr, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Top, TopQuantity,
};

use super::order::sorted;
use super::{Item, Leaf};
use crate::tsql::context::{Context, Source, reference};
use crate::tsql::value::{Outcome, fill, join};

impl Context<'_> {
    /// Translates a SELECT with the ORDER BY that may name its tables' columns; `limits` writes OFFSET and FETCH.
    pub(super) fn select(
        &mut self,
        select: &Select,
        order: &[OrderByExpr],
        limits: impl FnOnce(&mut Self) -> Outcome<Template>,
    ) -> Outcome<Leaf> {
        if select.into.is_some()
            || !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.named_window.is_empty()
            || select.qualify.is_some()
        {
            return Err("the SELECT has a clause that is not known here".to_owned());
        }
        self.framed(|cx| {
            let mut tail = cx.table_list(&select.from)?;
            if let Some(condition) = &select.selection {
                let condition = cx.condition(condition)?;
                tail.push(fill("\nwhere {}", &[condition.arg()]));
            }
            tail.push(cx.group_by(&select.group_by)?);
            if let Some(condition) = &select.having {
                let condition = cx.condition(condition)?;
                tail.push(fill("\nhaving {}", &[condition.arg()]));
            }
            let mut items = Vec::new();
            for item in &select.projection {
                cx.item(item, &mut items)?;
            }
            let mut head = Template::new();
            match &select.distinct {
                None | Some(Distinct::All) => {}
                Some(Distinct::Distinct) => {
                    head.push_sql("distinct ");
                    for item in &items {
                        cx.note_text(&[&item.value]);
                    }
                }
                Some(Distinct::On(_)) => return Err("DISTINCT ON is not T-SQL".to_owned()),
            }
            let mut keys = Vec::new();
            for key in order {
                keys.push(cx.order_key(key, &items)?);
            }
            let ordered = !keys.is_empty();
            if ordered {
                tail.push(fill("\norder by {}", &[&join(&keys, ", ")]));
            }
            let top = cx.top(select.top.as_ref())?;
            let rest = limits(cx)?;
            let closed = ordered || !top.pieces().is_empty() || !rest.pieces().is_empty();
            tail.push(top);
            tail.push(rest);
            Ok(Leaf {
                head,
                items,
                tail,
                closed,
            })
        })
    }

    fn item(&mut self, item: &SelectItem, out: &mut Vec<Item>) -> Outcome<()> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let value = self.value(expr)?;
                let name = match expr {
                    Expr::Identifier(name) if value.bare => Some(name.value.clone()),
                    Expr::CompoundIdentifier(parts) if value.bare => parts.last().map(|p| p.value.clone()),
                    _ => None,
                };
                out.push(Item {
                    value,
                    name,
                    aliased: false,
                });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let value = self.value(expr)?;
                out.push(Item {
                    value,
                    name: Some(alias.value.clone()),
                    aliased: true,
                });
            }
            SelectItem::Wildcard(_) => {
                let sources = self.frames.last().map(|f| f.sources.clone()).unwrap_or_default();
                for source in &sources {
                    all_columns(source, out)?;
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let last = name
                    .0
                    .last()
                    .and_then(|p| p.as_ident())
                    .ok_or("an odd wildcard")?;
                let sources = self
                    .frames
                    .last()
                    .map(|f| f.sources.as_slice())
                    .unwrap_or_default();
                let source = sources
                    .iter()
                    .find(|s| self.scope.same(&s.name, &last.value))
                    .ok_or_else(|| format!("there is no table `{name}` in the query"))?;
                all_columns(source, out)?;
            }
            other => return Err(format!("`{other}` in a SELECT is not known here")),
        }
        Ok(())
    }

    /// A key of ORDER BY: an alias stands before a column of the same name.
    fn order_key(&mut self, key: &OrderByExpr, items: &[Item]) -> Outcome<Template> {
        let position = match &key.expr {
            Expr::Identifier(name) => {
                let aliases = items
                    .iter()
                    .map(|i| i.name.as_deref().filter(|_| i.aliased).unwrap_or("\0"));
                self.scope.pick(&name.value, aliases)
            }
            Expr::Value(v) => v
                .value
                .to_string()
                .parse::<usize>()
                .ok()
                .and_then(|n| n.checked_sub(1)),
            _ => None,
        };
        if let Some((i, item)) = position.and_then(|i| items.get(i).map(|item| (i, item))) {
            self.sortable(&item.value)?;
            return sorted(Template::sql((i + 1).to_string()), key, item.value.nullable);
        }
        let value = self.value(&key.expr)?;
        self.sortable(&value)?;
        let nullable = value.nullable;
        sorted(value.sql, key, nullable)
    }

    fn top(&mut self, top: Option<&Top>) -> Outcome<Template> {
        let Some(top) = top else {
            return Ok(Template::new());
        };
        let count = match &top.quantity {
            Some(TopQuantity::Constant(n)) => Template::sql(n.to_string()),
            Some(TopQuantity::Expr(e)) => self.value(e)?.sql,
            None => return Err("TOP without a number".to_owned()),
        };
        if top.percent {
            // The usual way to write ORDER BY in a view, which SQL Server then ignores.
            return if count == Template::sql("100") {
                Ok(Template::new())
            } else {
                Err("TOP with PERCENT has no PostgreSQL form that is known here".to_owned())
            };
        }
        Ok(if top.with_ties {
            fill("\nfetch first {} rows with ties", &[&count])
        } else {
            fill("\nlimit {}", &[&count])
        })
    }

    fn group_by(&mut self, group: &GroupByExpr) -> Outcome<Template> {
        let GroupByExpr::Expressions(keys, modifiers) = group else {
            return Err("GROUP BY ALL".to_owned());
        };
        if keys.is_empty() {
            return Ok(Template::new());
        }
        let mut parts = Vec::new();
        for key in keys {
            parts.push(self.group_key(key)?);
        }
        let list = join(&parts, ", ");
        Ok(match modifiers.as_slice() {
            [] => fill("\ngroup by {}", &[&list]),
            [GroupByWithModifier::Rollup] => fill("\ngroup by rollup ({})", &[&list]),
            [GroupByWithModifier::Cube] => fill("\ngroup by cube ({})", &[&list]),
            _ => return Err("a modifier of GROUP BY that is not known here".to_owned()),
        })
    }

    fn group_key(&mut self, key: &Expr) -> Outcome<Template> {
        let mut sets = |word: &str, sets: &[Vec<Expr>]| {
            let mut out = Vec::new();
            for set in sets {
                let keys = set
                    .iter()
                    .map(|e| self.group_key(e))
                    .collect::<Outcome<Vec<_>>>()?;
                let list = join(&keys, ", ");
                out.push(if set.len() == 1 && word != "grouping sets" {
                    list
                } else {
                    fill("({})", &[&list])
                });
            }
            Ok(fill(&format!("{word} ({{}})"), &[&join(&out, ", ")]))
        };
        match key {
            Expr::Rollup(list) => sets("rollup", list),
            Expr::Cube(list) => sets("cube", list),
            Expr::GroupingSets(list) => sets("grouping sets", list),
            key => {
                let value = self.value(key)?;
                self.note_text(&[&value]);
                Ok(value.sql)
            }
        }
    }
}

fn all_columns(source: &Source, out: &mut Vec<Item>) -> Outcome<()> {
    for column in &source.columns {
        out.push(Item {
            value: reference(source, column)?,
            name: Some(column.name.clone()),
            aliased: false,
        });
    }
    Ok(())
}
