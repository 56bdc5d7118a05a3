//! Which encoder a column gets: chosen once, from the kind of value that comes and the type that it goes into.

use crate::pg_type::PgType;
use crate::policy::TextPolicy;
use crate::value::{Value, ValueKind};

use super::cell::{Outcome, Scratch, close_field, field, open_field, refuse, wrong_kind};
use super::datetime::{self, Tick};
use super::numeric::NumericSpec;
use super::{array, json, number, parse, render, text, xml};

/// The encoder of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Bytes that are PostgreSQL's already.
    Encoded,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4 {
        round: bool,
    },
    Float8 {
        round: bool,
    },
    Numeric(NumericSpec),
    Text {
        limit: Option<u32>,
        policy: TextPolicy,
    },
    Char {
        length: u32,
        policy: TextPolicy,
    },
    Bytes,
    Uuid,
    Date,
    Time(Tick),
    Timestamp(Tick),
    Json(TextPolicy),
    Jsonb(TextPolicy),
    Xml(TextPolicy),
    Array {
        element: Box<Codec>,
        oid: u32,
    },
}

impl Codec {
    /// The encoder for values of `kind` in a column of type `ty`, if they can go there at all.
    pub(crate) fn choose(kind: &ValueKind, ty: &PgType, policy: TextPolicy, round: bool) -> Option<Self> {
        use ValueKind as K;
        let number = matches!(
            kind,
            K::Int16 | K::Int32 | K::Int64 | K::Float32 | K::Float64 | K::Decimal
        );
        let (allowed, codec) = match (kind, ty) {
            (K::Encoded, _) => (true, Self::Encoded),
            (K::Array(kind), PgType::Array(ty)) => {
                if matches!(**kind, K::Array(_)) {
                    return None;
                }
                let element = Box::new(Self::choose(kind, ty, policy, round)?);
                return Some(Self::Array {
                    element,
                    oid: array::oid(ty)?,
                });
            }
            (K::Array(_), _) => return None,
            (_, PgType::Bool) => (
                matches!(kind, K::Bool | K::Int16 | K::Int32 | K::Int64 | K::Text),
                Self::Bool,
            ),
            (_, PgType::Int2) => (number || matches!(kind, K::Bool | K::Text), Self::Int2),
            (_, PgType::Int4) => (number || matches!(kind, K::Bool | K::Text), Self::Int4),
            (_, PgType::Int8) => (number || matches!(kind, K::Bool | K::Text), Self::Int8),
            (_, PgType::Float4) => (number || *kind == K::Text, Self::Float4 { round }),
            (_, PgType::Float8) => (number || *kind == K::Text, Self::Float8 { round }),
            (_, PgType::Numeric(constraint)) => (
                number || *kind == K::Text,
                Self::Numeric(NumericSpec {
                    constraint: *constraint,
                    round,
                }),
            ),
            (_, PgType::Text | PgType::Citext) => (*kind != K::Bytes, Self::Text { limit: None, policy }),
            (_, PgType::Varchar(limit)) => (
                *kind != K::Bytes,
                Self::Text {
                    limit: *limit,
                    policy,
                },
            ),
            (_, PgType::Char(length)) => (
                *kind != K::Bytes,
                Self::Char {
                    length: *length,
                    policy,
                },
            ),
            (_, PgType::Bytea) => (matches!(kind, K::Bytes | K::Uuid), Self::Bytes),
            (_, PgType::Geometry | PgType::Geography) => (*kind == K::Bytes, Self::Bytes),
            (_, PgType::Uuid) => (matches!(kind, K::Uuid | K::Text | K::Bytes), Self::Uuid),
            (_, PgType::Date) => (
                matches!(kind, K::Date | K::Timestamp | K::TimestampTz | K::Text),
                Self::Date,
            ),
            (_, PgType::Time(p)) => (
                matches!(kind, K::Time | K::Text),
                Self::Time(Tick::of_precision(*p)),
            ),
            (_, PgType::Timestamp(p) | PgType::TimestampTz(p)) => (
                matches!(kind, K::Date | K::Timestamp | K::TimestampTz | K::Text),
                Self::Timestamp(Tick::of_precision(*p)),
            ),
            (_, PgType::Json) => (matches!(kind, K::Json | K::Text), Self::Json(policy)),
            (_, PgType::Jsonb) => (matches!(kind, K::Json | K::Text), Self::Jsonb(policy)),
            (_, PgType::Xml) => (*kind == K::Text, Self::Xml(policy)),
            (_, PgType::Array(_) | PgType::Other(_)) => return None,
        };
        allowed.then_some(codec)
    }

