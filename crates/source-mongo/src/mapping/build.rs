//! From paths to tables and columns.

use std::collections::{BTreeMap, BTreeSet};

use migrate_core::Result;
use migrate_core::catalog::{Action, Fidelity, ObjectName, Reshape};
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use crate::infer::{Inference, Node, Tree, report};
use crate::raw::Kind;
use crate::shape::{Path, RowsFrom, ValueFrom, path_text};

use super::choose::{CHILD_LEVELS, Decision, Place, decide, is_dbref, leaves};
use super::draft::{self, Draft};
use super::identity;
use super::native::Native;
use super::options::{MongoOptions, NotNull, Nulls, Targets};
use super::reference::{self, Collections, KnownIds, Reference};
use super::types::{Typed, scalar};
use super::written::Written;

/// Makes the tables of all collections.
pub(super) struct Builder<'a> {
    pub(super) database: &'a str,
    pub(super) inference: &'a Inference,
    pub(super) options: &'a MongoOptions,
    pub(super) names: Collections,
    pub(super) known: KnownIds<'a>,
    /// What `_id` becomes in each collection.
    pub(super) ids: BTreeMap<String, Typed>,
    /// Fields that validators require, by collection and path.
    pub(super) required: BTreeSet<(String, String)>,
    pub(super) drafts: Vec<Draft<'a>>,
    pub(super) written: Vec<Written>,
    /// The references that became foreign keys, by `collection.path`.
    pub(super) references: BTreeMap<String, Targets>,
    /// The collections that elements refer to, by their tables.
    pub(super) targets: BTreeMap<ObjectName, String>,
    /// What becomes of tables once their rows are copied.
    pub(super) reshapes: BTreeMap<ObjectName, Reshape>,
}

/// Columns that a collection's fields become, at most. PostgreSQL has 1,600, but a row of them has to fit into a page.
const COLUMNS: usize = 400;

/// The fields that most documents have, in their order, so many that they do not become more than `most` columns.
fn frequent(node: &Node, most: usize) -> Vec<&Node> {
    let mut by_presence = node.ordered();
    by_presence.sort_by_key(|f| (f.name != "_id", std::cmp::Reverse(f.stats.present())));
    let mut columns = 0;
    let kept: BTreeSet<&str> = by_presence
        .into_iter()
        .take_while(|field| {
            columns += leaves(field).max(1);
            columns <= most
        })
        .map(|field| field.name.as_str())
        .collect();
    let mut fields = node.ordered();
    fields.retain(|f| kept.contains(f.name.as_str()));
    fields
}

