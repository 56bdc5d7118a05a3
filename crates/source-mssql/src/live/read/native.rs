//! Types in tokens: spelled as T-SQL does.

use serde::{Deserialize, Deserializer, Serializer, de};

use crate::types::{Base, NativeType, Stated};

pub(crate) fn serialize<S: Serializer>(native: &NativeType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(native)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NativeType, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom("an unknown type"))
}

/// Reads what [`NativeType`] prints.
pub(crate) fn parse(text: &str) -> Option<NativeType> {
    let (name, facets) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
    };
    let mut stated = Stated::default();
    let of = NativeType::new(name, stated)?.ok()?;
    match (of.base, facets) {
        (_, None) => {}
        (_, Some("max")) => stated.max = true,
        (Base::Decimal | Base::Numeric, Some(facets)) => {
            let (precision, scale) = facets.split_once(',')?;
            stated.precision = Some(precision.parse().ok()?);
            stated.scale = Some(scale.parse().ok()?);
        }
        (Base::Time | Base::DateTime2 | Base::DateTimeOffset, Some(scale)) => {
            stated.scale = Some(scale.parse().ok()?);
        }
        (_, Some(length)) => stated.length = Some(length.parse().ok()?),
    }
    NativeType::new(name, stated)?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_type_prints_is_read_back() {
        for text in [
            "bit",
            "tinyint",
            "smallint",
            "int",
            "bigint",
            "decimal(38,10)",
            "numeric(5,0)",
            "money",
            "smallmoney",
            "real",
            "float",
            "date",
            "time(0)",
            "time(7)",
            "smalldatetime",
            "datetime",
            "datetime2(3)",
            "datetimeoffset(7)",
            "char(10)",
            "varchar(8000)",
            "varchar(max)",
            "nchar(5)",
            "nvarchar(450)",
            "binary(16)",
            "varbinary(900)",
            "rowversion",
            "uniqueidentifier",
            "hierarchyid",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for text in [
            "int)",
            "foo",
            "varchar(x)",
            "decimal(5)",
            "decimal(39,1)",
            "time(8)",
            "varchar(5",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
