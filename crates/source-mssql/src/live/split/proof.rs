//! The proof that places ascend, by the server's own comparison.

use migrate_core::Result;

use crate::live::read::ask::{ask, integer};
use crate::live::read::key::{Key, Place};
use crate::live::read::literal::{collate, literal};
use crate::live::read::range::{Side, compare_terms};
use crate::live::wire::Session;

/// Pairs in one question; T-SQL takes up to 1000 rows of constants.
const PAIRS: usize = 200;

/// Whether each place stands before the next one.
pub(super) async fn ascend(session: &mut dyn Session, key: &Key, places: &[Place]) -> Result<bool> {
    if places.len() < 2 {
        return Ok(true);
    }
    let pairs: Vec<&[Place]> = places.windows(2).collect();
    for pairs in pairs.chunks(PAIRS) {
        let answers = ask(session, "checking where a table is cut", &sql(key, pairs)?).await?;
        if integer(answers.first().and_then(|row| row.first())) != Some(0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Counts the pairs that do not ascend. All places have the same number of values.
pub(super) fn sql(key: &Key, pairs: &[&[Place]]) -> Result<String> {
    let width = pairs.first().map_or(0, |pair| pair[0].len());
    let mut rows = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let mut constants = Vec::with_capacity(2 * width);
        for place in *pair {
            for (value, column) in place.iter().zip(&key.columns) {
                constants.push(literal(value, column)?);
            }
        }
        rows.push(format!("({})", constants.join(", ")));
    }
    let mut left = Vec::with_capacity(width);
    for (i, column) in key.columns.iter().take(width).enumerate() {
        left.push(format!("a{i}{}", collate(column)?));
    }
    let right: Vec<String> = (0..width).map(|i| format!("b{i}")).collect();
    let names: Vec<String> = (0..width)
        .map(|i| format!("a{i}"))
        .chain(right.iter().cloned())
        .collect();
    Ok(format!(
        "select count(*) from (values {}) as v({}) where not ({})",
        rows.join(", "),
        names.join(", "),
        compare_terms(key, &left, &right, Side::Before)?
    ))
}
