//! FROM clauses.

use migrate_core::template::Template;
use sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use super::{Naming, alias_columns, column_list, named_columns};
use crate::tsql::context::{Context, Source, dotted};
use crate::tsql::parse::TEMPORAL;
use crate::tsql::value::{Outcome, fill, join, quote_ident};

impl Context<'_> {
    /// The FROM clause of the innermost frame, from its line break on.
    pub(super) fn table_list(&mut self, tables: &[TableWithJoins]) -> Outcome<Template> {
        if tables.is_empty() {
            return Ok(Template::new());
        }
        let parts = tables
            .iter()
            .map(|t| self.joined(t))
            .collect::<Outcome<Vec<_>>>()?;
        Ok(fill("\nfrom {}", &[&join(&parts, ", ")]))
    }

    fn joined(&mut self, table: &TableWithJoins) -> Outcome<Template> {
        let first = self.source_count();
        let mut sql = self.factor(&table.relation, false)?;
        for join in &table.joins {
            let here = self.source_count();
            sql.push(self.join(join)?);
            match &join.join_operator {
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) | JoinOperator::OuterApply => {
                    self.outer_side(here, usize::MAX);
                }
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => self.outer_side(first, here),
                JoinOperator::FullOuter(_) => self.outer_side(first, usize::MAX),
                _ => {}
            }
        }
        Ok(sql)
    }

    fn join(&mut self, join: &Join) -> Outcome<Template> {
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => ("join", Some(c)),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("left join", Some(c)),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("right join", Some(c)),
            JoinOperator::FullOuter(c) => ("full join", Some(c)),
            JoinOperator::CrossJoin(JoinConstraint::None) => ("cross join", None),
            JoinOperator::CrossApply => ("cross join", None),
            JoinOperator::OuterApply => ("left join", None),
            _ => return Err("a kind of join that T-SQL does not have".to_owned()),
        };
        let apply = matches!(
            join.join_operator,
            JoinOperator::CrossApply | JoinOperator::OuterApply
        );
        let factor = self.factor(&join.relation, apply)?;
        let mut sql = fill(&format!("\n{word} {{}}"), &[&factor]);
        match constraint {
            Some(JoinConstraint::On(condition)) => {
                let condition = self.condition(condition)?;
                sql.push(fill(" on {}", &[condition.arg()]));
            }
            Some(_) => return Err("a join without ON".to_owned()),
            None if join.join_operator == JoinOperator::OuterApply => sql.push_sql(" on true"),
            None => {}
        }
        Ok(sql)
    }

    fn factor(&mut self, factor: &TableFactor, lateral: bool) -> Outcome<Template> {
        match factor {
            TableFactor::Table {
                name, args: Some(_), ..
            }
            | TableFactor::Function { name, .. } => Err(table_function(name)),
            TableFactor::Table { version: Some(_), .. } => Err(TEMPORAL.to_owned()),
            TableFactor::Table { sample: Some(_), .. } => {
                Err("TABLESAMPLE picks pages in its own way".to_owned())
            }
            TableFactor::Table { name, alias, .. } => self.table(name, alias.as_ref()),
            TableFactor::Derived { subquery, alias, .. } => {
                let alias = alias.as_ref().ok_or("a derived table without a name")?;
                let names = alias_columns(alias)?;
                let naming = if names.is_empty() {
                    Naming::Aliased
                } else {
                    Naming::Anonymous
                };
                // Only APPLY lets a derived table see what stands before it.
                let rows = if lateral {
                    self.query(subquery, naming)?
                } else {
                    let hidden = self.frames.last_mut().map(|f| std::mem::take(&mut f.sources));
                    let rows = self.query(subquery, naming);
                    if let (Some(frame), Some(hidden)) = (self.frames.last_mut(), hidden) {
                        frame.sources = hidden;
                    }
                    rows?
                };
                let columns = named_columns(rows.columns, &names)?;
                let quoted = self.alias_for(&alias.name.value)?;
                let word = if lateral { "lateral " } else { "" };
                let tail = Template::sql(format!("{quoted}{}", column_list(&names)?));
                self.add_source(Source {
                    name: alias.name.value.clone(),
                    schema: None,
                    alias: Some(quoted),
                    owner: None,
                    columns,
                });
                Ok(fill(&format!("{word}({{}}) as {{}}"), &[&rows.sql, &tail]))
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let inner = self.joined(table_with_joins)?;
                Ok(fill("({})", &[&inner]))
            }
            TableFactor::Pivot { .. } => Err("PIVOT has no PostgreSQL form that is known here".to_owned()),
            TableFactor::Unpivot { .. } => {
                Err("UNPIVOT has no PostgreSQL form that is known here".to_owned())
            }
            TableFactor::OpenJsonTable { .. } => Err("OPENJSON uses SQL Server's JSON paths".to_owned()),
            _ => Err("the FROM clause has something that is not known here".to_owned()),
        }
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Outcome<Template> {
        let parts: Vec<_> = name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
        let last = parts.last().ok_or("a table without a name")?.value.clone();
        if alias.is_some_and(|a| !a.columns.is_empty()) {
            return Err(format!("the alias of {} renames its columns", dotted(&parts)));
        }
        let called = alias.map_or(last.clone(), |a| a.name.value.clone());
        let quoted = self.alias_for(&called)?;
        if let [single] = parts.as_slice()
            && let Some(cte) = self.cte(&single.value)
        {
            let (columns, cte_name) = (cte.columns.clone(), quote_ident(&cte.name)?);
            let same = cte_name == quoted;
            self.add_source(Source {
                name: called,
                schema: None,
                alias: Some(quoted.clone()),
                owner: None,
                columns,
            });
            return Ok(Template::sql(if same {
                cte_name
            } else {
                format!("{cte_name} as {quoted}")
            }));
        }
        let relation = match parts.as_slice() {
            [table] => self.scope.unqualified(&table.value)?,
            [schema, table] => self
                .scope
                .relation(&schema.value, &table.value)
                .ok_or_else(|| format!("the table or view {} is not known", dotted(&parts)))?,
            _ => return Err(format!("{} belongs to another database", dotted(&parts))),
        };
        let mut source = Source::relation(self.scope, relation, called, Some(quoted.clone()));
        if alias.is_none() {
            source.schema = Some(relation.name.schema.clone());
        }
        let mut sql = Template::new();
        sql.push_relation(relation.name.clone());
        sql.push_sql(" as ");
        sql.push_sql(&quoted);
        self.add_source(source);
        Ok(sql)
    }

    /// The quoted alias for a name, made different from those that the query has already: `a.t, b.t` is T-SQL.
    fn alias_for(&self, name: &str) -> Outcome<String> {
        let taken = |candidate: &str| {
            self.frames
                .last()
                .is_some_and(|f| f.sources.iter().any(|s| s.alias.as_deref() == Some(candidate)))
        };
        let plain = quote_ident(name)?;
        if !taken(&plain) {
            return Ok(plain);
        }
        for n in 2..1000 {
            let candidate = quote_ident(&format!("{name}_{n}"))?;
            if !taken(&candidate) {
                return Ok(candidate);
            }
        }
        Err(format!("the name {name} stands for too many tables"))
    }

    fn add_source(&mut self, source: Source) {
        if let Some(frame) = self.frames.last_mut() {
            frame.sources.push(source);
        }
    }

    fn source_count(&self) -> usize {
        self.frames.last().map_or(0, |f| f.sources.len())
    }

    /// The columns of these sources can be NULL after an outer join.
    fn outer_side(&mut self, from: usize, to: usize) {
        if let Some(frame) = self.frames.last_mut() {
            for source in frame.sources.iter_mut().take(to).skip(from) {
                for column in &mut source.columns {
                    column.nullable = true;
                }
            }
        }
    }
}

fn table_function(name: &ObjectName) -> String {
    let parts: Vec<_> = name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
    match parts.last().map(|p| p.value.to_lowercase()).as_deref() {
        Some("nodes") => "the xml method .nodes() (XQuery) has no PostgreSQL form".to_owned(),
        _ => format!(
            "the table function {} has no PostgreSQL form that is known here",
            dotted(&parts)
        ),
    }
}
