//! Connecting to PostgreSQL: connection strings, TLS, session settings, what the server can do, and what its errors
//! mean.
//!
//! This crate is the one place that knows the driver. The crates that build on it (sinks and sources) keep its types
//! out of their own public signatures.
//!
//! ```no_run
//! # async fn example() -> migrate_core::Result<()> {
//! use migrate_pg_client::{Connector, PgTarget};
//! let target = PgTarget::parse(&"postgres://app:secret@localhost/shop".to_owned().into())?;
//! let connector = Connector::new(target);
//! println!("{}", connector.target()); // app@localhost:5432/shop: never the password
//! let facts = connector.probe().await?;
//! assert!(facts.target.version >= 14);
//! # Ok(())
//! # }
//! ```

mod answer;
mod classify;
mod config;
mod connect;
mod facts;
mod key_value;
mod query;
mod reading;
mod sqlstate;
mod supabase;

pub use answer::answer;
pub use classify::{During, Rejection, classify};
pub use config::PgTarget;
pub use connect::{Connector, Sessions, execute};
pub use facts::{Facts, OLDEST_VERSION};
pub use query::{query, query_scalar};
pub use reading::classify_source;
pub use sqlstate::condition_name;
pub use sqlx;
pub use supabase::SupabaseHost;
