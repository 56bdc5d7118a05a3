//! Go or no-go, with the reasons.

use migrate_core::proof::{Percent, Severity};
use serde::Serialize;

use crate::Validation;
use crate::rules::Outcome;

/// Whether the destination can go live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it can.
    pub go: bool,
    /// What stands in the way, and where.
    pub reasons: Vec<String>,
    /// What to know all the same.
    pub warnings: Vec<String>,
    /// The share of rows that had to arrive, in percent.
    pub wanted: Percent,
    /// Rows that arrived, of those that had to.
    pub arrived: u64,
    /// Rows that had to arrive: read, and not left out by the plan.
    pub due: u64,
}

/// Draws the conclusion.
pub(crate) fn draw(found: &Validation, wanted: Percent) -> Verdict {
    let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
    if !found.complete {
        reasons.push("the migration is not complete".to_owned());
    }
    let wrong: Vec<&_> = found.tables.iter().filter(|t| !t.agrees()).collect();
    for table in &wrong {
        reasons.push(match &table.unreadable {
            Some(why) => format!("{}: it cannot be read: {why}", table.target),
            None if !table.complete => format!("{}: not all of it was copied", table.target),
            None => format!("{}: its rows are not those that were read", table.target),
        });
    }
    let due: u64 = found.tables.iter().map(|t| t.read - t.filtered).sum();
    let arrived = found.tables.iter().map(|t| t.ledger.rows).sum();
    let quarantined = format!(
        "{} of {due} rows arrived; the others are in quarantine, and {wanted} % are wanted",
        arrived
    );
    if !wanted.is_met(arrived, due) {
        reasons.push(quarantined);
    } else if arrived < due {
        warnings.push(quarantined);
    }
    let sort = |severity, text: String, reasons: &mut Vec<String>, warnings: &mut Vec<String>| match severity
    {
        Severity::Error => reasons.push(text),
        Severity::Warning => warnings.push(text),
    };
    for finding in found.schema.iter().flatten() {
        let text = format!("{}: {}", finding.object, finding.text);
        sort(finding.severity, text, &mut reasons, &mut warnings);
    }
    for check in found.references.iter().filter(|c| !c.holds()) {
        let rows = check.orphans.as_ref().map_or(0, |o| o.rows);
        let text = format!(
            "{}: {rows} rows refer to rows of {} that are not there ({})",
            check.reference.table,
            check.reference.parent,
            check.name.as_deref().unwrap_or("by the columns' names alone")
        );
        sort(check.severity, text, &mut reasons, &mut warnings);
    }
    for rule in &found.rules {
        match &rule.outcome {
            Outcome::Holds => {}
            Outcome::Broken { reason, .. } => {
                let text = format!("rule {}: {reason}", rule.name);
                sort(rule.severity, text, &mut reasons, &mut warnings);
            }
            Outcome::NotAsked(why) => warnings.push(format!("rule {} was not checked: {why}", rule.name)),
        }
    }
    for query in &found.queries {
        match (&query.failed, query.exceeds_limit()) {
            (Some(why), _) if query.limit_ms.is_some() => {
                reasons.push(format!("query {}: {why}", query.name))
            }
            (Some(why), _) => warnings.push(format!("query {}: {why}", query.name)),
            (None, true) => reasons.push(format!(
                "query {}: 95 of 100 runs take up to {} ms, and {} ms is its limit",
                query.name,
                query.destination.map_or(0, |t| t.p95.as_millis()),
                query.limit_ms.unwrap_or_default()
            )),
            (None, false) => {}
        }
        for (table, rows) in &query.full_reads {
            warnings.push(format!(
                "query {}: it reads all of {table}, about {rows} rows, for want of an index",
                query.name
            ));
        }
    }
    Verdict {
        go: reasons.is_empty(),
        reasons,
        warnings,
        wanted,
        arrived,
        due,
    }
}
