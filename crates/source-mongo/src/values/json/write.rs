//! Writing. Nothing recurses, so that nesting costs heap and not stack.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use migrate_core::policy::TextPolicy;

use crate::raw::{BsonRef, Document, Elements, Kind, Malformed, Text};
use crate::values::decimal::Decimal;
use crate::values::object_id::push_hex;

/// What becomes of U+0000 inside of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nul {
    /// The text becomes a `$bson`, which loses nothing.
    Escaped,
    /// It stays, as `\u0000`, for the column's policy to strip or replace.
    Plain,
}

impl Nul {
    /// What fits a column's policy: where the row would be rejected, nothing has to be.
    pub(crate) fn of(policy: TextPolicy) -> Self {
        match policy {
            TextPolicy::Reject => Self::Escaped,
            TextPolicy::Strip | TextPolicy::Replace => Self::Plain,
        }
    }
}

/// A container that is being written.
struct Open<'a> {
    elements: Elements<'a>,
    form: Form,
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Object,
    /// `{"$document": [[name, value], ...]}`
    Pairs,
    Array,
    /// The scope of `{"$code": ..., "$scope": {...}}`.
    Scope,
    /// A scope that is written as pairs.
    PairsScope,
}

/// Appends a value.
///
/// # Errors
/// If it is damaged inside; what was appended is then of no use.
pub(crate) fn write(value: BsonRef<'_>, nul: Nul, out: &mut String) -> Result<(), Malformed> {
    let mut open: Vec<Open<'_>> = Vec::new();
    begin(value, nul, &mut open, out)?;
    while let Some(top) = open.last_mut() {
        let Some(element) = top.elements.next() else {
            out.push_str(match top.form {
                Form::Object => "}",
                Form::Array => "]",
                Form::Pairs => "]}",
                Form::Scope => "}}",
                Form::PairsScope => "]}}",
            });
            open.pop();
            // A pair ends after its value.
            if let Some(outer) = open.last()
                && outer.form.is_pairs()
            {
                out.push(']');
            }
            continue;
        };
        let element = element?;
        if !std::mem::take(&mut top.first) {
            out.push(',');
        }
        let pairs = top.form.is_pairs();
        match top.form {
            Form::Array => {}
            Form::Object | Form::Scope => {
                // Only documents all of whose names are UTF-8 have this form.
                push_string(element.name.as_str().unwrap_or_default(), out);
                out.push(':');
            }
            Form::Pairs | Form::PairsScope => {
                out.push('[');
                string(element.name, out);
                out.push(',');
            }
        }
        let depth = open.len();
        begin(element.value, nul, &mut open, out)?;
        if pairs && open.len() == depth {
            out.push(']');
        }
    }
    Ok(())
}

impl Form {
    fn is_pairs(self) -> bool {
        matches!(self, Self::Pairs | Self::PairsScope)
    }
}

/// Appends a string that is no value of a document, such as a name: as a string or, where it is not UTF-8, as a `$bson`.
pub(crate) fn string(text: Text<'_>, out: &mut String) {
    match text.as_str() {
        Ok(text) => push_string(text, out),
        Err(_) => bson(Kind::String, &framed(text), out),
    }
}

/// Whether a name that begins with `$` belongs to a DBRef, which Extended JSON writes as it is.
pub(crate) fn is_dbref_name(name: &[u8]) -> bool {
    matches!(name, b"$ref" | b"$id" | b"$db")
}

/// Appends a scalar, or the beginning of a container, which is then open.
fn begin<'a>(
    value: BsonRef<'a>,
    nul: Nul,
    open: &mut Vec<Open<'a>>,
    out: &mut String,
) -> Result<(), Malformed> {
    match value {
        BsonRef::Document(document) => {
            let form = if is_plain(document)? {
                Form::Object
            } else {
                Form::Pairs
            };
            out.push_str(if form == Form::Object {
                "{"
            } else {
                "{\"$document\":["
            });
            open.push(Open {
                elements: document.elements(),
                form,
                first: true,
            });
        }
        BsonRef::Array(array) => {
            out.push('[');
            open.push(Open {
                elements: array.elements(),
                form: Form::Array,
                first: true,
            });
        }
        BsonRef::CodeWithScope { code, scope } => {
            let Some(text) = storable(code, nul) else {
                let mut bytes = Vec::new();
                let text = framed(code);
                let length = 4 + text.len() + scope.as_bytes().len();
                bytes.extend_from_slice(&(length as i32).to_le_bytes());
                bytes.extend_from_slice(&text);
                bytes.extend_from_slice(scope.as_bytes());
                bson(Kind::CodeWithScope, &bytes, out);
                return Ok(());
            };
            out.push_str("{\"$code\":");
            push_string(text, out);
            let form = if is_plain(scope)? {
                Form::Scope
            } else {
                Form::PairsScope
            };
            out.push_str(if form == Form::Scope {
                ",\"$scope\":{"
            } else {
                ",\"$scope\":{\"$document\":["
            });
            open.push(Open {
                elements: scope.elements(),
                form,
                first: true,
            });
        }
        scalar => write_scalar(scalar, nul, out),
    }
    Ok(())
}

