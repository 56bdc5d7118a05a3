//! What commands tell: to people as tables, to machines as JSON.

mod accounts;
pub(crate) mod changes;
pub(crate) mod diff;
pub(crate) mod difference;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod html;
pub(crate) mod inspect;
pub(crate) mod markdown;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod pages;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod swapped;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod validation;
