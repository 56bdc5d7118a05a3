//! A document as a tree that can be compared, read by rules of its own rather than by the crate's.

use std::fmt;

/// A value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A document's members in order.
    Document(Vec<(Vec<u8>, Node)>),
    /// An array's elements.
    Array(Vec<Node>),
    /// JavaScript with its variables.
    Scope(Vec<u8>, Box<Node>),
    /// Any other value: type byte and bytes.
    Scalar(u8, Vec<u8>),
    /// A number that was widened: its digits, and the types it may have been.
    Number(String, Vec<u8>),
    /// A float that may have been a number of these types. A `real` is told by the flag.
    Float(u64, bool, Vec<u8>),
    /// Null, missing or an empty array: the plan merges some of them, whose letters are given (`n`, `m`, `e`).
    Nothing(&'static str),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(members) => {
                let members = members.iter().map(|(n, v)| (n.escape_ascii().to_string(), v));
                f.debug_map().entries(members).finish()
            }
            Self::Array(elements) => f.debug_list().entries(elements).finish(),
            Self::Scope(code, scope) => write!(f, "code {code:?} {scope:?}"),
            Self::Scalar(kind, bytes) => write!(f, "{kind:02x}:{}", bytes.escape_ascii()),
            Self::Number(digits, kinds) => write!(f, "{digits} as {kinds:02x?}"),
            Self::Float(bits, _, kinds) => write!(f, "{} as {kinds:02x?}", f64::from_bits(*bits)),
            Self::Nothing(which) => write!(f, "nothing ({which})"),
        }
    }
}

fn length(bytes: &[u8]) -> usize {
    i32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize
}

/// Reads a document that is known to be sound.
pub(crate) fn document(bytes: &[u8]) -> Node {
    Node::Document(members(bytes))
}

fn members(bytes: &[u8]) -> Vec<(Vec<u8>, Node)> {
    assert_eq!(length(bytes), bytes.len());
    let mut rest = &bytes[4..bytes.len() - 1];
    let mut out = Vec::new();
    while let Some((kind, tail)) = rest.split_first() {
        let end = tail.iter().position(|b| *b == 0).unwrap();
        let (name, tail) = (tail[..end].to_vec(), &tail[end + 1..]);
        let size = size(*kind, tail);
        out.push((name, value(*kind, &tail[..size])));
        rest = &tail[size..];
    }
    out
}

fn size(kind: u8, bytes: &[u8]) -> usize {
    let cstring = |from: usize| from + bytes[from..].iter().position(|b| *b == 0).unwrap() + 1;
    match kind {
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x08 => 1,
        0x10 => 4,
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x07 => 12,
        0x13 => 16,
        0x02 | 0x0d | 0x0e => 4 + length(bytes),
        0x0c => 16 + length(bytes),
        0x05 => 5 + length(bytes),
        0x03 | 0x04 | 0x0f => length(bytes),
        0x0b => cstring(cstring(0)),
        other => panic!("type {other}"),
    }
}

/// A value from its type and bytes.
pub(crate) fn value(kind: u8, bytes: &[u8]) -> Node {
    match kind {
        0x03 => document(bytes),
        0x04 => Node::Array(members(bytes).into_iter().map(|(_, v)| v).collect()),
        0x0f => {
            let code = length(&bytes[4..]);
            Node::Scope(
                bytes[8..8 + code].to_vec(),
                Box::new(document(&bytes[8 + code..])),
            )
        }
        _ => Node::Scalar(kind, bytes.to_vec()),
    }
}

/// Puts the members of all documents into one order, since the plan does not keep it.
pub(crate) fn sorted(node: Node) -> Node {
    match node {
        Node::Document(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(n, v)| (n, sorted(v))).collect();
            // Names that come twice stay in their order.
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Node::Document(members)
        }
        Node::Array(elements) => Node::Array(elements.into_iter().map(sorted).collect()),
        Node::Scope(code, scope) => Node::Scope(code, Box::new(sorted(*scope))),
        other => other,
    }
}

/// Whether the rebuilt value is the original, as far as the plan promises. Both are sorted.
pub(crate) fn same(original: &Node, rebuilt: &Node) -> bool {
    match (original, rebuilt) {
        (Node::Document(a), Node::Document(b)) => {
            // What may be missing is looked up by name.
            let mut left = a.iter().peekable();
            for (name, value) in b {
                let found = left.peek().is_some_and(|(n, _)| n == name);
                match value {
                    Node::Nothing(which) if !found && which.contains('m') => {}
                    value => match left.next() {
                        Some((n, v)) if n == name && same(v, value) => {}
                        _ => return false,
                    },
                }
            }
            left.next().is_none()
        }
        (Node::Array(a), Node::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Node::Scope(a, x), Node::Scope(b, y)) => a == b && same(x, y),
        (Node::Scalar(0x0a, _), Node::Nothing(which)) => which.contains('n'),
        (Node::Array(a), Node::Nothing(which)) => a.is_empty() && which.contains('e'),
        (Node::Scalar(kind, bytes), Node::Number(digits, kinds)) => {
            // A whole double is stored with all of its digits, where its shortest form has fewer; both are the same double.
            let same_double =
                || *kind == 0x01 && digits.parse::<f64>().is_ok_and(|f| f.to_le_bytes() == **bytes);
            kinds.contains(kind) && (number(*kind, bytes) == *digits || same_double())
        }
        (Node::Scalar(kind, bytes), Node::Float(bits, real, kinds)) => {
            let float = f64::from_bits(*bits);
            let shortest = if *real {
                format!("{:e}", float as f32)
            } else {
                format!("{float:e}")
            };
            let shortest = if float.is_infinite() {
                shortest.replace("inf", "Infinity")
            } else {
                shortest
            };
            kinds.contains(kind)
                && match kind {
                    0x10 => float == f64::from(i32::from_le_bytes(bytes[..].try_into().unwrap())),
                    0x12 => float as i128 == i128::from(i64::from_le_bytes(bytes[..].try_into().unwrap())),
                    0x01 => {
                        float.to_le_bytes() == **bytes || (float.is_nan() && number(*kind, bytes) == "NaN")
                    }
                    _ => number(*kind, bytes) == simple(&shortest),
                }
        }
        (a, b) => a == b,
    }
}

/// A number in one form: digits without zeros at their end, and a power of ten.
pub(crate) fn number(kind: u8, bytes: &[u8]) -> String {
    match kind {
        0x01 => {
            let f = f64::from_le_bytes(bytes.try_into().unwrap());
            simple(&if f.is_infinite() {
                format!("{}Infinity", if f < 0.0 { "-" } else { "" })
            } else {
                format!("{f:e}")
            })
        }
        0x10 => simple(&i32::from_le_bytes(bytes.try_into().unwrap()).to_string()),
        0x12 => simple(&i64::from_le_bytes(bytes.try_into().unwrap()).to_string()),
        0x13 => simple(&bson::Decimal128::from_bytes(bytes.try_into().unwrap()).to_string()),
        other => panic!("type {other} is no number"),
    }
}

/// The same for text.
pub(crate) fn simple(text: &str) -> String {
    if text.ends_with(['N', 'y']) {
        return text.trim_start_matches('+').to_owned();
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (digits, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let mut exponent: i64 = exponent.parse().unwrap();
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    exponent -= fraction.len() as i64;
    let all = format!("{integer}{fraction}");
    let trimmed = all.trim_end_matches('0');
    exponent += (all.len() - trimmed.len()) as i64;
    match trimmed.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{sign}{digits}e{exponent}"),
    }
}
