//! Tables that cannot be read as they are, and rights that the login does not have.

use migrate_core::ErrorKind;
use migrate_core::catalog::{ManualObject, ObjectName};

use super::columns::BuiltColumn;
use super::qualified;
use crate::live::catalog::facts::{Engine, Refusal, ServerFacts};
use crate::live::catalog::questions::{ColumnRow, DatabaseRow, IndexRow, TableRow};
use crate::schema::manual::bracketed;

/// The first reason why a table cannot be read.
pub(super) fn of(
    table: &TableRow,
    rows: &[ColumnRow],
    columns: &[BuiltColumn],
    indexes: &[IndexRow],
    database: &DatabaseRow,
) -> Option<Refusal> {
    let name = ObjectName::new(&*table.schema_name, &*table.name);
    let refusal = |kind, message: &str, remedy: String, column: Option<&str>| {
        Some(Refusal {
            kind,
            message: message.to_owned(),
            remedy,
            column: column.map(str::to_owned),
        })
    };
    let permission = |message, grant, column| refusal(ErrorKind::Permission, message, grant, column);
    let unsupported =
        |message, advice: &str, column| refusal(ErrorKind::Unsupported, message, advice.to_owned(), column);
    if !table.may_select {
        let grant = grant_select(&name, None, database);
        return permission("the login may not read the table", grant, None);
    }
    if table.is_graph || rows.iter().any(|c| c.is_graph) {
        let advice = "copy the rows into an ordinary table";
        return unsupported("graph tables are not supported", advice, None);
    }
    if rows.is_empty() {
        let grant = format!(
            "grant view definition on {} to {}",
            qualified(&name),
            login(database)
        );
        return permission("the server does not show the columns of the table", grant, None);
    }
    if let Some(index) = indexes.iter().find(|i| i.kind == 1 && i.is_disabled) {
        let index = bracketed(index.name.as_deref().unwrap_or_default());
        let advice = format!("run `alter index {index} on {} rebuild`", qualified(&name));
        return unsupported(
            "its clustered index is disabled, and its rows with it",
            &advice,
            None,
        );
    }
    // Without the right to see behind masks, what arrives would be the masks.
    let unmasked = database.may_unmask == Some(1) || table.may_unmask == Some(1);
    for row in rows {
        let column = Some(&*row.name);
        if row.is_denied {
            let grant = grant_select(&name, column, database);
            return permission("the login may not read the column", grant, column);
        }
        if row.is_masked && !unmasked {
            let grant = format!("grant unmask to {}", login(database));
            return permission("the login would read masks instead of values", grant, column);
        }
        if row.is_encrypted {
            let what = "the column is encrypted by the client (Always Encrypted)";
            return unsupported(what, "decrypt the column in SQL Server", column);
        }
        if row.is_column_set {
            return unsupported("column sets are not supported", "drop the column set", column);
        }
    }
    columns.iter().find_map(|c| c.refusal.clone())
}

/// The statement that gives the right to read a table or a column.
fn grant_select(table: &ObjectName, column: Option<&str>, database: &DatabaseRow) -> String {
    let column = column.map_or_else(String::new, |c| format!(" ({})", bracketed(c)));
    format!(
        "grant select on {}{column} to {}",
        qualified(table),
        login(database)
    )
}

/// The user that the login is in the database.
fn login(database: &DatabaseRow) -> String {
    bracketed(database.user_name.as_deref().unwrap_or("the login's user"))
}

/// What the plan says about a table that cannot be read.
pub(super) fn listed(table: &ObjectName, refusal: &Refusal) -> ManualObject {
    let kind = match refusal.kind {
        ErrorKind::Permission => "missing right",
        _ => "table that cannot be read",
    };
    let place = match &refusal.column {
        Some(column) => format!("{table}.{column}"),
        None => table.to_string(),
    };
    ManualObject {
        kind: kind.to_owned(),
        name: place,
        definition: refusal.remedy.clone(),
        reason: format!("{}: a run that includes the table is refused", refusal.message),
    }
}

/// Rights in the whole database whose lack could hide things.
pub(super) fn of_database(server: &ServerFacts, database: &DatabaseRow) -> Option<ManualObject> {
    // Babelfish denies it even to the owner, who sees everything.
    let owner = database.user_name.as_deref() == Some("dbo");
    if database.may_view_definitions != Some(0) || (server.engine == Engine::Babelfish && owner) {
        return None;
    }
    Some(ManualObject {
        kind: "missing right".to_owned(),
        name: format!("view definition on {}", server.database),
        definition: format!("grant view definition to {}", login(database)),
        reason: "without it the server shows neither the tables that the login has no right to nor the text of checks, \
                 defaults and views: what is not shown is not in this plan"
            .to_owned(),
    })
}
