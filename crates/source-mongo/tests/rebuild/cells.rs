//! A column's cell, in PostgreSQL's binary form, becomes the BSON value that it was.

use migrate_core::pg_type::PgType;

use super::back::{object_id_of_uuid, value_from_json};
use super::bson::{Node, simple, value};

/// What a column's `native` says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Native {
    /// Names of types; `binary(4)` and the like as they are.
    pub(crate) types: Vec<String>,
    /// The inside of `array<...>`.
    pub(crate) elements: Option<Box<Native>>,
    pub(crate) null: bool,
    pub(crate) missing: bool,
}

impl Native {
    pub(crate) fn read(text: &str) -> Self {
        let mut out = Self::default();
        let mut depth = 0;
        let parts = text.split(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            c == '|' && depth == 0
        });
        for part in parts.map(str::to_owned).collect::<Vec<_>>() {
            match part.as_str() {
                "null" => out.null = true,
                "missing" => out.missing = true,
                array if array.starts_with("array<") => {
                    let inside = array.strip_prefix("array<").unwrap().strip_suffix('>').unwrap();
                    out.elements = Some(Box::new(Self::read(inside)));
                }
                _ => out.types.push(part),
            }
        }
        out
    }

    fn numbers(&self) -> Vec<u8> {
        let kinds = [("double", 0x01), ("int", 0x10), ("long", 0x12), ("decimal", 0x13)];
        (kinds.iter())
            .filter(|(name, _)| self.types.iter().any(|t| t == name))
            .map(|(_, kind)| *kind)
            .collect()
    }

    fn binary(&self) -> Option<(u8, &str)> {
        let inside = self
            .types
            .iter()
            .find_map(|t| t.strip_prefix("binary(")?.strip_suffix(')'))?;
        let (subtype, order) = inside.split_once(' ').unwrap_or((inside, ""));
        Some((subtype.parse().unwrap(), order))
    }
}

fn scalar(kind: u8, bytes: impl Into<Vec<u8>>) -> Node {
    Node::Scalar(kind, bytes.into())
}

fn string(text: &str) -> Node {
    let mut bytes = (text.len() as i32 + 1).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    scalar(0x02, bytes)
}

fn json(text: &str) -> Node {
    let (kind, bytes) = value_from_json(text).unwrap();
    value(kind, &bytes)
}

fn binary(subtype: u8, bytes: &[u8]) -> Node {
    let mut out = Vec::new();
    if subtype == 2 {
        out.extend_from_slice(&(bytes.len() as i32 + 4).to_le_bytes());
        out.push(2);
    }
    out.extend_from_slice(&(bytes.len() as i32).to_le_bytes());
    if subtype != 2 {
        out.push(subtype);
    }
    out.extend_from_slice(bytes);
    scalar(0x05, out)
}

