//! Time series, which a dump holds as buckets: many measurements in one document, by column.
//!
//! ```text
//! { _id, control: { version, min, max, ... }, meta, data: { time: column, field: column, ... } }
//! ```
//!
//! A column is a document with the measurements' numbers as names (version 1), or compressed (versions 2 and 3; see
//! [`column`]). What is made of them are the measurements as the server returns them, field by field in its order: the
//! time, the metadata, and the rest as the bucket has it.

mod column;
mod reader;
mod simple8b;
mod stream;

#[cfg(test)]
mod tests;

use std::ops::Range;

use migrate_core::Result;

use self::column::Column;
use crate::classify::{corrupt, unsupported};
use crate::raw::{BsonRef, Document, Elements, MAX_LEVELS, Malformed};

pub(super) use self::reader::SeriesReader;

/// Bytes that the measurements of one bucket may take. The server closes buckets long before.
const LARGEST: usize = 64 << 20;

const DAMAGED: &str = "the dump is damaged; dump again, or restore it and read from the server";

/// What a time series' options say about its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    time: Vec<u8>,
    meta: Option<Vec<u8>>,
}

/// One field of a bucket's measurements.
enum Field<'a> {
    /// A value by each measurement's number.
    Plain {
        elements: Elements<'a>,
        /// The number of the next value, its type, and its bytes.
        next: Option<(&'a [u8], u8, &'a [u8])>,
    },
    Compressed(Box<Column<'a>>),
}

impl Series {
    /// Reads a collection's options.
    pub(super) fn of(options: &[u8]) -> Result<Self> {
        let series = Document::new(options)?.get("timeseries")?;
        let Some(BsonRef::Document(series)) = series else {
            return Err(corrupt("the options of a time series do not say how it is stored").hint(DAMAGED));
        };
        let text = |name| -> Result<Option<Vec<u8>>> {
            Ok(match series.get(name)? {
                Some(BsonRef::String(text)) => Some(text.as_bytes().to_vec()),
                _ => None,
            })
        };
        let Some(time) = text("timeField")? else {
            return Err(
                corrupt("the options of a time series do not name the field of the time").hint(DAMAGED),
            );
        };
        Ok(Self {
            time,
            meta: text("metaField")?,
        })
    }

    /// Appends a bucket's measurements to `out`, and where each one lies to `measurements`.
    ///
    /// # Errors
    /// [`Corrupt`](migrate_core::ErrorKind::Corrupt) if the bucket contradicts itself;
    /// [`Unsupported`](migrate_core::ErrorKind::Unsupported) if its version is unknown.
    pub(super) fn unpack(
        &self,
        bucket: &[u8],
        out: &mut Vec<u8>,
        measurements: &mut Vec<Range<usize>>,
    ) -> Result<()> {
        let bucket = Document::new(bucket)?;
        bucket.check(MAX_LEVELS)?;
        let version = match bucket.get("control")? {
            Some(BsonRef::Document(control)) => control.get("version")?,
            _ => None,
        };
        match version {
            Some(BsonRef::Int32(1..=3)) => {}
            Some(BsonRef::Int32(other)) => {
                return Err(unsupported(format!(
                    "the time series has buckets of version {other}, and 1, 2 and 3 are known"
                ))
                .hint("restore the dump into a server that knows them and read it from there"));
            }
            _ => return Err(bad("a bucket of the time series does not state its version")),
        }
        let (mut time, mut fields) = self.fields(bucket)?;
        let meta = self.metadata(bucket)?;
        let begin = out.len();
        loop {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            let next = time.next(&self.time, out)?;
            if matches!(next, Next::None) {
                out.truncate(start);
                break;
            }
            out.extend_from_slice(&meta);
            for (name, field) in &mut fields {
                field.take(name, &next, out)?;
            }
            out.push(0);
            let length = (out.len() - start) as i32;
            out[start..start + 4].copy_from_slice(&length.to_le_bytes());
            measurements.push(start..out.len());
            if out.len() - begin > LARGEST {
                return Err(bad(
                    "a bucket of the time series has more measurements than one can have",
                ));
            }
        }
        Ok(())
    }

