//! A server that speaks TDS ([MS-TDS]), for tests and measurements.
//!
//! [`Server`] does what clients see of SQL Server's side of the protocol: prelogin, TLS within TDS or none, logins, batches,
//! results, errors, cancelling. What it says is a [`Script`]: a closure from [`Query`] to [`Answer`], or a [`Database`],
//! which is made of a [`DatabaseSpec`](crate::bacpac::DatabaseSpec) with rows and answers the questions that this
//! workspace's reader asks, faults included.
//!
//! It is no database: it knows the questions by their form, and refuses every other one.
//!
//! ```
//! use migrate_testkit::tds::{Answer, Query, Server, ServerError};
//!
//! let server = Server::start(|query: &Query<'_>| match query.sql {
//!     "begin transaction" => Answer::done(),
//!     _ => Answer::refused(ServerError::new(102, 15, "Incorrect syntax.")),
//! });
//! assert_ne!(server.port(), 0);
//! ```

mod answer;
mod database;
mod login;
mod packet;
mod row;
mod server;
mod token;

pub use answer::Answer;
pub use database::{Computed, Database, Fault, Rows};
pub use login::{Encryption, Login, Welcome};
pub use server::{Query, Script, Server};
pub use token::ServerError;

use crate::bacpac::SqlType;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; one that travels, which aliases, the old texts and CLR types do not.
    pub ty: SqlType,
    /// Whether it can be NULL.
    pub nullable: bool,
}

impl Column {
    /// A column that can be NULL.
    pub fn new(name: &str, ty: SqlType) -> Self {
        Self {
            name: name.to_owned(),
            ty,
            nullable: true,
        }
    }

    /// Takes no NULL.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }
}
