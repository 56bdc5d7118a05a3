//! What a path becomes: what a person chose, or what its values suggest.

use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;
use migrate_core::{Error, Result};

use crate::classify::config;
use crate::infer::Node;
use crate::raw::Kind;

use super::native::{Type, Types};
use super::options::{Choice, MongoOptions};
use super::types::{self, Typed, kinds};

/// Documents in documents that become columns, at most; deeper ones become jsonb.
const FLAT_LEVELS: usize = 3;

/// Columns that one nested document becomes, at most.
const FLAT_COLUMNS: usize = 32;

/// Fields that the elements of a child table have, at most.
const CHILD_COLUMNS: usize = 100;

/// Tables within tables.
pub(super) const CHILD_LEVELS: usize = 3;

/// What becomes of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// A column.
    Column(Typed),
    /// A column for each field.
    Flatten,
    /// A table with a row for each document in the array.
    Child,
    /// A table with a row for each scalar in the array, which may refer to a collection.
    Elements { element: Typed, target: Option<String> },
    /// Nothing of its own.
    Overflow,
}

impl Decision {
    /// How the options say it.
    pub(super) fn as_choice(&self) -> String {
        match self {
            Self::Column(typed) if matches!(typed.pg, PgType::Array(_)) => "array".to_owned(),
            Self::Column(typed) => typed.pg.to_string(),
            Self::Flatten => "flatten".to_owned(),
            Self::Child | Self::Elements { target: None, .. } => "child".to_owned(),
            Self::Elements { .. } => "junction".to_owned(),
            Self::Overflow => "overflow".to_owned(),
        }
    }
}

/// Where a path is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The collection and the path, as the options write it.
    pub(super) collection: &'a str,
    pub(super) path: &'a str,
    /// Documents around it within its row.
    pub(super) flat: usize,
    /// Arrays around it that became tables.
    pub(super) tables: usize,
    /// Rows of the table.
    pub(super) rows: u64,
}

/// Decides. `target` says which collection the elements of an array refer to.
pub(super) fn decide(
    node: &Node,
    place: Place<'_>,
    options: &MongoOptions,
    target: impl FnOnce(&Node) -> Option<String>,
) -> Result<Decision> {
    let jsonb = || Decision::Column(types::jsonb(node, options));
    let wrong = |why: &str| -> Error {
        config(format!(
            "the options' choice for a path cannot be carried out: {why}"
        ))
        .at("path", place.path)
        .at("collection", place.collection)
        .hint("`auto` leaves the choice to the values")
    };
    match options.choice(place.collection, place.path) {
        Choice::Auto => Ok(by_values(node, place, options, target)),
        Choice::Jsonb => Ok(jsonb()),
        Choice::Overflow => Ok(Decision::Overflow),
        Choice::Flatten if node.fields.is_empty() => {
            Err(wrong("there are no documents with fields to flatten"))
        }
        Choice::Flatten => Ok(Decision::Flatten),
        Choice::Type(PgType::Array(element)) => match &node.element {
            Some(of) => Ok(array(types::chosen(&element, &of.stats, options), of)),
            None => Err(wrong("there are no arrays with elements")),
        },
        Choice::Type(pg) if pg.to_string().parse::<PgType>().is_ok() => {
            // What the values suggest anyway is more faithful than what is forced on them.
            let suggested = types::scalar(&node.stats, options).filter(|typed| typed.pg == pg);
            Ok(Decision::Column(
                suggested.unwrap_or_else(|| types::chosen(&pg, &node.stats, options)),
            ))
        }
        Choice::Type(_) => Err(wrong("nothing of a document can become the type")),
        choice @ (Choice::Array | Choice::Child | Choice::Junction) => {
            let Some(element) = node.element.as_deref() else {
                return Err(wrong("there are no arrays with elements"));
            };
            let scalar = types::scalar(&element.stats, options);
            match choice {
                Choice::Array => Ok(array(
                    scalar.unwrap_or_else(|| types::jsonb(element, options)),
                    element,
                )),
                Choice::Child if !element.fields.is_empty() => Ok(Decision::Child),
                Choice::Child => Ok(Decision::Elements {
                    element: scalar.unwrap_or_else(|| types::jsonb(element, options)),
                    target: None,
                }),
                _ => match (scalar, target(element)) {
                    (Some(element), target @ Some(_)) => Ok(Decision::Elements { element, target }),
                    _ => Err(wrong(
                        "the elements are not all references to one collection (`references` can declare them)",
                    )),
                },
            }
        }
    }
}

