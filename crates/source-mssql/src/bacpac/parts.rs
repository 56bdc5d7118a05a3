//! Which entries hold the rows of which table.

use std::collections::HashMap;

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use percent_encoding::percent_decode_str;

use super::archive::{Archive, Entry};
use crate::classify::{corrupt, unsupported};

/// The part files of each table, in the order of their names. Every entry below `Data/` is accounted for.
pub(crate) fn by_table<'a>(
    archive: &Archive,
    tables: impl Iterator<Item = &'a ObjectName>,
) -> Result<HashMap<ObjectName, Vec<Entry>>> {
    let mut directories: HashMap<String, Vec<&ObjectName>> = HashMap::new();
    for name in tables {
        directories.entry(name.to_string()).or_default().push(name);
    }
    let mut out: HashMap<ObjectName, Vec<Entry>> = HashMap::new();
    for entry in archive.entries() {
        let Some(path) = below_data(&entry.name) else {
            continue;
        };
        let place = |e: migrate_core::Error| e.at("entry", &entry.name).at("file", &*archive.name);
        let (directory, file) = match path.split_once('/') {
            Some((directory, file)) if !file.contains('/') => (directory, file),
            _ => return Err(place(corrupt("this entry has no place among the data"))),
        };
        if !file.to_ascii_uppercase().ends_with(".BCP") {
            return Err(place(unsupported(
                "this entry below Data is not a .BCP file, so its rows would be lost",
            )));
        }
        let directory = percent_decode_str(directory).decode_utf8_lossy();
        match directories.get(&*directory).map(Vec::as_slice) {
            Some([table]) => out.entry((*table).clone()).or_default().push(entry.clone()),
            Some(_) => {
                return Err(place(unsupported(format!(
                    "two tables are both called {directory} when schema and name are joined by a point"
                ))));
            }
            None => {
                return Err(place(corrupt(format!(
                    "the data is of a table {directory}, which the model does not have"
                ))));
            }
        }
    }
    for parts in out.values_mut() {
        parts.sort_by(|a, b| a.decoded.cmp(&b.decoded));
    }
    Ok(out)
}

fn below_data(name: &str) -> Option<&str> {
    let (first, rest) = name.split_once('/')?;
    first.eq_ignore_ascii_case("Data").then_some(rest)
}
