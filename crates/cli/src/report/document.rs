//! A report as sections, before it is HTML or Markdown.

use std::collections::BTreeMap;
use std::time::Duration;

use migrate_core::catalog::{Fidelity, ObjectName};
use migrate_core::pipeline::Report;
use migrate_core::plan::Plan;
use migrate_core::proof::Severity;
use migrate_validate::{Outcome, Validation};

use super::difference::{self, short};
use super::number;
use super::plan::{counted, describe_source};
use super::validation::{looked_at, reason};
use crate::destination::Place;

/// A report.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// `None` where nothing was validated.
    pub(crate) go: Option<bool>,
    /// What it comes to, in one sentence.
    pub(crate) conclusion: String,
    /// Name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    List(Vec<Cell>),
    /// Column names with whether they hold numbers, and rows.
    Table(Vec<(&'static str, bool)>, Vec<Vec<Cell>>),
    Chart(Vec<Bar>),
    /// Texts with a name and a remark, such as definitions.
    Texts(Vec<(String, String, String)>),
}

/// A table's rows and time.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            tone: Tone::Plain,
        }
    }
}

fn toned(text: impl Into<String>, tone: Tone) -> Cell {
    Cell {
        text: text.into(),
        tone,
    }
}

/// What a report is made of.
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) place: &'a Place,
    pub(crate) validation: Option<&'a Validation>,
    /// The run that has just ended, if one has.
    pub(crate) report: Option<&'a Report>,
    /// How long each table took to be copied.
    pub(crate) took: &'a BTreeMap<ObjectName, Duration>,
}

/// The report of a migration.
pub(crate) fn of_migration(facts: &Facts<'_>) -> Document {
    let mut sections = Vec::new();
    if let Some(found) = facts.validation {
        reasons(found, &mut sections);
        sections.push(tables(found));
        differences(found, &mut sections);
    }
    chart(facts, &mut sections);
    if let Some(found) = facts.validation {
        proofs(found, &mut sections);
        quarantine(found, &mut sections);
    }
    inexact(facts.plan, &mut sections);
    to_do(facts.plan, &mut sections);
    Document {
        title: format!("Migration of {}", facts.plan.source.name),
        go: facts.validation.map(|v| v.verdict.go),
        conclusion: match facts.validation {
            None => "Not validated.".to_owned(),
            Some(found) if found.verdict.go => format!("Go: {}.", looked_at(found)),
            Some(found) => format!(
                "No-go: {}.",
                number::of(found.verdict.reasons.len() as u64, "reason")
            ),
        },
        facts: heading(facts),
        sections,
    }
}

fn heading(facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    let plan = facts.plan;
    let mut lines = vec![
        ("Source", describe_source(&plan.source.name, &plan.source.version)),
        ("Destination", facts.place.describe()),
        ("Created", counted(plan)),
        (
            "Report of",
            super::moment::now().format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ),
    ];
    if let Some(found) = facts.validation {
        let verdict = &found.verdict;
        lines.push((
            "Rows",
            format!(
                "{} of {} arrived ({} % wanted), {} in quarantine",
                number::count(verdict.arrived),
                number::count(verdict.due),
                verdict.wanted,
                number::count(found.quarantined)
            ),
        ));
        lines.push(("Validated in", number::duration(found.took)));
        if let Some(at) = &found.proven_at {
            lines.push(("Proven before", at.clone()));
        }
    }
    if let Some(report) = facts.report {
        lines.push(("Copied in", number::duration(report.copy_elapsed)));
    }
    lines.push(("By", concat!("migrate ", env!("CARGO_PKG_VERSION")).to_owned()));
    lines
}

fn reasons(found: &Validation, sections: &mut Vec<Section>) {
    let verdict = &found.verdict;
    if !verdict.reasons.is_empty() {
        let lines = verdict.reasons.iter().map(|r| toned(r, Tone::Bad));
        sections.push(Section {
            title: "What stands in the way",
            body: Body::List(lines.collect()),
        });
    }
    if !verdict.warnings.is_empty() {
        let lines = verdict.warnings.iter().map(|r| toned(r, Tone::Warning));
        sections.push(Section {
            title: "To know",
            body: Body::List(lines.collect()),
        });
    }
}

