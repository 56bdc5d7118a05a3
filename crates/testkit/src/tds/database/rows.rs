//! A table's rows, and how they are answered with.

use std::ops::Range;
use std::sync::Arc;

use super::condition::{Condition, compare};
use super::statement::{Select, select, table, type_named, unquoted};
use super::variant::Part;
use super::{Fault, refused};
use crate::bacpac::{Cell, ColumnSpec, DatabaseSpec, SqlType, TableSpec};
use crate::tds::answer::Answer;
use crate::tds::{Column, row};

/// The rows of a table.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Rows that are encoded when they are asked for.
    Cells(Vec<Vec<Cell>>),
    /// Rows that were encoded before.
    Encoded(Encoded),
}

/// Rows in the form in which they travel. The first column of each is its number, from 1, and its key. An answer is a range of
/// these bytes, so that it costs next to nothing.
#[derive(Debug, Clone)]
pub struct Encoded {
    tokens: Arc<Vec<u8>>,
    /// Where each row begins, and the end.
    offsets: Arc<Vec<usize>>,
}

impl Rows {
    /// Encodes rows of a table, which `fill` hands over one after the other.
    pub fn encoded(spec: &TableSpec, fill: impl FnOnce(&mut dyn FnMut(&[Cell]))) -> Self {
        let columns: Vec<Column> = (stored(spec).into_iter())
            .map(|c| Column {
                name: c.name.clone(),
                ty: travelling(&c.ty),
                nullable: c.nullable,
            })
            .collect();
        let mut tokens = Vec::new();
        let mut offsets = Vec::new();
        fill(&mut |cells| {
            offsets.push(tokens.len());
            assert_eq!(cells[0], Cell::Int(offsets.len() as i64), "the key of a row");
            row::row(&mut tokens, &columns, cells);
        });
        offsets.push(tokens.len());
        Self::Encoded(Encoded {
            tokens: Arc::new(tokens),
            offsets: Arc::new(offsets),
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Cells(rows) => rows.len() as u64,
            Self::Encoded(rows) => rows.offsets.len() as u64 - 1,
        }
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> u64 {
        let cell = |cell: &Cell| match cell {
            Cell::Text(text) => 2 * text.len() as u64,
            Cell::Bytes(bytes) => bytes.len() as u64,
            _ => 8,
        };
        match self {
            Self::Cells(rows) => rows.iter().flatten().map(cell).sum(),
            Self::Encoded(rows) => rows.tokens.len() as u64,
        }
    }
}

/// The type of a column as the reader asks for it.
fn travelling(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::Money => SqlType::Decimal(19, 4),
        other => other.clone(),
    }
}

/// A table's columns without the computed ones.
fn stored(spec: &TableSpec) -> Vec<&ColumnSpec> {
    spec.columns.iter().filter(|c| c.computed.is_none()).collect()
}

/// What an item of a select stands for.
#[derive(Debug, Clone, Copy)]
enum Item {
    Column(usize),
    /// The minutes of a `datetimeoffset`'s offset.
    Offset(usize),
    Variant(usize, Part),
    One,
}

/// A query over a table.
pub(super) struct Asking<'a> {
    database: &'a DatabaseSpec,
    /// The columns that rows have a cell for.
    stored: Vec<&'a ColumnSpec>,
    items: Vec<(Item, Column)>,
    condition: Option<Condition>,
    order: Vec<(usize, bool)>,
}

impl<'a> Asking<'a> {
    /// Reads the query, or `None` where it is of no form that the reader writes.
    pub(super) fn read(database: &'a DatabaseSpec, spec: &'a TableSpec, asked: &Select<'_>) -> Option<Self> {
        let mut asking = Self {
            database,
            stored: stored(spec),
            items: Vec::new(),
            condition: None,
            order: Vec::new(),
        };
        for item in &asked.items {
            if *item == "*" {
                let all = asking.stored.iter().enumerate();
                let all = all.map(|(at, stored)| {
                    let (item, column) = asking.column(at, None);
                    let ty = travelling(&stored.ty);
                    (item, Column { ty, ..column })
                });
                asking.items = all.collect();
            } else {
                asking.items.push(asking.item(item)?);
            }
        }
        if let Some(condition) = asked.condition {
            let columns: Vec<(String, SqlType)> = (asking.stored.iter())
                .map(|c| (c.name.clone(), asking.resolved(&c.ty)))
                .collect();
            asking.condition = Some(Condition::read(condition, &columns)?);
        }
        for term in asked.order.map(super::statement::parts).unwrap_or_default() {
            let (name, descending) = match term.strip_suffix(" desc") {
                Some(name) => (name, true),
                None => (term, false),
            };
            asking.order.push((asking.place(name)?, descending));
        }
        Some(asking)
    }

