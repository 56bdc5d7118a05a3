//! Rows into tables, by COPY in binary form.

mod aside;
mod bisect;
mod wire;
mod writer;

pub(crate) use writer::Writer;

use migrate_core::plan::{TablePlan, quote_ident};

/// The COPY of a table's copied columns in the plan's order.
fn copy_in(table: &TablePlan, freeze: bool) -> String {
    let freeze = if freeze { ", freeze" } else { "" };
    format!(
        "copy {}{} from stdin (format binary{freeze})",
        table.target.quoted(),
        columns(table)
    )
}

/// ` ("a", "b")`, or nothing for a table without copied columns, where the list may not be empty.
pub(crate) fn columns(table: &TablePlan) -> String {
    let names: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}
