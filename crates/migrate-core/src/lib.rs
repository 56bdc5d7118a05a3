//! Model, plan, tuple codec, pipeline and traits for moving whole databases into PostgreSQL.

pub mod batch;
pub mod catalog;
pub mod chunk;
pub mod decode;
pub mod digest;
pub mod encode;
pub mod error;
pub mod mapping;
pub mod memory;
pub mod naming;
pub mod observer;
pub mod pg_type;
pub mod pipeline;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod sink;
pub mod source;
pub mod stored;
pub mod template;
pub mod value;

pub use error::{Error, ErrorKind, Result, Side};
