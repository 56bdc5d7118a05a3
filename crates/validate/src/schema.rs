//! The destination's objects against the plan.

use migrate_core::catalog::Action;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{ColumnPlan, IndexPlan, KeyPlan, Plan, TablePlan};
use migrate_core::stored::{
    ColumnDescription, ConstraintDescription, ConstraintKind, Description, IndexDescription, Numbering,
    TableDescription,
};

use crate::finding::Finding;

/// Tables with fewer rows need no statistics to be planned well.
const SMALL_TABLE: u64 = 1000;

/// Everything in which the destination differs from the plan. `complete` says whether keys and indexes were made.
///
/// Expressions (of defaults, checks, generated columns, partial indexes) are compared by whether there is one:
/// PostgreSQL prints them in its own words.
pub fn check_schema(plan: &Plan, found: &Description, complete: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in &plan.tables {
        let reshaped;
        let table = if complete {
            reshaped = table.reshaped();
            &reshaped
        } else {
            table
        };
        match found.tables.get(&table.target) {
            None => findings.push(Finding::error(&table.target, "the table is missing")),
            Some(there) => {
                columns(table, there, &mut findings);
                if complete {
                    constraints(table, there, &mut findings);
                    indexes(table, there, &mut findings);
                    numbering(table, there, &mut findings);
                    statistics(table, there, &mut findings);
                }
            }
        }
    }
    for sequence in &plan.sequences {
        match found.sequences.get(&sequence.name) {
            None => findings.push(Finding::error(&sequence.name, "the sequence is missing")),
            Some(there) if complete => {
                if let Some(last) = sequence.last {
                    let numbers = Numbering {
                        furthest: Some(last),
                        ..*there
                    };
                    // A sequence that begins again at its end may be anywhere.
                    if !sequence.cycle && repeats(&numbers) {
                        findings.push(Finding::error(
                            &sequence.name,
                            format!("it gives {} next, and the source has used {last}", there.next),
                        ));
                    }
                }
            }
            Some(_) => {}
        }
    }
    if complete {
        for view in &plan.views {
            if !found.views.contains(&view.target) {
                findings.push(Finding::error(&view.target, "the view is missing"));
            }
        }
    }
    findings
}

fn columns(table: &TablePlan, there: &TableDescription, findings: &mut Vec<Finding>) {
    for column in &table.columns {
        let object = format!("{}.{}", table.target, column.name);
        match there.columns.iter().find(|c| c.name == column.name) {
            None => findings.push(Finding::error(object, "the column is missing")),
            Some(found) => {
                let in_key = table
                    .primary_key
                    .as_ref()
                    .is_some_and(|k| k.columns.contains(&column.name));
                let texts = column_differences(column, found, in_key);
                findings.extend(texts.into_iter().map(|text| Finding::error(&object, text)));
            }
        }
    }
    for extra in &there.columns {
        if !table.columns.iter().any(|c| c.name == extra.name) {
            let object = format!("{}.{}", table.target, extra.name);
            findings.push(Finding::warning(object, "the column is not in the plan"));
        }
    }
}

