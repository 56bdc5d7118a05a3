mod extremes;
mod rows;
mod way_back;

#[path = "../../../tests/rebuild/mod.rs"]
mod rebuild;

/// What the way back uses of this crate: the functions that are public.
mod back {
    pub(super) use crate::values::json::{overflow_from_json, value_from_json};
    pub(super) use crate::values::object_id_of_uuid;
}

use std::sync::Arc;

use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::catalog::{Catalog, Column, ObjectName, Table};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, TablePlan, Target};
use migrate_core::planner;
use migrate_core::value::ValueKind;
use serde_json::json;

use super::Program;
use super::rows::Rows;
use super::walk::Memory;

/// A table of a plan: its name, and each column's source, native types and PostgreSQL type.
type Said<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);

fn kind(ty: &PgType) -> ValueKind {
    match ty {
        PgType::Bool => ValueKind::Bool,
        PgType::Int2 | PgType::Int4 | PgType::Int8 => ValueKind::Int64,
        PgType::Float4 | PgType::Float8 => ValueKind::Float64,
        PgType::Numeric(_) => ValueKind::Decimal,
        PgType::Bytea => ValueKind::Bytes,
        PgType::Uuid => ValueKind::Uuid,
        PgType::Date => ValueKind::Date,
        PgType::Timestamp(_) | PgType::TimestampTz(_) => ValueKind::TimestampTz,
        PgType::Json | PgType::Jsonb => ValueKind::Json,
        PgType::Array(element) => ValueKind::Array(Box::new(kind(element))),
        _ => ValueKind::Text,
    }
}

fn catalog(tables: &[Said<'_>]) -> Catalog {
    let table = |(name, columns): &Said<'_>| {
        let columns = columns.iter().map(column).collect();
        Table::new(ObjectName::new("db", *name), columns)
    };
    Catalog {
        tables: tables.iter().map(table).collect(),
        ..Catalog::default()
    }
}

fn column((name, native, ty): &(&str, &str, &str)) -> Column {
    let pg: PgType = ty.trim_end_matches('!').parse().unwrap();
    let stated = json!({
        "name": name,
        "native": native,
        "kind": kind(&pg),
        "pg": pg,
        "fidelity": "exact",
        "nullable": !ty.ends_with('!'),
    });
    serde_json::from_value(stated).unwrap()
}

fn plan_with(catalog: &Catalog, mapping: &str) -> Plan {
    planner::plan(catalog, &Mapping::from_toml(mapping).unwrap(), &Target::default()).unwrap()
}

/// The rows that the documents become.
fn batch(plan: &Plan, table: &TablePlan, catalog: &Catalog, documents: &[Vec<u8>]) -> Batch {
    let program = Program::compile(plan, table, catalog).unwrap();
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let mut out = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1 << 20);
    let (mut memory, mut text) = (Memory::new(&program), String::new());
    let mut rows = Rows::new(&program, &mut memory, &mut text);
    for document in documents {
        rows.document(document, &mut out).unwrap();
    }
    drop(rows);
    out.take().unwrap()
}
