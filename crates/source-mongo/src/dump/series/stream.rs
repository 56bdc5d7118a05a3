//! One sequence of values: a literal, and what the following ones differ by.

use super::simple8b::Words;
use crate::raw::Kind;

/// What an unexpected difference is.
const NO_DIFFERENCE: &str = "a column has a difference to a value that has none";

/// By how much doubles are multiplied to become integers, by the control byte's upper half from 9 on.
const SCALES: [f64; 5] = [1.0, 10.0, 100.0, 10_000.0, 100_000_000.0];

/// How the integers of doubles are made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// Of the bits.
    Bits,
    /// Of the value times this.
    Times(f64),
}

/// A sequence as far as it was read.
#[derive(Debug, Clone)]
pub(super) struct Stream<'a> {
    words: Words<'a>,
    /// The last value's type; none where there was no value yet.
    kind: Option<Kind>,
    /// The last value's bytes.
    value: Vec<u8>,
    /// The last value as an integer.
    encoded: i128,
    /// By how much the last value differs from the one before, where differences of differences are stored.
    step: i64,
    scale: Scale,
}

/// What is stored of a type's values after the literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// That they are the same.
    Same,
    /// Differences of 64 bits.
    Differences,
    /// Differences of differences of 64 bits.
    Second,
    /// Differences of 128 bits.
    Wide,
}

fn stored(kind: Kind) -> Stored {
    match kind {
        Kind::Double | Kind::Bool | Kind::Int32 | Kind::Int64 => Stored::Differences,
        Kind::ObjectId | Kind::DateTime | Kind::Timestamp => Stored::Second,
        Kind::Decimal128 | Kind::Binary | Kind::String | Kind::Code => Stored::Wide,
        _ => Stored::Same,
    }
}

impl<'a> Stream<'a> {
    pub(super) fn new() -> Self {
        Self {
            words: Words::none(),
            kind: None,
            value: Vec::new(),
            encoded: 0,
            step: 0,
            scale: Scale::Bits,
        }
    }

    /// Takes a literal, or what a sequence begins after.
    pub(super) fn set(&mut self, kind: Option<Kind>, value: &[u8]) {
        self.words = Words::none();
        self.kind = kind;
        self.value.clear();
        self.value.extend_from_slice(value);
        self.step = 0;
        self.encoded = kind.map_or(0, |kind| encode(kind, value));
    }

    /// Goes on with differences, as a control byte announces them.
    pub(super) fn differ(&mut self, control: u8, words: &'a [[u8; 8]]) -> Result<(), &'static str> {
        self.scale = match control >> 4 {
            8 => Scale::Bits,
            n @ 9..=13 => Scale::Times(SCALES[usize::from(n) - 9]),
            _ => return Err("a column has an unknown control byte"),
        };
        if self.kind == Some(Kind::Double) {
            self.encoded = self.scaled()?.into();
        }
        self.words.more(words);
        Ok(())
    }

    /// The last value as an integer in the current scale.
    fn scaled(&self) -> Result<i64, &'static str> {
        let value = self
            .value
            .first_chunk()
            .map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
        match self.scale {
            Scale::Bits => Ok(value.to_bits() as i64),
            Scale::Times(times) => {
                let product = value * times;
                let exact = product.abs() <= 9_007_199_254_740_992.0;
                let integer = product.round() as i64;
                if exact && integer as f64 / times == value {
                    Ok(integer)
                } else {
                    Err("a column scales a double that does not fit")
                }
            }
        }
    }

