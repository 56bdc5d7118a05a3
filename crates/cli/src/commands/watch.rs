//! `migrate status --watch`

use std::time::{Duration, Instant};

use migrate_core::Result;
use migrate_sink_postgres::Status;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::print;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::report::{number, status};
use crate::ui::Ui;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Prints a line every two seconds until the migration is complete or nobody works on it.
pub(super) async fn run(destination: &Destination, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let mut before: Option<(Instant, u64)> = None;
    loop {
        let Some(now) = destination.sink.status().await? else {
            print(
                ui,
                || format!("No migration was made to {}.", destination.place.describe()),
                || json!({ "state": "none" }),
            );
            return Ok(Exit::Done);
        };
        let (at, rows) = (Instant::now(), written(&now));
        let speed = before.map(|(then, had)| number::rate(rows.saturating_sub(had), at - then));
        tell(&now, rows, speed, ui);
        if now.finished_at.is_some() || now.active.is_none() {
            return Ok(Exit::Done);
        }
        before = Some((at, rows));
        tokio::select! {
            () = cancel.cancelled() => return Ok(Exit::Cancelled),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn written(status: &Status) -> u64 {
    status.tables.iter().map(|t| t.total.digest.rows).sum()
}

fn tell(status: &Status, rows: u64, speed: Option<u64>, ui: &Ui) {
    let expected: Option<u64> = status.tables.iter().map(|t| t.expected_rows).sum();
    let state = status::state(status);
    let done = status.tables.iter().filter(|t| t.total.done).count();
    if ui.json {
        let line = json!({
            "state": state, "rows": rows, "expected_rows": expected, "rows_per_second": speed, "tables_done": done,
            "tables": status.tables.len(), "steps_done": status.steps_done, "quarantined": status.quarantined,
        });
        Ui::out(&line.to_string());
        return;
    }
    let of = expected
        .map(|n| format!(" of {}", number::count(n)))
        .unwrap_or_default();
    let speed = speed
        .map(|n| format!(", {} rows/s committed", number::count(n)))
        .unwrap_or_default();
    Ui::out(&format!(
        "{state}: {}{of} rows{speed}; {done} of {} copied; {} done{}",
        number::count(rows),
        number::of(status.tables.len() as u64, "table"),
        number::of(status.steps_done, "step"),
        if status.quarantined > 0 {
            format!("; {} in quarantine", number::of(status.quarantined, "row"))
        } else {
            String::new()
        }
    ));
}
