//! A database that looks like a Supabase project's to whoever connects to it: roles, schemas, grants, timeouts, and a
//! pooler before it.

mod pooler;

pub use pooler::{PoolMode, Pooler};

/// Every role's password.
pub const PASSWORD: &str = "secret";

/// Makes the roles, on a server of which one is superuser. May be run again, and by several at once.
pub const ROLES: &str = include_str!("roles.sql");

/// Makes the schemas in a database that has nothing yet.
pub const DATABASE: &str = include_str!("database.sql");
