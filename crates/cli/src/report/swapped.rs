//! What an exchange of tables did.

use migrate_sink_postgres::Swapped;
use serde_json::{Value, json};

use super::number;
use super::text::printable;
use crate::ui::Style;

/// For a person.
pub(crate) fn lines(swapped: &Swapped, style: Style) -> Vec<String> {
    let mut out = Vec::new();
    if !swapped.kept.is_empty() {
        out.push(format!(
            "{} {} that were there, in one transaction; they are kept until `migrate clean`, and `migrate rollback` puts them back.",
            style.bold("Replaced"),
            number::of(swapped.kept.len() as u64, "object"),
        ));
    }
    out.extend(bound(swapped, style));
    out
}

/// What of others leads to other tables now.
pub(crate) fn bound(swapped: &Swapped, style: Style) -> Vec<String> {
    let mut out = Vec::new();
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            out.push(format!(
                "{} {what}: {}.",
                style.bold("Bound anew"),
                printable(&names.join(", "))
            ));
        }
    };
    list("views of others", &swapped.views);
    list("foreign keys of others", &swapped.foreign_keys);
    for (name, reason) in &swapped.not_valid {
        out.push(format!(
            "{} foreign key {}, which holds for new rows: {}",
            style.red("Not valid:"),
            printable(name),
            printable(reason)
        ));
    }
    out
}

/// For machines.
pub(crate) fn as_json(swapped: &Swapped) -> Value {
    json!({
        "objects": swapped.kept,
        "views": swapped.views,
        "foreign_keys": swapped.foreign_keys,
        "not_valid": swapped.not_valid,
    })
}
