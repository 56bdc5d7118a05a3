//! Tables, with their columns, keys, indexes and sizes.

use super::objects::view_id;
use super::types::{declared, is_text};
use super::{Database, Record, flag, object_id};
use crate::bacpac::{ColumnSpec, DatabaseSpec, IndexColumn, KeySpec, ReferentialAction, SqlType, TableSpec};

use crate::bacpac::Cell;

pub(super) fn tables(database: &Database) -> Vec<Record> {
    let state = database.state();
    let row = |(place, table): (usize, &TableSpec)| {
        let denied = state.denied.contains(&(table.schema.clone(), table.name.clone()));
        vec![
            ("object_id", Cell::Int(object_id(place))),
            ("schema_name", Cell::text(&table.schema)),
            ("name", Cell::text(&table.name)),
            ("may_select", flag(!denied)),
        ]
    };
    database.spec.tables.iter().enumerate().map(row).collect()
}

pub(super) fn sizes(database: &Database) -> Vec<Record> {
    let row = |(place, table): (usize, &TableSpec)| {
        let rows = database.rows.get(&(table.schema.clone(), table.name.clone()));
        let (rows, bytes) = rows.map_or((0, 0), |rows| (rows.count(), rows.bytes()));
        vec![
            ("object_id", Cell::Int(object_id(place))),
            ("row_count", Cell::Int(rows as i64)),
            ("byte_count", Cell::Int(bytes as i64)),
        ]
    };
    database.spec.tables.iter().enumerate().map(row).collect()
}

pub(super) fn columns(database: &Database) -> Vec<Record> {
    let spec = &database.spec;
    let mut out = Vec::new();
    for (place, table) in spec.tables.iter().enumerate() {
        for (number, column) in (1..).zip(&table.columns) {
            let mut stated = database.computed.iter();
            let stated = stated.find(|((t, c), _)| *t == table.name && *c == column.name);
            let (ty, nullable) = stated.map_or((&column.ty, column.nullable), |(_, (ty, null))| (ty, *null));
            out.push(self::column(spec, object_id(place), number, column, ty, nullable));
        }
    }
    for (place, view) in spec.views.iter().enumerate() {
        for (number, (name, _)) in (1..).zip(&view.columns) {
            let column = ColumnSpec::new(name, SqlType::Int);
            out.push(self::column(
                spec,
                view_id(place),
                number,
                &column,
                &SqlType::Int,
                true,
            ));
        }
    }
    out
}

fn column(
    spec: &DatabaseSpec,
    object_id: i64,
    number: i64,
    column: &ColumnSpec,
    ty: &SqlType,
    nullable: bool,
) -> Record {
    let alias = match ty {
        SqlType::Alias(schema, name) => {
            let mut aliases = spec.alias_types.iter();
            let found = aliases.find(|a| a.schema == *schema && a.name == *name);
            Some(found.expect("an alias of the database"))
        }
        _ => None,
    };
    let (base, length, precision, scale) = declared(alias.map_or(ty, |a| &a.base));
    let collation = column.collation.as_ref().unwrap_or(&spec.collation);
    let system = matches!(base, "hierarchyid" | "geometry" | "geography");
    let text = |text: Option<&str>| Cell::or_null(text.map(Cell::text));
    let number_text = |n: Option<i64>| Cell::or_null(n.map(|n| Cell::text(n.to_string())));
    let (computed, persisted) = column
        .computed
        .as_ref()
        .map_or((None, false), |(t, p)| (Some(t.as_str()), *p));
    let (default, definition) = column
        .default
        .as_ref()
        .map_or((None, None), |(n, d)| (Some(n), Some(d)));
    vec![
        ("object_id", Cell::Int(object_id)),
        ("column_id", Cell::Int(number)),
        ("name", Cell::text(&column.name)),
        (
            "type_schema",
            Cell::text(alias.map_or("sys", |a| a.schema.as_str())),
        ),
        ("type_name", Cell::text(alias.map_or(base, |a| a.name.as_str()))),
        ("is_user_defined", flag(alias.is_some())),
        ("is_assembly_type", flag(system)),
        (
            "base_name",
            text((!system).then_some(if base == "sysname" { "nvarchar" } else { base })),
        ),
        ("max_length", Cell::Int(length)),
        ("precision", Cell::Int(precision)),
        ("scale", Cell::Int(scale)),
        ("is_nullable", flag(nullable)),
        ("collation_name", text(is_text(base).then_some(collation))),
        ("is_computed", flag(column.computed.is_some())),
        ("computed", text(computed)),
        ("is_persisted", flag(persisted)),
        ("is_identity", flag(column.identity.is_some())),
        ("seed", number_text(column.identity.map(|i| i.seed))),
        ("increment", number_text(column.identity.map(|i| i.increment))),
        ("last", number_text(column.identity.and_then(|i| i.last))),
        ("has_default", flag(column.default.is_some())),
        ("default_name", text(default.map(String::as_str))),
        ("default_definition", text(definition.map(String::as_str))),
    ]
}

