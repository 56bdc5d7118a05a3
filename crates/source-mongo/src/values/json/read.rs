//! Reading: what was written becomes the same BSON again.
//!
//! Values are finished from the innermost out, so nothing recurses: when an object is complete, its members are BSON
//! already, and it is known whether it is a document or one of the forms that stand for something else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use migrate_core::{Error, ErrorKind, Result};

use super::token::{Token, Tokens};
use super::write::is_dbref_name;
use crate::raw::{BsonRef, Document, Kind};
use crate::values::decimal::Decimal;

/// A document from JSON that is an object. See [`value_from_json`].
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) if the text is not the JSON of a document.
pub fn document_from_json(json: &str) -> Result<Vec<u8>> {
    match value_from_json(json)? {
        (byte, bytes) if byte == Kind::Document as u8 => Ok(bytes),
        _ => Err(corrupt("it is not a document")),
    }
}

/// A value from its JSON form: its BSON type and its bytes.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) if the text is not in that form.
pub fn value_from_json(json: &str) -> Result<(u8, Vec<u8>)> {
    read(json, false)
}

/// The content of an overflow column as one BSON document: its names are the column's paths and marks, as they are.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) if the text is not an object of values in their JSON form.
pub fn overflow_from_json(json: &str) -> Result<Vec<u8>> {
    match read(json, true)? {
        (byte, bytes) if byte == Kind::Document as u8 => Ok(bytes),
        _ => Err(corrupt("it is not an object")),
    }
}

fn corrupt(why: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the text is not the JSON of BSON: {why}"),
    )
}

/// A container that is not complete.
struct Open {
    object: bool,
    /// The name that the container gets in the one around it.
    name: String,
    bytes: Vec<u8>,
    count: usize,
}

type Value = (u8, Vec<u8>);

fn read(json: &str, outermost_is_plain: bool) -> Result<Value> {
    let mut tokens = Tokens::new(json);
    let mut open: Vec<Open> = Vec::new();
    let mut name = String::new();
    let unexpected = "it does not have the form of JSON";
    loop {
        // A name and a colon come before a value in an object.
        let mut token = tokens.next()?.ok_or_else(|| tokens.error("it ends early"))?;
        let closes = matches!(token, Token::EndObject | Token::EndArray);
        if let Some(top) = open.last()
            && top.object
            && !closes
        {
            name = match token {
                Token::String(name) => name,
                _ => return Err(tokens.error(unexpected)),
            };
            if tokens.next()? != Some(Token::Colon) {
                return Err(tokens.error(unexpected));
            }
            token = match tokens.next()? {
                Some(Token::EndObject | Token::EndArray) | None => return Err(tokens.error(unexpected)),
                Some(token) => token,
            };
        }
        let mut value = match token {
            Token::BeginObject | Token::BeginArray => {
                open.push(Open {
                    object: token == Token::BeginObject,
                    name: std::mem::take(&mut name),
                    bytes: vec![0; 4],
                    count: 0,
                });
                continue;
            }
            Token::EndObject | Token::EndArray => match open.pop() {
                // Only an empty container closes here; the others close behind a value.
                Some(top) if top.count == 0 && top.object == (token == Token::EndObject) => {
                    name = top.name.clone();
                    close(top, false)?
                }
                _ => return Err(tokens.error(unexpected)),
            },
            Token::String(text) => (Kind::String as u8, framed(&text)),
            Token::Word(word) => plain(word).ok_or_else(|| tokens.error("a word that JSON does not have"))?,
            Token::Colon | Token::Comma => return Err(tokens.error(unexpected)),
        };
        // The value is complete, and perhaps what is around it.
        loop {
            let Some(top) = open.last_mut() else {
                return match tokens.next()? {
                    None => Ok(value),
                    Some(_) => Err(tokens.error("text follows the value")),
                };
            };
            if !top.object {
                name = top.count.to_string();
            }
            if name.contains('\0') {
                return Err(tokens.error("a name holds U+0000"));
            }
            append(&mut top.bytes, &std::mem::take(&mut name), &value);
            top.count += 1;
            match (tokens.next()?, top.object) {
                (Some(Token::Comma), _) => break,
                (Some(Token::EndObject), true) | (Some(Token::EndArray), false) => {
                    let top = open.pop().ok_or_else(|| tokens.error(unexpected))?;
                    name = top.name.clone();
                    value = close(top, outermost_is_plain && open.is_empty())?;
                }
                _ => return Err(tokens.error(unexpected)),
            }
        }
    }
}

