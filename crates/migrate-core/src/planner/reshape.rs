//! What becomes of tables once all rows are copied: keys that become numbers, references to one of several tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Action, Numbered, ObjectName, Resolved, SaysWhich};
use crate::naming::Namespace;
use crate::pg_type::PgType;
use crate::plan::{
    CheckPlan, ForeignKeyPlan, KeyPlan, NumberedPlan, ReshapePlan, ResolvedPlan, TablePlan, quote_ident,
};

use super::Planner;
use super::references::comparable;

/// What the column is called that keeps a former key.
const LEGACY: &str = "legacy_id";

impl Planner<'_> {
    /// Plans the catalog's reshapes, as far as the plan has the tables and columns that they are about.
    pub(super) fn reshape(&mut self, tables: &mut [TablePlan]) {
        let catalog = self.catalog;
        let numbered = self.numbered(tables);
        let keys: BTreeMap<ObjectName, TablePlan> =
            tables.iter().map(|t| (t.source.clone(), t.clone())).collect();
        for reshape in &catalog.reshapes {
            let Some(table) = tables.iter_mut().find(|t| t.source == reshape.table) else {
                continue;
            };
            let mut plan = ReshapePlan::default();
            for column in &reshape.numbered {
                if numbered.contains(&column.key_of) {
                    plan.numbered.extend(self.numbered_column(table, column));
                }
            }
            let mut by_source: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for column in &reshape.resolved {
                if let Some(resolved) = self.resolved_column(table, &plan, column, &keys, &numbered) {
                    let names = by_source.entry(&column.from).or_default();
                    names.push(resolved.name.clone());
                    plan.resolved.push(resolved);
                }
            }
            for names in by_source.values().filter(|names| names.len() > 1) {
                at_most_one(table, names);
            }
            if plan != ReshapePlan::default() {
                table.reshape = Some(Box::new(plan));
            }
        }
    }

    /// Tables of the plan whose own key becomes a number.
    fn numbered(&self, tables: &[TablePlan]) -> BTreeSet<ObjectName> {
        let own = self.catalog.reshapes.iter().filter(|reshape| {
            let Some(table) = tables.iter().find(|t| t.source == reshape.table) else {
                return false;
            };
            reshape.numbered.iter().any(|n| {
                let name = self.names.column(&table.source, &n.column);
                let key = table.primary_key.as_ref().map(|k| k.columns.as_slice());
                n.key_of == table.source && name.is_some() && key == name.as_ref().map(std::slice::from_ref)
            })
        });
        own.map(|reshape| reshape.table.clone()).collect()
    }

    fn numbered_column(&mut self, table: &mut TablePlan, column: &Numbered) -> Option<NumberedPlan> {
        let name = self.names.column(&table.source, &column.column)?;
        let object = format!("{}.{}", table.source, column.column);
        let legacy = (column.key_of == table.source
            && table
                .primary_key
                .as_ref()
                .is_some_and(|k| k.columns == [name.clone()]))
        .then(|| {
            let legacy = free_column(table, &ReshapePlan::default(), LEGACY);
            self.note(
                &object,
                format!(
                    "becomes a number (bigint); {legacy} keeps what it was, and migrate.mapping the pairs"
                ),
            );
            let wanted = format!("{}_{legacy}_key", table.target.name);
            let key = KeyPlan {
                name: self.names.take(&table.target.schema, &wanted, &object),
                columns: vec![legacy.clone()],
                nulls_not_distinct: false,
                comment: None,
            };
            table.uniques.push(key);
            legacy
        });
        if legacy.is_none() {
            self.note(
                &object,
                format!(
                    "becomes a number (bigint): that of the row of {} that it names",
                    column.key_of
                ),
            );
        }
        Some(NumberedPlan {
            column: name,
            key_of: column.key_of.clone(),
            legacy,
        })
    }

    fn resolved_column(
        &mut self,
        table: &mut TablePlan,
        so_far: &ReshapePlan,
        column: &Resolved,
        keys: &BTreeMap<ObjectName, TablePlan>,
        numbered: &BTreeSet<ObjectName>,
    ) -> Option<ResolvedPlan> {
        let other = keys.get(&column.references)?;
        let from = self.names.column(&table.source, &column.from)?;
        let key = self.names.column(&column.references, &column.key)?;
        let ty = |table: &TablePlan, name: &str| {
            let column = table.columns.iter().find(|c| c.name == name);
            column.map(|c| c.ty.clone())
        };
        let (own, theirs) = (ty(table, &from)?, ty(other, &key)?);
        if !comparable(&own, &theirs) {
            return None;
        }
        let when = match &column.when {
            Some(says) => Some(SaysWhich {
                column: self.names.column(&table.source, &says.column)?,
                ..says.clone()
            }),
            None => None,
        };
        let name = free_column(table, so_far, &self.mapping.naming.apply(&column.name));
        table.foreign_keys.push(ForeignKeyPlan {
            name: free_constraint(table, &format!("{}_{name}_fkey", table.target.name)),
            columns: vec![name.clone()],
            references: other.target.clone(),
            referenced_columns: vec![key.clone()],
            on_delete: Action::NoAction,
            on_update: Action::NoAction,
            validate: true,
            comment: None,
        });
        self.note(
            format!("{}.{}", table.source, column.from),
            format!(
                "{name} is added, with a foreign key, for the values that are keys of {}",
                column.references
            ),
        );
        Some(ResolvedPlan {
            name,
            ty: if numbered.contains(&column.references) {
                PgType::Int8
            } else {
                own
            },
            from,
            references: column.references.clone(),
            key,
            when,
        })
    }
}

fn at_most_one(table: &mut TablePlan, names: &[String]) {
    let columns: Vec<String> = names.iter().map(|name| quote_ident(name)).collect();
    table.checks.push(CheckPlan {
        name: free_constraint(table, &format!("{}_one_reference_check", table.target.name)),
        expression: format!("num_nonnulls({}) <= 1", columns.join(", ")),
        validate: true,
        comment: None,
    });
}

/// The name, or one like it that no column has.
fn free_column(table: &TablePlan, so_far: &ReshapePlan, wanted: &str) -> String {
    let mut space = Namespace::default();
    table.columns.iter().for_each(|c| drop(space.take(&c.name)));
    so_far.resolved.iter().for_each(|c| drop(space.take(&c.name)));
    let legacy = so_far.numbered.iter().filter_map(|n| n.legacy.as_ref());
    legacy.for_each(|name| drop(space.take(name)));
    space.take(wanted).0
}

/// The name, or one like it that no constraint of the table has.
fn free_constraint(table: &TablePlan, wanted: &str) -> String {
    let mut space = Namespace::default();
    let keys = table.primary_key.iter().chain(&table.uniques).map(|k| &k.name);
    let others = table.foreign_keys.iter().map(|k| &k.name);
    let names = keys.chain(others).chain(table.checks.iter().map(|c| &c.name));
    names.for_each(|name| drop(space.take(name)));
    space.take(wanted).0
}