    fn place(&self, quoted: &str) -> Option<usize> {
        let name = unquoted(quoted)?;
        self.stored.iter().position(|c| c.name == name)
    }

    /// What an alias stands for.
    fn resolved(&self, ty: &SqlType) -> SqlType {
        match ty {
            SqlType::Alias(schema, name) => {
                let mut aliases = self.database.alias_types.iter();
                let found = aliases.find(|a| a.schema == *schema && a.name == *name);
                found.expect("an alias of the database").base.clone()
            }
            other => other.clone(),
        }
    }

    fn item(&self, item: &str) -> Option<(Item, Column)> {
        if item == "1" {
            return Some((Item::One, Column::new("", SqlType::Int).not_null()));
        }
        if let Some((part, column)) = Part::read(item) {
            return Some((
                Item::Variant(self.place(column)?, part),
                Column::new("", part.ty()),
            ));
        }
        if let Some(column) = item.strip_prefix("cast(datepart(tzoffset, ") {
            let column = column.strip_suffix(") as smallint)")?;
            return Some((
                Item::Offset(self.place(column)?),
                Column::new("", SqlType::SmallInt),
            ));
        }
        let (name, cast) = match item.strip_prefix("cast(") {
            Some(rest) => {
                let (name, ty) = rest.strip_suffix(')')?.rsplit_once(" as ")?;
                (name, Some(type_named(ty)?))
            }
            None => (item, None),
        };
        Some(self.column(self.place(name)?, cast))
    }

    /// A stored column, as another type where that is given.
    fn column(&self, at: usize, cast: Option<SqlType>) -> (Item, Column) {
        let column = self.stored[at];
        let column = Column {
            name: if cast.is_some() {
                String::new()
            } else {
                column.name.clone()
            },
            ty: cast.unwrap_or_else(|| self.resolved(&column.ty)),
            nullable: column.nullable,
        };
        (Item::Column(at), column)
    }

