//! Indexes as orders in which rows can be read.

use super::TableParts;
use super::indexes::keys;
use crate::live::catalog::facts::{Order, OrderColumn, Storage};
use crate::live::catalog::questions::IndexRow;

/// Unique orders of all rows, the best first.
pub(super) fn unique(parts: &TableParts<'_>) -> Vec<Order> {
    let mut orders: Vec<Order> = (parts.indexes.iter())
        .filter(|i| i.is_unique && usable(i))
        .filter_map(|i| order(parts, i))
        .collect();
    orders.sort_by_key(|o| (o.hash, !o.clustered, !o.primary, o.columns.len(), o.index_id));
    orders
}

/// The clustered order if it is not unique.
pub(super) fn clustered(parts: &TableParts<'_>) -> Option<Order> {
    let index = (parts.indexes.iter()).find(|i| i.kind == 1 && !i.is_unique && usable(i))?;
    order(parts, index)
}

/// A filtered index does not have all rows, and a disabled one none.
fn usable(index: &IndexRow) -> bool {
    matches!(index.kind, 1 | 2 | 7) && !index.has_filter && !index.is_disabled
}

fn order(parts: &TableParts<'_>, index: &IndexRow) -> Option<Order> {
    let columns = keys(parts.columns_of(index)).map(|key| {
        let place = parts.rows.iter().position(|r| r.name == key.column_name)?;
        let (row, built) = (parts.rows.get(place)?, parts.columns.get(place)?);
        Some(OrderColumn {
            name: row.name.clone(),
            native: built.native?,
            nullable: row.is_nullable,
            descending: key.is_descending,
            collation: row.collation_name.clone(),
            computed: row.is_computed,
        })
    });
    let columns: Vec<OrderColumn> = columns.collect::<Option<_>>()?;
    (!columns.is_empty()).then(|| Order {
        index: index.name.clone().unwrap_or_default(),
        index_id: index.index_id,
        unique: index.is_unique,
        clustered: index.kind == 1,
        primary: index.is_primary_key,
        hash: index.kind == 7,
        columns,
    })
}

pub(super) fn storage(parts: &TableParts<'_>) -> Storage {
    if parts.row.is_memory_optimized {
        return Storage::Memory;
    }
    let has = |kind| parts.indexes.iter().any(|i| i.kind == kind);
    match (has(1), has(5)) {
        (true, _) => Storage::Clustered,
        (_, true) => Storage::ColumnStore,
        _ => Storage::Heap,
    }
}

/// The column by which the rows are partitioned.
pub(super) fn partitioned_by(parts: &TableParts<'_>) -> Option<String> {
    let rows = parts.indexes.iter().find(|i| i.kind <= 1 || i.kind == 5)?;
    rows.partition_scheme.as_ref()?;
    let column = parts.columns_of(rows).iter().find(|c| c.partition_ordinal > 0);
    // A heap's own row in sys.index_columns names the column; without it, that it is partitioned is all that is known.
    Some(column.map_or_else(String::new, |c| c.column_name.clone()))
}
