//! Turns what the driver, the file system and the parsers say into the workspace's error.

mod driver;

use std::io;

use migrate_core::{Error, ErrorKind};

pub(crate) use driver::{code, driver, is_transient, message};

/// The source's content is damaged or contradicts itself.
pub(crate) fn corrupt(message: impl Into<String>) -> Error {
    Error::source_side(ErrorKind::Corrupt, message)
}

/// The source has something that this version cannot read.
pub(crate) fn unsupported(message: impl Into<String>) -> Error {
    Error::source_side(ErrorKind::Unsupported, message)
}

/// A plan or an option asks for something that cannot be.
pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// A broken contract between crates.
pub(crate) fn internal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, message)
}

/// A failed operation on a file.
pub(crate) fn io(what: &str, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Permission,
        _ => ErrorKind::Io,
    };
    let error = Error::source_side(kind, format!("{what}: {cause}"));
    let error = match cause.kind() {
        io::ErrorKind::NotFound => error.hint("check the path"),
        io::ErrorKind::PermissionDenied => error.hint("make the file readable for this user"),
        _ => error,
    };
    error.because(cause)
}
