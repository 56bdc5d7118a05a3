//! PostgreSQL's types, as far as sources produce them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// A PostgreSQL type with its modifiers. Prints and parses as SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PgType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`, with precision and scale if constrained.
    Numeric(Option<(u16, i16)>),
    /// `char(n)`, n characters, padded.
    Char(u32),
    /// `varchar(n)`, n characters, or unlimited.
    Varchar(Option<u32>),
    /// `text`
    Text,
    /// `citext`, from the extension.
    Citext,
    /// `bytea`
    Bytea,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
    /// `time(p)` without time zone; 0 to 6 fractional digits.
    Time(u8),
    /// `timestamp(p)` without time zone.
    Timestamp(u8),
    /// `timestamp(p)` with time zone.
    TimestampTz(u8),
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `xml`
    Xml,
    /// `geometry`, from PostGIS; its binary form is EWKB.
    Geometry,
    /// `geography`, from PostGIS; its binary form is EWKB.
    Geography,
    /// A one-dimensional array.
    Array(Box<PgType>),
    /// Any other type, by its SQL name; only [`Value::Encoded`](crate::value::Value::Encoded) and NULL go into it.
    Other(String),
}

impl PgType {
    /// A type as PostgreSQL itself prints it (`format_type`): one that is unknown here becomes [`PgType::Other`].
    pub fn printed(text: &str) -> Self {
        if let Some(element) = text.strip_suffix("[]") {
            return Self::Array(Box::new(Self::printed(element)));
        }
        // Without a length it holds any number of characters, where `char` means `char(1)`.
        if text == "bpchar" {
            return Self::Other(text.to_owned());
        }
        text.parse().unwrap_or_else(|_| Self::Other(text.to_owned()))
    }

    /// Whether the type, or that of its elements, is unknown here.
    pub fn is_other(&self) -> bool {
        match self {
            Self::Array(element) => element.is_other(),
            other => matches!(other, Self::Other(_)),
        }
    }

    /// Whether the type holds characters that a collation compares.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Char(_) | Self::Varchar(_) | Self::Text | Self::Citext)
    }

    /// Whether the type is one of the three integers.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("boolean"),
            Self::Int2 => f.write_str("smallint"),
            Self::Int4 => f.write_str("integer"),
            Self::Int8 => f.write_str("bigint"),
            Self::Float4 => f.write_str("real"),
            Self::Float8 => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((p, s))) => write!(f, "numeric({p},{s})"),
            Self::Char(n) => write!(f, "char({n})"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(n)) => write!(f, "varchar({n})"),
            Self::Text => f.write_str("text"),
            Self::Citext => f.write_str("citext"),
            Self::Bytea => f.write_str("bytea"),
            Self::Uuid => f.write_str("uuid"),
            Self::Date => f.write_str("date"),
            Self::Time(p) => with_precision(f, "time", *p),
            Self::Timestamp(p) => with_precision(f, "timestamp", *p),
            Self::TimestampTz(p) => with_precision(f, "timestamptz", *p),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Xml => f.write_str("xml"),
            Self::Geometry => f.write_str("geometry"),
            Self::Geography => f.write_str("geography"),
            Self::Array(element) => write!(f, "{element}[]"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Six digits are PostgreSQL's default and are not written.
fn with_precision(f: &mut fmt::Formatter<'_>, name: &str, precision: u8) -> fmt::Result {
    if precision == 6 {
        f.write_str(name)
    } else {
        write!(f, "{name}({precision})")
    }
}

impl FromStr for PgType {
    type Err = Error;

    /// Reads a type as SQL spells it, aliases included. Anything unknown is an error rather than
    /// [`PgType::Other`]: a misspelt override must not reach the destination.
    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = |why: &str| {
            Error::new(
                ErrorKind::Config,
                format!("`{text}` is not a PostgreSQL type that rows can be written to: {why}"),
            )
        };
        let lower = text.trim().to_ascii_lowercase();
        if let Some(element) = lower.strip_suffix("[]") {
            return Ok(Self::Array(Box::new(element.parse()?)));
        }
        let (name, args) = match lower.split_once('(') {
            None => (lower.clone(), Vec::new()),
            Some((head, rest)) => {
                let (inside, tail) = rest.split_once(')').ok_or_else(|| unknown("`)` is missing"))?;
                let args = inside
                    .split(',')
                    .map(|a| {
                        a.trim()
                            .parse::<i64>()
                            .map_err(|_| unknown("a modifier is not a number"))
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                (format!("{} {}", head.trim(), tail.trim()).trim().to_owned(), args)
            }
        };
        let digits = |default: u8| match args.as_slice() {
            [] => Ok(default),
            [p @ 0..=6] => Ok(*p as u8),
            _ => Err(unknown("precision is 0 to 6")),
        };
        let length = || match args.as_slice() {
            [] => Ok(None),
            [n @ 1..=10_485_760] => Ok(Some(*n as u32)),
            _ => Err(unknown("length is 1 to 10485760")),
        };
        let plain = |t: Self| {
            if args.is_empty() {
                Ok(t)
            } else {
                Err(unknown("it takes no modifier"))
            }
        };
        match name.split_whitespace().collect::<Vec<_>>().join(" ").as_str() {
            "boolean" | "bool" => plain(Self::Bool),
            "smallint" | "int2" => plain(Self::Int2),
            "integer" | "int" | "int4" => plain(Self::Int4),
            "bigint" | "int8" => plain(Self::Int8),
            "real" | "float4" => plain(Self::Float4),
            "double precision" | "float8" | "float" => plain(Self::Float8),
            "numeric" | "decimal" => match args.as_slice() {
                [] => Ok(Self::Numeric(None)),
                [p @ 1..=1000] => Ok(Self::Numeric(Some((*p as u16, 0)))),
                [p @ 1..=1000, s @ 0..=1000] if s <= p => Ok(Self::Numeric(Some((*p as u16, *s as i16)))),
                _ => Err(unknown("precision is 1 to 1000 and scale 0 to the precision")),
            },
            "char" | "character" | "bpchar" => Ok(Self::Char(length()?.unwrap_or(1))),
            "varchar" | "character varying" => Ok(Self::Varchar(length()?)),
            "text" => plain(Self::Text),
            "citext" => plain(Self::Citext),
            "bytea" => plain(Self::Bytea),
            "uuid" => plain(Self::Uuid),
            "date" => plain(Self::Date),
            "time" | "time without time zone" => Ok(Self::Time(digits(6)?)),
            "timestamp" | "timestamp without time zone" => Ok(Self::Timestamp(digits(6)?)),
            "timestamptz" | "timestamp with time zone" => Ok(Self::TimestampTz(digits(6)?)),
            "json" => plain(Self::Json),
            "jsonb" => plain(Self::Jsonb),
            "xml" => plain(Self::Xml),
            "geometry" => plain(Self::Geometry),
            "geography" => plain(Self::Geography),
            _ => Err(unknown("unknown name")),
        }
    }
}

/// How a type that is unknown here is stored, so that a misspelt one in a plan file is not taken for it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    sql: String,
}

/// A stored type: its SQL, or an object with its SQL where the type is unknown here.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredType {
    Known(String),
    Named(Named),
}

