//! How a plan's table and column names say where in a document their values come from.
//!
//! The plan is all that a reader gets, and what a person edits; so the source names of tables and columns are paths.
//!
//! - A table is `collection`, or `collection[path]` for one row for each element of the array at `path`, and again
//!   `collection[path][path]` for arrays inside such elements, `[$]` where the element is an array itself. The schema is
//!   the database. Brackets and backslashes in a collection's name are written with a backslash before them.
//! - A column is a path of field names joined by dots (`address.city`), from the document or from the array's element.
//!   A dot, bracket, backslash, `*`, `#`, `^` or `$` at the start or inside of a field's name is written with a backslash before it; an
//!   empty name is `\e`.
//! - `$` is the array's element itself; `#` its place in the array, from 0; `^_id` the `_id` of the document, `^#` the
//!   place of the enclosing element in its array (`^^#` of the one that encloses that).
//! - `*` is the overflow: what no other column or table took, as jsonb; NULL where there is nothing.

use std::fmt::{self, Write};

use migrate_core::{Error, ErrorKind, Result};

/// A field's names from the outermost in.
pub(crate) type Path = Vec<String>;

/// Where a table's rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowsFrom {
    /// The collection.
    pub(crate) collection: String,
    /// The arrays to unfold, outermost first; none for one row a document. An empty path is the element itself.
    pub(crate) arrays: Vec<Path>,
}

/// Where a column's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueFrom {
    /// A field of the row's document or element.
    Field(Path),
    /// The array's element itself.
    Element,
    /// The place in the array: 0 for the row's own array, 1 for the one around it...
    Ordinal(usize),
    /// The `_id` of the document.
    DocumentId,
    /// What nothing else took.
    Overflow,
}

/// What a field's name cannot hold as it is.
const SPECIAL: [char; 8] = ['.', '[', ']', '\\', '*', '#', '^', '$'];

/// What a collection's name cannot hold as it is.
const SPECIAL_IN_COLLECTIONS: [char; 3] = ['[', ']', '\\'];

impl RowsFrom {
    /// One row a document.
    pub(crate) fn of(collection: &str) -> Self {
        Self {
            collection: collection.to_owned(),
            arrays: Vec::new(),
        }
    }

    /// One row for each element of the array at `path` of this table's documents or elements.
    pub(crate) fn unfold(&self, path: &[String]) -> Self {
        let mut arrays = self.arrays.clone();
        arrays.push(path.to_vec());
        Self {
            collection: self.collection.clone(),
            arrays,
        }
    }

    /// Reads a table's source name.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if it is not one.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(
                ErrorKind::Config,
                format!("`{name}` is not a table of a MongoDB source: {why}"),
            )
            .hint("tables are called `collection`, or `collection[path]` for the elements of an array")
        };
        let mut collection = String::new();
        let mut arrays = Vec::new();
        let mut rest = name;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            match c {
                '[' => break,
                ']' => return Err(wrong("`]` without `[`")),
                '\\' => match after.chars().next() {
                    Some(escaped) if SPECIAL_IN_COLLECTIONS.contains(&escaped) => {
                        collection.push(escaped);
                        rest = &after[escaped.len_utf8()..];
                    }
                    _ => return Err(wrong("a backslash stands before nothing that needs one")),
                },
                _ => {
                    collection.push(c);
                    rest = after;
                }
            }
        }
        if collection.is_empty() {
            return Err(wrong("the collection's name is missing"));
        }
        while !rest.is_empty() {
            let inside = rest
                .strip_prefix('[')
                .ok_or_else(|| wrong("text follows a `]`"))?;
            let end = closing_bracket(inside).ok_or_else(|| wrong("`]` is missing"))?;
            arrays.push(match &inside[..end] {
                "$" => Path::new(),
                path => parse_path(path).map_err(wrong)?,
            });
            rest = &inside[end + 1..];
        }
        Ok(Self { collection, arrays })
    }
}

/// The first `]` that has no backslash before it.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let found = c == ']' && !escaped;
        escaped = c == '\\' && !escaped;
        found.then_some(at)
    })
}

impl fmt::Display for RowsFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.collection, &SPECIAL_IN_COLLECTIONS)?;
        for path in &self.arrays {
            f.write_char('[')?;
            if path.is_empty() {
                f.write_char('$')?;
            } else {
                write_path(f, path)?;
            }
            f.write_char(']')?;
        }
        Ok(())
    }
}

impl ValueFrom {
    /// Reads a column's source name.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if it is not one.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        if let Some(carets) = name.strip_suffix('#')
            && carets.bytes().all(|b| b == b'^')
        {
            return Ok(Self::Ordinal(carets.len()));
        }
        match name {
            "$" => Ok(Self::Element),
            "^_id" => Ok(Self::DocumentId),
            "*" => Ok(Self::Overflow),
            path => parse_path(path).map(Self::Field).map_err(|why| {
                Error::new(
                    ErrorKind::Config,
                    format!("`{name}` is not a column of a MongoDB source: {why}"),
                )
                .hint("columns are paths of field names joined by dots; `.[]\\*#^$` in a name have a backslash before them")
            }),
        }
    }
}

impl fmt::Display for ValueFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => write_path(f, path),
            Self::Element => f.write_str("$"),
            Self::Ordinal(up) => {
                for _ in 0..*up {
                    f.write_char('^')?;
                }
                f.write_char('#')
            }
            Self::DocumentId => f.write_str("^_id"),
            Self::Overflow => f.write_str("*"),
        }
    }
}

