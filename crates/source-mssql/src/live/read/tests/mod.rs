//! Queries as they are sent, and readers whose connections break.

mod queries;
mod readers;

use super::key::{Key, KeyColumn};
use super::native;

fn key(columns: &[(&str, &str)]) -> Key {
    let columns = columns.iter().map(|(name, ty)| KeyColumn {
        name: name.trim_end_matches(" desc").to_owned(),
        native: native::parse(ty).unwrap(),
        collation: ty.contains("char").then(|| "Latin1_General_CI_AS".into()),
        descending: name.ends_with(" desc"),
    });
    Key {
        columns: columns.collect(),
    }
}
