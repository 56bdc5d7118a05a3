//! A mapping must speak of what the source has.

use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{Mapping, matches};
use crate::naming::MAX_NAME_BYTES;

pub(super) fn check(catalog: &Catalog, mapping: &Mapping) -> Result<()> {
    for (name, table) in &mapping.tables {
        let Some(found) = catalog.tables.iter().find(|t| t.name.to_string() == *name) else {
            return Err(unknown(
                "table",
                name,
                catalog.tables.iter().map(|t| t.name.to_string()),
            ));
        };
        for column in table.columns.keys() {
            if found.column(column).is_none() {
                let names = found.columns.iter().map(|c| c.name.clone());
                return Err(unknown("column", column, names).at("table", name));
            }
        }
    }
    for (schema, new) in &mapping.schemas {
        if !catalog.schemas.contains(schema) && !catalog.tables.iter().any(|t| &t.name.schema == schema) {
            return Err(unknown("schema", schema, catalog.schemas.iter().cloned()));
        }
        if new.is_empty() || new.len() > MAX_NAME_BYTES {
            let message = format!(
                "`{new}` cannot be a schema's name: it is empty or longer than {MAX_NAME_BYTES} bytes"
            );
            return Err(Error::new(ErrorKind::Config, message).at("schema", schema));
        }
    }
    let roles = catalog.declared.roles();
    for role in mapping.roles.keys() {
        if !roles.contains(role.as_str()) {
            return Err(unknown("role", role, roles.iter().map(|r| (*r).to_owned())).at("section", "[roles]"));
        }
    }
    for pattern in mapping.include.iter().chain(&mapping.exclude) {
        if !catalog
            .tables
            .iter()
            .any(|t| matches(pattern, &t.name.to_string()))
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!("pattern `{pattern}` fits no table of the source"),
            )
            .hint("patterns are `schema.table`, with * for any characters"));
        }
    }
    if !catalog.tables.is_empty() && !catalog.tables.iter().any(|t| mapping.takes(&t.name)) {
        return Err(Error::new(ErrorKind::Config, "the plan leaves every table out"));
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = String>) -> Error {
    let error = Error::new(ErrorKind::Config, format!("the source has no {what} `{name}`"));
    match known.min_by_key(|k| distance(&k.to_lowercase(), &name.to_lowercase())) {
        Some(nearest) if distance(&nearest.to_lowercase(), &name.to_lowercase()) <= 3 => {
            error.hint(format!("did you mean `{nearest}`?"))
        }
        _ => error,
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #[test]
    fn distances() {
        for (a, b, d) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(super::distance(a, b), d);
        }
    }
}
