//! What documents hold, found by reading all of them.
//!
//! ```text
//! Store -> parts -> pages -> Tree (one for each part, paths with Stats) -> merged -> Inference
//! ```
//!
//! A [`Tree`] has a [`Node`] for each path: types, presence, lengths, bounds, distinct values, and hashes of what may be
//! references. The result does not depend on the order of documents, nor on how a collection is divided, as long as a
//! collection has no more paths than [`Limits::paths`]; beyond that, which paths are remembered depends on which came first.

mod describe;
mod distinct;
mod hash;
mod keys;
mod run;
mod stats;
#[cfg(test)]
mod tests;
mod tree;

pub use describe::{CollectionReport, PathReport, describe};
pub(crate) use describe::{report, reports, share};
pub(crate) use keys::{Keys, Resolved};
pub(crate) use run::{Inference, infer};
pub(crate) use stats::Stats;
pub(crate) use tree::{Limits, LooksLikeReference, Node, Tree};
