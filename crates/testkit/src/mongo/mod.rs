//! MongoDB for tests: servers of their own, and the documents to put into them.
//!
//! - [`MongoServer`] starts one `mongod` on a free port in a temporary directory, [`MongoSet`] a replica set of several.
//! - [`Wire`] talks to a server with nothing but a socket, so that what is stored does not depend on the driver under
//!   test.
//! - [`crm`] is a CRM of 26 collections with the quirks of a database that grew over years.

mod binary;
pub mod crm;
pub mod dump;
mod process;
mod server;
mod set;
#[cfg(test)]
mod tests;
mod wire;

pub use server::{MongoServer, ServerOptions};
pub use set::MongoSet;
pub use wire::Wire;
