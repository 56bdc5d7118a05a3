//! One-dimensional arrays: dimensions, a flag for NULLs, the element's OID, then elements framed like fields
//! (`array_send` in PostgreSQL's `arrayfuncs.c`).

use crate::pg_type::PgType;
use crate::value::Value;

use super::cell::{Outcome, Scratch, close_field, open_field, refuse};
use super::codec::Codec;

/// Elements that a PostgreSQL array holds at most.
const MAX_ELEMENTS: usize = 0x3fff_ffff / 8;

/// The OID of a built-in type. Types of extensions have another one in each database.
pub(crate) fn oid(ty: &PgType) -> Option<u32> {
    Some(match ty {
        PgType::Bool => 16,
        PgType::Bytea => 17,
        PgType::Int8 => 20,
        PgType::Int2 => 21,
        PgType::Int4 => 23,
        PgType::Text => 25,
        PgType::Json => 114,
        PgType::Xml => 142,
        PgType::Float4 => 700,
        PgType::Float8 => 701,
        PgType::Char(_) => 1042,
        PgType::Varchar(_) => 1043,
        PgType::Date => 1082,
        PgType::Time(_) => 1083,
        PgType::Timestamp(_) => 1114,
        PgType::TimestampTz(_) => 1184,
        PgType::Numeric(_) => 1700,
        PgType::Uuid => 2950,
        PgType::Jsonb => 3802,
        _ => return None,
    })
}

/// Appends an array.
pub(crate) fn encode(
    element: &Codec,
    oid: u32,
    values: &[Value<'_>],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Outcome {
    if values.len() > MAX_ELEMENTS {
        return refuse("the array has more elements than PostgreSQL takes, 134217727");
    }
    let start = open_field(out);
    let nulls = values.contains(&Value::Null);
    for head in [u32::from(!values.is_empty()), u32::from(nulls), oid] {
        out.extend_from_slice(&head.to_be_bytes());
    }
    if !values.is_empty() {
        out.extend_from_slice(&(values.len() as u32).to_be_bytes());
        // Subscripts count from 1.
        out.extend_from_slice(&1u32.to_be_bytes());
    }
    for value in values {
        match value {
            Value::Null => out.extend_from_slice(&(-1i32).to_be_bytes()),
            value => element.encode(value, out, scratch)?,
        }
        if out.len() - start > super::MAX_FIELD_BYTES {
            break;
        }
    }
    close_field(out, start)
}
