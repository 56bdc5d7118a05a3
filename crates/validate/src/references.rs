//! References between tables: declared ones, and those that only names tell of.

use std::collections::BTreeSet;
use std::sync::Arc;

use migrate_core::Result;
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::proof::Severity;
use migrate_core::stored::{Description, Orphans, Reference, Stored};
use serde::Serialize;

use crate::options::References;

/// Orphans shown for each reference.
const SHOWN: usize = 20;

/// A reference and what came of looking at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReferenceCheck {
    /// The constraint's name; `None` for one that only names tell of.
    pub name: Option<String>,
    /// What refers to what.
    pub reference: Reference,
    /// How grave orphans are.
    pub severity: Severity,
    /// Rows without their parents; `None` where the destination cannot be asked.
    pub orphans: Option<Orphans>,
}

impl ReferenceCheck {
    /// Whether every row has its parent, as far as anybody could look.
    pub fn holds(&self) -> bool {
        self.orphans.as_ref().is_none_or(|o| o.rows == 0)
    }
}

/// The references to look at.
pub(crate) fn wanted(
    plan: &Plan,
    which: References,
    found: Option<&Description>,
) -> Vec<(Option<String>, Reference, Severity)> {
    let mut wanted = Vec::new();
    if which == References::None {
        return wanted;
    }
    for table in &plan.tables {
        for key in &table.foreign_keys {
            let checked = found
                .and_then(|f| f.tables.get(&table.target))
                .is_some_and(|t| t.constraints.iter().any(|c| c.name == key.name && c.validated));
            if which == References::Unchecked && checked {
                continue;
            }
            let reference = Reference {
                table: table.target.clone(),
                columns: key.columns.clone(),
                parent: key.references.clone(),
                parent_columns: key.referenced_columns.clone(),
                key: own_key(table),
            };
            // Where the source did not vouch for the rows, orphans are the source's own.
            let severity = if key.validate {
                Severity::Error
            } else {
                Severity::Warning
            };
            wanted.push((Some(key.name.clone()), reference, severity));
        }
    }
    if which == References::Named {
        wanted.extend(by_name(plan).into_iter().map(|r| (None, r, Severity::Warning)));
    }
    wanted
}

fn own_key(table: &TablePlan) -> Vec<String> {
    let key = table.primary_key.iter().chain(&table.uniques).next();
    key.map(|k| k.columns.clone()).unwrap_or_default()
}

/// Columns called like another table with `id` behind it, of the type of its key of one column, and no declared reference.
pub fn by_name(plan: &Plan) -> Vec<Reference> {
    let declared: BTreeSet<(&_, &str)> = plan
        .tables
        .iter()
        .flat_map(|t| t.foreign_keys.iter().map(move |k| (t, k)))
        .flat_map(|(t, k)| k.columns.iter().map(move |c| (&t.target, c.as_str())))
        .collect();
    let mut found = Vec::new();
    for table in &plan.tables {
        for column in &table.columns {
            let own = table
                .primary_key
                .as_ref()
                .is_some_and(|k| k.columns == [column.name.clone()]);
            if own || declared.contains(&(&table.target, column.name.as_str())) {
                continue;
            }
            let Some(stem) = stem(&column.name) else { continue };
            let parents = plan.tables.iter().filter_map(|parent| {
                let [key] = parent.primary_key.as_ref()?.columns.as_slice() else {
                    return None;
                };
                let ty = &parent.columns.iter().find(|c| &c.name == key)?.ty;
                (singular(&parent.target.name) == stem && *ty == column.ty).then_some((parent, key))
            });
            let parents: Vec<_> = parents.collect();
            // With two candidates a name tells nothing.
            let [(parent, key)] = parents.as_slice() else {
                continue;
            };
            found.push(Reference {
                table: table.target.clone(),
                columns: vec![column.name.clone()],
                parent: parent.target.clone(),
                parent_columns: vec![(*key).clone()],
                key: own_key(table),
            });
        }
    }
    found
}

/// `customer` for `customer_id`, `CustomerID`, `customerId`.
fn stem(column: &str) -> Option<String> {
    let plain = plain(column);
    let stem = plain.strip_suffix("id")?;
    // `paid` and `grid` end so too.
    let marked = column.ends_with("_id")
        || column.ends_with("_ID")
        || column.ends_with("Id")
        || column.ends_with("ID");
    (marked && !stem.is_empty()).then(|| singular(stem))
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

fn singular(name: &str) -> String {
    let name = plain(name);
    if let Some(stem) = name.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if name.ends_with(ending) {
            return name[..name.len() - 2].to_owned();
        }
    }
    match name.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => name,
    }
}

/// Looks at the references, one after the other.
pub(crate) async fn check(
    stored: &Arc<dyn Stored>,
    wanted: Vec<(Option<String>, Reference, Severity)>,
) -> Result<Vec<ReferenceCheck>> {
    let mut checks = Vec::new();
    for (name, reference, severity) in wanted {
        let orphans = match stored.orphans(&reference, SHOWN).await {
            Ok(orphans) => orphans,
            // A table or column that is gone is the schema's finding.
            Err(e) if e.kind() == migrate_core::ErrorKind::Mismatch => None,
            Err(e) => {
                return Err(e
                    .at("reference", name.as_deref().unwrap_or("by name"))
                    .at("table", &reference.table));
            }
        };
        checks.push(ReferenceCheck {
            name,
            reference,
            severity,
            orphans,
        });
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tell_of_a_table() {
        for (column, wanted) in [
            ("customer_id", Some("customer")),
            ("CustomerID", Some("customer")),
            ("customerId", Some("customer")),
            ("CategoryId", Some("category")),
            ("paid", None),
            ("grid", None),
            ("id", None),
            ("Id", None),
            ("name", None),
        ] {
            assert_eq!(stem(column).as_deref(), wanted, "{column}");
        }
        for (table, wanted) in [
            ("Customers", "customer"),
            ("categories", "category"),
            ("Address", "address"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("Bus", "bu"),
            ("order_lines", "orderline"),
        ] {
            assert_eq!(singular(table), wanted, "{table}");
        }
    }
}
