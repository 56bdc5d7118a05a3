//! The values of a key, or of what may refer to one, as hashes in bounded memory.
//!
//! While there are few, all distinct hashes are kept. Beyond the limit only those stay that begin with `level` zero bits:
//! the same values on both sides of a reference, so that even samples can be compared. What a sketch holds depends on its
//! level and on the set of values alone, not on their order or on how they were divided.

/// Where a reference's sketch ends to grow, in hashes.
const MOST_REFERENCES: usize = 1 << 17;

/// Where a key's sketch ends to grow, in hashes.
const MOST_IDS: usize = 1 << 19;

/// Room that each sketch has without asking.
const LEAST: usize = 256;

/// Values that are tried before all are looked up.
const PROBES: usize = 16;

/// Hashes seen last, which are not added again.
const RECENT: usize = 16;

/// How many hashes may be kept by all sketches that are filled together.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    /// Room for so many hashes, of 8 bytes each.
    pub(super) fn new(hashes: usize) -> Self {
        Self { left: hashes }
    }

    fn take(&mut self, hashes: usize) -> bool {
        let enough = self.left >= hashes;
        if enough {
            self.left -= hashes;
        }
        enough
    }
}

/// A sketch of a set of values.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    level: u32,
    hashes: Vec<u64>,
    /// How many hashes may be there before they are sorted out.
    room: usize,
    most: usize,
    recent: [u64; RECENT],
    /// Values of types that are not compared; where there are any, nothing is proven.
    others: u64,
}

/// How many values of a reference are keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Distinct values looked up.
    pub(crate) checked: u64,
    /// Those that were found.
    pub(crate) found: u64,
    /// Whether only a sample of the values was looked up.
    pub(crate) sampled: bool,
}

impl Resolved {
    /// Whether every value that was looked up was found, and there was one.
    pub(crate) fn is_proof(self) -> bool {
        self.checked > 0 && self.found == self.checked
    }
}

impl Keys {
    /// For a collection's `_id`.
    pub(super) fn of_ids() -> Self {
        Self::new(MOST_IDS)
    }

    /// For what may refer to an `_id`.
    pub(super) fn of_references() -> Self {
        Self::new(MOST_REFERENCES)
    }

    fn new(most: usize) -> Self {
        Self {
            level: 0,
            hashes: Vec::new(),
            room: LEAST,
            most,
            // Zero is a hash that all levels keep; it is looked at without the shortcut.
            recent: [0; RECENT],
            others: 0,
        }
    }

