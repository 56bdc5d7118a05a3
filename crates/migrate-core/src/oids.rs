//! Numbers of types inside of PostgreSQL's binary values.
//!
//! The binary forms of arrays and composite types hold the OIDs of their parts' types. For types that PostgreSQL itself
//! brings these are the same everywhere; for a person's own they differ from database to database. Between source and
//! destination, and in digests, such OIDs are replaced by [placeholders](placeholder) that come of the types' names. They
//! have the same length, so values are changed in place.

use std::collections::HashMap;

use crate::decode::damaged;
use crate::digest::Digest;
use crate::error::Result;

/// OIDs from here on are a database's own (PostgreSQL's `FirstNormalObjectId`).
pub const FIRST_OWN_OID: u32 = 16_384;

/// What stands for the OID of a type of the name, `schema.name` as the source calls it. No server hands out numbers that
/// high before it has handed out two billion others.
pub fn placeholder(name: &str) -> u32 {
    0x8000_0000 | (Digest::hash(name.as_bytes()) as u32)
}

/// How a type's binary form holds other types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Not at all.
    Plain,
    /// As elements.
    Array(u32),
    /// As fields.
    Composite,
    /// As bounds.
    Range(u32),
    /// As ranges.
    Multirange(u32),
    /// As what it is but for its name.
    Domain(u32),
}

/// Types by their OIDs, and what these become. Types that are not there are plain and keep theirs.
#[derive(Debug, Clone, Default)]
pub struct Oids {
    forms: HashMap<u32, Form>,
    becomes: HashMap<u32, u32>,
}

impl Oids {
    /// Adds a type, and what its OID becomes, if something else.
    pub fn add(&mut self, oid: u32, form: Form, becomes: Option<u32>) {
        if form != Form::Plain {
            self.forms.insert(oid, form);
        }
        self.becomes.extend(becomes.map(|new| (oid, new)));
    }

    /// Replaces the OIDs in the fields of a COPY tuple; `columns` has each field's type, or `None` where nothing is to be
    /// replaced.
    ///
    /// # Errors
    /// `Corrupt` if a value is not of its type.
    pub fn replace_in_tuple(&self, columns: &[Option<u32>], tuple: &mut [u8]) -> Result<()> {
        let mut rest = tuple.get_mut(2..).unwrap_or_default();
        for column in columns {
            let (field, tail) = split(rest).ok_or_else(|| damaged("a row ends before its last field"))?;
            if let (Some(oid), Some(field)) = (column, field) {
                self.replace(*oid, field, 0)
                    .ok_or_else(|| damaged("a value is not of its type"))?;
            }
            rest = tail;
        }
        Ok(())
    }

    fn replace(&self, oid: u32, value: &mut [u8], depth: usize) -> Option<()> {
        if depth > 64 {
            return None;
        }
        match self.forms.get(&oid).unwrap_or(&Form::Plain) {
            Form::Plain => {}
            Form::Domain(base) => self.replace(*base, value, depth + 1)?,
            Form::Array(element) => {
                let dimensions = word(value)? as usize;
                self.put(value.get_mut(8..12)?);
                let mut rest = value.get_mut(12 + 8 * dimensions..)?;
                while !rest.is_empty() {
                    let (item, tail) = split(rest)?;
                    if let Some(item) = item {
                        self.replace(*element, item, depth + 1)?;
                    }
                    rest = tail;
                }
            }
            Form::Composite => {
                let mut rest = value.get_mut(4..)?;
                while !rest.is_empty() {
                    let (number, tail) = rest.split_at_mut_checked(4)?;
                    let of = word(number)?;
                    self.put(number);
                    let (field, tail) = split(tail)?;
                    if let Some(field) = field {
                        self.replace(of, field, depth + 1)?;
                    }
                    rest = tail;
                }
            }
            // A byte of flags, and the bounds that there are.
            Form::Range(bound) => {
                let mut rest = value.get_mut(1..)?;
                while !rest.is_empty() {
                    let (item, tail) = split(rest)?;
                    self.replace(*bound, item?, depth + 1)?;
                    rest = tail;
                }
            }
            Form::Multirange(range) => {
                let mut rest = value.get_mut(4..)?;
                while !rest.is_empty() {
                    let (item, tail) = split(rest)?;
                    self.replace(*range, item?, depth + 1)?;
                    rest = tail;
                }
            }
        }
        Some(())
    }

