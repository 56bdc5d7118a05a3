//! Indexes of collections as indexes of tables.

use bson::{Bson, Document};
use migrate_core::catalog::{Index, IndexColumn, ManualObject, ObjectName};
use migrate_core::pg_type::PgType;
use migrate_core::template::Template;

use crate::infer::Node;
use crate::raw::Kind;
use crate::shape::Path;

use super::draft::{self, Draft};
use super::filter::{any_present, done, translate};
use super::identity::INDEXABLE;
use super::locate::{Located, locate, split};

/// Languages of MongoDB's text indexes that PostgreSQL has a configuration of the same name for.
const LANGUAGES: [&str; 15] = [
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "turkish",
];

/// Bytes of text that a `tsvector` holds for certain.
const SEARCHABLE: u32 = 1 << 20;

/// What one index comes to.
enum Outcome {
    /// An index of a table, with what a person should know.
    Index(usize, Index, Vec<String>),
    /// A unique constraint of a table.
    Unique(usize, Vec<String>, Vec<String>),
    /// A person has to decide.
    Manual(String),
}

/// Adds a collection's indexes to its tables; what PostgreSQL cannot do goes to `manual`.
pub(super) fn add(
    drafts: &mut [Draft<'_>],
    collection: &str,
    indexes: &[Document],
    manual: &mut Vec<ManualObject>,
) {
    for index in indexes {
        let name = index.get_str("name").unwrap_or("index").to_owned();
        if name == "_id_" {
            continue;
        }
        let outcome = one(drafts, collection, index, &name).unwrap_or_else(Outcome::Manual);
        let root = drafts.iter().position(|d| d.rows_from.collection == collection);
        match outcome {
            Outcome::Index(at, index, notes) => {
                for text in notes {
                    drafts[at].note(format!("index {name}: {text}"));
                }
                // A table that connects two has its index already.
                let there = drafts[at].table.indexes.iter().any(|i| {
                    Index {
                        name: i.name.clone(),
                        ..index.clone()
                    } == *i
                });
                if !there {
                    drafts[at].table.indexes.push(index);
                }
            }
            Outcome::Unique(at, columns, notes) => {
                for text in notes {
                    drafts[at].note(format!("index {name}: {text}"));
                }
                drafts[at].table.uniques.push(draft::key(columns));
            }
            Outcome::Manual(reason) => manual.push(ManualObject {
                kind: "index".to_owned(),
                name: format!("{collection}.{name}"),
                definition: index.to_string(),
                reason,
            }),
        }
        if let (Some(root), Some(seconds)) = (root, seconds(index)) {
            drafts[root].note(format!(
                "index {name}: MongoDB deletes documents {seconds} seconds after the date in it; PostgreSQL needs a job for that"
            ));
        }
    }
}

/// Bytes of the longest text.
fn longest(node: &Node) -> u32 {
    node.stats.string_bytes.map_or(0, |b| b.max)
}

/// The seconds of a TTL index.
fn seconds(index: &Document) -> Option<i64> {
    match index.get("expireAfterSeconds")? {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        Bson::Double(x) => Some(*x as i64),
        _ => None,
    }
}

fn flag(index: &Document, name: &str) -> bool {
    match index.get(name) {
        Some(Bson::Boolean(truth)) => *truth,
        Some(Bson::Int32(n)) => *n != 0,
        Some(Bson::Double(x)) => *x != 0.0,
        _ => false,
    }
}

/// The keys of an ordinary index: path and whether it is descending.
fn keys(index: &Document) -> Result<Vec<(Path, bool)>, String> {
    let key = index
        .get_document("key")
        .map_err(|_| "it has no key".to_owned())?;
    key.iter()
        .map(|(path, direction)| {
            if path.contains("$**") {
                return Err("PostgreSQL has no wildcard indexes; a GIN index over the overflow's column is near to one".to_owned());
            }
            match direction {
                Bson::Int32(n) => Ok((split(path), *n < 0)),
                Bson::Int64(n) => Ok((split(path), *n < 0)),
                Bson::Double(x) => Ok((split(path), *x < 0.0)),
                Bson::String(kind) if kind == "hashed" => Ok((split(path), false)),
                Bson::String(kind) if kind.starts_with("2d") => {
                    Err(format!("{kind} indexes need PostGIS, and a geometry column made of the jsonb"))
                }
                other => Err(format!("indexes of kind {other} are not translated")),
            }
        })
        .collect()
}

fn one(drafts: &[Draft<'_>], collection: &str, index: &Document, name: &str) -> Result<Outcome, String> {
    let text = index.get_document("key").is_ok_and(|k| k.contains_key("_fts"));
    if text {
        return full_text(drafts, collection, index, name);
    }
    let keys = keys(index)?;
    let located = keys
        .iter()
        .map(|(path, _)| {
            locate(drafts, collection, path)
                .ok_or_else(|| format!("{} did not become a column", path.join(".")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The document's key is in every table.
    let home = located.iter().zip(&keys).find(|(_, (path, _))| path != &["_id"]);
    let at = home.map_or(located[0].draft, |(l, _)| l.draft);
    let located = located
        .into_iter()
        .zip(&keys)
        .map(|(l, (path, _))| match path.as_slice() {
            [id] if id == "_id" && l.draft != at => drafts[at]
                .columns
                .iter()
                .find(|c| c.column.name == "^_id")
                .map(|placed| Located {
                    draft: at,
                    placed,
                    inside: 0,
                })
                .ok_or_else(|| "_id is not in the table".to_owned()),
            _ if l.draft != at => Err("its fields became columns of several tables".to_owned()),
            _ => Ok(l),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let table = &drafts[at].table.name;
    let mut notes = notes(index);
    let unique = flag(index, "unique");
    let child = !drafts[at].rows_from.arrays.is_empty();
    if unique && child {
        notes.push("it is unique over arrays' elements of different documents, which PostgreSQL cannot say: the index here is not unique".to_owned());
    }
    for (found, (path, _)) in located.iter().zip(&keys) {
        let Some(node) = found.node(path) else { continue };
        let json = found.placed.column.pg == PgType::Jsonb;
        if json && node.stats.kinds.of(Kind::Document) > 0 {
            return Err(
                "it is over whole documents, which may be longer than an entry of a PostgreSQL index"
                    .to_owned(),
            );
        }
        let elements = node.element.as_deref().map_or(0, longest);
        // GIN takes long text inside of jsonb, but not as elements of arrays.
        let longest = longest(node).max(if json { 0 } else { elements });
        if longest > INDEXABLE {
            return Err(format!(
                "values are up to {longest} bytes long, and an entry of a PostgreSQL index holds about {INDEXABLE}; an index over \
                 md5() or a hash index may do"
            ));
        }
    }
    let mut out = draft::index(index_name(&drafts[at], name, index, &keys));
    let array = |l: &Located<'_, '_>| {
        let pg = &l.placed.column.pg;
        let json_array = l.placed.node.is_some_and(|n| n.stats.kinds.of(Kind::Array) > 0);
        l.inside == 0 && (matches!(pg, PgType::Array(_)) || (*pg == PgType::Jsonb && json_array))
    };
    if located.iter().any(array) {
        if located.len() > 1 {
            return Err(
                "it combines an array with other fields; a GIN index over the array alone may do".to_owned(),
            );
        }
        if unique {
            notes.push("it is unique over arrays' elements of different documents, which PostgreSQL cannot say: the index here is not unique".to_owned());
        }
        out.using = Some("gin".to_owned());
        out.columns = columns(&located, &keys);
        return Ok(Outcome::Index(at, out, notes));
    }
    let ignores_case = ignores_case(index);
    let texts = |l: &Located<'_, '_>| l.placed.column.pg == PgType::Text && l.inside == 0;
    let names: Vec<String> = located.iter().map(|l| l.placed.column.name.clone()).collect();
    if located.iter().any(|l| l.inside > 0) || (ignores_case && located.iter().any(texts)) {
        let mut list = Template::new();
        for (i, (found, (path, descending))) in located.iter().zip(&keys).enumerate() {
            list.push_sql(if i > 0 { ", " } else { "" });
            let lower = ignores_case && texts(found);
            list.push_sql(if lower { "lower(" } else { "" });
            list.push(found.expression(table, path));
            list.push_sql(if lower { ")" } else { "" });
            list.push_sql(if *descending { " desc" } else { "" });
        }
        if ignores_case {
            notes.push("it ignores case: queries have to compare lower()".to_owned());
        }
        out.expression = Some(done(index.to_string(), list));
    } else {
        out.columns = columns(&located, &keys);
    }
    out.unique = unique && !child;
    if let Ok(partial) = index.get_document("partialFilterExpression") {
        out.filter = Some(translate(partial, drafts, at));
    } else if flag(index, "sparse") && located.iter().any(|l| l.placed.column.nullable) {
        let native = format!("sparse: {}", names.join(", "));
        out.filter = Some(done(native, any_present(table, &names)));
    }
    let plain = out.unique && out.filter.is_none() && out.expression.is_none();
    if plain && keys.iter().all(|(_, descending)| !descending) {
        return Ok(Outcome::Unique(at, names, notes));
    }
    Ok(Outcome::Index(at, out, notes))
}

fn columns(located: &[Located<'_, '_>], keys: &[(Path, bool)]) -> Vec<IndexColumn> {
    let column = |(l, (_, descending)): (&Located<'_, '_>, &(Path, bool))| IndexColumn {
        name: l.placed.column.name.clone(),
        descending: *descending,
    };
    located.iter().zip(keys).map(column).collect()
}

/// What a person should know about an index.
fn notes(index: &Document) -> Vec<String> {
    let mut out = Vec::new();
    if flag(index, "hidden") {
        out.push("it is hidden from MongoDB's planner".to_owned());
    }
    if index
        .get_document("key")
        .is_ok_and(|k| k.values().any(|v| v.as_str() == Some("hashed")))
    {
        out.push("it is hashed in MongoDB, and a B-tree here".to_owned());
    }
    if let Ok(collation) = index.get_document("collation")
        && !ignores_case(index)
        && collation.get_str("locale").is_ok_and(|l| l != "simple")
    {
        out.push(format!("its collation {collation} is not carried over"));
    }
    out
}

/// Whether an index's collation takes `a` and `A` for the same.
fn ignores_case(index: &Document) -> bool {
    let Ok(collation) = index.get_document("collation") else {
        return false;
    };
    let strength = collation.get_i32("strength").unwrap_or(3);
    strength <= 2 && !flag(collation, "caseLevel") && collation.get_str("locale").is_ok_and(|l| l != "simple")
}

/// A name that a person gave, or one after table and columns for MongoDB's own `a_1_b_-1`.
fn index_name(draft: &Draft<'_>, name: &str, index: &Document, keys: &[(Path, bool)]) -> String {
    let key = index.get_document("key").ok();
    let parts = key
        .into_iter()
        .flatten()
        .map(|(path, direction)| match direction {
            Bson::String(kind) => format!("{path}_{kind}"),
            Bson::Int32(n) => format!("{path}_{n}"),
            Bson::Int64(n) => format!("{path}_{n}"),
            Bson::Double(x) => format!("{path}_{x}"),
            other => format!("{path}_{other}"),
        });
    if name != parts.collect::<Vec<_>>().join("_") {
        return name.to_owned();
    }
    let columns = keys.iter().map(|(path, _)| path.join("_"));
    let table = super::names::table_name(&crate::shape::RowsFrom::of(&draft.rows_from.collection));
    format!("{table}_{}_idx", columns.collect::<Vec<_>>().join("_"))
}

fn full_text(
    drafts: &[Draft<'_>],
    collection: &str,
    index: &Document,
    name: &str,
) -> Result<Outcome, String> {
    let weights = index
        .get_document("weights")
        .map_err(|_| "it has no weights".to_owned())?;
    let mut notes = notes(index);
    let language = index.get_str("default_language").unwrap_or("english");
    let configuration = match language {
        "none" => "simple",
        known if LANGUAGES.contains(&known) => known,
        other => {
            notes.push(format!(
                "PostgreSQL has no text search configuration for {other}; `simple` stands in"
            ));
            "simple"
        }
    };
    let mut located: Vec<(Path, Located<'_, '_>)> = Vec::new();
    for path in weights.keys() {
        if path.contains("$**") {
            return Err("it covers all text of the document".to_owned());
        }
        let path = split(path);
        match locate(drafts, collection, &path) {
            Some(l) if l.placed.node.is_some_and(|n| longest(n) > SEARCHABLE) => {
                return Err(format!(
                    "{} has texts of more than {SEARCHABLE} bytes, which tsvector may not hold",
                    path.join(".")
                ));
            }
            Some(l) if l.inside == 0 && l.placed.column.pg == PgType::Text => located.push((path, l)),
            _ => return Err(format!("{} did not become a column of text", path.join("."))),
        }
    }
    let Some(at) = located.first().map(|(_, l)| l.draft) else {
        return Err("it covers no field".to_owned());
    };
    if located.iter().any(|(_, l)| l.draft != at) {
        return Err("its fields became columns of several tables".to_owned());
    }
    let values: Vec<String> = weights.values().map(ToString::to_string).collect();
    if values.iter().any(|w| *w != values[0]) {
        notes.push(format!(
            "its weights {weights} are not carried over: see setweight()"
        ));
    }
    let key = index.get_document("key").map_or(0, Document::len);
    if key > 2 {
        notes.push(
            "it has other fields before or behind the text, which need indexes of their own".to_owned(),
        );
    }
    let table: &ObjectName = &drafts[at].table.name;
    let mut list = Template::sql(format!("to_tsvector('{configuration}'::regconfig, "));
    for (i, (path, found)) in located.iter().enumerate() {
        list.push_sql(if i > 0 {
            " || ' ' || coalesce("
        } else {
            "coalesce("
        });
        list.push(found.expression(table, path));
        list.push_sql(", '')");
    }
    list.push_sql(")");
    // MongoDB's own names are those of the fields, each with `_text`.
    let mut own: Vec<String> = weights.keys().map(|path| format!("{path}_text")).collect();
    own.sort_by_key(|part| name.find(part.as_str()));
    let mut out = draft::index(if name == own.join("_") {
        format!("{}_text_idx", super::names::table_name(&drafts[at].rows_from))
    } else {
        name.to_owned()
    });
    out.using = Some("gin".to_owned());
    out.expression = Some(done(index.to_string(), list));
    Ok(Outcome::Index(at, out, notes))
}
