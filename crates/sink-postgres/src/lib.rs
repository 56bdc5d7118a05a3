//! PostgreSQL and Supabase as a destination: tables, COPY in binary form, a ledger, and whatever needs the rows first.
//!
//! A [`PostgresSink`] creates the plan's schemas and tables without keys, writes chunks of rows so that rows and the
//! note that they were written commit together, and afterwards builds keys, indexes, constraints and views. All of its
//! state is the schema `migrate` in the destination: a run that was stopped anywhere is continued from there, and
//! [`PostgresSink::clean`] removes it in the end.
//!
//! ```no_run
//! # async fn example(plan: migrate_core::plan::Plan) -> migrate_core::Result<()> {
//! use migrate_core::sink::Sink;
//! use migrate_sink_postgres::{PostgresSink, SinkOptions};
//! let sink = PostgresSink::connect(SinkOptions::new("postgres://app:secret@localhost/shop")).await?;
//! let progress = sink.begin(&plan).await?;
//! assert!(!progress.resumed);
//! # Ok(())
//! # }
//! ```

mod begin;
mod clean;
mod complete;
mod config;
mod connect;
mod control;
mod copy;
mod ddl;
mod difference;
mod ledger;
mod lock;
mod oids;
mod portions;
mod replace;
mod room;
mod round;
mod sink;
mod status;
mod stored;

pub use clean::Cleaned;
pub use config::{Notice, SinkOptions};
pub use connect::PostgresSink;
pub use ddl::{Lock, Phase, Step, post_data, pre_data};
pub use ledger::account::Accounts;
pub use migrate_pg_client::Facts;
pub use replace::Swapped;
pub use status::{ActiveRun, HistoryEntry, LedgerEvent, QuarantineReason, Status, TableStatus};
