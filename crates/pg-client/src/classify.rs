//! What the driver's and the server's errors mean to a migration.
//!
//! The server puts row values into its messages, details and contexts. What leaves this module are texts that cannot
//! hold any: a condition's name, names of columns, constraints and types, and the primary message of conditions whose
//! text has no place for a value.

use std::io;

use migrate_core::{Error, ErrorKind, Side};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::sqlstate::condition_name;

/// What the server was doing, which decides what an error means and which of its words are safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum During {
    /// Opening a connection.
    Connect,
    /// A statement that no row's values take part in.
    Statement,
    /// A statement that reads stored rows: an index, a constraint, a view.
    Rows,
    /// COPY FROM: whatever depends on a row is the row's fault.
    Copy,
}

/// A row that the server refused, in words without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The column, if the server names one.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
    /// Which row of the COPY, counted from 1, if the server says. A hint: it is only as good as its wording.
    pub line: Option<u64>,
}

/// Turns the driver's error into the workspace's, on the side of the destination.
pub fn classify(error: sqlx::Error, during: During) -> Error {
    match error {
        sqlx::Error::Database(e) => match e.try_downcast_ref::<PgDatabaseError>() {
            Some(e) => server(&Said::from(e), during),
            None => Error::destination(
                ErrorKind::Internal,
                "the driver reported another database's error",
            ),
        },
        // What the TLS library has against the server comes as invalid data of the socket.
        sqlx::Error::Io(e) if during == During::Connect && e.kind() == io::ErrorKind::InvalidData => {
            unencrypted(e)
        }
        sqlx::Error::Io(e) => broken(e),
        sqlx::Error::Tls(e) => unencrypted(e),
        sqlx::Error::Configuration(_) => Error::destination(
            ErrorKind::Config,
            "the connection's settings are refused by the driver",
        ),
        sqlx::Error::Protocol(text) => Error::destination(
            ErrorKind::Connection,
            format!("the server's answer was not understood: {text}"),
        )
        .transient()
        .hint("is it PostgreSQL that answers there, directly or through a pooler in session mode?"),
        sqlx::Error::BeginFailed => {
            Error::destination(ErrorKind::Connection, "the server did not begin a transaction").transient()
        }
        other => Error::destination(ErrorKind::Internal, "an answer of the server could not be read")
            .because(other),
    }
}

impl Rejection {
    /// What the server has against the row; `None` if the error is not about rows.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
        let said = Said::from(error);
        is_about_rows(&said).then(|| Self::from_said(&said))
    }

    fn from_said(said: &Said<'_>) -> Self {
        let (line, copy_column) = copy_place(said.context);
        let column = said.column.map(str::to_owned).or(copy_column);
        let mut reason = if has_safe_text(said.code, During::Copy) {
            said.message.to_owned()
        } else {
            condition_name(said.code).to_owned()
        };
        match (said.constraint, said.data_type) {
            (Some(name), _) if !reason.contains(name) => reason.push_str(&format!(" (constraint {name})")),
            (None, Some(name)) if !reason.contains(name) => reason.push_str(&format!(" (type {name})")),
            _ => {}
        }
        Self { column, reason, line }
    }
}

/// The fields of a server error that are looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Said<'a> {
    code: &'a str,
    message: &'a str,
    detail: Option<&'a str>,
    fatal: bool,
    column: Option<&'a str>,
    constraint: Option<&'a str>,
    data_type: Option<&'a str>,
    context: Option<&'a str>,
}

impl<'a> From<&'a PgDatabaseError> for Said<'a> {
    fn from(e: &'a PgDatabaseError) -> Self {
        Self {
            code: e.code(),
            message: e.message(),
            detail: e.detail(),
            fatal: matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic),
            column: e.column(),
            constraint: e.constraint(),
            data_type: e.data_type(),
            context: e.r#where(),
        }
    }
}

