//! The same errors on the side that is read.

use std::io;

use migrate_core::{Error, ErrorKind, Side};

use crate::classify::{During, classify};

/// Turns the driver's error into the workspace's, on the side of the source.
pub fn classify_source(error: sqlx::Error, during: During) -> Error {
    let code = error
        .as_database_error()
        .and_then(|e| e.code())
        .map(|c| c.into_owned());
    let untrusted = match &error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(e) => during == During::Connect && e.kind() == io::ErrorKind::InvalidData,
        _ => false,
    };
    as_source(classify(error, during), code.as_deref(), untrusted)
}

/// What an error that was put on the destination's side means on the other.
pub(crate) fn as_source(error: Error, code: Option<&str>, untrusted: bool) -> Error {
    let kind = match code {
        _ if untrusted => ErrorKind::Tls,
        Some("28000" | "28P01") => ErrorKind::Login,
        Some("3D000" | "3F000" | "42P01" | "42703") => ErrorKind::NotFound,
        _ => match error.kind() {
            // Rows are not written here, and nothing is overwritten.
            ErrorKind::DataRejected => ErrorKind::Corrupt,
            ErrorKind::Conflict => ErrorKind::Resources,
            kind => kind,
        },
    };
    let error = error.of_kind(kind).on(Side::Source);
    match (kind, code) {
        (ErrorKind::Permission, Some("42501")) => error.hint(
            "the role has to read every table of the plan: grant usage on its schemas and select on its tables, or \
             pg_read_all_data, and BYPASSRLS where tables have row security",
        ),
        (ErrorKind::NotFound, Some("3D000")) => error.hint("correct the database's name in the connection string"),
        (ErrorKind::NotFound, _) => error.hint("the source was changed since it was looked at: run the command again"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_on_reading_has_the_kinds_of_a_source() {
        use ErrorKind::*;
        for (was, code, untrusted, is) in [
            (Permission, Some("28P01"), false, Login),
            (Config, Some("3D000"), false, NotFound),
            (Conflict, Some("42P01"), false, NotFound),
            (Conflict, Some("55P03"), false, Resources),
            (DataRejected, Some("22P02"), false, Corrupt),
            (Permission, Some("42501"), false, Permission),
            (Connection, None, true, Tls),
            (Connection, None, false, Connection),
        ] {
            let error = as_source(Error::destination(was, "x"), code, untrusted);
            assert_eq!((error.kind(), error.side()), (is, Side::Source), "{code:?}");
        }
    }
}
