//! From the wire into a batch, without a stop in between.

use migrate_core::batch::BatchBuilder;
use migrate_core::value::Value;
use migrate_core::{Error, Result};

use super::key::{Key, KeyValue, Place};
use super::select::{Action, Cell};
use super::variant::{Assembly, Part};
use crate::classify::{corrupt, internal};
use crate::clr::lend::{Reason, Scratch};
use crate::live::wire::{Flow, RowTarget};

/// What a reader keeps from row to row.
#[derive(Debug, Default)]
pub(crate) struct RowState {
    /// The key of the row that is being read.
    coming: Place,
    /// The key of the last row that is complete.
    last: Place,
    /// Rows delivered.
    pub(crate) rows: u64,
    scratch: Scratch,
    variant: Assembly,
}

impl RowState {
    pub(crate) fn new(key: Option<&Key>) -> Self {
        let width = key.map_or(0, |k| k.columns.len());
        let place = vec![KeyValue::Int(0); width];
        Self {
            coming: place.clone(),
            last: place,
            ..Self::default()
        }
    }

    /// Begins behind a row that was delivered before.
    pub(crate) fn begin_after(&mut self, place: Place) {
        self.last = place;
    }

    /// The key of the last row; before the first row of a reader that begins at its chunk's beginning, nothing.
    pub(crate) fn last(&self) -> &[KeyValue] {
        &self.last
    }
}

/// Takes the rows of one call.
pub(crate) struct BatchTarget<'a> {
    out: &'a mut BatchBuilder,
    cells: &'a [Cell],
    key: Option<&'a Key>,
    state: &'a mut RowState,
    /// The column that comes next.
    at: usize,
    /// Why the row that is being read cannot be one.
    wrong: Option<Error>,
}

impl<'a> BatchTarget<'a> {
    pub(crate) fn new(
        out: &'a mut BatchBuilder,
        cells: &'a [Cell],
        key: Option<&'a Key>,
        state: &'a mut RowState,
    ) -> Self {
        Self {
            out,
            cells,
            key,
            state,
            at: 0,
            wrong: None,
        }
    }

    #[cold]
    fn fail(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// A value that has to be rewritten first.
    fn rewrite(&mut self, action: Action, value: Value<'_>) -> Result<(), Reason> {
        let RowState { scratch, variant, .. } = &mut *self.state;
        let out = &mut *self.out;
        match (action, value) {
            (Action::Variant(part), value) => {
                variant.take(part, &value)?;
                if part == Part::Bytes {
                    variant.lend(scratch, |value| out.push(value))?;
                }
            }
            (_, Value::Null) => out.push(Value::Null),
            (Action::Vector, value) => scratch.vector(&value, |v| out.push(v))?,
            (Action::HierarchyId, Value::Bytes(body)) => scratch.hierarchy_id(body, |v| out.push(v))?,
            (Action::Spatial(kind), Value::Bytes(body)) => scratch.spatial(kind, body, |v| out.push(v))?,
            _ => return Err("the server sent something else than bytes".to_owned()),
        }
        Ok(())
    }
}

impl RowTarget for BatchTarget<'_> {
    #[inline]
    fn begin(&mut self) {
        self.at = 0;
        self.out.begin_row();
    }

    #[inline]
    fn value(&mut self, value: Value<'_>) {
        let Some(cell) = self.cells.get(self.at) else {
            return self.fail(internal("a row has more values than were asked for"));
        };
        self.at += 1;
        if let Some(key) = cell.key
            && let Err(reason) = self.state.coming[key].set(&value)
        {
            self.fail(corrupt(reason));
        }
        match cell.action {
            Action::Push => self.out.push(value),
            Action::Skip => {}
            action => {
                if let Err(reason) = self.rewrite(action, value) {
                    self.fail(corrupt(reason).at("result column", self.at));
                }
            }
        }
    }

    #[inline]
    fn end(&mut self) -> Result<Flow> {
        if self.at != self.cells.len() {
            self.fail(internal("a row has fewer values than were asked for"));
        }
        if let Some(error) = self.wrong.take() {
            return Err(error);
        }
        let state = &mut *self.state;
        std::mem::swap(&mut state.coming, &mut state.last);
        state.rows += 1;
        self.out.end_row(|| shown(self.key, &state.last, state.rows))?;
        Ok(if self.out.is_full() {
            Flow::Pause
        } else {
            Flow::Continue
        })
    }
}

/// Where a row is: its key, or what is left to say without one.
fn shown(key: Option<&Key>, place: &[KeyValue], row: u64) -> String {
    let Some(key) = key else {
        return format!("row {row} of a reading without order");
    };
    let values = key.columns.iter().zip(place);
    let values = values.map(|(column, value)| format!("{}={}", column.name, value.shown()));
    values.collect::<Vec<_>>().join(", ")
}
