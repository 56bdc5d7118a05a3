//! Types as `sys.columns` states them.

use crate::bacpac::SqlType;

/// A type's name, bytes, precision and scale.
pub(super) fn declared(ty: &SqlType) -> (&'static str, i64, i64, i64) {
    let bytes = |n: &Option<u16>, width: i64| n.map_or(-1, |n| i64::from(n) * width);
    match ty {
        SqlType::TinyInt => ("tinyint", 1, 3, 0),
        SqlType::SmallInt => ("smallint", 2, 5, 0),
        SqlType::Int => ("int", 4, 10, 0),
        SqlType::BigInt => ("bigint", 8, 19, 0),
        SqlType::Bit => ("bit", 1, 1, 0),
        SqlType::Real => ("real", 4, 24, 0),
        SqlType::Float => ("float", 8, 53, 0),
        SqlType::Decimal(p, s) => ("decimal", 17, (*p).into(), (*s).into()),
        SqlType::Numeric(p, s) => ("numeric", 17, (*p).into(), (*s).into()),
        SqlType::Money => ("money", 8, 19, 4),
        SqlType::SmallMoney => ("smallmoney", 4, 10, 4),
        SqlType::Date => ("date", 3, 10, 0),
        SqlType::Time(s) => ("time", 5, 16, (*s).into()),
        SqlType::DateTime => ("datetime", 8, 23, 3),
        SqlType::SmallDateTime => ("smalldatetime", 4, 16, 0),
        SqlType::DateTime2(s) => ("datetime2", 8, 27, (*s).into()),
        SqlType::DateTimeOffset(s) => ("datetimeoffset", 10, 34, (*s).into()),
        SqlType::Char(n) => ("char", (*n).into(), 0, 0),
        SqlType::VarChar(n) => ("varchar", bytes(n, 1), 0, 0),
        SqlType::NChar(n) => ("nchar", i64::from(*n) * 2, 0, 0),
        SqlType::NVarChar(n) => ("nvarchar", bytes(n, 2), 0, 0),
        SqlType::Text => ("text", 16, 0, 0),
        SqlType::NText => ("ntext", 16, 0, 0),
        SqlType::Image => ("image", 16, 0, 0),
        SqlType::Binary(n) => ("binary", (*n).into(), 0, 0),
        SqlType::VarBinary(n) => ("varbinary", bytes(n, 1), 0, 0),
        SqlType::UniqueIdentifier => ("uniqueidentifier", 16, 0, 0),
        SqlType::RowVersion | SqlType::Timestamp => ("timestamp", 8, 0, 0),
        SqlType::Xml => ("xml", -1, 0, 0),
        SqlType::SqlVariant => ("sql_variant", 8016, 0, 0),
        SqlType::HierarchyId => ("hierarchyid", 892, 0, 0),
        SqlType::Geography => ("geography", -1, 0, 0),
        SqlType::Geometry => ("geometry", -1, 0, 0),
        SqlType::Json => ("json", -1, 0, 0),
        SqlType::Vector(n) => ("vector", 8 + 4 * i64::from(*n), 0, 0),
        SqlType::SysName => ("sysname", 256, 0, 0),
        SqlType::Alias(..) => panic!("an alias of an alias"),
    }
}

/// Whether a type has a collation.
pub(super) fn is_text(base: &str) -> bool {
    matches!(
        base,
        "char" | "varchar" | "text" | "nchar" | "nvarchar" | "ntext" | "sysname"
    )
}
