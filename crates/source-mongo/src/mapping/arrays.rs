//! Arrays that become tables.

use migrate_core::Result;
use migrate_core::catalog::{Action, IndexColumn};
use migrate_core::pg_type::PgType;

use crate::infer::Node;
use crate::raw::Kind;
use crate::shape::{ValueFrom, path_text};

use super::build::{At, Builder};
use super::draft::{self, Draft};
use super::identity;
use super::names;
use super::native::NoRows;
use super::options::Nulls;
use super::types::{Typed, kinds};

impl<'a> Builder<'a> {
    /// What it means that a table has no rows for a document.
    fn no_rows(&mut self, node: &Node, at: &At, rows: u64) -> NoRows {
        let empty = node.stats.empty_arrays > 0;
        let missing = rows > node.stats.present();
        match (empty, missing) {
            (true, false) => NoRows::Empty,
            (true, true) if self.options.nulls == Nulls::Same => {
                self.drafts[at.draft].note(format!(
                    "{}: empty and missing arrays both become no rows",
                    at.shown
                ));
                NoRows::Either
            }
            (true, true) => {
                self.drafts[at.draft].note(format!(
                    "{}: {} empty arrays are kept in the overflow, to be told from missing ones",
                    at.shown, node.stats.empty_arrays
                ));
                NoRows::Missing
            }
            (false, _) => NoRows::Missing,
        }
    }

    /// Starts a table for an array's elements: the key of the row above, the place in the array, and the foreign key.
    fn start(&mut self, node: &Node, element: &Node, at: &At, rows: u64) -> usize {
        let none = self.no_rows(node, at, rows);
        let above = &self.drafts[at.draft];
        let rows_from = above.rows_from.unfold(&at.path);
        let levels = rows_from.arrays.len();
        let id = self.ids.get(&rows_from.collection).cloned();
        let id = id.unwrap_or_else(|| identity::typed(None, self.options));
        let exact = self.inference.sample.is_none();
        let elements = exact.then(|| element.stats.kinds.total());
        let mut draft = Draft::new(self.database, rows_from, elements);
        let mut column = draft::typed(&ValueFrom::DocumentId, &id, false, false);
        column.nullable = false;
        draft.push(ValueFrom::DocumentId, String::new(), None, column);
        for up in (1..levels).rev() {
            draft.ordinal(up, NoRows::Missing);
        }
        draft.ordinal(0, none);
        let ordinals = |from: usize, to: usize| (from..to).rev().map(|up| ValueFrom::Ordinal(up).to_string());
        let mut key = vec!["^_id".to_owned()];
        key.extend(ordinals(0, levels));
        draft.table.primary_key = Some(draft::key(key));
        // What is `^#` here is `#` there.
        let (mut columns, mut referenced) = (vec!["^_id".to_owned()], Vec::new());
        columns.extend(ordinals(1, levels));
        referenced.push(if levels == 1 { "_id" } else { "^_id" }.to_owned());
        referenced.extend(ordinals(0, levels - 1));
        let mut foreign = draft::foreign_key(&[], above.table.name.clone(), &[], Action::Cascade);
        (foreign.columns, foreign.referenced_columns) = (columns, referenced);
        draft.table.foreign_keys.push(foreign);
        let collection = draft.rows_from.collection.clone();
        self.drafts.push(draft);
        let at = self.drafts.len() - 1;
        self.number(at, "^_id", &collection);
        at
    }

    pub(super) fn child(&mut self, node: &'a Node, element: &'a Node, at: &At, rows: u64) -> Result<()> {
        let draft = self.start(node, element, at, rows);
        let others = element.stats.kinds.total() - element.stats.kinds.of(Kind::Document);
        if others > 0 {
            self.drafts[at.draft].note(format!(
                "{}: arrays with any of {others} elements that are no documents are kept whole in the overflow",
                at.shown
            ));
        }
        for field in element.ordered() {
            let path = vec![field.name.clone()];
            let shown = format!("{}[].{}", at.shown, path_text(&path));
            self.place(
                field,
                At {
                    draft,
                    path,
                    shown,
                    flat: 0,
                },
            )?;
        }
        self.overflow(draft);
        Ok(())
    }

    pub(super) fn elements(
        &mut self,
        (node, element): (&'a Node, &'a Node),
        at: &At,
        rows: u64,
        typed: &Typed,
        target: Option<String>,
        note: Option<String>,
    ) {
        let draft = self.start(node, element, at, rows);
        let null = element.stats.kinds.of(Kind::Null) > 0;
        let mut column = draft::typed(&ValueFrom::Element, typed, null, false);
        let odd = kinds(&element.stats).contains(&Kind::Undefined);
        column.nullable = null || odd || self.inference.sample.is_some() || typed.pg == PgType::Jsonb;
        self.drafts[draft].push(
            ValueFrom::Element,
            format!("{}[]", at.shown),
            Some(element),
            column,
        );
        let Some(target) = target else { return };
        let shown = format!("{}[]", at.shown);
        self.foreign_key(
            (draft, &shown),
            &ValueFrom::Element,
            typed,
            &target,
            Action::Cascade,
        );
        self.targets
            .insert(self.drafts[draft].table.name.clone(), target.clone());
        // The other direction has the primary key.
        let table = names::table_name(&self.drafts[draft].rows_from);
        let mut index = draft::index(format!("{table}_{}_idx", names::one_of(&target)));
        index.columns.push(IndexColumn {
            name: "$".to_owned(),
            descending: false,
        });
        let draft = &mut self.drafts[draft];
        draft.table.indexes.push(index);
        if let Some(note) = note {
            draft.note(note);
        }
    }
}
