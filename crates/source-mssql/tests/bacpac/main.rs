//! `.bacpac` files through the public interface: real ones, generated ones, and damaged ones.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod all_types;
mod faults;
mod plans;
mod reading;
mod real_files;
mod schema;
mod zips;