fn by_values(
    node: &Node,
    place: Place<'_>,
    options: &MongoOptions,
    target: impl FnOnce(&Node) -> Option<String>,
) -> Decision {
    let jsonb = || Decision::Column(types::jsonb(node, options));
    match kinds(&node.stats).as_slice() {
        [Kind::Document] if is_flat(node, place) => Decision::Flatten,
        [Kind::Array] => match node.element.as_deref() {
            Some(element) if node.untracked == 0 => {
                if kinds(&element.stats).as_slice() == [Kind::Document] {
                    let nulls = element.stats.kinds.of(Kind::Null) > 0;
                    if !nulls && place.tables < CHILD_LEVELS && is_regular(element, CHILD_COLUMNS, 30) {
                        return Decision::Child;
                    }
                    return jsonb();
                }
                let Some(typed) = types::scalar(&element.stats, options) else {
                    return jsonb();
                };
                match target(element) {
                    target @ Some(_) if place.tables < CHILD_LEVELS => Decision::Elements {
                        element: typed,
                        target,
                    },
                    _ => array(typed, element),
                }
            }
            _ => jsonb(),
        },
        _ => types::scalar(&node.stats, options).map_or_else(jsonb, Decision::Column),
    }
}

/// A PostgreSQL array of the element's type.
fn array(element: Typed, node: &Node) -> Decision {
    Decision::Column(Typed {
        pg: PgType::Array(Box::new(element.pg)),
        kind: ValueKind::Array(Box::new(element.kind)),
        types: vec![Type::ArrayOf(Types {
            types: element.types,
            null: node.stats.kinds.of(Kind::Null) > 0,
            missing: false,
        })],
        fidelity: element.fidelity,
    })
}

/// Whether nested documents are like a part of the row.
fn is_flat(node: &Node, place: Place<'_>) -> bool {
    if is_dbref(node) {
        return true;
    }
    let rare = node.stats.present() * 20 < place.rows;
    place.flat < FLAT_LEVELS && !rare && !is_geojson(node) && is_regular(node, FLAT_COLUMNS, 50)
}

/// Whether documents have mostly the same fields, and not too many. `presence` is the least share of documents, in percent,
/// that a field is in on average.
fn is_regular(node: &Node, columns: usize, presence: u64) -> bool {
    let documents = node.stats.kinds.of(Kind::Document);
    let fields = node.fields.len() as u64;
    if node.map.is_some() || node.untracked > 0 || fields == 0 || leaves(node) > columns {
        return false;
    }
    let present: u64 = node.fields.iter().map(|f| f.stats.present()).sum();
    present * 100 >= documents * fields * presence && !is_map(node)
}

/// Fields, those of nested documents included.
pub(super) fn leaves(node: &Node) -> usize {
    let below = node
        .fields
        .iter()
        .map(|f| if f.fields.is_empty() { 1 } else { leaves(f) });
    below.sum()
}

/// Whether names look like data: numbers or ObjectIds.
fn is_map(node: &Node) -> bool {
    let data = |name: &str| {
        let digits = name.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let hex = name.len() == 24 && name.bytes().all(|b| b.is_ascii_hexdigit());
        !name.is_empty() && (digits || hex)
    };
    node.fields.iter().filter(|f| data(&f.name)).count() * 2 > node.fields.len()
}

/// A reference as drivers write it: `{$ref, $id}`, and perhaps `$db`.
pub(super) fn is_dbref(node: &Node) -> bool {
    node.field("$ref").is_some() && node.field("$id").is_some()
}

/// A place or shape on the globe, which is one value: `{type, coordinates}`.
fn is_geojson(node: &Node) -> bool {
    node.fields.len() == 2
        && node.field("type").is_some()
        && node
            .field("coordinates")
            .is_some_and(|c| kinds(&c.stats).as_slice() == [Kind::Array])
}
