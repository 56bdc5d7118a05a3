//! What a table's plan asks of each document, decided once.

use migrate_core::Result;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::plan::{Plan, TablePlan};

use super::fields::{ChildArray, FieldTree};
use crate::classify::config;
use crate::mapping::{Native, NoRows};
use crate::raw::Kind;
use crate::shape::{Path, RowsFrom, ValueFrom};
use crate::store::Fields;
use crate::values::json::Nul;
use crate::values::{Null, Target};

/// A table's plan, compiled.
#[derive(Debug)]
pub(crate) struct Program {
    /// The arrays to unfold, outermost first.
    pub(super) arrays: Vec<Path>,
    pub(super) collection: String,
    pub(super) tree: FieldTree,
    /// The copied columns in order.
    pub(super) columns: Vec<Column>,
    /// Columns that take fields.
    pub(super) slots: usize,
    /// The place of the overflow among the columns.
    pub(super) overflow: Option<usize>,
    /// Whether rows of which something would be left go to quarantine: there never was an overflow. Without one that a
    /// person left out of the plan, what is left is left out too.
    pub(super) strict: bool,
    /// Whether elements that are arrays are rows of a table of their own.
    pub(super) nested: Option<ChildArray>,
    pub(super) expected: Vec<Expected>,
    /// What has to be read.
    pub(crate) fields: Fields,
    /// What becomes of U+0000 in the overflow.
    pub(super) nul: Nul,
    /// Whether a column takes elements themselves.
    element: bool,
    /// Whether documents are taken apart: they are rows, or elements of which columns take fields.
    walks: bool,
}

/// A field of which a column's NULL or a child table's lack of rows would say that it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) field: u32,
    /// The column's slot.
    pub(super) slot: Option<u32>,
}

/// A copied column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) from: From,
    /// Its converter; the overflow and ordinals need none.
    pub(super) target: Option<Target>,
}

/// Where a column's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// A field, which is noted in the slot.
    Field {
        slot: u32,
        field: u32,
    },
    Element,
    Ordinal(usize),
    DocumentId,
    Overflow,
}

impl Program {
    /// Compiles a table's plan. What a person left out of the plan although the `catalog` has it is left out of the overflow
    /// too.
    ///
    /// # Errors
    /// `Config` if the plan does not fit together.
    pub(crate) fn compile(plan: &Plan, table: &TablePlan, catalog: &Catalog) -> Result<Self> {
        let rows = RowsFrom::parse(&table.source.name)?;
        let mut program = Self {
            arrays: rows.arrays.clone(),
            collection: rows.collection.clone(),
            tree: FieldTree::new(),
            columns: Vec::new(),
            slots: 0,
            overflow: None,
            strict: false,
            nested: None,
            expected: Vec::new(),
            fields: Fields::All,
            nul: Nul::Escaped,
            element: false,
            walks: false,
        };
        for column in table.delivered() {
            let place = |e: migrate_core::Error| e.at("column", &column.source).at("table", &table.source);
            let from = ValueFrom::parse(&column.source).map_err(place)?;
            let types = match Native::parse(&column.native).map_err(place)? {
                Native::Values(types) => types,
                Native::Ordinal(_) | Native::Overflow => Default::default(),
            };
            let (from, target) = match from {
                ValueFrom::Ordinal(up) if up < rows.arrays.len() => (From::Ordinal(up), None),
                ValueFrom::Overflow => {
                    program.overflow = Some(program.columns.len());
                    program.nul = Nul::of(column.text);
                    (From::Overflow, None)
                }
                ValueFrom::DocumentId => (
                    From::DocumentId,
                    Some(Target::new(&column, &types, &table.source)?),
                ),
                ValueFrom::Element if !rows.arrays.is_empty() => {
                    program.element = true;
                    (From::Element, Some(Target::new(&column, &types, &table.source)?))
                }
                ValueFrom::Field(path) => {
                    let slot = program.slots as u32;
                    program.slots += 1;
                    let target = Target::new(&column, &types, &table.source)?;
                    let field = program.tree.at(&path);
                    if field.slot.replace(slot).is_some() {
                        return Err(place(config("two columns take the same field")));
                    }
                    field.slot_takes = (target.takes(Kind::Document), target.takes(Kind::Array));
                    (From::Field { slot, field: 0 }, Some(target))
                }
                ValueFrom::Ordinal(_) | ValueFrom::Element => {
                    return Err(place(config(
                        "the column belongs to an array around it that the table does not have",
                    )));
                }
            };
            program.columns.push(Column { from, target });
        }
        program.number_fields();
        program.children(plan, &rows, &table.source)?;
        program.left_out(table, catalog);
        program.walks = rows.arrays.is_empty() || program.slots > 0 || !program.element;
        program.expect();
        program.fields = program.needed();
        Ok(program)
    }

    /// The collection that the rows come from.
    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    /// Whether each document is one row.
    pub(crate) fn is_root(&self) -> bool {
        self.arrays.is_empty()
    }

