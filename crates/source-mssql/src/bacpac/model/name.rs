//! Bracketed names: `[schema].[table].[column]`, with `]]` for `]`.

use migrate_core::Result;
use migrate_core::catalog::ObjectName;

use crate::classify::corrupt;

/// The parts of a name.
pub(crate) fn parts(name: &str) -> Result<Vec<String>> {
    let wrong = || corrupt(format!("`{}` is not a bracketed name", name.escape_debug()));
    let mut out = Vec::new();
    let mut chars = name.chars().peekable();
    loop {
        if chars.next() != Some('[') {
            return Err(wrong());
        }
        let mut part = String::new();
        loop {
            match chars.next().ok_or_else(wrong)? {
                ']' if chars.peek() == Some(&']') => {
                    chars.next();
                    part.push(']');
                }
                ']' => break,
                c => part.push(c),
            }
        }
        out.push(part);
        match chars.next() {
            None => return Ok(out),
            Some('.') => {}
            Some(_) => return Err(wrong()),
        }
    }
}

/// A name of exactly two parts.
pub(crate) fn object(name: &str) -> Result<ObjectName> {
    match <[String; 2]>::try_from(parts(name)?) {
        Ok([schema, name]) => Ok(ObjectName { schema, name }),
        Err(_) => Err(corrupt(format!(
            "`{}` does not have a schema and a name",
            name.escape_debug()
        ))),
    }
}

/// A name of exactly three parts: a table and something in it.
pub(crate) fn member(name: &str) -> Result<(ObjectName, String)> {
    match <[String; 3]>::try_from(parts(name)?) {
        Ok([schema, table, member]) => Ok((ObjectName { schema, name: table }, member)),
        Err(_) => Err(corrupt(format!(
            "`{}` does not have a schema, a table and a name",
            name.escape_debug()
        ))),
    }
}

/// The name as a person reads it: parts joined by points, or what there is if it is no bracketed name.
pub(crate) fn readable(name: &str) -> String {
    parts(name).map_or_else(|_| name.to_owned(), |p| p.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_points_inside_of_names() {
        assert_eq!(parts("[dbo].[a]]b.c].[ ]").unwrap(), ["dbo", "a]b.c", " "]);
        assert_eq!(parts("[]]]]]").unwrap(), ["]]"]);
        assert_eq!(object("[s].[t]").unwrap(), ObjectName::new("s", "t"));
        assert_eq!(
            member("[s].[t].[c]").unwrap(),
            (ObjectName::new("s", "t"), "c".to_owned())
        );
        for bad in ["", "dbo", "[dbo", "[dbo]x", "[dbo].", "[dbo].t", ".[t]"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
        assert!(object("[t]").is_err());
        assert!(member("[a].[b]").is_err());
        assert_eq!(readable("[a].[b c]"), "a.b c");
        assert_eq!(readable("plain"), "plain");
    }
}
