//! The query that reads a chunk, and what becomes of each column of its result.

use migrate_core::catalog::Part;
use migrate_core::plan::TablePlan;
use migrate_core::{Error, Result};

use super::key::{Key, KeyValue};
use super::range::Range;
use super::variant;
use crate::classify::config;
use crate::clr::spatial::SpatialKind;
use crate::live::catalog::{ReadColumn, TableFacts, bracketed};
use crate::types::Base;

/// What a result's column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// What the batch gets of it.
    pub(crate) action: Action,
    /// Which column of the key it is.
    pub(crate) key: Option<usize>,
}

/// What a batch gets of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The value as it is.
    Push,
    /// Nothing: only the cursor needs it.
    Skip,
    /// The path that the bytes of a `hierarchyid` stand for.
    HierarchyId,
    /// EWKB for the bytes of a spatial value.
    Spatial(SpatialKind),
    /// The numbers of a vector.
    Vector,
    /// A part of a `sql_variant`; the last one makes it complete.
    Variant(variant::Part),
}

/// How a table's rows are asked for, and in which order they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// `select ... from ...`
    head: String,
    filter: Option<String>,
    /// One for each column of the result.
    pub(crate) cells: Vec<Cell>,
    /// The order, where rows have one.
    pub(crate) key: Option<Key>,
}

impl Selection {
    /// The plan's copied columns in its order, then the columns of the key that are not among them.
    ///
    /// # Errors
    /// `Config` if the plan was made for another schema.
    pub(crate) fn new(plan: &TablePlan, facts: &TableFacts, key: Option<Key>) -> Result<Self> {
        let mut list = Vec::new();
        let mut cells = Vec::new();
        let place = |name: &str| {
            let columns = key.iter().flat_map(|k| &k.columns);
            columns.into_iter().position(|c| c.name == name)
        };
        for column in plan.delivered() {
            let at = |e: Error| e.at("column", &column.source).at("table", &plan.source);
            let source = match &column.part {
                Some(Part::UtcOffset { of }) => of,
                None => &column.source,
                // These are not delivered.
                Some(Part::Legacy { .. } | Part::Target { .. }) => continue,
            };
            let found = facts.columns.iter().find(|c| c.name == *source);
            let found = found.ok_or_else(|| {
                at(config("the plan copies a column that the table does not have"))
                    .hint("the table was changed, or the column is computed: make the plan again")
            })?;
            if column.part.is_some() {
                if found.native.base != Base::DateTimeOffset {
                    return Err(at(config(format!(
                        "{source} is no datetimeoffset, so that it has no offset"
                    ))));
                }
                list.push(format!(
                    "cast(datepart(tzoffset, {}) as smallint)",
                    bracketed(source)
                ));
                cells.push(Cell {
                    action: Action::Push,
                    key: None,
                });
                continue;
            }
            let kind = found.native.kind();
            if kind != column.kind {
                return Err(at(config(format!(
                    "the plan expects {:?} where the table has {kind:?}",
                    column.kind
                )))
                .hint("the table was changed: make the plan again"));
            }
            add(found, place(&column.source), &mut list, &mut cells);
        }
        for (index, column) in key.iter().flat_map(|k| &k.columns).enumerate() {
            if !cells.iter().any(|c: &Cell| c.key == Some(index)) {
                list.push(asked_for(column.native.base, &column.name));
                cells.push(Cell {
                    action: Action::Skip,
                    key: Some(index),
                });
            }
        }
        if list.is_empty() {
            // A row without columns is a row still.
            list.push("1".to_owned());
            cells.push(Cell {
                action: Action::Skip,
                key: None,
            });
        }
        let table = format!(
            "{}.{}",
            bracketed(&plan.source.schema),
            bracketed(&plan.source.name)
        );
        Ok(Self {
            head: format!("select {} from {table}", list.join(", ")),
            filter: plan.filter.clone(),
            cells,
            key,
        })
    }

    /// The query for the rows of a range that come after `after`, in the key's order.
    ///
    /// # Errors
    /// `Internal` if the range or the cursor belongs to another key.
    pub(crate) fn sql(&self, range: &Range, after: Option<&[KeyValue]>) -> Result<String> {
        let mut conditions = match &self.key {
            Some(key) => range.conditions(key, after)?,
            None => Vec::new(),
        };
        // On a line of its own: the condition may end in a comment.
        conditions.extend(self.filter.iter().map(|f| format!("(\n{f}\n)")));
        let mut sql = self.head.clone();
        for (i, condition) in conditions.iter().enumerate() {
            sql.push_str(if i == 0 { " where " } else { " and " });
            sql.push_str(condition);
        }
        if let Some(key) = &self.key {
            sql.push_str(&format!(" order by {}", order(key, false)));
        }
        Ok(sql)
    }
}

/// `[a], [b] desc`, or the other way round.
pub(crate) fn order(key: &Key, backwards: bool) -> String {
    let columns = key.columns.iter().map(|c| {
        let desc = if c.descending != backwards { " desc" } else { "" };
        format!("{}{desc}", bracketed(&c.name))
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// The key's columns as a list to select.
pub(crate) fn key_list(key: &Key) -> String {
    let columns = key.columns.iter().map(|c| asked_for(c.native.base, &c.name));
    columns.collect::<Vec<_>>().join(", ")
}

/// A column as it is selected. What not every driver has a form for comes as bytes, and `money`, of which tiberius makes
/// a floating-point number, as a decimal.
fn asked_for(base: Base, name: &str) -> String {
    let name = bracketed(name);
    match base {
        Base::HierarchyId | Base::Geometry | Base::Geography | Base::Clr => {
            format!("cast({name} as varbinary(max))")
        }
        Base::Money => format!("cast({name} as decimal(19,4))"),
        // One of the drivers takes up to 100 MiB of the old types, and any length of the new ones.
        Base::Text => format!("cast({name} as varchar(max))"),
        // Nor does every driver, or every version of one, know the types of SQL Server 2025.
        Base::NText | Base::Json | Base::Vector => format!("cast({name} as nvarchar(max))"),
        Base::Image => format!("cast({name} as varbinary(max))"),
        _ => name,
    }
}

fn add(column: &ReadColumn, key: Option<usize>, list: &mut Vec<String>, cells: &mut Vec<Cell>) {
    let action = match column.native.base {
        Base::HierarchyId => Action::HierarchyId,
        Base::Geometry => Action::Spatial(SpatialKind::Geometry),
        Base::Geography => Action::Spatial(SpatialKind::Geography),
        Base::Vector => Action::Vector,
        Base::SqlVariant => {
            for (part, sql) in variant::parts(&bracketed(&column.name)) {
                list.push(sql);
                cells.push(Cell {
                    action: Action::Variant(part),
                    key: None,
                });
            }
            return;
        }
        _ => Action::Push,
    };
    list.push(asked_for(column.native.base, &column.name));
    cells.push(Cell { action, key });
}