/// The value that the cell, which is not NULL, was made from.
pub(crate) fn cell(bytes: &[u8], ty: &PgType, native: &Native) -> Node {
    let is = |name: &str| native.types.iter().any(|t| t == name);
    let utf8 = || std::str::from_utf8(bytes).unwrap();
    let number = |digits: &str| {
        let kinds = native.numbers();
        if kinds.is_empty() && is("string") {
            return string(digits);
        }
        Node::Number(simple(digits), kinds)
    };
    match ty {
        PgType::Bool if is("string") => string(if bytes[0] == 1 { "true" } else { "false" }),
        PgType::Bool => scalar(0x08, bytes),
        PgType::Int2 => number(&i16::from_be_bytes(bytes.try_into().unwrap()).to_string()),
        PgType::Int4 => number(&i32::from_be_bytes(bytes.try_into().unwrap()).to_string()),
        PgType::Int8 => {
            let n = i64::from_be_bytes(bytes.try_into().unwrap());
            if is("timestamp") && native.numbers().is_empty() {
                scalar(0x11, n.to_le_bytes())
            } else {
                number(&n.to_string())
            }
        }
        PgType::Float8 => {
            let float = f64::from_be_bytes(bytes.try_into().unwrap());
            Node::Float(float.to_bits(), false, native.numbers())
        }
        PgType::Float4 => {
            let float = f64::from(f32::from_be_bytes(bytes.try_into().unwrap()));
            Node::Float(float.to_bits(), true, native.numbers())
        }
        PgType::Numeric(_) => number(&numeric(bytes)),
        PgType::Text | PgType::Varchar(_) | PgType::Char(_) | PgType::Citext => match &*native.types {
            [only] if only == "string" => string(match ty {
                PgType::Char(_) => utf8().trim_end_matches(' '),
                _ => utf8(),
            }),
            [only] if only == "objectId" => scalar(0x07, hex(utf8())),
            _ => json(utf8()),
        },
        PgType::Uuid => {
            let uuid: [u8; 16] = bytes.try_into().unwrap();
            match (object_id_of_uuid(&uuid), native.binary()) {
                (Some(id), _) if is("objectId") => scalar(0x07, id),
                (_, Some((subtype, order))) => {
                    let mut uuid = uuid;
                    let groups: &[std::ops::Range<usize>] = match order {
                        "java" => &[0..8, 8..16],
                        "csharp" => &[0..4, 4..6, 6..8],
                        _ => &[],
                    };
                    for group in groups {
                        uuid[group.clone()].reverse();
                    }
                    binary(subtype, &uuid)
                }
                _ => {
                    let hex = format!("{:032x}", u128::from_be_bytes(uuid));
                    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                    string(&groups.join("-"))
                }
            }
        }
        PgType::Bytea => match native.binary() {
            Some((subtype, _)) => binary(subtype, bytes),
            None => scalar(0x07, bytes),
        },
        PgType::Date => {
            let days = i64::from(i32::from_be_bytes(bytes.try_into().unwrap())) + 10_957;
            scalar(0x09, (days * 86_400_000).to_le_bytes())
        }
        PgType::Timestamp(_) | PgType::TimestampTz(_) => {
            let micros = i64::from_be_bytes(bytes.try_into().unwrap());
            assert_eq!(micros % 1000, 0);
            scalar(0x09, (micros / 1000 + 946_684_800_000).to_le_bytes())
        }
        PgType::Json => json(utf8()),
        PgType::Jsonb => json(std::str::from_utf8(&bytes[1..]).unwrap()),
        PgType::Array(element) => array(bytes, element, native.elements.as_deref().unwrap()),
        other => panic!("a column of type {other}"),
    }
}

fn array(bytes: &[u8], ty: &PgType, native: &Native) -> Node {
    let int = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut out = Vec::new();
    if int(0) == 1 {
        let mut at = 20;
        for _ in 0..int(12) {
            let length = int(at);
            at += 4;
            out.push(match usize::try_from(length) {
                Err(_) => scalar(0x0a, []),
                Ok(length) => {
                    at += length;
                    cell(&bytes[at - length..at], ty, native)
                }
            });
        }
    }
    Node::Array(out)
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The text of a `numeric`.
fn numeric(bytes: &[u8]) -> String {
    let word = |i: usize| u16::from_be_bytes([bytes[2 * i], bytes[2 * i + 1]]);
    match word(2) {
        0xc000 => return "NaN".to_owned(),
        0xd000 => return "Infinity".to_owned(),
        0xf000 => return "-Infinity".to_owned(),
        _ => {}
    }
    let (count, weight, scale) = (
        i64::from(word(0)),
        i64::from(word(1) as i16),
        usize::from(word(3)),
    );
    let group = |at: i64| {
        let digits = if (0..count).contains(&at) {
            word(4 + at as usize)
        } else {
            0
        };
        format!("{digits:04}")
    };
    let integer: String = (0..=weight).map(group).collect();
    let fraction: String = (weight + 1..=weight + 1 + scale as i64 / 4).map(group).collect();
    let integer = match integer.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let sign = if word(2) == 0x4000 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{integer}{point}{}", &fraction[..scale])
}
