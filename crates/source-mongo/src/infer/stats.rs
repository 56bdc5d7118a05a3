//! What is counted for each path.

use crate::raw::{BsonRef, Kind};

use super::distinct::Distinct;
use super::hash;
use super::keys::{Budget, Keys};

/// Types of BSON.
const KINDS: usize = Kind::ALL.len();

/// Milliseconds of PostgreSQL's first timestamp, 4714-11-24 BC.
pub(crate) const FIRST_DATE: i64 = -210_866_803_200_000;

/// Milliseconds behind PostgreSQL's last timestamp, 294276-12-31.
pub(crate) const AFTER_LAST_DATE: i64 = 9_224_318_016_000_000;

/// How many values there are of each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds([u64; KINDS]);

impl Default for Kinds {
    fn default() -> Self {
        Self([0; KINDS])
    }
}

impl Kinds {
    #[inline]
    fn place(kind: Kind) -> usize {
        match kind {
            Kind::MaxKey => KINDS - 2,
            Kind::MinKey => KINDS - 1,
            // The others' type bytes count from 1 without a gap.
            other => other as usize - 1,
        }
    }

    /// Values of the type.
    #[inline]
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.0[Self::place(kind)]
    }

    /// Values of all types.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Types that occur, in the order of their type bytes, with their counts.
    pub(crate) fn present(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL
            .into_iter()
            .map(|k| (k, self.of(k)))
            .filter(|(_, n)| *n > 0)
    }
}

/// The smallest and the largest of some values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds<T> {
    /// The smallest.
    pub(crate) min: T,
    /// The largest.
    pub(crate) max: T,
}

#[inline]
fn widen<T: Copy + PartialOrd>(bounds: &mut Option<Bounds<T>>, value: T) {
    match bounds {
        Some(b) => {
            if value < b.min {
                b.min = value;
            }
            if value > b.max {
                b.max = value;
            }
        }
        None => {
            *bounds = Some(Bounds {
                min: value,
                max: value,
            })
        }
    }
}

fn unite<T: Copy + PartialOrd>(a: &mut Option<Bounds<T>>, b: Option<Bounds<T>>) {
    if let Some(b) = b {
        widen(a, b.min);
        widen(a, b.max);
    }
}

/// Whether a path's values are kept for proving references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyed {
    /// Not at all.
    No,
    /// ObjectIds, which are unique everywhere.
    ObjectIds,
    /// Any scalars, since the path's name is that of a reference.
    Scalars,
    /// Any scalars, as the `_id` of a collection.
    Ids,
}

/// The statistics of one path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stats {
    /// Values of each type, repeated names included.
    pub(crate) kinds: Kinds,
    /// Values whose name came before in the same document.
    pub(crate) duplicates: u64,
    /// The sum of the places in the documents around, for the order of columns.
    pub(crate) position: u64,
    /// Bytes of strings.
    pub(crate) string_bytes: Option<Bounds<u32>>,
    /// Strings with a zero character.
    pub(crate) strings_with_nul: u64,
    /// Strings that are not UTF-8.
    pub(crate) strings_invalid: u64,
    /// Integers of both widths.
    pub(crate) integers: Option<Bounds<i64>>,
    /// Integers that a double does not hold exactly.
    pub(crate) integers_beyond_double: u64,
    /// Finite doubles.
    pub(crate) doubles: Option<Bounds<f64>>,
    /// Doubles with a fraction.
    pub(crate) doubles_fractional: u64,
    /// Doubles that are not a number.
    pub(crate) doubles_nan: u64,
    /// Infinite doubles.
    pub(crate) doubles_infinite: u64,
    /// Doubles that are negative zeros.
    pub(crate) doubles_negative_zero: u64,
    /// What the decimals are like.
    pub(crate) decimals: Decimals,
    /// Milliseconds since 1970.
    pub(crate) dates: Option<Bounds<i64>>,
    /// Dates that PostgreSQL does not have.
    pub(crate) dates_beyond: u64,
    /// Values of each subtype of binary data, by subtype.
    pub(crate) subtypes: Vec<(u8, u64)>,
    /// Bytes of binary data.
    pub(crate) binary_bytes: Option<Bounds<u32>>,
    /// Binary data of subtypes 3 and 4 that has other than 16 bytes.
    pub(crate) odd_uuids: u64,
    /// ObjectIds.
    pub(crate) object_ids: Option<Bounds<[u8; 12]>>,
    /// Elements of arrays.
    pub(crate) array_lengths: Option<Bounds<u32>>,
    /// Arrays without elements.
    pub(crate) empty_arrays: u64,
    /// Documents without fields.
    pub(crate) empty_objects: u64,
    /// Booleans that are true.
    pub(crate) trues: u64,
    /// Different scalars.
    pub(crate) distinct: Option<Distinct>,
    /// Values for proving references.
    pub(crate) keys: Option<Box<Keys>>,
}

