//! Ranges of a key, and the conditions that say them to the server.
//!
//! Every comparison is made by the server, under the column's own collation and its own order of GUIDs. T-SQL cannot
//! compare rows, so a comparison of several columns is spelled out: `a >= 1 and (a > 1 or b > 2)`. The first part
//! repeats what the second implies, because an index can be searched by it.

use migrate_core::Result;
use serde::{Deserialize, Serialize};

use super::key::{Key, KeyValue, Place};
use super::literal::literal;
use crate::classify::internal;
use crate::live::catalog::bracketed;

/// A part of a key's order, open where there is no place. Places may be shorter than the key: they then speak of
/// its first columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    /// The first place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Place>,
    /// The first place after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Place>,
}

/// Where a comparison stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// At the place or after it.
    AtOrAfter,
    /// After the place.
    After,
    /// Before the place.
    Before,
}

impl Range {
    /// Cuts the whole order at places that ascend in it: one range more than there are places.
    pub(crate) fn cut(places: Vec<Place>) -> Vec<Self> {
        let mut ranges = Vec::with_capacity(places.len() + 1);
        let mut from = None;
        for place in places {
            ranges.push(Self {
                from: from.replace(place.clone()),
                to: Some(place),
            });
        }
        ranges.push(Self { from, to: None });
        ranges
    }

    /// The conditions for the rows of this range that come after `after`, if given.
    pub(crate) fn conditions(&self, key: &Key, after: Option<&[KeyValue]>) -> Result<Vec<String>> {
        let mut out = Vec::new();
        match (after, &self.from) {
            (Some(place), _) if place.len() != key.columns.len() => {
                return Err(internal("a cursor has another number of values than its key"));
            }
            // The cursor was in the range, so that the range's beginning adds nothing.
            (Some(place), _) => out.push(compare(key, place, Side::After)?),
            (None, Some(place)) => out.push(compare(key, place, Side::AtOrAfter)?),
            (None, None) => {}
        }
        if let Some(place) = &self.to {
            out.push(compare(key, place, Side::Before)?);
        }
        Ok(out)
    }
}

/// `[a] >= 1 and ([a] > 1 or [b] > 2)`
pub(crate) fn compare(key: &Key, place: &[KeyValue], side: Side) -> Result<String> {
    let mut constants = Vec::with_capacity(place.len());
    for (column, value) in key.columns.iter().zip(place) {
        constants.push(literal(value, column)?);
    }
    let names: Vec<String> = key.columns.iter().map(|c| bracketed(&c.name)).collect();
    compare_terms(key, &names, &constants, side)
}

/// The same for any terms: `left` stands where `side` says from `right`.
pub(crate) fn compare_terms(key: &Key, left: &[String], right: &[String], side: Side) -> Result<String> {
    let mut out = String::new();
    if right.is_empty() || right.len() > left.len() || left.len() > key.columns.len() {
        return Err(internal("a place in a table has more values than its key"));
    }
    let last = right.len() - 1;
    for (i, ((left, right), column)) in left.iter().zip(right).zip(&key.columns).enumerate() {
        let later = (side != Side::Before) != column.descending;
        let strictly = if later { ">" } else { "<" };
        if i < last {
            out.push_str(&format!(
                "{left} {strictly}= {right} and ({left} {strictly} {right} or "
            ));
        } else {
            let equal = if side == Side::AtOrAfter { "=" } else { "" };
            out.push_str(&format!("{left} {strictly}{equal} {right}"));
        }
    }
    out.push_str(&")".repeat(last));
    Ok(out)
}
