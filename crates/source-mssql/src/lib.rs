//! SQL Server as a migration source: .bacpac files.

pub mod bacpac;
mod classify;
pub mod clr;
pub mod tsql;
pub mod types;

pub use bacpac::{Bacpac, BacpacOptions};
pub use types::type_table_markdown;
