//! One cell as JSON.

use serde_json::{Map, Value as Json};

use crate::encode::civil::{self, DAY_NANOS};
use crate::encode::json::has_machine_numbers;
use crate::error::Result;
use crate::pg_type::PgType;

use super::number::numeric_text;
use super::{damaged, fields};

/// Cells of more bytes than this are described and not kept, so that a report stays readable.
pub(super) const MAX_SHOWN_BYTES: usize = 16 << 20;

/// A cell in PostgreSQL's binary form as JSON that says the same exactly.
///
/// Integers and booleans are JSON's own, floats too where they are finite; `numeric`, dates, times and UUIDs are
/// text as PostgreSQL prints it (timestamps with time zone in UTC); `bytea` and types unknown here are `\x` and
/// hexadecimal digits; `json` and `jsonb` are themselves, with the last of equal keys, or their text where taking
/// it apart would lose digits; arrays are arrays. A cell above 16 MiB becomes `{"$omitted_bytes": length}`.
///
/// # Errors
/// `Corrupt` if the bytes are not of the type.
pub fn decode_cell(ty: &PgType, bytes: &[u8]) -> Result<Json> {
    if bytes.len() > MAX_SHOWN_BYTES {
        return Ok(omitted(bytes.len()));
    }
    decode(ty, bytes).ok_or_else(|| damaged(&format!("a value is not of type {ty}")))
}

/// A COPY tuple as a JSON object with a member for each column.
///
/// # Errors
/// `Corrupt` if the tuple is damaged, has another number of columns, or a cell is not of its type.
pub fn decode_row<'a>(
    columns: impl IntoIterator<Item = (&'a str, &'a PgType)>,
    tuple: &[u8],
) -> Result<Json> {
    let mut row = Map::new();
    let mut cells = fields(tuple);
    for (name, ty) in columns {
        let cell = cells
            .next()
            .ok_or_else(|| damaged("a row has fewer fields than the table has columns"))??;
        let json = cell.map_or(Ok(Json::Null), |bytes| decode_cell(ty, bytes))?;
        row.insert(name.to_owned(), json);
    }
    match cells.next() {
        None => Ok(Json::Object(row)),
        Some(_) => Err(damaged("a row has more fields than the table has columns")),
    }
}

/// What stands in for a cell that is too large to be shown.
pub(super) fn omitted(bytes: usize) -> Json {
    serde_json::json!({ "$omitted_bytes": bytes })
}

/// Bytes as PostgreSQL's `bytea` prints them.
pub(crate) fn hex(bytes: &[u8]) -> Json {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for b in bytes {
        text.push(char::from(DIGITS[usize::from(b >> 4)]));
        text.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    Json::String(text)
}

/// A float as a number, or as text where JSON has no number for it.
pub(super) fn float(value: f64) -> Json {
    match serde_json::Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => Json::from("NaN"),
        None if value > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

/// JSON text as itself, or as a string where taking it apart would lose something: a number of more digits than a
/// float keeps, more nesting than the parser takes, U+0000, which `jsonb` does not take.
pub(super) fn json_text(text: &str) -> Json {
    let exact = !text.contains("\\u0000") && has_machine_numbers(text.as_bytes());
    let document = if exact {
        serde_json::from_str(text).ok()
    } else {
        None
    };
    document.unwrap_or_else(|| Json::from(text))
}

/// ASCII that a printer wrote.
pub(super) fn printed(print: impl FnOnce(&mut Vec<u8>)) -> Json {
    let mut text = Vec::new();
    print(&mut text);
    Json::String(String::from_utf8_lossy(&text).into_owned())
}

fn decode(ty: &PgType, bytes: &[u8]) -> Option<Json> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    Some(match ty {
        PgType::Bool => match bytes {
            [0] => Json::Bool(false),
            [1] => Json::Bool(true),
            _ => return None,
        },
        PgType::Int2 => i16::from_be_bytes(bytes.try_into().ok()?).into(),
        PgType::Int4 => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        PgType::Int8 => i64::from_be_bytes(bytes.try_into().ok()?).into(),
        PgType::Float4 => {
            let value = f32::from_be_bytes(bytes.try_into().ok()?);
            // The shortest text of the narrow float, not of the wide one that it becomes.
            float(if value.is_finite() {
                value.to_string().parse().ok()?
            } else {
                value.into()
            })
        }
        PgType::Float8 => float(f64::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Numeric(_) => Json::String(numeric_text(bytes)?),
        PgType::Char(_) | PgType::Varchar(_) | PgType::Text | PgType::Citext | PgType::Xml => {
            Json::String(text(bytes)?)
        }
        PgType::Uuid => Json::String(uuid::Uuid::from_slice(bytes).ok()?.to_string()),
        PgType::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MAX => Json::from("infinity"),
            i32::MIN => Json::from("-infinity"),
            days => printed(|out| civil::print_date(days.into(), out)),
        },
        PgType::Time(_) => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?);
            if !(0..=DAY_NANOS / 1000).contains(&micros) {
                return None;
            }
            printed(|out| civil::print_time(micros * 1000, out))
        }
        PgType::Timestamp(_) | PgType::TimestampTz(_) => match i64::from_be_bytes(bytes.try_into().ok()?) {
            i64::MAX => Json::from("infinity"),
            i64::MIN => Json::from("-infinity"),
            micros => {
                let day = DAY_NANOS / 1000;
                let utc = matches!(ty, PgType::TimestampTz(_));
                printed(|out| {
                    civil::print_timestamp(micros.div_euclid(day), micros.rem_euclid(day) * 1000, utc, out);
                })
            }
        },
        PgType::Json => json_text(std::str::from_utf8(bytes).ok()?),
        PgType::Jsonb => json_text(std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?),
        PgType::Array(element) => return array(element, bytes),
        PgType::Bytea | PgType::Geometry | PgType::Geography | PgType::Other(_) => hex(bytes),
    })
}

fn array(element: &PgType, bytes: &[u8]) -> Option<Json> {
    let (dimensions, rest) = bytes.split_first_chunk::<4>()?;
    // Flags and the element's OID say nothing that is not known here.
    let rest = rest.get(8..)?;
    match u32::from_be_bytes(*dimensions) {
        0 => return Some(Json::Array(Vec::new())),
        1 => {}
        // More dimensions come only from a PostgreSQL source, as they are.
        _ => return Some(hex(bytes)),
    }
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let mut rest = rest.get(4..)?;
    let mut items = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (item, tail) = super::split_field(rest)?;
        rest = tail;
        items.push(item.map_or(Some(Json::Null), |bytes| decode(element, bytes))?);
    }
    rest.is_empty().then_some(Json::Array(items))
}
