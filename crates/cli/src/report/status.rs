//! How far a migration is, by its ledger.

use migrate_sink_postgres::{HistoryEntry, Status};
use serde_json::{Value, json};

use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::destination::Place;
use crate::ui::Ui;

/// In one word.
pub(crate) fn state(status: &Status) -> &'static str {
    if status.finished_at.is_some() {
        "complete"
    } else if status.active.is_some() && status.paused {
        "paused"
    } else if status.active.is_some() {
        "running"
    } else if !status.steps_failed.is_empty() {
        "stopped at failed steps"
    } else {
        "stopped before its end"
    }
}

/// For a person.
pub(crate) fn print(place: &Place, status: &Status, ui: &Ui) -> String {
    let style = ui.out_style();
    let mut out = vec![format!("{} {}", style.bold("Destination:"), place.describe())];
    out.push(format!(
        "{} {} ({})",
        style.bold("Source:"),
        printable(&status.source),
        printable(&status.source_kind)
    ));
    let word = match state(status) {
        "complete" => style.green("complete"),
        other => style.yellow(other),
    };
    let until = status
        .finished_at
        .as_ref()
        .map(|at| format!(", completed {at}"))
        .unwrap_or_default();
    out.push(format!(
        "{} {word}; begun {}{until}",
        style.bold("State:"),
        status.started_at
    ));
    if let Some(run) = &status.active {
        out.push(format!(
            "Held by server process {} ({}, from {}).",
            run.pid,
            printable(&run.application),
            run.client
        ));
    }
    if status.paused && status.active.is_some() {
        out.push("A pause was asked for; `migrate resume` lets it go on.".to_owned());
    }
    if status.beside {
        out.push(
            "It is made beside tables that are there, and replaces them once it is complete and proven."
                .to_owned(),
        );
    }
    out.push(String::new());
    out.push(tables(status));
    if status.steps_done > 0 || !status.steps_failed.is_empty() {
        out.push(format!(
            "\nKeys, indexes, constraints and other steps done: {}.",
            number::count(status.steps_done)
        ));
    }
    for (step, reason) in &status.steps_failed {
        out.push(format!(
            "{} {}: {}",
            style.red("Failed:"),
            printable(step),
            printable(reason)
        ));
    }
    if status.quarantined > 0 {
        out.push(format!(
            "\n{} {}",
            style.red("Quarantine:"),
            number::of(status.quarantined, "row")
        ));
        for reason in &status.quarantine {
            let column = reason
                .column
                .as_ref()
                .map(|c| format!(".{c}"))
                .unwrap_or_default();
            out.push(format!(
                "  {}  {}: {}",
                number::of(reason.rows, "row"),
                printable(&format!("{}{column}", reason.table)),
                printable(&reason.reason)
            ));
        }
        out.push("The rows are in the table migrate.quarantine.".to_owned());
    }
    if ui.verbose > 0 && !status.events.is_empty() {
        out.push(format!("\n{}", style.bold("Latest events:")));
        out.extend(
            status
                .events
                .iter()
                .map(|e| format!("  {}  {}: {}", e.at, printable(&e.kind), printable(&e.text))),
        );
    }
    if status.finished_at.is_none() && status.active.is_none() {
        out.push("\nRun the same `migrate run` again to go on.".to_owned());
    }
    out.join("\n")
}

fn tables(status: &Status) -> String {
    let columns = [
        ("table", Side::Left),
        ("rows", Side::Right),
        ("of", Side::Right),
        ("chunks", Side::Right),
        ("quarantined", Side::Right),
        ("state", Side::Left),
    ];
    let rows = status.tables.iter().map(|t| {
        let state = match t.chunks {
            None => "waiting",
            Some(_) if t.total.done => "copied",
            Some(_) if t.total.read > 0 || t.chunks_done > 0 => "partly copied",
            Some(_) => "waiting",
        };
        vec![
            t.target.to_string(),
            number::count(t.total.digest.rows),
            t.expected_rows
                .map(number::count)
                .unwrap_or_else(|| "?".to_owned()),
            t.chunks
                .map(|n| format!("{}/{n}", t.chunks_done))
                .unwrap_or_else(|| "-".to_owned()),
            if t.total.quarantined == 0 {
                "-".to_owned()
            } else {
                number::count(t.total.quarantined)
            },
            state.to_owned(),
        ]
    });
    render(&columns, rows)
}

/// All that happened, for a person.
pub(crate) fn history(entries: &[HistoryEntry]) -> String {
    let columns = [
        ("when", Side::Left),
        ("what", Side::Left),
        ("rows", Side::Right),
        ("took", Side::Right),
        ("who", Side::Left),
    ];
    let rows = entries.iter().map(|e| {
        vec![
            e.at.clone(),
            printable(&format!("{}: {}", e.kind, e.text)),
            e.rows.map(number::count).unwrap_or_default(),
            e.took_ms
                .map(|ms| number::duration(std::time::Duration::from_millis(ms)))
                .unwrap_or_default(),
            e.who.as_deref().map(printable).unwrap_or_default(),
        ]
    });
    render(&columns, rows)
}

/// For machines.
pub(crate) fn as_json(place: &Place, status: Option<&Status>) -> Value {
    json!({
        "destination": place.as_json(),
        "state": status.map_or("none", state),
        "migration": status,
    })
}