    /// The next value of the differences: none where they end, false where there is no value. The value itself is then
    /// the stream's own.
    pub(super) fn next(&mut self) -> Option<Result<bool, &'static str>> {
        match self.words.next()? {
            Ok(None) => Some(Ok(false)),
            Ok(Some(difference)) => Some(self.apply(difference)),
            Err(e) => Some(Err(e)),
        }
    }

    /// The last value.
    pub(super) fn value(&self) -> Option<(Kind, &[u8])> {
        self.kind.map(|kind| (kind, &*self.value))
    }

    fn apply(&mut self, difference: u128) -> Result<bool, &'static str> {
        let Some(kind) = self.kind else {
            return if difference == 0 {
                Ok(false)
            } else {
                Err(NO_DIFFERENCE)
            };
        };
        let how = stored(kind);
        if difference == 0 && how != Stored::Second {
            return Ok(true);
        }
        let signed = (difference >> 1) as i128 ^ -((difference & 1) as i128);
        match how {
            Stored::Same => return Err(NO_DIFFERENCE),
            Stored::Differences => self.encoded = (self.encoded as i64).wrapping_add(signed as i64).into(),
            Stored::Second => {
                self.step = self.step.wrapping_add(signed as i64);
                self.encoded = (self.encoded as i64).wrapping_add(self.step).into();
            }
            Stored::Wide => self.encoded = self.encoded.wrapping_add(signed),
        }
        self.decode(kind)?;
        Ok(true)
    }

    /// Makes the value's bytes of its integer.
    fn decode(&mut self, kind: Kind) -> Result<(), &'static str> {
        let encoded = self.encoded as i64;
        let value = &mut self.value;
        match kind {
            Kind::Double => {
                let double = match self.scale {
                    Scale::Bits => f64::from_bits(encoded as u64),
                    Scale::Times(times) => encoded as f64 / times,
                };
                value.copy_from_slice(&double.to_le_bytes());
            }
            Kind::DateTime | Kind::Int64 | Kind::Timestamp => value.copy_from_slice(&encoded.to_le_bytes()),
            Kind::Int32 => value.copy_from_slice(&(encoded as i32).to_le_bytes()),
            Kind::Bool => match encoded {
                0 | 1 => value[0] = encoded as u8,
                _ => return Err("a column has a boolean that is neither 0 nor 1"),
            },
            Kind::ObjectId => {
                let bytes = encoded.to_le_bytes();
                for (from, to) in OBJECT_ID.into_iter().enumerate() {
                    value[to] = bytes[from];
                }
            }
            Kind::Decimal128 => value.copy_from_slice(&self.encoded.to_le_bytes()),
            Kind::Binary => {
                let bytes = self.encoded.to_le_bytes();
                // After a length and a subtype, which stay as they are.
                match value.get_mut(5..) {
                    Some(data) if data.len() <= bytes.len() => data.copy_from_slice(&bytes[..data.len()]),
                    _ => return Err("a column has differences of binary data that is too long for it"),
                }
            }
            Kind::String | Kind::Code => {
                let bytes = self.encoded.to_be_bytes();
                let text = bytes
                    .iter()
                    .position(|b| *b != 0)
                    .map_or(&[][..], |at| &bytes[at..]);
                value.clear();
                value.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
                value.extend_from_slice(text);
                value.push(0);
            }
            _ => return Err(NO_DIFFERENCE),
        }
        Ok(())
    }
}

/// Which byte of an ObjectId each byte of its integer is, from the lowest: counter and time by turns. The bytes between
/// are not part of the integer.
const OBJECT_ID: [usize; 7] = [11, 3, 10, 2, 9, 1, 0];

/// A value as an integer; 0 where it has none. A double's is made when its scale is known.
fn encode(kind: Kind, value: &[u8]) -> i128 {
    match kind {
        Kind::DateTime | Kind::Int64 | Kind::Timestamp => {
            value.first_chunk().map_or(0, |b| i64::from_le_bytes(*b)).into()
        }
        Kind::Int32 => value.first_chunk().map_or(0, |b| i32::from_le_bytes(*b)).into(),
        Kind::Bool => value.first().copied().unwrap_or(0).into(),
        Kind::ObjectId => {
            let mut bytes = [0; 8];
            for (to, from) in OBJECT_ID.into_iter().enumerate() {
                bytes[to] = value.get(from).copied().unwrap_or(0);
            }
            i64::from_le_bytes(bytes).into()
        }
        Kind::Decimal128 => value.first_chunk().map_or(0, |b| i128::from_le_bytes(*b)),
        Kind::Binary => little(value.get(5..).unwrap_or_default()),
        Kind::String | Kind::Code => {
            let text = value.get(4..value.len().saturating_sub(1)).unwrap_or_default();
            if text.first() == Some(&0) || text.len() > 16 {
                return 0;
            }
            text.iter()
                .fold(0, |integer, byte| integer << 8 | i128::from(*byte))
        }
        _ => 0,
    }
}

fn little(bytes: &[u8]) -> i128 {
    let mut all = [0; 16];
    match all.get_mut(..bytes.len()) {
        Some(part) => {
            part.copy_from_slice(bytes);
            i128::from_le_bytes(all)
        }
        None => 0,
    }
}
