//! PostgreSQL's binary form as the values of a source.

use crate::encode::civil::DAY_NANOS;
use crate::error::Result;
use crate::pg_type::PgType;
use crate::value::Value;

use super::damaged;
use super::number::numeric_text;

/// Hands a cell in PostgreSQL's binary form over as the value that it is. Types without a value of their own come as
/// [`Value::Encoded`], infinite dates and timestamps as [`Value::Unsupported`].
///
/// # Errors
/// `Corrupt` if the bytes are not of the type.
pub fn cell_value(ty: &PgType, bytes: &[u8], take: impl FnOnce(Value<'_>)) -> Result<()> {
    if let PgType::Numeric(_) = ty {
        let text = numeric_text(bytes).ok_or_else(|| wrong(ty))?;
        take(number(&text));
        return Ok(());
    }
    take(value(ty, bytes).ok_or_else(|| wrong(ty))?);
    Ok(())
}

fn wrong(ty: &PgType) -> crate::Error {
    damaged(&format!("a value is not of type {ty}"))
}

/// A printed number as a decimal, where its digits fit into one.
fn number(text: &str) -> Value<'_> {
    match text {
        "NaN" => return Value::DecimalNan,
        "Infinity" => return Value::DecimalInfinity { negative: false },
        "-Infinity" => return Value::DecimalInfinity { negative: true },
        _ => {}
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() > 38 {
        return Value::Text(text);
    }
    match (
        format!("{whole}{fraction}").parse(),
        i16::try_from(fraction.len()),
    ) {
        (Ok(unscaled), Ok(scale)) => Value::Decimal { unscaled, scale },
        _ => Value::Text(text),
    }
}

fn value<'a>(ty: &PgType, bytes: &'a [u8]) -> Option<Value<'a>> {
    let infinite = Value::Unsupported {
        reason: "it is infinite, which the plan's type does not keep",
        bytes,
    };
    Some(match ty {
        PgType::Bool => Value::Bool(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        PgType::Int2 => Value::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Int4 => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Int8 => Value::Int64(i64::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Float4 => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Float8 => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
        PgType::Char(_) | PgType::Varchar(_) | PgType::Text | PgType::Citext | PgType::Xml => {
            Value::Text(std::str::from_utf8(bytes).ok()?)
        }
        PgType::Bytea => Value::Bytes(bytes),
        PgType::Uuid => Value::Uuid(bytes.try_into().ok()?),
        PgType::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MIN | i32::MAX => infinite,
            days => Value::Date(days),
        },
        PgType::Time(_) => Value::Time(i64::from_be_bytes(bytes.try_into().ok()?).checked_mul(1000)?),
        PgType::Timestamp(_) | PgType::TimestampTz(_) => match i64::from_be_bytes(bytes.try_into().ok()?) {
            i64::MIN | i64::MAX => infinite,
            micros => {
                let day = DAY_NANOS / 1000;
                let days = i32::try_from(micros.div_euclid(day)).ok()?;
                let nanos = micros.rem_euclid(day) * 1000;
                match ty {
                    PgType::Timestamp(_) => Value::Timestamp { days, nanos },
                    _ => Value::TimestampTz { days, nanos },
                }
            }
        },
        PgType::Json => Value::Json(std::str::from_utf8(bytes).ok()?),
        PgType::Jsonb => Value::Json(std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?),
        _ => Value::Encoded(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ty: &PgType, bytes: &[u8]) -> String {
        let mut text = String::new();
        cell_value(ty, bytes, |v| text = format!("{v:?}")).unwrap();
        text
    }

    #[test]
    fn values_are_what_the_bytes_say() {
        assert_eq!(shown(&PgType::Int4, &[0xFF; 4]), "Int32(-1)");
        assert_eq!(shown(&PgType::Jsonb, b"\x01{}"), "Json(\"{}\")");
        assert_eq!(
            shown(&PgType::TimestampTz(6), &(-1i64).to_be_bytes()),
            "TimestampTz { days: -1, nanos: 86399999999000 }"
        );
        // -12.34: one group before the point, one behind it.
        let numeric = [0, 2, 0, 0, 0x40, 0, 0, 2, 0, 12, 0x0D, 0x48];
        assert_eq!(
            shown(&PgType::Numeric(None), &numeric),
            "Decimal { unscaled: -1234, scale: 2 }"
        );
        assert_eq!(
            shown(&PgType::Numeric(None), &[0, 0, 0, 0, 0xC0, 0, 0, 0]),
            "DecimalNan"
        );
        assert!(shown(&PgType::Date, &i32::MAX.to_be_bytes()).starts_with("Unsupported"));
        assert!(cell_value(&PgType::Int8, &[0; 4], |_| ()).is_err());
    }
}
