//! In what one plan differs from another, for a person who goes on with the wrong one.

use std::collections::BTreeSet;

use migrate_core::plan::{ColumnPlan, Plan, TablePlan};

/// Differences that are told; the others are counted.
const TOLD: usize = 8;

/// The first few differences, by name.
pub(crate) fn difference(old: &Plan, new: &Plan) -> String {
    let mut found = Vec::new();
    if old.target != new.target {
        found.push("the destination it was made for".to_owned());
    }
    if old.exists != new.exists || old.staged != new.staged {
        found.push("what becomes of tables that exist".to_owned());
    }
    for table in &new.tables {
        match old.table(&table.source) {
            None => found.push(format!("table {} is new", table.source)),
            Some(before) => tables(before, table, &mut found),
        }
    }
    let gone = old.tables.iter().filter(|t| new.table(&t.source).is_none());
    found.extend(gone.map(|t| format!("table {} is missing", t.source)));
    if found.is_empty() {
        return "it differs outside of its tables".to_owned();
    }
    let more = found.len().saturating_sub(TOLD);
    found.truncate(TOLD);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{rest}", found.join(", "))
}

fn tables(old: &TablePlan, new: &TablePlan, found: &mut Vec<String>) {
    let told = found.len();
    let name = &new.source;
    if old.target != new.target {
        found.push(format!("table {name} was to be called {}", old.target));
    }
    if old.filter != new.filter {
        found.push(format!("the rows that are taken of table {name}"));
    }
    for column in &new.columns {
        match old.columns.iter().find(|c| same(c, column)) {
            None => found.push(format!("column {name}.{} is new", column.source)),
            Some(before) => columns(name, before, column, found),
        }
    }
    let gone = old
        .columns
        .iter()
        .filter(|c| !new.columns.iter().any(|n| same(c, n)));
    found.extend(gone.map(|c| format!("column {name}.{} is missing", c.source)));
    let names = |table: &TablePlan| -> BTreeSet<String> {
        let keys = table
            .primary_key
            .iter()
            .chain(&table.uniques)
            .map(|k| format!("key {}", k.name));
        let others = table
            .foreign_keys
            .iter()
            .map(|k| format!("foreign key {}", k.name));
        let checks = table.checks.iter().map(|c| format!("check {}", c.name));
        let indexes = table.indexes.iter().map(|i| format!("index {}", i.name));
        keys.chain(others).chain(checks).chain(indexes).collect()
    };
    let (before, after) = (names(old), names(new));
    found.extend(after.difference(&before).map(|n| format!("{n} of {name} is new")));
    found.extend(
        before
            .difference(&after)
            .map(|n| format!("{n} of {name} is missing")),
    );
    // Counts are no part of what a plan does.
    let bare = |table: &TablePlan| {
        let mut table = TablePlan {
            rows: None,
            bytes: None,
            ..table.clone()
        };
        let identities = table.columns.iter_mut().filter_map(|c| c.identity.as_mut());
        identities.for_each(|i| i.last = None);
        table
    };
    if found.len() == told && bare(old) != bare(new) {
        found.push(format!("table {name} is planned differently"));
    }
}

/// A source column may become several.
fn same(a: &ColumnPlan, b: &ColumnPlan) -> bool {
    a.source == b.source && a.part == b.part
}

fn columns(
    table: &migrate_core::catalog::ObjectName,
    old: &ColumnPlan,
    new: &ColumnPlan,
    found: &mut Vec<String>,
) {
    let column = format!("column {table}.{}", new.source);
    if old.name != new.name {
        found.push(format!("{column} was to be called {}", old.name));
    }
    if old.ty != new.ty || old.native != new.native {
        let spelled = |c: &ColumnPlan| format!("{} ({})", c.native, c.ty);
        found.push(format!("{column} was {}, and is {}", spelled(old), spelled(new)));
    }
    if old.nullable != new.nullable {
        let told = if new.nullable { "takes" } else { "took" };
        found.push(format!(
            "{column} {told} NULL{}",
            if new.nullable {
                " now"
            } else {
                ", and does not any more"
            }
        ));
    }
}
