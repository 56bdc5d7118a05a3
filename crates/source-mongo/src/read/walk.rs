//! One pass over a document: which value belongs to which column, and what is left.

use super::fields::LevelId;
use super::program::Program;
use crate::raw::{BsonRef, Document, Malformed, Text};

/// A value that no column took.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left<'a> {
    /// Of a field that the plan does not have.
    Unknown {
        level: LevelId,
        name: Text<'a>,
        value: BsonRef<'a>,
    },
    /// Of a field that the plan has, but for other values.
    Field { field: u32, value: BsonRef<'a> },
    /// Of a name that came before in the same document.
    Repeated {
        level: LevelId,
        name: Text<'a>,
        value: BsonRef<'a>,
    },
    /// The element itself.
    Element(BsonRef<'a>),
    /// The element is an array, whose elements are rows of another table.
    NestedArray,
}

impl Left<'_> {
    /// Whether it is more than null or empty.
    pub(super) fn says_something(&self) -> bool {
        match self {
            Self::Unknown { value, .. }
            | Self::Field { value, .. }
            | Self::Repeated { value, .. }
            | Self::Element(value) => match value {
                BsonRef::Null => false,
                BsonRef::Document(inner) | BsonRef::Array(inner) => !inner.is_empty(),
                _ => true,
            },
            Self::NestedArray => false,
        }
    }
}

/// No field.
const NONE: u32 = u32::MAX;

/// What is remembered from document to document.
#[derive(Debug)]
pub(super) struct Memory {
    /// For each level, which field stood at which place in the last document: documents of a collection are alike.
    hints: Vec<Vec<u32>>,
    /// For each field, the row in which it was seen last.
    seen: Vec<u64>,
    row: u64,
}

impl Memory {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            hints: vec![Vec::new(); program.tree.levels.len()],
            seen: vec![0; program.tree.fields.len()],
            row: 0,
        }
    }

    /// Whether the row has the field.
    pub(super) fn saw(&self, field: u32) -> bool {
        self.seen[field as usize] == self.row
    }
}

/// What was found in a row.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) slots: Vec<Option<BsonRef<'a>>>,
    pub(super) left: Vec<Left<'a>>,
}

impl<'a> Found<'a> {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            slots: vec![None; program.slots],
            left: Vec::new(),
        }
    }

    /// Forgets the row before.
    #[inline]
    pub(super) fn begin(&mut self, memory: &mut Memory) {
        memory.row += 1;
        self.slots.fill(None);
        self.left.clear();
    }

    /// Notes a document's values, in the slots or as left over.
    #[inline]
    pub(super) fn document(
        &mut self,
        program: &Program,
        memory: &mut Memory,
        document: Document<'a>,
    ) -> Result<(), Malformed> {
        self.level(program, memory, 0, document, program.keeps())
    }

    fn level(
        &mut self,
        program: &Program,
        memory: &mut Memory,
        level: LevelId,
        document: Document<'a>,
        keep: bool,
    ) -> Result<(), Malformed> {
        let tree = &program.tree;
        for (at, element) in document.elements().enumerate() {
            let element = element?;
            let (name, value) = (element.name, element.value);
            let hint = memory.hints[level as usize].get(at).copied().unwrap_or(NONE);
            let id = if hint != NONE && *tree.names[hint as usize] == *name.as_bytes() {
                hint
            } else if let Some(id) = tree.levels[level as usize].find(name.as_bytes()) {
                learn(&mut memory.hints[level as usize], at, id);
                id
            } else {
                if keep {
                    self.left.push(Left::Unknown { level, name, value });
                }
                continue;
            };
            let seen = &mut memory.seen[id as usize];
            if *seen == memory.row {
                if keep {
                    self.left.push(Left::Repeated { level, name, value });
                }
                continue;
            }
            *seen = memory.row;
            let field = &tree.fields[id as usize];
            let mut slot = field.slot;
            let taken = match (value, field.level, field.array) {
                (BsonRef::Document(inner), Some(inner_level), _) if !inner.is_empty() => {
                    // Parts go to columns of their own, unless there is one for the whole too.
                    slot = slot.filter(|_| field.slot_takes.0);
                    self.level(program, memory, inner_level, inner, keep && slot.is_none())?;
                    true
                }
                (BsonRef::Array(array), _, Some(child)) if !array.is_empty() || !child.keep_empty => {
                    slot = slot.filter(|_| field.slot_takes.1);
                    true
                }
                _ => false,
            };
            if let Some(slot) = slot {
                self.slots[slot as usize] = Some(value);
            }
            // Whether the column takes what is in the slot is found out when it is converted.
            if !taken && keep && slot.is_none() && !field.is_left_out() {
                self.left.push(Left::Field { field: id, value });
            }
        }
        Ok(())
    }
}

#[cold]
fn learn(hints: &mut Vec<u32>, at: usize, id: u32) {
    /// Places beyond this are looked up.
    const MOST: usize = 1 << 12;
    if at < MOST {
        if hints.len() <= at {
            hints.resize(at + 1, NONE);
        }
        hints[at] = id;
    }
}
