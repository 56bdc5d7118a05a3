//! Columns.

use migrate_core::catalog::{Column, Fidelity, Identity, ObjectName};
use migrate_core::plan::{quote_ident, quote_literal};
use migrate_core::template::Template;

use super::questions::{ColumnRow, ConstraintRow, TableRow};
use super::{Answers, expr, sequences};

/// A column in the neutral model, and why its type cannot be copied, if so.
pub(super) fn column(
    answers: &Answers,
    table: &TableRow,
    name: &ObjectName,
    row: &ColumnRow,
) -> (Column, Option<String>) {
    let mapped = answers.types.map(row.ty, &row.printed);
    let mut column = Column::new(&row.name, &row.printed, mapped.kind, mapped.pg);
    column.fidelity = Fidelity::Exact;
    column.alias = answers.types.domain(row.ty);
    column.nullable = !row.not_null;
    column.comment = row.comment.clone();
    if let Some(text) = &row.default {
        let expr = expr(text, answers.known.template(text, Some(name)));
        if row.generated.is_empty() {
            column.default = Some(expr);
        } else {
            column.computed = Some(expr);
        }
    }
    // A partition has its table's.
    if !row.identity.is_empty() && table.bound.is_none() {
        column.identity = sequences::of_identity(answers, table.oid, &row.name).map(|s| Identity {
            seed: s.start,
            increment: s.increment,
            last: s.last,
        });
    }
    (column, mapped.refused.filter(|_| row.generated.is_empty()))
}

/// What follows the column's name in `create table`.
pub(super) fn declaration(
    answers: &Answers,
    table: &TableRow,
    name: &ObjectName,
    row: &ColumnRow,
) -> Template {
    let mut sql = answers.known.template(&row.printed, None);
    if let Some(collation) = &row.collation {
        sql.push_sql(" collate ");
        sql.push(answers.known.template(collation, None));
    }
    if let Some(text) = &row.default {
        let template = answers.known.template(text, Some(name));
        match row.generated.as_str() {
            "" => {
                sql.push_sql(" default ");
                sql.push(template);
            }
            kind => {
                sql.push_sql(" generated always as (");
                sql.push(template);
                sql.push_sql(if kind == "v" { ") virtual" } else { ") stored" });
            }
        }
    }
    if !row.identity.is_empty()
        && table.bound.is_none()
        && let Some(sequence) = sequences::of_identity(answers, table.oid, &row.name)
    {
        let when = if row.identity == "a" {
            "always"
        } else {
            "by default"
        };
        let options = sequences::options(sequence, name, &row.name);
        sql.push_sql(&format!(" generated {when} as identity ({options})"));
    }
    if row.not_null {
        sql.push_sql(&not_null(answers, table, row));
    }
    sql
}

/// PostgreSQL 18 keeps names of NOT NULL constraints; a name that it would not give itself is said.
fn not_null(answers: &Answers, table: &TableRow, row: &ColumnRow) -> String {
    let constraints = answers.constraints.get(&table.oid).into_iter().flatten();
    let named = constraints
        .filter(|k| k.kind == "n" && k.columns.as_deref().is_some_and(|c| c == [row.name.clone()]))
        .find(|k: &&ConstraintRow| k.name != format!("{}_{}_not_null", table.name, row.name));
    match named {
        Some(k) => format!(" constraint {} not null", quote_ident(&k.name)),
        None => " not null".to_owned(),
    }
}

/// What is said of a column by statements of its own.
pub(super) fn settings(name: &ObjectName, row: &ColumnRow) -> Vec<Template> {
    let mut clauses = Vec::new();
    if let Some(storage) = row.storage.as_deref().and_then(storage_name) {
        clauses.push(format!("set storage {storage}"));
    }
    match row.compression.as_deref() {
        Some("p") => clauses.push("set compression pglz".to_owned()),
        Some("l") => clauses.push("set compression lz4".to_owned()),
        _ => {}
    }
    if let Some(n) = row.statistics {
        clauses.push(format!("set statistics {n}"));
    }
    if let Some(options) = &row.options {
        clauses.push(format!("set ({})", options_list(options, "")));
    }
    clauses
        .iter()
        .map(|clause| alter_column(name, &row.name, clause))
        .collect()
}

/// `alter table only t alter column c CLAUSE`
pub(super) fn alter_column(table: &ObjectName, column: &str, clause: &str) -> Template {
    let mut sql = Template::sql("alter table only ");
    sql.push_relation(table.clone());
    sql.push_sql(" alter column ");
    sql.push_column(table.clone(), column);
    sql.push_sql(&format!(" {clause}"));
    sql
}

fn storage_name(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "p" => "plain",
        "e" => "external",
        "m" => "main",
        "x" => "extended",
        _ => return None,
    })
}

/// `name='value', ...` of what the catalog keeps as `name=value`.
pub(super) fn options_list(options: &[String], prefix: &str) -> String {
    let options = options.iter().map(|o| match o.split_once('=') {
        Some((name, value)) => format!("{prefix}{name}={}", quote_literal(value)),
        None => format!("{prefix}{o}"),
    });
    options.collect::<Vec<_>>().join(", ")
}
