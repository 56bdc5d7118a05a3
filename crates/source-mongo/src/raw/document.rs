//! A document and its elements.

use super::kind::Kind;
use super::malformed::Malformed;
use super::text::Text;
use super::value::{BsonRef, Rest};

/// Levels of nesting beyond which a document is refused. MongoDB itself stores at most 180.
pub(crate) const MAX_LEVELS: usize = 1000;

/// The smallest document: a length and a terminator.
const SMALLEST: usize = 5;

/// A document's bytes. Its frame is right: the length that it states is that of the bytes, and the last one is zero.
/// What is inside is found out by walking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    bytes: &'a [u8],
    /// Of `bytes[0]`, in the outermost document.
    offset: usize,
}

/// A name and a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Element<'a> {
    /// The name, which may be empty, come twice, hold dots and dollars, and not be UTF-8. It cannot hold a zero byte.
    pub(crate) name: Text<'a>,
    /// The value.
    pub(crate) value: BsonRef<'a>,
    /// Where the element begins, in bytes from the beginning of the outermost document.
    pub(crate) offset: usize,
}

impl<'a> Document<'a> {
    /// Takes the bytes for an outermost document, which they must be exactly.
    ///
    /// # Errors
    /// If the length that they state is not theirs, or the last byte is not zero.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::nested(bytes, 0)
    }

    #[inline]
    pub(super) fn nested(bytes: &'a [u8], offset: usize) -> Result<Self, Malformed> {
        let Some(prefix) = bytes.first_chunk::<4>() else {
            return Err(Malformed::new(
                "a document is shorter than its own length",
                offset,
            ));
        };
        if bytes.len() < SMALLEST || usize::try_from(i32::from_le_bytes(*prefix)) != Ok(bytes.len()) {
            return Err(Malformed::new("a document's length is wrong", offset));
        }
        if bytes[bytes.len() - 1] != 0 {
            return Err(Malformed::new(
                "a document does not end with a zero byte",
                offset + bytes.len() - 1,
            ));
        }
        Ok(Self { bytes, offset })
    }

    /// All its bytes.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where it begins, in bytes from the beginning of the outermost document.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Whether it has no element.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == SMALLEST
    }

    /// Its elements in order, duplicates included. After an error there is nothing more.
    #[inline]
    pub(crate) fn elements(&self) -> Elements<'a> {
        Elements {
            rest: Rest {
                bytes: &self.bytes[4..self.bytes.len() - 1],
                offset: self.offset + 4,
            },
        }
    }

    /// The value of the first element of that name.
    ///
    /// # Errors
    /// If the document is damaged before it.
    pub(crate) fn get(&self, name: &str) -> Result<Option<BsonRef<'a>>, Malformed> {
        for element in self.elements() {
            let element = element?;
            if element.name == name {
                return Ok(Some(element.value));
            }
        }
        Ok(None)
    }

    /// Walks everything inside, scopes of code included, and says how deep it is: 1 for a document without nested ones.
    /// Memory grows with the depth only.
    ///
    /// # Errors
    /// The first damage found, or more than `levels` levels.
    pub(crate) fn check(&self, levels: usize) -> Result<usize, Malformed> {
        let mut open = vec![self.elements()];
        let mut deepest = 1;
        while let Some(elements) = open.last_mut() {
            let Some(element) = elements.next() else {
                open.pop();
                continue;
            };
            let element = element?;
            if let BsonRef::Document(inner)
            | BsonRef::Array(inner)
            | BsonRef::CodeWithScope { scope: inner, .. } = element.value
            {
                if open.len() == levels {
                    return Err(Malformed::new("documents are nested too deeply", element.offset));
                }
                open.push(inner.elements());
                deepest = deepest.max(open.len());
            }
        }
        Ok(deepest)
    }
}

/// Reads a document's elements one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Elements<'a> {
    rest: Rest<'a>,
}

impl<'a> Elements<'a> {
    #[inline]
    fn element(&mut self) -> Result<Element<'a>, Malformed> {
        let offset = self.rest.offset;
        let byte = self.rest.byte()?;
        let Some(kind) = Kind::from_byte(byte) else {
            return Err(Malformed::new(
                if byte == 0 {
                    "a document ends before the length that it states"
                } else {
                    "a value has an unknown type"
                },
                offset,
            ));
        };
        let name = self.rest.cstring()?;
        let value = self.rest.value(kind)?;
        Ok(Element { name, value, offset })
    }
}

impl<'a> Elements<'a> {
    /// Reads the elements that lie at the beginning of other bytes than a document's, such as a compressed column's.
    pub(crate) fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: Rest { bytes, offset },
        }
    }

    /// The next element with its value's bytes as they are.
    pub(crate) fn stored(&mut self) -> Option<Result<(Element<'a>, &'a [u8]), Malformed>> {
        let before = self.rest.bytes;
        let element = match self.next()? {
            Ok(element) => element,
            Err(error) => return Some(Err(error)),
        };
        let value = element.name.as_bytes().len() + 2..before.len() - self.rest.bytes.len();
        Some(Ok((element, &before[value])))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.bytes.is_empty() {
            return None;
        }
        let element = self.element();
        if element.is_err() {
            self.rest.bytes = &[];
        }
        Some(element)
    }
}

impl std::iter::FusedIterator for Elements<'_> {}
