//! Documents from a live deployment, through the official driver.
//!
//! ```text
//! LiveStore ── catalog   collections, options, indexes, sizes
//!           ── split     ranges of `_id`, over all its types
//!           ── feed      a task for each part, a batch ahead: find -> RawBatch -> Slice -> Page
//! ```
//!
//! - A part is a range of the index on `_id`, given by `min` and `max`, which compare as the index does: across types.
//!   Comparison operators such as `$gt` see values of one type only, and would leave others out.
//! - A reader that loses its server, its cursor or its primary goes on after the last `_id` that it has read, so each
//!   document comes once. Views and time series have no such key: they are read again from their beginning, and what was
//!   delivered before must come again, byte for byte.
//! - Where the servers can (replica sets and sharded clusters since 5.0), everything is read as of one moment, see
//!   [`moment`].

mod ask;
mod catalog;
mod deployment;
mod feed;
mod key;
mod moment;
mod patience;
mod query;
mod reader;
mod slice;
mod split;
mod store;

#[cfg(test)]
mod tests;

pub(crate) use store::LiveStore;