/// The keys and indexes of a table, each with its number and the columns that it includes.
fn keys(table: &TableSpec) -> Vec<(i64, &[IndexColumn], &[String], Record)> {
    let mut out = Vec::new();
    let row = |number: i64, name: &str, clustered: bool, unique: bool| {
        vec![
            ("index_id", Cell::Int(number)),
            ("name", Cell::text(name)),
            ("kind", Cell::Int(if clustered { 1 } else { 2 })),
            ("is_unique", flag(unique)),
        ]
    };
    let primary = table.primary_key.iter().map(|key| (key, true));
    let keys = primary.chain(table.unique.iter().map(|key| (key, false)));
    for (number, (key, primary)) in (1..).zip(keys) {
        let key: &KeySpec = key;
        let mut record = row(number, &key.name, key.clustered, true);
        record.push(("is_primary_key", flag(primary)));
        record.push(("is_unique_constraint", flag(!primary)));
        out.push((number, key.columns.as_slice(), &[][..], record));
    }
    for (number, index) in (50..).zip(&table.indexes) {
        let mut record = row(number, &index.name, index.clustered, index.unique);
        record.push(("has_filter", flag(index.filter.is_some())));
        record.push((
            "filter_definition",
            Cell::or_null(index.filter.as_deref().map(Cell::text)),
        ));
        out.push((number, index.columns.as_slice(), index.include.as_slice(), record));
    }
    out
}

pub(super) fn indexes(spec: &DatabaseSpec) -> Vec<Record> {
    let mut out = Vec::new();
    for (place, table) in spec.tables.iter().enumerate() {
        for (.., mut record) in keys(table) {
            record.push(("object_id", Cell::Int(object_id(place))));
            out.push(record);
        }
    }
    out
}

pub(super) fn index_columns(spec: &DatabaseSpec) -> Vec<Record> {
    let mut out = Vec::new();
    for (place, table) in spec.tables.iter().enumerate() {
        for (index, columns, include, _) in keys(table) {
            let row = |number: i64, key_ordinal: i64, name: &str, descending: bool| {
                vec![
                    ("object_id", Cell::Int(object_id(place))),
                    ("index_id", Cell::Int(index)),
                    ("index_column_id", Cell::Int(number)),
                    ("key_ordinal", Cell::Int(key_ordinal)),
                    ("partition_ordinal", Cell::Int(0)),
                    ("is_descending", flag(descending)),
                    ("is_included", flag(key_ordinal == 0)),
                    ("column_name", Cell::text(name)),
                ]
            };
            let start = out.len();
            let keys = (1..).zip(columns).map(|(n, c)| row(n, n, &c.name, c.descending));
            out.extend(keys);
            out.extend((50..).zip(include).map(|(n, name)| row(n, 0, name, false)));
            // The server's order is nobody's promise.
            out[start..].reverse();
        }
    }
    out
}

pub(super) fn foreign_keys(spec: &DatabaseSpec) -> Vec<Record> {
    let id_of = |schema: &str, name: &str| {
        let place = spec
            .tables
            .iter()
            .position(|t| t.schema == schema && t.name == name);
        object_id(place.expect("the table that a foreign key names"))
    };
    let mut out = Vec::new();
    for (place, table) in spec.tables.iter().enumerate() {
        for (number, key) in (0..).zip(&table.foreign_keys) {
            for (ordinal, (own, other)) in (1..).zip(key.columns.iter().zip(&key.to_columns)) {
                out.push(vec![
                    ("constraint_id", Cell::Int(object_id(place) * 1000 + number)),
                    ("name", Cell::text(&key.name)),
                    ("object_id", Cell::Int(object_id(place))),
                    ("referenced_object_id", Cell::Int(id_of(&key.to.0, &key.to.1))),
                    ("referenced_schema", Cell::text(&key.to.0)),
                    ("referenced_table", Cell::text(&key.to.1)),
                    ("delete_action", Cell::Int(action(key.on_delete))),
                    ("update_action", Cell::Int(action(key.on_update))),
                    ("is_disabled", flag(key.disabled)),
                    ("is_not_trusted", flag(key.not_trusted)),
                    ("ordinal", Cell::Int(ordinal)),
                    ("column_name", Cell::text(own)),
                    ("referenced_column", Cell::text(other)),
                ]);
            }
        }
    }
    out
}

fn action(action: ReferentialAction) -> i64 {
    match action {
        ReferentialAction::NoAction => 0,
        ReferentialAction::Cascade => 1,
        ReferentialAction::SetNull => 2,
        ReferentialAction::SetDefault => 3,
    }
}

pub(super) fn checks(spec: &DatabaseSpec) -> Vec<Record> {
    let mut out = Vec::new();
    for (place, table) in spec.tables.iter().enumerate() {
        for check in &table.checks {
            out.push(vec![
                ("object_id", Cell::Int(object_id(place))),
                ("name", Cell::text(&check.name)),
                ("definition", Cell::text(&check.expression)),
                ("is_disabled", flag(check.disabled)),
                ("is_not_trusted", flag(check.not_trusted)),
            ]);
        }
    }
    out
}
