//! Places in the history of a database.

use migrate_core::chunk::Position;
use migrate_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::ask::{ask, integer};
use super::key::KeyValue;
use crate::classify::internal;
use crate::live::wire::Session;

const PURPOSE: &str = "asking for the position in the history of changes";

/// What a server has to say about its history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Change tracking is on in the database.
    change_tracking: bool,
    /// Versions of rows can be asked for.
    row_versions: bool,
}

/// A position, as its text says it: JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// `CHANGE_TRACKING_CURRENT_VERSION()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change_tracking: Option<i64>,
    /// `MIN_ACTIVE_ROWVERSION()` in hexadecimal: every `rowversion` below it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_version: Option<String>,
}

impl History {
    /// Tries what the server knows. What it does not know is no error.
    pub(crate) async fn find(session: &mut dyn Session) -> Result<Self> {
        Ok(Self {
            change_tracking: answers(session, "select change_tracking_current_version()").await?,
            row_versions: answers(session, "select cast(min_active_rowversion() as varbinary(8))").await?,
        })
    }

    /// Where the server is now, if it can say so.
    pub(crate) async fn now(self, session: &mut dyn Session) -> Result<Option<Position>> {
        if self == Self::default() {
            return Ok(None);
        }
        let tracked = if self.change_tracking {
            "change_tracking_current_version()"
        } else {
            "cast(null as bigint)"
        };
        let version = if self.row_versions {
            "cast(min_active_rowversion() as varbinary(8))"
        } else {
            "cast(null as varbinary(8))"
        };
        let answers = ask(session, PURPOSE, &format!("select {tracked}, {version}")).await?;
        let answer = answers.first();
        let row_version = match answer.and_then(|a| a.get(1)) {
            Some(Some(KeyValue::Bytes(bytes))) => Some(hex::encode(bytes)),
            _ => None,
        };
        let place = Place {
            change_tracking: integer(answer.and_then(|a| a.first())),
            row_version,
        };
        let text = serde_json::to_string(&place).map_err(|e: serde_json::Error| -> Error {
            internal("a position cannot be written").because(e)
        })?;
        Ok(Some(Position(text)))
    }
}

/// Whether the server has an answer. Refusing the question is none.
async fn answers(session: &mut dyn Session, sql: &str) -> Result<bool> {
    match ask(session, PURPOSE, sql).await {
        Ok(answers) => Ok(matches!(answers.first().map(Vec::as_slice), Some([Some(_)]))),
        Err(error) if session.is_broken() || error.is_transient() => Err(error),
        Err(_) => Ok(false),
    }
}