fn tables(found: &Validation) -> Section {
    let columns = vec![
        ("table", false),
        ("read", true),
        ("left out", true),
        ("quarantined", true),
        ("written", true),
        ("in the destination", true),
        ("digest", false),
        ("result", false),
    ];
    let rows = found.tables.iter().map(|t| {
        let result = if t.agrees() {
            toned(
                if t.stored.is_some() {
                    "agrees"
                } else {
                    "count agrees"
                },
                Tone::Good,
            )
        } else {
            toned(reason(t).to_lowercase(), Tone::Bad)
        };
        vec![
            t.target.to_string().into(),
            number::count(t.read).into(),
            number::count(t.filtered).into(),
            number::count(t.quarantined).into(),
            number::count(t.ledger.rows).into(),
            t.rows.map_or("-".to_owned(), number::count).into(),
            t.stored
                .map_or("-".to_owned(), |d| format!("{:032x}", d.sum)[..12].to_owned())
                .into(),
            result,
        ]
    });
    Section {
        title: "Tables",
        body: Body::Table(columns, rows.collect()),
    }
}

fn differences(found: &Validation, sections: &mut Vec<Section>) {
    let mut lines = Vec::new();
    for table in &found.tables {
        for difference in &table.differences {
            let line = difference::line(difference, ("was read", "is stored"));
            lines.push(toned(format!("{}: {line}", table.target), Tone::Plain));
        }
        if table.more {
            lines.push(toned(format!("{}: and more", table.target), Tone::Plain));
        }
    }
    if !lines.is_empty() {
        sections.push(Section {
            title: "Rows that differ",
            body: Body::List(lines),
        });
    }
}

/// Bars that a chart has room for.
const BARS: usize = 25;

fn chart(facts: &Facts<'_>, sections: &mut Vec<Section>) {
    let rows = |source: &ObjectName| match (facts.validation, facts.report) {
        (Some(found), _) => found
            .tables
            .iter()
            .find(|t| &t.source == source)
            .map(|t| t.ledger.rows),
        (None, Some(report)) => report
            .tables
            .iter()
            .find(|t| &t.source == source)
            .map(|t| t.receipt.digest.rows),
        (None, None) => None,
    };
    let mut bars: Vec<Bar> = facts
        .plan
        .tables
        .iter()
        .map(|t| Bar {
            name: t.target.to_string(),
            rows: rows(&t.source).unwrap_or(0),
            took: facts.took.get(&t.source).copied().unwrap_or_default(),
        })
        .filter(|bar| bar.rows > 0)
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse((bar.rows, bar.took)));
    bars.truncate(BARS);
    if !bars.is_empty() {
        sections.push(Section {
            title: "Rows and time",
            body: Body::Chart(bars),
        });
    }
}

