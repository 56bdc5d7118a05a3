//! What a run did.

use std::path::Path;

use migrate_core::Result;
use migrate_core::pipeline::{Report, TableReport};
use migrate_core::plan::Plan;
use migrate_sink_postgres::{Accounts, Swapped};
use migrate_validate::Validation;
use serde_json::{Value, json};

use super::plan::{counted, manual_counts, summary_json};
use super::table::{Side, render};
use super::text::printable;
use super::{accounts, file, number, swapped, validation};
use crate::destination::Place;
use crate::exit::Exit;
use crate::ui::Ui;

/// Everything that the end of a run is told from.
pub(crate) struct Outcome<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) place: &'a Place,
    pub(crate) report: &'a Report,
    /// What became of accounts, where the plan makes any.
    pub(crate) accounts: Option<&'a Accounts>,
    /// `None` if it was not asked for.
    pub(crate) validation: Option<&'a Validation>,
    /// What was replaced; `None` where everything was made beside what is there, and stays there.
    pub(crate) swapped: Option<&'a Swapped>,
    /// When the command began and ended, in UTC.
    pub(crate) began: chrono::DateTime<chrono::Utc>,
    pub(crate) ended: chrono::DateTime<chrono::Utc>,
}

impl Outcome<'_> {
    /// What the process's exit code will say.
    pub(crate) fn exit(&self) -> Exit {
        if self.validation.is_some_and(|v| !v.agrees()) {
            Exit::Mismatch
        } else if !self.report.is_clean() {
            Exit::Incomplete
        } else if self.validation.is_some_and(|v| !v.verdict.go) {
            Exit::Mismatch
        } else if self.swapped.is_none_or(|s| !s.not_valid.is_empty()) {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }

    /// For a person.
    pub(crate) fn print(&self, ui: &Ui) -> String {
        let style = ui.out_style();
        let report = self.report;
        let total = report.total();
        let mut out = vec![tables(report, self.validation)];
        out.push(String::new());
        if report.already_complete {
            out.push(style.bold(
                "Nothing was left to do: this migration was completed before, and nothing was changed.",
            ));
            out.push(format!(
                "The ledger says: {}, {} of tuples.",
                number::of(total.digest.rows, "row"),
                number::bytes(total.bytes)
            ));
        } else {
            let seconds = report.copy_elapsed;
            // Rows of earlier runs took their time then.
            let speed = if report.resumed {
                String::new()
            } else {
                format!(
                    ", {} rows/s, {}/s",
                    number::count(number::rate(total.digest.rows, seconds)),
                    number::bytes(number::rate(total.bytes, seconds))
                )
            };
            let resumed = if report.resumed {
                ", together with earlier runs"
            } else {
                ""
            };
            out.push(format!(
                "{} {}, {} of tuples in {}{speed}{resumed}; {} in all.",
                style.bold("Copied"),
                number::of(total.digest.rows, "row"),
                number::bytes(total.bytes),
                number::duration(seconds),
                number::duration(report.elapsed)
            ));
            let except = if report.failed_steps.is_empty() {
                ""
            } else {
                ", except for what failed:"
            };
            out.push(format!("Created{except} {}.", counted(self.plan)));
        }
        let notes = report
            .notes
            .iter()
            .map(|note| format!("{} {}", style.bold("Note:"), printable(note)));
        out.extend(notes);
        out.extend(
            self.accounts
                .into_iter()
                .flat_map(|made| accounts::lines(made, style)),
        );
        self.trouble(ui, &mut out);
        match self.validation {
            Some(found) => out.push(validation::verdict(found, style)),
            None => {
                out.push("Not validated: --no-validate was given. `migrate validate` does it.".to_owned())
            }
        }
        if let Some(found) = self.validation {
            out.extend(validation::differences(found, usize::MAX));
            out.extend(validation::conclusion(found, style));
        }
        match self.swapped {
            Some(done) => out.extend(swapped::lines(done, style)),
            None => out.push(format!(
                "{} the tables that were there still serve, because not everything is right; the new ones wait beside them. Correct \
                 the cause and run the same command again, or take it back with `migrate rollback`.",
                style.red("Not replaced:")
            )),
        }
        let manual = manual_counts(self.plan);
        if !manual.is_empty() {
            let kinds: Vec<String> = manual
                .into_iter()
                .map(|(kind, n)| number::of(n, &printable(kind)))
                .collect();
            out.push(format!(
                "{} {}; the report has their definitions.",
                style.bold("For a person:"),
                kinds.join(", ")
            ));
        }
        out.join("\n")
    }

    fn trouble(&self, ui: &Ui, out: &mut Vec<String>) {
        let style = ui.out_style();
        let total = self.report.total();
        if total.quarantined > 0 {
            out.push(format!(
                "{} {} refused, with the reason, in the table migrate.quarantine of the destination; `migrate status` lists reasons.",
                style.red("Quarantine:"),
                number::of(total.quarantined, "row")
            ));
        }
        for (step, reason) in &self.report.failed_steps {
            out.push(format!(
                "{} {}: {}",
                style.red("Failed:"),
                printable(step),
                printable(reason)
            ));
        }
        if !self.report.failed_steps.is_empty() {
            out.push(
                "Correct the cause and run the same command again: it goes on with the steps that failed."
                    .to_owned(),
            );
        }
    }

    /// For machines, and for the file.
    pub(crate) fn as_json(&self) -> Value {
        let total = self.report.total();
        json!({
            "version": 1,
            "program": concat!("migrate ", env!("CARGO_PKG_VERSION")),
            "outcome": match self.exit() {
                Exit::Done if self.report.already_complete => "nothing to do",
                Exit::Done => "complete",
                Exit::Mismatch => "mismatch",
                _ => "incomplete",
            },
            "exit_code": self.exit().code(),
            "began": self.began.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "ended": self.ended.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "source": self.plan.source,
            "destination": self.place.as_json(),
            "plan": summary_json(self.plan),
            "run": self.report,
            "total": {
                "read": total.read,
                "written": total.digest.rows,
                "quarantined": total.quarantined,
                "filtered": total.filtered,
                "bytes": total.bytes,
                "digest": total.digest,
                "conversions": conversions(self.report),
            },
            "accounts": self.accounts,
            "replaced": self.swapped.map(swapped::as_json),
            "validation": self.validation.map(validation::as_json),
        })
    }

    /// Writes the JSON document to a file, in one step.
    ///
    /// # Errors
    /// [`Io`](migrate_core::ErrorKind::Io) with the file's name.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        file::write(path, &format!("{:#}\n", self.as_json()))
    }
}

