//! The way back: from a plan's tables to the documents that they were made from. It knows the rules that the documentation
//! states and nothing of the crate's insides; whoever includes it gives it the crate's public functions as `back`.

#![allow(dead_code)] // each test uses a part of it
#![allow(clippy::unwrap_used)] // what is not as expected fails the test

pub(crate) mod bson;
mod cells;

use std::collections::BTreeMap;

use migrate_core::decode::fields;
use migrate_core::plan::{Plan, TablePlan};

use self::bson::Node;
use self::cells::{Native, cell};
use super::back;

type Path = Vec<Vec<u8>>;

/// A table's rows as COPY tuples.
pub(crate) type Tuples = BTreeMap<String, Vec<Vec<u8>>>;

/// A row, taken apart.
#[derive(Debug, Default)]
struct Row {
    /// Values of fields; the flag says what NULL means.
    fields: Vec<(Path, Node)>,
    element: Option<Node>,
    has_element: bool,
    has_fields: bool,
    id: Option<Vec<u8>>,
    /// The places in the arrays, outermost first.
    ordinals: Vec<usize>,
    /// The overflow's members.
    overflow: Vec<(Vec<u8>, Node)>,
}

/// A collection's documents, by the plan and the tuples of its tables.
pub(crate) fn documents(plan: &Plan, collection: &str, tuples: &Tuples) -> Vec<Node> {
    let table = plan.tables.iter().find(|t| t.source.name == collection).unwrap();
    let rows = read(table, &tuples[collection]);
    let children = Children::of(plan, collection, tuples);
    rows.into_iter()
        .map(|row| {
            let id = row.id.clone();
            children.assemble(collection, row, id.as_ref(), &[])
        })
        .collect()
}

/// The child tables of a collection, their rows by document.
struct Children<'a> {
    plan: &'a Plan,
    tables: Vec<(&'a TablePlan, BTreeMap<Option<Vec<u8>>, Vec<Row>>)>,
}

impl<'a> Children<'a> {
    fn of(plan: &'a Plan, collection: &str, tuples: &Tuples) -> Self {
        let tables = plan
            .tables
            .iter()
            .filter(|t| t.source.name.starts_with(&format!("{collection}[")));
        let tables = tables.map(|table| {
            let mut rows: BTreeMap<_, Vec<Row>> = BTreeMap::new();
            for row in read(table, &tuples[&table.source.name]) {
                rows.entry(row.id.clone()).or_default().push(row);
            }
            (table, rows)
        });
        Self {
            plan,
            tables: tables.collect(),
        }
    }

    /// Makes a document or an element of a row and the rows of the tables below its own.
    fn assemble(&self, table: &str, row: Row, id: Option<&Vec<u8>>, places: &[usize]) -> Node {
        let mark = |name: &str| {
            row.overflow
                .iter()
                .find(|(n, _)| n == name.as_bytes())
                .map(|(_, v)| v)
        };
        let missing: Vec<Path> = match mark("$missing") {
            Some(Node::Array(paths)) => paths.iter().map(|p| path(text(p))).collect(),
            _ => Vec::new(),
        };
        let nested = self.elements(&format!("{table}[$]"), id, places);
        if let Some(element) = mark("$") {
            return match nested {
                Some(elements) if *element == Node::Array(vec![]) => Node::Array(elements),
                _ => element.clone(),
            };
        }
        if let Some(element) = row.element {
            return element;
        }
        if row.has_element && !row.has_fields {
            return Node::Scalar(0x0a, vec![]);
        }
        let parent = self.plan.tables.iter().find(|t| t.source.name == table).unwrap();
        let mut out = Node::Document(vec![]);
        for (path, value) in row.fields {
            if !missing.contains(&path)
                && !row
                    .overflow
                    .iter()
                    .any(|(n, _)| is_path(n) && self::path(n) == path)
            {
                put(&mut out, &path, value);
            }
        }
        for (child, _) in &self.tables {
            let Some(inside) = child.source.name.strip_prefix(table) else {
                continue;
            };
            let Some(array) = inside.strip_prefix('[').and_then(|s| s.strip_suffix(']')) else {
                continue;
            };
            if array == "$" || closes_inside(array) {
                continue;
            }
            let path = path(array.as_bytes());
            let elements = self.elements(&child.source.name, id, places).unwrap_or_default();
            let native = child
                .columns
                .iter()
                .find(|c| c.source == "#")
                .map_or("ordinal", |c| &c.native);
            let own_column = parent
                .columns
                .iter()
                .any(|c| self::path(c.source.as_bytes()) == path);
            let value = match (elements.is_empty(), native) {
                (false, _) => Node::Array(elements),
                (true, _) if own_column => continue,
                (true, "ordinal|empty") => Node::Array(vec![]),
                (true, "ordinal|empty|missing") => Node::Nothing("me"),
                (true, _) => continue,
            };
            let kept = row
                .overflow
                .iter()
                .any(|(n, _)| is_path(n) && self::path(n) == path);
            if let Node::Document(members) = &mut out
                && own_column
            {
                members.retain(|(name, value)| path != [name.clone()] || !matches!(value, Node::Nothing(_)));
            }
            if !kept && (own_column || !missing.contains(&path)) {
                put(&mut out, &path, value);
            }
        }
        for (name, value) in row.overflow.iter().filter(|(name, _)| is_path(name)) {
            put(&mut out, &path(name), value.clone());
        }
        if let Some(pairs) = mark("$fields") {
            let Node::Array(pairs) = pairs else {
                panic!("$fields is {pairs:?}")
            };
            for pair in pairs {
                let Node::Array(pair) = pair else {
                    panic!("{pair:?}")
                };
                let [Node::Array(names), value] = &**pair else {
                    panic!("{pair:?}")
                };
                let path: Path = names.iter().map(|n| text(n).to_vec()).collect();
                append(&mut out, &path, value.clone());
            }
        }
        out
    }

