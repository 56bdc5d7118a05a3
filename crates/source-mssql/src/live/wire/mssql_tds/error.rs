//! What the driver's errors mean.

use ::mssql_tds::error::{Error as TdsError, SqlErrorInfo};
use migrate_core::Error;

use crate::classify::{self, ServerError};

/// Whether the connection cannot be used after the error.
pub(super) fn is_fatal(error: &TdsError) -> bool {
    match error {
        TdsError::SqlServerError { diagnostics } => diagnostics.errors.iter().any(|e| e.class >= 20),
        _ => true,
    }
}

/// The workspace's error for one that came while `purpose` was being done.
pub(super) fn failed(purpose: &str, error: TdsError) -> Error {
    match &error {
        TdsError::SqlServerError { diagnostics } => match decisive(&diagnostics.errors) {
            Some(info) => classify::server(
                purpose,
                ServerError {
                    number: info.number,
                    class: u8::try_from(info.class).unwrap_or(u8::MAX),
                    state: info.state,
                    message: &info.message,
                },
            ),
            None => classify::protocol(purpose, "an error without a message"),
        },
        TdsError::Io(_)
        | TdsError::ConnectionClosed(_)
        | TdsError::ConnectionError(_)
        | TdsError::TlsError(_) => classify::broken(purpose, &error).because(error),
        TdsError::TimeoutError(_) => classify::broken(purpose, &error).because(error),
        _ => classify::protocol(purpose, &error).because(error),
    }
}

/// The error that tells most: one beside "login failed" says why it did; otherwise it is the first.
fn decisive(errors: &[SqlErrorInfo]) -> Option<&SqlErrorInfo> {
    errors
        .iter()
        .find(|error| error.number != 18456)
        .or_else(|| errors.first())
}
