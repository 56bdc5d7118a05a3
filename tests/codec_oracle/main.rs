//! The tuple codec against PostgreSQL itself: whatever the encoder makes of a value, COPY in and COPY out give the
//! same bytes back, and PostgreSQL's own reading of the value's text is the value that it stored.

#![allow(clippy::unwrap_used, reason = "a test reports a failure by panicking")]

mod arrays;
mod dates;
mod documents;
mod harness;
mod keys;
mod numbers;
mod text;
