//! What the driver and the servers say.

use migrate_core::{Error, ErrorKind};
use mongodb::error::{Error as DriverError, ErrorKind as DriverKind};

use super::{config, corrupt};

const UNREACHABLE: &str = "check that the deployment runs and can be reached from here (network access lists, \
     firewalls), and that replicaSet, tls and the read preference of the connection string fit";

/// A failed operation of the driver. `what` says what was tried.
///
/// Neither a value of a document nor a secret gets into the message: of the server's errors about documents only code
/// and name are kept, and the driver's own error, which holds whole replies, is not.
pub(crate) fn driver(what: &str, cause: &DriverError) -> Error {
    let transient = is_transient(cause);
    let error = match &*cause.kind {
        DriverKind::Authentication { message, .. } => {
            // The server's own reason is one level deeper.
            let reason = cause
                .server_response()
                .and_then(|reply| reply.get_str("errmsg").ok());
            Error::source_side(
                ErrorKind::Login,
                format!("{what}: the login was refused: {}", reason.unwrap_or(message)),
            )
            .hint(LOGIN)
        }
        DriverKind::InvalidArgument { message, .. } => config(format!("{what}: {message}")),
        DriverKind::InvalidTlsConfig { message, .. } => config(format!("{what}: {message}"))
            .hint("check the connection string's tls options and the files that they name"),
        DriverKind::DnsResolve { message, .. } => Error::source_side(
            ErrorKind::Connection,
            format!("{what}: the name was not resolved: {message}"),
        )
        .hint("check the host's name; mongodb+srv:// needs SRV records"),
        DriverKind::ServerSelection { message, .. } => unreachable(what, message),
        DriverKind::IncompatibleServer { message, .. } => too_old(what, message),
        DriverKind::Io(io) => unreachable(what, &format!("the connection broke: {io}")),
        DriverKind::ConnectionPoolCleared { .. } => Error::source_side(
            ErrorKind::Connection,
            format!("{what}: the server became unreachable"),
        ),
        DriverKind::Command(command) => {
            command_error(what, command.code, &command.code_name, &command.message)
        }
        DriverKind::BsonDeserialization(_) | DriverKind::Bson(_) | DriverKind::InvalidResponse { .. } => {
            corrupt(format!("{what}: the server's answer is not what was expected"))
        }
        _ => Error::source_side(ErrorKind::Connection, format!("{what}: the driver gave up")),
    };
    if transient { error.transient() } else { error }
}

const LOGIN: &str = "check user and password (URL-encoded) of the connection string; a user that was made in another \
     database needs authSource, mostly authSource=admin";

/// No server that could be asked. The driver's text holds the servers' addresses and the last error of each.
fn unreachable(what: &str, message: &str) -> Error {
    let said = message.to_ascii_lowercase();
    if said.contains("wire version") {
        return too_old(what, message);
    }
    let words = [
        "certificate",
        "tls",
        "handshake",
        "corrupt message",
        "unknownissuer",
    ];
    if words.iter().any(|word| said.contains(word)) {
        return Error::source_side(ErrorKind::Tls, format!("{what}: no encrypted connection: {message}")).hint(
            "name the authority's certificate with tlsCAFile, or correct the host's name; a server without TLS needs \
             tls=false",
        );
    }
    Error::source_side(
        ErrorKind::Connection,
        format!("{what}: no server that fits answered: {message}"),
    )
    .hint(UNREACHABLE)
}

fn too_old(what: &str, message: &str) -> Error {
    Error::source_side(ErrorKind::Unsupported, format!("{what}: {message}"))
        .hint("servers before 4.4 cannot be read live: write a dump with mongodump, and migrate that")
}

/// An error that the server answered.
fn command_error(what: &str, code: i32, name: &str, message: &str) -> Error {
    let text = format!("{what}: the server answered {name} ({code})");
    match code {
        // Unauthorized
        13 => Error::source_side(ErrorKind::Permission, text).hint(
            "give the user the role read on the database (and clusterMonitor for more about the deployment)",
        ),
        // AuthenticationFailed; 8000 is Atlas's own for a refused login.
        18 | 8000 => Error::source_side(ErrorKind::Login, text).hint(LOGIN),
        // CommandNotFound, CommandNotSupported, CommandNotSupportedOnView, APIVersionError, APIStrictError
        59 | 115 | 166 | 322 | 323 => Error::source_side(ErrorKind::Unsupported, text),
        // ExceededMemoryLimit, QueryExceededMemoryLimitNoDiskUseAllowed
        146 | 292 => Error::source_side(ErrorKind::Resources, text),
        // InvalidBSON
        22 => corrupt(text)
            .hint("the server found a damaged document: run validate with {full: true} on the collection"),
        // NamespaceNotFound
        26 => Error::source_side(ErrorKind::NotFound, text)
            .hint("the collection or database does not exist (any more)"),
        // QueryPlanKilled
        175 => Error::source_side(ErrorKind::NotFound, text)
            .hint("the collection or its index on _id was dropped or renamed while it was read"),
        // SnapshotTooOld
        239 => Error::source_side(ErrorKind::Unsupported, text)
            .hint("the server keeps the past for minSnapshotHistoryWindowInSeconds only: set it higher"),
        _ if is_transient_code(code) => Error::source_side(ErrorKind::Connection, text).hint(UNREACHABLE),
        // BadValue, FailedToParse, TypeMismatch, IllegalOperation, InvalidOptions, InvalidNamespace, NotAReplicaSet:
        // about commands, not about documents.
        2 | 9 | 14 | 20 | 72 | 73 | 123 => {
            Error::source_side(ErrorKind::Unsupported, format!("{text}: {message}"))
        }
        _ => Error::source_side(ErrorKind::Unsupported, text),
    }
}

