//! The overflow: what no column took, as one JSON object.
//!
//! - A name is a path as the plan writes it (dots, brackets and `$` in a field's own name have a backslash), its value that
//!   of the field, in the [JSON form](crate::values::json).
//! - `$` is the array's element itself: it is no document, or the plan has no column that takes it. `[]` there may also
//!   stand for an array whose elements are rows of another table.
//! - `$missing` lists the paths of which a NULL or the lack of rows would say that they are null or empty, and which are
//!   neither: they are missing, or documents of which other columns have the parts.
//! - `$fields` lists what cannot have a name in the object, as pairs of a path (a list of names) and a value: a name that
//!   came before in the same document, and names that are not UTF-8.

use std::collections::HashSet;

use super::program::Program;
use super::walk::{Found, Left, Memory};
use crate::raw::{BsonRef, Malformed, Text};
use crate::shape::path_text;
use crate::values::json;

/// Writes the overflow of a row; `false` if there is nothing to write.
pub(super) fn write(
    program: &Program,
    memory: &Memory,
    found: &Found<'_>,
    out: &mut String,
) -> Result<bool, Malformed> {
    let (left, nul) = (&*found.left, program.nul);
    let missing = || {
        program.expected.iter().filter(|e| match e.slot {
            Some(slot) => found.slots[slot as usize].is_none(),
            None => !memory.saw(e.field),
        })
    };
    if left.is_empty() && missing().next().is_none() {
        return Ok(false);
    }
    out.clear();
    out.push('{');
    let mut unnamed: Vec<(&[String], Text<'_>, BsonRef<'_>)> = Vec::new();
    let mut names = Names::default();
    for item in left {
        let (level, name, value) = match *item {
            Left::Field { field, value } => {
                member(&program.tree.fields[field as usize].path, out);
                json::write(value, nul, out)?;
                continue;
            }
            Left::Element(value) => {
                member("$", out);
                json::write(value, nul, out)?;
                continue;
            }
            Left::NestedArray => {
                member("$", out);
                out.push_str("[]");
                continue;
            }
            Left::Unknown { level, name, value } | Left::Repeated { level, name, value } => {
                (level, name, value)
            }
        };
        let level_of = &program.tree.levels[level as usize];
        match name.as_str() {
            Ok(text) if !matches!(item, Left::Repeated { .. }) && names.is_new(left, level, name) => {
                let text = path_text(&[text.to_owned()]);
                member(&format!("{}{text}", level_of.prefix), out);
                json::write(value, nul, out)?;
            }
            _ => unnamed.push((&level_of.path, name, value)),
        }
    }
    let mut first = true;
    for expected in missing() {
        if std::mem::take(&mut first) {
            member("$missing", out);
            out.push('[');
        } else {
            out.push(',');
        }
        json::string(
            Text(program.tree.fields[expected.field as usize].path.as_bytes()),
            out,
        );
    }
    if !first {
        out.push(']');
    }
    if !unnamed.is_empty() {
        member("$fields", out);
        out.push('[');
        for (at, (path, name, value)) in unnamed.into_iter().enumerate() {
            out.push_str(if at == 0 { "[[" } else { ",[[" });
            for parent in path {
                json::string(Text(parent.as_bytes()), out);
                out.push(',');
            }
            json::string(name, out);
            out.push_str("],");
            json::write(value, nul, out)?;
            out.push(']');
        }
        out.push(']');
    }
    out.push('}');
    Ok(true)
}

/// Begins a member.
fn member(name: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    json::string(Text(name.as_bytes()), out);
    out.push(':');
}

/// The names that the plan does not know and that were written.
#[derive(Default)]
struct Names<'a> {
    written: HashSet<(u32, &'a [u8])>,
}

impl<'a> Names<'a> {
    fn is_new(&mut self, left: &[Left<'a>], level: u32, name: Text<'a>) -> bool {
        left.len() == 1 || self.written.insert((level, name.as_bytes()))
    }
}