/// What decimals are like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decimals {
    /// Digits before the point, of the longest.
    pub(crate) integer_digits: u32,
    /// Digits behind the point, of the longest.
    pub(crate) scale: u32,
    /// Those that are not a number.
    pub(crate) nan: u64,
    /// Infinite ones.
    pub(crate) infinite: u64,
    /// Negative zeros.
    pub(crate) negative_zero: u64,
    /// Those with a positive exponent, such as `1E+3`.
    pub(crate) positive_exponent: u64,
}

impl Decimals {
    /// Looks at one, by IEEE 754's binary-integer encoding of decimal128.
    fn add(&mut self, bytes: &[u8; 16]) {
        let bits = u128::from_le_bytes(*bytes);
        let negative = bits >> 127 == 1;
        match (bits >> 122) & 31 {
            30 => return self.infinite += 1,
            31 => return self.nan += 1,
            _ => {}
        }
        // With both leading bits set, the coefficient has more than 34 digits and counts as zero.
        let (exponent, coefficient) = if (bits >> 125) & 3 == 3 {
            ((bits >> 111) & 0x3fff, 0)
        } else {
            ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
        };
        let exponent = exponent as i64 - 6176;
        let digits = coefficient.checked_ilog10().map_or(0, |n| i64::from(n) + 1);
        self.negative_zero += u64::from(negative && coefficient == 0);
        self.positive_exponent += u64::from(exponent > 0);
        self.scale = self.scale.max((-exponent).max(0) as u32);
        self.integer_digits = self.integer_digits.max((digits + exponent).max(0) as u32);
    }

    fn merge(&mut self, other: &Self) {
        self.integer_digits = self.integer_digits.max(other.integer_digits);
        self.scale = self.scale.max(other.scale);
        self.nan += other.nan;
        self.infinite += other.infinite;
        self.negative_zero += other.negative_zero;
        self.positive_exponent += other.positive_exponent;
    }
}

impl Stats {
    /// Values, each document's counted once.
    pub(crate) fn present(&self) -> u64 {
        self.kinds.total() - self.duplicates
    }

    /// Adds a value, without what is inside of documents and arrays.
    #[inline]
    pub(super) fn add(&mut self, value: &BsonRef<'_>, keyed: Keyed, budget: &mut Budget) {
        let kind = value.kind();
        self.kinds.0[Kinds::place(kind)] += 1;
        let hash = match *value {
            BsonRef::String(text) => self.string(text.as_bytes()),
            BsonRef::Int32(n) => self.integer(i64::from(n)),
            BsonRef::Int64(n) => self.integer(n),
            BsonRef::Double(x) => self.double(x),
            BsonRef::ObjectId(id) => {
                widen(&mut self.object_ids, *id);
                hash::object_id(id)
            }
            BsonRef::DateTime(millis) => {
                widen(&mut self.dates, millis);
                self.dates_beyond += u64::from(!(FIRST_DATE..AFTER_LAST_DATE).contains(&millis));
                hash::word(millis as u64, 9)
            }
            BsonRef::Bool(truth) => {
                self.trues += u64::from(truth);
                return;
            }
            BsonRef::Decimal128(bytes) => {
                self.decimals.add(bytes);
                hash::binary(0x13, bytes)
            }
            BsonRef::Binary(binary) => self.binary(binary.subtype, binary.bytes),
            BsonRef::Null => return,
            _ => {
                if matches!(keyed, Keyed::Scalars | Keyed::Ids) {
                    self.keys(keyed).insert_other();
                }
                return;
            }
        };
        self.distinct.get_or_insert_default().insert(hash);
        if keyed != Keyed::No {
            self.key(kind, hash, keyed, budget);
        }
    }

    #[inline]
    fn key(&mut self, kind: Kind, hash: u64, keyed: Keyed, budget: &mut Budget) {
        match kind {
            Kind::ObjectId => self.keys(keyed).insert(hash, budget),
            _ if keyed == Keyed::ObjectIds => {}
            Kind::String | Kind::Int32 | Kind::Int64 | Kind::Double | Kind::Binary => {
                self.keys(keyed).insert(hash, budget);
            }
            _ => self.keys(keyed).insert_other(),
        }
    }