/// Whether the same may succeed when tried again, from the last document read on.
pub(crate) fn is_transient(error: &DriverError) -> bool {
    match &*error.kind {
        DriverKind::Io(_) | DriverKind::ConnectionPoolCleared { .. } => true,
        DriverKind::ServerSelection { message, .. } => !message.contains("wire version"),
        DriverKind::Command(command) => {
            is_transient_code(command.code)
                || error.contains_label("TransientTransactionError")
                || error.contains_label("RetryableError")
                || error.contains_label("ResumableChangeStreamError")
        }
        _ => error.contains_label("RetryableError"),
    }
}

/// The server's code, if it was the server that refused.
pub(crate) fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        DriverKind::Command(command) => Some(command.code),
        _ => None,
    }
}

/// What the server said, for telling apart what shares a code; not for showing.
pub(crate) fn message(error: &DriverError) -> &str {
    match &*error.kind {
        DriverKind::Command(command) => &command.message,
        _ => "",
    }
}

/// The server's codes for what passes: elections, restarts, killed cursors, overload, network.
const fn is_transient_code(code: i32) -> bool {
    matches!(
        code,
        6 // HostUnreachable
            | 7 // HostNotFound
            | 43 // CursorNotFound
            | 50 // MaxTimeMSExpired
            | 63 // StaleShardVersion
            | 89 // NetworkTimeout
            | 91 // ShutdownInProgress
            | 133 // FailedToSatisfyReadPreference
            | 134 // ReadConcernMajorityNotAvailableYet
            | 150 // StaleEpoch
            | 189 // PrimarySteppedDown
            | 202 // NetworkInterfaceExceededTimeLimit
            | 234 // RetryChangeStream
            | 237 // CursorKilled
            | 246 // SnapshotUnavailable
            | 262 // ExceededTimeLimit
            | 290 // TransactionExceededLifetimeLimitSeconds
            | 365 // a limit on the rate of requests
            | 9001 // SocketException
            | 10107 // NotWritablePrimary
            | 11600 // InterruptedAtShutdown
            | 11601 // Interrupted, as by killOp and killAllSessions
            | 11602 // InterruptedDueToReplStateChange
            | 13388 // StaleConfig
            | 13435 // NotPrimaryNoSecondaryOk
            | 13436 // NotPrimaryOrSecondary
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn codes_of_the_server_say_what_can_be_done() {
        let error = command_error("reading a", 13, "Unauthorized", "not authorized on db");
        assert_eq!(error.kind(), ErrorKind::Permission);
        assert_eq!(
            error.to_string(),
            "reading a: the server answered Unauthorized (13)"
        );
        for (code, kind) in [
            (18, ErrorKind::Login),
            (22, ErrorKind::Corrupt),
            (26, ErrorKind::NotFound),
            (43, ErrorKind::Connection),
            (166, ErrorKind::Unsupported),
            (175, ErrorKind::NotFound),
            (239, ErrorKind::Unsupported),
            (292, ErrorKind::Resources),
        ] {
            assert_eq!(command_error("reading a", code, "", "").kind(), kind, "{code}");
        }
        for code in [43, 189, 10107, 11602, 246] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in [13, 18, 22, 26, 175, 239] {
            assert!(!is_transient_code(code), "{code}");
        }
    }

    #[test]
    fn broken_connections_may_be_tried_again() {
        let cause = DriverError::from(io::Error::new(io::ErrorKind::ConnectionReset, "reset"));
        let error = driver("reading a", &cause);
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.is_transient());
        let cause = DriverError::custom("no");
        assert!(!driver("reading a", &cause).is_transient());
    }

    #[test]
    fn a_certificate_that_does_not_hold_is_told_from_a_server_that_is_gone() {
        let untrusted = unreachable("connecting", "I/O error: invalid peer certificate: UnknownIssuer");
        assert_eq!(untrusted.kind(), ErrorKind::Tls);
        let gone = unreachable("connecting", "I/O error: Connection refused (os error 111)");
        assert_eq!(gone.kind(), ErrorKind::Connection);
        let old = unreachable("connecting", "Server at a:1 reports max wire version 6");
        assert_eq!(old.kind(), ErrorKind::Unsupported);
    }
}
