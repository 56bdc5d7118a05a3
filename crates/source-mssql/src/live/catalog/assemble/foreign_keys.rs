//! Foreign keys.

use std::collections::HashMap;

use migrate_core::Result;
use migrate_core::catalog::{Action, ForeignKey, ObjectName};

use super::{constraint_name, folded};
use crate::classify::unsupported;
use crate::live::catalog::facts::ServerFacts;
use crate::live::catalog::questions::ForeignKeyRow;
use crate::schema::SchemaDraft;

/// Gives each foreign key to its table. Rows are pairs of columns.
pub(super) fn add(
    mut rows: Vec<ForeignKeyRow>,
    places: &HashMap<i64, usize>,
    server: &ServerFacts,
    draft: &mut SchemaDraft,
) -> Result<()> {
    rows.sort_by_cached_key(|r| (folded(&r.name), r.constraint_id, r.ordinal));
    for pairs in rows.chunk_by(|a, b| a.constraint_id == b.constraint_id) {
        let Some(first) = pairs.first() else { continue };
        let Some(table) = places
            .get(&first.object_id)
            .and_then(|i| draft.tables.get_mut(*i))
        else {
            continue;
        };
        let place = |e: migrate_core::Error| e.at("foreign key", &first.name);
        table.table.foreign_keys.push(ForeignKey {
            name: constraint_name(&first.name, first.is_unnamed, server.engine),
            columns: pairs.iter().map(|p| p.column_name.clone()).collect(),
            references: ObjectName::new(&*first.referenced_schema, &*first.referenced_table),
            referenced_columns: pairs.iter().map(|p| p.referenced_column.clone()).collect(),
            on_delete: action(first.delete_action).map_err(place)?,
            on_update: action(first.update_action).map_err(place)?,
            enabled: !first.is_disabled,
            trusted: !first.is_not_trusted && !first.is_disabled,
            comment: None,
        });
    }
    Ok(())
}

/// The numbers are those of `sys.foreign_keys.delete_referential_action`.
fn action(number: i64) -> Result<Action> {
    match number {
        0 => Ok(Action::NoAction),
        1 => Ok(Action::Cascade),
        2 => Ok(Action::SetNull),
        3 => Ok(Action::SetDefault),
        other => Err(unsupported(format!("the referential action {other} is unknown"))),
    }
}
