//! A row that differs, in one line.

use migrate_validate::{Difference, DifferenceKind, Origin};
use serde_json::{Value, json};

use super::text::printable;

/// Characters of a value that are shown on a terminal.
const LONGEST: usize = 120;

/// `{"id":99} differs in n: 9801 was read, 9800 is stored (written after the migration)`
pub(crate) fn line(difference: &Difference, sides: (&str, &str)) -> String {
    let key = printable(&difference.key.to_string());
    let what = match &difference.kind {
        DifferenceKind::Changed(columns) => {
            let values = columns.iter().map(|column| {
                let of = |side: &Option<Value>| {
                    let value = side
                        .as_ref()
                        .and_then(|row| row.get(column))
                        .unwrap_or(&Value::Null);
                    short(&value.to_string())
                };
                format!(
                    "{}: {} {}, {} {}",
                    printable(column),
                    of(&difference.expected),
                    sides.0,
                    of(&difference.found),
                    sides.1
                )
            });
            format!("differs in {}", values.collect::<Vec<_>>().join("; "))
        }
        DifferenceKind::Missing => "is missing in the destination".to_owned(),
        DifferenceKind::Extra => "is in the destination only".to_owned(),
    };
    format!("{key} {what}{}", origin(difference.origin))
}

/// When it came to be, where that is known.
pub(crate) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::ChangedSince => " (changed since the migration ended)",
        Origin::NotWrittenSince => " (not written since the migration ended: never right, or damaged)",
        Origin::Unknown => "",
    }
}

/// A value that fits a line.
pub(crate) fn short(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}... ({} characters)", text.chars().count())
}

/// For a file of rejected rows: one document a line.
pub(crate) fn as_json(table: &str, difference: &Difference) -> String {
    let (kind, columns) = match &difference.kind {
        DifferenceKind::Changed(columns) => ("changed", columns.clone()),
        DifferenceKind::Missing => ("missing", Vec::new()),
        DifferenceKind::Extra => ("extra", Vec::new()),
    };
    json!({
        "table": table,
        "key": difference.key,
        "kind": kind,
        "columns": columns,
        "expected": difference.expected,
        "found": difference.found,
        "origin": difference.origin,
    })
    .to_string()
}
