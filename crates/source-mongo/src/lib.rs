//! MongoDB as a source of migrations: a live deployment, or what `mongodump` wrote.

mod classify;
mod config;
mod dump;
mod infer;
mod live;
mod mapping;
mod raw;
mod read;
mod shape;
mod store;
mod values;
