//! The catalog of a running database, from `sys.*`.
//!
//! A handful of questions is asked ([`questions`]), each for all objects at once and only for what the version at hand has
//! ([`shape`]); what comes of the answers is decided without the server ([`assemble`]).

mod answer;
mod assemble;
mod facts;
mod questions;
mod record;
mod shape;
#[cfg(test)]
mod tests;

use migrate_core::Result;

#[cfg(test)]
pub(crate) use self::facts::Engine;
pub(crate) use self::facts::{Discovered, Order, OrderColumn, ReadColumn, ServerFacts, Storage, TableFacts};
use super::read::sessions::Sessions;
use super::wire::Session;
pub(crate) use crate::schema::manual::bracketed;

/// Reads everything that the database says about itself. `name` is how the server is called, without secrets; what follows
/// a `/` in it is replaced by the database's own name. Where the server takes its time, `more` sessions ask as well.
///
/// # Errors
/// The server's own errors, with what was being asked;
/// [`Unsupported`](migrate_core::ErrorKind::Unsupported) for alias types and identities that do not fit into the model.
/// Tables that cannot be read are no error here: [`Discovered::missing_right`] has it, once they are to be copied.
pub(crate) async fn discover(
    session: &mut dyn Session,
    more: Option<&dyn Sessions>,
    name: &str,
) -> Result<Discovered> {
    assemble::discovered(record::record(session, more).await?, name)
}
