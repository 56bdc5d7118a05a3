//! `hierarchyid`: the path of a node in a tree ([MS-SSCLRT] 2.2; the bits are ORDPATH's).
//!
//! A value is a bit string, most significant bit first, padded with zero bits to whole bytes; the root is no bits at
//! all. Each integer of the path is one code: a prefix names the range it lies in, its distance from the range's lowest
//! member follows in groups of bits, and one last bit says what comes next: 1 ends the label (`/`), 0 means that the
//! label goes on (`.`). An integer that another one follows within its label is stored one larger than it is, so
//! that `1.x` sorts between `1` and `2`. Between two groups stands a fixed bit, 0 before all groups but the last and 1
//! before the last: without them a long code could be mistaken for padding.

use super::ClrError;

/// One row of the table of codes.
struct Range {
    /// Smallest integer in the range: all value bits zero.
    lowest: i64,
    prefix: u8,
    prefix_bits: u32,
    /// Widths in bits of the groups that the distance from `lowest` is spread over, most significant first.
    groups: &'static [u32],
}

const fn range(lowest: i64, prefix: u8, prefix_bits: u32, groups: &'static [u32]) -> Range {
    Range {
        lowest,
        prefix,
        prefix_bits,
        groups,
    }
}

/// Ranges in the order of their codes, which is the order of the integers. No prefix begins another one.
const RANGES: [Range; 13] = [
    range(-281_479_271_682_120, 0b00_0100, 6, &[14, 21, 6, 3, 1, 3]),
    range(-4_294_971_464, 0b00_0101, 6, &[19, 6, 3, 1, 3]),
    range(-4_168, 0b00_0110, 6, &[5, 3, 1, 3]),
    range(-72, 0b0010, 4, &[2, 1, 3]),
    range(-8, 0b0_0111, 5, &[3]),
    range(0, 0b01, 2, &[2]),
    range(4, 0b100, 3, &[2]),
    range(8, 0b101, 3, &[3]),
    range(16, 0b110, 3, &[2, 1, 3]),
    range(80, 0b1110, 4, &[3, 3, 1, 3]),
    range(1_104, 0b1_1110, 5, &[5, 3, 1, 3]),
    range(5_200, 0b11_1110, 6, &[19, 6, 3, 1, 3]),
    range(4_294_972_496, 0b11_1111, 6, &[14, 21, 6, 3, 1, 3]),
];

/// The path that `bytes` stand for, as SQL Server's `ToString()` prints it: `/` for the root, else `/1/2.1/-5/`.
///
/// # Errors
/// [`ClrError::Malformed`] for bits that are no code or break off within a label, and for padding of a byte or more.
pub fn decode(bytes: &[u8]) -> Result<String, ClrError> {
    let mut bits = Bits { bytes, at: 0 };
    let mut path = String::from("/");
    let mut within_label = false;
    while within_label || !bits.only_padding_left() {
        let (stored, ends_label) = bits.code()?;
        let integer = if ends_label { stored } else { stored - 1 };
        path.push_str(&integer.to_string());
        path.push(if ends_label { '/' } else { '.' });
        within_label = !ends_label;
    }
    if bits.left() >= 8 {
        return Err(bits.malformed("more than a byte of padding follows the path"));
    }
    Ok(path)
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    at: usize,
}

