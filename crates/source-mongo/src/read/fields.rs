//! The fields that a plan takes, as a tree: which column, nested document or child table each is for.

use std::collections::HashMap;

use crate::shape::{Path, path_text};

/// A field's number in its table's tree.
pub(super) type FieldId = u32;

/// A level's number: 0 is that of the row's own document.
pub(super) type LevelId = u32;

/// What becomes of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// The slot of the column that takes the value.
    pub(super) slot: Option<u32>,
    /// Whether that column takes whole documents, and whole arrays.
    pub(super) slot_takes: (bool, bool),
    /// The level of the columns that take parts of it, if it is a document.
    pub(super) level: Option<LevelId>,
    /// What the plan has of it as an array of its own.
    pub(super) array: Option<ChildArray>,
    /// Whether a person left it out of the plan.
    pub(super) dropped: bool,
    /// Its path from the row's document, as the overflow names it.
    pub(super) path: String,
}

impl Field {
    /// Whether a person left out all of it.
    pub(super) fn is_left_out(&self) -> bool {
        self.dropped && self.level.is_none() && self.array.is_none()
    }
}

/// An array whose elements are rows of another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChildArray {
    /// Whether an empty array has to be kept in the overflow: no rows mean something else.
    pub(super) keep_empty: bool,
    /// Whether a missing one has to be marked in the overflow.
    pub(super) mark_missing: bool,
}

/// The fields of one document.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// The names from the row's document to this one.
    pub(super) path: Path,
    /// The same as a prefix of the names in the overflow: empty, or with a dot at the end.
    pub(super) prefix: String,
    by_name: HashMap<Box<[u8]>, FieldId>,
    /// Up to so many fields are found faster by comparing.
    few: Vec<(Box<[u8]>, FieldId)>,
}

const FEW: usize = 8;

impl Level {
    /// The field of that name.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<FieldId> {
        if self.few.is_empty() {
            return self.by_name.get(name).copied();
        }
        self.few.iter().find(|(n, _)| **n == *name).map(|(_, id)| *id)
    }
}

/// The tree.
#[derive(Debug, Clone)]
pub(super) struct FieldTree {
    pub(super) fields: Vec<Field>,
    pub(super) names: Vec<Box<[u8]>>,
    pub(super) levels: Vec<Level>,
}

impl FieldTree {
    /// A tree without fields.
    pub(super) fn new() -> Self {
        Self {
            fields: Vec::new(),
            names: Vec::new(),
            levels: vec![Level::default()],
        }
    }

    /// The fields of the row's own document.
    pub(super) fn top(&self) -> impl Iterator<Item = FieldId> {
        self.levels[0].by_name.values().copied()
    }

    /// The field at the path, which is added if it is not there. The path has at least one name.
    pub(super) fn at(&mut self, path: &[String]) -> &mut Field {
        let mut level = 0;
        let (last, parents) = path
            .split_last()
            .map_or(("", path), |(last, parents)| (last.as_str(), parents));
        for (depth, name) in parents.iter().enumerate() {
            let id = self.field(level, name, &path[..=depth]);
            level = match self.fields[id as usize].level {
                Some(level) => level,
                None => {
                    let next = self.levels.len() as LevelId;
                    let path = path[..=depth].to_vec();
                    self.levels.push(Level {
                        prefix: format!("{}.", path_text(&path)),
                        path,
                        ..Level::default()
                    });
                    self.fields[id as usize].level = Some(next);
                    next
                }
            };
        }
        let id = self.field(level, last, path);
        &mut self.fields[id as usize]
    }

    fn field(&mut self, level: LevelId, name: &str, path: &[String]) -> FieldId {
        let level = &mut self.levels[level as usize];
        let name: Box<[u8]> = name.as_bytes().into();
        if let Some(id) = level.by_name.get(&name) {
            return *id;
        }
        let id = self.fields.len() as FieldId;
        level.by_name.insert(name.clone(), id);
        self.names.push(name.clone());
        self.fields.push(Field {
            path: path_text(path),
            ..Field::default()
        });
        level.few = match level.by_name.len() {
            ..=FEW => level.by_name.iter().map(|(n, id)| (n.clone(), *id)).collect(),
            _ => Vec::new(),
        };
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Path {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn fields_are_found_by_level_and_name() {
        let mut tree = FieldTree::new();
        tree.at(&path(&["a", "b.c"])).slot = Some(1);
        tree.at(&path(&["a", "d"])).dropped = true;
        for i in 0..20 {
            tree.at(&path(&[&format!("n{i}")])).slot = Some(100 + i);
        }
        tree.at(&path(&["a"])).slot = Some(2);
        let a = tree.levels[0].find(b"a").unwrap();
        assert_eq!(tree.fields[a as usize].slot, Some(2));
        let level = &tree.levels[tree.fields[a as usize].level.unwrap() as usize];
        assert_eq!(level.prefix, "a.");
        let c = level.find(b"b.c").unwrap();
        assert_eq!(tree.fields[c as usize].slot, Some(1));
        assert_eq!(tree.fields[c as usize].path, "a.b\\.c");
        assert_eq!(level.find(b"n1"), None);
        assert_eq!(
            tree.fields[tree.levels[0].find(b"n19").unwrap() as usize].slot,
            Some(119)
        );
    }
}
