//! The paths of a collection, found by walking its documents.

use std::collections::HashMap;
use std::sync::Arc;

use crate::raw::{BsonRef, Document, Kind, Malformed};

use super::distinct::Distinct;
use super::hash;
use super::keys::Budget;
use super::stats::{Keyed, Stats};

/// Bounds of what is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Paths of a collection. What has a path beyond it is only counted.
    pub(crate) paths: usize,
    /// Different names in one nested document, beyond which they are taken for data.
    pub(crate) names: usize,
    /// Levels of documents and arrays that are looked into.
    pub(crate) levels: usize,
    /// Hashes for proving references, while documents are read.
    pub(crate) hashes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            paths: 2_000,
            names: 200,
            levels: 16,
            hashes: 1 << 20,
        }
    }
}

/// Names after which fields look like references: any scalar in them is kept for proof.
pub(crate) type LooksLikeReference = dyn Fn(&str) -> bool + Send + Sync;

/// A path and what is below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// The field's name; empty for documents themselves, elements of arrays and values of maps.
    pub(crate) name: String,
    /// What was counted.
    pub(crate) stats: Stats,
    /// Fields of the documents here.
    pub(crate) fields: Vec<Node>,
    /// Elements of the arrays here.
    pub(crate) element: Option<Box<Node>>,
    /// Values of the documents here, whose names are data; then there are no fields.
    pub(crate) map: Option<Box<Map>>,
    /// Values below that were not looked at: too deep, too many paths, or names that are not UTF-8.
    pub(crate) untracked: u64,
    keyed: Option<Keyed>,
    /// Where fields are, once there are many.
    places: HashMap<Box<[u8]>, u32>,
    /// The last document that had this field.
    seen: u64,
}

/// A document with data for names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    /// All values.
    pub(crate) values: Node,
    /// Different names.
    pub(crate) names: Distinct,
}

/// All paths of a collection, or of a part of one.
#[derive(Clone)]
pub(crate) struct Tree {
    /// The documents.
    pub(crate) root: Node,
    walk: Walk,
}

/// What walking carries along.
#[derive(Clone)]
struct Walk {
    limits: Limits,
    references: Option<Arc<LooksLikeReference>>,
    budget: Budget,
    /// Paths there are.
    paths: usize,
    /// Documents so far, nested ones included.
    documents: u64,
}

/// Fields beyond which they are found by hash.
const FEW: usize = 8;

impl Tree {
    /// No documents. Values of references are kept if `references` is given.
    pub(crate) fn new(limits: Limits, references: Option<Arc<LooksLikeReference>>) -> Self {
        Self {
            root: Node::default(),
            walk: Walk {
                limits,
                references,
                budget: Budget::new(limits.hashes),
                paths: 0,
                documents: 0,
            },
        }
    }

    /// Documents.
    pub(crate) fn documents(&self) -> u64 {
        self.root.stats.kinds.of(Kind::Document)
    }

    /// Adds a document.
    ///
    /// # Errors
    /// If it is damaged, as far as it was looked at.
    pub(crate) fn add(&mut self, document: &[u8]) -> Result<(), Malformed> {
        let document = Document::new(document)?;
        self.root
            .stats
            .add(&BsonRef::Document(document), Keyed::No, &mut self.walk.budget);
        self.root.object(document, 0, &mut self.walk)
    }

    /// Adds what another part of the collection holds.
    pub(crate) fn merge(&mut self, other: Self) {
        self.root.merge(other.root, 0, &mut self.walk);
        self.walk.paths = self.root.paths() - 1;
    }

    /// The same, ready for looking references up.
    pub(crate) fn sorted(mut self) -> Self {
        self.visit_stats(&mut |stats| {
            if let Some(keys) = &mut stats.keys {
                keys.compact();
            }
        });
        self
    }

    /// Calls the function for each path.
    pub(crate) fn visit(&self, f: &mut impl FnMut(&Node)) {
        self.root.visit(f);
    }

    /// Calls the function for each path's statistics.
    pub(super) fn visit_stats(&mut self, f: &mut impl FnMut(&mut Stats)) {
        self.root.visit_stats(f);
    }
}

impl Node {
    fn new(name: &str, keyed: Keyed) -> Self {
        Self {
            name: name.to_owned(),
            keyed: Some(keyed),
            ..Self::default()
        }
    }

