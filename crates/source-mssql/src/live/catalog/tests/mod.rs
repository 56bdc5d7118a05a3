//! The catalog from recorded answers, and from a live server.

mod features;
mod from_spec;
mod live;
mod playback;
mod recorded;
mod recorder;
mod same_catalog;
