//! What the server says about a `sql_variant`, from the body that a backup has of it.

use crate::bacpac::{Cell, SqlType};

/// A property or a form of a variant, as the reader asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Base,
    Precision,
    Scale,
    Length,
    Text,
    Number,
    Bytes,
}

impl Part {
    /// The part that an item of a select asks for, and the column it is of, in its brackets.
    pub(super) fn read(item: &str) -> Option<(Self, &str)> {
        let (start, rest) = item.split_once("sql_variant_property(")?;
        let (column, rest) = rest.split_once(", '")?;
        let part = if start == "cast(" {
            match rest.split_once('\'')?.0 {
                "BaseType" => Self::Base,
                "Precision" => Self::Precision,
                "Scale" => Self::Scale,
                "MaxLength" => Self::Length,
                _ => return None,
            }
        } else if item.ends_with("as nvarchar(max)) end") {
            Self::Text
        } else if item.ends_with("as float) end") {
            Self::Number
        } else if item.ends_with("as varbinary(8000)) end") {
            Self::Bytes
        } else {
            return None;
        };
        Some((part, column))
    }

    pub(super) fn ty(self) -> SqlType {
        match self {
            Self::Base => SqlType::NVarChar(Some(128)),
            Self::Precision | Self::Scale | Self::Length => SqlType::Int,
            Self::Text => SqlType::NVarChar(None),
            Self::Number => SqlType::Float,
            Self::Bytes => SqlType::VarBinary(Some(8000)),
        }
    }

    /// The part of a variant's body.
    pub(super) fn of(self, cell: &Cell) -> Cell {
        let Cell::Bytes(body) = cell else {
            return Cell::Null;
        };
        let known = Known::read(body);
        match self {
            Self::Base => Cell::text(known.base),
            Self::Precision => Cell::Int(known.precision),
            Self::Scale => Cell::Int(known.scale),
            Self::Length => Cell::Int(known.length),
            Self::Text => Cell::or_null(known.text.map(Cell::Text)),
            Self::Number => Cell::or_null(known.number.map(Cell::F64)),
            Self::Bytes => Cell::or_null(known.bytes.map(Cell::Bytes)),
        }
    }
}

#[derive(Default)]
struct Known {
    base: &'static str,
    precision: i64,
    scale: i64,
    length: i64,
    text: Option<String>,
    number: Option<f64>,
    bytes: Option<Vec<u8>>,
}

impl Known {
    fn read(body: &[u8]) -> Self {
        let (head, rest) = body.split_at(2);
        let (properties, value) = rest.split_at(head[1].into());
        let text = |base, precision, scale, length, text: String| Self {
            base,
            precision,
            scale,
            length,
            text: Some(text),
            ..Self::default()
        };
        let fixed = |n: usize| -> i64 {
            let mut bytes = [if value[n - 1] & 0x80 == 0 { 0 } else { 0xFF }; 8];
            bytes[..n].copy_from_slice(&value[..n]);
            i64::from_le_bytes(bytes)
        };
        match head[0] {
            0x38 => text("int", 10, 0, 4, fixed(4).to_string()),
            0x7F => text("bigint", 19, 0, 8, fixed(8).to_string()),
            0x32 => text("bit", 1, 0, 1, value[0].to_string()),
            0x3E => Self {
                base: "float",
                precision: 53,
                length: 8,
                number: value.first_chunk().map(|b| f64::from_le_bytes(*b)),
                ..Self::default()
            },
            0x3D => text("datetime", 23, 3, 8, moment(fixed(4), &value[4..])),
            0x6C => {
                let (precision, scale) = (properties[0], properties[1]);
                text(
                    "numeric",
                    precision.into(),
                    scale.into(),
                    17,
                    decimal(value, scale.into()),
                )
            }
            0x24 => text("uniqueidentifier", 0, 0, 16, guid(value)),
            0xE7 => {
                let units = value.chunks_exact(2).map(|u| u16::from_le_bytes([u[0], u[1]]));
                let units: Vec<u16> = units.collect();
                text("nvarchar", 0, 0, 8000, String::from_utf16_lossy(&units))
            }
            0xA7 => text("varchar", 0, 0, 8000, String::from_utf8_lossy(value).into_owned()),
            0xA5 => Self {
                base: "varbinary",
                length: 8000,
                bytes: Some(value.to_vec()),
                ..Self::default()
            },
            other => panic!("a variant of type {other:#x}"),
        }
    }
}

fn decimal(value: &[u8], scale: usize) -> String {
    let mut magnitude = [0; 16];
    magnitude.copy_from_slice(&value[1..17]);
    let digits = format!("{:0width$}", u128::from_le_bytes(magnitude), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value[0] == 1 { "" } else { "-" };
    let point = if scale == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

fn guid(value: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&value[..16]);
    // The exchange of the first groups is its own reversal.
    let digits = hex::encode_upper(crate::bacpac::mixed_endian(bytes));
    let groups = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    groups.join("-")
}

/// `2024-02-29 00:00:01.000` from days since 1900-01-01 and 1/300 s.
fn moment(days: i64, ticks: &[u8]) -> String {
    let ticks = ticks.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
    let millis = (u64::from(ticks) * 10 + 1) / 3;
    // Days since 0000-03-01, in eras of 400 years.
    let z = days + 693_901;
    let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!(
        "{:04}-{month:02}-{of_month:02} {:02}:{:02}:{:02}.{millis:03}",
        era * 400 + year + more,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bacpac::variant;

    #[test]
    fn parts_are_those_that_the_server_states() {
        let text = |body: Vec<u8>| Part::Text.of(&Cell::Bytes(body));
        assert_eq!(text(variant::int(-7)), Cell::text("-7"));
        assert_eq!(
            text(variant::datetime(45_349, 300)),
            Cell::text("2024-02-29 00:00:01.000")
        );
        assert_eq!(
            text(variant::datetime(0, 0)),
            Cell::text("1900-01-01 00:00:00.000")
        );
        assert_eq!(text(variant::decimal(10, 2, 12_345, true)), Cell::text("-123.45"));
        assert_eq!(
            text(variant::uniqueidentifier(
                *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF"
            )),
            Cell::text("00112233-4455-6677-8899-AABBCCDDEEFF")
        );
        assert_eq!(text(variant::float(2.5)), Cell::Null);
        assert_eq!(Part::Number.of(&Cell::Bytes(variant::float(2.5))), Cell::F64(2.5));
        assert_eq!(Part::Base.of(&Cell::Null), Cell::Null);
        let asked = "cast(sql_variant_property([v], 'MaxLength') as int)";
        assert_eq!(Part::read(asked), Some((Part::Length, "[v]")));
    }
}