    /// The elements of an array, if the plan has a table for it.
    fn elements(&self, table: &str, id: Option<&Vec<u8>>, places: &[usize]) -> Option<Vec<Node>> {
        let (_, rows) = self.tables.iter().find(|(t, _)| t.source.name == table)?;
        let rows = rows.get(&id.cloned()).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<&Row> = rows.iter().filter(|r| r.ordinals.starts_with(places)).collect();
        found.sort_by_key(|r| r.ordinals.clone());
        for (at, row) in found.iter().enumerate() {
            assert_eq!(row.ordinals.len(), places.len() + 1);
            assert_eq!(row.ordinals.last(), Some(&at), "the places of {table}");
        }
        let elements = found.into_iter().map(|row| {
            let copy = Row {
                fields: row.fields.clone(),
                element: row.element.clone(),
                has_element: row.has_element,
                has_fields: row.has_fields,
                id: row.id.clone(),
                ordinals: row.ordinals.clone(),
                overflow: row.overflow.clone(),
            };
            let places = row.ordinals.clone();
            self.assemble(table, copy, id, &places)
        });
        Some(elements.collect())
    }
}

/// Whether a bracket closes before the end: the table is that of an array further inside.
fn closes_inside(array: &str) -> bool {
    let mut escaped = false;
    array.chars().any(|c| {
        let closes = c == ']' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })
}

fn text(node: &Node) -> &[u8] {
    match node {
        Node::Scalar(0x02, bytes) => &bytes[4..bytes.len() - 1],
        other => panic!("{other:?} is no text"),
    }
}

/// Whether a name of the overflow is a path rather than a mark.
fn is_path(name: &[u8]) -> bool {
    name.first() != Some(&b'$')
}

fn path(text: &[u8]) -> Path {
    let mut out = vec![Vec::new()];
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let last = out.last_mut().unwrap();
        match byte {
            b'\\' => match bytes.next().unwrap() {
                b'e' => {}
                escaped => last.push(*escaped),
            },
            b'.' => out.push(Vec::new()),
            byte => last.push(*byte),
        }
    }
    out
}

/// Puts a value where the path says.
fn put(document: &mut Node, path: &[Vec<u8>], value: Node) {
    let Node::Document(members) = document else {
        panic!("{document:?} has no members")
    };
    let (first, rest) = path.split_first().unwrap();
    let at = members.iter().position(|(name, _)| name == first);
    if rest.is_empty() {
        assert_eq!(at, None, "{} comes twice", String::from_utf8_lossy(first));
        members.push((first.clone(), value));
        return;
    }
    if matches!(value, Node::Nothing(_)) && at.is_none() {
        return;
    }
    let at = at.unwrap_or_else(|| {
        members.push((first.clone(), Node::Document(vec![])));
        members.len() - 1
    });
    // A column of its own was NULL: the parts say what it is.
    if matches!(members[at].1, Node::Nothing(_)) {
        members[at].1 = Node::Document(vec![]);
    }
    put(&mut members[at].1, rest, value);
}

/// Adds a member, whatever is there.
fn append(document: &mut Node, path: &[Vec<u8>], value: Node) {
    let Node::Document(members) = document else {
        panic!("{document:?} has no members")
    };
    let (first, rest) = path.split_first().unwrap();
    if rest.is_empty() {
        members.push((first.clone(), value));
        return;
    }
    let at = members
        .iter()
        .position(|(name, _)| name == first)
        .unwrap_or_else(|| {
            members.push((first.clone(), Node::Document(vec![])));
            members.len() - 1
        });
    append(&mut members[at].1, rest, value);
}

fn read(table: &TablePlan, tuples: &[Vec<u8>]) -> Vec<Row> {
    tuples.iter().map(|tuple| row(table, tuple)).collect()
}

fn row(table: &TablePlan, tuple: &[u8]) -> Row {
    let mut out = Row::default();
    let mut ordinals = BTreeMap::new();
    for (column, field) in table.copied().zip(fields(tuple)) {
        let field = field.unwrap();
        let native = Native::read(&column.native);
        match column.source.as_str() {
            "*" => {
                if let Some(bytes) = field {
                    let bytes = back::overflow_from_json(std::str::from_utf8(&bytes[1..]).unwrap()).unwrap();
                    let Node::Document(members) = bson::document(&bytes) else {
                        unreachable!()
                    };
                    out.overflow = members;
                }
            }
            "^_id" => out.id = field.map(<[u8]>::to_vec),
            "$" => {
                out.has_element = true;
                out.element = field.map(|bytes| cell(bytes, &column.ty, &native));
            }
            up if up.ends_with('#') => {
                let bytes = field.unwrap();
                let place = bytes.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
                ordinals.insert(usize::MAX - up.len(), place);
            }
            source => {
                let path = path(source.as_bytes());
                out.has_fields = true;
                if source == "_id" && !table.source.name.contains('[') {
                    out.id = field.map(<[u8]>::to_vec);
                }
                match field {
                    Some(bytes) => out.fields.push((path, cell(bytes, &column.ty, &native))),
                    None if native.null && native.missing => out.fields.push((path, Node::Nothing("nm"))),
                    None if native.null => out.fields.push((path, Node::Scalar(0x0a, vec![]))),
                    None => {}
                }
            }
        }
    }
    out.ordinals = ordinals.into_values().collect();
    out
}
