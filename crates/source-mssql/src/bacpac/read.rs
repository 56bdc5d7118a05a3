//! Reads the rows of a chunk into batches.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::Part;
use migrate_core::chunk::{Chunk, Cursor};
use migrate_core::plan::TablePlan;
use migrate_core::source::{ChunkReader, Fill};
use migrate_core::value::ValueKind;
use migrate_core::{Error, Result};

use super::archive::Archive;
use super::bound::RowBound;
use super::filter::Filter;
use super::layout::StoredColumn;
use super::rows::{RowLayout, Rows};
use super::split::{Place, Token};
use super::window::Window;
use crate::classify::{config, corrupt, internal};
use crate::types::Base;

/// What the plan wants of each row, in terms of the columns that are stored.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// For each copied column of the plan, where its values are.
    columns: Vec<Cell>,
    /// The plan's `where`.
    pub(crate) filter: Option<Filter>,
}

/// A place among the stored columns, and what of its values is wanted.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Whole(usize),
    UtcOffset(usize),
}

impl Wanted {
    pub(crate) fn new(plan: &TablePlan, stored: &[StoredColumn]) -> Result<Self> {
        let mut columns = Vec::new();
        for column in plan.delivered() {
            let place = |e: Error| e.at("column", &column.source).at("table", &plan.source);
            let (name, part) = match &column.part {
                None => (&column.source, None),
                Some(Part::UtcOffset { of }) => (of, Some(Base::DateTimeOffset)),
                // These are not delivered.
                Some(Part::Legacy { .. } | Part::Target { .. }) => continue,
            };
            let found = stored.iter().position(|c| c.name == *name);
            let found = found.ok_or_else(|| {
                place(config("the plan copies a column that has no data in the file"))
                    .hint("computed columns are not stored in a .bacpac; exclude the column from the plan")
            })?;
            if part.is_some_and(|base| stored[found].native.base != base) {
                return Err(place(config(
                    "the plan wants a part of a column that has no parts",
                )));
            }
            let kind = match part {
                None => stored[found].native.kind(),
                Some(_) => ValueKind::Int16,
            };
            if kind != column.kind {
                return Err(place(config(format!(
                    "the plan expects {:?} where the file has {kind:?}; it was made for another file",
                    column.kind
                ))));
            }
            columns.push(match part {
                None => Cell::Whole(found),
                Some(_) => Cell::UtcOffset(found),
            });
        }
        let filter = plan
            .filter
            .as_deref()
            .map(|text| Filter::new(text, &plan.source, stored))
            .transpose()?;
        Ok(Self { columns, filter })
    }
}

/// Reads one chunk: one part file after the other.
pub(crate) struct PartsReader {
    archive: Arc<Archive>,
    token: Token,
    layout: RowLayout,
    wanted: Arc<Wanted>,
    bound: Arc<RowBound>,
    /// The part that is being read, and its reader; `None` before its first row and after the last part.
    part: usize,
    rows: Option<Rows>,
    /// Where to begin in the next part that is opened.
    start: Place,
    place: Place,
}

impl PartsReader {
    pub(crate) fn new(
        archive: Arc<Archive>,
        stored: &[StoredColumn],
        wanted: Arc<Wanted>,
        bound: Arc<RowBound>,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Self> {
        let token = Token::read(&chunk.token)?;
        let start = after.map_or(Ok(Place::default()), Place::read)?;
        if start.part > token.parts.len() {
            return Err(internal("the cursor is beyond the chunk's parts"));
        }
        let layout = RowLayout::new(&chunk.id.table.to_string(), stored, token.layout);
        Ok(Self {
            archive,
            token,
            layout,
            wanted,
            bound,
            part: start.part,
            rows: None,
            start,
            place: start,
        })
    }

    fn open(&mut self) -> Result<Option<&mut Rows>> {
        if self.rows.is_none() {
            let Some((name, _)) = self.token.parts.get(self.part) else {
                return Ok(None);
            };
            let entry = self.archive.exact(name).ok_or_else(|| {
                corrupt("the file does not have this entry any more")
                    .at("entry", name)
                    .at("file", &*self.archive.name)
            })?;
            let mut rows = Rows::new(self.layout.clone(), Window::new(self.archive.reader(entry)?));
            let start = std::mem::take(&mut self.start);
            rows.resume(start.row, start.offset)?;
            self.rows = Some(rows);
        }
        Ok(self.rows.as_mut())
    }

    /// Reads until the batch is full or the chunk ends. A plain function, so that the loop is compiled as one.
    fn read(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        loop {
            let part = self.part;
            let wanted = self.wanted.clone();
            let filled = match self.open()? {
                Some(rows) => fill(rows, &wanted, part, out)?,
                None => Fill::End,
            };
            let Some(rows) = &self.rows else {
                return Ok(Fill::End);
            };
            self.place = Place {
                part,
                row: rows.passed(),
                offset: rows.next_offset(),
            };
            if let Some((name, _)) = self.token.parts.get(part) {
                self.bound
                    .reached(name, self.place.row)
                    .map_err(|e| e.at("file", &*self.archive.name))?;
            }
            if filled == Fill::More {
                return Ok(Fill::More);
            }
            let expected = self.token.parts.get(part).and_then(|(_, rows)| *rows);
            if expected.is_some_and(|n| n != self.place.row) {
                return Err(corrupt(format!(
                    "the part holds {} rows where {} were counted before",
                    self.place.row,
                    expected.unwrap_or_default()
                ))
                .at("entry", &self.token.parts[part].0)
                .at("file", &*self.archive.name)
                .hint("the file was exchanged during the migration"));
            }
            self.rows = None;
            self.part += 1;
            self.place = Place {
                part: self.part,
                row: 0,
                offset: 0,
            };
            if self.part == self.token.parts.len() {
                return Ok(Fill::End);
            }
        }
    }
}

fn fill(rows: &mut Rows, wanted: &Wanted, part: usize, out: &mut BatchBuilder) -> Result<Fill> {
    loop {
        if out.is_full() {
            return Ok(Fill::More);
        }
        if !rows.next()? {
            return Ok(Fill::End);
        }
        out.begin_row();
        if let Some(filter) = &wanted.filter
            && !filter.admits(rows)?
        {
            out.skip_row();
            continue;
        }
        for column in &wanted.columns {
            match *column {
                Cell::Whole(column) => rows.value(column, |value| out.push(value))?,
                Cell::UtcOffset(column) => out.push(rows.utc_offset(column)),
            }
        }
        out.end_row(|| format!("part {}, row {}", part + 1, rows.passed()))?;
    }
}

#[async_trait]
impl ChunkReader for PartsReader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        self.read(out)
    }

    fn cursor(&self) -> Option<Cursor> {
        // A place is three numbers, which can always be written.
        self.place.cursor().ok()
    }
}
