//! What `_id` becomes.

use migrate_core::catalog::Fidelity;
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use crate::infer::Node;
use crate::raw::Kind;

use super::native::Type;
use super::options::MongoOptions;
use super::types::{self, Typed, listed, scalar};

/// Bytes of text that an entry of a PostgreSQL index holds for certain.
pub(super) const INDEXABLE: u32 = 2_600;

/// The key's type. What is not of one type that PostgreSQL compares as MongoDB does becomes text: canonical extended JSON.
pub(super) fn typed(id: Option<&Node>, options: &MongoOptions) -> Typed {
    let Some(node) = id else {
        return Typed {
            pg: types::object_id(options),
            kind: types::delivered(&types::object_id(options)),
            types: vec![Type::Plain(Kind::ObjectId)],
            fidelity: Fidelity::Exact,
        };
    };
    let stats = &node.stats;
    let clean = stats.kinds.of(Kind::Null)
        + stats.kinds.of(Kind::Undefined)
        + stats.dates_beyond
        + stats.strings_invalid
        == 0;
    if clean && let Some(typed) = scalar(stats, options) {
        return typed;
    }
    let mut types = listed(stats, options);
    if stats.kinds.of(Kind::Null) > 0 {
        types.push(Type::Plain(Kind::Null));
    }
    Typed {
        pg: PgType::Text,
        kind: ValueKind::Text,
        types,
        fidelity: Fidelity::Exact,
    }
}

/// Whether the key holds its values as they are, so that references can hold the same.
pub(super) fn is_plain(id: &Typed) -> bool {
    id.pg != PgType::Text || matches!(*id.types, [Type::Plain(Kind::String | Kind::ObjectId)])
}

/// What a person should know about the key.
pub(super) fn notes(node: &Node, id: &Typed, notes: &mut Vec<String>) {
    if !is_plain(id) {
        notes.push("_id is of several types, or of one that PostgreSQL compares in another way: the key is its canonical extended JSON as text".to_owned());
    }
    if node.stats.string_bytes.is_some_and(|b| b.max > INDEXABLE) {
        notes.push(format!(
            "_id is up to {} bytes long; PostgreSQL's indexes hold about {INDEXABLE}: the primary key may fail",
            node.stats.string_bytes.map_or(0, |b| b.max)
        ));
    }
    if node.stats.duplicates > 0 {
        notes.push(format!("{} documents repeat _id", node.stats.duplicates));
    }
}
