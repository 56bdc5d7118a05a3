//! Extended properties: descriptions become comments, and everything else is listed.

use migrate_core::Result;
use migrate_core::catalog::{Catalog, ManualObject, ObjectName, Table};

use super::name;
use super::xml::Node;

/// An extended property.
struct Extended {
    /// The kind of its host: `SqlColumn`, `SqlTableBase`...
    host_kind: String,
    /// The host's name in parts.
    host: Vec<String>,
    property: String,
    text: String,
}

/// Gives every description to what it describes, and lists the other properties once.
pub(crate) fn apply(nodes: &[Node], catalog: &mut Catalog) -> Result<()> {
    let mut left = String::new();
    let mut count = 0_u64;
    for node in nodes {
        let extended = read(node)?;
        if extended.property == "MS_Description" && place(&extended, catalog) {
            continue;
        }
        count += 1;
        left.push_str(&statement(&extended));
    }
    if count > 0 {
        catalog.manual.push(ManualObject {
            kind: "extended properties".to_owned(),
            name: format!("{count} of objects without comments"),
            definition: left.trim_end().to_owned(),
            reason: "PostgreSQL has comments only, and only on what this migration creates".to_owned(),
        });
    }
    Ok(())
}

fn read(node: &Node) -> Result<Extended> {
    let mut parts = name::parts(&node.name)?;
    let property = parts.pop().unwrap_or_default();
    let host_kind = if parts.is_empty() {
        String::new()
    } else {
        parts.remove(0)
    };
    let host = match node.references("Host").next().filter(|h| !h.is_empty()) {
        Some(host) => name::parts(host)?,
        None => parts,
    };
    Ok(Extended {
        host_kind,
        host,
        property,
        text: literal(node.property("Value").unwrap_or_default()),
    })
}

/// The text of a T-SQL string literal, or the value as it stands.
fn literal(value: &str) -> String {
    let body = value.strip_prefix('N').unwrap_or(value);
    match body.strip_prefix('\'').and_then(|b| b.strip_suffix('\'')) {
        Some(inside) => inside.replace("''", "'"),
        None => value.to_owned(),
    }
}

/// Finds the place for a description. False if there is none.
fn place(extended: &Extended, catalog: &mut Catalog) -> bool {
    let text = Some(extended.text.clone());
    let slot = match (extended.host_kind.as_str(), &extended.host[..]) {
        ("SqlTableBase" | "SqlTable" | "SqlView", [schema, object]) => relation(catalog, schema, object),
        ("SqlColumn", [schema, object, column]) => table(catalog, schema, object)
            .and_then(|t| t.columns.iter_mut().find(|c| &c.name == column))
            .map(|c| &mut c.comment),
        ("SqlIndexBase" | "SqlIndex", [schema, object, index]) => table(catalog, schema, object)
            .and_then(|t| t.indexes.iter_mut().find(|i| &i.name == index))
            .map(|i| &mut i.comment),
        ("SqlConstraint", [schema, constraint]) => self::constraint(catalog, schema, constraint),
        ("SqlConstraint", [schema, object, constraint]) => {
            table(catalog, schema, object).and_then(|t| constraint_of(t, constraint))
        }
        ("SqlSequence", [schema, sequence]) => {
            let wanted = ObjectName::new(schema.as_str(), sequence.as_str());
            catalog
                .sequences
                .iter_mut()
                .find(|s| s.name == wanted)
                .map(|s| &mut s.comment)
        }
        ("SqlUserDefinedDataType" | "SqlType", [schema, alias]) => {
            let wanted = ObjectName::new(schema.as_str(), alias.as_str());
            catalog
                .alias_types
                .iter_mut()
                .find(|a| a.name == wanted)
                .map(|a| &mut a.comment)
        }
        _ => None,
    };
    match slot {
        Some(slot) => {
            *slot = text;
            true
        }
        None => false,
    }
}

fn table<'a>(catalog: &'a mut Catalog, schema: &str, name: &str) -> Option<&'a mut Table> {
    catalog
        .tables
        .iter_mut()
        .find(|t| t.name.schema == schema && t.name.name == name)
}

fn relation<'a>(catalog: &'a mut Catalog, schema: &str, name: &str) -> Option<&'a mut Option<String>> {
    if let Some(view) = catalog
        .views
        .iter()
        .position(|v| v.name.schema == schema && v.name.name == name)
    {
        return Some(&mut catalog.views[view].comment);
    }
    table(catalog, schema, name).map(|t| &mut t.comment)
}

fn constraint<'a>(catalog: &'a mut Catalog, schema: &str, name: &str) -> Option<&'a mut Option<String>> {
    catalog
        .tables
        .iter_mut()
        .filter(|t| t.name.schema == schema)
        .find_map(|t| constraint_of(t, name))
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
    let host: Vec<String> = extended
        .host
        .iter()
        .map(|p| format!("[{}]", p.replace(']', "]]")))
        .collect();
    format!(
        "-- {} {}\nexec sp_addextendedproperty {}, {}\n",
        extended.host_kind,
        host.join("."),
        quoted(&extended.property),
        quoted(&extended.text)
    )
}
