//! Keys, foreign keys, checks and indexes.

use migrate_core::Result;
use migrate_core::catalog::{Action, ForeignKey, Index, IndexColumn, Key, ObjectName};

use super::name;
use super::xml::Node;
use crate::classify::corrupt;
use crate::schema::{CheckDraft, IndexDraft, Script};

/// The table that a constraint is declared on.
pub(crate) fn owner(node: &Node) -> Result<ObjectName> {
    let table = ["DefiningTable", "IndexedObject"]
        .iter()
        .find_map(|r| node.references(r).next());
    name::object(table.ok_or_else(|| corrupt(format!("a {} does not say which table it is on", node.kind)))?)
}

/// A constraint's own name; anonymous ones have none.
pub(crate) fn constraint_name(node: &Node) -> Option<String> {
    name::parts(&node.name).ok()?.pop()
}

/// Columns of one table that a relation refers to.
fn column_names<'a>(references: impl Iterator<Item = &'a str>, table: &ObjectName) -> Result<Vec<String>> {
    references
        .map(|reference| {
            let (owner, column) = name::member(reference)?;
            if &owner == table {
                Ok(column)
            } else {
                Err(corrupt(format!(
                    "a constraint on {table} refers to a column of {owner}"
                )))
            }
        })
        .collect()
}

fn key_columns(node: &Node, table: &ObjectName) -> Result<Vec<IndexColumn>> {
    let mut out = Vec::new();
    for specification in node.elements("ColumnSpecifications") {
        let names = column_names(specification.references("Column"), table)?;
        let ascending = specification
            .property("IsAscending")
            .is_none_or(|v| v.eq_ignore_ascii_case("true"));
        let descending = !ascending || specification.flag("IsDescending");
        out.extend(names.into_iter().map(|name| IndexColumn { name, descending }));
    }
    if out.is_empty() {
        return Err(corrupt(format!("a {} on {table} has no columns", node.kind)));
    }
    Ok(out)
}

/// A primary key or unique constraint.
pub(crate) fn key(node: &Node, table: &ObjectName) -> Result<Key> {
    let by_default = node.kind == "SqlPrimaryKeyConstraint";
    Ok(Key {
        name: constraint_name(node),
        columns: key_columns(node, table)?.into_iter().map(|c| c.name).collect(),
        clustered: if node.property("IsClustered").is_some() {
            node.flag("IsClustered")
        } else {
            by_default
        },
        comment: None,
    })
}

/// Whether the source vouches that existing rows obey a constraint. The annotation says that it does not; a value would
/// say so more plainly, and `False` would take it back.
fn trusted(node: &Node) -> bool {
    node.annotation("IsNotTrustedPropertyAnnotation").is_none_or(|a| {
        a.property("Value")
            .is_some_and(|v| v.eq_ignore_ascii_case("false"))
    }) && !node.flag("IsNotTrusted")
        && !node.flag("IsDisabled")
}

/// A foreign key.
pub(crate) fn foreign_key(node: &Node, table: &ObjectName) -> Result<ForeignKey> {
    let target = node.references("ForeignTable").next();
    let references =
        name::object(target.ok_or_else(|| corrupt(format!("a foreign key of {table} has no target")))?)?;
    let columns = column_names(node.references("Columns"), table)?;
    let referenced_columns = column_names(node.references("ForeignColumns"), &references)?;
    if columns.is_empty() || columns.len() != referenced_columns.len() {
        return Err(corrupt(format!(
            "a foreign key of {table} has {} columns that refer to {}",
            columns.len(),
            referenced_columns.len()
        )));
    }
    Ok(ForeignKey {
        name: constraint_name(node),
        columns,
        references,
        referenced_columns,
        on_delete: action(node, "OnDeleteAction")?,
        on_update: action(node, "OnUpdateAction")?,
        enabled: !node.flag("IsDisabled"),
        trusted: trusted(node),
        comment: None,
    })
}

/// The numbers are those of `sys.foreign_keys.delete_referential_action`.
fn action(node: &Node, property: &str) -> Result<Action> {
    match node.property(property) {
        None | Some("0") => Ok(Action::NoAction),
        Some("1") => Ok(Action::Cascade),
        Some("2") => Ok(Action::SetNull),
        Some("3") => Ok(Action::SetDefault),
        Some(other) => Err(corrupt(format!("{property} is {other}, which means nothing"))),
    }
}

/// A check constraint.
pub(crate) fn check(node: &Node) -> Result<CheckDraft> {
    let text = node.property("CheckExpressionScript");
    let text = text.ok_or_else(|| corrupt("a check constraint has no condition"))?;
    Ok(CheckDraft {
        name: constraint_name(node),
        script: Script::Known(text.to_owned()),
        enabled: !node.flag("IsDisabled"),
        trusted: trusted(node),
    })
}

/// An index.
pub(crate) fn index(node: &Node, table: &ObjectName) -> Result<IndexDraft> {
    let (owner, name) = name::member(&node.name)?;
    if &owner != table {
        return Err(corrupt(format!(
            "the index {name} of {owner} is declared on {table}"
        )));
    }
    let index = Index {
        name,
        columns: key_columns(node, table)?,
        include: column_names(node.references("IncludedColumns"), table)?,
        unique: node.flag("IsUnique"),
        clustered: node.flag("IsClustered"),
        filter: None,
        using: None,
        expression: None,
        disabled: node.flag("IsDisabled"),
        comment: None,
    };
    let filter = node.property("FilterPredicate");
    Ok(IndexDraft {
        index,
        filter: filter.map(|f| Script::Known(f.to_owned())),
    })
}
