//! What the planner makes of a catalog and a person's decisions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod build;
mod columns;
mod constraints;
mod indexes;
mod keys;
mod names;
mod rights;
mod selection;
mod supabase;
mod text_keys;
mod types;
mod views;
