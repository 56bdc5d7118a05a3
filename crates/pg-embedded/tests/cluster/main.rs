//! Real servers: every installed PostgreSQL goes through the same life.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

mod disposable;
mod failures;
mod harness;
mod lifecycle;
mod search;
