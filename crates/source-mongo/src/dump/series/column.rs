//! A compressed column: the values of one field, one after the other, as the server's BSON columns (binary subtype 7)
//! have them.
//!
//! ```text
//! column      = item ..., 00
//! item        = element with an empty name                    a literal
//!             | 80..df, word ...                              differences; the upper half is the doubles' scale
//!             | f0 | f1 | f2, reference, item ..., 00         documents field by field
//! ```
//!
//! A control byte of differences has the number of words less 1 in its lower half. Between f0, f1 or f2 (documents with
//! arrays as literals, documents, arrays) and its end, each innermost field of the reference has a sequence of its own,
//! and whichever needs more takes the next item.

use super::stream::Stream;
use crate::raw::{BsonRef, Document, Elements, Kind};

const SHORT: &str = "a column ends early";

/// Reads a column.
pub(super) struct Column<'a> {
    bytes: &'a [u8],
    at: usize,
    stream: Stream<'a>,
    fields: Option<Fields<'a>>,
    ended: bool,
}

/// Documents that are stored field by field.
struct Fields<'a> {
    kind: Kind,
    reference: Document<'a>,
    arrays: bool,
    streams: Vec<Stream<'a>>,
}

/// What came of reading a document's fields.
enum Row {
    Document,
    Missing,
    /// There are no more.
    End,
}

impl<'a> Column<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            stream: Stream::new(),
            fields: None,
            ended: false,
        }
    }

    /// Appends the next value under a name: none at the column's end, false where there is no value.
    pub(super) fn next(&mut self, name: &[u8], out: &mut Vec<u8>) -> Result<Option<bool>, &'static str> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some(mut fields) = self.fields.take() {
                let start = out.len();
                out.push(fields.kind as u8);
                out.extend_from_slice(name);
                out.push(0);
                let value = out.len();
                match self.row(&mut fields, out)? {
                    Row::Document => {
                        self.stream.set(Some(fields.kind), &out[value..]);
                        self.fields = Some(fields);
                        return Ok(Some(true));
                    }
                    Row::Missing => {
                        out.truncate(start);
                        self.stream.set(None, &[]);
                        self.fields = Some(fields);
                        return Ok(Some(false));
                    }
                    Row::End => {
                        out.truncate(start);
                        continue;
                    }
                }
            }
            if let Some(there) = self.stream.next() {
                let there = there?;
                if there {
                    write(&self.stream, name, out)?;
                }
                return Ok(Some(there));
            }
            match *self.bytes.get(self.at).ok_or(SHORT)? {
                0 => {
                    self.ended = true;
                    if self.at + 1 != self.bytes.len() {
                        return Err("bytes follow the end of a column");
                    }
                }
                control @ 0xf0..=0xf2 => self.fields = Some(self.begin(control)?),
                _ => {
                    if item(self.bytes, &mut self.at, &mut self.stream)? {
                        write(&self.stream, name, out)?;
                        return Ok(Some(true));
                    }
                }
            }
        }
    }

    /// Reads the reference of documents that are stored field by field.
    fn begin(&mut self, control: u8) -> Result<Fields<'a>, &'static str> {
        let rest = &self.bytes[self.at + 1..];
        let length = rest.first_chunk().map_or(0, |b| i32::from_le_bytes(*b));
        let length = usize::try_from(length).map_err(|_| SHORT)?;
        let reference = rest
            .get(..length)
            .and_then(|bytes| Document::new(bytes).ok())
            .filter(|reference| reference.check(LEVELS).is_ok())
            .ok_or("a column has a damaged reference")?;
        self.at += 1 + length;
        let arrays = control != 0xf0;
        let mut streams = Vec::new();
        sequences(reference, arrays, &mut streams)?;
        if streams.is_empty() {
            return Err("a column has a reference without fields");
        }
        Ok(Fields {
            kind: if control == 0xf2 {
                Kind::Array
            } else {
                Kind::Document
            },
            reference,
            arrays,
            streams,
        })
    }

    /// Appends the next document's bytes.
    fn row(&mut self, fields: &mut Fields<'a>, out: &mut Vec<u8>) -> Result<Row, &'static str> {
        let mut next = 0;
        let Fields {
            reference,
            arrays,
            streams,
            ..
        } = fields;
        let mut writer = Writer {
            column: self,
            arrays: *arrays,
            streams,
            next: &mut next,
            out,
        };
        match writer.document(*reference)? {
            Some(true) => Ok(Row::Document),
            Some(false) => Ok(Row::Missing),
            None if next == 0 => Ok(Row::End),
            None => Err("a column's documents end in the middle of one"),
        }
    }
}

