//! Extended properties: descriptions become comments, and everything else is listed.

use std::collections::HashMap;

use migrate_core::catalog::{Catalog, ManualObject, Table};

use super::manual::bracketed;

/// An extended property.
#[derive(Debug)]
pub(crate) struct Extended {
    /// The kind of its host as a model calls it: `SqlColumn`, `SqlTableBase`...
    pub(crate) host_kind: String,
    /// The host's name in parts.
    pub(crate) host: Vec<String>,
    pub(crate) property: String,
    pub(crate) text: String,
}

/// Gives every description to what it describes, and lists the other properties once.
pub(super) fn apply(properties: &[Extended], catalog: &mut Catalog) {
    let places = Places::new(catalog);
    let mut left = String::new();
    let mut count = 0_u64;
    for extended in properties {
        if extended.property == "MS_Description" && place(extended, catalog, &places) {
            continue;
        }
        count += 1;
        left.push_str(&statement(extended));
    }
    if count > 0 {
        catalog.manual.push(ManualObject {
            kind: "extended properties".to_owned(),
            name: format!("{count} of objects without comments"),
            definition: left.trim_end().to_owned(),
            reason: "PostgreSQL has comments only, and only on what this migration creates".to_owned(),
        });
    }
}

/// Where things are in a catalog, by schema and name.
struct Places {
    tables: HashMap<(String, String), usize>,
    views: HashMap<(String, String), usize>,
    /// The table of each constraint.
    constraints: HashMap<(String, String), usize>,
}

impl Places {
    fn new(catalog: &Catalog) -> Self {
        let key = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        let mut constraints = HashMap::new();
        for (place, table) in catalog.tables.iter().enumerate() {
            let keys = table.primary_key.iter().chain(&table.uniques).map(|k| &k.name);
            let foreign = table.foreign_keys.iter().map(|k| &k.name);
            let checks = table.checks.iter().map(|c| &c.name);
            for name in keys.chain(foreign).chain(checks).flatten() {
                constraints.entry(key(&table.name.schema, name)).or_insert(place);
            }
        }
        let names = |n: &migrate_core::catalog::ObjectName| key(&n.schema, &n.name);
        Self {
            tables: (catalog.tables.iter().enumerate())
                .map(|(i, t)| (names(&t.name), i))
                .collect(),
            views: (catalog.views.iter().enumerate())
                .map(|(i, v)| (names(&v.name), i))
                .collect(),
            constraints,
        }
    }
}

/// Finds the place for a description. False if there is none.
fn place(extended: &Extended, catalog: &mut Catalog, places: &Places) -> bool {
    let key = |schema: &String, name: &String| (schema.clone(), name.clone());
    let table = |catalog: &'_ mut Catalog, schema: &String, name: &String| -> Option<usize> {
        let at = *places.tables.get(&key(schema, name))?;
        (at < catalog.tables.len()).then_some(at)
    };
    let slot = match (extended.host_kind.as_str(), &extended.host[..]) {
        ("SqlTableBase" | "SqlTable" | "SqlView", [schema, object]) => {
            match places.views.get(&key(schema, object)) {
                Some(view) => catalog.views.get_mut(*view).map(|v| &mut v.comment),
                None => table(catalog, schema, object).map(|t| &mut catalog.tables[t].comment),
            }
        }
        ("SqlColumn", [schema, object, column]) => table(catalog, schema, object)
            .and_then(|t| {
                let columns = &mut catalog.tables[t].columns;
                columns.iter_mut().find(|c| &c.name == column)
            })
            .map(|c| &mut c.comment),
        ("SqlIndexBase" | "SqlIndex", [schema, object, index]) => table(catalog, schema, object)
            .and_then(|t| {
                let indexes = &mut catalog.tables[t].indexes;
                indexes.iter_mut().find(|i| &i.name == index)
            })
            .map(|i| &mut i.comment),
        ("SqlConstraint", [schema, constraint]) => (places.constraints.get(&key(schema, constraint)))
            .and_then(|t| catalog.tables.get_mut(*t))
            .and_then(|t| constraint_of(t, constraint)),
        ("SqlConstraint", [schema, object, constraint]) => {
            table(catalog, schema, object).and_then(|t| constraint_of(&mut catalog.tables[t], constraint))
        }
        ("SqlSequence", [schema, sequence]) => catalog
            .sequences
            .iter_mut()
            .find(|s| &s.name.schema == schema && &s.name.name == sequence)
            .map(|s| &mut s.comment),
        ("SqlUserDefinedDataType" | "SqlType", [schema, alias]) => catalog
            .alias_types
            .iter_mut()
            .find(|a| &a.name.schema == schema && &a.name.name == alias)
            .map(|a| &mut a.comment),
        _ => None,
    };
    match slot {
        Some(slot) => {
            *slot = Some(extended.text.clone());
            true
        }
        None => false,
    }
}

fn constraint_of<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Option<String>> {
    let is = |n: &Option<String>| n.as_deref() == Some(name);
    let keys = table
        .primary_key
        .iter_mut()
        .chain(&mut table.uniques)
        .map(|k| (&k.name, &mut k.comment));
    let foreign = table.foreign_keys.iter_mut().map(|k| (&k.name, &mut k.comment));
    let checks = table.checks.iter_mut().map(|c| (&c.name, &mut c.comment));
    keys.chain(foreign)
        .chain(checks)
        .find(|(n, _)| is(n))
        .map(|(_, comment)| comment)
}

/// The call that would set the property, for a person to read.
fn statement(extended: &Extended) -> String {
    let quoted = |text: &str| format!("N'{}'", text.replace('\'', "''"));
    let host: Vec<String> = extended.host.iter().map(|p| bracketed(p)).collect();
    format!(
        "-- {} {}\nexec sp_addextendedproperty {}, {}\n",
        extended.host_kind,
        host.join("."),
        quoted(&extended.property),
        quoted(&extended.text)
    )
}