fn column_differences(planned: &ColumnPlan, found: &ColumnDescription, in_key: bool) -> Vec<String> {
    let mut texts = Vec::new();
    // A domain over another one is shown as that, and is of the type under both.
    let same_domain = planned.domain.is_some() && planned.domain == found.domain;
    if !same_domain && !same_type(&planned.ty, &found.ty) {
        texts.push(format!("its type is {}, not {}", found.ty, planned.ty));
    }
    // PostgreSQL numbers rows only in columns of the integer types themselves.
    let domain = planned.domain.as_ref().filter(|_| planned.identity.is_none());
    if domain != found.domain.as_ref() {
        texts.push(match domain {
            Some(domain) => format!("it is not of the domain {domain}"),
            None => "it has a domain that the plan does not give it".to_owned(),
        });
    }
    if let Some(collation) = &planned.collation
        && found.collation.as_ref() != Some(collation)
    {
        texts.push(format!("its collation is not {collation}"));
    }
    match (planned.nullable, found.nullable) {
        (false, true) => texts.push("it takes NULL".to_owned()),
        // A primary key makes its columns so.
        (true, false) if !in_key => texts.push("it takes no NULL".to_owned()),
        _ => {}
    }
    let presence = [
        ("identity", planned.identity.is_some(), found.identity),
        (
            "default",
            planned.default.is_some() && planned.identity.is_none() && planned.generated.is_none(),
            found.default.is_some(),
        ),
        (
            "generating expression",
            planned.generated.is_some(),
            found.generated.is_some(),
        ),
    ];
    for (what, wanted, there) in presence {
        match (wanted, there) {
            // A primary key makes its columns so.
            (true, false) if !in_key => texts.push(format!("its {what} is missing")),
            (false, true) => texts.push(format!("it has a {what} that the plan does not give it")),
            _ => {}
        }
    }
    texts
}

/// Whether a type is spelled as the server spells it. A schema before an extension's type says where it was put.
fn same_type(planned: &PgType, found: &str) -> bool {
    let bare = |text: &str| {
        text.rsplit('.')
            .next()
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned()
    };
    let canonical = |text: &str| {
        text.parse::<PgType>()
            .map_or_else(|_| bare(text), |t| t.to_string())
    };
    let planned = planned.to_string();
    planned == found || canonical(&planned) == canonical(&bare(found))
}

fn constraints(table: &TablePlan, there: &TableDescription, findings: &mut Vec<Finding>) {
    let mut looks = |kind, name: &str, columns: Option<&[String]>, validated: bool| {
        let object = format!("{}.{name}", table.target);
        let found = there
            .constraints
            .iter()
            .find(|c| c.name == name && c.kind == kind);
        let Some(found) = found else {
            findings.push(Finding::error(object, format!("the {} is missing", said(kind))));
            return None;
        };
        if columns.is_some_and(|columns| columns != found.columns) {
            findings.push(Finding::error(
                &object,
                format!(
                    "the {} is over other columns: {}",
                    said(kind),
                    found.columns.join(", ")
                ),
            ));
        }
        if !found.usable {
            findings.push(Finding::error(
                &object,
                "its index cannot be used: build it again with REINDEX",
            ));
        }
        match (validated, found.validated) {
            (true, false) => findings.push(Finding::error(
                &object,
                format!(
                    "the {} was never checked against the rows: ALTER TABLE ... VALIDATE CONSTRAINT",
                    said(kind)
                ),
            )),
            (false, false) => findings.push(Finding::warning(
                &object,
                format!(
                    "the {} is not checked against existing rows, because the source does not vouch for them",
                    said(kind)
                ),
            )),
            _ => {}
        }
        Some(found.clone())
    };
    let keys = table.primary_key.iter().map(|k| (ConstraintKind::Primary, k));
    for (kind, key) in keys.chain(table.uniques.iter().map(|k| (ConstraintKind::Unique, k))) {
        let KeyPlan { name, columns, .. } = key;
        looks(kind, name, Some(columns), true);
    }
    let mut wrong = Vec::new();
    for key in &table.foreign_keys {
        let found = looks(
            ConstraintKind::Foreign,
            &key.name,
            Some(&key.columns),
            key.validate,
        );
        if let Some(found) = found {
            wrong.extend(
                reference_differences(key, &found)
                    .map(|text| (format!("{}.{}", table.target, key.name), text)),
            );
        }
    }
    for check in &table.checks {
        looks(ConstraintKind::Check, &check.name, None, check.validate);
    }
    findings.extend(
        wrong
            .into_iter()
            .map(|(object, text)| Finding::error(object, text)),
    );
}

