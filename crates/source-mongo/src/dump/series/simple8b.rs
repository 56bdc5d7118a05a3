//! Integers packed into 64-bit words, as the server's columns have them.
//!
//! The lowest 4 bits of a word, the selector, say how the rest is divided; selectors 7 and 8 have 4 more bits for more
//! ways, where each integer also states how many zero bits (or four times as many) to append. Selector 15 repeats the
//! integer before. An integer of nothing but ones means that there is no value.

/// How a word's integers lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Bits before the first integer.
    skip: u32,
    /// Bits of an integer, with the count of zeros.
    bits: u32,
    /// Bits of the count of zeros, the lowest ones.
    count: u32,
    /// Zero bits that a count of 1 means.
    unit: u32,
    /// Integers.
    integers: u32,
}

impl Layout {
    fn of(word: u64) -> Option<Self> {
        let selector = (word & 15) as u32;
        let extension = (word >> 4 & 15) as u32;
        let base = |bits, integers, skip| Self {
            skip,
            bits,
            count: 0,
            unit: 0,
            integers,
        };
        let zeros = |bits, count, unit| Self {
            skip: 8,
            bits: bits + count,
            count,
            unit,
            integers: 56 / (bits + count),
        };
        Some(match (selector, extension) {
            (1..=6, _) => base(selector, 60 / selector, 4),
            (7, 0) => base(7, 8, 8),
            (8, 0) => base(8, 7, 8),
            (9..=14, _) => {
                let bits = [10, 12, 15, 20, 30, 60][selector as usize - 9];
                base(bits, 60 / bits, 4)
            }
            (7, 1..=9) => zeros([2, 3, 4, 5, 7, 10, 14, 24, 52][extension as usize - 1], 4, 1),
            (8, 1..=7) => zeros([4, 5, 7, 10, 14, 24, 52][extension as usize - 1], 4, 4),
            (8, 8..=13) => zeros([4, 6, 9, 13, 23, 51][extension as usize - 8], 5, 4),
            _ => return None,
        })
    }
}

/// Reads the integers of some words.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    words: &'a [[u8; 8]],
    /// What is left of the current word.
    rest: u64,
    layout: Layout,
    /// Integers left in the current word, or repetitions.
    left: u32,
    repeats: bool,
    /// The integer before; none if it was no value.
    before: Option<u128>,
}

impl<'a> Words<'a> {
    /// No words; the integer before the first one counts as 0.
    pub(super) fn none() -> Self {
        Self {
            words: &[],
            rest: 0,
            layout: Layout {
                skip: 0,
                bits: 0,
                count: 0,
                unit: 0,
                integers: 0,
            },
            left: 0,
            repeats: false,
            before: Some(0),
        }
    }

    /// Goes on with these words.
    pub(super) fn more(&mut self, words: &'a [[u8; 8]]) {
        self.words = words;
        self.left = 0;
    }

    /// The next integer: none at the words' end, no value where it is left out.
    pub(super) fn next(&mut self) -> Option<Result<Option<u128>, &'static str>> {
        while self.left == 0 {
            let (word, rest) = self.words.split_first()?;
            self.words = rest;
            let word = u64::from_le_bytes(*word);
            self.repeats = word & 15 == 15;
            if self.repeats {
                self.left = ((word >> 4 & 15) as u32 + 1) * 120;
            } else {
                let Some(layout) = Layout::of(word) else {
                    self.words = &[];
                    return Some(Err("a column has a word that is divided in an unknown way"));
                };
                self.layout = layout;
                self.left = layout.integers;
                self.rest = word >> layout.skip;
            }
        }
        self.left -= 1;
        if !self.repeats {
            let Layout {
                bits, count, unit, ..
            } = self.layout;
            let mask = u64::MAX >> (64 - bits);
            let integer = self.rest & mask;
            self.rest = self.rest.checked_shr(bits).unwrap_or(0);
            self.before = (integer != mask).then(|| {
                let zeros = (integer & ((1 << count) - 1)) as u32 * unit;
                u128::from(integer >> count) << zeros
            });
        }
        Some(Ok(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[u64]) -> Vec<Option<u128>> {
        let bytes: Vec<[u8; 8]> = words.iter().map(|w| w.to_le_bytes()).collect();
        let mut reader = Words::none();
        reader.more(&bytes);
        std::iter::from_fn(|| reader.next())
            .map(|i| i.expect("a known division"))
            .collect()
    }

    /// A word of a selector and what comes above it.
    fn word(selector: u64, rest: u64) -> u64 {
        selector + (rest << 4)
    }

    /// What comes above a selector that has an extension.
    fn extended(extension: u64, rest: u64) -> u64 {
        extension + (rest << 4)
    }

    #[test]
    fn words_are_divided_as_their_selectors_say() {
        // One integer of 60 bits; two of 30, the second of which is left out.
        assert_eq!(all(&[word(14, 12345)]), [Some(12345)]);
        assert_eq!(all(&[word(13, (0x3fff_ffff << 30) + 7)]), [Some(7), None]);
        // Sixty of one bit: 0 is a value, 1 is none.
        let bits = all(&[word(1, 5)]);
        assert_eq!(bits.len(), 60);
        assert_eq!(bits[..4], [None, Some(0), None, Some(0)]);
        // Selector 7 plain, and with zeros: 52 bits, 3 zeros.
        assert_eq!(all(&[word(7, extended(0, 5))])[..2], [Some(5), Some(0)]);
        assert_eq!(all(&[word(7, extended(9, (9 << 4) + 3))]), [Some(9 << 3)]);
        // Selector 8 with 51 bits: 25 times four zeros.
        assert_eq!(all(&[word(8, extended(13, (3 << 5) + 25))]), [Some(3 << 100)]);
        // Repeats of nothing before are zeros, others of what was before.
        assert_eq!(all(&[word(15, 0)]), vec![Some(0); 120]);
        let repeated = all(&[word(14, 6), word(15, 2)]);
        assert_eq!(repeated, vec![Some(6); 361]);
    }

    #[test]
    fn each_division_fits_its_word() {
        for low in 0..=255_u64 {
            if let Some(layout) = Layout::of(low) {
                assert!(layout.skip + layout.bits * layout.integers <= 64, "{low:x}");
                assert!(layout.integers > 0 && layout.bits > layout.count);
                assert!(((1 << layout.count) - 1) * layout.unit + layout.bits - layout.count <= 175);
            }
        }
    }

    #[test]
    fn unknown_divisions_are_errors() {
        for word in [0, word(7, 10), word(8, 14)] {
            let bytes = [word.to_le_bytes()];
            let mut reader = Words::none();
            reader.more(&bytes);
            assert!(reader.next().is_some_and(|i| i.is_err()));
            assert!(reader.next().is_none());
        }
    }
}
