//! A source and a sink that live in memory: for examples, and for tests that inject faults.

mod sink;
mod source;

pub use sink::MemorySink;
pub use source::{Cell, MemorySource};
