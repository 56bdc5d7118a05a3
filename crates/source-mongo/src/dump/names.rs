//! Names of files and of what they hold.

use migrate_core::{Error, Result};

use crate::classify::corrupt;

/// Prefix of the collections that hold a time series' buckets.
pub(super) const BUCKETS: &str = "system.buckets.";

/// Databases of a deployment itself, which are only read when asked for by name.
const OWN: [&str; 3] = ["admin", "config", "local"];

/// Characters from which on `mongodump` cuts the name of a file off, with a hash after it.
const CUT: usize = 238;

/// What a file of a database's directory is, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// The escaped name of the collection.
    pub(super) stem: String,
    /// Whether it is data or metadata.
    pub(super) holds: Holds,
    /// Whether it is compressed.
    pub(super) gzip: bool,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Documents.
    Data,
    /// Options and indexes.
    Metadata,
}

impl FileName {
    /// Reads a file's name; `None` if it is not one of a dump.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (plain, gzip) = match name.strip_suffix(".gz") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let (stem, holds) = if let Some(stem) = plain.strip_suffix(".metadata.json") {
            (stem, Holds::Metadata)
        } else {
            (plain.strip_suffix(".bson")?, Holds::Data)
        };
        if stem.is_empty() || stem.starts_with("._") {
            // The latter are written by macOS beside each file.
            return None;
        }
        Some(Self {
            stem: stem.to_owned(),
            holds,
            gzip,
        })
    }

    /// Whether the name was too long for a file, so that the metadata has to state it.
    pub(super) fn is_cut(&self) -> bool {
        self.stem.len() == CUT && self.stem.contains("%24")
    }

    /// The collection's name, unescaped like the part of an URL behind `?`, as `mongodump` escapes it.
    pub(super) fn collection(&self) -> Result<String> {
        let mut name = Vec::with_capacity(self.stem.len());
        let mut bytes = self.stem.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'+' => name.push(b' '),
                b'%' => {
                    let digits = [bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)];
                    let value = std::str::from_utf8(&digits)
                        .ok()
                        .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
                        .and_then(|d| u8::from_str_radix(d, 16).ok());
                    match value {
                        Some(value) => name.push(value),
                        None => {
                            return Err(corrupt(
                                "the file's name has a % without two hexadecimal digits after it",
                            )
                            .hint("mongodump writes %25 for a percent sign; rename the file"));
                        }
                    }
                }
                other => name.push(other),
            }
        }
        let name = String::from_utf8(name)
            .map_err(|_| corrupt("the file's name is not UTF-8 when unescaped").hint("rename the file"))?;
        check_collection(&name)?;
        Ok(name)
    }
}

/// Whether a database's name cannot have a character.
fn forbidden(c: char) -> bool {
    c.is_control() || "/\\. \"$*<>:|?".contains(c)
}

/// A name with what a database's cannot have replaced.
pub(super) fn database_of(name: &str) -> String {
    name.replace(forbidden, "_")
}

/// Refuses what cannot be a database's name.
pub(super) fn check_database(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 255 || name.contains(forbidden) {
        return Err(strange("database", name));
    }
    Ok(())
}

/// Refuses what cannot be a collection's name.
pub(super) fn check_collection(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') || name.starts_with('.') {
        return Err(strange("collection", name));
    }
    Ok(())
}

fn strange(what: &str, name: &str) -> Error {
    corrupt(format!("{name:?} cannot be the name of a {what}"))
        .hint("MongoDB refuses such names, so the dump was changed or is damaged; dump again")
}

/// Whether a database belongs to the deployment rather than to its users.
pub(super) fn is_own(database: &str) -> bool {
    OWN.contains(&database)
}

/// Whether a collection belongs to the server: `system.*`, and what `mongodump` stores about users and roles.
pub(super) fn is_system(collection: &str) -> bool {
    collection.starts_with("system.") || collection.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> (String, Holds, bool) {
        let file = FileName::parse(name).expect("a dump's file");
        (file.collection().expect("a name"), file.holds, file.gzip)
    }

    #[test]
    fn file_names_are_unescaped_as_mongodump_escapes_them() {
        assert_eq!(parsed("a.bson"), ("a".to_owned(), Holds::Data, false));
        assert_eq!(
            parsed("a.b.metadata.json.gz"),
            ("a.b".to_owned(), Holds::Metadata, true)
        );
        assert_eq!(
            parsed("a%2Fb+c%25.bson.gz"),
            ("a/b c%".to_owned(), Holds::Data, true)
        );
        assert_eq!(parsed("%C3%BC.bson").0, "ü");
        assert_eq!(FileName::parse("notes.txt"), None);
        assert_eq!(FileName::parse(".bson"), None);
        assert_eq!(FileName::parse("._a.bson"), None);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in [
            "%zz.bson",
            "%2.bson",
            "%ff.bson",
            "%00.bson",
            "..%2F..%2Fetc.bson",
            "%2Ea.bson",
        ] {
            let error = FileName::parse(name)
                .expect("a dump's file")
                .collection()
                .expect_err(name);
            assert_eq!(error.kind(), migrate_core::ErrorKind::Corrupt, "{name}");
        }
        for name in ["", "..", "a/b", "a\\b", "a b", "a\0", "$a"] {
            assert!(check_database(name).is_err(), "{name:?}");
        }
        assert!(check_database("crm_2-x").is_ok());
        assert_eq!(database_of("my dump.2024"), "my_dump_2024");
    }

    #[test]
    fn names_too_long_for_a_file_are_known() {
        let stem = format!("{}%24{}", "a".repeat(208), "h".repeat(27));
        let file = FileName::parse(&format!("{stem}.bson")).expect("a dump's file");
        assert!(file.is_cut());
        assert!(!FileName::parse("a%24b.bson").expect("a dump's file").is_cut());
    }
}
