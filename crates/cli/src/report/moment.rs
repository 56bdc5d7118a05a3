//! The time of day, for people who read reports. Nothing is decided by it: somebody may set the clock while a run goes on.

use chrono::{DateTime, Utc};

/// Now, in UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where it may be asked for"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
