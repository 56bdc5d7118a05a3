//! How two databases differ.

use migrate_validate::{Diff, TableDiff};

use super::difference;
use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::ui::Style;

/// For a person.
pub(crate) fn print(found: &Diff, style: Style) -> String {
    let columns = [
        ("table", Side::Left),
        ("rows in A", Side::Right),
        ("rows in B", Side::Right),
        ("result", Side::Left),
    ];
    let rows = found.tables.iter().map(|t| {
        vec![
            t.table.to_string(),
            number::count(t.left.rows),
            number::count(t.right.rows),
            result(t).to_owned(),
        ]
    });
    let mut out = vec![render(&columns, rows), String::new()];
    for (names, side) in [(&found.only_left, "A"), (&found.only_right, "B")] {
        for name in names {
            out.push(format!(
                "  {}: only {side} has the table",
                printable(&name.to_string())
            ));
        }
    }
    for table in found.tables.iter().filter(|t| !t.is_same()) {
        out.push(format!("  {}:", printable(&table.table.to_string())));
        if let Some(why) = &table.unreadable {
            out.push(format!("      {}", printable(why)));
        }
        for (column, why) in &table.columns {
            out.push(format!(
                "      column {} was not compared: {}",
                printable(column),
                printable(why)
            ));
        }
        if table.not_compared > 0 {
            out.push(format!(
                "      {} have no form in PostgreSQL and were not compared",
                number::of(table.not_compared, "row")
            ));
        }
        for difference in &table.differences {
            let line = difference::line(difference, ("in A", "in B"));
            let line = line
                .replace("is missing in the destination", "is in A only")
                .replace("is in the destination only", "is in B only");
            out.push(format!("      {line}"));
        }
        if table.more {
            out.push("      and more; --max-differences shows them".to_owned());
        }
    }
    let rows: u64 = found.tables.iter().map(|t| t.left.rows).sum();
    out.push(if found.is_same() {
        format!(
            "{} {} in {}, in {}.",
            style.green("The same:"),
            number::of(rows, "row"),
            number::of(found.tables.len() as u64, "table"),
            number::duration(found.took)
        )
    } else {
        let differing = found.tables.iter().filter(|t| !t.is_same()).count();
        format!(
            "{} {} of {} that both have; {} only one has.",
            style.red("They differ:"),
            differing,
            number::of(found.tables.len() as u64, "table"),
            number::of((found.only_left.len() + found.only_right.len()) as u64, "table")
        )
    });
    out.join("\n")
}

fn result(table: &TableDiff) -> &'static str {
    if table.is_same() {
        "same"
    } else if table.unreadable.is_some() {
        "CANNOT BE READ"
    } else if table.left != table.right {
        "ROWS DIFFER"
    } else if table.columns.is_empty() {
        "ROWS NOT COMPARED"
    } else {
        "COLUMNS DIFFER"
    }
}