    /// Adds a value.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, budget: &mut Budget) {
        if hash.leading_zeros() < self.level {
            return;
        }
        let recent = &mut self.recent[hash as usize % RECENT];
        if *recent == hash && hash != 0 {
            return;
        }
        *recent = hash;
        self.hashes.push(hash);
        if self.hashes.len() >= self.room {
            self.make_room(budget);
        }
    }

    /// Notes a value that cannot be compared.
    #[inline]
    pub(super) fn insert_other(&mut self) {
        self.others += 1;
    }

    #[cold]
    fn make_room(&mut self, budget: &mut Budget) {
        self.compact();
        while self.hashes.len() > self.room / 2 {
            if self.room < self.most && budget.take(self.room) {
                self.room *= 2;
            } else {
                self.sample();
            }
        }
    }

    /// Sorts the hashes and drops repeated ones.
    pub(super) fn compact(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// Halves what is kept.
    pub(super) fn sample(&mut self) {
        let level = self.level + 1;
        self.level = level;
        self.hashes.retain(|h| h.leading_zeros() >= level);
    }

    /// Distinct hashes kept, after [`compact`](Self::compact).
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Adds another sketch, without a limit; [`sample`](Self::sample) until it fits.
    pub(super) fn merge(&mut self, other: Self) {
        let level = self.level.max(other.level);
        self.level = level;
        self.hashes.extend(other.hashes);
        self.hashes.retain(|h| h.leading_zeros() >= level);
        self.others += other.others;
        self.compact();
        while self.hashes.len() > self.most {
            self.sample();
        }
        self.room = self.room.max(self.hashes.len());
    }

    /// Whether all values are here.
    #[cfg(test)]
    fn is_exact(&self) -> bool {
        self.level == 0 && self.others == 0
    }

    /// Values that could not be compared.
    #[cfg(test)]
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// Looks these values up among the keys. Both have to be [`compact`](Self::compact).
    pub(crate) fn among(&self, ids: &Self) -> Resolved {
        let level = self.level.max(ids.level);
        let mut out = Resolved {
            sampled: level > 0,
            ..Resolved::default()
        };
        // Both are sorted: what is sought next lies behind what was sought last.
        let mut ids = ids.hashes.as_slice();
        for hash in self.at(level) {
            // Steps that double until they are beyond it, so that few values are found among many as fast as many.
            let mut beyond = 1;
            while ids.get(beyond - 1).is_some_and(|id| id < hash) {
                beyond *= 2;
            }
            let near = &ids[..beyond.min(ids.len())];
            let at = near.partition_point(|id| id < hash);
            out.checked += 1;
            out.found += u64::from(ids.get(at) == Some(hash));
            ids = &ids[at..];
        }
        // One that cannot be compared is one that is not found.
        out.checked += self.others;
        out
    }

    /// How many of these values are among none of the keys. All have to be [`compact`](Self::compact).
    pub(crate) fn nowhere(&self, targets: &[&Self]) -> u64 {
        let level = targets.iter().map(|t| t.level).fold(self.level, u32::max);
        let lost = |hash: &&u64| targets.iter().all(|t| t.hashes.binary_search(hash).is_err());
        self.at(level).filter(lost).count() as u64 + self.others
    }

    /// Whether one of a few of these values is among the keys.
    pub(crate) fn touches(&self, ids: &Self) -> bool {
        let few = self.at(self.level.max(ids.level)).take(PROBES);
        few.into_iter().any(|hash| ids.hashes.binary_search(hash).is_ok())
    }

    /// The hashes that are kept at a level that is not below its own.
    fn at(&self, level: u32) -> impl Iterator<Item = &u64> {
        self.hashes.iter().take_while(move |h| h.leading_zeros() >= level)
    }

    /// The distinct hashes at a level, for comparing sketches. It has to be [`compact`](Self::compact).
    #[cfg(test)]
    pub(super) fn at_level(&self, level: u32) -> Vec<u64> {
        assert!(level >= self.level);
        self.at(level).copied().collect()
    }

    #[cfg(test)]
    pub(super) fn level(&self) -> u32 {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::integer;
    use super::*;

    fn keys(range: std::ops::Range<i64>, hashes: usize) -> Keys {
        let mut budget = Budget::new(hashes);
        let mut keys = Keys::of_ids();
        for i in range {
            keys.insert(integer(i), &mut budget);
            keys.insert(integer(i), &mut budget);
        }
        keys.compact();
        keys
    }

    #[test]
    fn all_values_are_looked_up_while_there_is_room() {
        let ids = keys(0..1_000, 1 << 20);
        let all = Resolved {
            checked: 100,
            found: 100,
            sampled: false,
        };
        assert_eq!(keys(500..600, 1 << 20).among(&ids), all);
        assert!(all.is_proof());
        let half = keys(950..1_050, 1 << 20).among(&ids);
        assert_eq!((half.checked, half.found, half.is_proof()), (100, 50, false));
        assert!(!Keys::of_references().among(&ids).is_proof());
    }

    #[test]
    fn values_that_are_nowhere_are_counted() {
        let (low, high) = (keys(0..100, 1 << 20), keys(200..300, 1 << 20));
        assert_eq!(keys(50..250, 1 << 20).nowhere(&[&low, &high]), 100);
        assert_eq!(keys(50..100, 1 << 20).nowhere(&[&high, &low]), 0);
    }

    #[test]
    fn looking_up_in_order_finds_what_a_set_finds() {
        for (references, ids) in [
            (0..1_000, 0..7),
            (0..7, 0..1_000),
            (500..2_500, 0..1_500),
            (0..3, 10..20),
        ] {
            let expected = references.clone().filter(|i| ids.contains(i)).count() as u64;
            let (references, ids) = (keys(references, 1 << 20), keys(ids, 1 << 20));
            assert_eq!(references.among(&ids).found, expected);
        }
    }

    #[test]
    fn a_few_are_enough_where_all_or_none_are_keys() {
        let ids = keys(0..1_000, 1 << 20);
        assert!(keys(300..900, 1 << 20).touches(&ids));
        assert!(keys(7..8, 1 << 20).touches(&ids));
        assert!(!keys(1_000..2_000, 1 << 20).touches(&ids));
        assert!(!keys(0..0, 1 << 20).touches(&ids));
    }

    #[test]
    fn samples_of_both_sides_hold_the_same_values() {
        let ids = keys(0..100_000, 10_000);
        assert!(!ids.is_exact());
        let found = keys(20_000..90_000, 20_000).among(&ids);
        assert!(
            found.sampled && found.is_proof() && found.checked > 500,
            "{found:?}"
        );
        let dangling = keys(20_000..110_000, 20_000).among(&ids);
        assert!(!dangling.is_proof() && dangling.found > 0, "{dangling:?}");
    }

    #[test]
    fn parts_are_the_whole() {
        let whole = keys(0..50_000, 1 << 20);
        let mut parts = keys(0..20_000, 4_000);
        parts.merge(keys(10_000..50_000, 1 << 20));
        let level = parts.level();
        assert!(level > 0);
        assert_eq!(parts.at_level(level), whole.at_level(level));
    }

    #[test]
    fn a_value_that_cannot_be_compared_proves_nothing() {
        let ids = keys(0..10, 1 << 20);
        let mut references = keys(0..5, 1 << 20);
        references.insert_other();
        assert_eq!(references.among(&ids).checked, 6);
        assert!(!references.among(&ids).is_proof());
    }
}
