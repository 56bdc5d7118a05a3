//! What a source holds.

use std::collections::BTreeMap;

use migrate_core::catalog::{Catalog, Table};
use migrate_core::template::{Expr, Translation};
use serde_json::{Value, json};

use super::number;
use super::plan::describe_source;
use super::table::{Side, render};
use super::text::printable;
use crate::ui::Ui;

/// Something in the source that is not moved, with the reason.
struct Untranslated {
    kind: String,
    name: String,
    reason: String,
}

/// For a person.
pub(crate) fn print(catalog: &Catalog, ui: &Ui) -> String {
    let style = ui.out_style();
    let source = &catalog.source;
    let mut out = vec![style.bold(&printable(&describe_source(&source.name, &source.version)))];
    if let Some(collation) = &source.collation {
        out.push(format!("Default collation {}.", printable(collation)));
    }
    out.push(String::new());
    out.push(tables(catalog));
    out.push(String::new());
    out.push(format!("Total: {}.", totals(catalog).join(", ")));
    if ui.verbose > 0 {
        for table in &catalog.tables {
            out.push(format!("\n{}", style.bold(&printable(&table.name.to_string()))));
            out.push(columns(table));
        }
    }
    let notes: Vec<String> = catalog
        .tables
        .iter()
        .flat_map(|t| t.notes.iter().map(move |n| format!("  {}: {n}", t.name)))
        .collect();
    if !notes.is_empty() {
        out.push(format!("\n{}", style.bold("To know:")));
        out.extend(notes.iter().map(|n| printable(n)));
    }
    let left = untranslated(catalog);
    if !left.is_empty() {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for object in &left {
            *kinds.entry(&object.kind).or_default() += 1;
        }
        let summary: Vec<String> = kinds
            .into_iter()
            .map(|(kind, n)| number::of(n, &printable(kind)))
            .collect();
        out.push(format!(
            "\n{} {}",
            style.bold("Not translated:"),
            summary.join(", ")
        ));
        out.extend(left.iter().map(|o| {
            format!(
                "  {} {}: {}",
                printable(&o.kind),
                printable(&o.name),
                printable(&o.reason)
            )
        }));
    }
    out.join("\n")
}

fn tables(catalog: &Catalog) -> String {
    let rows = catalog.tables.iter().map(|t| {
        vec![
            t.name.to_string(),
            t.rows.map(number::count).unwrap_or_else(|| "?".to_owned()),
            t.bytes.map(number::bytes).unwrap_or_else(|| "?".to_owned()),
            t.columns.len().to_string(),
            t.primary_key
                .as_ref()
                .map(|k| k.columns.join(", "))
                .unwrap_or_default(),
            t.uniques.len().to_string(),
            t.foreign_keys.len().to_string(),
            t.checks.len().to_string(),
            t.indexes.len().to_string(),
        ]
    });
    let columns = [
        ("table", Side::Left),
        ("rows", Side::Right),
        ("size", Side::Right),
        ("columns", Side::Right),
        ("primary key", Side::Left),
        ("uniques", Side::Right),
        ("foreign keys", Side::Right),
        ("checks", Side::Right),
        ("indexes", Side::Right),
    ];
    render(&columns, rows)
}

fn columns(table: &Table) -> String {
    let rows = table.columns.iter().map(|c| {
        let mut about = Vec::new();
        about.extend(c.alias.as_ref().map(|a| format!("alias type {a}")));
        about.extend(
            c.identity
                .as_ref()
                .map(|i| format!("identity({}, {})", i.seed, i.increment)),
        );
        about.extend(c.default.as_ref().map(|d| format!("default {}", d.native)));
        about.extend(c.computed.as_ref().map(|e| format!("computed as {}", e.native)));
        vec![
            c.name.clone(),
            c.native.clone(),
            if c.nullable { "yes" } else { "no" }.to_owned(),
            c.pg.to_string(),
            about.join("; "),
        ]
    });
    let columns = [
        ("column", Side::Left),
        ("type", Side::Left),
        ("null", Side::Left),
        ("becomes", Side::Left),
        ("", Side::Left),
    ];
    render(&columns, rows)
}

fn totals(catalog: &Catalog) -> Vec<String> {
    let sum = |f: fn(&Table) -> usize| catalog.tables.iter().map(|t| f(t) as u64).sum::<u64>();
    let rows: Option<u64> = catalog.tables.iter().map(|t| t.rows).sum();
    let bytes: Option<u64> = catalog.tables.iter().map(|t| t.bytes).sum();
    let counts = [
        ("table", catalog.tables.len() as u64),
        ("column", sum(|t| t.columns.len())),
        ("foreign key", sum(|t| t.foreign_keys.len())),
        ("check", sum(|t| t.checks.len())),
        ("index", sum(|t| t.indexes.len())),
        ("view", catalog.views.len() as u64),
        ("sequence", catalog.sequences.len() as u64),
        ("alias type", catalog.alias_types.len() as u64),
    ];
    let counted = counts
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(noun, n)| number::of(n, noun));
    rows.map(|n| number::of(n, "row"))
        .into_iter()
        .chain(bytes.map(number::bytes))
        .chain(counted)
        .collect()
}

/// Objects that nobody translates, and expressions that could not be.
fn untranslated(catalog: &Catalog) -> Vec<Untranslated> {
    let mut found = Vec::new();
    let mut look = |kind: &str, name: String, expr: &Expr| {
        if let Translation::Impossible { reason } = &expr.translation {
            found.push(Untranslated {
                kind: kind.to_owned(),
                name,
                reason: reason.clone(),
            });
        }
    };
    for table in &catalog.tables {
        for column in &table.columns {
            let name = format!("{}.{}", table.name, column.name);
            if let Some(expr) = &column.default {
                look("default", name.clone(), expr);
            }
            if let Some(expr) = &column.computed {
                look("computed column", name, expr);
            }
        }
        for check in &table.checks {
            let name = check.name.as_deref().unwrap_or("check");
            look("check", format!("{}.{name}", table.name), &check.expression);
        }
        for index in &table.indexes {
            if let Some(filter) = &index.filter {
                look("index filter", format!("{}.{}", table.name, index.name), filter);
            }
        }
    }
    for view in &catalog.views {
        look("view", view.name.to_string(), &view.query);
    }
    found.extend(catalog.manual.iter().map(|o| Untranslated {
        kind: o.kind.clone(),
        name: o.name.clone(),
        reason: o.reason.clone(),
    }));
    found
}

/// For machines.
pub(crate) fn as_json(catalog: &Catalog) -> Value {
    let left: Vec<Value> = untranslated(catalog)
        .into_iter()
        .map(|o| json!({ "kind": o.kind, "name": o.name, "reason": o.reason }))
        .collect();
    json!({
        "fingerprint": crate::fingerprint::of_catalog(catalog),
        "rows": catalog.tables.iter().map(|t| t.rows).sum::<Option<u64>>(),
        "bytes": catalog.tables.iter().map(|t| t.bytes).sum::<Option<u64>>(),
        "not_translated": left,
        "catalog": catalog,
    })
}
