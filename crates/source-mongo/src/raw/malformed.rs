//! What is wrong with a document.

use std::fmt;

use migrate_core::Error;

use crate::classify::corrupt;

/// Bytes that are not BSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What is wrong, without any of the document's content.
    pub(crate) what: &'static str,
    /// Where, in bytes from the beginning of the outermost document.
    pub(crate) offset: usize,
}

impl Malformed {
    #[cold]
    pub(super) const fn new(what: &'static str, offset: usize) -> Self {
        Self { what, offset }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the document", self.what, self.offset)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Error {
    /// A [`Corrupt`](migrate_core::ErrorKind::Corrupt) error, to which the caller adds the document's place.
    fn from(malformed: Malformed) -> Self {
        corrupt(format!("the document is damaged: {}", malformed.what))
            .at("byte of the document", malformed.offset)
            .hint("dump the collection again, or repair the document in MongoDB (validate with {full: true} finds it)")
    }
}
