//! Where rows lie on a side, so that not all of it has to be read again to see a few of them.

use std::collections::BTreeMap;

use migrate_core::chunk::Cursor;

/// Rows that follow each other in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) part: usize,
    /// Where it begins; `None` at the part's beginning.
    pub(crate) after: Option<Cursor>,
    pub(crate) rows: u64,
}

/// What is read in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) part: usize,
    pub(crate) after: Option<Cursor>,
    /// After how many rows it ends, at the latest.
    pub(crate) rows: u64,
}

impl Span {
    /// A whole part.
    pub(crate) fn part(part: usize) -> Self {
        Self {
            part,
            after: None,
            rows: u64::MAX,
        }
    }
}

/// The place of a stretch: one bit of 64, which several stretches share where there are more.
pub(crate) fn place(stretch: u32) -> u64 {
    1 << (stretch % 64)
}

/// Stretches by their numbers, which rise within a part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stretches(Vec<(u32, Stretch)>);

impl Stretches {
    pub(crate) fn new(found: BTreeMap<u32, Stretch>) -> Self {
        let mut stretches: Vec<_> = found.into_iter().collect();
        stretches.sort_by_key(|(number, stretch)| (stretch.part, *number));
        Self(stretches)
    }

    /// What has to be read to see the places. Without `seeks` getting to a stretch costs what lies before it, so that each
    /// part is read once, from the first place in it to the last.
    pub(crate) fn spans(&self, places: u64, seeks: bool) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        // Rows between the last span and here, within its part.
        let mut gap: Option<u64> = None;
        for (number, stretch) in &self.0 {
            let same_part = spans.last().is_some_and(|span| span.part == stretch.part);
            if !same_part {
                gap = None;
            }
            if place(*number) & places == 0 || stretch.rows == 0 {
                gap = gap.map(|rows| rows + stretch.rows);
                continue;
            }
            match (spans.last_mut(), gap) {
                (Some(span), Some(between)) if between == 0 || !seeks => span.rows += between + stretch.rows,
                _ => spans.push(Span {
                    part: stretch.part,
                    after: stretch.after.clone(),
                    rows: stretch.rows,
                }),
            }
            gap = Some(0);
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(list: &[(u32, usize, u64)]) -> Stretches {
        let of = |&(number, part, rows): &(u32, usize, u64)| {
            let after = (number % 10 > 0).then(|| Cursor(format!("before {number}")));
            (number, Stretch { part, after, rows })
        };
        Stretches::new(list.iter().map(of).collect())
    }

    fn span(part: usize, after: Option<u32>, rows: u64) -> Span {
        let after = after.map(|number| Cursor(format!("before {number}")));
        Span { part, after, rows }
    }

    #[test]
    fn only_what_is_wanted_is_read_again() {
        // Two readers: part 0 has the numbers 0, 3 and 4, part 1 has 10, 11 and 12.
        let all = stretches(&[
            (0, 0, 5),
            (10, 1, 7),
            (3, 0, 6),
            (4, 0, 8),
            (11, 1, 0),
            (12, 1, 9),
        ]);
        let at = |numbers: &[u32]| numbers.iter().map(|n| place(*n)).sum::<u64>();
        assert_eq!(all.spans(0, true), []);
        assert_eq!(all.spans(at(&[3]), true), [span(0, Some(3), 6)]);
        // Neighbours are read in one go, others by themselves where that costs nothing.
        assert_eq!(all.spans(at(&[3, 4]), true), [span(0, Some(3), 14)]);
        assert_eq!(
            all.spans(at(&[0, 4]), true),
            [span(0, None, 5), span(0, Some(4), 8)]
        );
        assert_eq!(all.spans(at(&[0, 4]), false), [span(0, None, 19)]);
        assert_eq!(
            all.spans(at(&[4, 10, 12]), false),
            [span(0, Some(4), 8), span(1, None, 16)]
        );
        // A stretch without rows is nothing to read, and none between two others keeps them apart.
        assert_eq!(all.spans(at(&[11]), true), []);
        assert_eq!(all.spans(at(&[10, 12]), true), [span(1, None, 16)]);
    }

    #[test]
    fn more_stretches_than_bits_share_them() {
        assert_eq!(place(3), place(67));
        let all = stretches(&[(3, 0, 1), (67, 1, 2)]);
        assert_eq!(
            all.spans(place(3), true),
            [span(0, Some(3), 1), span(1, Some(67), 2)]
        );
    }
}