/// Levels that a reference may have. MongoDB stores fewer.
const LEVELS: usize = 200;

/// The sequences of a reference's innermost fields, in order.
fn sequences<'a>(
    reference: Document<'a>,
    arrays: bool,
    streams: &mut Vec<Stream<'a>>,
) -> Result<(), &'static str> {
    let mut elements = reference.elements();
    while let Some(stored) = elements.stored() {
        let (element, value) = stored.map_err(|e| e.what)?;
        match element.value {
            BsonRef::Document(inner) => sequences(inner, arrays, streams)?,
            BsonRef::Array(inner) if arrays => sequences(inner, arrays, streams)?,
            _ => {
                let mut stream = Stream::new();
                stream.set(Some(element.value.kind()), value);
                streams.push(stream);
            }
        }
    }
    Ok(())
}

/// Takes the next item for a sequence; true if it was a literal.
fn item<'a>(bytes: &'a [u8], at: &mut usize, stream: &mut Stream<'a>) -> Result<bool, &'static str> {
    let control = *bytes.get(*at).ok_or(SHORT)?;
    if matches!(control, 0x01..=0x1f | 0x7f | 0xff) {
        let mut elements = Elements::at(&bytes[*at..], *at);
        let (element, value) = elements.stored().ok_or(SHORT)?.map_err(|e| e.what)?;
        if !element.name.as_bytes().is_empty() {
            return Err("a column's literal has a name");
        }
        stream.set(Some(element.value.kind()), value);
        *at += 2 + value.len();
        return Ok(true);
    }
    let count = usize::from(control & 15) + 1;
    let words = bytes.get(*at + 1..*at + 1 + count * 8).ok_or(SHORT)?;
    stream.differ(control, words.as_chunks().0)?;
    *at += 1 + words.len();
    Ok(false)
}

fn write(stream: &Stream<'_>, name: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (kind, value) = stream.value().ok_or("a column has no value where one is")?;
    super::element(out, kind as u8, name, value);
    Ok(())
}

/// Writes one document by its reference.
struct Writer<'w, 'a> {
    column: &'w mut Column<'a>,
    arrays: bool,
    streams: &'w mut Vec<Stream<'a>>,
    next: &'w mut usize,
    out: &'w mut Vec<u8>,
}

impl<'a> Writer<'_, 'a> {
    /// Appends a document's bytes: true if it has fields, or its reference has none; none where the items end.
    fn document(&mut self, reference: Document<'a>) -> Result<Option<bool>, &'static str> {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        for element in reference.elements() {
            let element = element.map_err(|e| e.what)?;
            let name = element.name.as_bytes();
            let inner = match element.value {
                BsonRef::Document(inner) => Some(inner),
                BsonRef::Array(inner) if self.arrays => Some(inner),
                _ => None,
            };
            let Some(inner) = inner else {
                if !self.field(name)? {
                    return Ok(None);
                }
                continue;
            };
            let before = self.out.len();
            super::element(self.out, element.value.kind() as u8, name, &[]);
            match self.document(inner)? {
                Some(true) => {}
                Some(false) => self.out.truncate(before),
                None => return Ok(None),
            }
        }
        if self.out.len() == start + 4 && !reference.is_empty() {
            return Ok(Some(false));
        }
        self.out.push(0);
        let length = (self.out.len() - start) as i32;
        self.out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(Some(true))
    }

    /// Appends the next field of those that have sequences; false where the items end.
    fn field(&mut self, name: &[u8]) -> Result<bool, &'static str> {
        let stream = self.streams.get_mut(*self.next).ok_or(SHORT)?;
        let column = &mut *self.column;
        let there = loop {
            if let Some(there) = stream.next() {
                break there?;
            }
            if column.bytes.get(column.at) == Some(&0) {
                if *self.next == 0 {
                    column.at += 1;
                }
                return Ok(false);
            }
            if item(column.bytes, &mut column.at, stream)? {
                break true;
            }
        };
        *self.next += 1;
        if there {
            write(stream, name, self.out)?;
        }
        Ok(true)
    }
}
