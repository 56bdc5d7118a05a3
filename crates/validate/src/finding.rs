//! What is not as it should be.

use migrate_core::proof::Severity;
use serde::Serialize;

/// Something that is not as it should be, other than rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// What it is about, by its name in the destination.
    pub object: String,
    /// What is wrong with it.
    pub text: String,
}

impl Finding {
    pub(crate) fn error(object: impl ToString, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            object: object.to_string(),
            text: text.into(),
        }
    }

    pub(crate) fn warning(object: impl ToString, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(object, text)
        }
    }
}
