//! The sink against real servers: every PostgreSQL that is installed here.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod careful;
mod clean;
mod complete;
mod conflict;
mod database;
mod faults;
mod fixture;
mod lifecycle;
mod pooled;
mod portions;
mod refusal;
mod replace;
mod round;