    /// The time's column and the others', in the bucket's order.
    fn fields<'a>(&self, bucket: Document<'a>) -> Result<(Time<'a>, Vec<(&'a [u8], Field<'a>)>)> {
        let Some(BsonRef::Document(data)) = bucket.get("data")? else {
            return Err(bad("a bucket of the time series has no data"));
        };
        let mut time = None;
        let mut fields = Vec::new();
        for element in data.elements() {
            let element = element?;
            let field = match element.value {
                BsonRef::Document(values) => Field::Plain {
                    elements: values.elements(),
                    next: None,
                },
                BsonRef::Binary(column) if column.subtype == 7 => {
                    Field::Compressed(Box::new(Column::new(column.bytes)))
                }
                _ => return Err(bad("a column of a bucket is neither a document nor compressed")),
            };
            let name = element.name.as_bytes();
            if name == self.time {
                time = Some(Time(field));
            } else {
                fields.push((name, field));
            }
        }
        let mut time = time.ok_or_else(|| bad("a bucket of the time series has no times"))?;
        time.0.forward()?;
        for (_, field) in &mut fields {
            field.forward()?;
        }
        Ok((time, fields))
    }

    /// The element that each measurement has of the bucket's metadata.
    fn metadata(&self, bucket: Document<'_>) -> Result<Vec<u8>> {
        let Some(name) = &self.meta else {
            return Ok(Vec::new());
        };
        let mut elements = bucket.elements();
        while let Some(element) = elements.stored() {
            let (element, value) = element?;
            if element.name == "meta" {
                let mut out = vec![element.value.kind() as u8];
                out.extend_from_slice(name);
                out.push(0);
                out.extend_from_slice(value);
                return Ok(out);
            }
        }
        Ok(Vec::new())
    }
}

/// Which measurement comes next.
enum Next<'a> {
    /// The one of this number, as a plain column states it.
    Number(&'a [u8]),
    /// The one after the last.
    Any,
    /// There is none.
    None,
}

/// The column that says how many measurements there are.
struct Time<'a>(Field<'a>);

impl<'a> Time<'a> {
    /// Appends the next time, and says which measurement it belongs to.
    fn next(&mut self, name: &[u8], out: &mut Vec<u8>) -> Result<Next<'a>> {
        match &mut self.0 {
            Field::Plain { next: None, .. } => Ok(Next::None),
            Field::Plain {
                next: Some((number, kind, value)),
                ..
            } => {
                let number = *number;
                element(out, *kind, name, value);
                self.0.forward()?;
                Ok(Next::Number(number))
            }
            Field::Compressed(column) => match column.next(name, out).map_err(bad)? {
                Some(true) => Ok(Next::Any),
                Some(false) => Err(bad("a measurement has no time")),
                None => Ok(Next::None),
            },
        }
    }
}

impl Field<'_> {
    /// Reads the next value of a plain column.
    fn forward(&mut self) -> Result<(), Malformed> {
        if let Self::Plain { elements, next } = self {
            *next = match elements.stored() {
                None => None,
                Some(stored) => {
                    let (element, value) = stored?;
                    Some((element.name.as_bytes(), element.value.kind() as u8, value))
                }
            };
        }
        Ok(())
    }

    /// Appends the value of the next measurement, if it has one.
    fn take(&mut self, name: &[u8], measurement: &Next<'_>, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Plain {
                next: Some((number, kind, value)),
                ..
            } => {
                // Compressed and plain columns are not mixed.
                if !matches!(measurement, Next::Number(wanted) if wanted != number) {
                    element(out, *kind, name, value);
                    self.forward()?;
                }
            }
            Self::Plain { next: None, .. } => {}
            Self::Compressed(column) => {
                column.next(name, out).map_err(bad)?;
            }
        }
        Ok(())
    }
}

fn element(out: &mut Vec<u8>, kind: u8, name: &[u8], value: &[u8]) {
    out.push(kind);
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(value);
}

fn bad(what: impl Into<String>) -> migrate_core::Error {
    corrupt(what).hint(DAMAGED)
}