/// A path as it is written; nothing for an empty one.
pub(crate) fn path_text(path: &[String]) -> String {
    struct Written<'a>(&'a [String]);
    impl fmt::Display for Written<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_path(f, self.0)
        }
    }
    Written(path).to_string()
}

/// Reads a path of at least one name. The error says what is wrong with it.
pub(crate) fn parse_path(text: &str) -> Result<Path, &'static str> {
    let mut path = Path::new();
    let mut name = String::new();
    // Whether the name is `\e`, which nothing may be added to.
    let mut empty = false;
    let mut chars = text.chars();
    loop {
        let c = chars.next();
        match c {
            None | Some('.') => {
                if name.is_empty() && !empty {
                    return Err("a field's name is empty, which is written \\e");
                }
                path.push(std::mem::take(&mut name));
                empty = false;
                if c.is_none() {
                    return Ok(path);
                }
            }
            Some(_) if empty => return Err("text follows \\e"),
            Some('\\') => match chars.next() {
                Some('e') if name.is_empty() => empty = true,
                Some(escaped) if SPECIAL.contains(&escaped) => name.push(escaped),
                _ => return Err("a backslash stands before nothing that needs one"),
            },
            Some(c) if SPECIAL.contains(&c) => {
                return Err("one of []*#^$ has no backslash before it");
            }
            Some(c) => name.push(c),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[String]) -> fmt::Result {
    for (at, name) in path.iter().enumerate() {
        if at > 0 {
            f.write_char('.')?;
        }
        if name.is_empty() {
            f.write_str("\\e")?;
        }
        write_escaped(f, name, &SPECIAL)?;
    }
    Ok(())
}

fn write_escaped(f: &mut fmt::Formatter<'_>, name: &str, special: &[char]) -> fmt::Result {
    for c in name.chars() {
        if special.contains(&c) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(names: &[&str]) -> Path {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn names_are_paths() {
        for (text, rows) in [
            ("users", RowsFrom::of("users")),
            ("fs.files", RowsFrom::of("fs.files")),
            ("a\\[b\\]", RowsFrom::of("a[b]")),
            (
                "posts[comments]",
                RowsFrom::of("posts").unfold(&path(&["comments"])),
            ),
            (
                "p[a.b\\].c][\\e][$]",
                RowsFrom::of("p")
                    .unfold(&path(&["a", "b]", "c"]))
                    .unfold(&path(&[""]))
                    .unfold(&[]),
            ),
        ] {
            assert_eq!(RowsFrom::parse(text).unwrap(), rows, "{text}");
            assert_eq!(rows.to_string(), text);
        }
        for (text, value) in [
            ("_id", ValueFrom::Field(path(&["_id"]))),
            ("^_id", ValueFrom::DocumentId),
            ("address.city", ValueFrom::Field(path(&["address", "city"]))),
            ("owner.\\$id", ValueFrom::Field(path(&["owner", "$id"]))),
            ("a\\.b.\\e", ValueFrom::Field(path(&["a.b", ""]))),
            ("\\^\\#", ValueFrom::Field(path(&["^#"]))),
            ("\\*", ValueFrom::Field(path(&["*"]))),
            ("$", ValueFrom::Element),
            ("#", ValueFrom::Ordinal(0)),
            ("^^#", ValueFrom::Ordinal(2)),
            ("*", ValueFrom::Overflow),
        ] {
            assert_eq!(ValueFrom::parse(text).unwrap(), value, "{text}");
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "[a]", "a[", "a[]", "a]", "a[b]c", "a\\", "a\\b", "a[b[c]", "a[*]",
        ] {
            assert_eq!(
                RowsFrom::parse(text).unwrap_err().kind(),
                ErrorKind::Config,
                "{text}"
            );
        }
        for text in [
            "", ".", "a.", "a..b", "a$b", "$id", "\\x", "a\\e", "\\ea", "a[0]", "^a",
        ] {
            assert_eq!(
                ValueFrom::parse(text).unwrap_err().kind(),
                ErrorKind::Config,
                "{text}"
            );
        }
    }

    fn any_path() -> impl Strategy<Value = Path> {
        proptest::collection::vec("\\PC{0,4}|[.\\[\\]\\\\*#^$e]{0,4}", 1..4)
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            collection in "[a-z.\\[\\]\\\\$#é]{1,8}",
            arrays in proptest::collection::vec(prop_oneof![any_path(), Just(Path::new())], 0..3),
            field in any_path(),
            up in 0usize..4,
        ) {
            let rows = RowsFrom { collection, arrays };
            prop_assert_eq!(RowsFrom::parse(&rows.to_string()).unwrap(), rows);
            for value in [
                ValueFrom::Field(field.clone()),
                ValueFrom::Element,
                ValueFrom::Ordinal(up),
                ValueFrom::DocumentId,
                ValueFrom::Overflow,
            ] {
                prop_assert_eq!(ValueFrom::parse(&value.to_string()).unwrap(), value);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-c.\\[\\]\\\\*#^$]{0,10}") {
            if let Ok(rows) = RowsFrom::parse(&text) {
                prop_assert_eq!(rows.to_string(), text.clone());
            }
            if let Ok(value) = ValueFrom::parse(&text) {
                prop_assert_eq!(value.to_string(), text);
            }
        }
    }
}
