//! One value of a document.

use super::document::Document;
use super::kind::Kind;
use super::malformed::Malformed;
use super::text::Text;

/// Bytes with a subtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binary<'a> {
    /// 0 generic, 1 function, 2 old generic, 3 old UUID (byte order by driver), 4 UUID, 5 MD5, 6 encrypted, 7 compressed
    /// column, 8 sensitive, 9 vector, from 128 on the user's.
    pub(crate) subtype: u8,
    /// The bytes, without the second length that subtype 2 has.
    pub(crate) bytes: &'a [u8],
}

/// A value that borrows from its document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BsonRef<'a> {
    /// 64-bit binary floating point.
    Double(f64),
    /// Text.
    String(Text<'a>),
    /// A nested document.
    Document(Document<'a>),
    /// An array: a document whose names are `0`, `1`, ... and are not looked at; the order counts.
    Array(Document<'a>),
    /// Bytes.
    Binary(Binary<'a>),
    /// The deprecated `undefined`.
    Undefined,
    /// An ObjectId's bytes.
    ObjectId(&'a [u8; 12]),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970 in UTC, any.
    DateTime(i64),
    /// Null.
    Null,
    /// A regular expression.
    Regex {
        /// The pattern.
        pattern: Text<'a>,
        /// The options' letters.
        options: Text<'a>,
    },
    /// The deprecated pointer.
    DbPointer {
        /// Database and collection.
        namespace: Text<'a>,
        /// The document's `_id`.
        id: &'a [u8; 12],
    },
    /// JavaScript.
    Code(Text<'a>),
    /// The deprecated symbol.
    Symbol(Text<'a>),
    /// JavaScript with its variables.
    CodeWithScope {
        /// The source.
        code: Text<'a>,
        /// The variables.
        scope: Document<'a>,
    },
    /// 32-bit integer.
    Int32(i32),
    /// The replication's own timestamp.
    Timestamp {
        /// Seconds since 1970.
        time: u32,
        /// Ordinal within the second.
        increment: u32,
    },
    /// 64-bit integer.
    Int64(i64),
    /// IEEE 754 decimal128 in its binary-integer encoding, little-endian.
    Decimal128(&'a [u8; 16]),
    /// Greater than all else.
    MaxKey,
    /// Less than all else.
    MinKey,
}

impl BsonRef<'_> {
    /// Its type.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Double(_) => Kind::Double,
            Self::String(_) => Kind::String,
            Self::Document(_) => Kind::Document,
            Self::Array(_) => Kind::Array,
            Self::Binary(_) => Kind::Binary,
            Self::Undefined => Kind::Undefined,
            Self::ObjectId(_) => Kind::ObjectId,
            Self::Bool(_) => Kind::Bool,
            Self::DateTime(_) => Kind::DateTime,
            Self::Null => Kind::Null,
            Self::Regex { .. } => Kind::Regex,
            Self::DbPointer { .. } => Kind::DbPointer,
            Self::Code(_) => Kind::Code,
            Self::Symbol(_) => Kind::Symbol,
            Self::CodeWithScope { .. } => Kind::CodeWithScope,
            Self::Int32(_) => Kind::Int32,
            Self::Timestamp { .. } => Kind::Timestamp,
            Self::Int64(_) => Kind::Int64,
            Self::Decimal128(_) => Kind::Decimal128,
            Self::MaxKey => Kind::MaxKey,
            Self::MinKey => Kind::MinKey,
        }
    }
}

/// What is left of a document's elements, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rest<'a> {
    pub(super) bytes: &'a [u8],
    /// Of `bytes[0]`, in the outermost document.
    pub(super) offset: usize,
}

impl<'a> Rest<'a> {
    #[inline]
    fn bad<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed::new(what, self.offset))
    }

    #[inline]
    fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        match self.bytes.split_at_checked(n) {
            Some((taken, rest)) => {
                self.bytes = rest;
                self.offset += n;
                Ok(taken)
            }
            None => self.bad(what),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        match self.bytes.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.bytes = rest;
                self.offset += N;
                Ok(taken)
            }
            None => self.bad("the document ends inside of a value"),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|b| b[0])
    }

    /// A length that is not negative.
    #[inline]
    fn length(&mut self) -> Result<usize, Malformed> {
        let at = self.offset;
        let length = i32::from_le_bytes(*self.array()?);
        usize::try_from(length).map_err(|_| Malformed::new("a length is negative", at))
    }

    /// Bytes up to a zero, which is left behind too.
    #[inline]
    pub(super) fn cstring(&mut self) -> Result<Text<'a>, Malformed> {
        let Some(n) = zero(self.bytes) else {
            return self.bad("a name or pattern has no end");
        };
        let text = Text(&self.bytes[..n]);
        self.bytes = &self.bytes[n + 1..];
        self.offset += n + 1;
        Ok(text)
    }

    /// A length that counts a final zero, and as many bytes.
    #[inline]
    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let at = self.offset;
        let length = self.length()?;
        if length == 0 {
            return Err(Malformed::new(
                "a string's length is 0, where its end counts 1",
                at,
            ));
        }
        match self
            .take(length, "a string reaches beyond the document's end")?
            .split_last()
        {
            Some((0, text)) => Ok(Text(text)),
            _ => Err(Malformed::new("a string does not end with a zero byte", at)),
        }
    }

    #[inline]
    fn document(&mut self) -> Result<Document<'a>, Malformed> {
        let at = self.offset;
        let Some(prefix) = self.bytes.first_chunk::<4>() else {
            return self.bad("the document ends inside of a value");
        };
        let Ok(length) = usize::try_from(i32::from_le_bytes(*prefix)) else {
            return self.bad("a nested document's length is negative");
        };
        let bytes = self.take(
            length,
            "a nested document reaches beyond the end of the one around it",
        )?;
        Document::nested(bytes, at)
    }

    #[inline]
    pub(super) fn value(&mut self, kind: Kind) -> Result<BsonRef<'a>, Malformed> {
        Ok(match kind {
            Kind::Double => BsonRef::Double(f64::from_le_bytes(*self.array()?)),
            Kind::String => BsonRef::String(self.string()?),
            Kind::Document => BsonRef::Document(self.document()?),
            Kind::Array => BsonRef::Array(self.document()?),
            Kind::Binary => BsonRef::Binary(self.binary()?),
            Kind::Undefined => BsonRef::Undefined,
            Kind::ObjectId => BsonRef::ObjectId(self.array()?),
            Kind::Bool => match self.bytes.first() {
                Some(0 | 1) => BsonRef::Bool(self.byte()? == 1),
                Some(_) => return self.bad("a boolean is neither 0 nor 1"),
                None => return self.bad("the document ends inside of a value"),
            },
            Kind::DateTime => BsonRef::DateTime(i64::from_le_bytes(*self.array()?)),
            Kind::Null => BsonRef::Null,
            Kind::Regex => BsonRef::Regex {
                pattern: self.cstring()?,
                options: self.cstring()?,
            },
            Kind::DbPointer => BsonRef::DbPointer {
                namespace: self.string()?,
                id: self.array()?,
            },
            Kind::Code => BsonRef::Code(self.string()?),
            Kind::Symbol => BsonRef::Symbol(self.string()?),
            Kind::CodeWithScope => self.code_with_scope()?,
            Kind::Int32 => BsonRef::Int32(i32::from_le_bytes(*self.array()?)),
            Kind::Timestamp => BsonRef::Timestamp {
                increment: u32::from_le_bytes(*self.array()?),
                time: u32::from_le_bytes(*self.array()?),
            },
            Kind::Int64 => BsonRef::Int64(i64::from_le_bytes(*self.array()?)),
            Kind::Decimal128 => BsonRef::Decimal128(self.array()?),
            Kind::MaxKey => BsonRef::MaxKey,
            Kind::MinKey => BsonRef::MinKey,
        })
    }

    fn binary(&mut self) -> Result<Binary<'a>, Malformed> {
        let length = self.length()?;
        let subtype = self.byte()?;
        let at = self.offset;
        let bytes = self.take(length, "binary data reaches beyond the document's end")?;
        if subtype != 2 {
            return Ok(Binary { subtype, bytes });
        }
        // The old form repeats the length inside.
        match bytes.split_first_chunk::<4>() {
            Some((inner, bytes)) if usize::try_from(i32::from_le_bytes(*inner)) == Ok(bytes.len()) => {
                Ok(Binary { subtype, bytes })
            }
            _ => Err(Malformed::new(
                "binary data of the old subtype 2 contradicts its own inner length",
                at,
            )),
        }
    }

    fn code_with_scope(&mut self) -> Result<BsonRef<'a>, Malformed> {
        let at = self.offset;
        let length = self.length()?;
        if length < 4 {
            return Err(Malformed::new(
                "code with scope is shorter than its own length",
                at,
            ));
        }
        let bytes = self.take(length - 4, "code with scope reaches beyond the document's end")?;
        let mut inside = Rest {
            bytes,
            offset: at + 4,
        };
        let code = inside.string()?;
        let scope = inside.document()?;
        if !inside.bytes.is_empty() {
            return inside.bad("code with scope is longer than code and scope");
        }
        Ok(BsonRef::CodeWithScope { code, scope })
    }
}

/// Where the first zero byte is. Names are short, so this looks at eight bytes at a time and no more.
#[inline]
fn zero(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, tail) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest set bit belongs to the first zero byte; higher ones may be false.
        let zeros = word.wrapping_sub(ONES) & !word & HIGH;
        if zeros != 0 {
            return Some(i * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    tail.iter().position(|b| *b == 0).map(|i| words.len() * 8 + i)
}

#[cfg(test)]
mod tests {
    use super::zero;

    #[test]
    fn the_first_zero_byte_is_found_wherever_it_is() {
        for length in 0..40 {
            for fill in [1, 0x80, 0xff] {
                assert_eq!(zero(&vec![fill; length]), None);
                for at in 0..length {
                    let mut bytes = vec![fill; length];
                    bytes[at] = 0;
                    if at + 1 < length {
                        bytes[at + 1] = 1;
                    }
                    assert_eq!(zero(&bytes), Some(at), "{length} bytes of {fill}");
                    bytes[at..].fill(0);
                    assert_eq!(zero(&bytes), Some(at), "{length} bytes of {fill}");
                }
            }
        }
    }
}
