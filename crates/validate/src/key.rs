//! What a row is found by on both sides: its key's fields, as they stand in the tuple.

use migrate_core::Result;
use migrate_core::decode;
use migrate_core::plan::TablePlan;
use serde_json::Value;

use crate::difference::shown;

/// Finds the key in rows of one table.
#[derive(Debug, Clone)]
pub(crate) struct KeyFinder {
    /// The key's places among the copied columns.
    places: Vec<usize>,
    fields: usize,
    /// Whether the key is the first fields in order, so that it is a piece of the row.
    leading: bool,
    scratch: Vec<u8>,
    starts: Vec<(usize, usize)>,
}

impl KeyFinder {
    /// The primary key, else the first unique constraint, else the whole row.
    pub(crate) fn new(table: &TablePlan) -> Self {
        let fields = table.copied().count();
        let declared = table
            .primary_key
            .iter()
            .chain(&table.uniques)
            .find_map(|k| table.copied_positions(&k.columns));
        let places = declared.unwrap_or_else(|| (0..fields).collect());
        Self {
            leading: places.iter().enumerate().all(|(i, p)| i == *p),
            places,
            fields,
            scratch: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Whether the whole row is its key, so that no row can differ from another with the same key.
    pub(crate) fn is_whole_row(&self) -> bool {
        self.places.len() == self.fields && self.leading
    }

    /// The key's fields with their lengths, so that no two keys have the same bytes.
    pub(crate) fn of<'r>(&'r mut self, row: &'r [u8]) -> Result<&'r [u8]> {
        if self.leading {
            let mut end = 2;
            for field in decode::fields(row).take(self.places.len()) {
                end += 4 + field?.map_or(0, <[u8]>::len);
            }
            return Ok(&row[2.min(row.len())..end.min(row.len())]);
        }
        self.starts.clear();
        let mut at = 2;
        for field in decode::fields(row) {
            let len = 4 + field?.map_or(0, <[u8]>::len);
            self.starts.push((at, at + len));
            at += len;
        }
        self.scratch.clear();
        for place in &self.places {
            if let Some(&(from, to)) = self.starts.get(*place) {
                self.scratch.extend_from_slice(&row[from..to]);
            }
        }
        Ok(&self.scratch)
    }

    /// The key's values by column.
    pub(crate) fn named(&self, table: &TablePlan, row: &[u8], mask: bool) -> Value {
        let columns: Vec<_> = table.copied().collect();
        let fields: Vec<Option<&[u8]>> = decode::fields(row).map(|f| f.ok().flatten()).collect();
        // Where the whole row stands for a key, it is no way to find a row, but its values.
        let mask = mask && self.is_whole_row();
        let pairs = self.places.iter().filter_map(|&i| {
            let column = columns.get(i)?;
            Some((
                column.name.clone(),
                shown(&column.ty, fields.get(i).copied().flatten(), mask),
            ))
        });
        Value::Object(pairs.collect())
    }
}
