//! Where a collection can be split, and where it lies in its file; both bounded in number.

use std::ops::Range;

/// Places that are kept for a collection.
const MOST_POINTS: usize = 8192;

/// The first distance between places, in bytes of documents.
const DISTANCE: u64 = 1 << 20;

/// Ranges that are kept for a collection.
const MOST_RANGES: usize = 32_768;

/// The beginning of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Where it is in the uncompressed file.
    pub(super) offset: u64,
    /// Documents of the collection before it.
    pub(super) documents: u64,
    /// Bytes of the collection before it.
    pub(super) bytes: u64,
}

/// Beginnings of documents at about even distances.
#[derive(Debug)]
pub(super) struct Points {
    list: Vec<Point>,
    distance: u64,
    next: u64,
}

impl Default for Points {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            distance: DISTANCE,
            next: 0,
        }
    }
}

impl Points {
    /// Takes note of a document's beginning, if it is due.
    #[inline]
    pub(super) fn pass(&mut self, point: Point) {
        if point.bytes >= self.next {
            self.keep(point);
        }
    }

    #[cold]
    fn keep(&mut self, point: Point) {
        if self.list.len() == MOST_POINTS {
            let mut nth = 0;
            self.list.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.distance *= 2;
        }
        self.list.push(point);
        self.next = point.bytes + self.distance;
    }

    /// All places; the first document is the first one.
    pub(super) fn list(&self) -> &[Point] {
        &self.list
    }
}

/// The ranges of a file that hold a collection's documents, in order. Where there are too many, neighbours are joined,
/// and then hold other collections' blocks too.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    list: Vec<Range<u64>>,
    /// Ranges that are joined into one.
    joined: u32,
    /// Ranges in the last one.
    in_last: u32,
}

impl Ranges {
    /// Adds the next range, which is not empty.
    pub(super) fn push(&mut self, range: Range<u64>) {
        let joined = self.joined.max(1);
        if self.in_last < joined
            && let Some(last) = self.list.last_mut()
            && self.in_last > 0
        {
            last.end = range.end;
            self.in_last += 1;
            return;
        }
        if self.list.len() == MOST_RANGES {
            self.list = self
                .list
                .chunks(2)
                .map(|pair| pair[0].start..pair[pair.len() - 1].end)
                .collect();
            self.joined = joined * 2;
        }
        self.list.push(range);
        self.in_last = 1;
    }

    /// All ranges.
    pub(super) fn list(&self) -> &[Range<u64>] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_few_and_evenly_spaced() {
        let mut points = Points::default();
        let step = 64 << 10;
        for n in 0..400_000_u64 {
            points.pass(Point {
                offset: n * step,
                documents: n,
                bytes: n * step,
            });
        }
        let list = points.list();
        assert!(
            list.len() <= MOST_POINTS && list.len() >= MOST_POINTS / 2,
            "{}",
            list.len()
        );
        assert_eq!(list[0].offset, 0);
        assert!(list.is_sorted_by(|a, b| a.offset < b.offset));
        let widest = list.windows(2).map(|w| w[1].bytes - w[0].bytes).max();
        assert_eq!(widest, Some(4 << 20));
    }

    #[test]
    fn ranges_are_joined_when_there_are_too_many() {
        let mut ranges = Ranges::default();
        let count = 3 * MOST_RANGES as u64 + 5;
        for n in 0..count {
            ranges.push(n * 10..n * 10 + 4);
        }
        let list = ranges.list();
        assert!(list.len() <= MOST_RANGES, "{}", list.len());
        assert_eq!(list[0].start, 0);
        assert_eq!(list.last().map(|r| r.end), Some((count - 1) * 10 + 4));
        // Between two ranges lies nothing that is the collection's own.
        assert!(list.windows(2).all(|w| w[0].end + 6 == w[1].start));
    }

    #[test]
    fn few_ranges_are_kept_as_they_are() {
        let mut ranges = Ranges::default();
        for n in 0..4 {
            ranges.push(n * 10..n * 10 + 4);
        }
        assert_eq!(ranges.list(), [0..4, 10..14, 20..24, 30..34]);
    }
}
