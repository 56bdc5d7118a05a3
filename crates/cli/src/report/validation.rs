//! What a validation found.

use migrate_validate::{TableValidation, Validation};
use serde_json::{Value, json};

use super::difference::{self, short};
use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::ui::Style;

/// One line: whether all rows agree.
pub(crate) fn verdict(found: &Validation, style: Style) -> String {
    let rows: u64 = found.tables.iter().filter_map(|t| t.rows).sum();
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
        let how = if found.layers.digests {
            format!("read back from the destination agree with {against}")
        } else {
            "counted in the destination are as many as were read".to_owned()
        };
        format!(
            "{} {} in {tables} {how}{aside}.",
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

/// What all layers come to: findings first, then go or no-go.
pub(crate) fn conclusion(found: &Validation, style: Style) -> Vec<String> {
    let verdict = &found.verdict;
    let mut lines = Vec::new();
    for warning in alike(&verdict.warnings) {
        lines.push(format!("{} {}", style.yellow("To know:"), printable(&warning)));
    }
    // A reason that the lines before have given with its rows is not repeated.
    for check in found.references.iter().filter(|c| !c.holds()) {
        for orphan in check.orphans.iter().flat_map(|o| &o.shown).take(SHOWN_ORPHANS) {
            lines.push(format!(
                "      {} {} refers to {} {}",
                printable(&check.reference.table.to_string()),
                short(&json!(orphan.key).to_string()),
                printable(&check.reference.parent.to_string()),
                short(&json!(orphan.parent).to_string()),
            ));
        }
    }
    if verdict.go {
        lines.push(format!("{} {}.", style.green("Go:"), looked_at(found)));
    } else {
        lines.push(format!(
            "{} {} the way.",
            style.red("No-go:"),
            match verdict.reasons.len() {
                1 => "1 thing stands in".to_owned(),
                n => format!("{n} things stand in"),
            }
        ));
        lines.extend(
            verdict
                .reasons
                .iter()
                .map(|reason| format!("  - {}", short(reason))),
        );
    }
    lines
}

/// Objects named where one thing is said of several.
const NAMED: usize = 4;

/// `OBJECT: text` of several objects as one line.
fn alike(warnings: &[String]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for warning in warnings {
        let (object, text) = warning.split_once(": ").unwrap_or(("", warning));
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, objects)) => objects.push(object),
            None => groups.push((text, vec![object])),
        }
    }
    let line = |(text, objects): (&str, Vec<&str>)| match objects.len() {
        1 if objects[0].is_empty() => text.to_owned(),
        // One more name is as short as saying that there is one more.
        n if n <= NAMED + 1 => format!("{}: {text}", objects.join(", ")),
        n => format!("{} and {} more: {text}", objects[..NAMED].join(", "), n - NAMED),
    };
    groups.into_iter().map(line).collect()
}

/// Orphans shown for each reference.
const SHOWN_ORPHANS: usize = 5;

/// `schema, counts, digests, 19 references, 2 rules`
pub(crate) fn looked_at(found: &Validation) -> String {
    let mut parts = Vec::new();
    if found.schema.is_some() {
        parts.push("schema as planned".to_owned());
    }
    parts.push("counts exact".to_owned());
    if found.layers.digests {
        parts.push("every row as it was read".to_owned());
    }
    if !found.references.is_empty() {
        parts.push(format!(
            "{} checked",
            number::of(found.references.len() as u64, "reference")
        ));
    }
    if !found.rules.is_empty() {
        parts.push(format!(
            "{} checked",
            number::of(found.rules.len() as u64, "rule")
        ));
    }
    if !found.queries.is_empty() {
        parts.push(format!(
            "{} timed",
            number::of(found.queries.len() as u64, "query")
        ));
    }
    parts.join(", ")
}

/// Timed queries, if there are any.
pub(crate) fn queries(found: &Validation) -> Option<String> {
    if found.queries.is_empty() {
        return None;
    }
    let columns = [
        ("query", Side::Left),
        ("half below", Side::Right),
        ("95 of 100 below", Side::Right),
        ("in the source, half", Side::Right),
        ("95 of 100", Side::Right),
    ];
    let time = |t: Option<std::time::Duration>| {
        t.map_or("-".to_owned(), |t| format!("{:.1} ms", t.as_secs_f64() * 1000.0))
    };
    let rows = found.queries.iter().map(|q| {
        vec![
            q.name.clone(),
            time(q.destination.map(|t| t.p50)),
            time(q.destination.map(|t| t.p95)),
            time(q.source.map(|t| t.p50)),
            time(q.source.map(|t| t.p95)),
        ]
    });
    Some(render(&columns, rows))
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
            t.rows.map_or("-".to_owned(), number::count),
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
    table.stored.map_or("-".to_owned(), |d| format!("{:032x}", d.sum))
}

/// What is wrong with a table, in two words.
pub(crate) fn reason(table: &TableValidation) -> &'static str {
    let read = table.read_again.unwrap_or(table.ledger);
    let Some(rows) = table.rows else {
        return "CANNOT BE READ";
    };
    if !table.complete {
        "NOT COMPLETE"
    } else if table.read_again.is_some_and(|d| d != table.ledger) && table.stored == Some(table.ledger) {
        "SOURCE CHANGED"
    } else if rows < read.rows {
        "ROWS MISSING"
    } else if rows > read.rows {
        "ROWS ADDED"
    } else {
        "ROWS CHANGED"
    }
}

/// Rows that differ, one a line.
pub(crate) fn differences(found: &Validation, shown: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for table in found.tables.iter().filter(|t| !t.agrees()) {
        let name = printable(&table.target.to_string());
        if let Some(why) = &table.unreadable {
            lines.push(format!("  {name}: {}", printable(why)));
            continue;
        }
        lines.push(format!(
            "  {name}: {}; {} were read, {} are stored",
            reason(table).to_lowercase(),
            number::of(table.ledger.rows, "row"),
            number::count(table.rows.unwrap_or_default())
        ));
        if table.was_right && table.complete && !table.source_changed() {
            lines.push(
                "      all of its rows were right when the migration ended: it was changed since".to_owned(),
            );
        }
        for difference in table.differences.iter().take(shown) {
            lines.push(format!(
                "      {}",
                difference::line(difference, ("was read", "is stored"))
            ));
        }
        if table.more || table.differences.len() > shown {
            lines.push(
                "      and more; --max-differences shows them, --rejects FILE writes all of them".to_owned(),
            );
        }
        if table.differences.is_empty() && table.read_again.is_none() && table.complete {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_said_once() {
        let of = |name: &str, text: &str| format!("{name}: {text}");
        let mut warnings: Vec<String> = (1..=6)
            .map(|n| of(&format!("t{n}"), "not checked: why"))
            .collect();
        warnings.insert(1, of("other", "something else"));
        warnings.push("without an object".to_owned());
        assert_eq!(
            alike(&warnings),
            [
                "t1, t2, t3, t4 and 2 more: not checked: why",
                "other: something else",
                "without an object"
            ]
        );
        assert_eq!(alike(&warnings[2..=6]), ["t2, t3, t4, t5, t6: not checked: why"]);
    }
}
