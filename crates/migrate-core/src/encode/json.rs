//! JSON: checked as PostgreSQL checks it, and for `jsonb` rewritten as PostgreSQL prints it: keys by length and
//! then by bytes, the last of equal keys, one space after `:` and `,`, numbers as `numeric` prints them, only the
//! escapes that are needed (`JsonbToCString`, `lengthCompareJsonbStringValue` and `escape_json` in PostgreSQL).
//!
//! Neither checking nor printing recurses, so nesting costs heap and not stack.

use crate::policy::TextPolicy;

use super::cell::{Changes, MAX_FIELD_BYTES, Outcome, refuse, too_large};
use super::decimal::Decimal;
use super::json_lexer::{Lexer, Token};
use super::number;
use super::numeric::{MAX_INTEGER_DIGITS, MAX_SCALE};

/// Containers within containers beyond this are refused: PostgreSQL parses by recursion, and with its default
/// stack it gives up somewhat above this.
const MAX_DEPTH: usize = 5_000;

/// PostgreSQL's limit for one string in `jsonb`.
const MAX_STRING_BYTES: usize = 0x0fff_ffff;

/// A stretch of [`Arena::text`].
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// `true`, `false`, `null` or a number, as it is printed.
    Plain(Span),
    /// A string without its escapes.
    String(Span),
    /// A stretch of [`Arena::members`], whose keys do not count.
    Array(Span),
    /// A stretch of [`Arena::members`], sorted.
    Object(Span),
}

/// A value with its key.
#[derive(Debug, Clone, Copy)]
struct Member {
    key: Span,
    value: Node,
}

/// A container that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    object: bool,
    /// The key under which the container itself will be filed.
    key: Span,
    /// Where its members begin in [`Arena::pending`].
    first: usize,
}

/// A container that is being printed.
#[derive(Debug, Clone, Copy)]
struct Printing {
    object: bool,
    next: u32,
    end: u32,
}

/// The parts of one document, in buffers that are used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    text: Vec<u8>,
    nesting: Vec<bool>,
    open: Vec<Open>,
    pending: Vec<Member>,
    members: Vec<Member>,
    printing: Vec<Printing>,
}

impl Arena {
    /// Gives back buffers of more than `keep` bytes.
    pub(crate) fn trim(&mut self, keep: usize) {
        let members = (self.pending.capacity() + self.members.capacity()) * size_of::<Member>();
        if self.text.capacity() + members > keep {
            *self = Self::default();
        }
    }
}

const NO_KEY: Span = Span { start: 0, end: 0 };

/// Checks that the text is one JSON value, as `json` stores it.
pub(crate) fn check(text: &[u8], arena: &mut Arena) -> Outcome {
    let mut lexer = Lexer::new(text, &mut arena.nesting);
    let mut depth = 0usize;
    loop {
        match lexer.next(None)? {
            Token::BeginArray | Token::BeginObject => {
                depth += 1;
                too_deep(depth)?;
            }
            Token::EndArray | Token::EndObject => depth -= 1,
            Token::End => return Ok(()),
            Token::Key | Token::String | Token::Plain(_) | Token::Number(_) => {}
        }
    }
}

