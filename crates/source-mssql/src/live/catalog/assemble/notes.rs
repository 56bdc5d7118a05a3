//! What a person should know about a table.

use super::columns::BuiltColumn;
use crate::live::catalog::questions::{ColumnRow, TableRow};
use crate::schema::columns::{type_note, xml_note};

/// Adds the notes of a table and its columns.
pub(super) fn of(table: &TableRow, rows: &[ColumnRow], columns: &[BuiltColumn], notes: &mut Vec<String>) {
    let mut note = |text: &str| notes.push(text.to_owned());
    match table.temporal_type {
        Some(1) => note("is the history of a system-versioned table, and is copied like any other table"),
        Some(2) => {
            let history = match (&table.history_schema, &table.history_name) {
                (Some(schema), Some(name)) => format!("{schema}.{name}"),
                _ => "a table that this login cannot see".to_owned(),
            };
            note(&format!(
                "is system-versioned: PostgreSQL will not write its history, which is in {history}"
            ));
        }
        _ => {}
    }
    if table.is_memory_optimized {
        note(if table.durability == Some(1) {
            "is kept in memory only: its rows do not outlive a restart of the server, and an ordinary table holds them"
        } else {
            "is kept in memory, and becomes an ordinary table"
        });
    }
    match table.ledger_type {
        Some(1) => note("is the history of a ledger table, and is copied like any other table"),
        Some(2) => note("is a ledger: PostgreSQL keeps no proof against tampering"),
        Some(3) => note("is a ledger that takes new rows only: PostgreSQL lets them be changed"),
        _ => {}
    }
    if table.is_cdc {
        note("is watched by change data capture, whose tables are not copied");
    }
    if table.is_change_tracked {
        note("is watched by change tracking");
    }
    if table.is_filetable {
        note("is a file table: its rows are copied, and the share that shows them as files is not");
    }
    if table.is_filtered {
        note("has a security policy that hides rows: only those that this login sees are copied");
    }
    for (row, column) in rows.iter().zip(columns) {
        column_notes(row, column, notes);
    }
}

fn column_notes(row: &ColumnRow, column: &BuiltColumn, notes: &mut Vec<String>) {
    let name = &row.name;
    if let Some(schemas) = &row.xml_schemas {
        notes.push(xml_note(name, schemas));
    }
    if column.read.is_some()
        && let Some(native) = &column.native
    {
        notes.extend(type_note(name, native));
    }
    // The numbers are those of sys.columns.generated_always_type.
    match row.generated_always_type {
        Some(1 | 2) => notes.push(format!(
            "column {name}: PostgreSQL does not fill it in, as a period column is"
        )),
        Some(5..=10) => notes.push(format!(
            "column {name}: PostgreSQL does not fill it in, as a ledger's column is"
        )),
        _ => {}
    }
    if row.is_masked {
        notes.push(format!("column {name}: is no longer masked"));
    }
    if row.is_filestream {
        notes.push(format!(
            "column {name}: its values are stored in the row instead of in files"
        ));
    }
    if row.has_bound_objects {
        notes.push(format!(
            "column {name}: the default or rule that is bound to it is not carried over"
        ));
    }
}
