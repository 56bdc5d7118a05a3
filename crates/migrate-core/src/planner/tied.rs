//! Columns that foreign keys tie together: what becomes of one must become of all.

use std::collections::BTreeMap;

use crate::catalog::{Collation, Column, ObjectName, Table};
use crate::mapping::Mapping;
use crate::pg_type::PgType;

use super::text_keys::unique_columns;

/// Source table and column.
type Place = (ObjectName, String);

/// What spreads along foreign keys.
pub(super) struct Tied {
    /// Columns in case-insensitive keys, and those tied to them.
    text: BTreeMap<Place, Collation>,
    /// Numeric identity columns, which become integers, and those tied to them.
    integers: BTreeMap<Place, PgType>,
}

impl Tied {
    /// Looks at the tables of the plan; what they refer to outside it does not count.
    pub(super) fn find(tables: &[&Table], mapping: &Mapping) -> Self {
        let (mut text, mut integers) = (BTreeMap::new(), BTreeMap::new());
        for table in tables {
            for name in unique_columns(table) {
                let Some(column) = table.column(name) else {
                    continue;
                };
                if let Some(collation) = column
                    .collation
                    .as_ref()
                    .filter(|c| column.pg.is_text() && !c.case_sensitive)
                {
                    text.insert((table.name.clone(), name.to_owned()), collation.clone());
                }
            }
            let chosen = mapping.tables.get(&table.name.to_string());
            for column in &table.columns {
                let overridden = chosen
                    .and_then(|t| t.columns.get(&column.name))
                    .is_some_and(|c| c.ty.is_some());
                if column.identity.is_some() && is_small_numeric(column) && !overridden {
                    integers.insert((table.name.clone(), column.name.clone()), PgType::Int8);
                }
            }
        }
        spread(tables, &mut text, |column| column.pg.is_text());
        spread(tables, &mut integers, is_small_numeric);
        Self { text, integers }
    }

    /// The collation of the case-insensitive key that the column belongs or refers to.
    pub(super) fn collation(&self, table: &ObjectName, column: &str) -> Option<&Collation> {
        self.text.get(&(table.clone(), column.to_owned()))
    }

    /// The integer type that the column has to have because an identity column gets it.
    pub(super) fn integer(&self, table: &ObjectName, column: &str) -> Option<&PgType> {
        self.integers.get(&(table.clone(), column.to_owned()))
    }
}

/// Whether all values of a numeric column fit into a bigint.
fn is_small_numeric(column: &Column) -> bool {
    matches!(column.pg, PgType::Numeric(Some((precision, 0))) if precision <= 18)
}

/// Goes along foreign keys, in both directions, until nothing changes.
fn spread<T: Clone>(tables: &[&Table], members: &mut BTreeMap<Place, T>, admits: impl Fn(&Column) -> bool) {
    let admitted = |(table, column): &Place| {
        tables
            .iter()
            .find(|t| &t.name == table)
            .and_then(|t| t.column(column))
            .is_some_and(&admits)
    };
    loop {
        let mut more = Vec::new();
        for table in tables {
            for fk in &table.foreign_keys {
                for (from, to) in fk.columns.iter().zip(&fk.referenced_columns) {
                    let from = (table.name.clone(), from.clone());
                    let to = (fk.references.clone(), to.clone());
                    match (members.get(&from), members.get(&to)) {
                        (None, Some(what)) if admitted(&from) => more.push((from, what.clone())),
                        (Some(what), None) if admitted(&to) => more.push((to, what.clone())),
                        _ => {}
                    }
                }
            }
        }
        if more.is_empty() {
            return;
        }
        members.extend(more);
    }
}