    #[inline]
    fn keys(&mut self, keyed: Keyed) -> &mut Keys {
        self.keys.get_or_insert_with(|| {
            Box::new(match keyed {
                Keyed::Ids => Keys::of_ids(),
                _ => Keys::of_references(),
            })
        })
    }

    #[inline]
    fn string(&mut self, bytes: &[u8]) -> u64 {
        widen(&mut self.string_bytes, bytes.len() as u32);
        if bytes.contains(&0) {
            self.strings_with_nul += 1;
        }
        if std::str::from_utf8(bytes).is_err() {
            self.strings_invalid += 1;
        }
        hash::text(bytes)
    }

    #[inline]
    fn integer(&mut self, n: i64) -> u64 {
        widen(&mut self.integers, n);
        self.integers_beyond_double += u64::from(n as f64 as i128 != i128::from(n));
        hash::integer(n)
    }

    #[inline]
    fn double(&mut self, x: f64) -> u64 {
        if !x.is_finite() {
            self.doubles_nan += u64::from(x.is_nan());
            self.doubles_infinite += u64::from(x.is_infinite());
            return hash::word(x.to_bits(), 1);
        }
        // Adding zero takes the sign from negative ones, whose order would depend on which came first.
        widen(&mut self.doubles, x + 0.0);
        self.doubles_negative_zero += u64::from(x == 0.0 && x.is_sign_negative());
        let whole = x as i64;
        if x.fract() != 0.0 {
            self.doubles_fractional += 1;
        } else if whole as f64 == x && whole != i64::MAX {
            return hash::integer(whole);
        }
        hash::word(x.to_bits(), 1)
    }

    fn binary(&mut self, subtype: u8, bytes: &[u8]) -> u64 {
        widen(&mut self.binary_bytes, bytes.len() as u32);
        match self.subtypes.binary_search_by_key(&subtype, |s| s.0) {
            Ok(at) => self.subtypes[at].1 += 1,
            Err(at) => self.subtypes.insert(at, (subtype, 1)),
        }
        self.odd_uuids += u64::from(matches!(subtype, 3 | 4) && bytes.len() != 16);
        hash::binary(subtype, bytes)
    }

    /// Notes an array's length.
    #[inline]
    pub(super) fn array(&mut self, length: u32) {
        widen(&mut self.array_lengths, length);
        self.empty_arrays += u64::from(length == 0);
    }

    /// Adds the statistics of other values of the same path.
    pub(super) fn merge(&mut self, other: Self) {
        for (a, b) in self.kinds.0.iter_mut().zip(other.kinds.0) {
            *a += b;
        }
        self.duplicates += other.duplicates;
        self.position += other.position;
        unite(&mut self.string_bytes, other.string_bytes);
        self.strings_with_nul += other.strings_with_nul;
        self.strings_invalid += other.strings_invalid;
        unite(&mut self.integers, other.integers);
        self.integers_beyond_double += other.integers_beyond_double;
        unite(&mut self.doubles, other.doubles);
        self.doubles_fractional += other.doubles_fractional;
        self.doubles_nan += other.doubles_nan;
        self.doubles_infinite += other.doubles_infinite;
        self.doubles_negative_zero += other.doubles_negative_zero;
        self.decimals.merge(&other.decimals);
        unite(&mut self.dates, other.dates);
        self.dates_beyond += other.dates_beyond;
        for (subtype, n) in other.subtypes {
            match self.subtypes.binary_search_by_key(&subtype, |s| s.0) {
                Ok(at) => self.subtypes[at].1 += n,
                Err(at) => self.subtypes.insert(at, (subtype, n)),
            }
        }
        unite(&mut self.binary_bytes, other.binary_bytes);
        self.odd_uuids += other.odd_uuids;
        unite(&mut self.object_ids, other.object_ids);
        unite(&mut self.array_lengths, other.array_lengths);
        self.empty_arrays += other.empty_arrays;
        self.empty_objects += other.empty_objects;
        self.trues += other.trues;
        match (&mut self.distinct, other.distinct) {
            (Some(a), Some(b)) => a.merge(&b),
            (a @ None, b) => *a = b,
            _ => {}
        }
        match (&mut self.keys, other.keys) {
            (Some(a), Some(b)) => a.merge(*b),
            (a @ None, b) => *a = b,
            _ => {}
        }
    }
}