/// Whether every number in the text is one that 64-bit integers or floats hold exactly.
pub(crate) fn has_machine_numbers(text: &[u8]) -> bool {
    let mut open = Vec::new();
    let mut lexer = Lexer::new(text, &mut open);
    loop {
        match lexer.next(None) {
            Ok(Token::Number(digits)) if !number::is_machine_number(digits) => return false,
            Ok(Token::End) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn too_deep(depth: usize) -> Outcome {
    if depth > MAX_DEPTH {
        return refuse(format!("the JSON nests deeper than {MAX_DEPTH} levels"));
    }
    Ok(())
}

/// Appends the text that PostgreSQL prints for the document as `jsonb`.
pub(crate) fn canonical(
    text: &[u8],
    policy: TextPolicy,
    out: &mut Vec<u8>,
    arena: &mut Arena,
    changes: &mut Changes,
) -> Outcome {
    let root = parse(text, policy, arena, changes)?;
    print(root, arena, out)
}

fn parse(text: &[u8], policy: TextPolicy, arena: &mut Arena, changes: &mut Changes) -> Outcome<Node> {
    let Arena {
        text: kept,
        nesting,
        open,
        pending,
        members,
        ..
    } = arena;
    kept.clear();
    open.clear();
    pending.clear();
    members.clear();
    let mut lexer = Lexer::new(text, nesting);
    let mut key = NO_KEY;
    loop {
        let start = kept.len();
        let token = lexer.next(Some((kept, policy, changes)))?;
        let span = |kept: &Vec<u8>| Span {
            start: start as u32,
            end: kept.len() as u32,
        };
        if kept.len() > MAX_FIELD_BYTES {
            return too_large(kept.len() as u64);
        }
        let value = match token {
            Token::BeginArray | Token::BeginObject => {
                open.push(Open {
                    object: token == Token::BeginObject,
                    key,
                    first: pending.len(),
                });
                too_deep(open.len())?;
                key = NO_KEY;
                continue;
            }
            Token::Key => {
                key = span(kept);
                too_long(key)?;
                continue;
            }
            Token::String => {
                let string = span(kept);
                too_long(string)?;
                Node::String(string)
            }
            Token::Plain(word) => {
                kept.extend_from_slice(word);
                Node::Plain(span(kept))
            }
            Token::Number(digits) => {
                print_number(digits, kept)?;
                Node::Plain(span(kept))
            }
            Token::EndArray | Token::EndObject => {
                // The lexer closes only what it has opened.
                let Some(closed) = open.pop() else {
                    return refuse("the JSON closes more than it opens");
                };
                key = closed.key;
                if closed.object {
                    sort_members(kept, pending, closed.first);
                }
                let first = members.len() as u32;
                members.extend(pending.drain(closed.first..));
                let span = Span {
                    start: first,
                    end: members.len() as u32,
                };
                if closed.object {
                    Node::Object(span)
                } else {
                    Node::Array(span)
                }
            }
            // The root is the one value that nothing encloses.
            Token::End => match pending.first() {
                Some(root) => return Ok(root.value),
                None => return refuse("the JSON text is empty"),
            },
        };
        pending.push(Member { key, value });
        key = NO_KEY;
    }
}

fn too_long(string: Span) -> Outcome {
    if (string.end - string.start) as usize > MAX_STRING_BYTES {
        return refuse("the JSON holds a string longer than jsonb takes, 268435455 bytes");
    }
    Ok(())
}

/// Sorts an object's members by the length of the key, then its bytes; of equal keys the last stays.
fn sort_members(text: &[u8], pending: &mut Vec<Member>, first: usize) {
    let order = |a: &Member, b: &Member| {
        let (a, b) = (a.key.of(text), b.key.of(text));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    };
    let members = &mut pending[first..];
    if members.is_sorted_by(|a, b| order(a, b).is_lt()) {
        return;
    }
    members.sort_by(order);
    let mut kept = 0;
    for i in 0..members.len() {
        let repeated = members
            .get(i + 1)
            .is_some_and(|next| order(&members[i], next).is_eq());
        if !repeated {
            members[kept] = members[i];
            kept += 1;
        }
    }
    pending.truncate(first + kept);
}

fn print_number(digits: &[u8], out: &mut Vec<u8>) -> Outcome {
    match Decimal::parse(digits) {
        Some(d)
            if d.has_readable_exponent()
                && d.scale() <= MAX_SCALE
                && d.integer_digits() <= MAX_INTEGER_DIGITS =>
        {
            d.print(out);
            Ok(())
        }
        _ => refuse("the JSON holds a number outside the range of numeric"),
    }
}

fn print(root: Node, arena: &mut Arena, out: &mut Vec<u8>) -> Outcome {
    let Arena {
        text,
        members,
        printing,
        ..
    } = arena;
    let limit = out.len() + MAX_FIELD_BYTES;
    printing.clear();
    let mut node = root;
    loop {
        match node {
            Node::Plain(span) => out.extend_from_slice(span.of(text)),
            Node::String(span) => print_string(span.of(text), out),
            Node::Array(span) | Node::Object(span) => {
                let object = matches!(node, Node::Object(_));
                out.push(if object { b'{' } else { b'[' });
                printing.push(Printing {
                    object,
                    next: span.start,
                    end: span.end,
                });
                if span.start < span.end {
                    // Told from the later members by not being preceded by a comma.
                    node = member(printing, members, text, out);
                    continue;
                }
            }
        }
        if out.len() > limit {
            return too_large((out.len() - (limit - MAX_FIELD_BYTES)) as u64);
        }
        loop {
            match printing.last() {
                None => return Ok(()),
                Some(p) if p.next < p.end => break,
                Some(p) => {
                    out.push(if p.object { b'}' } else { b']' });
                    printing.pop();
                }
            }
        }
        out.extend_from_slice(b", ");
        node = member(printing, members, text, out);
    }
}

/// Prints the key of the innermost container's next member and returns its value.
fn member(printing: &mut [Printing], members: &[Member], text: &[u8], out: &mut Vec<u8>) -> Node {
    // Called only with a container open that has a member left.
    let Some(top) = printing.last_mut() else {
        return Node::Plain(NO_KEY);
    };
    let member = members[top.next as usize];
    top.next += 1;
    if top.object {
        print_string(member.key.of(text), out);
        out.extend_from_slice(b": ");
    }
    member.value
}

fn print_string(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut from = 0;
    for (i, &b) in text.iter().enumerate() {
        if b >= b' ' && b != b'"' && b != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..i]);
        from = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(b >> 4)],
                HEX[usize::from(b & 15)],
            ]),
        }
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
}