/// A number, boolean or null.
fn plain(word: &str) -> Option<Value> {
    Some(match word {
        "true" | "false" => (Kind::Bool as u8, vec![u8::from(word == "true")]),
        "null" => (Kind::Null as u8, Vec::new()),
        _ if word.contains(['.', 'e', 'E']) => {
            let float: f64 = word.parse().ok()?;
            (Kind::Double as u8, float.to_le_bytes().to_vec())
        }
        _ => {
            let n: i64 = word.parse().ok()?;
            match i32::try_from(n) {
                Ok(n) => (Kind::Int32 as u8, n.to_le_bytes().to_vec()),
                Err(_) => (Kind::Int64 as u8, n.to_le_bytes().to_vec()),
            }
        }
    })
}

fn framed(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as i32 + 1).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

fn append(document: &mut Vec<u8>, name: &str, (kind, bytes): &Value) {
    document.push(*kind);
    document.extend_from_slice(name.as_bytes());
    document.push(0);
    document.extend_from_slice(bytes);
}

fn finish(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0);
    let length = bytes.len() as i32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Makes of a complete container what it stands for.
fn close(open: Open, is_plain: bool) -> Result<Value> {
    let bytes = finish(open.bytes);
    if !open.object {
        return Ok((Kind::Array as u8, bytes));
    }
    let document = Document::new(&bytes)?;
    let mut members = Vec::new();
    for element in document.elements() {
        let element = element?;
        let name = element.name.as_bytes();
        if !is_plain && name.first() == Some(&b'$') && !is_dbref_name(name) {
            members.push((element.name.to_lossy(), element.value));
        }
    }
    // The order of the members is not that in which they were written.
    members.sort_by(|a, b| a.0.cmp(&b.0));
    let members: Vec<(&str, BsonRef<'_>)> = members.iter().map(|(name, value)| (&**name, *value)).collect();
    if members.is_empty() {
        return Ok((Kind::Document as u8, bytes));
    }
    special(&members).ok_or_else(|| corrupt(&format!("`{}` is not used as it has to be", members[0].0)))
}

/// What the members of an object stand for.
fn special(members: &[(&str, BsonRef<'_>)]) -> Option<Value> {
    let kind = |kind: Kind, bytes: Vec<u8>| Some((kind as u8, bytes));
    match *members {
        [("$code", code), ("$scope", BsonRef::Document(scope))] => {
            let code = framed(text(code)?);
            let length = 4 + code.len() + scope.as_bytes().len();
            let mut bytes = (length as i32).to_le_bytes().to_vec();
            bytes.extend_from_slice(&code);
            bytes.extend_from_slice(scope.as_bytes());
            kind(Kind::CodeWithScope, bytes)
        }
        [(name, value)] => match (name, value) {
            ("$numberLong", value) => kind(Kind::Int64, long(value)?.to_le_bytes().to_vec()),
            ("$numberInt", value) => kind(
                Kind::Int32,
                text(value)?.parse::<i32>().ok()?.to_le_bytes().to_vec(),
            ),
            ("$numberDouble", value) => {
                let float = match text(value)? {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    text => text.parse().ok()?,
                };
                kind(Kind::Double, float.to_le_bytes().to_vec())
            }
            ("$numberDecimal", value) => kind(
                Kind::Decimal128,
                Decimal::parse(text(value)?)?.to_bytes().to_vec(),
            ),
            ("$date", BsonRef::Int64(millis)) => kind(Kind::DateTime, millis.to_le_bytes().to_vec()),
            ("$oid", value) => kind(Kind::ObjectId, hex(text(value)?, 12)?),
            ("$symbol", value) => kind(Kind::Symbol, framed(text(value)?)),
            ("$code", value) => kind(Kind::Code, framed(text(value)?)),
            ("$undefined", BsonRef::Bool(true)) => kind(Kind::Undefined, Vec::new()),
            ("$minKey", BsonRef::Int32(1)) => kind(Kind::MinKey, Vec::new()),
            ("$maxKey", BsonRef::Int32(1)) => kind(Kind::MaxKey, Vec::new()),
            ("$timestamp", BsonRef::Document(inner)) => {
                let [time, increment] = two(inner, ["t", "i"])?;
                let part = |value| match value {
                    BsonRef::Int32(n) => u32::try_from(n).ok(),
                    BsonRef::Int64(n) => u32::try_from(n).ok(),
                    _ => None,
                };
                let mut bytes = part(increment)?.to_le_bytes().to_vec();
                bytes.extend_from_slice(&part(time)?.to_le_bytes());
                kind(Kind::Timestamp, bytes)
            }
            ("$binary", BsonRef::Document(inner)) => {
                let [base64, subtype] = two(inner, ["base64", "subType"])?;
                let payload = STANDARD.decode(text(base64)?).ok()?;
                let subtype = *hex(text(subtype)?, 1)?.first()?;
                let old = if subtype == 2 { 4 } else { 0 };
                let mut bytes = (payload.len() as i32 + old).to_le_bytes().to_vec();
                bytes.push(subtype);
                if old > 0 {
                    bytes.extend_from_slice(&(payload.len() as i32).to_le_bytes());
                }
                bytes.extend_from_slice(&payload);
                kind(Kind::Binary, bytes)
            }
            ("$regularExpression", BsonRef::Document(inner)) => {
                let [pattern, options] = two(inner, ["pattern", "options"])?;
                let (pattern, options) = (text(pattern)?, text(options)?);
                let whole = !pattern.contains('\0') && !options.contains('\0');
                whole.then(|| (Kind::Regex as u8, format!("{pattern}\0{options}\0").into_bytes()))
            }
            ("$dbPointer", BsonRef::Document(inner)) => {
                let [namespace, id] = two(inner, ["$ref", "$id"])?;
                let BsonRef::ObjectId(id) = id else { return None };
                let mut bytes = framed(text(namespace)?);
                bytes.extend_from_slice(id);
                kind(Kind::DbPointer, bytes)
            }
            ("$bson", BsonRef::Document(inner)) => {
                let [ty, base64] = two(inner, ["type", "base64"])?;
                let kind = Kind::from_byte(*hex(text(ty)?, 1)?.first()?)?;
                let bytes = STANDARD.decode(text(base64)?).ok()?;
                let mut checked = vec![0; 4];
                append_raw(&mut checked, b"v", kind as u8, &bytes);
                let checked = finish(checked);
                let value = Document::new(&checked).ok()?.elements().next()?.ok()?.value;
                let whole = Document::new(&checked).ok()?.elements().count() == 1;
                (whole && value.kind() == kind).then_some((kind as u8, bytes))
            }
            ("$document", BsonRef::Array(pairs)) => kind(Kind::Document, from_pairs(pairs)?),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: BsonRef<'_>) -> Option<&str> {
    match value {
        BsonRef::String(text) => text.as_str().ok(),
        _ => None,
    }
}

fn long(value: BsonRef<'_>) -> Option<i64> {
    text(value)?.parse().ok()
}

fn hex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 2 * bytes {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()
        })
        .collect()
}

/// The two members of those names, which are all.
fn two<'a>(document: Document<'a>, names: [&str; 2]) -> Option<[BsonRef<'a>; 2]> {
    let first = document.get(names[0]).ok()??;
    let second = document.get(names[1]).ok()??;
    (document.elements().count() == 2).then_some([first, second])
}

fn append_raw(document: &mut Vec<u8>, name: &[u8], kind: u8, bytes: &[u8]) {
    document.push(kind);
    document.extend_from_slice(name);
    document.push(0);
    document.extend_from_slice(bytes);
}

/// A document from `[[name, value], ...]`.
fn from_pairs(pairs: Document<'_>) -> Option<Vec<u8>> {
    let mut out = vec![0; 4];
    for pair in pairs.elements() {
        let BsonRef::Array(pair) = pair.ok()?.value else {
            return None;
        };
        let mut parts = pair.elements();
        let BsonRef::String(name) = parts.next()?.ok()?.value else {
            return None;
        };
        let value = parts.next()?.ok()?;
        if parts.next().is_some() || name.as_bytes().contains(&0) {
            return None;
        }
        // The value's bytes are what follows its type and its name, `1`, in the pair.
        let end = pair.as_bytes().len() - 1;
        let start = value.offset - pair.offset() + 3;
        append_raw(
            &mut out,
            name.as_bytes(),
            value.value.kind() as u8,
            &pair.as_bytes()[start..end],
        );
    }
    Some(finish(out))
}