fn write_scalar(value: BsonRef<'_>, nul: Nul, out: &mut String) {
    match value {
        BsonRef::String(text) => match storable(text, nul) {
            Some(text) => push_string(text, out),
            None => bson(Kind::String, &framed(text), out),
        },
        BsonRef::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        BsonRef::Null => out.push_str("null"),
        BsonRef::Int32(n) => push(out, format_args!("{n}")),
        BsonRef::Int64(n) if i32::try_from(n).is_err() => push(out, format_args!("{n}")),
        BsonRef::Int64(n) => push(out, format_args!("{{\"$numberLong\":\"{n}\"}}")),
        BsonRef::Double(f) => write_double(f, out),
        BsonRef::Decimal128(bytes) => {
            let decimal = Decimal::from_bytes(bytes);
            if decimal != Decimal::Nan && decimal.to_bytes() != *bytes {
                return bson(Kind::Decimal128, bytes, out);
            }
            out.push_str("{\"$numberDecimal\":\"");
            decimal.print(out);
            out.push_str("\"}");
        }
        BsonRef::DateTime(millis) => push(
            out,
            format_args!("{{\"$date\":{{\"$numberLong\":\"{millis}\"}}}}"),
        ),
        BsonRef::ObjectId(id) => object_id(id, out),
        BsonRef::Binary(binary) => {
            out.push_str("{\"$binary\":{\"base64\":\"");
            STANDARD.encode_string(binary.bytes, out);
            push(out, format_args!("\",\"subType\":\"{:02x}\"}}}}", binary.subtype));
        }
        BsonRef::Timestamp { time, increment } => {
            push(
                out,
                format_args!("{{\"$timestamp\":{{\"t\":{time},\"i\":{increment}}}}}"),
            );
        }
        BsonRef::Regex { pattern, options } => match (pattern.as_str(), options.as_str()) {
            (Ok(pattern), Ok(options)) => {
                out.push_str("{\"$regularExpression\":{\"pattern\":");
                push_string(pattern, out);
                out.push_str(",\"options\":");
                push_string(options, out);
                out.push_str("}}");
            }
            _ => {
                let bytes = [pattern.as_bytes(), b"\0", options.as_bytes(), b"\0"].concat();
                bson(Kind::Regex, &bytes, out);
            }
        },
        BsonRef::DbPointer { namespace, id } => match storable(namespace, nul) {
            Some(text) => {
                out.push_str("{\"$dbPointer\":{\"$ref\":");
                push_string(text, out);
                out.push_str(",\"$id\":");
                object_id(id, out);
                out.push_str("}}");
            }
            None => bson(Kind::DbPointer, &[&*framed(namespace), id].concat(), out),
        },
        BsonRef::Code(text) => named_text("$code", Kind::Code, text, nul, out),
        BsonRef::Symbol(text) => named_text("$symbol", Kind::Symbol, text, nul, out),
        BsonRef::Undefined => out.push_str("{\"$undefined\":true}"),
        BsonRef::MinKey => out.push_str("{\"$minKey\":1}"),
        BsonRef::MaxKey => out.push_str("{\"$maxKey\":1}"),
        // Containers begin elsewhere.
        BsonRef::Document(_) | BsonRef::Array(_) | BsonRef::CodeWithScope { .. } => {}
    }
}

/// Doubles of ordinary size have digits and a point; the others would become long, or lose their sign.
fn write_double(f: f64, out: &mut String) {
    let size = f.abs();
    let plain = (1e-7..1e15).contains(&size) || (size == 0.0 && f.is_sign_positive());
    if plain {
        let start = out.len();
        push(out, format_args!("{f}"));
        if !out[start..].contains('.') {
            out.push_str(".0");
        }
        return;
    }
    out.push_str("{\"$numberDouble\":\"");
    if f.is_nan() {
        out.push_str("NaN");
    } else if f.is_infinite() {
        out.push_str(if f < 0.0 { "-Infinity" } else { "Infinity" });
    } else {
        push(out, format_args!("{f:?}"));
    }
    out.push_str("\"}");
}

fn object_id(id: &[u8; 12], out: &mut String) {
    out.push_str("{\"$oid\":\"");
    push_hex(id, out);
    out.push_str("\"}");
}

fn named_text(name: &str, kind: Kind, text: Text<'_>, nul: Nul, out: &mut String) {
    match storable(text, nul) {
        Some(text) => {
            push(out, format_args!("{{\"{name}\":"));
            push_string(text, out);
            out.push('}');
        }
        None => bson(kind, &framed(text), out),
    }
}

fn bson(kind: Kind, bytes: &[u8], out: &mut String) {
    push(
        out,
        format_args!("{{\"$bson\":{{\"type\":\"{:02x}\",\"base64\":\"", kind as u8),
    );
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}}");
}

/// A string's bytes as BSON has them: length, text, zero.
fn framed(text: Text<'_>) -> Vec<u8> {
    let mut bytes = (text.as_bytes().len() as i32 + 1).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

/// The text, if JSON and `jsonb` hold it.
fn storable(text: Text<'_>, nul: Nul) -> Option<&str> {
    let valid = text.as_str().ok()?;
    (nul == Nul::Plain || !valid.contains('\0')).then_some(valid)
}

/// Whether the document can be an object.
fn is_plain(document: Document<'_>) -> Result<bool, Malformed> {
    /// Up to so many names are compared with each other; more are sorted.
    const FEW: usize = 12;
    let mut few = [&b""[..]; FEW];
    let mut count = 0;
    let mut many: Vec<&[u8]> = Vec::new();
    for element in document.elements() {
        let name = element?.name;
        let bytes = name.as_bytes();
        if bytes.first() == Some(&b'$') && !is_dbref_name(bytes) || name.as_str().is_err() {
            return Ok(false);
        }
        if count < FEW {
            if few[..count].contains(&bytes) {
                return Ok(false);
            }
            few[count] = bytes;
            count += 1;
        } else {
            many.push(bytes);
        }
    }
    if many.is_empty() {
        return Ok(true);
    }
    many.extend_from_slice(&few);
    many.sort_unstable();
    Ok(many.windows(2).all(|pair| pair[0] != pair[1]))
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// Appends a JSON string.
fn push_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => push(out, format_args!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}
