//! How often which column's values were changed by which rule.

use crate::chunk::ConversionTotals;
use crate::policy::Conversion;

const RULES: usize = Conversion::ALL.len();

/// Counts for each column, by its index, and each conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversionCounts {
    /// Empty until something is counted.
    columns: Vec<[u64; RULES]>,
}

impl ConversionCounts {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How often a column's values went through a conversion.
    pub fn get(&self, column: usize, conversion: Conversion) -> u64 {
        self.columns.get(column).map_or(0, |c| c[conversion as usize])
    }

    /// Counts one conversion of a column's value.
    pub(crate) fn add(&mut self, column: usize, conversion: Conversion) {
        if self.columns.len() <= column {
            self.columns.resize(column + 1, [0; RULES]);
        }
        self.columns[column][conversion as usize] += 1;
    }

    /// Adds another batch's counts of the same table.
    pub fn merge(&mut self, other: &Self) {
        if self.columns.len() < other.columns.len() {
            self.columns.resize(other.columns.len(), [0; RULES]);
        }
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m += t);
        }
    }

    /// Every count above zero: column, conversion, count.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Conversion, u64)> {
        self.columns.iter().enumerate().flat_map(|(column, counts)| {
            Conversion::ALL
                .into_iter()
                .zip(counts)
                .filter(|(_, n)| **n > 0)
                .map(move |(c, n)| (column, c, *n))
        })
    }

    /// The counts under the columns' names, which are in the encoder's order.
    pub fn by_name(&self, names: &[&str]) -> ConversionTotals {
        let mut totals = ConversionTotals::new();
        for (column, conversion, n) in self.iter() {
            if let Some(name) = names.get(column) {
                *totals
                    .entry((*name).to_owned())
                    .or_default()
                    .entry(conversion.name().to_owned())
                    .or_default() += n;
            }
        }
        totals
    }
}
