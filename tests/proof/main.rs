//! What a proof finds in a real database: every corruption, and nothing where there is none; that a repair brings back
//! exactly what was wrong; what the schema, references and rules say.
//!
//! `MIGRATE_TEST_CORRUPTIONS` and `MIGRATE_TEST_CLEAN_RUNS` say how many of them; by default there are few, so that the suite
//! stays quick. docs/validation.md has the long run's command.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod clean;
mod corruptions;
mod every_type;
mod layers;
mod loaded;
mod random;

fn how_many(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}