/// How often values were changed by which rule, over all tables.
fn conversions(report: &Report) -> std::collections::BTreeMap<String, u64> {
    let mut counts = std::collections::BTreeMap::new();
    for table in &report.tables {
        for by_rule in table.receipt.conversions.values() {
            for (rule, n) in by_rule {
                *counts.entry(rule.clone()).or_default() += n;
            }
        }
    }
    counts
}

fn tables(report: &Report, found: Option<&Validation>) -> String {
    let columns = [
        ("table", Side::Left),
        ("rows", Side::Right),
        ("size", Side::Right),
        ("time", Side::Right),
        ("quarantined", Side::Right),
        ("notes", Side::Left),
    ];
    let rows = report.tables.iter().map(|t| {
        vec![
            t.target.to_string(),
            number::count(t.receipt.digest.rows),
            number::bytes(t.receipt.bytes),
            if t.took.is_zero() {
                "-".to_owned()
            } else {
                number::duration(t.took)
            },
            if t.receipt.quarantined == 0 {
                "-".to_owned()
            } else {
                number::count(t.receipt.quarantined)
            },
            notes(t, found).join("; "),
        ]
    });
    render(&columns, rows)
}

fn notes(table: &TableReport, found: Option<&Validation>) -> Vec<String> {
    let mut notes = Vec::new();
    if !table.receipt.done {
        notes.push("not complete".to_owned());
    }
    if found.is_some_and(|v| v.tables.iter().any(|t| t.source == table.source && !t.agrees())) {
        notes.push("DIFFERS".to_owned());
    }
    if table.receipt.filtered > 0 {
        notes.push(format!(
            "{} left out by `where`",
            number::of(table.receipt.filtered, "row")
        ));
    }
    for (column, rules) in &table.receipt.conversions {
        for (rule, n) in rules {
            notes.push(format!("{column}: {} {}", number::count(*n), said(rule)));
        }
    }
    notes
}

/// A conversion's name as the end of `12 ...`.
fn said(rule: &str) -> String {
    match rule {
        "fraction_rounded" => "rounded to the microsecond".to_owned(),
        "decimal_rounded" => "rounded to the scale".to_owned(),
        "nul_stripped" => "without their U+0000".to_owned(),
        "nul_replaced" => "with U+0000 replaced".to_owned(),
        "surrogate_stripped" => "without unpaired surrogates".to_owned(),
        "surrogate_replaced" => "with unpaired surrogates replaced".to_owned(),
        "key_derived" => "not in the mapping of keys, and made of the old key".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
