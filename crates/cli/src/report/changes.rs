//! What a later run brought.

use migrate_core::pipeline::ChangesReport;
use migrate_core::plan::Plan;
use migrate_core::round::TableChanges;
use serde_json::{Value, json};

use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::destination::Place;
use crate::exit::Exit;
use crate::ui::Ui;

/// Everything that the end of a later run is told from.
pub(crate) struct Outcome<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) place: &'a Place,
    pub(crate) report: &'a ChangesReport,
    /// When the command began and ended, in UTC.
    pub(crate) began: chrono::DateTime<chrono::Utc>,
    pub(crate) ended: chrono::DateTime<chrono::Utc>,
}

impl Outcome<'_> {
    /// What the process's exit code will say.
    pub(crate) fn exit(&self) -> Exit {
        if self.report.is_clean() {
            Exit::Done
        } else {
            Exit::Incomplete
        }
    }

    fn sum(&self, of: fn(&TableChanges) -> u64) -> u64 {
        self.report.tables.iter().map(of).sum()
    }

    /// For a person.
    pub(crate) fn print(&self, ui: &Ui) -> String {
        let style = ui.out_style();
        let mut out = Vec::new();
        let shown: Vec<&TableChanges> = self
            .report
            .tables
            .iter()
            .filter(|t| ui.verbose > 0 || t.read > 0 || t.changes.deleted > 0)
            .collect();
        if !shown.is_empty() {
            out.push(tables(&shown));
            out.push(String::new());
        }
        let (added, changed) = (self.sum(|t| t.changes.inserted), self.sum(|t| t.changes.updated));
        let removed = self.sum(|t| t.changes.deleted);
        let gone = if self.report.deletes {
            format!(", {} removed", number::count(removed))
        } else {
            String::new()
        };
        out.push(format!(
            "{} {} added, {} changed{gone}; {} in all.",
            style.bold("Brought"),
            number::of(added, "row"),
            number::count(changed),
            number::duration(self.report.elapsed)
        ));
        if added + changed + removed > 0 {
            out.push(
                "Each of these rows was read back from the destination and is what was read; `migrate validate` reads all rows."
                    .to_owned(),
            );
        }
        if !self.report.deletes {
            out.push("Rows that are gone in the source were not looked for: --deletes does.".to_owned());
        }
        let refused = self.sum(|t| t.refused);
        if refused > 0 {
            out.push(format!(
                "{} {} refused, with the reason, in the table migrate.quarantine of the destination; `migrate status` lists reasons.",
                style.red("Quarantine:"),
                number::of(refused, "row")
            ));
        }
        let notes = self.report.notes.iter();
        out.extend(notes.map(|note| format!("{} {}", style.bold("Note:"), printable(note))));
        out.join("\n")
    }

    /// For machines, and for the file.
    pub(crate) fn as_json(&self) -> Value {
        json!({
            "version": 1,
            "program": concat!("migrate ", env!("CARGO_PKG_VERSION")),
            "outcome": match self.exit() {
                Exit::Done => "complete",
                _ => "incomplete",
            },
            "exit_code": self.exit().code(),
            "began": self.began.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "ended": self.ended.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "source": self.plan.source,
            "destination": self.place.as_json(),
            "incremental": self.report,
            "total": {
                "read": self.sum(|t| t.read),
                "inserted": self.sum(|t| t.changes.inserted),
                "updated": self.sum(|t| t.changes.updated),
                "deleted": self.sum(|t| t.changes.deleted),
                "unchanged": self.sum(|t| t.unchanged),
                "quarantined": self.sum(|t| t.refused),
            },
        })
    }
}

fn tables(shown: &[&TableChanges]) -> String {
    let columns = [
        ("table", Side::Left),
        ("read", Side::Right),
        ("added", Side::Right),
        ("changed", Side::Right),
        ("removed", Side::Right),
        ("quarantined", Side::Right),
        ("notes", Side::Left),
    ];
    let count = |n: u64| {
        if n == 0 { "-".to_owned() } else { number::count(n) }
    };
    let rows = shown.iter().map(|t| {
        vec![
            t.target.to_string(),
            number::count(t.read),
            count(t.changes.inserted),
            count(t.changes.updated),
            count(t.changes.deleted),
            count(t.refused),
            if t.whole { "read whole" } else { "" }.to_owned(),
        ]
    });
    render(&columns, rows)
}
