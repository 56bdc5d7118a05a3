//! A source's value as JSON, for rows that never were encoded.

use serde_json::Value as Json;

use crate::encode::render::render;
use crate::value::Value;

use super::cell::{MAX_SHOWN_BYTES, float, hex, json_text, omitted, printed};

/// The value as JSON, in the same forms as [`decode_cell`](super::decode_cell) where it has one. Text that JSON in
/// PostgreSQL cannot hold (U+0000, unpaired surrogates) becomes `{"$utf8": hex}` or `{"$utf16le": hex}`.
pub(crate) fn value_to_json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => b.into(),
        Value::Int16(i) => i.into(),
        Value::Int32(i) => i.into(),
        Value::Int64(i) => i.into(),
        Value::Float64(f) => float(f),
        Value::Text(s) if s.len() > MAX_SHOWN_BYTES => omitted(s.len()),
        Value::Json(s) if s.len() > MAX_SHOWN_BYTES => omitted(s.len()),
        Value::Utf16(b) | Value::Bytes(b) | Value::Encoded(b) | Value::Unsupported { bytes: b, .. }
            if b.len() > MAX_SHOWN_BYTES =>
        {
            omitted(b.len())
        }
        Value::Text(s) => text(s),
        Value::Utf16(bytes) => utf16(bytes),
        Value::Bytes(bytes) | Value::Encoded(bytes) | Value::Unsupported { bytes, .. } => hex(bytes),
        Value::Json(s) if s.contains('\0') => text(s),
        Value::Json(s) => json_text(s),
        Value::Array(values) => Json::Array(values.iter().map(|v| value_to_json(*v)).collect()),
        Value::Float32(f) if f.is_finite() => f.to_string().parse().map_or(Json::Null, float),
        Value::Float32(f) => float(f.into()),
        other => printed(|out| {
            // What is left has a text; a kind added later would show as an empty one.
            let _ = render(&other, out);
        }),
    }
}

/// The value as text, as PostgreSQL prints it where it has such a one; `None` for NULL.
pub fn value_text(value: Value<'_>) -> Option<String> {
    match value_to_json(value) {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn text(s: &str) -> Json {
    if s.contains('\0') {
        serde_json::json!({ "$utf8": hex(s.as_bytes()) })
    } else {
        s.into()
    }
}

fn utf16(bytes: &[u8]) -> Json {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|u| u16::from_le_bytes(*u));
    let decoded: Option<String> = char::decode_utf16(units)
        .map(|c| c.ok().filter(|c| *c != '\0'))
        .collect();
    match decoded {
        Some(text) if odd.is_empty() => text.into(),
        _ => serde_json::json!({ "$utf16le": hex(bytes) }),
    }
}
