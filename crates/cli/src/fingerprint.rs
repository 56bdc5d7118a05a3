//! Noticing that a source's schema is no longer the one that a plan file was written for.

use std::collections::BTreeMap;

use migrate_core::catalog::{Catalog, Table};
use migrate_core::digest::Digest;
use serde::Serialize;
use serde_json::Value;

/// Facts that are not the schema's: how much there is, which numbers were handed out last, and what this program makes of
/// the source's types and expressions.
const LEFT_OUT: &[&str] = &[
    "rows",
    "bytes",
    "last",
    "notes",
    "pg",
    "kind",
    "fidelity",
    "translation",
    "reason",
    "source",
    "manual",
    "options",
    "row_version",
    "rights",
];

/// A fingerprint of the schema alone.
pub(crate) fn of_catalog(catalog: &Catalog) -> String {
    format!("{:032x}", hash(catalog))
}

/// A shorter one of a single table.
pub(crate) fn of_table(table: &Table) -> String {
    format!("{:016x}", hash(table) as u64)
}

/// Both of them together, by `schema.table`.
pub(crate) fn of_tables(catalog: &Catalog) -> BTreeMap<String, String> {
    catalog
        .tables
        .iter()
        .map(|t| (t.name.to_string(), of_table(t)))
        .collect()
}

fn hash(schema: &impl Serialize) -> u128 {
    // Plain data with string keys always has a JSON form.
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    strip(&mut value);
    Digest::hash(value.to_string().as_bytes())
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What changed between the tables that a plan file lists and those that the source has now, one line each.
pub(crate) fn differences(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (table, fingerprint) in then {
        match now.get(table) {
            None => lines.push(format!("table {table} is gone")),
            Some(current) if current != fingerprint => lines.push(format!("table {table} has changed")),
            Some(_) => {}
        }
    }
    lines.extend(
        now.keys()
            .filter(|t| !then.contains_key(*t))
            .map(|t| format!("table {t} is new")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::catalog::ObjectName;
    use migrate_core::memory::MemorySource;
    use migrate_core::pg_type::PgType;

    fn catalog(column: &str) -> Catalog {
        let mut source = MemorySource::new("a").table(
            ObjectName::new("dbo", "T"),
            &[("id", PgType::Int4), (column, PgType::Text)],
            Vec::new(),
        );
        source.catalog_mut().clone()
    }

    #[test]
    fn rows_do_not_count_and_columns_do() {
        let first = catalog("name");
        let mut grown = first.clone();
        grown.tables[0].rows = Some(12);
        grown.tables[0].bytes = Some(1200);
        grown.source.name = "elsewhere".to_owned();
        assert_eq!(of_catalog(&first), of_catalog(&grown));
        assert_eq!(of_table(&first.tables[0]), of_table(&grown.tables[0]));
        let other = catalog("Name");
        assert_ne!(of_catalog(&first), of_catalog(&other));
        assert_ne!(of_table(&first.tables[0]), of_table(&other.tables[0]));
        assert_eq!(of_catalog(&first).len(), 32);
        assert_eq!(of_table(&first.tables[0]).len(), 16);
    }

    #[test]
    fn changes_are_told_table_by_table() {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let then = map(&[("a.same", "1"), ("a.changed", "1"), ("a.gone", "1")]);
        let now = map(&[("a.same", "1"), ("a.changed", "2"), ("a.new", "1")]);
        assert_eq!(
            differences(&then, &now),
            [
                "table a.changed has changed",
                "table a.gone is gone",
                "table a.new is new"
            ]
        );
    }
}
