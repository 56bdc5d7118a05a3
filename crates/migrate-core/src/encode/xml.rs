//! XML as PostgreSQL sends it back: an XML declaration is printed anew without its encoding, or not at all when it
//! says nothing, and then a newline before the content goes too (`xml_out_internal` in PostgreSQL's `xml.c`).
//!
//! Whether the rest is well-formed is the server's to judge.

use super::cell::{Outcome, refuse};

/// Appends the canonical form of XML text.
pub(crate) fn canonical(text: &[u8], out: &mut Vec<u8>) -> Outcome {
    let Some((declaration, content)) = split_declaration(text)? else {
        return undeclared(text, out);
    };
    if declaration.version == b"1.0" && declaration.standalone.is_none() {
        return undeclared(content, out);
    }
    out.extend_from_slice(b"<?xml version=\"");
    out.extend_from_slice(declaration.version);
    out.push(b'"');
    match declaration.standalone {
        Some(true) => out.extend_from_slice(b" standalone=\"yes\""),
        Some(false) => out.extend_from_slice(b" standalone=\"no\""),
        None => {}
    }
    out.extend_from_slice(b"?>");
    out.extend_from_slice(content);
    Ok(())
}

/// Appends content without a declaration. PostgreSQL takes one newline away each time it sends, so that only text
/// that begins with none comes back as it went.
fn undeclared(text: &[u8], out: &mut Vec<u8>) -> Outcome {
    let start = text.iter().position(|b| *b != b'\n').unwrap_or(text.len());
    let text = &text[start..];
    if split_declaration(text)?.is_some() {
        return refuse("an XML declaration stands where only content may");
    }
    out.extend_from_slice(text);
    Ok(())
}

struct Declaration<'a> {
    version: &'a [u8],
    standalone: Option<bool>,
}

const MALFORMED: &str = "the XML declaration is malformed";

fn split_declaration(text: &[u8]) -> Outcome<Option<(Declaration<'_>, &[u8])>> {
    let Some(rest) = text.strip_prefix(b"<?xml") else {
        return Ok(None);
    };
    // `<?xml-stylesheet` and the like are ordinary processing instructions.
    if !rest.first().is_some_and(|b| is_space(*b)) {
        return Ok(None);
    }
    let Some((version, rest)) = attribute(rest, b"version") else {
        return refuse(MALFORMED);
    };
    if version.is_empty()
        || version
            .iter()
            .any(|b| !b.is_ascii_alphanumeric() && !b"._:-".contains(b))
    {
        return refuse(MALFORMED);
    }
    let rest = attribute(rest, b"encoding").map_or(rest, |(_, rest)| rest);
    let (standalone, rest) = match attribute(rest, b"standalone") {
        None => (None, rest),
        Some((b"yes", rest)) => (Some(true), rest),
        Some((b"no", rest)) => (Some(false), rest),
        Some(_) => return refuse(MALFORMED),
    };
    match trim_space(rest).strip_prefix(b"?>") {
        Some(content) => Ok(Some((Declaration { version, standalone }, content))),
        None => refuse(MALFORMED),
    }
}

/// The value of the attribute that comes next, after at least one space, and what follows it.
fn attribute<'a>(text: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    if !text.first().is_some_and(|b| is_space(*b)) {
        return None;
    }
    let rest = trim_space(trim_space(text).strip_prefix(name)?).strip_prefix(b"=")?;
    let (quote, rest) = trim_space(rest).split_first()?;
    if !b"'\"".contains(quote) {
        return None;
    }
    let end = rest.iter().position(|b| b == quote)?;
    Some((&rest[..end], &rest[end + 1..]))
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_space(*b)).unwrap_or(text.len());
    &text[start..]
}