fn reference_differences<'a>(
    planned: &'a migrate_core::plan::ForeignKeyPlan,
    found: &'a ConstraintDescription,
) -> impl Iterator<Item = String> + 'a {
    let other = found
        .references
        .as_ref()
        .filter(|(table, columns)| (table, columns) != (&planned.references, &planned.referenced_columns))
        .map(|(table, columns)| format!("it refers to {table} ({}) instead", columns.join(", ")));
    let actions = found
        .actions
        .filter(|actions| *actions != (planned.on_delete, planned.on_update))
        .map(|(delete, update)| {
            format!(
                "it does {} on delete and {} on update",
                doing(delete),
                doing(update)
            )
        });
    other.into_iter().chain(actions)
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::NoAction => "nothing",
        Action::Cascade => "cascade",
        Action::SetNull => "set null",
        Action::SetDefault => "set the default",
    }
}

fn said(kind: ConstraintKind) -> &'static str {
    match kind {
        ConstraintKind::Primary => "primary key",
        ConstraintKind::Unique => "unique constraint",
        ConstraintKind::Foreign => "foreign key",
        ConstraintKind::Check => "check",
    }
}

fn indexes(table: &TablePlan, there: &TableDescription, findings: &mut Vec<Finding>) {
    for index in &table.indexes {
        let object = format!("{}.{}", table.target, index.name);
        match there.indexes.iter().find(|i| i.name == index.name) {
            None => findings.push(Finding::error(object, "the index is missing")),
            Some(found) if !found.usable => {
                findings.push(Finding::error(
                    object,
                    "the index cannot be used: build it again with REINDEX",
                ));
            }
            Some(found) => {
                let texts = index_differences(index, found);
                findings.extend(texts.into_iter().map(|text| Finding::error(&object, text)));
            }
        }
    }
}

fn index_differences(planned: &IndexPlan, found: &IndexDescription) -> Vec<String> {
    let mut texts = Vec::new();
    let columns: Vec<Option<(String, bool)>> = planned.columns.iter().cloned().map(Some).collect();
    if planned.expression.is_none() && (columns != found.columns || planned.include != found.include) {
        texts.push("the index is over other columns".to_owned());
    }
    if planned.unique != found.unique {
        texts.push(
            if planned.unique {
                "the index is not unique"
            } else {
                "the index is unique"
            }
            .to_owned(),
        );
    }
    let method = planned.using.as_deref().unwrap_or("btree");
    if method != found.method {
        texts.push(format!("its method is {}, not {method}", found.method));
    }
    if planned.filter.is_some() != found.partial {
        texts.push(
            if found.partial {
                "it covers a part of the rows only"
            } else {
                "it covers all rows"
            }
            .to_owned(),
        );
    }
    texts
}

fn numbering(table: &TablePlan, there: &TableDescription, findings: &mut Vec<Finding>) {
    for (column, numbers) in &there.numbering {
        if let Some(furthest) = numbers.furthest.filter(|_| repeats(numbers)) {
            findings.push(Finding::error(
                format!("{}.{column}", table.target),
                format!(
                    "it numbers the next row {}, and {furthest} is stored: inserts will fail",
                    numbers.next
                ),
            ));
        }
    }
}

/// Whether the next number is not past the furthest one.
fn repeats(numbers: &Numbering) -> bool {
    numbers.furthest.is_some_and(|furthest| {
        if numbers.increment >= 0 {
            numbers.next <= furthest
        } else {
            numbers.next >= furthest
        }
    })
}

fn statistics(table: &TablePlan, there: &TableDescription, findings: &mut Vec<Finding>) {
    let known = &there.statistics;
    let rows = table.rows.unwrap_or(0).max(known.rows);
    if rows < SMALL_TABLE {
        return;
    }
    if !known.gathered {
        findings.push(Finding::warning(
            &table.target,
            "its statistics were never gathered, so queries are planned badly: run ANALYZE",
        ));
    } else if known.changed_since > known.rows / 2 {
        findings.push(Finding::warning(
            &table.target,
            format!(
                "{} rows were changed since its statistics were gathered: run ANALYZE",
                known.changed_since
            ),
        ));
    }
}
