//! The database, its schemas, types, sequences, modules and properties.

use super::types::declared;
use super::{Database, Record, flag};
use crate::bacpac::{Cell, DatabaseSpec, SqlType};

pub(super) fn database(database: &Database) -> Record {
    let spec = &database.spec;
    vec![
        (
            "version",
            Cell::text("Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)\n\tOct 8 2022"),
        ),
        ("product_version", Cell::text("16.0.1000.6")),
        ("engine_edition", Cell::Int(3)),
        ("database_name", Cell::text(&spec.name)),
        ("collation_name", Cell::text(&spec.collation)),
        ("snapshot_isolation_state", flag(database.snapshots)),
        ("updateability", Cell::text("READ_WRITE")),
        ("user_name", Cell::text("migrator")),
        ("may_view_definitions", Cell::Int(1)),
        ("may_view_state", Cell::Int(1)),
        ("may_unmask", Cell::Int(1)),
    ]
}

pub(super) fn schemas(spec: &DatabaseSpec) -> Vec<Record> {
    let built_in = [
        "dbo",
        "guest",
        "INFORMATION_SCHEMA",
        "sys",
        "db_owner",
        "db_datareader",
    ];
    let names = built_in
        .into_iter()
        .chain(spec.schemas.iter().map(String::as_str));
    names
        .map(|name| vec![("schema_id", Cell::Int(0)), ("name", Cell::text(name))])
        .collect()
}

pub(super) fn types(spec: &DatabaseSpec) -> Vec<Record> {
    let alias = |alias: &crate::bacpac::AliasType| {
        let (base, length, precision, scale) = declared(&alias.base);
        vec![
            ("user_type_id", Cell::Int(257)),
            ("schema_name", Cell::text(&alias.schema)),
            ("name", Cell::text(&alias.name)),
            ("base_name", Cell::text(base)),
            ("max_length", Cell::Int(length)),
            ("precision", Cell::Int(precision)),
            ("scale", Cell::Int(scale)),
        ]
    };
    spec.alias_types.iter().map(alias).collect()
}

pub(super) fn sequences(spec: &DatabaseSpec) -> Vec<Record> {
    let sequence = |sequence: &crate::bacpac::SequenceSpec| {
        let (base, _, precision, _) = declared(&sequence.ty);
        let (lowest, highest) = match sequence.ty {
            SqlType::TinyInt => ("0".to_owned(), "255".to_owned()),
            SqlType::SmallInt => (i16::MIN.to_string(), i16::MAX.to_string()),
            SqlType::Int => (i32::MIN.to_string(), i32::MAX.to_string()),
            SqlType::BigInt => (i64::MIN.to_string(), i64::MAX.to_string()),
            SqlType::Decimal(precision, 0) => {
                let nines = "9".repeat(precision.into());
                (format!("-{nines}"), nines)
            }
            ref other => panic!("{other:?} is no type for a sequence"),
        };
        let number = |n: i64| Cell::text(n.to_string());
        vec![
            ("schema_name", Cell::text(&sequence.schema)),
            ("name", Cell::text(&sequence.name)),
            ("type_name", Cell::text(base)),
            ("base_name", Cell::text(base)),
            ("precision", Cell::Int(precision)),
            ("start_value", number(sequence.start)),
            ("increment", number(sequence.increment)),
            (
                "minimum_value",
                Cell::Text(sequence.minimum.map_or(lowest, |n| n.to_string())),
            ),
            (
                "maximum_value",
                Cell::Text(sequence.maximum.map_or(highest, |n| n.to_string())),
            ),
            ("is_cycling", flag(sequence.cycle)),
            (
                "current_value",
                number(sequence.current.unwrap_or(sequence.start)),
            ),
            ("last_used_value", Cell::or_null(sequence.current.map(number))),
            ("knows_last_used", Cell::Int(1)),
        ]
    };
    spec.sequences.iter().map(sequence).collect()
}

/// Views have numbers from 1,000,001, before everything else that is written in T-SQL.
pub(super) fn view_id(place: usize) -> i64 {
    1_000_001 + place as i64
}

pub(super) fn modules(spec: &DatabaseSpec) -> Vec<Record> {
    let mut out = Vec::new();
    let mut add = |schema: &str, name: &str, kind: &str, header: &str, body: &str| {
        let text = format!("{header}{body}").replace('\n', "\r\n");
        out.push(vec![
            ("object_id", Cell::Int(view_id(out.len()))),
            ("schema_name", Cell::text(schema)),
            ("name", Cell::text(name)),
            ("kind", Cell::text(kind)),
            ("definition", Cell::Text(text)),
        ]);
    };
    for v in &spec.views {
        add(&v.schema, &v.name, "V ", &v.header, &v.query);
    }
    for p in &spec.procedures {
        add(&p.schema, &p.name, "P ", &p.header, &p.body);
    }
    for f in &spec.functions {
        add(&f.schema, &f.name, "FN", &f.header, &f.body);
    }
    for t in &spec.triggers {
        add(&t.schema, &t.name, "TR", &t.header, &t.body);
    }
    out
}

pub(super) fn properties(spec: &DatabaseSpec) -> Vec<Record> {
    let mut out = Vec::new();
    let described = |kind: &str, names: [Option<&str>; 3], text: &str, class: i64| {
        let name = |at: usize| Cell::or_null(names[at].map(Cell::text));
        vec![
            ("class", Cell::Int(class)),
            ("name", Cell::text("MS_Description")),
            ("text", Cell::text(text)),
            ("object_kind", Cell::text(kind)),
            ("schema_name", name(0)),
            ("object_name", name(1)),
            ("member_name", name(2)),
        ]
    };
    for table in &spec.tables {
        let place = |column| [Some(table.schema.as_str()), Some(table.name.as_str()), column];
        out.extend(
            table
                .description
                .iter()
                .map(|text| described("U ", place(None), text, 1)),
        );
        for column in &table.columns {
            let place = place(Some(&column.name));
            out.extend(
                column
                    .description
                    .iter()
                    .map(|text| described("U ", place, text, 1)),
            );
        }
    }
    for item in &spec.descriptions {
        let parts: Vec<&str> = item.host[1..item.host.len() - 1].split("].[").collect();
        let (kind, class) = match item.host_kind.as_str() {
            "SqlView" => ("V", 1),
            "SqlProcedure" => ("P", 1),
            "SqlConstraint" => ("C", 1),
            "SqlIndexBase" => ("U", 7),
            other => panic!("{other} is not known here"),
        };
        let part = |at: usize| parts.get(at).copied();
        out.push(described(kind, [part(0), part(1), part(2)], &item.text, class));
    }
    out
}
