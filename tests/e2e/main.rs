//! The whole program against real servers: the oldest PostgreSQL that is installed and the newest there is. What came of a
//! run is asked of the destination with psql, never of the program itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cli;
mod disk;
mod json_schema;
mod server;
mod state;

mod bad_destination;
mod bad_source;
mod crashes;
mod demo;
mod dispatch;
mod embedded;
mod faults;
mod incremental;
mod keys;
mod kill;
mod mongo;
mod mssql;
mod oracle;
mod pause;
mod plan;
mod postgres;
mod postgres_rights;
mod quarantine;
mod replace;
mod rollback;
mod supabase;
mod tds;
mod validate;