impl Bits<'_> {
    fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    fn malformed(&self, reason: &'static str) -> ClrError {
        ClrError::Malformed {
            offset: self.at / 8,
            reason,
        }
    }

    /// The next `count` bits as a number, without moving; `None` where fewer are left.
    fn peek(&self, count: u32) -> Option<u64> {
        if self.left() < count as usize {
            return None;
        }
        Some((self.at..self.at + count as usize).fold(0, |number, bit| {
            let byte = self.bytes[bit / 8];
            number << 1 | u64::from(byte >> (7 - bit % 8) & 1)
        }))
    }

    fn take(&mut self, count: u32) -> Result<u64, ClrError> {
        let number = self.peek(count).ok_or(ClrError::Truncated {
            offset: self.bytes.len(),
            wanted: 1,
        })?;
        self.at += count as usize;
        Ok(number)
    }

    fn only_padding_left(&self) -> bool {
        let Some(byte) = self.bytes.get(self.at / 8) else {
            return true;
        };
        // Every code has a 1 among its first four bits, so zeros up to the end are nothing but padding.
        (byte << (self.at % 8)) == 0 && self.bytes[self.at / 8 + 1..].iter().all(|byte| *byte == 0)
    }

    /// One integer as it is stored, and whether it ends its label.
    fn code(&mut self) -> Result<(i64, bool), ClrError> {
        let range = RANGES
            .iter()
            .find(|range| self.peek(range.prefix_bits) == Some(u64::from(range.prefix)))
            .ok_or_else(|| self.malformed("no hierarchyid code begins with these bits"))?;
        self.take(range.prefix_bits)?;
        let mut distance = 0;
        for (index, width) in range.groups.iter().enumerate() {
            if index > 0 {
                let is_last = index + 1 == range.groups.len();
                if self.take(1)? != u64::from(is_last) {
                    return Err(self.malformed("a fixed bit of a hierarchyid code has the wrong value"));
                }
            }
            distance = distance << width | self.take(*width)?;
        }
        let ends_label = self.take(1)? == 1;
        // At most 48 bits of distance: the sum stays far within an i64.
        Ok((range.lowest + distance as i64, ends_label))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written from the table of codes alone, as strings of digits: it shares no bit arithmetic with the decoder.
    fn encode(labels: &[Vec<i64>]) -> Vec<u8> {
        let mut digits = String::new();
        for label in labels {
            for (index, integer) in label.iter().enumerate() {
                let ends_label = index + 1 == label.len();
                let stored = if ends_label { *integer } else { integer + 1 };
                let range = RANGES.iter().rev().find(|range| range.lowest <= stored).unwrap();
                let width: u32 = range.groups.iter().sum();
                let distance = format!("{:0width$b}", stored - range.lowest, width = width as usize);
                assert_eq!(distance.len(), width as usize, "{stored} lies beyond its range");
                digits.push_str(&format!(
                    "{:0width$b}",
                    range.prefix,
                    width = range.prefix_bits as usize
                ));
                let mut rest = distance.as_str();
                for (index, width) in range.groups.iter().enumerate() {
                    if index > 0 {
                        digits.push(if index + 1 == range.groups.len() { '1' } else { '0' });
                    }
                    let (group, after) = rest.split_at(*width as usize);
                    digits.push_str(group);
                    rest = after;
                }
                digits.push(if ends_label { '1' } else { '0' });
            }
        }
        while !digits.len().is_multiple_of(8) {
            digits.push('0');
        }
        (0..digits.len() / 8)
            .map(|byte| u8::from_str_radix(&digits[byte * 8..byte * 8 + 8], 2).unwrap())
            .collect()
    }

    fn path_of(labels: &[Vec<i64>]) -> String {
        labels.iter().fold(String::from("/"), |path, label| {
            let integers: Vec<String> = label.iter().map(i64::to_string).collect();
            format!("{path}{}/", integers.join("."))
        })
    }

    fn labels_of(path: &str) -> Vec<Vec<i64>> {
        path.split('/')
            .filter(|label| !label.is_empty())
            .map(|label| label.split('.').map(|integer| integer.parse().unwrap()).collect())
            .collect()
    }

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect()
    }

    /// What SQL Server 2025 stores for `cast(path as hierarchyid)`: both ends of every range, and dotted paths.
    const STORED: [(&str, &str); 36] = [
        ("/", ""),
        ("/0/", "48"),
        ("/1/", "58"),
        ("/3/", "78"),
        ("/4/", "84"),
        ("/7/", "9C"),
        ("/8/", "A2"),
        ("/15/", "BE"),
        ("/16/", "C110"),
        ("/79/", "DBF0"),
        ("/80/", "E00440"),
        ("/1103/", "EEEFC0"),
        ("/1104/", "F00088"),
        ("/5199/", "F7DDF8"),
        ("/5200/", "F80000000220"),
        ("/4294972495/", "FBFFFFBF77E0"),
        ("/4294972496/", "FC00000000000110"),
        ("/281479271683151/", "FFFFF7FFFFDFBBF0"),
        ("/-1/", "3F80"),
        ("/-8/", "3880"),
        ("/-9/", "2DF8"),
        ("/-72/", "2088"),
        ("/-73/", "1BEEFC"),
        ("/-4168/", "180044"),
        ("/-4169/", "17FFFFBF77E0"),
        ("/-4294971464/", "140000000220"),
        ("/-4294971465/", "13FFF7FFFFDFBBF0"),
        ("/-281479271682120/", "1000000000000110"),
        ("/1/2/", "5B40"),
        ("/1.1/", "62C0"),
        ("/1.-1/", "61FC"),
        ("/3/4.5/", "7C5180"),
        ("/-1.5/7/", "447380"),
        ("/79.80/1103/", "E00438011EEEFC"),
        ("/1/2/3/4/5/6/7/8/", "5B5F0C72CF44"),
        ("/281479271683150.0/", "FFFFF7FFFFDFBBE480"),
    ];

    #[test]
    fn reads_what_the_server_stores() {
        for (path, hex) in STORED {
            assert_eq!(decode(&unhex(hex)).as_deref(), Ok(path), "0x{hex}");
            assert_eq!(encode(&labels_of(path)), unhex(hex), "{path}");
        }
    }

    #[test]
    fn refuses_what_no_server_stores() {
        let malformed = |bytes: &[u8]| matches!(decode(bytes), Err(ClrError::Malformed { .. }));
        assert!(malformed(&[0x0F]), "prefix 0000");
        assert!(malformed(&[0x58, 0x00]), "a whole byte of padding");
        assert!(malformed(&[0x00]), "padding without a path");
        // 16 with the fixed bit before its last group cleared.
        assert!(malformed(&[0xC0, 0x10]));
        assert_eq!(
            decode(&[0x50]),
            Err(ClrError::Malformed {
                offset: 0,
                reason: "no hierarchyid code begins with these bits"
            }),
            "a label that ends in a dot"
        );
        assert_eq!(decode(&[0xC1]), Err(ClrError::Truncated { offset: 1, wanted: 1 }));
    }

    fn integer() -> impl Strategy<Value = i64> {
        prop_oneof![
            -100_i64..100,
            -6_000_i64..6_000,
            -5_000_000_000_i64..5_000_000_000,
            -281_479_271_682_120_i64..281_479_271_683_151,
        ]
    }

    proptest! {
        #[test]
        fn every_path_survives(labels in prop::collection::vec(prop::collection::vec(integer(), 1..4), 0..8)) {
            prop_assert_eq!(decode(&encode(&labels)), Ok(path_of(&labels)));
        }

        #[test]
        fn codes_sort_as_paths_do(a in integer(), b in integer()) {
            prop_assert_eq!(encode(&[vec![a]]).cmp(&encode(&[vec![b]])), a.cmp(&b));
        }

        #[test]
        fn any_bytes_are_a_path_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = decode(&bytes) {
                prop_assert_eq!(encode(&labels_of(&path)), bytes);
            }
        }
    }
}
