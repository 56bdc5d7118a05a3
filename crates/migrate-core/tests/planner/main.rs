//! What the planner makes of a catalog and a person's decisions.

mod build;
mod columns;
mod constraints;
mod indexes;
mod names;
mod selection;
mod text_keys;
mod types;
mod views;