fn proofs(found: &Validation, sections: &mut Vec<Section>) {
    if !found.references.is_empty() {
        let rows = found.references.iter().map(|check| {
            let reference = &check.reference;
            let (text, tone) = match &check.orphans {
                None => ("not checked".to_owned(), Tone::Warning),
                Some(o) if o.rows == 0 => ("holds".to_owned(), Tone::Good),
                Some(o) => {
                    let first = o.shown.first().map_or(String::new(), |orphan| {
                        format!(", such as {}", short(&serde_json::json!(orphan.key).to_string()))
                    });
                    let tone = if check.severity == Severity::Error {
                        Tone::Bad
                    } else {
                        Tone::Warning
                    };
                    (
                        format!("{} without parent{first}", number::of(o.rows, "row")),
                        tone,
                    )
                }
            };
            vec![
                check
                    .name
                    .clone()
                    .unwrap_or_else(|| "(by name)".to_owned())
                    .into(),
                format!("{} ({})", reference.table, reference.columns.join(", ")).into(),
                format!("{} ({})", reference.parent, reference.parent_columns.join(", ")).into(),
                toned(text, tone),
            ]
        });
        sections.push(Section {
            title: "References",
            body: Body::Table(
                vec![("name", false), ("from", false), ("to", false), ("result", false)],
                rows.collect(),
            ),
        });
    }
    if !found.rules.is_empty() {
        let rows = found.rules.iter().map(|rule| {
            let result = match &rule.outcome {
                Outcome::Holds => toned("holds", Tone::Good),
                Outcome::Broken { reason, .. } if rule.severity == Severity::Error => {
                    toned(short(reason), Tone::Bad)
                }
                Outcome::Broken { reason, .. } => toned(short(reason), Tone::Warning),
                Outcome::NotAsked(why) => toned(format!("not checked: {why}"), Tone::Warning),
            };
            vec![rule.name.clone().into(), result]
        });
        sections.push(Section {
            title: "Rules",
            body: Body::Table(vec![("rule", false), ("result", false)], rows.collect()),
        });
    }
    if !found.queries.is_empty() {
        let time =
            |t: Option<Duration>| t.map_or("-".to_owned(), |t| format!("{:.1}", t.as_secs_f64() * 1000.0));
        let rows = found.queries.iter().map(|q| {
            vec![
                toned(&q.name, if q.exceeds_limit() { Tone::Bad } else { Tone::Plain }),
                time(q.destination.map(|t| t.p50)).into(),
                time(q.destination.map(|t| t.p95)).into(),
                time(q.source.map(|t| t.p50)).into(),
                time(q.source.map(|t| t.p95)).into(),
                q.full_reads
                    .iter()
                    .map(|(t, _)| t.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
                    .into(),
            ]
        });
        sections.push(Section {
            title: "Queries, in milliseconds",
            body: Body::Table(
                vec![
                    ("query", false),
                    ("p50", true),
                    ("p95", true),
                    ("p50 in the source", true),
                    ("p95 in the source", true),
                    ("reads all of", false),
                ],
                rows.collect(),
            ),
        });
    }
}

fn quarantine(found: &Validation, sections: &mut Vec<Section>) {
    if found.quarantined_rows.is_empty() {
        return;
    }
    let rows = found.quarantined_rows.iter().map(|row| {
        vec![
            row.table.to_string().into(),
            row.key.clone().unwrap_or_default().into(),
            row.column.clone().unwrap_or_default().into(),
            row.reason.clone().into(),
        ]
    });
    sections.push(Section {
        title: "Rows in quarantine",
        body: Body::Table(
            vec![
                ("table", false),
                ("row", false),
                ("column", false),
                ("why", false),
            ],
            rows.collect(),
        ),
    });
}

fn inexact(plan: &Plan, sections: &mut Vec<Section>) {
    let mut rows = Vec::new();
    for table in &plan.tables {
        for column in &table.columns {
            if let Fidelity::Lossy(what) = &column.fidelity {
                rows.push(vec![
                    format!("{}.{}", table.target, column.name).into(),
                    column.native.clone().into(),
                    column.ty.to_string().into(),
                    what.clone().into(),
                ]);
            }
        }
    }
    if !rows.is_empty() {
        sections.push(Section {
            title: "Types that are not exact",
            body: Body::Table(
                vec![
                    ("column", false),
                    ("was", false),
                    ("is", false),
                    ("what changes", false),
                ],
                rows,
            ),
        });
    }
}

fn to_do(plan: &Plan, sections: &mut Vec<Section>) {
    if !plan.notes.is_empty() {
        let lines = plan
            .notes
            .iter()
            .map(|n| format!("{}: {}", n.object, n.text).into());
        sections.push(Section {
            title: "What behaves differently",
            body: Body::List(lines.collect()),
        });
    }
    if !plan.manual.is_empty() {
        let texts = plan.manual.iter().map(|work| {
            (
                format!("{} {}", work.kind, work.name),
                work.reason.clone(),
                work.definition.clone(),
            )
        });
        sections.push(Section {
            title: "Left for a person",
            body: Body::Texts(texts.collect()),
        });
    }
}
