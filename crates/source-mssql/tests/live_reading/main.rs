//! Reading from a running server, with each driver: what arrives is what was written there, by another client.
//!
//! Needs `MSSQL_URL`, the URL of a server on whose database the login may create schemas and tables; says so where it is
//! not set.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod faults;
mod keys;
mod server;
mod types;