    /// Appends a value that is not NULL as a field: its length and its bytes. After an error the end of `out` is
    /// undefined; the caller cuts it off.
    #[inline]
    pub(crate) fn encode(&self, value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
        match self {
            Self::Int8 => number::encode_int8(value, out, scratch),
            Self::Int4 => number::encode_int4(value, out, scratch),
            Self::Int2 => number::encode_int2(value, out, scratch),
            Self::Bool => number::encode_bool(value, out, scratch),
            Self::Numeric(spec) => number::encode_numeric(value, *spec, out, scratch),
            Self::Text { limit, policy } => encode_text(value, *limit, *policy, out, scratch),
            Self::Timestamp(tick) => encode_timestamp(value, *tick, out, scratch),
            Self::Uuid => encode_uuid(value, out, scratch),
            Self::Date => encode_date(value, out, scratch),
            Self::Time(tick) => {
                let nanos = match *value {
                    Value::Time(nanos) => nanos,
                    _ => parse::with_text(value, scratch, parse::time)?,
                };
                datetime::encode_time(nanos, *tick, out, &mut scratch.changes)
            }
            Self::Float8 { round } => number::encode_float8(value, *round, out, scratch),
            Self::Float4 { round } => number::encode_float4(value, *round, out, scratch),
            Self::Bytes => match *value {
                Value::Bytes(bytes) => field(out, bytes),
                Value::Uuid(bytes) => field(out, &bytes),
                _ => wrong_kind(),
            },
            Self::Char { length, policy } => encode_char(value, *length, *policy, out, scratch),
            Self::Json(policy) => encode_json(value, *policy, out, scratch),
            Self::Jsonb(policy) => encode_jsonb(value, *policy, out, scratch),
            Self::Xml(policy) => encode_xml(value, *policy, out, scratch),
            Self::Array { element, oid } => match *value {
                Value::Array(values) => array::encode(element, *oid, values, out, scratch),
                _ => wrong_kind(),
            },
            Self::Encoded => match *value {
                Value::Encoded(bytes) => field(out, bytes),
                _ => wrong_kind(),
            },
        }
    }
}

/// Appends the value's text, whatever it is, under the policy.
#[inline]
fn text_into(value: &Value<'_>, policy: TextPolicy, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    match *value {
        Value::Utf16(bytes) => text::utf16_into(bytes, policy, out, &mut scratch.changes),
        Value::Text(s) | Value::Json(s) => text::utf8_into(s, policy, out, &mut scratch.changes),
        _ => render::render(value, out),
    }
}

#[inline]
fn encode_text(
    value: &Value<'_>,
    limit: Option<u32>,
    policy: TextPolicy,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    let start = open_field(out);
    text_into(value, policy, out, scratch)?;
    if let Some(limit) = limit {
        text::check_length(&out[start..], limit)?;
    }
    close_field(out, start)
}

fn encode_char(
    value: &Value<'_>,
    length: u32,
    policy: TextPolicy,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    let start = open_field(out);
    text_into(value, policy, out, scratch)?;
    text::pad(out, start, length)?;
    close_field(out, start)
}

/// Puts the value's text into the scratch buffer under the policy, for documents that are read before they are
/// sent.
fn document(value: &Value<'_>, policy: TextPolicy, scratch: &mut Scratch) -> Outcome {
    let mut buffer = std::mem::take(&mut scratch.text);
    buffer.clear();
    let outcome = match *value {
        Value::Utf16(_) | Value::Text(_) | Value::Json(_) => text_into(value, policy, &mut buffer, scratch),
        _ => wrong_kind(),
    };
    scratch.text = buffer;
    outcome
}

fn encode_json(value: &Value<'_>, policy: TextPolicy, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    document(value, policy, scratch)?;
    json::check(&scratch.text, &mut scratch.json)?;
    field(out, &scratch.text)
}

fn encode_jsonb(value: &Value<'_>, policy: TextPolicy, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    document(value, policy, scratch)?;
    let start = open_field(out);
    // The version of the format.
    out.push(1);
    json::canonical(
        &scratch.text,
        policy,
        out,
        &mut scratch.json,
        &mut scratch.changes,
    )?;
    close_field(out, start)
}

fn encode_xml(value: &Value<'_>, policy: TextPolicy, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    document(value, policy, scratch)?;
    let start = open_field(out);
    xml::canonical(&scratch.text, out)?;
    close_field(out, start)
}

#[inline]
fn encode_uuid(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    let bytes = match *value {
        Value::Uuid(bytes) => bytes,
        Value::Bytes(bytes) => match bytes.try_into() {
            Ok(bytes) => bytes,
            Err(_) => return refuse("a UUID has 16 bytes, and the value has another number of them"),
        },
        _ => parse::with_text(value, scratch, parse::uuid)?,
    };
    field(out, &bytes)
}

fn encode_date(value: &Value<'_>, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    let days = match *value {
        Value::Date(days) => days,
        Value::Timestamp { days, nanos: 0 } | Value::TimestampTz { days, nanos: 0 } => days,
        Value::Timestamp { .. } | Value::TimestampTz { .. } => {
            return refuse("the timestamp has a time of day, which a date does not keep");
        }
        _ => parse::with_text(value, scratch, parse::date)?,
    };
    datetime::encode_date(days, out)
}

/// Timestamps with and without time zone go into each other as UTC.
#[inline]
fn encode_timestamp(value: &Value<'_>, tick: Tick, out: &mut Vec<u8>, scratch: &mut Scratch) -> Outcome {
    let (days, nanos) = match *value {
        Value::Timestamp { days, nanos } | Value::TimestampTz { days, nanos } => (days, nanos),
        Value::Date(days) => (days, 0),
        _ => {
            let (days, nanos, _) = parse::with_text(value, scratch, parse::timestamp)?;
            (days, nanos)
        }
    };
    datetime::encode_timestamp(days, nanos, tick, out, &mut scratch.changes)
}
