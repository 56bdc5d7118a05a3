//! Fingerprints of rows that add up in any order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::{Error, ErrorKind};

/// How many rows there are, and the wrapping sum of their 128-bit hashes.
///
/// A row's hash is XXH3 of its COPY tuple without the field count: of every field's length and bytes. Sums of
/// parts add up to the sum of the whole, whatever the order, so that chunks make a table and two copies of a table
/// compare. It detects accidents, not an adversary. Prints and parses as `rows:hex`, the sum in 32 hexadecimal
/// digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Rows added.
    pub rows: u64,
    /// The wrapping sum of their hashes.
    pub sum: u128,
}

impl Digest {
    /// The hash that digests are made of.
    #[inline]
    pub fn hash(bytes: impl AsRef<[u8]>) -> u128 {
        xxh3_128(bytes.as_ref())
    }

    /// The hash of a COPY tuple, which begins with its field count.
    #[inline]
    pub fn hash_row(tuple: &[u8]) -> u128 {
        Self::hash(tuple.get(2..).unwrap_or_default())
    }

    /// Adds a COPY tuple, which begins with its field count.
    #[inline]
    pub fn add_row(&mut self, tuple: &[u8]) {
        self.add_hash(Self::hash_row(tuple));
    }

    /// Adds a row by its hash.
    #[inline]
    pub fn add_hash(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds another digest's rows.
    pub fn merge(&mut self, other: &Self) {
        // A difference of digests may be negative.
        self.rows = self.rows.wrapping_add(other.rows);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes away rows that were added before.
    pub fn subtract(&mut self, other: &Self) {
        self.rows = self.rows.wrapping_sub(other.rows);
        self.sum = self.sum.wrapping_sub(other.sum);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.rows, self.sum)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once(':').and_then(|(rows, sum)| {
            let hex = sum.len() == 32 && sum.bytes().all(|b| b.is_ascii_hexdigit());
            let decimal = rows.bytes().all(|b| b.is_ascii_digit());
            if !hex || !decimal {
                return None;
            }
            Some(Self {
                rows: rows.parse().ok()?,
                sum: u128::from_str_radix(sum, 16).ok()?,
            })
        });
        parsed.ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "a digest is not of the form `rows:32 hexadecimal digits`",
            )
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses() {
        let mut digest = Digest::default();
        assert_eq!(digest.to_string(), "0:00000000000000000000000000000000");
        digest.add_row(&[0, 1, 0, 0, 0, 1, 7]);
        // XXH3-128 of 00 00 00 01 07, as the reference implementation gives it.
        assert_eq!(digest.sum, xxh3_128(&[0, 0, 0, 1, 7]));
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{digest}\""));
        for bad in [
            "",
            "1",
            "1:",
            ":0",
            "1:00",
            "+1:00000000000000000000000000000000",
            "1:0000000000000000000000000000000g",
        ] {
            assert_eq!(
                bad.parse::<Digest>().unwrap_err().kind(),
                ErrorKind::Corrupt,
                "{bad}"
            );
        }
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let rows: Vec<Vec<u8>> = (0u8..20).map(|i| vec![0, 1, 0, 0, 0, 1, i]).collect();
        let (mut all, mut front, mut back) = (Digest::default(), Digest::default(), Digest::default());
        for row in &rows {
            all.add_row(row);
        }
        for row in rows[..7].iter().rev() {
            front.add_row(row);
        }
        for row in &rows[7..] {
            back.add_row(row);
        }
        back.merge(&front);
        assert_eq!(back, all);
        back.subtract(&front);
        back.subtract(&all);
        front.merge(&back);
        assert_eq!(front, Digest::default());
    }

    #[test]
    fn the_boundary_between_fields_counts() {
        let mut a = Digest::default();
        let mut b = Digest::default();
        a.add_row(&[0, 2, 0, 0, 0, 1, b'x', 0, 0, 0, 0]);
        b.add_row(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 1, b'x']);
        assert_ne!(a, b);
    }
}
