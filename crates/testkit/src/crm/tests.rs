use std::collections::{HashMap, HashSet};

use super::*;
use crate::bacpac::{Cell, DatabaseSpec, TableSpec};

/// A cell as something that can be compared and hashed; text as a case-insensitive collation compares it.
fn key(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_lowercase(),
        other => format!("{other:?}"),
    }
}

fn position(table: &TableSpec, column: &str) -> usize {
    let stored: Vec<_> = table.columns.iter().filter(|c| c.computed.is_none()).collect();
    stored
        .iter()
        .position(|c| c.name == column)
        .unwrap_or_else(|| panic!("{} has no {column}", table.name))
}

struct Loaded {
    database: DatabaseSpec,
    rows: HashMap<String, Vec<Vec<Cell>>>,
}

impl Loaded {
    fn new() -> Self {
        let content = rows::Content::new(SEED);
        let rows = TABLES
            .iter()
            .map(|&(name, _)| (name.to_owned(), content.table(name).collect()))
            .collect();
        Self {
            database: database(),
            rows,
        }
    }

    fn project(&self, table: &TableSpec, columns: &[&str]) -> impl Iterator<Item = Vec<&Cell>> {
        let positions: Vec<_> = columns.iter().map(|name| position(table, name)).collect();
        self.rows[&table.name]
            .iter()
            .map(move |row| positions.iter().map(|&p| &row[p]).collect())
    }
}

#[test]
fn has_the_announced_size() {
    let loaded = Loaded::new();
    assert_eq!(loaded.database.tables.len(), 10);
    for (table, count) in TABLES {
        assert_eq!(loaded.rows[table].len() as u64, count, "{table}");
    }
    let tables = &loaded.database.tables;
    let indexes: usize = tables.iter().map(|t| t.indexes.len() + t.unique.len()).sum();
    assert_eq!(indexes, 47);
    assert!(
        tables
            .iter()
            .flat_map(|t| &t.indexes)
            .any(|i| i.columns[0].descending)
    );
    assert!(
        tables
            .iter()
            .flat_map(|t| &t.indexes)
            .any(|i| i.filter.is_some() && i.unique)
    );
}

#[test]
fn references_hold() {
    let loaded = Loaded::new();
    let mut checked = 0;
    for table in &loaded.database.tables {
        for foreign in &table.foreign_keys {
            let target = loaded.database.find_table(&foreign.to.0, &foreign.to.1).unwrap();
            let names = |list: &[String]| list.iter().map(String::clone).collect::<Vec<_>>();
            let (own, there) = (names(&foreign.columns), names(&foreign.to_columns));
            let (own, there): (Vec<_>, Vec<_>) = (
                own.iter().map(String::as_str).collect(),
                there.iter().map(String::as_str).collect(),
            );
            let known: HashSet<Vec<String>> = loaded
                .project(target, &there)
                .map(|cells| cells.into_iter().map(key).collect())
                .collect();
            for cells in loaded.project(table, &own) {
                if cells.contains(&&Cell::Null) {
                    continue;
                }
                let cells: Vec<_> = cells.into_iter().map(key).collect();
                assert!(known.contains(&cells), "{} in {}", foreign.name, table.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 100_000, "{checked}");
}

#[test]
fn keys_are_unique() {
    let loaded = Loaded::new();
    for table in &loaded.database.tables {
        let keys = table
            .primary_key
            .iter()
            .chain(&table.unique)
            .map(|k| (&k.name, &k.columns));
        let indexes = table
            .indexes
            .iter()
            .filter(|i| i.unique)
            .map(|i| (&i.name, &i.columns));
        for (name, columns) in keys.chain(indexes) {
            let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
            let mut seen = HashSet::new();
            for (cells, row) in loaded.project(table, &names).zip(&loaded.rows[&table.name]) {
                // The filters of unique indexes: a value that is there, or the primary contact.
                let primary =
                    name == "Contact_primary_key" && row[position(table, "isPrimary")] != Cell::Bool(true);
                if cells.contains(&&Cell::Null) || primary {
                    continue;
                }
                assert!(
                    seen.insert(cells.into_iter().map(key).collect::<Vec<_>>()),
                    "{name}"
                );
            }
            assert!(seen.len() > 100, "{name}");
        }
    }
}

#[test]
fn text_is_varied() {
    let loaded = Loaded::new();
    let texts: Vec<&str> = loaded
        .rows
        .values()
        .flatten()
        .flatten()
        .filter_map(|cell| match cell {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(texts.iter().any(|t| t.is_empty()));
    assert!(texts.iter().any(|t| t.len() > 8_000));
    for sample in ["é", "麺", "🍕", "Ł", "אורי", "Елена", "'"] {
        assert!(texts.iter().any(|t| t.contains(sample)), "{sample}");
    }
}

#[test]
fn the_bundled_file_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/demo/crm.bacpac");
    let bundled = std::fs::read(path).expect("the bundled demo database is committed");
    assert!(bundled.len() <= 4 << 20, "{} bytes", bundled.len());
    let fresh = to_bytes().unwrap();
    assert!(
        bundled == fresh,
        "{path} is not what the generator writes; run `cargo run --release -p migrate-testkit --example crm`"
    );
}
