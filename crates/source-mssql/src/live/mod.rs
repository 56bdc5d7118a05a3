//! A running SQL Server as a source.

pub(crate) mod catalog;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod read;
pub(crate) mod split;
pub(crate) mod wire;
