//! Keys and indexes.

use migrate_core::catalog::{Index, IndexColumn, Key, ManualObject};

use super::{TableParts, constraint_name, qualified, script};
use crate::live::catalog::questions::{IndexColumnRow, IndexRow};
use crate::schema::columns::duplicates_note;
use crate::schema::manual::{IndexWords, create_index, create_primary_xml_index, listed};
use crate::schema::{IndexDraft, TableDraft};

/// Gives the table its keys and indexes, and returns the indexes that PostgreSQL has no like of.
pub(super) fn add(parts: &TableParts<'_>, draft: &mut TableDraft) -> Vec<ManualObject> {
    let mut manual = Vec::new();
    let name = draft.table.name.clone();
    for row in parts.indexes {
        let columns = parts.columns_of(row);
        // A heap is no index.
        let (Some(index), 1..) = (&row.name, row.kind) else {
            continue;
        };
        let full = format!("{name}.{index}");
        if row.is_primary_key || row.is_unique_constraint {
            let key = Key {
                name: constraint_name(index, row.is_unnamed, parts.engine),
                columns: keys(columns).map(|c| c.column_name.clone()).collect(),
                clustered: row.kind == 1,
                comment: None,
            };
            if row.is_primary_key {
                draft.table.primary_key = Some(key);
            } else {
                draft.table.uniques.push(key);
            }
            continue;
        }
        if let Some(kind) = other_kind(row.kind) {
            let definition = definition(row, index, columns, &qualified(&name));
            manual.push(listed(kind, full, definition, None));
            continue;
        }
        draft.indexes.push(IndexDraft {
            index: Index {
                name: index.clone(),
                columns: keys(columns)
                    .map(|c| IndexColumn {
                        name: c.column_name.clone(),
                        descending: c.is_descending,
                    })
                    .collect(),
                include: included(columns),
                unique: row.is_unique,
                clustered: row.kind == 1,
                filter: None,
                using: None,
                expression: None,
                disabled: row.is_disabled,
                comment: None,
            },
            filter: row.has_filter.then(|| script(row.filter_definition.as_ref())),
        });
        if row.ignores_duplicates {
            draft.table.notes.push(duplicates_note(&full));
        }
    }
    let partitioned = parts.indexes.iter().find(|i| i.kind <= 1 || i.kind == 5);
    if let Some(scheme) = partitioned.and_then(|i| i.partition_scheme.as_ref()) {
        draft.table.notes.push(format!(
            "is partitioned by {scheme}, and is created without partitions"
        ));
    }
    manual
}

/// What a model file calls an index that is not a B-tree. The numbers are those of `sys.indexes.type`; a hash index (7)
/// becomes an ordinary one.
fn other_kind(kind: i64) -> Option<&'static str> {
    match kind {
        3 => Some("SqlXmlIndex"),
        4 => Some("SqlSpatialIndex"),
        5 | 6 => Some("SqlColumnStoreIndex"),
        1 | 2 | 7 => None,
        _ => Some("SqlSpecialIndex"),
    }
}

/// The statement that creates an index, as far as it is known.
pub(super) fn definition(row: &IndexRow, name: &str, columns: &[IndexColumnRow], object: &str) -> String {
    let column = || columns.first().map_or("", |c| c.column_name.as_str());
    if row.is_primary_xml {
        return create_primary_xml_index(name, object, column());
    }
    let all = || columns.iter().map(|c| (c.column_name.clone(), false)).collect();
    let plain = other_kind(row.kind).is_none();
    let words = IndexWords {
        unique: row.is_unique,
        clustered: row.kind == 1 || row.kind == 5,
        name,
        object: object.to_owned(),
        keys: if plain {
            keys(columns)
                .map(|c| (c.column_name.clone(), c.is_descending))
                .collect()
        } else {
            all()
        },
        include: if plain { included(columns) } else { Vec::new() },
        filter: row.filter_definition.as_deref(),
    };
    let kind = match row.kind {
        3 => "xml ",
        4 => "spatial ",
        5 | 6 => "columnstore ",
        _ => return create_index(&words),
    };
    create_index(&words).replacen("index ", &format!("{kind}index "), 1)
}

/// The columns that an index sorts by.
pub(super) fn keys(columns: &[IndexColumnRow]) -> impl Iterator<Item = &IndexColumnRow> {
    columns.iter().filter(|c| c.key_ordinal > 0 && !c.is_included)
}

/// Included columns. A column that the index is partitioned by is in it as well, without being included.
fn included(columns: &[IndexColumnRow]) -> Vec<String> {
    let included = columns.iter().filter(|c| c.is_included);
    included.map(|c| c.column_name.clone()).collect()
}