    /// The field of the name.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Fields by their usual place in the document, `_id` first.
    pub(crate) fn ordered(&self) -> Vec<&Node> {
        let mut fields: Vec<&Node> = self.fields.iter().collect();
        fields.sort_by(|a, b| {
            // Averages of places, compared as fractions.
            let (a_sum, b_sum) = (u128::from(a.stats.position), u128::from(b.stats.position));
            let (a_n, b_n) = (
                u128::from(a.stats.kinds.total()),
                u128::from(b.stats.kinds.total()),
            );
            (b.name == "_id")
                .cmp(&(a.name == "_id"))
                .then_with(|| (a_sum * b_n).cmp(&(b_sum * a_n)))
                .then_with(|| a.name.cmp(&b.name))
        });
        fields
    }

    fn visit(&self, f: &mut impl FnMut(&Node)) {
        f(self);
        for field in &self.fields {
            field.visit(f);
        }
        if let Some(element) = &self.element {
            element.visit(f);
        }
        if let Some(map) = &self.map {
            map.values.visit(f);
        }
    }

    fn visit_stats(&mut self, f: &mut impl FnMut(&mut Stats)) {
        f(&mut self.stats);
        for field in &mut self.fields {
            field.visit_stats(f);
        }
        if let Some(element) = &mut self.element {
            element.visit_stats(f);
        }
        if let Some(map) = &mut self.map {
            map.values.visit_stats(f);
        }
    }

    /// This path and those below.
    fn paths(&self) -> usize {
        let mut n = 0;
        self.visit(&mut |_| n += 1);
        n
    }

    /// Keeps no values for proof here and below: what is in a map refers to nothing by a name.
    fn forget_keys(&mut self) {
        self.keyed = Some(Keyed::No);
        self.stats.keys = None;
        let below = self.fields.iter_mut().chain(self.element.as_deref_mut());
        for node in below.chain(self.map.as_deref_mut().map(|m| &mut m.values)) {
            node.forget_keys();
        }
    }

    fn keyed(&self) -> Keyed {
        self.keyed.unwrap_or(Keyed::No)
    }

    /// Adds a value and what is inside of it.
    #[inline]
    fn value(&mut self, value: &BsonRef<'_>, level: usize, walk: &mut Walk) -> Result<(), Malformed> {
        self.stats.add(value, self.keyed(), &mut walk.budget);
        match *value {
            BsonRef::Document(document) => self.object(document, level, walk),
            BsonRef::Array(array) => self.array(array, level, walk),
            _ => Ok(()),
        }
    }

    fn array(&mut self, array: Document<'_>, level: usize, walk: &mut Walk) -> Result<(), Malformed> {
        let mut length = 0;
        let keyed = self.keyed();
        let mut element = if level >= walk.limits.levels || array.is_empty() {
            None
        } else {
            if self.element.is_none() && walk.paths < walk.limits.paths {
                walk.paths += 1;
                self.element = Some(Box::new(Self::new("", keyed)));
            }
            self.element.as_mut()
        };
        for value in array.elements() {
            let value = value?.value;
            length += 1;
            match &mut element {
                Some(element) => element.value(&value, level + 1, walk)?,
                None => self.untracked += 1,
            }
        }
        self.stats.array(length);
        Ok(())
    }

    fn object(&mut self, object: Document<'_>, level: usize, walk: &mut Walk) -> Result<(), Malformed> {
        if object.is_empty() {
            self.stats.empty_objects += 1;
            return Ok(());
        }
        walk.documents += 1;
        let this = walk.documents;
        // Documents of a collection mostly have the same fields in the same order.
        let mut expected = 0;
        for (position, element) in object.elements().enumerate() {
            let element = element?;
            let name = element.name.as_bytes();
            if level >= walk.limits.levels {
                self.untracked += 1;
                continue;
            }
            if let Some(map) = &mut self.map {
                map.names.insert(hash::text(name));
                map.values.value(&element.value, level + 1, walk)?;
                continue;
            }
            let place = match self.fields.get(expected) {
                Some(field) if field.name.as_bytes() == name => expected,
                _ => match self.place(name, expected) {
                    Some(place) => place,
                    None => {
                        let Ok(name) = element.name.as_str() else {
                            self.untracked += 1;
                            continue;
                        };
                        if level > 0 && self.fields.len() >= walk.limits.names {
                            self.become_map(level, walk);
                            if let Some(map) = &mut self.map {
                                map.names.insert(hash::text(name.as_bytes()));
                                map.values.value(&element.value, level + 1, walk)?;
                            }
                            continue;
                        }
                        if walk.paths >= walk.limits.paths {
                            self.untracked += 1;
                            continue;
                        }
                        walk.paths += 1;
                        let keyed = match self.keyed {
                            Some(Keyed::No) => Keyed::No,
                            _ => walk.keyed(name, level),
                        };
                        self.push(Self::new(name, keyed));
                        self.fields.len() - 1
                    }
                },
            };
            expected = place + 1;
            let field = &mut self.fields[place];
            field.stats.position += position as u64;
            field.stats.duplicates += u64::from(field.seen == this);
            field.seen = this;
            field.value(&element.value, level + 1, walk)?;
        }
        Ok(())
    }

