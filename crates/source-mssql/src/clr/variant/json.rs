//! The JSON form of a variant, spelt as PostgreSQL prints `jsonb`.

use std::fmt::Write as _;

use super::{Variant, VariantValue};
use crate::clr::ClrError;

pub(super) fn render(variant: &Variant) -> Result<String, ClrError> {
    // jsonb sorts keys by length first: "type" comes before "value".
    let mut out = String::from("{\"type\": ");
    string(&variant.type_name, &mut out)?;
    out.push_str(", \"value\": ");
    match &variant.value {
        VariantValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        VariantValue::Int(value) => out.push_str(&value.to_string()),
        VariantValue::Real(value) => float(f64::from(*value), value.to_string(), &mut out)?,
        VariantValue::Float(value) => float(*value, value.to_string(), &mut out)?,
        VariantValue::Decimal { unscaled, scale } => decimal(*unscaled, *scale, &mut out),
        VariantValue::Bytes(bytes) => {
            out.push_str("\"0x");
            hexadecimal(bytes, true, &mut out);
            out.push('"');
        }
        VariantValue::Uuid(bytes) => {
            out.push('"');
            for (index, group) in [
                &bytes[0..4],
                &bytes[4..6],
                &bytes[6..8],
                &bytes[8..10],
                &bytes[10..16],
            ]
            .into_iter()
            .enumerate()
            {
                if index > 0 {
                    out.push('-');
                }
                hexadecimal(group, false, &mut out);
            }
            out.push('"');
        }
        VariantValue::Text(text)
        | VariantValue::Date(text)
        | VariantValue::Time(text)
        | VariantValue::Timestamp(text)
        | VariantValue::TimestampOffset(text) => string(text, &mut out)?,
    }
    out.push('}');
    Ok(out)
}

/// `shortest` has no exponent and the fewest digits that lead back to the value.
fn float(value: f64, shortest: String, out: &mut String) -> Result<(), ClrError> {
    if value == 0.0 {
        // The numbers of jsonb have one zero.
        out.push('0');
        Ok(())
    } else if value.is_finite() {
        out.push_str(&shortest);
        Ok(())
    } else {
        // No server has these, but their bytes exist; JSON has no number for them.
        let name = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        string(name, out)
    }
}

fn decimal(unscaled: i128, scale: u8, out: &mut String) {
    if unscaled < 0 {
        out.push('-');
    }
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.push_str(whole);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

fn hexadecimal(bytes: &[u8], upper: bool, out: &mut String) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = if upper {
            write!(out, "{byte:02X}")
        } else {
            write!(out, "{byte:02x}")
        };
    }
}

fn string(text: &str, out: &mut String) -> Result<(), ClrError> {
    out.push('"');
    for character in text.chars() {
        match character {
            '\0' => {
                return Err(ClrError::NotRepresentable {
                    offset: 0,
                    reason: "jsonb cannot hold text with U+0000",
                });
            }
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{1}'..='\u{1F}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    Ok(())
}
