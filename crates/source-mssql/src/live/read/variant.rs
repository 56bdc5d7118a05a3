//! `sql_variant` out of a running server.
//!
//! A driver delivers a variant's content without its type, and not every driver delivers every type. So the server is
//! asked for the type and for the content in a form that keeps all of it: text, except for floating-point numbers and
//! bytes.

use migrate_core::value::Value;

use crate::clr::ClrError;
use crate::clr::lend::{Reason, Scratch};
use crate::clr::variant::{Variant, VariantValue};

/// What a column that stands for a part of a variant holds. They come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The name of its type; NULL for a variant that is NULL.
    Base,
    Precision,
    Scale,
    /// The length that its type states, in bytes.
    Length,
    Text,
    Number,
    Bytes,
}

/// The columns to select for a variant column, whose name is quoted already.
pub(super) fn parts(column: &str) -> Vec<(Part, String)> {
    let property = |name: &str| format!("sql_variant_property({column}, '{name}')");
    let base = format!("cast({} as nvarchar(128))", property("BaseType"));
    let number = |name: &str| format!("cast({} as int)", property(name));
    vec![
        (Part::Base, base.clone()),
        (Part::Precision, number("Precision")),
        (Part::Scale, number("Scale")),
        (Part::Length, number("MaxLength")),
        (
            Part::Text,
            format!(
                "case when {base} in (N'float', N'real', N'binary', N'varbinary') then null \
                 when {base} = N'datetime' then cast(cast({column} as datetime2(3)) as nvarchar(max)) \
                 when {base} = N'smalldatetime' then cast(cast({column} as datetime2(0)) as nvarchar(max)) \
                 when {base} in (N'money', N'smallmoney') then cast(cast({column} as decimal(19,4)) as nvarchar(max)) \
                 else cast({column} as nvarchar(max)) end"
            ),
        ),
        (
            Part::Number,
            format!("case when {base} in (N'float', N'real') then cast({column} as float) end"),
        ),
        (
            Part::Bytes,
            format!(
                "case when {base} in (N'binary', N'varbinary') then cast({column} as varbinary(8000)) end"
            ),
        ),
    ]
}

/// Puts a variant together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    base: String,
    null: bool,
    precision: i32,
    scale: i32,
    length: i32,
    text: String,
    /// Whether the text ends or goes on in the middle of a character; it is then kept in `bytes`.
    broken: bool,
    number: f64,
    bytes: Vec<u8>,
}