/// Where the builder is.
#[derive(Clone)]
pub(super) struct At {
    pub(super) draft: usize,
    /// Names from the row's document or element.
    pub(super) path: Path,
    /// The path in the collection, as the options write it.
    pub(super) shown: String,
    /// Documents around it within the row.
    pub(super) flat: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        database: &'a str,
        inference: &'a Inference,
        options: &'a MongoOptions,
        required: BTreeSet<(String, String)>,
    ) -> Self {
        let ids = inference.collections.iter().map(|(name, tree)| {
            let typed = identity::typed(tree.root.field("_id"), options);
            (name.clone(), typed)
        });
        Self {
            database,
            inference,
            options,
            known: KnownIds::of(inference),
            names: Collections::new(inference.collections.keys().map(String::as_str)),
            ids: ids.collect(),
            required,
            drafts: Vec::new(),
            written: Vec::new(),
            references: BTreeMap::new(),
            targets: BTreeMap::new(),
            reshapes: BTreeMap::new(),
        }
    }

    /// Adds a collection's tables.
    pub(super) fn collection(&mut self, name: &str, tree: &'a Tree) -> Result<()> {
        let exact = self.inference.sample.is_none();
        let rows = exact.then(|| tree.documents());
        let at = self.drafts.len();
        self.drafts
            .push(Draft::new(self.database, RowsFrom::of(name), rows));
        let id = self
            .ids
            .get(name)
            .cloned()
            .unwrap_or_else(|| identity::typed(None, self.options));
        let from = ValueFrom::Field(vec!["_id".to_owned()]);
        let node = tree.root.field("_id");
        // A server gives every document one; a file that something else wrote may have documents without.
        let without = without_id(tree);
        let mut column = draft::typed(&from, &id, false, without > 0);
        column.nullable = without > 0;
        let draft = &mut self.drafts[at];
        draft.push(from, "_id".to_owned(), node, column);
        if without == 0 {
            draft.key(&["_id"]);
            self.number(at, "_id", name);
        } else {
            draft.note(format!(
                "{without} documents have no _id: there is no primary key, and arrays stay in the row"
            ));
        }
        let draft = &mut self.drafts[at];
        if let Some(node) = node {
            identity::notes(node, &id, &mut draft.table.notes);
        }
        if tree.root.untracked > 0 {
            let paths = crate::infer::Limits::default().paths;
            draft.note(format!(
                "has more than {paths} paths: {} values of further ones, seen later, go to the overflow",
                tree.root.untracked
            ));
        }
        let fields = frequent(&tree.root, COLUMNS);
        let left = tree.root.fields.len() - fields.len();
        if left > 0 {
            self.drafts[at].note(format!(
                "has {left} fields more than a table of PostgreSQL takes, those that the fewest documents have: they go to the overflow"
            ));
        }
        for field in fields.into_iter().filter(|f| f.name != "_id") {
            let path = vec![field.name.clone()];
            let shown = path_text(&path);
            self.place(
                field,
                At {
                    draft: at,
                    path,
                    shown,
                    flat: 0,
                },
            )?;
        }
        self.overflow(at);
        Ok(())
    }

    pub(super) fn overflow(&mut self, draft: usize) {
        if self.options.overflow.0.is_empty() {
            return;
        }
        let from = ValueFrom::Overflow;
        let column = draft::column(
            &from,
            &Native::Overflow,
            PgType::Jsonb,
            ValueKind::Json,
            Fidelity::Widened,
        );
        self.drafts[draft].push(from, String::new(), None, column);
    }

    pub(super) fn place(&mut self, node: &'a Node, at: At) -> Result<()> {
        let collection = self.drafts[at.draft].rows_from.collection.clone();
        let rows = self.documents_around(&at);
        let place = Place {
            collection: &collection,
            path: &at.shown,
            flat: at.flat,
            // Rows of another table need a key to refer to.
            tables: match &self.drafts[at.draft] {
                draft if draft.table.primary_key.is_none() => CHILD_LEVELS,
                draft => draft.rows_from.arrays.len(),
            },
            rows,
        };
        let mut reference = None;
        let decision = decide(node, place, self.options, |element| {
            let path = format!("{}[]", at.shown);
            let found = self.refers(element, &collection, &path, &at.path);
            let target = match &found {
                Reference::To { collection, .. } => Some(collection.clone()),
                _ => None,
            };
            reference = Some(found);
            target
        })?;
        self.written.push(Written::new(
            &collection,
            decision.as_choice(),
            report(node, at.shown.clone(), rows.saturating_sub(node.stats.present())),
        ));
        match decision {
            Decision::Overflow => {
                self.drafts[at.draft].note(format!(
                    "{} is kept in the overflow, as the options say",
                    at.shown
                ));
            }
            Decision::Flatten => {
                self.flatten_notes(node, &at);
                for field in node.ordered() {
                    let mut below = at.clone();
                    below.path.push(field.name.clone());
                    below.shown = format!("{}.{}", at.shown, path_text(std::slice::from_ref(&field.name)));
                    below.flat += 1;
                    self.place(field, below)?;
                }
            }
            Decision::Column(typed) => {
                match reference {
                    Some(Reference::Note(text)) => self.drafts[at.draft].note(text),
                    Some(Reference::Several { found, .. }) => {
                        self.drafts[at.draft].note(found + ": no foreign key");
                    }
                    _ => {}
                }
                self.column(node, at, &typed, rows);
            }
            Decision::Child => {
                if let Some(element) = &node.element {
                    self.child(node, element, &at, rows)?;
                }
            }
            Decision::Elements {
                element: typed,
                target,
            } => {
                if let Some(element) = &node.element {
                    let note = match reference {
                        Some(Reference::To { note, .. }) => note,
                        _ => None,
                    };
                    self.elements((node, element), &at, rows, &typed, target, note);
                }
            }
        }
        Ok(())
    }

    /// Rows of the table, as far as documents were looked at.
    fn documents_around(&self, at: &At) -> u64 {
        self.row(at).map_or(0, |row| row.stats.kinds.total())
    }

    /// The documents or elements that are the table's rows.
    pub(super) fn row(&self, at: &At) -> Option<&'a Node> {
        let from = &self.drafts[at.draft].rows_from;
        let root = &self.inference.collections.get(&from.collection)?.root;
        from.arrays.iter().try_fold(root, |node, path| {
            let array = path.iter().try_fold(node, |node, name| node.field(name))?;
            array.element.as_deref()
        })
    }

    fn flatten_notes(&mut self, node: &Node, at: &At) {
        let others =
            node.stats.kinds.total() - node.stats.kinds.of(Kind::Document) - node.stats.kinds.of(Kind::Null);
        if others > 0 {
            self.drafts[at.draft].note(format!(
                "{}: {others} values that are no documents go to the overflow",
                at.shown
            ));
        }
        if is_dbref(node) && node.fields.iter().any(|f| f.name == "$db") {
            self.drafts[at.draft].note(format!("{} may refer to other databases ($db)", at.shown));
        }
    }

    fn column(&mut self, node: &'a Node, at: At, typed: &Typed, rows: u64) {
        let stats = &node.stats;
        let nulls = stats.kinds.of(Kind::Null);
        let missing = rows.saturating_sub(stats.present());
        let json = typed.pg == PgType::Jsonb;
        let (null, either) = match (nulls > 0, missing > 0) {
            (true, _) if json => (true, false),
            (true, false) => (true, false),
            (true, true) => match self.options.nulls {
                Nulls::Same => (true, true),
                Nulls::Keep => (false, false),
            },
            (false, _) => (false, false),
        };
        let collection = self.drafts[at.draft].rows_from.collection.clone();
        let from = ValueFrom::Field(at.path.clone());
        let mut column = draft::typed(&from, typed, null, either);
        let strays =
            stats.dates_beyond + stats.strings_invalid + stats.duplicates + stats.kinds.of(Kind::Undefined);
        let required = match self.options.not_null {
            NotNull::Keys => false,
            NotNull::Data => true,
            NotNull::Validator => self.required.contains(&(collection.clone(), at.shown.clone())),
        };
        let whole = self.inference.sample.is_none();
        let natural = scalar(stats, self.options).is_some_and(|s| s.pg == typed.pg) || json;
        column.nullable = !(required && whole && natural && nulls == 0 && missing == 0 && strays == 0);
        let draft = &mut self.drafts[at.draft];
        let path = &at.shown;
        if either {
            draft.note(format!(
                "{path}: {nulls} explicit nulls and {missing} missing values both become NULL"
            ));
        } else if nulls > 0 && missing > 0 && !json {
            draft.note(format!(
                "{path}: NULL stands for a missing value; {nulls} explicit nulls are kept in the overflow"
            ));
        }
        for (n, what) in [
            (
                stats.dates_beyond,
                "dates outside of PostgreSQL's range go to the overflow",
            ),
            (
                stats.strings_invalid,
                "strings that are not UTF-8 go to the overflow",
            ),
            (
                stats.strings_with_nul,
                "strings hold U+0000, which PostgreSQL's text does not: see `nul`",
            ),
            (
                stats.duplicates,
                "values have a name that came before in the same document",
            ),
        ] {
            if n > 0 && !(json && what.contains("dates")) {
                draft.note(format!("{path}: {n} {what}"));
            }
        }
        draft.push(from, at.shown.clone(), Some(node), column);
        if matches!(typed.pg, PgType::Array(_) | PgType::Jsonb) {
            return;
        }
        match self.refers(node, &collection, &at.shown, &at.path) {
            Reference::None => {}
            Reference::Note(text) => self.drafts[at.draft].note(text),
            Reference::Several { collections, found } => self.several(node, &at, typed, &collections, found),
            Reference::To {
                collection: target,
                note,
            } => {
                let from = ValueFrom::Field(at.path);
                self.foreign_key((at.draft, &at.shown), &from, typed, &target, Action::NoAction);
                if let Some(note) = note {
                    self.drafts[at.draft].note(note);
                }
            }
        }
    }

    /// Whether every document of the collection can be referred to.
    pub(super) fn has_key(&self, collection: &str) -> bool {
        let tree = self.inference.collections.get(collection);
        self.ids.contains_key(collection) && tree.is_none_or(|tree| without_id(tree) == 0)
    }

    /// Whether the values are kept as the collection's keys are, so that PostgreSQL can compare them.
    pub(super) fn is_key_of(&self, typed: &Typed, collection: &str) -> bool {
        let integer = |t: &Typed| t.pg.is_integer();
        self.ids.get(collection).is_some_and(|id| {
            identity::is_plain(id) && (id.types == typed.types || (integer(id) && integer(typed)))
        })
    }

    /// What the values of a path refer to. `names` lead there from the row.
    fn refers(&self, node: &Node, collection: &str, shown: &str, names: &[String]) -> Reference {
        // In `author.id` and `owner.$id`, the document around is what is called like the collection.
        let (last, around) = match names {
            [.., around, last] => (last.as_str(), Some(around.as_str())),
            [last] => (last.as_str(), None),
            [] => return Reference::None,
        };
        let field = match (last, around) {
            ("$id" | "id" | "_id" | "oid", Some(around)) => around,
            _ => last,
        };
        reference::find(
            node,
            collection,
            shown,
            field,
            &self.names,
            &self.known,
            self.options,
        )
    }

    /// Adds a foreign key, if the types on both ends are the same.
    pub(super) fn foreign_key(
        &mut self,
        (draft, shown): (usize, &str),
        from: &ValueFrom,
        typed: &Typed,
        target: &str,
        on_delete: Action,
    ) {
        if !self.has_key(target) {
            return;
        }
        let same = self.is_key_of(typed, target);
        if same {
            self.number(draft, &from.to_string(), target);
        }
        let draft = &mut self.drafts[draft];
        if same {
            let references = ObjectName::new(self.database, RowsFrom::of(target).to_string());
            let column = from.to_string();
            let key = draft::foreign_key(&[&column], references, &["_id"], on_delete);
            draft.table.foreign_keys.push(key);
            let path = format!("{}.{shown}", draft.rows_from.collection);
            self.references.insert(path, Targets::One(target.to_owned()));
        } else {
            draft.note(format!(
                "{from} refers to {target}, whose _id is of another type: no foreign key"
            ));
        }
    }
}

/// Documents of a collection that have no `_id`.
fn without_id(tree: &Tree) -> u64 {
    let with = tree.root.field("_id").map_or(0, |node| node.stats.present());
    tree.documents().saturating_sub(with)
}
