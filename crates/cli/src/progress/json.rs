//! One JSON object a line, for machines. Rows are reported once a second, everything else when it happens.

use std::time::{Duration, Instant};

use migrate_core::observer::Event;
use serde_json::{Value, json};

use super::{Tally, View};
use crate::ui::Ui;

pub(super) struct Json {
    copying: bool,
    /// Whether each batch is told as well.
    batches: bool,
}

impl Json {
    pub(super) fn new(batches: bool) -> Self {
        Self {
            copying: false,
            batches,
        }
    }
}

fn line(value: &Value) {
    Ui::err_line(&value.to_string());
}

impl View for Json {
    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn event(&mut self, event: &Event, _: &Tally) {
        self.copying |= matches!(event, Event::Written { .. });
        if let Some(value) = as_json(event) {
            line(&value);
        }
        if let Event::Written {
            chunk, rows, bytes, ..
        } = event
            && self.batches
        {
            line(&json!({ "event": "written", "chunk": chunk.to_string(), "rows": rows, "bytes": bytes }));
        }
    }

    fn tick(&mut self, tally: &Tally) {
        if self.copying {
            line(&numbers(tally));
        }
    }

    fn phase(&mut self, name: &str, steps: usize, _: &str) {
        self.copying = false;
        line(&json!({ "event": "phase", "name": name, "steps": steps }));
    }

    fn finish(&mut self, _: &Tally) {}
}

fn numbers(tally: &Tally) -> Value {
    let now = Instant::now();
    let (rows, bytes) = tally.speed(now);
    json!({
        "event": "progress",
        "fraction": (tally.fraction() * 10_000.0).round() / 10_000.0,
        "rows": tally.all_rows(),
        "total_rows": tally.total_rows(),
        "quarantined": tally.quarantined,
        "rows_per_second": rows,
        "bytes_per_second": bytes,
        "seconds_left": tally.remaining(now).map(|d| d.as_secs()),
    })
}

fn as_json(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Began { resumed } => json!({ "event": "began", "resumed": resumed }),
        Event::TableQueued {
            table,
            chunks,
            rows,
            rows_done,
        } => json!({
            "event": "table_queued", "table": table.to_string(), "chunks": chunks, "rows": rows, "rows_done": rows_done,
        }),
        Event::TakenBack { chunk, rows, .. } => {
            json!({ "event": "taken_back", "chunk": chunk.to_string(), "rows": rows })
        }
        Event::Committed { chunk, done } => {
            json!({ "event": "committed", "chunk": chunk.to_string(), "done": done })
        }
        Event::Paused => json!({ "event": "paused" }),
        Event::Resumed => json!({ "event": "resumed" }),
        Event::Retrying { what, reason, after } => json!({
            "event": "retrying", "what": what, "reason": reason, "after_seconds": after.as_secs_f64(),
        }),
        Event::TableRestarted { table } => json!({ "event": "table_restarted", "table": table.to_string() }),
        Event::TableDone { table } => json!({ "event": "table_done", "table": table.to_string() }),
        Event::Steps { total } => json!({ "event": "steps", "total": total }),
        Event::StepStarted { step } => json!({ "event": "step_started", "step": step }),
        Event::StepDone { step, took } => {
            json!({ "event": "step_done", "step": step, "seconds": took.as_secs_f64() })
        }
        // Reported once a second instead; later events have no form here yet.
        _ => return None,
    })
}
