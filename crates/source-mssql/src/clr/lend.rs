//! Values of these types on their way to a batch: decoded into room that is used again, and lent from there.

use migrate_core::value::Value;

use super::spatial::SpatialKind;
use super::variant::Variant;
use super::{ClrError, hierarchyid, spatial};

/// Why bytes are not a value. Carries no part of the value.
pub(crate) type Reason = String;

/// Room for values that have to be rewritten before they can be lent.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    text: String,
    bytes: Vec<u8>,
    numbers: Vec<Value<'static>>,
}

impl Scratch {
    /// Lends a `hierarchyid` as its path.
    pub(crate) fn hierarchy_id<R>(
        &mut self,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        self.text = hierarchyid::decode(body).map_err(|e| format!("not a hierarchyid: {e}"))?;
        Ok(then(Value::Text(&self.text)))
    }

    /// Lends a spatial value as EWKB.
    pub(crate) fn spatial<R>(
        &mut self,
        kind: SpatialKind,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        match spatial::to_ewkb(body, kind) {
            Ok(Some(ewkb)) => {
                self.bytes = ewkb.bytes;
                Ok(then(Value::Bytes(&self.bytes)))
            }
            Ok(None) => Ok(then(Value::Null)),
            // Sound, but a row for quarantine.
            Err(e @ ClrError::NotRepresentable { .. }) => Ok(then(Value::Unsupported {
                reason: &e.to_string(),
                bytes: body,
            })),
            Err(e) => Err(format!("not a spatial value: {e}")),
        }
    }

    /// Lends a vector, whose numbers the server wrote as JSON does: `[1.0000000e+000,-2.5000000e-001]`.
    pub(crate) fn vector<R>(
        &mut self,
        written: &Value<'_>,
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        self.text.clear();
        match written {
            Value::Text(text) => self.text.push_str(text),
            Value::Utf16(units) => {
                let units = units.as_chunks::<2>().0.iter().map(|u| u16::from_le_bytes(*u));
                let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
                self.text.extend(text);
            }
            _ => return Err("the server sent a vector that is no text".to_owned()),
        }
        let malformed = || "the server sent a vector that is no list of numbers".to_owned();
        let list = self
            .text
            .trim()
            .strip_prefix('[')
            .and_then(|l| l.strip_suffix(']'));
        self.numbers.clear();
        for number in list.ok_or_else(malformed)?.split(',') {
            let number: f32 = number.trim().parse().map_err(|_| malformed())?;
            if !number.is_finite() {
                return Err(malformed());
            }
            self.numbers.push(Value::Float32(number));
        }
        Ok(then(Value::Array(&self.numbers)))
    }

    /// Lends a `sql_variant` as JSON. `body` is what quarantine keeps of one that JSON cannot hold.
    pub(crate) fn variant<R>(
        &mut self,
        variant: Result<Variant, ClrError>,
        body: &[u8],
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        match variant.and_then(|v| v.to_json()) {
            Ok(text) => {
                self.text = text;
                Ok(then(Value::Json(&self.text)))
            }
            Err(e @ ClrError::NotRepresentable { .. }) => Ok(then(Value::Unsupported {
                reason: &e.to_string(),
                bytes: body,
            })),
            Err(e) => Err(format!("not a sql_variant: {e}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_lists_of_numbers() {
        let mut scratch = Scratch::default();
        let mut numbers = |text: &str| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            scratch.vector(&Value::Utf16(&units), |value| match value {
                Value::Array(values) => values
                    .iter()
                    .map(|v| format!("{v:?}"))
                    .collect::<Vec<_>>()
                    .join(" "),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(
            numbers("[1.0000000e+000,-2.5000000e-001, 3]").unwrap(),
            "Float32(1.0) Float32(-0.25) Float32(3.0)"
        );
        for text in ["", "[]", "[1,]", "1,2", "[1e99]", "[NaN]", "[x]"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
