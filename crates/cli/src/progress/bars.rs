//! Bars on a terminal: one for the whole, one for each table that is being copied.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use migrate_core::catalog::ObjectName;
use migrate_core::observer::Event;

use super::lines::{Told, told};
use super::{Tally, View};
use crate::report::number;
use crate::report::text::printable;
use crate::ui::Ui;

/// Bars show thousandths.
const FULL: u64 = 1000;

/// Bars for tables that a screen should not exceed.
const MOST: usize = 12;

pub(super) struct Bars {
    ui: Ui,
    all: MultiProgress,
    total: ProgressBar,
    tables: BTreeMap<ObjectName, ProgressBar>,
    /// Present steps, in the order of their beginning.
    steps: Vec<String>,
    /// The phase after copying.
    phase: Option<String>,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

impl Bars {
    pub(super) fn new(ui: Ui) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        let total = all.add(ProgressBar::new(FULL));
        total.set_style(style("{prefix:<24.24} [{wide_bar}] {percent:>3} % {msg}"));
        total.set_prefix("copying");
        Self {
            ui,
            all,
            total,
            tables: BTreeMap::new(),
            steps: Vec::new(),
            phase: None,
        }
    }

    fn show_copying(&mut self, tally: &Tally) {
        let now = Instant::now();
        let (rows, bytes) = tally.speed(now);
        let left = tally
            .remaining(now)
            .map(|d| format!("  {} left", number::duration(d)))
            .unwrap_or_default();
        self.total.set_position((tally.fraction() * FULL as f64) as u64);
        self.total.set_message(format!(
            "{} rows  {} rows/s  {}/s{left}",
            number::count(tally.all_rows()),
            number::count(rows),
            number::bytes(bytes)
        ));
        self.tables.retain(|name, bar| {
            let running = tally.table(name).is_some_and(|t| t.running && !t.done);
            if !running {
                bar.finish_and_clear();
            }
            running
        });
        for (name, table) in tally.running() {
            if !self.tables.contains_key(name) {
                if self.tables.len() >= MOST {
                    continue;
                }
                let bar = self.all.insert_before(&self.total, ProgressBar::new(FULL));
                bar.set_style(style("{prefix:<24.24} [{wide_bar}] {percent:>3} % {msg}"));
                bar.set_prefix(printable(&name.to_string()));
                self.tables.insert(name.clone(), bar);
            }
            if let Some(bar) = self.tables.get(name) {
                bar.set_position((tally.table_fraction(table) * FULL as f64) as u64);
                bar.set_message(format!("{} rows", number::count(table.rows)));
            }
        }
    }

    fn show_steps(&mut self, tally: &Tally) {
        self.total.set_position(tally.steps_done as u64);
        self.total.set_message(format!(
            "{}/{}  {}",
            tally.steps_done,
            tally.steps,
            self.steps.first().map(|s| printable(s)).unwrap_or_default()
        ));
    }
}

impl View for Bars {
    fn period(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn event(&mut self, event: &Event, _: &Tally) {
        match event {
            Event::Steps { total } => self.phase("keys and indexes", *total, "step"),
            Event::StepStarted { step } => self.steps.push(step.clone()),
            Event::StepDone { step, .. } => self.steps.retain(|s| s != step),
            _ => {}
        }
        let lines = match told(event, &self.ui) {
            Some(Told::Warning(text)) => format!("{} {text}", self.ui.err_style().yellow("warning:")),
            Some(Told::Detail(text)) => text,
            None => return,
        };
        // Nobody is left to be told if the terminal is gone.
        let _ = self.all.println(lines);
    }

    fn tick(&mut self, tally: &Tally) {
        if self.phase.is_some() {
            self.show_steps(tally)
        } else {
            self.show_copying(tally)
        }
    }

    fn phase(&mut self, name: &str, steps: usize, _: &str) {
        for (_, bar) in std::mem::take(&mut self.tables) {
            bar.finish_and_clear();
        }
        self.steps.clear();
        // In this order no draw in between shows the old numbers under the new name.
        self.total
            .set_style(style("{prefix:<24.24} [{wide_bar}] {msg:40.40}"));
        self.total.set_message("");
        self.total.set_prefix(name.to_owned());
        self.total.set_position(0);
        self.total.set_length(steps as u64);
        self.phase = Some(name.to_owned());
    }

    fn finish(&mut self, _: &Tally) {
        for (_, bar) in std::mem::take(&mut self.tables) {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
        let _ = self.all.clear();
    }
}
