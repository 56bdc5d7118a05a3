//! SQL Server's column types.

/// A column type as it is declared. `None` as a length is `max`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the variants are the type names of T-SQL
pub enum SqlType {
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Bit,
    Real,
    Float,
    /// Precision and scale.
    Decimal(u8, u8),
    /// Precision and scale; the same storage as [`SqlType::Decimal`] under the other name.
    Numeric(u8, u8),
    Money,
    SmallMoney,
    Date,
    Time(u8),
    DateTime,
    SmallDateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Char(u16),
    VarChar(Option<u16>),
    NChar(u16),
    NVarChar(Option<u16>),
    Text,
    NText,
    Image,
    Binary(u16),
    VarBinary(Option<u16>),
    UniqueIdentifier,
    /// `rowversion`, under that name.
    RowVersion,
    /// `rowversion`, under its deprecated name, which is what `sys.types` calls it.
    Timestamp,
    Xml,
    SqlVariant,
    HierarchyId,
    Geography,
    Geometry,
    /// Of SQL Server 2025.
    Json,
    /// Of SQL Server 2025: so many numbers.
    Vector(u16),
    /// `sysname`: a built-in alias of `nvarchar(128)`.
    SysName,
    /// A user-defined alias type: schema and name.
    Alias(String, String),
}

impl SqlType {
    /// How `model.xml` names the type: the bracketed name, and whether it is one of the built-in ones.
    pub(crate) fn reference(&self) -> (String, bool) {
        let name = match self {
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Bit => "bit",
            Self::Real => "real",
            Self::Float => "float",
            Self::Decimal(..) => "decimal",
            Self::Numeric(..) => "numeric",
            Self::Money => "money",
            Self::SmallMoney => "smallmoney",
            Self::Date => "date",
            Self::Time(_) => "time",
            Self::DateTime => "datetime",
            Self::SmallDateTime => "smalldatetime",
            Self::DateTime2(_) => "datetime2",
            Self::DateTimeOffset(_) => "datetimeoffset",
            Self::Char(_) => "char",
            Self::VarChar(_) => "varchar",
            Self::NChar(_) => "nchar",
            Self::NVarChar(_) => "nvarchar",
            Self::Text => "text",
            Self::NText => "ntext",
            Self::Image => "image",
            Self::Binary(_) => "binary",
            Self::VarBinary(_) => "varbinary",
            Self::UniqueIdentifier => "uniqueidentifier",
            Self::RowVersion => "rowversion",
            Self::Timestamp => "timestamp",
            Self::Xml => "xml",
            Self::SqlVariant => "sql_variant",
            Self::Json => "json",
            Self::Vector(_) => "vector",
            Self::HierarchyId => return ("[sys].[hierarchyid]".into(), true),
            Self::Geography => return ("[sys].[geography]".into(), true),
            Self::Geometry => return ("[sys].[geometry]".into(), true),
            Self::SysName => return ("[sys].[sysname]".into(), true),
            Self::Alias(schema, name) => return (format!("[{schema}].[{name}]"), false),
        };
        (format!("[{name}]"), true)
    }

    /// The facets `model.xml` writes, in its order. A scale of 0 is left out, because 0 is that property's default.
    pub(crate) fn facets(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        match self {
            Self::Decimal(precision, scale) | Self::Numeric(precision, scale) => {
                if *scale > 0 {
                    out.push(("Scale", scale.to_string()));
                }
                out.push(("Precision", precision.to_string()));
            }
            Self::Time(scale) | Self::DateTime2(scale) | Self::DateTimeOffset(scale) if *scale > 0 => {
                out.push(("Scale", scale.to_string()));
            }
            Self::Char(n) | Self::NChar(n) | Self::Binary(n) => out.push(("Length", n.to_string())),
            Self::VarChar(n) | Self::NVarChar(n) | Self::VarBinary(n) => match n {
                Some(n) => out.push(("Length", n.to_string())),
                None => out.push(("IsMax", "True".into())),
            },
            _ => {}
        }
        out
    }
}