    /// The rows that are meant, in their order.
    fn meant<'r>(&self, rows: &'r [Vec<Cell>]) -> Vec<&'r [Cell]> {
        let meant = rows.iter().map(Vec::as_slice);
        let mut meant: Vec<&[Cell]> = meant
            .filter(|row| self.condition.as_ref().is_none_or(|c| c.holds(row)))
            .collect();
        meant.sort_by(|a, b| {
            let orders = self.order.iter().map(|(at, descending)| {
                let order = compare(&a[*at], &b[*at]);
                if *descending { order.reverse() } else { order }
            });
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        meant
    }

    fn project(&self, row: &[Cell]) -> Vec<Cell> {
        let cell = |(item, _): &(Item, Column)| match *item {
            Item::One => Cell::Int(1),
            Item::Column(at) => row[at].clone(),
            Item::Variant(at, part) => part.of(&row[at]),
            Item::Offset(at) => match row[at] {
                Cell::DateTimeOffset { offset, .. } => Cell::Int(offset.into()),
                _ => Cell::Null,
            },
        };
        self.items.iter().map(cell).collect()
    }

    fn columns(&self) -> Vec<Column> {
        self.items.iter().map(|(_, column)| column.clone()).collect()
    }

    /// The answer, with what goes wrong on the way.
    pub(super) fn answer(&self, rows: &Rows, fault: Option<&Fault>) -> Answer {
        let columns = self.columns();
        let begun = Answer::begun(&columns);
        let (answer, count) = match rows {
            Rows::Encoded(encoded) => {
                let whole = self.items.len() == self.stored.len()
                    && (self.items.iter().enumerate()).all(|(i, (item, column))| {
                        matches!(item, Item::Column(at) if *at == i)
                            && column.ty == travelling(&self.stored[i].ty)
                    });
                if !whole {
                    return refused("encoded rows with other columns than the table's, in their order");
                }
                let Some(range) = self.range(encoded) else {
                    return refused("encoded rows by another condition than a range of their number");
                };
                let count = range.len() as u64;
                let range = encoded.offsets[range.start]..encoded.offsets[range.end];
                (begun.and_kept(&encoded.tokens, range), count)
            }
            Rows::Cells(rows) => {
                let mut meant = self.meant(rows);
                if let Some(Fault::ErrorAfter(rows, _) | Fault::StallAfter(rows)) = fault {
                    meant.truncate(*rows);
                }
                let count = meant.len() as u64;
                let mut tokens = Vec::new();
                for cells in meant {
                    row::row(&mut tokens, &columns, &self.project(cells));
                    // What would not leave need not be encoded.
                    if matches!(fault, Some(Fault::CutAfter(bytes)) if tokens.len() > *bytes) {
                        break;
                    }
                }
                let length = tokens.len();
                (begun.and_kept(&Arc::new(tokens), 0..length), count)
            }
        };
        match fault {
            None => answer.and_done(count),
            Some(Fault::CutAfter(bytes)) => answer.and_done(count).cut_after(*bytes),
            Some(Fault::ErrorAfter(_, error)) => answer.and_error(error.clone()),
            Some(Fault::StallAfter(_)) => answer.and_stall(),
            Some(Fault::Refuse(error)) => Answer::refused(error.clone()),
        }
    }

    /// The numbers of the rows that are meant, from 0.
    fn range(&self, encoded: &Encoded) -> Option<Range<usize>> {
        let count = encoded.offsets.len() - 1;
        let mut range = 0..count;
        let all = match &self.condition {
            None => &[][..],
            Some(Condition::And(all)) => all.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        for condition in all {
            let Condition::Compare(0, sign, Cell::Int(number)) = condition else {
                return None;
            };
            let before = |number: i64| usize::try_from(number - 1).unwrap_or(0).min(count);
            match *sign {
                ">=" => range.start = range.start.max(before(*number)),
                ">" => range.start = range.start.max(before(*number + 1)),
                "<" => range.end = range.end.min(before(*number)),
                "<=" => range.end = range.end.min(before(*number + 1)),
                _ => return None,
            }
        }
        range.start = range.start.min(range.end);
        Some(range)
    }

    /// The smallest and the largest value of each item.
    pub(super) fn ends(database: &DatabaseSpec, spec: &TableSpec, rows: &Rows, name: &str) -> Option<Answer> {
        let asked = Select {
            items: vec![name],
            ..Select::default()
        };
        let asking = Asking::read(database, spec, &asked)?;
        let Item::Column(at) = asking.items[0].0 else {
            return None;
        };
        let ends = match rows {
            Rows::Encoded(encoded) => [Cell::Int(1), Cell::Int(encoded.offsets.len() as i64 - 1)],
            Rows::Cells(rows) => {
                let cells = || rows.iter().map(|row| &row[at]);
                let end = |cell: Option<&Cell>| Cell::or_null(cell.cloned());
                [
                    end(cells().min_by(|a, b| compare(a, b))),
                    end(cells().max_by(|a, b| compare(a, b))),
                ]
            }
        };
        let column = Column::new("", asking.items[0].1.ty.clone());
        Some(Answer::rows(&[column.clone(), column], [ends.as_slice()]))
    }

    /// `select top (1) <key>, count(*) over () from (select top (n) <key> from ... order by ...) as s order by ...`
    pub(super) fn step(
        asked: &Select<'_>,
        find: impl Fn(&(String, String)) -> Option<(&'a DatabaseSpec, &'a TableSpec, &'a Rows)>,
    ) -> Option<Answer> {
        let inner = asked.from.strip_prefix('(')?.rsplit_once(") as s")?.0;
        let inner = select(inner)?;
        let (top, first) = inner.items[0].strip_prefix("top (")?.split_once(") ")?;
        let mut inner = inner.clone();
        inner.items[0] = first;
        let (database, spec, rows) = find(&table(inner.from)?)?;
        let Rows::Cells(rows) = rows else { return None };
        let asking = Asking::read(database, spec, &inner)?;
        let mut meant = asking.meant(rows);
        meant.truncate(top.parse().ok()?);
        let mut columns = asking.columns();
        columns.push(Column::new("", SqlType::Int).not_null());
        let last = meant.last().map(|row| {
            let mut cells = asking.project(row);
            cells.push(Cell::Int(meant.len() as i64));
            cells
        });
        Some(Answer::rows(&columns, last.iter().map(Vec::as_slice)))
    }
}
