//! What commands tell: to people as tables, to machines as JSON.

pub(crate) mod error;
pub(crate) mod inspect;
pub(crate) mod number;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod validation;