    /// Where the field of the name is.
    fn place(&self, name: &[u8], expected: usize) -> Option<usize> {
        if self.fields.len() > FEW {
            // Most often some optional fields are missing.
            let ahead = self.fields.iter().skip(expected).take(3);
            if let Some(n) = ahead.into_iter().position(|f| f.name.as_bytes() == name) {
                return Some(expected + n);
            }
            return self.places.get(name).map(|place| *place as usize);
        }
        self.fields.iter().position(|f| f.name.as_bytes() == name)
    }

    fn push(&mut self, field: Node) {
        self.fields.push(field);
        let all = self.fields.len();
        let first = match all {
            0..=FEW => return,
            _ if self.places.is_empty() => 0,
            _ => all - 1,
        };
        for (place, field) in self.fields.iter().enumerate().skip(first) {
            self.places.insert(field.name.as_bytes().into(), place as u32);
        }
    }

    /// Takes the names of the documents here for data.
    fn become_map(&mut self, level: usize, walk: &mut Walk) {
        if self.map.is_some() {
            return;
        }
        self.places = HashMap::new();
        let fields = std::mem::take(&mut self.fields);
        let before: usize = fields.iter().map(Node::paths).sum();
        let mut map = Box::new(Map::default());
        map.values.keyed = Some(Keyed::No);
        for mut field in fields {
            map.names.insert(hash::text(field.name.as_bytes()));
            field.name = String::new();
            field.stats.position = 0;
            field.stats.duplicates = 0;
            field.forget_keys();
            map.values.merge(field, level + 1, walk);
        }
        walk.paths = walk.paths + map.values.paths() - before.min(walk.paths);
        self.map = Some(map);
    }

    /// Adds another node of the same path. What is over the limit of names becomes a map, as it would have by walking;
    /// what is over the limit of paths is counted only.
    fn merge(&mut self, mut other: Node, level: usize, walk: &mut Walk) {
        self.stats.merge(std::mem::take(&mut other.stats));
        self.untracked += other.untracked;
        if let Some(b) = other.element.take() {
            match &mut self.element {
                Some(a) => a.merge(*b, level + 1, walk),
                none => *none = Some(b),
            }
        }
        let more = other
            .fields
            .iter()
            .filter(|f| self.place(f.name.as_bytes(), 0).is_none());
        let names = self.fields.len() + more.count();
        if self.map.is_some() || other.map.is_some() || (level > 0 && names > walk.limits.names) {
            self.become_map(level, walk);
            other.become_map(level, walk);
        }
        if let (Some(a), Some(b)) = (&mut self.map, other.map) {
            a.names.merge(&b.names);
            a.values.merge(b.values, level + 1, walk);
        }
        for field in other.fields {
            if let Some(place) = self.place(field.name.as_bytes(), 0) {
                self.fields[place].merge(field, level + 1, walk);
                continue;
            }
            let more = field.paths();
            if walk.paths + more > walk.limits.paths {
                self.untracked += field.stats.kinds.total();
                continue;
            }
            walk.paths += more;
            self.push(field);
        }
    }
}

impl Walk {
    fn keyed(&self, name: &str, level: usize) -> Keyed {
        match &self.references {
            None => Keyed::No,
            Some(_) if level == 0 && name == "_id" => Keyed::Ids,
            Some(looks) if looks(name) || name == "$id" => Keyed::Scalars,
            Some(_) => Keyed::ObjectIds,
        }
    }
}
