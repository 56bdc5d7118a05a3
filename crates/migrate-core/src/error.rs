//! One error type for every crate of the workspace.
//!
//! Endpoint crates translate what their drivers say into an [`Error`] in one place each (their `classify` module), so
//! that the pipeline decides on [`ErrorKind`], [`Side`] and [`Error::is_transient`] alone.

use std::fmt;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong: a flag, a plan file, a type override.
    Config,
    /// The source's content is damaged or contradicts itself.
    Corrupt,
    /// The source or the destination has something this version cannot handle.
    Unsupported,
    /// No connection, or the connection broke.
    Connection,
    /// The other side could not be identified, or the connection could not be encrypted.
    Tls,
    /// The server knows us not: a wrong name, password or token.
    Login,
    /// A right is missing.
    Permission,
    /// A database, or an object that the plan was made with, is not there.
    NotFound,
    /// The destination already holds something that this run would overwrite.
    Conflict,
    /// The destination ran out of disk, memory or connections.
    Resources,
    /// The destination refused rows as data. The pipeline answers by bisecting.
    DataRejected,
    /// Another writer took this chunk over; its receipt will be the one that counts.
    Fenced,
    /// The caller cancelled.
    Cancelled,
    /// Source and destination do not agree.
    Mismatch,
    /// More rows were quarantined than the limit allows.
    TooManyRejects,
    /// A file could not be read or written.
    Io,
    /// A contract between crates was broken: a bug here.
    Internal,
}

/// Which end of the migration an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Reading.
    Source,
    /// Writing.
    Destination,
    /// Neither: plan, options, this program.
    Neither,
}

/// An error with its kind, its side, what was being done, and the cause.
///
/// The message never holds a secret or a row's values.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    side: Side,
    transient: bool,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

/// The result of every fallible operation in the workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` on neither side.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            side: Side::Neither,
            transient: false,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            source: None,
        }))
    }

    /// An error that the source caused.
    pub fn source_side(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, message).on(Side::Source)
    }

    /// An error that the destination caused.
    pub fn destination(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, message).on(Side::Destination)
    }

    /// Sets the side.
    pub fn on(mut self, side: Side) -> Self {
        self.0.side = side;
        self
    }

    /// Sets the kind.
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Says that trying again may succeed.
    pub fn transient(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// Adds a place: a file, an offset, a table, a column.
    pub fn at(mut self, what: &'static str, value: impl fmt::Display) -> Self {
        let place = (what, value.to_string());
        if !self.0.context.contains(&place) {
            self.0.context.push(place);
        }
        self
    }

    /// Says what the user can do about it. The last hint given wins.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Which end it comes from.
    pub fn side(&self) -> Side {
        self.0.side
    }

    /// Whether trying the same again may succeed.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// What the user can do about it, if that is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The message alone, without places and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (what, value)) in self.0.context.iter().rev().enumerate() {
            write!(f, "{}{what} {value}", if i == 0 { " (" } else { ", " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("side", &self.0.side)
            .field("transient", &self.0.transient)
            .field("message", &self.to_string())
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|e| e as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_printed_from_the_outermost_in() {
        let e = Error::source_side(ErrorKind::Corrupt, "row ends early")
            .at("offset", 17)
            .at("file", "a.bacpac");
        assert_eq!(e.to_string(), "row ends early (file a.bacpac, offset 17)");
        assert_eq!(e.kind(), ErrorKind::Corrupt);
        assert_eq!(e.side(), Side::Source);
        assert!(!e.is_transient());
    }
}