/// Whether a COPY failed because of a row. Extensions report bad values as internal errors, and a row too wide for a
/// page exceeds a limit.
fn is_about_rows(said: &Said<'_>) -> bool {
    !said.fatal
        && match said.code.get(..2) {
            Some("22" | "23" | "38" | "39" | "54" | "P0") => true,
            Some("XX") => said.code == "XX000",
            _ => false,
        }
}

/// Whether the primary message has no place for a row's value.
fn has_safe_text(code: &str, during: During) -> bool {
    match code {
        // Length, NOT NULL, keys, checks, XML: the texts name types, columns and constraints.
        "22001" | "23502" | "23503" | "23505" | "23514" | "2200M" | "2200N" => true,
        _ => match code.get(..2) {
            Some(
                "08" | "0A" | "25" | "28" | "2B" | "3D" | "3F" | "40" | "42" | "53" | "54" | "55" | "57"
                | "58",
            ) => true,
            Some("XX") => during != During::Copy,
            Some("22") => matches!(during, During::Statement | During::Connect),
            _ => false,
        },
    }
}

fn server(said: &Said<'_>, during: During) -> Error {
    if during == During::Copy && is_about_rows(said) {
        let rejection = Rejection::from_said(said);
        let error = Error::destination(
            ErrorKind::DataRejected,
            format!("the server refused rows: {}", rejection.reason),
        );
        return match rejection.column {
            Some(column) => error.at("column", column),
            None => error,
        };
    }
    let (kind, transient) = kind_of(said);
    let mut text = if has_safe_text(said.code, during) {
        format!("{} ({}, {})", said.message, condition_name(said.code), said.code)
    } else {
        format!("{} ({})", condition_name(said.code), said.code)
    };
    for (what, name) in [
        ("constraint", said.constraint),
        ("column", said.column),
        ("type", said.data_type),
    ] {
        if let Some(name) = name.filter(|n| !text.contains(n)) {
            text.push_str(&format!(", {what} {name}"));
        }
    }
    // Which object depends on which: names, and nothing that is in them.
    if said.code == "2BP01"
        && let Some(detail) = said.detail
    {
        text.push_str(&format!(": {}", detail.lines().collect::<Vec<_>>().join("; ")));
    }
    let mut error = Error::destination(kind, text);
    if transient {
        error = error.transient();
    }
    match hint_for(said) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The kind, and whether trying again may help.
fn kind_of(said: &Said<'_>) -> (ErrorKind, bool) {
    use ErrorKind::{
        Cancelled, Config, Conflict, Connection, DataRejected, Internal, Permission, Resources, Unsupported,
    };
    match said.code {
        "57014" => (Cancelled, false),
        "57P04" => (Connection, false),
        "25P03" | "25P04" => (Connection, true),
        "25006" | "42501" => (Permission, false),
        "53300" => (Resources, true),
        "3D000" | "3F000" => (Config, false),
        "42P04" | "42P06" | "42P07" | "42710" | "42723" | "42P01" | "2BP01" => (Conflict, false),
        "55006" | "55P03" => (Conflict, true),
        "XX001" | "XX002" => (Resources, false),
        code => match code.get(..2) {
            Some("08") => (Connection, true),
            Some("57") => (Connection, true),
            Some("28") => (Permission, false),
            Some("53" | "58") => (Resources, false),
            // Two of our own transactions met; the same again finds the way free.
            Some("40") => (Resources, true),
            Some("22" | "23") => (DataRejected, false),
            Some("0A" | "42" | "54") => (Unsupported, false),
            _ if said.fatal => (Connection, true),
            _ => (Internal, false),
        },
    }
}

fn hint_for(said: &Said<'_>) -> Option<&'static str> {
    Some(match said.code {
        "28P01" | "28000" => "check user and password in the connection string, and the server's pg_hba.conf",
        "42501" => {
            "the user needs the right to create schemas in this database and to create tables in its schemas"
        }
        "25006" => {
            "the server is a standby, or read-only: connect to the primary. A Supabase project goes read-only when its disk is \
             95 % full: make the disk larger, then run the same command again"
        }
        "3D000" => "create the database first, or correct its name in the connection string",
        "53100" => {
            "free disk space on the server, then run the same command again: it continues where it stopped"
        }
        "53200" if said.message.contains("shared memory") => "raise max_locks_per_transaction on the server",
        "53300" => "use fewer workers, or raise max_connections on the server",
        "55P03" => "another session holds a lock on the table: end it",
        "57P03" => "the server is starting or stopping: try again in a moment",
        "42P01" | "42P07" => "somebody else changes the destination while the migration runs",
        "0A000" if said.message.contains("libxml") => {
            "this server is built without XML: map xml columns to text"
        }
        _ => return None,
    })
}

fn unencrypted(cause: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Error {
    let cause = cause.into();
    // The library's words are about certificates and protocols, and the only ones that say what is wrong.
    Error::destination(
        ErrorKind::Connection,
        format!("the encrypted connection could not be set up: {cause}"),
    )
    .hint(
        "if the server's certificate is not signed by a known authority, give the authority's certificate as \
             sslrootcert=FILE (Supabase offers it for download); sslmode=require goes without checking",
    )
    .because(cause)
}

fn broken(e: io::Error) -> Error {
    use io::ErrorKind as Io;
    let (kind, message, hint) = match e.kind() {
        Io::ConnectionRefused | Io::NotFound => (
            ErrorKind::Connection,
            "nothing answers at the server's address",
            Some("is the server running, and are host and port right?"),
        ),
        Io::PermissionDenied => (
            ErrorKind::Permission,
            "the server's socket may not be opened by this user",
            Some("connect by host=localhost, or run as a user who may open the socket"),
        ),
        Io::TimedOut => (
            ErrorKind::Connection,
            "the server did not answer in time",
            Some("check host and port, and firewalls between here and there"),
        ),
        Io::UnexpectedEof
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::BrokenPipe
        | Io::NotConnected => (ErrorKind::Connection, "the connection to the server broke", None),
        _ => (
            ErrorKind::Connection,
            "the server cannot be reached",
            Some("check the host's name and the network"),
        ),
    };
    let mut error = Error::destination(kind, message).because(e);
    if kind == ErrorKind::Connection {
        error = error.transient();
    }
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error of `during` for a step that took too long.
pub(crate) fn timed_out() -> Error {
    broken(io::Error::from(io::ErrorKind::TimedOut)).on(Side::Destination)
}

/// Reads `COPY table, line 5, column name` at the start of a context line. Only the untranslated wording is known; in
/// binary COPY nothing of the row's content stands here, but whatever follows is cut off all the same.
fn copy_place(context: Option<&str>) -> (Option<u64>, Option<String>) {
    let Some(line) = context.and_then(|c| c.lines().find(|l| l.starts_with("COPY "))) else {
        return (None, None);
    };
    let Some((_, rest)) = line.rsplit_once(", line ") else {
        return (None, None);
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let column = rest[digits.len()..].strip_prefix(", column ").map(|name| {
        // Text after a colon would be a value.
        name.split_once(": ").map_or(name, |(name, _)| name).to_owned()
    });
    (digits.parse().ok(), column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &'static str, message: &'static str) -> Said<'static> {
        Said {
            code,
            message,
            ..Said::default()
        }
    }

    #[test]
    fn what_depends_on_an_object_is_named() {
        let refused = Said {
            detail: Some("view mine depends on table t\nview other depends on table t"),
            ..said("2BP01", "cannot drop table t")
        };
        let text = server(&refused, During::Statement).to_string();
        assert!(
            text.ends_with(": view mine depends on table t; view other depends on table t"),
            "{text}"
        );
        // Elsewhere a detail holds values.
        let duplicate = Said {
            detail: Some("Key (id)=(7) already exists."),
            ..said("23505", "duplicate key value violates unique constraint \"k\"")
        };
        assert!(!server(&duplicate, During::Statement).to_string().contains('7'));
    }

    #[test]
    fn kinds_by_sqlstate() {
        use ErrorKind::*;
        for (code, kind, transient) in [
            ("08006", Connection, true),
            ("57P01", Connection, true),
            ("57P02", Connection, true),
            ("57P03", Connection, true),
            ("57P04", Connection, false),
            ("57014", Cancelled, false),
            ("53100", Resources, false),
            ("53200", Resources, false),
            ("53300", Resources, true),
            ("42501", Permission, false),
            ("28P01", Permission, false),
            ("28000", Permission, false),
            ("25006", Permission, false),
            ("42P07", Conflict, false),
            ("42P06", Conflict, false),
            ("55P03", Conflict, true),
            ("3D000", Config, false),
            ("40001", Resources, true),
            ("40P01", Resources, true),
            ("42883", Unsupported, false),
            ("XX000", Internal, false),
        ] {
            let e = server(&said(code, "text"), During::Statement);
            assert_eq!((e.kind(), e.is_transient()), (kind, transient), "{code}");
            assert_eq!(e.side(), Side::Destination);
        }
    }

    #[test]
    fn only_rows_are_rejected_during_copy() {
        for code in ["22P03", "23502", "23514", "2200N", "54000", "XX000", "P0001"] {
            assert_eq!(
                server(&said(code, "x"), During::Copy).kind(),
                ErrorKind::DataRejected,
                "{code}"
            );
        }
        for code in ["53100", "57P01", "42501", "40P01", "XX001"] {
            assert_ne!(
                server(&said(code, "x"), During::Copy).kind(),
                ErrorKind::DataRejected,
                "{code}"
            );
        }
        let fatal = Said {
            fatal: true,
            ..said("XX000", "terminating")
        };
        assert_eq!(server(&fatal, During::Copy).kind(), ErrorKind::Connection);
    }

    #[test]
    fn values_stay_out() {
        let e = server(
            &said("22P02", "invalid input syntax for type integer: \"4111-1111\""),
            During::Rows,
        );
        assert_eq!(e.to_string(), "invalid_text_representation (22P02)");
        let e = server(&said("P0001", "customer 4711 is bad"), During::Copy);
        assert_eq!(e.to_string(), "the server refused rows: raise_exception");
        let duplicate = Said {
            constraint: Some("pk"),
            ..said("23505", "could not create unique index \"pk\"")
        };
        assert_eq!(
            server(&duplicate, During::Rows).to_string(),
            "could not create unique index \"pk\" (unique_violation, 23505)"
        );
    }

    #[test]
    fn a_rejection_names_the_column() {
        let s = Said {
            context: Some("COPY t, line 17, column price"),
            ..said("22003", "value \"9\" is out of range")
        };
        assert_eq!(
            Rejection::from_said(&s),
            Rejection {
                column: Some("price".into()),
                reason: "numeric_value_out_of_range".into(),
                line: Some(17)
            }
        );
        let s = Said {
            constraint: Some("d_check"),
            data_type: Some("d"),
            context: Some("COPY t, line 2, column a"),
            ..said(
                "23514",
                "value for domain d violates check constraint \"d_check\"",
            )
        };
        assert_eq!(
            Rejection::from_said(&s).reason,
            "value for domain d violates check constraint \"d_check\""
        );
        assert_eq!(copy_place(Some("COPY t, Zeile 3")), (None, None));
        assert_eq!(copy_place(Some("COPY t, line 4: \"secret\"")), (Some(4), None));
        assert_eq!(
            copy_place(Some("COPY t, line 4, column a: \"secret\"")),
            (Some(4), Some("a".into()))
        );
    }

    #[test]
    fn refused_connections_say_what_to_check() {
        let e = classify(
            sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused)),
            During::Connect,
        );
        assert_eq!(e.kind(), ErrorKind::Connection);
        assert!(e.is_transient());
        assert_eq!(
            e.hint_text(),
            Some("is the server running, and are host and port right?")
        );
    }
}
