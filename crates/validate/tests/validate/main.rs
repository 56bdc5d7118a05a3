//! What is found when a destination was changed behind the ledger's back, and that nothing is found when it was not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod compared;
mod ledger;
mod migrated;
mod quarantined;
mod repaired;
mod tampered;
mod verdicts;