    fn put(&self, number: &mut [u8]) {
        let new = word(number).and_then(|old| self.becomes.get(&old));
        if let Some(new) = new {
            number.copy_from_slice(&new.to_be_bytes());
        }
    }
}

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk::<4>()?))
}

/// Splits off a value with its length before it; NULL is -1.
fn split(bytes: &mut [u8]) -> Option<(Option<&mut [u8]>, &mut [u8])> {
    let (len, rest) = bytes.split_at_mut_checked(4)?;
    match i32::from_be_bytes(*len.first_chunk::<4>()?) {
        -1 => Some((None, rest)),
        len => {
            let (value, rest) = rest.split_at_mut_checked(usize::try_from(len).ok()?)?;
            Some((Some(value), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: &[u8]) -> Vec<u8> {
        [&(value.len() as i32).to_be_bytes()[..], value].concat()
    }

    /// An array of one dimension.
    fn array(of: u32, items: &[&[u8]]) -> Vec<u8> {
        let mut bytes: Vec<u8> = [1, 0, of, items.len() as u32, 1]
            .iter()
            .flat_map(|w| w.to_be_bytes())
            .collect();
        for item in items {
            bytes.extend(field(item));
        }
        bytes
    }

    #[test]
    fn numbers_are_replaced_at_every_depth_and_back() {
        // 20000 is a composite type with an array of 20001, an enum, and an integer; 20002 is an array of it.
        let forms = [
            (20_000, Form::Composite),
            (20_003, Form::Array(20_001)),
            (20_002, Form::Array(20_000)),
        ];
        let names = [(20_000, "s.c"), (20_001, "s.e"), (20_003, "s._e")];
        let (mut there, mut back) = (Oids::default(), Oids::default());
        for (oid, form) in &forms {
            there.add(*oid, form.clone(), None);
        }
        for (oid, name) in names {
            there.becomes.insert(oid, placeholder(name));
            back.becomes.insert(placeholder(name), oid);
        }
        back.add(20_002, Form::Array(placeholder("s.c")), None);
        back.add(placeholder("s.c"), Form::Composite, None);
        back.add(placeholder("s._e"), Form::Array(placeholder("s.e")), None);
        let inner = array(20_001, &[b"sad"]);
        let mut row = 2u32.to_be_bytes().to_vec();
        row.extend([&20_003u32.to_be_bytes()[..], &field(&inner)].concat());
        row.extend([&23u32.to_be_bytes()[..], &(-1i32).to_be_bytes()].concat());
        let value = array(20_000, &[&row]);
        let tuple = [&[0, 2][..], &field(b"x"), &field(&value)].concat();
        let mut changed = tuple.clone();
        there
            .replace_in_tuple(&[None, Some(20_002)], &mut changed)
            .unwrap();
        let count = |bytes: &[u8], oid: u32| bytes.windows(4).filter(|w| *w == oid.to_be_bytes()).count();
        for (oid, name) in names {
            assert_eq!(
                (count(&changed, oid), count(&changed, placeholder(name))),
                (0, 1),
                "{name}"
            );
        }
        back.replace_in_tuple(&[None, Some(20_002)], &mut changed)
            .unwrap();
        assert_eq!(changed, tuple);
        assert!(
            there
                .replace_in_tuple(&[Some(20_002)], &mut [0, 1, 0, 0, 0, 1, 0])
                .is_err()
        );
    }
}
