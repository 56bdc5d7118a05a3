//! What a validation found.

use migrate_validate::{DifferenceKind, TableValidation, Validation};
use serde_json::Value;

use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::ui::Style;

/// One line: whether everything agrees.
pub(crate) fn verdict(found: &Validation, style: Style) -> String {
    let rows: u64 = found.tables.iter().map(|t| t.stored.rows).sum();
    let tables = number::of(found.tables.len() as u64, "table");
    let against = if found.tables.iter().any(|t| t.read_again.is_some()) {
        "what was read, and with the source read again"
    } else {
        "what was read"
    };
    if found.agrees() {
        let aside = match found.quarantined {
            0 => String::new(),
            n => format!(" ({} in quarantine)", number::of(n, "row")),
        };
        format!(
            "{} {} in {tables} read back from the destination agree with {against}{aside}.",
            style.green("Validated:"),
            number::of(rows, "row")
        )
    } else {
        let wrong: Vec<String> = found
            .tables
            .iter()
            .filter(|t| !t.agrees())
            .map(|t| printable(&t.target.to_string()))
            .collect();
        format!(
            "{} {} of {tables}: {}",
            style.red("Differs from what was read:"),
            wrong.len(),
            wrong.join(", ")
        )
    }
}

/// The table of tables.
pub(crate) fn tables(found: &Validation) -> String {
    let columns = [
        ("table", Side::Left),
        ("rows read", Side::Right),
        ("rows stored", Side::Right),
        ("digest", Side::Left),
        ("result", Side::Left),
    ];
    let rows = found.tables.iter().map(|t| {
        vec![
            t.target.to_string(),
            number::count(t.ledger.rows),
            number::count(t.stored.rows),
            digest(t),
            if t.agrees() {
                "agrees".to_owned()
            } else {
                reason(t).to_owned()
            },
        ]
    });
    render(&columns, rows)
}

fn digest(table: &TableValidation) -> String {
    format!("{:032x}", table.stored.sum)
}

fn reason(table: &TableValidation) -> &'static str {
    let read = table.read_again.unwrap_or(table.ledger);
    if !table.complete {
        "NOT COMPLETE"
    } else if table.read_again.is_some_and(|d| d != table.ledger) && table.ledger == table.stored {
        "SOURCE CHANGED"
    } else if table.stored.rows < read.rows {
        "ROWS MISSING"
    } else if table.stored.rows > read.rows {
        "ROWS ADDED"
    } else {
        "ROWS CHANGED"
    }
}

/// Rows that differ, one a line.
pub(crate) fn differences(found: &Validation) -> Vec<String> {
    let mut lines = Vec::new();
    for table in found.tables.iter().filter(|t| !t.agrees()) {
        let name = printable(&table.target.to_string());
        lines.push(format!(
            "  {name}: {}; {} were read, {} are stored",
            reason(table).to_lowercase(),
            number::of(table.ledger.rows, "row"),
            number::count(table.stored.rows)
        ));
        for difference in &table.differences {
            let what = match &difference.kind {
                DifferenceKind::Changed(columns) => format!("differs in {}", printable(&columns.join(", "))),
                DifferenceKind::Missing => "is missing in the destination".to_owned(),
                DifferenceKind::Extra => "is in the destination only".to_owned(),
            };
            lines.push(format!("      {} {what}", printable(&difference.key.to_string())));
        }
        if table.differences.is_empty() && table.read_again.is_none() {
            lines.push(
                "      name the source as well to see which rows: migrate validate SOURCE ...".to_owned(),
            );
        }
    }
    lines
}

/// For machines.
pub(crate) fn as_json(found: &Validation) -> Value {
    let mut value = serde_json::to_value(found).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        members.insert("agrees".to_owned(), found.agrees().into());
    }
    value
}
