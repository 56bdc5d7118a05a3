//! The pipeline's promises, each with the faults that would break it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod cancellation;
mod contracts;
mod errors;
mod faults;
mod fencing;
mod property;
mod quarantine;
mod resume;
mod sink;
mod source;
mod stage;
mod together;
