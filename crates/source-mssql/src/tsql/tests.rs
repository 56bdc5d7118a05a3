//! Exact translations, one table for each kind.

mod arithmetic;
mod columns;
mod dates;
mod generated;
mod oracle;
mod text;
mod views;

use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;
use migrate_core::template::{Expr, Translation};

use super::types::SqlType;
use super::*;

/// A table with a column of every type, named after it.
fn table() -> ObjectName {
    ObjectName::new("dbo", "T")
}

fn column(name: &str, native: &str) -> ScopeColumn {
    let ty = SqlType::parse(native, 1);
    ScopeColumn {
        name: name.to_owned(),
        native: native.to_owned(),
        pg: ty.and_then(|t| t.pg()).unwrap_or(PgType::Text),
        nullable: !name.ends_with('!'),
        case_insensitive: name.starts_with("ci"),
    }
}

fn scope() -> Scope {
    let mut scope = Scope::new(false);
    scope.add_alias(&ObjectName::new("dbo", "Flag"), "bit");
    scope.add_alias(&ObjectName::new("dbo", "Name"), "nvarchar(50)");
    let mut columns = vec![
        column("bit", "bit"),
        column("tiny", "tinyint"),
        column("small", "smallint"),
        column("int", "int"),
        column("int2", "int"),
        column("big", "bigint"),
        column("dec", "decimal(10,2)"),
        column("wide", "decimal(38,10)"),
        column("money", "money"),
        column("money2", "money"),
        column("real", "real"),
        column("float", "float"),
        column("date", "date"),
        column("time", "time(3)"),
        column("dt", "datetime"),
        column("sdt", "smalldatetime"),
        column("dt2", "datetime2(7)"),
        column("dto", "datetimeoffset(7)"),
        column("vc", "varchar(20)"),
        column("nvc", "nvarchar(20)"),
        column("ch", "char(5)"),
        column("nch", "nchar(5)"),
        column("max", "nvarchar(max)"),
        column("ci", "nvarchar(20)"),
        column("bin", "varbinary(20)"),
        column("id", "uniqueidentifier"),
        column("xml", "xml"),
        column("Qty!", "smallint"),
        column("Name!", "nvarchar(50)"),
    ];
    columns.push(ScopeColumn {
        pg: PgType::Bool,
        ..column("flag", "[dbo].[Flag]")
    });
    scope.add_relation(ScopeRelation {
        name: table(),
        columns,
    });
    scope
}

/// A translation as text: SQL, then `[stable]` if it is not immutable, or `impossible: ` and the reason.
fn shown(expr: &Expr) -> String {
    match &expr.translation {
        Translation::Impossible { reason } => format!("impossible: {reason}"),
        Translation::Done {
            template, immutable, ..
        } => {
            let sql = template
                .render(
                    |_, c| Some(format!("\"{}\"", c.replace('"', "\"\""))),
                    |r| Some(format!("\"{}\".\"{}\"", r.schema, r.name)),
                )
                .unwrap();
            if *immutable {
                sql
            } else {
                format!("{sql} [stable]")
            }
        }
    }
}

fn notes(expr: &Expr) -> Vec<String> {
    match &expr.translation {
        Translation::Done { notes, .. } => notes.clone(),
        Translation::Impossible { .. } => Vec::new(),
    }
}

fn computed(native: &str) -> String {
    shown(&translate(native, &Usage::Computed, &table(), &scope()))
}

fn check(native: &str) -> String {
    shown(&translate(native, &Usage::Check, &table(), &scope()))
}

fn default(native: &str, target: &str) -> String {
    let usage = Usage::Default {
        target: target.parse().unwrap(),
    };
    shown(&translate(native, &usage, &table(), &scope()))
}

fn type_of(native: &str) -> String {
    match translate_computed(native, &table(), &scope()) {
        (_, Some(ty)) => {
            let null = if ty.nullable == Some(false) {
                " not null"
            } else {
                ""
            };
            format!("{}{null}", ty.native)
        }
        (expr, None) => shown(&expr),
    }
}

/// Compares every pair and reports all that differ at once.
fn all_equal(cases: &[(&str, &str)], f: impl Fn(&str) -> String) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(input, expected)| {
            let got = f(input);
            (got != *expected).then(|| format!("{input}\n   wanted {expected}\n   got    {got}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