    /// Whether it matters what no column takes.
    #[inline]
    pub(super) fn keeps(&self) -> bool {
        self.overflow.is_some() || self.strict
    }

    /// Whether a column takes elements themselves.
    #[inline]
    pub(super) fn has_element(&self) -> bool {
        self.element
    }

    /// Whether documents are taken apart.
    #[inline]
    pub(super) fn walks(&self) -> bool {
        self.walks
    }

    /// Tells each column which field its slot belongs to.
    fn number_fields(&mut self) {
        let mut of_slot = vec![0; self.slots];
        for (id, field) in self.tree.fields.iter().enumerate() {
            if let Some(slot) = field.slot {
                of_slot[slot as usize] = id as u32;
            }
        }
        for column in &mut self.columns {
            if let From::Field { slot, field } = &mut column.from {
                *field = of_slot[*slot as usize];
            }
        }
    }

    /// Notes the arrays that other tables of the plan unfold.
    fn children(&mut self, plan: &Plan, rows: &RowsFrom, table: &ObjectName) -> Result<()> {
        let names = plan.tables.iter().map(|t| (&t.source, Some(t)));
        for (name, child) in names.chain(plan.excluded.iter().map(|name| (name, None))) {
            if name.schema != table.schema {
                continue;
            }
            let other = RowsFrom::parse(&name.name)?;
            let Some((path, around)) = other.arrays.split_last() else {
                continue;
            };
            if other.collection != rows.collection || *around != rows.arrays {
                continue;
            }
            let array = child.map(child_array).transpose()?;
            if path.is_empty() {
                self.nested = Some(array.unwrap_or(ChildArray {
                    keep_empty: false,
                    mark_missing: false,
                }));
                continue;
            }
            let field = self.tree.at(path);
            match array {
                Some(array) => field.array = Some(array),
                None => field.dropped = true,
            }
        }
        Ok(())
    }

    /// Notes the fields whose columns a person left out.
    fn left_out(&mut self, table: &TablePlan, catalog: &Catalog) {
        let Some(known) = catalog.tables.iter().find(|t| t.name == table.source) else {
            return;
        };
        let offered = known.columns.iter().any(|c| c.name == "*");
        self.strict = self.overflow.is_none() && !offered;
        for column in known.columns.iter().filter(|c| c.computed.is_none()) {
            let planned = table.columns.iter().any(|c| c.source == column.name);
            if !planned && let Ok(ValueFrom::Field(path)) = ValueFrom::parse(&column.name) {
                self.tree.at(&path).dropped = true;
            }
        }
    }

    fn expect(&mut self) {
        if self.overflow.is_none() {
            return;
        }
        for field in &mut self.tree.fields {
            // A lack of rows says nothing where there is a column for other values.
            if let (Some(_), Some(array)) = (field.slot, &mut field.array) {
                *array = ChildArray {
                    keep_empty: true,
                    mark_missing: false,
                };
            }
        }
        for column in &self.columns {
            if let (From::Field { slot, field }, Some(target)) = (column.from, &column.target)
                && target.null == Null::Explicit
            {
                self.expected.push(Expected {
                    field,
                    slot: Some(slot),
                });
            }
        }
        for (field, said) in self.tree.fields.iter().enumerate() {
            if said.array.is_some_and(|a| a.mark_missing) {
                self.expected.push(Expected {
                    field: field as u32,
                    slot: None,
                });
            }
        }
    }

    /// What has to be read of each document: all of it where nothing may be lost, otherwise the fields that are taken.
    fn needed(&self) -> Fields {
        let mut names: Vec<String> = match self.arrays.first() {
            Some(path) => path.first().cloned().into_iter().collect(),
            None if self.keeps() => return Fields::All,
            None => {
                let of_top = |id: u32| String::from_utf8_lossy(&self.tree.names[id as usize]).into_owned();
                let taken = self.tree.top().filter(|id| {
                    let field = &self.tree.fields[*id as usize];
                    field.slot.is_some() || field.level.is_some()
                });
                taken.map(of_top).collect()
            }
        };
        // A projection takes these for something else.
        if names
            .iter()
            .any(|n| n.is_empty() || n.contains('.') || n.starts_with('$'))
        {
            return Fields::All;
        }
        names.retain(|n| n != "_id");
        names.sort();
        Fields::Only(names)
    }
}

/// What a child table says about arrays without elements.
fn child_array(child: &TablePlan) -> Result<ChildArray> {
    let mut no_rows = NoRows::Missing;
    for column in child.delivered() {
        if let (Ok(ValueFrom::Ordinal(0)), Native::Ordinal(said)) =
            (ValueFrom::parse(&column.source), Native::parse(&column.native)?)
        {
            no_rows = said;
        }
    }
    Ok(ChildArray {
        keep_empty: no_rows == NoRows::Missing,
        mark_missing: no_rows == NoRows::Empty,
    })
}
