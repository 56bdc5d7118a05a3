//! Which PostgreSQL type holds a path's scalars: the table for single types, and what mixtures become.

use migrate_core::catalog::Fidelity;
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use crate::infer::{Node, Stats};
use crate::raw::Kind;

use super::native::{Type, UuidOrder};
use super::options::{MongoOptions, ObjectIdType};

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) pg: PgType,
    pub(super) kind: ValueKind,
    pub(super) types: Vec<Type>,
    pub(super) fidelity: Fidelity,
}

/// What nested documents lose in jsonb.
pub(super) const UNORDERED: &str = "jsonb does not keep the order of fields";

/// The types of a path's values, nulls left out.
pub(super) fn kinds(stats: &Stats) -> Vec<Kind> {
    let present = stats.kinds.present().map(|(kind, _)| kind);
    present.filter(|kind| *kind != Kind::Null).collect()
}

/// The type for scalars that have one in common; `None` where only jsonb holds them all.
pub(super) fn scalar(stats: &Stats, options: &MongoOptions) -> Option<Typed> {
    // `undefined` is no value that a type could be chosen for; where it comes, it goes to the overflow.
    let kinds: Vec<Kind> = kinds(stats)
        .into_iter()
        .filter(|k| *k != Kind::Undefined)
        .collect();
    let numbers = kinds
        .iter()
        .all(|k| matches!(k, Kind::Int32 | Kind::Int64 | Kind::Double | Kind::Decimal128));
    let (pg, fidelity) = match kinds.as_slice() {
        [] => return None,
        [Kind::ObjectId] => (object_id(options), Fidelity::Exact),
        [Kind::String] => (PgType::Text, Fidelity::Exact),
        [Kind::Bool] => (PgType::Bool, Fidelity::Exact),
        [Kind::DateTime] => (PgType::TimestampTz(3), Fidelity::Exact),
        [Kind::Binary] => return binary(stats, options),
        [Kind::Int32] => (PgType::Int4, Fidelity::Exact),
        [Kind::Int64] => (PgType::Int8, Fidelity::Exact),
        [Kind::Double] => (PgType::Float8, Fidelity::Exact),
        [Kind::Decimal128] => (PgType::Numeric(None), decimal(stats)),
        _ if !numbers => return None,
        several if several.contains(&Kind::Decimal128) => (PgType::Numeric(None), Fidelity::Widened),
        several if !several.contains(&Kind::Double) => (PgType::Int8, Fidelity::Widened),
        _ if stats.integers_beyond_double == 0 => (PgType::Float8, Fidelity::Widened),
        _ => (PgType::Numeric(None), Fidelity::Widened),
    };
    let types = kinds.into_iter().map(Type::Plain).collect();
    Some(Typed {
        kind: delivered(&pg),
        pg,
        types,
        fidelity,
    })
}

/// The type that ObjectIds become.
pub(super) fn object_id(options: &MongoOptions) -> PgType {
    match options.objectid {
        ObjectIdType::Uuid => PgType::Uuid,
        ObjectIdType::Text => PgType::Text,
        ObjectIdType::Bytea => PgType::Bytea,
    }
}

fn decimal(stats: &Stats) -> Fidelity {
    let d = &stats.decimals;
    let mut lost = Vec::new();
    if d.positive_exponent > 0 {
        lost.push("exponents are written out (1E+3 is stored as 1000)");
    }
    if d.negative_zero > 0 {
        lost.push("zero has no sign");
    }
    if lost.is_empty() {
        Fidelity::Exact
    } else {
        Fidelity::Lossy(lost.join("; "))
    }
}

/// Binary data of one subtype; of several, only jsonb tells them apart.
fn binary(stats: &Stats, options: &MongoOptions) -> Option<Typed> {
    let [(subtype, _)] = stats.subtypes.as_slice() else {
        return None;
    };
    let uuid = match subtype {
        _ if stats.odd_uuids > 0 => None,
        3 => options.uuid_order(),
        4 => Some(UuidOrder::AsIs),
        _ => None,
    };
    let pg = if uuid.is_some() {
        PgType::Uuid
    } else {
        PgType::Bytea
    };
    Some(Typed {
        kind: delivered(&pg),
        pg,
        types: vec![Type::Binary {
            subtype: *subtype,
            order: uuid.unwrap_or_default(),
        }],
        fidelity: Fidelity::Exact,
    })
}

/// The types of a path's values, as a column's `native` lists them.
pub(super) fn listed(stats: &Stats, options: &MongoOptions) -> Vec<Type> {
    let mut out = Vec::new();
    for kind in kinds(stats) {
        match (kind, stats.subtypes.as_slice()) {
            (Kind::Binary, [(3, _)]) => out.push(Type::Binary {
                subtype: 3,
                order: options.uuid_order().unwrap_or_default(),
            }),
            (Kind::Binary, [(subtype, _)]) => out.push(Type::Binary {
                subtype: *subtype,
                order: UuidOrder::AsIs,
            }),
            _ => out.push(Type::Plain(kind)),
        }
    }
    out
}

/// jsonb, for whatever a path holds.
pub(super) fn jsonb(node: &Node, options: &MongoOptions) -> Typed {
    Typed {
        pg: PgType::Jsonb,
        kind: ValueKind::Json,
        types: listed(&node.stats, options),
        fidelity: if has_documents(node) {
            Fidelity::Lossy(UNORDERED.to_owned())
        } else {
            Fidelity::Exact
        },
    }
}

/// Whether there are documents here or in arrays here.
fn has_documents(node: &Node) -> bool {
    let untracked = node.stats.kinds.of(Kind::Array) > 0 && node.untracked > 0;
    node.stats.kinds.of(Kind::Document) > 0 || untracked || node.element.as_deref().is_some_and(has_documents)
}

/// A type that a person chose: what does not fit goes to the overflow.
pub(super) fn chosen(pg: &PgType, stats: &Stats, options: &MongoOptions) -> Typed {
    Typed {
        pg: pg.clone(),
        kind: delivered(pg),
        types: listed(stats, options),
        fidelity: Fidelity::Widened,
    }
}

/// Which values a column of the type gets.
pub(super) fn delivered(pg: &PgType) -> ValueKind {
    match pg {
        PgType::Bool => ValueKind::Bool,
        PgType::Int2 | PgType::Int4 => ValueKind::Int32,
        PgType::Int8 => ValueKind::Int64,
        PgType::Float4 | PgType::Float8 => ValueKind::Float64,
        PgType::Numeric(_) => ValueKind::Decimal,
        PgType::Bytea => ValueKind::Bytes,
        PgType::Uuid => ValueKind::Uuid,
        PgType::Date => ValueKind::Date,
        PgType::Timestamp(_) => ValueKind::Timestamp,
        PgType::TimestampTz(_) => ValueKind::TimestampTz,
        PgType::Json | PgType::Jsonb => ValueKind::Json,
        PgType::Array(element) => ValueKind::Array(Box::new(delivered(element))),
        _ => ValueKind::Text,
    }
}
