//! Offsets from UTC, which `timestamptz` does not keep, as columns of their own.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::catalog::{Catalog, Column, Fidelity, Part};
use crate::mapping::{Mapping, Offsets};
use crate::pg_type::PgType;
use crate::value::ValueKind;

/// The catalog with a further column behind each one that carries an offset, if the mapping asks for that: minutes east
/// of UTC, named after its column.
pub(super) fn with_offsets<'a>(catalog: &'a Catalog, mapping: &Mapping) -> Cow<'a, Catalog> {
    let carries = |c: &Column| c.utc_offset && c.computed.is_none();
    let any = catalog.tables.iter().flat_map(|t| &t.columns).any(carries);
    if mapping.offsets == Offsets::Drop || !any {
        return Cow::Borrowed(catalog);
    }
    let mut catalog = catalog.clone();
    for table in &mut catalog.tables {
        let mut taken: BTreeSet<String> = table.columns.iter().map(|c| c.name.to_lowercase()).collect();
        let mut columns = Vec::with_capacity(table.columns.len());
        for mut column in std::mem::take(&mut table.columns) {
            if !carries(&column) {
                columns.push(column);
                continue;
            }
            let minutes = offset_of(&column, &mut taken);
            // Nothing is lost any more but digits that PostgreSQL does not have.
            column.fidelity = if column.merges_values() {
                Fidelity::Lossy("the 7th digit of fractional seconds is rounded".to_owned())
            } else {
                Fidelity::Exact
            };
            columns.push(column);
            columns.push(minutes);
        }
        table.columns = columns;
    }
    Cow::Owned(catalog)
}

fn offset_of(column: &Column, taken: &mut BTreeSet<String>) -> Column {
    let wanted = format!("{}_offset", column.name);
    let mut name = wanted.clone();
    let mut number = 1;
    while !taken.insert(name.to_lowercase()) {
        number += 1;
        name = format!("{wanted}_{number}");
    }
    Column {
        name,
        native: format!("minutes east of UTC of {}", column.name),
        alias: None,
        kind: ValueKind::Int16,
        pg: PgType::Int2,
        fidelity: Fidelity::Exact,
        nullable: column.nullable,
        identity: None,
        default: None,
        default_name: None,
        computed: None,
        collation: None,
        comment: None,
        utc_offset: false,
        part: Some(Part::UtcOffset {
            of: column.name.clone(),
        }),
    }
}
