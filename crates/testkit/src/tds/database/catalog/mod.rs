//! What `sys.*` says about the database.

mod objects;
mod tables;
mod types;

use std::collections::HashMap;

use super::Database;
use super::statement::select;
use crate::bacpac::{Cell, SqlType};
use crate::tds::Column;

/// The type that the server states for a computed column, by table and column, and whether it can be NULL.
pub type Computed = HashMap<(&'static str, &'static str), (SqlType, bool)>;

/// A row by the names of its columns. What is not named is NULL.
type Record = Vec<(&'static str, Cell)>;

/// What a question asks for decides whether the server has it: these views and columns, of those that make a difference.
const SHAPE: [(&str, &str); 7] = [
    ("sequences", "last_used_value"),
    ("extended_properties", "name"),
    ("partitions", "rows"),
    ("dm_db_partition_stats", "row_count"),
    ("tables", "temporal_type"),
    ("tables", "is_memory_optimized"),
    ("columns", "is_hidden"),
];

/// The answer to a question about the catalog, by what it selects from.
pub(super) fn answer(database: &Database, sql: &str) -> Option<(Vec<Column>, Vec<Vec<Cell>>)> {
    let asked = select(sql)?;
    let records = match asked.from.split_whitespace().next()? {
        "sys.all_objects" => SHAPE.iter().map(|(view, column)| shape(view, column)).collect(),
        // A row of its own, to which the database is joined.
        "(select" if asked.from.contains("sys.databases") => vec![objects::database(database)],
        "sys.schemas" => objects::schemas(&database.spec),
        "sys.types" => objects::types(&database.spec),
        "sys.tables" => tables::tables(database),
        "sys.columns" => tables::columns(database),
        "sys.indexes" => tables::indexes(&database.spec),
        "sys.index_columns" => tables::index_columns(&database.spec),
        "sys.foreign_keys" => tables::foreign_keys(&database.spec),
        "sys.check_constraints" => tables::checks(&database.spec),
        "sys.sequences" => objects::sequences(&database.spec),
        "sys.objects" => objects::modules(&database.spec),
        "sys.extended_properties" => objects::properties(&database.spec),
        "sys.dm_db_partition_stats" | "sys.partitions" => tables::sizes(database),
        _ => return None,
    };
    let names = asked
        .items
        .iter()
        .map(|item| named(item))
        .collect::<Option<Vec<_>>>()?;
    let columns = names.iter().map(|name| column(name, &records)).collect();
    let rows = records.into_iter().map(|record| {
        let cell = |name: &String| record.iter().find(|(n, _)| n == name);
        names
            .iter()
            .map(|name| cell(name).map_or(Cell::Null, |(_, cell)| cell.clone()))
            .collect()
    });
    Some((columns, rows.collect()))
}

fn shape(view: &str, column: &str) -> Record {
    vec![
        ("view_name", Cell::text(view)),
        ("column_name", Cell::text(column)),
    ]
}

/// The name that an item of a select gives its column.
fn named(item: &str) -> Option<String> {
    let last = item.split_whitespace().next_back()?;
    Some(last.trim_matches(['[', ']']).to_owned())
}

fn column(name: &str, records: &[Record]) -> Column {
    let cells = records.iter().flatten().filter(|(n, _)| *n == name);
    let number = cells
        .map(|(_, cell)| cell)
        .any(|cell| matches!(cell, Cell::Int(_)));
    Column::new(
        name,
        if number {
            SqlType::BigInt
        } else {
            SqlType::NVarChar(None)
        },
    )
}

fn flag(flag: bool) -> Cell {
    Cell::Int(flag.into())
}

/// Tables have numbers from 100.
fn object_id(place: usize) -> i64 {
    100 + place as i64
}