impl Serialize for PgType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_other() {
            let sql = self.to_string();
            return Named { sql }.serialize(serializer);
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PgType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match StoredType::deserialize(deserializer)? {
            StoredType::Known(text) => text.parse().map_err(serde::de::Error::custom),
            StoredType::Named(Named { sql }) => Ok(Self::printed(&sql)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for t in [
            PgType::Numeric(Some((12, 2))),
            PgType::Numeric(None),
            PgType::Char(3),
            PgType::Varchar(Some(50)),
            PgType::Varchar(None),
            PgType::Time(0),
            PgType::Timestamp(3),
            PgType::TimestampTz(6),
            PgType::Float8,
            PgType::Array(Box::new(PgType::Uuid)),
        ] {
            assert_eq!(t.to_string().parse::<PgType>().unwrap(), t);
        }
        assert_eq!(
            "timestamp(3) with time zone".parse::<PgType>().unwrap(),
            PgType::TimestampTz(3)
        );
        assert_eq!(
            " Character  Varying(7) ".parse::<PgType>().unwrap(),
            PgType::Varchar(Some(7))
        );
    }

    #[test]
    fn types_that_are_unknown_here_are_stored_and_read_back() {
        for (text, ty) in [
            ("inet", PgType::Other("inet".into())),
            ("bpchar", PgType::Other("bpchar".into())),
            (
                "public.mood[]",
                PgType::Array(Box::new(PgType::Other("public.mood".into()))),
            ),
            ("integer[]", PgType::Array(Box::new(PgType::Int4))),
            ("numeric(3,5)", PgType::Other("numeric(3,5)".into())),
        ] {
            assert_eq!(PgType::printed(text), ty);
            let stored = serde_json::to_string(&ty).unwrap();
            assert_eq!(serde_json::from_str::<PgType>(&stored).unwrap(), ty, "{stored}");
        }
        assert_eq!(
            serde_json::to_string(&PgType::Other("inet".into())).unwrap(),
            r#"{"sql":"inet"}"#
        );
        assert!(serde_json::from_str::<PgType>(r#""inet""#).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for t in [
            "txet",
            "varchar(0)",
            "varchar(",
            "numeric(2,3)",
            "time(7)",
            "uuid(3)",
            "varchar(x)",
            "",
        ] {
            let e = t.parse::<PgType>().unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Config, "{t}");
        }
    }
}
