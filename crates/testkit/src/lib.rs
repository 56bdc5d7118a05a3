//! Fixtures, servers and faults for the tests of the migrate crates.
//!
//! - [`bacpac`] writes `.bacpac` files: the schema model and the bulk-copy rows, laid out as SQL Server's own export
//!   does.
//! - [`crm`] is the bundled demo database, [`bench`](mod@bench) the large tables for measurements, [`all_types`] one column of
//!   every type with the extremes of its range.
//! - [`dispatch`](mod@dispatch) is a large application as Django keeps it in PostgreSQL, as SQL.
//! - [`mongo`] starts MongoDB servers and makes up a CRM of documents.
//! - [`supabase`] makes a database look like a Supabase project's, with a pooler before it.
//! - [`proxy`] is a network that loses, holds back and cuts, between any client and any server.
//! - [`tds`] is a server that speaks SQL Server's protocol and serves such a database.
//! - [`fault`] damages a `.bacpac` in known ways.
//!
//! Nothing here depends on the crates under test, so that a fixture can disagree with them.

pub mod all_types;
pub mod bacpac;
pub mod bench;
pub mod crm;
pub mod dispatch;
pub mod fault;
pub mod mongo;
pub mod proxy;
pub mod random;
pub mod supabase;
pub mod tds;
