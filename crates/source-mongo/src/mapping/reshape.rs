//! What becomes of tables once all rows are copied: keys as numbers, references to one of several collections.

use migrate_core::catalog::{Numbered, ObjectName, Reshape, Resolved, SaysWhich};

use crate::infer::Node;
use crate::raw::Kind;
use crate::shape::{RowsFrom, ValueFrom};

use super::build::{At, Builder};
use super::choose::is_dbref;
use super::names;
use super::options::{KeyType, Polymorphic, Targets};
use super::reference::{called, says_which, stem};
use super::types::{Typed, kinds};

impl<'a> Builder<'a> {
    fn reshape(&mut self, table: &ObjectName) -> &mut Reshape {
        self.reshapes.entry(table.clone()).or_insert_with(|| Reshape {
            table: table.clone(),
            numbered: Vec::new(),
            resolved: Vec::new(),
        })
    }

    /// Whether the keys of a collection become numbers. Whole numbers are some already.
    fn is_numbered(&self, collection: &str) -> bool {
        self.options.keys == KeyType::BigInt
            && self.has_key(collection)
            && self.ids.get(collection).is_some_and(|id| !id.pg.is_integer())
    }

    /// Notes that a column holds keys of the collection, which may become numbers.
    pub(super) fn number(&mut self, draft: usize, column: &str, collection: &str) {
        if !self.is_numbered(collection) {
            return;
        }
        let key_of = ObjectName::new(self.database, RowsFrom::of(collection).to_string());
        let table = self.drafts[draft].table.name.clone();
        let numbered = Numbered {
            column: column.to_owned(),
            key_of,
        };
        self.reshape(&table).numbered.push(numbered);
    }

    /// Notes a path that refers to several collections, and adds a column for each that it can refer to.
    pub(super) fn several(
        &mut self,
        node: &'a Node,
        at: &At,
        typed: &Typed,
        collections: &[String],
        found: String,
    ) {
        let which = self.which(at);
        let beside = which.map_or_else(String::new, |f| {
            format!("; {} beside it seems to say which", f.name)
        });
        let able = |c: &&String| self.has_key(c) && self.is_key_of(typed, c);
        let able: Vec<String> = collections.iter().filter(able).cloned().collect();
        if self.options.polymorphic == Polymorphic::Note || able.is_empty() {
            self.drafts[at.draft].note(format!("{found}: no foreign key{beside}"));
            return;
        }
        self.drafts[at.draft].note(format!(
            "{found}: a column with a foreign key for each, beside the one that keeps all values{beside}"
        ));
        let table = self.drafts[at.draft].table.name.clone();
        let from = ValueFrom::Field(at.path.clone()).to_string();
        for collection in &able {
            let resolved = Resolved {
                name: column_name(&at.path, collection),
                from: from.clone(),
                references: ObjectName::new(self.database, RowsFrom::of(collection).to_string()),
                key: "_id".to_owned(),
                when: self.says(node, at, which, collection),
            };
            self.reshape(&table).resolved.push(resolved);
        }
        let path = format!("{}.{}", self.drafts[at.draft].rows_from.collection, at.shown);
        self.references.insert(path, Targets::Several(able));
    }

    /// What a row has to say for its value to be a key of the collection. ObjectIds are different everywhere: where one is
    /// found says enough, whatever is beside it.
    fn says(&self, node: &Node, at: &At, which: Option<&Node>, collection: &str) -> Option<SaysWhich> {
        let (last, around) = at.path.split_last()?;
        let beside = |name: &str| {
            let mut path = around.to_vec();
            path.push(name.to_owned());
            ValueFrom::Field(path).to_string()
        };
        if last == "$id" && self.around(at).is_some_and(is_dbref) {
            return Some(SaysWhich {
                column: beside("$ref"),
                values: vec![collection.to_owned()],
                loosely: false,
            });
        }
        let which = which.filter(|_| kinds(&node.stats) != [Kind::ObjectId])?;
        Some(SaysWhich {
            column: beside(&which.name),
            values: called(collection),
            loosely: true,
        })
    }

    /// The document that the path is in.
    fn around(&self, at: &At) -> Option<&'a Node> {
        let (_, above) = at.path.split_last()?;
        above
            .iter()
            .try_fold(self.row(at)?, |node, name| node.field(name))
    }

    /// The field beside a path that says which collection it refers to.
    fn which(&self, at: &At) -> Option<&'a Node> {
        let last = at.path.last()?;
        let says =
            |f: &&&Node| kinds(&f.stats) == [Kind::String] && f.name != *last && says_which(&f.name, last);
        self.around(at)?.ordered().iter().find(says).copied()
    }
}

/// `on.id` and `tasks` as `on_task_id`.
fn column_name(path: &[String], collection: &str) -> String {
    let (last, above) = path
        .split_last()
        .map_or(("", path), |(last, above)| (last.as_str(), above));
    let mut parts: Vec<&str> = above.iter().map(String::as_str).collect();
    parts.push(stem(last));
    let one = names::one_of(collection);
    parts.push(&one);
    parts.push("id");
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty() && *p != "$").collect();
    parts.join("_")
}
