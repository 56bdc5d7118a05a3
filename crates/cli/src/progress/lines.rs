//! A line every few seconds, for logs and pipes.

use std::time::{Duration, Instant};

use migrate_core::observer::Event;

use super::{Tally, View};
use crate::report::number;
use crate::report::text::printable;
use crate::ui::Ui;

pub(super) struct Lines {
    ui: Ui,
    /// What the steps of the present phase are.
    phase: Option<String>,
}

impl Lines {
    pub(super) fn new(ui: Ui) -> Self {
        Self { ui, phase: None }
    }
}

impl View for Lines {
    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn event(&mut self, event: &Event, _: &Tally) {
        match event {
            Event::Steps { total } => {
                self.phase("keys, indexes and constraints", *total, "step");
            }
            _ => {
                if let Some(line) = told(event, &self.ui) {
                    line.tell(&self.ui);
                }
            }
        }
    }

    fn tick(&mut self, tally: &Tally) {
        let line = match &self.phase {
            Some(name) => format!("{name}: {} of {}", tally.steps_done, tally.steps),
            None => copying(tally),
        };
        self.ui.say(&line);
    }

    fn phase(&mut self, name: &str, steps: usize, noun: &str) {
        self.ui
            .say(&format!("{name}: {}", number::of(steps as u64, noun)));
        self.phase = Some(name.to_owned());
    }

    fn finish(&mut self, _: &Tally) {}
}

/// How far the copying is.
pub(super) fn copying(tally: &Tally) -> String {
    let now = Instant::now();
    let (rows, bytes) = tally.speed(now);
    let (done, all) = tally.tables();
    let of = tally
        .total_rows()
        .map(|n| format!(" of {}", number::count(n)))
        .unwrap_or_default();
    let left = tally
        .remaining(now)
        .map(|d| format!(", {} left", number::duration(d)))
        .unwrap_or_default();
    let aside = match tally.quarantined {
        0 => String::new(),
        n => format!(", {} in quarantine", number::count(n)),
    };
    format!(
        "copying: {:.0} %, {}{of} rows, {done} of {all} tables, {} rows/s, {}/s{left}{aside}",
        tally.fraction() * 100.0,
        number::count(tally.all_rows()),
        number::count(rows),
        number::bytes(bytes),
    )
}

/// Something to tell besides the numbers.
pub(super) enum Told {
    /// It is worth a look.
    Warning(String),
    /// It was asked for with `-v`.
    Detail(String),
}

impl Told {
    pub(super) fn tell(&self, ui: &Ui) {
        match self {
            Self::Warning(text) => ui.warn(text),
            Self::Detail(text) => ui.say(text),
        }
    }
}

/// What an event says to a person.
pub(super) fn told(event: &Event, ui: &Ui) -> Option<Told> {
    let detail = |level: u8, text: String| (ui.verbose >= level).then_some(Told::Detail(text));
    match event {
        Event::Paused => Some(Told::Warning(
            "paused, as was asked for in the destination; `migrate resume` goes on".to_owned(),
        )),
        Event::Resumed => Some(Told::Warning("going on".to_owned())),
        Event::Retrying { what, reason, after } => Some(Told::Warning(format!(
            "{}: {}; trying again in {}",
            printable(what),
            printable(reason),
            number::duration(*after)
        ))),
        Event::TableRestarted { table } => Some(Told::Warning(format!(
            "{} changed in the source since it was copied: it begins anew",
            printable(&table.to_string())
        ))),
        Event::TableDone { table } => detail(1, format!("copied {}", printable(&table.to_string()))),
        Event::StepDone { step, took } => detail(
            1,
            format!("done in {}: {}", number::duration(*took), printable(step)),
        ),
        Event::TableQueued { table, chunks, .. } => detail(
            2,
            format!(
                "{}: {} to copy",
                printable(&table.to_string()),
                number::of(*chunks as u64, "chunk")
            ),
        ),
        Event::Committed { chunk, done } => {
            let what = if *done { "complete" } else { "committed up to here" };
            detail(2, format!("chunk {}: {what}", printable(&chunk.to_string())))
        }
        _ => None,
    }
}