impl Assembly {
    /// Takes a part.
    pub(super) fn take(&mut self, part: Part, value: &Value<'_>) -> Result<(), Reason> {
        match (part, value) {
            (Part::Base, Value::Null) => self.null = true,
            (Part::Base, value) => {
                self.null = false;
                if !text(value, &mut self.base)? {
                    return Err(unexpected());
                }
            }
            (Part::Precision, Value::Int32(n)) => self.precision = *n,
            (Part::Scale, Value::Int32(n)) => self.scale = *n,
            (Part::Length, Value::Int32(n)) => self.length = *n,
            (Part::Text, Value::Null) => {
                self.broken = false;
                self.text.clear();
            }
            (Part::Text, value) => {
                self.broken = !text(value, &mut self.text)?;
                if let (true, Value::Utf16(units)) = (self.broken, value) {
                    self.bytes.clear();
                    self.bytes.extend_from_slice(units);
                }
            }
            (Part::Number, Value::Float64(n)) => self.number = *n,
            (Part::Bytes, Value::Bytes(bytes)) => {
                self.bytes.clear();
                self.bytes.extend_from_slice(bytes);
            }
            (_, Value::Null) => {}
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    /// Lends the variant whose last part was taken.
    pub(super) fn lend<R>(
        &self,
        scratch: &mut Scratch,
        then: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, Reason> {
        if self.null {
            return Ok(then(Value::Null));
        }
        if self.broken {
            return Ok(then(Value::Unsupported {
                reason: "half a surrogate pair is no character",
                bytes: &self.bytes,
            }));
        }
        let body = if self.text.is_empty() {
            &self.bytes
        } else {
            self.text.as_bytes()
        };
        let variant = self.variant().ok_or_else(|| {
            format!(
                "a sql_variant of type {} has a value that is not of this type",
                self.base
            )
        })?;
        scratch.variant(Ok::<_, ClrError>(variant), body, then)
    }

    fn variant(&self) -> Option<Variant> {
        let base = self.base.as_str();
        let text = self.text.as_str();
        let sized = |length: i32| match length {
            1..=8000 => format!("{base}({length})"),
            _ => base.to_owned(),
        };
        // SQL Server shows them as ODBC does.
        let iso = || text.replacen(' ', "T", 1).replacen(' ', "", 1);
        let (type_name, value) = match base {
            "bit" => (base.to_owned(), VariantValue::Bool(text == "1")),
            "tinyint" | "smallint" | "int" | "bigint" => {
                (base.to_owned(), VariantValue::Int(text.parse().ok()?))
            }
            "decimal" | "numeric" => (
                format!("{base}({},{})", self.precision, self.scale),
                decimal(text, u8::try_from(self.scale).ok()?)?,
            ),
            "money" | "smallmoney" => (base.to_owned(), decimal(text, 4)?),
            "float" => (base.to_owned(), VariantValue::Float(self.number)),
            // It was a binary32 number before the server widened it.
            "real" => (base.to_owned(), VariantValue::Real(self.number as f32)),
            "binary" | "varbinary" => (sized(self.length), VariantValue::Bytes(self.bytes.clone())),
            "uniqueidentifier" => (
                base.to_owned(),
                VariantValue::Uuid(uuid::Uuid::parse_str(text).ok()?.into_bytes()),
            ),
            "date" => (base.to_owned(), VariantValue::Date(text.to_owned())),
            "time" => (
                format!("time({})", self.scale),
                VariantValue::Time(text.to_owned()),
            ),
            "datetime" | "smalldatetime" => (base.to_owned(), VariantValue::Timestamp(iso())),
            "datetime2" => (
                format!("datetime2({})", self.scale),
                VariantValue::Timestamp(iso()),
            ),
            "datetimeoffset" => (
                format!("datetimeoffset({})", self.scale),
                VariantValue::TimestampOffset(iso()),
            ),
            "char" | "varchar" => (sized(self.length), VariantValue::Text(text.to_owned())),
            "nchar" | "nvarchar" => (sized(self.length / 2), VariantValue::Text(text.to_owned())),
            _ => return None,
        };
        Some(Variant { type_name, value })
    }
}

fn unexpected() -> Reason {
    "the server described a sql_variant in an unexpected way".to_owned()
}

/// Copies text; false if it has half of a surrogate pair.
fn text(value: &Value<'_>, out: &mut String) -> Result<bool, Reason> {
    out.clear();
    match value {
        Value::Text(text) => out.push_str(text),
        Value::Utf16(bytes) => {
            let (units, _) = bytes.as_chunks::<2>();
            for unit in char::decode_utf16(units.iter().map(|u| u16::from_le_bytes(*u))) {
                let Ok(character) = unit else { return Ok(false) };
                out.push(character);
            }
        }
        _ => return Err(unexpected()),
    }
    Ok(true)
}

/// Digits with a point before the last `scale` of them.
fn decimal(text: &str, scale: u8) -> Option<VariantValue> {
    let fraction = text.split_once('.').map_or(0, |(_, f)| f.len());
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    (fraction == usize::from(scale)).then_some(())?;
    Some(VariantValue::Decimal {
        unscaled: digits.parse().ok()?,
        scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(base: &str, facets: [i32; 3], content: Value<'_>) -> Result<String, Reason> {
        let mut assembly = Assembly::default();
        assembly.take(Part::Base, &Value::Text(base))?;
        for (part, n) in [Part::Precision, Part::Scale, Part::Length]
            .into_iter()
            .zip(facets)
        {
            assembly.take(part, &Value::Int32(n))?;
        }
        for part in [Part::Text, Part::Number, Part::Bytes] {
            let value = match (part, content) {
                (Part::Text, Value::Text(_))
                | (Part::Number, Value::Float64(_))
                | (Part::Bytes, Value::Bytes(_)) => content,
                _ => Value::Null,
            };
            assembly.take(part, &value)?;
        }
        assembly.lend(&mut Scratch::default(), |value| match value {
            Value::Json(text) => text.to_owned(),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn variants_keep_their_types_and_all_of_their_values() {
        use Value::{Bytes, Float64, Text};
        for (base, facets, content, expected) in [
            ("bit", [1, 0, 1], Text("1"), r#"{"type": "bit", "value": true}"#),
            ("int", [10, 0, 4], Text("-5"), r#"{"type": "int", "value": -5}"#),
            (
                "decimal",
                [10, 2, 9],
                Text("-0.50"),
                r#"{"type": "decimal(10,2)", "value": -0.50}"#,
            ),
            (
                "numeric",
                [5, 0, 5],
                Text("12"),
                r#"{"type": "numeric(5,0)", "value": 12}"#,
            ),
            (
                "money",
                [19, 4, 8],
                Text("3.5000"),
                r#"{"type": "money", "value": 3.5000}"#,
            ),
            (
                "float",
                [53, 0, 8],
                Float64(0.1),
                r#"{"type": "float", "value": 0.1}"#,
            ),
            (
                "real",
                [24, 0, 4],
                Float64(f64::from(0.1_f32)),
                r#"{"type": "real", "value": 0.1}"#,
            ),
            (
                "varbinary",
                [0, 0, 8],
                Bytes(&[10, 255]),
                r#"{"type": "varbinary(8)", "value": "0x0AFF"}"#,
            ),
            (
                "nvarchar",
                [0, 0, 40],
                Text("é\""),
                r#"{"type": "nvarchar(20)", "value": "é\""}"#,
            ),
            (
                "char",
                [0, 0, 3],
                Text("a  "),
                r#"{"type": "char(3)", "value": "a  "}"#,
            ),
            (
                "nvarchar",
                [0, 0, 40],
                Text(""),
                r#"{"type": "nvarchar(20)", "value": ""}"#,
            ),
            (
                "date",
                [10, 0, 3],
                Text("2020-01-02"),
                r#"{"type": "date", "value": "2020-01-02"}"#,
            ),
            (
                "time",
                [11, 2, 3],
                Text("12:34:56.12"),
                r#"{"type": "time(2)", "value": "12:34:56.12"}"#,
            ),
            (
                "datetime",
                [23, 3, 8],
                Text("2020-01-02 03:04:05.123"),
                r#"{"type": "datetime", "value": "2020-01-02T03:04:05.123"}"#,
            ),
            (
                "datetimeoffset",
                [34, 7, 10],
                Text("2004-05-01 12:34:56.1234567 +02:00"),
                r#"{"type": "datetimeoffset(7)", "value": "2004-05-01T12:34:56.1234567+02:00"}"#,
            ),
            (
                "uniqueidentifier",
                [0, 0, 16],
                Text("0E984725-C51C-4BF4-9960-E1C80E27ABA0"),
                r#"{"type": "uniqueidentifier", "value": "0e984725-c51c-4bf4-9960-e1c80e27aba0"}"#,
            ),
        ] {
            let expected = expected.replace("é\"\"", "é\\\"\"");
            assert_eq!(json(base, facets, content).unwrap(), expected);
        }
        assert!(json("decimal", [10, 2, 9], Text("0.5")).is_err());
        assert!(json("int", [10, 0, 4], Text("x")).is_err());
        assert!(json("geometry", [0, 0, 0], Text("x")).is_err());
    }

    #[test]
    fn what_json_cannot_hold_is_for_quarantine_and_null_is_null() {
        let seen = json("varchar", [0, 0, 5], Value::Text("a\0")).unwrap();
        assert!(seen.starts_with("Unsupported {"), "{seen}");
        let mut assembly = Assembly::default();
        assembly.take(Part::Base, &Value::Text("int")).unwrap();
        assembly.take(Part::Base, &Value::Null).unwrap();
        let null = assembly.lend(&mut Scratch::default(), |v| v == Value::Null);
        assert_eq!(null, Ok(true));
        assembly.take(Part::Base, &Value::Text("nchar")).unwrap();
        assembly
            .take(Part::Text, &Value::Utf16(&[0x61, 0, 0, 0xD8]))
            .unwrap();
        let kept = assembly.lend(&mut Scratch::default(), |v| match v {
            Value::Unsupported { bytes, .. } => bytes.to_vec(),
            other => panic!("{other:?}"),
        });
        assert_eq!(kept.unwrap(), [0x61, 0, 0, 0xD8]);
    }
}
