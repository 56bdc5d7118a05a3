//! A fingerprint of the schema.

use migrate_core::catalog::{Index, Key};
use sha2::{Digest, Sha256};

use crate::schema::{SchemaDraft, Script};

/// SHA-256 over everything that decides what is created and read: names, types, constraints and the text of expressions.
/// Rows, sizes, the numbers used last, rights and notes are no part of it, and neither is how this version translates.
pub(super) fn of(draft: &SchemaDraft) -> String {
    let mut hash = Hash(Sha256::new());
    hash.add("collation", &[draft.collation.as_ref().map_or("", |c| &*c.name)]);
    for alias in &draft.alias_types {
        hash.add(
            "alias type",
            &[&alias.name.schema, &alias.name.name, &alias.native],
        );
    }
    for sequence in &draft.sequences {
        let numbers = format!(
            "{} {} {} {:?} {:?} {}",
            sequence.pg, sequence.start, sequence.increment, sequence.min, sequence.max, sequence.cycle
        );
        hash.add(
            "sequence",
            &[&sequence.name.schema, &sequence.name.name, &numbers],
        );
    }
    for table in &draft.tables {
        hash.table(table);
    }
    for view in &draft.views {
        hash.add("view", &[&view.name.schema, &view.name.name, &view.query]);
        hash.list("view columns", view.columns.iter());
    }
    hex::encode(hash.0.finalize())
}

struct Hash(Sha256);

impl Hash {
    /// Adds a fact. Lengths keep facts apart whatever they contain.
    fn add(&mut self, what: &str, parts: &[&str]) {
        for part in [what].iter().chain(parts) {
            self.0
                .update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            self.0.update(part);
        }
        self.0.update(u64::MAX.to_le_bytes());
    }

    fn list<'a>(&mut self, what: &str, parts: impl Iterator<Item = &'a String>) {
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        self.add(what, &parts);
    }

    fn script(&mut self, what: &str, place: &str, script: &Script) {
        let shown = if *script == Script::Hidden {
            "hidden"
        } else {
            "known"
        };
        self.add(what, &[place, shown, script.text()]);
    }

    fn table(&mut self, draft: &crate::schema::TableDraft) {
        let table = &draft.table;
        self.add("table", &[&table.name.schema, &table.name.name]);
        for column in &table.columns {
            let alias = column.alias.as_ref().map(ToString::to_string);
            let identity = (column.identity.as_ref()).map(|i| format!("{} {}", i.seed, i.increment));
            self.add(
                "column",
                &[
                    &column.name,
                    &column.native,
                    alias.as_deref().unwrap_or_default(),
                    if column.nullable { "null" } else { "not null" },
                    identity.as_deref().unwrap_or_default(),
                    column.collation.as_ref().map_or("", |c| &*c.name),
                ],
            );
        }
        for computed in &draft.computed {
            self.script("computed", &computed.position.to_string(), &computed.script);
        }
        // The names of defaults are not moved.
        for default in &draft.defaults {
            self.script("default", &default.position.to_string(), &default.script);
        }
        if let Some(key) = &table.primary_key {
            self.key("primary key", key);
        }
        for key in &table.uniques {
            self.key("unique", key);
        }
        for key in &table.foreign_keys {
            let name = key.name.as_deref().unwrap_or_default();
            let actions = format!("{:?} {:?} {}", key.on_delete, key.on_update, key.enabled);
            let to = &key.references;
            self.add("foreign key", &[name, &to.schema, &to.name, &actions]);
            self.list("columns", key.columns.iter());
            self.list("referenced", key.referenced_columns.iter());
        }
        for check in &draft.checks {
            let name = check.name.as_deref().unwrap_or_default();
            let enabled = if check.enabled { "on" } else { "off" };
            self.add("check", &[name, enabled]);
            self.script("condition", name, &check.script);
        }
        for index in &draft.indexes {
            self.index(&index.index);
            if let Some(filter) = &index.filter {
                self.script("filter", &index.index.name, filter);
            }
        }
    }

    fn key(&mut self, what: &str, key: &Key) {
        self.add(what, &[key.name.as_deref().unwrap_or_default()]);
        self.list("columns", key.columns.iter());
    }

    fn index(&mut self, index: &Index) {
        let flags = format!("{} {}", index.unique, index.disabled);
        self.add("index", &[&index.name, &flags]);
        for column in &index.columns {
            let direction = if column.descending { "desc" } else { "asc" };
            self.add("key", &[&column.name, direction]);
        }
        self.list("include", index.include.iter());
    }
}
