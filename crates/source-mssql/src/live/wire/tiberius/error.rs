//! What the driver's errors mean.

use std::io;
use std::time::Duration;

use ::tiberius::error::Error as TiberiusError;
use migrate_core::Error;

use crate::classify::{self, ServerError};

/// Whether the connection cannot be used after the error.
pub(super) fn is_fatal(error: &TiberiusError) -> bool {
    match error {
        TiberiusError::Server(error) => error.class() >= 20,
        _ => true,
    }
}

/// The workspace's error for one that came while `purpose` was being done. `patience` is how long the driver waited.
pub(super) fn failed(purpose: &str, error: TiberiusError, patience: Option<Duration>) -> Error {
    match &error {
        TiberiusError::Server(token) => classify::server(
            purpose,
            ServerError {
                number: token.code(),
                class: token.class(),
                state: token.state(),
                message: token.message(),
            },
        ),
        TiberiusError::Io { kind, .. } if *kind == io::ErrorKind::TimedOut => match patience {
            Some(after) => classify::silent(purpose, after).because(error),
            None => classify::broken(purpose, &error).because(error),
        },
        TiberiusError::Io { message, .. } => classify::broken(purpose, message).because(error),
        TiberiusError::Tls(why) => classify::broken(purpose, why).because(error),
        // The driver is strict about UTF-16, SQL Server is not: unpaired surrogates can be stored.
        TiberiusError::Utf16 | TiberiusError::Encoding(_) => classify::unsupported(format!(
            "{purpose} failed: text that is not valid in its encoding"
        ))
        .hint("use driver=mssql-tds, which delivers it as it is")
        .because(error),
        TiberiusError::Protocol(why) if why.to_ascii_lowercase().contains("utf-16") => {
            classify::unsupported(format!("{purpose} failed: text that is not valid UTF-16"))
                .hint("use driver=mssql-tds, which delivers it as it is")
                .because(error)
        }
        _ => classify::protocol(purpose, &error).because(error),
    }
}
