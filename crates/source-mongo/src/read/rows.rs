//! Documents become rows.

use migrate_core::batch::BatchBuilder;
use migrate_core::value::Value;
use migrate_core::{Error, Result};

use super::overflow;
use super::program::{From, Program};
use super::walk::{Found, Left, Memory};
use crate::raw::{BsonRef, Document, Malformed};
use crate::shape::Path;
use crate::values::Null;
use crate::values::json::{self, Nul};

/// What rows are made in.
pub(super) struct Rows<'p, 'a> {
    program: &'p Program,
    memory: &'p mut Memory,
    found: Found<'a>,
    text: &'p mut String,
    /// Places in the arrays, outermost first.
    ordinals: Vec<usize>,
}

/// The document that a row belongs to.
struct Origin<'a> {
    document: Document<'a>,
    /// Found when it is asked for; a document may have none.
    id: Option<BsonRef<'a>>,
}

impl<'p, 'a> Rows<'p, 'a> {
    pub(super) fn new(program: &'p Program, memory: &'p mut Memory, text: &'p mut String) -> Self {
        Self {
            program,
            memory,
            found: Found::new(program),
            text,
            ordinals: Vec::new(),
        }
    }

    pub(super) fn program(&self) -> &'p Program {
        self.program
    }

    /// Adds a document's rows.
    ///
    /// # Errors
    /// If the document is damaged.
    pub(super) fn document(&mut self, bytes: &'a [u8], out: &mut BatchBuilder) -> Result<()> {
        let document = Document::new(bytes)?;
        let mut origin = Origin { document, id: None };
        let program = self.program;
        let Some((first, deeper)) = program.arrays.split_first() else {
            return self.row(&origin, BsonRef::Document(document), out);
        };
        origin.id = document.get("_id")?;
        self.unfold(&origin, BsonRef::Document(document), first, deeper, out)
    }

    /// Adds the rows for the elements of the array at the path.
    fn unfold(
        &mut self,
        origin: &Origin<'a>,
        context: BsonRef<'a>,
        path: &Path,
        deeper: &[Path],
        out: &mut BatchBuilder,
    ) -> Result<()> {
        let mut value = context;
        for name in path {
            let BsonRef::Document(document) = value else {
                return Ok(());
            };
            match document.get(name)? {
                Some(inner) => value = inner,
                None => return Ok(()),
            }
        }
        // What is no array is in the overflow of the table around.
        let BsonRef::Array(array) = value else {
            return Ok(());
        };
        for (at, element) in array.elements().enumerate() {
            let element = element?.value;
            self.ordinals.push(at);
            match deeper.split_first() {
                None => self.row(origin, element, out)?,
                Some((next, deeper)) => self.unfold(origin, element, next, deeper, out)?,
            }
            self.ordinals.pop();
        }
        Ok(())
    }

    /// Adds a row for a document or an element.
    #[inline]
    fn row(&mut self, origin: &Origin<'a>, context: BsonRef<'a>, out: &mut BatchBuilder) -> Result<()> {
        let program = self.program;
        self.found.begin(self.memory);
        let element = match context {
            BsonRef::Document(document) if program.walks() => {
                self.found.document(program, self.memory, document)?;
                None
            }
            BsonRef::Array(_) if program.nested.is_some() => {
                self.found.left.push(Left::NestedArray);
                None
            }
            other => Some(other),
        };
        if element.is_some() && !program.has_element() {
            self.found.left.extend(element.map(Left::Element));
        }
        if program.overflow.is_some_and(|at| at + 1 < program.columns.len()) {
            self.look_ahead(origin, element)?;
        }
        out.begin_row();
        let mut cells = 0..program.columns.len();
        if program.strict && self.found.left.iter().any(Left::says_something) {
            cells.start = self.refuse_left(out)?;
        }
        for at in cells {
            self.cell(at, origin, element, out)?;
        }
        let ordinals = &self.ordinals;
        out.end_row(|| key(origin, ordinals))
    }

    /// Adds a column's cell.
    #[inline]
    fn cell(
        &mut self,
        at: usize,
        origin: &Origin<'a>,
        element: Option<BsonRef<'a>>,
        out: &mut BatchBuilder,
    ) -> Result<()> {
        let column = &self.program.columns[at];
        let value = match column.from {
            From::Field { slot, .. } => self.found.slots[slot as usize],
            From::Element => element,
            From::DocumentId => origin.id,
            From::Ordinal(up) => {
                let place = self.ordinals[self.ordinals.len() - 1 - up];
                out.push(Value::Int64(place as i64));
                return Ok(());
            }
            From::Overflow => {
                if overflow::write(self.program, self.memory, &self.found, self.text)? {
                    out.push(Value::Json(self.text));
                } else {
                    out.push(Value::Null);
                }
                return Ok(());
            }
        };
        // Only the columns that come from somewhere else have no converter.
        let (Some(value), Some(target)) = (value, &column.target) else {
            out.push(Value::Null);
            return Ok(());
        };
        if value == BsonRef::Null && !target.takes_null {
            out.push(Value::Null);
        } else if target.deliver(value, self.text, |v| out.push(v))? {
            return Ok(());
        } else if self.program.overflow.is_none() || column.from == From::DocumentId {
            self.refuse(value, out)?;
            return Ok(());
        } else {
            out.push(Value::Null);
        }
        self.keep(at, value);
        Ok(())
    }

    /// Keeps what a column did not take, unless it was kept before or its NULL says it.
    fn keep(&mut self, at: usize, value: BsonRef<'a>) {
        let column = &self.program.columns[at];
        if self.program.overflow.is_none_or(|overflow| overflow < at) {
            return;
        }
        if value == BsonRef::Null && self.says_null(at) {
            return;
        }
        match column.from {
            From::Field { field, .. } => self.found.left.push(Left::Field { field, value }),
            From::Element => self.found.left.push(Left::Element(value)),
            From::Ordinal(_) | From::DocumentId | From::Overflow => {}
        }
    }

    /// Whether NULL in the column stands for null.
    fn says_null(&self, at: usize) -> bool {
        let column = &self.program.columns[at];
        // Where elements may be documents, the column is NULL for them.
        let other = column.from == From::Element && self.program.walks();
        !other && column.target.as_ref().is_some_and(|t| t.null != Null::Missing)
    }

    /// Finds out what the columns behind the overflow do not take, since it comes before them.
    fn look_ahead(&mut self, origin: &Origin<'a>, element: Option<BsonRef<'a>>) -> Result<(), Malformed> {
        let after = self.program.overflow.map_or(0, |at| at + 1);
        for (at, column) in self.program.columns.iter().enumerate().skip(after) {
            let value = match column.from {
                From::Field { slot, .. } => self.found.slots[slot as usize],
                From::Element => element,
                From::DocumentId => origin.id,
                From::Ordinal(_) | From::Overflow => None,
            };
            let (Some(value), Some(target)) = (value, &column.target) else {
                continue;
            };
            let null = value == BsonRef::Null && !target.takes_null;
            if null && self.says_null(at) {
                continue;
            }
            if null || !target.deliver(value, self.text, |_| {})? {
                match column.from {
                    From::Field { field, .. } => self.found.left.push(Left::Field { field, value }),
                    From::Element => self.found.left.push(Left::Element(value)),
                    _ => debug_assert!(at > 0, "other columns come from elsewhere"),
                }
            }
        }
        Ok(())
    }

    /// Sends the row to quarantine for what no column takes, in place of its first cell.
    #[cold]
    fn refuse_left(&mut self, out: &mut BatchBuilder) -> Result<usize, Malformed> {
        if self.program.columns.is_empty() {
            return Ok(0);
        }
        overflow::write(self.program, self.memory, &self.found, self.text)?;
        out.push(Value::Unsupported {
            reason: "the document has values that no column takes, and the options leave the overflow out",
            bytes: self.text.as_bytes(),
        });
        Ok(1)
    }

    /// Sends the row to quarantine for a value that nothing takes.
    #[cold]
    fn refuse(&mut self, value: BsonRef<'a>, out: &mut BatchBuilder) -> Result<(), Malformed> {
        self.text.clear();
        json::write(value, Nul::Escaped, self.text)?;
        out.push(Value::Unsupported {
            reason: "the value is of a type or size that the column does not take, and the plan has no overflow for it",
            bytes: self.text.as_bytes(),
        });
        Ok(())
    }
}

/// The row's place in the source: the document's `_id` and the places in the arrays.
#[cold]
fn key(origin: &Origin<'_>, ordinals: &[usize]) -> String {
    let mut out = String::new();
    match origin.document.get("_id") {
        Ok(Some(id)) if json::write(id, Nul::Escaped, &mut out).is_ok() => {}
        _ => out = "without _id".to_owned(),
    }
    for at in ordinals {
        out.push_str(&format!("[{at}]"));
    }
    out
}

/// Adds where a document is to what is wrong with it.
pub(super) fn in_document(error: Error, place: &str, program: &Program) -> Error {
    error.at("document", place).at("collection", &program.collection)
}
