//! Pairs of columns that refer to one of several tables, as a column and a foreign key for each of them.

use std::collections::BTreeSet;

use crate::catalog::{Action, Catalog, Check, Column, Fidelity, ForeignKey, ObjectName, Part};
use crate::encode::is_key_type;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{Mapping, Polymorphic};
use crate::template::{Expr, Template, Translation};
use crate::value::ValueKind;

use super::keys::referenced;

/// Adds the columns, foreign keys and checks that the mapping asks for. The pair stays.
pub(super) fn add(catalog: &mut Catalog, mapping: &Mapping) -> Result<()> {
    for (name, decided) in &mapping.tables {
        for pair in &decided.polymorphic {
            let Some(at) = catalog.tables.iter().position(|t| t.name.to_string() == *name) else {
                continue;
            };
            one(catalog, mapping, at, pair).map_err(|e| e.at("polymorphic", &pair.id).at("table", name))?;
        }
    }
    Ok(())
}

fn one(catalog: &mut Catalog, mapping: &Mapping, at: usize, pair: &Polymorphic) -> Result<()> {
    let table = &catalog.tables[at];
    for column in [&pair.kind, &pair.id] {
        let Some(found) = table.column(column) else {
            let message = format!("the source has no column `{column}`");
            return Err(Error::new(ErrorKind::Config, message));
        };
        if found.computed.is_some() || !is_key_type(&found.pg) {
            let message = format!("column {column} is {}, which cannot refer to a table", found.pg);
            return Err(Error::new(ErrorKind::Config, message));
        }
    }
    if pair.targets.is_empty() {
        return Err(Error::new(
            ErrorKind::Config,
            "the pair of columns has no targets",
        ));
    }
    let endings = ["_id", "Id", "ID"];
    let stem = endings
        .iter()
        .find_map(|e| pair.id.strip_suffix(e))
        .unwrap_or(&pair.id);
    let mut taken: BTreeSet<String> = table.columns.iter().map(|c| c.name.to_lowercase()).collect();
    let mut columns = Vec::new();
    let mut foreign_keys = Vec::new();
    for (value, target) in &pair.targets {
        let (to, key) = referenced(catalog, mapping, target)?;
        let wanted = format!("{stem}_{}_id", to.name.name);
        let mut name = wanted.clone();
        let mut number = 1;
        while !taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        foreign_keys.push(foreign_key(&name, &to.name, &key.name));
        columns.push(Column {
            nullable: true,
            fidelity: Fidelity::Exact,
            collation: key.collation.clone(),
            part: Some(Part::Target {
                kind: pair.kind.clone(),
                id: pair.id.clone(),
                value: value.clone(),
            }),
            ..Column::new(
                name,
                format!("{} where {} is {value}", pair.id, pair.kind),
                ValueKind::Text,
                key.pg.clone(),
            )
        });
    }
    let table = &mut catalog.tables[at];
    if columns.len() > 1 {
        table.checks.push(at_most_one(&table.name, pair, &columns));
    }
    table.columns.extend(columns);
    table.foreign_keys.extend(foreign_keys);
    Ok(())
}

/// A foreign key that the plan asks for and the source does not have.
pub(super) fn foreign_key(column: &str, to: &ObjectName, key: &str) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: vec![column.to_owned()],
        references: to.clone(),
        referenced_columns: vec![key.to_owned()],
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
        enabled: true,
        trusted: true,
        comment: None,
    }
}

fn at_most_one(table: &ObjectName, pair: &Polymorphic, columns: &[Column]) -> Check {
    let mut template = Template::sql("num_nonnulls(");
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            template.push_sql(", ");
        }
        template.push_column(table.clone(), &column.name);
    }
    template.push_sql(") <= 1");
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    Check {
        name: Some(format!("{}_{}_one", table.name, pair.id)),
        expression: Expr {
            native: format!("at most one of {}", names.join(", ")),
            translation: Translation::Done {
                template,
                immutable: true,
                notes: Vec::new(),
            },
        },
        enabled: true,
        trusted: true,
        comment: None,
    }
}
