//! SQL Server's data types and the rules by which expressions get theirs.

use std::fmt;

use migrate_core::pg_type::PgType;

/// A SQL Server type, as far as expressions can have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SqlType {
    /// The bare word NULL.
    Null,
    /// A condition. T-SQL has no boolean values, but conditions are expressions here.
    Condition,
    /// Nothing is known (a column of a view that was not translated).
    Unknown,
    /// A type on which nothing but NULL tests is translated (xml, sql_variant, hierarchyid...).
    Opaque(String),
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    /// Precision and scale.
    Decimal(u8, u8),
    SmallMoney,
    Money,
    Real,
    Float,
    Date,
    /// Fractional digits.
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    /// `len` is None for `(max)`.
    Text {
        len: Option<u32>,
        national: bool,
        fixed: bool,
    },
    Binary {
        len: Option<u32>,
        fixed: bool,
    },
    Uuid,
}

/// Types that are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Null,
    Condition,
    Unknown,
    Opaque,
    Bit,
    Int,
    Decimal,
    Money,
    Real,
    Float,
    Date,
    Time,
    DateTime,
    Offset,
    Text,
    Binary,
    Uuid,
}

impl Class {
    /// Numbers of every kind, bits excluded.
    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Int | Self::Decimal | Self::Money | Self::Real | Self::Float
        )
    }

    /// Dates, times and both.
    pub(super) fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::DateTime | Self::Offset)
    }
}

/// SQL Server's largest decimal precision.
const MAX_PRECISION: i32 = 38;

impl SqlType {
    pub(super) const fn varchar(len: u32) -> Self {
        Self::Text {
            len: Some(len),
            national: false,
            fixed: false,
        }
    }

    pub(super) const fn nvarchar(len: u32) -> Self {
        Self::Text {
            len: Some(len),
            national: true,
            fixed: false,
        }
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Self::Null => Class::Null,
            Self::Condition => Class::Condition,
            Self::Unknown => Class::Unknown,
            Self::Opaque(_) => Class::Opaque,
            Self::Bit => Class::Bit,
            Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt => Class::Int,
            Self::Decimal(..) => Class::Decimal,
            Self::SmallMoney | Self::Money => Class::Money,
            Self::Real => Class::Real,
            Self::Float => Class::Float,
            Self::Date => Class::Date,
            Self::Time(_) => Class::Time,
            Self::SmallDateTime | Self::DateTime | Self::DateTime2(_) => Class::DateTime,
            Self::DateTimeOffset(_) => Class::Offset,
            Self::Text { .. } => Class::Text,
            Self::Binary { .. } => Class::Binary,
            Self::Uuid => Class::Uuid,
        }
    }

    /// Position in SQL Server's order of data type precedence; the higher type wins.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Binary { fixed: true, .. } => 1,
            Self::Binary { fixed: false, .. } => 2,
            Self::Text { national, fixed, .. } => 3 + 2 * u8::from(*national) + u8::from(!*fixed),
            Self::Uuid => 7,
            Self::Bit => 8,
            Self::TinyInt => 9,
            Self::SmallInt => 10,
            Self::Int => 11,
            Self::BigInt => 12,
            Self::SmallMoney => 13,
            Self::Money => 14,
            Self::Decimal(..) => 15,
            Self::Real => 16,
            Self::Float => 17,
            Self::Time(_) => 18,
            Self::Date => 19,
            Self::SmallDateTime => 20,
            Self::DateTime => 21,
            Self::DateTime2(_) => 22,
            Self::DateTimeOffset(_) => 23,
            Self::Opaque(_) => 24,
            Self::Unknown => 25,
            Self::Condition => 26,
        }
    }

    /// Precision and scale of exact numbers.
    pub(super) fn precision_scale(&self) -> Option<(u8, u8)> {
        Some(match self {
            Self::Bit => (1, 0),
            Self::TinyInt => (3, 0),
            Self::SmallInt => (5, 0),
            Self::Int => (10, 0),
            Self::BigInt => (19, 0),
            Self::SmallMoney => (10, 4),
            Self::Money => (19, 4),
            Self::Decimal(p, s) => (*p, *s),
            _ => return None,
        })
    }

    /// The type that CASE, COALESCE, UNION and comparisons give both sides.
    pub(super) fn unify(&self, other: &Self) -> Self {
        let (high, low) = if self.rank() >= other.rank() {
            (self, other)
        } else {
            (other, self)
        };
        match (high, low) {
            (Self::Decimal(..), _) => match low.precision_scale() {
                Some((p2, s2)) => {
                    let (p1, s1) = high.precision_scale().unwrap_or((38, 0));
                    let scale = i32::from(s1.max(s2));
                    let whole = i32::from((p1 - s1).max(p2 - s2));
                    decimal(whole + scale, scale)
                }
                None => high.clone(),
            },
            (
                Self::Text {
                    len: a,
                    national,
                    fixed,
                },
                Self::Text {
                    len: b,
                    fixed: fixed2,
                    ..
                },
            ) => Self::Text {
                len: longer(*a, *b),
                national: *national,
                fixed: *fixed && *fixed2 && a.is_some() && b.is_some(),
            },
            (
                Self::Binary { len: a, fixed },
                Self::Binary {
                    len: b,
                    fixed: fixed2,
                },
            ) => Self::Binary {
                len: longer(*a, *b),
                fixed: *fixed && *fixed2,
            },
            (Self::DateTime2(a), Self::DateTime2(b)) => Self::DateTime2(*a.max(b)),
            (Self::DateTimeOffset(a), Self::DateTimeOffset(b)) => Self::DateTimeOffset(*a.max(b)),
            (Self::Time(a), Self::Time(b)) => Self::Time(*a.max(b)),
            _ => high.clone(),
        }
    }

    /// The PostgreSQL type that values of this type are given.
    pub(super) fn pg(&self) -> Option<PgType> {
        Some(match self {
            Self::Null | Self::Unknown | Self::Opaque(_) => return None,
            Self::Condition | Self::Bit => PgType::Bool,
            Self::TinyInt | Self::SmallInt => PgType::Int2,
            Self::Int => PgType::Int4,
            Self::BigInt => PgType::Int8,
            Self::Decimal(p, s) => PgType::Numeric(Some((u16::from(*p), i16::from(*s)))),
            Self::SmallMoney => PgType::Numeric(Some((10, 4))),
            Self::Money => PgType::Numeric(Some((19, 4))),
            Self::Real => PgType::Float4,
            Self::Float => PgType::Float8,
            Self::Date => PgType::Date,
            Self::Time(p) => PgType::Time((*p).min(6)),
            Self::SmallDateTime => PgType::Timestamp(0),
            Self::DateTime => PgType::Timestamp(3),
            Self::DateTime2(p) => PgType::Timestamp((*p).min(6)),
            Self::DateTimeOffset(p) => PgType::TimestampTz((*p).min(6)),
            Self::Text {
                len: Some(n),
                fixed: true,
                ..
            } => PgType::Char((*n).max(1)),
            Self::Text { len: Some(n), .. } => PgType::Varchar(Some((*n).max(1))),
            Self::Text { .. } => PgType::Text,
            Self::Binary { .. } => PgType::Bytea,
            Self::Uuid => PgType::Uuid,
        })
    }

    /// The SQL Server type that behaves like a PostgreSQL one.
    pub(super) fn from_pg(pg: &PgType) -> Self {
        match pg {
            PgType::Bool => Self::Bit,
            PgType::Int2 => Self::SmallInt,
            PgType::Int4 => Self::Int,
            PgType::Int8 => Self::BigInt,
            PgType::Float4 => Self::Real,
            PgType::Float8 => Self::Float,
            PgType::Numeric(Some((p, s))) => Self::Decimal(
                u8::try_from(*p).unwrap_or(38).min(38),
                u8::try_from(*s).unwrap_or(0).min(38),
            ),
            PgType::Char(n) => Self::Text {
                len: Some(*n),
                national: true,
                fixed: true,
            },
            PgType::Varchar(n) => Self::Text {
                len: *n,
                national: true,
                fixed: false,
            },
            PgType::Text | PgType::Citext => Self::Text {
                len: None,
                national: true,
                fixed: false,
            },
            PgType::Bytea => Self::Binary {
                len: None,
                fixed: false,
            },
            PgType::Uuid => Self::Uuid,
            PgType::Date => Self::Date,
            PgType::Time(p) => Self::Time(*p),
            PgType::Timestamp(0) => Self::SmallDateTime,
            PgType::Timestamp(3) => Self::DateTime,
            PgType::Timestamp(p) => Self::DateTime2(*p),
            PgType::TimestampTz(p) => Self::DateTimeOffset(*p),
            other => Self::Opaque(other.to_string()),
        }
    }

    /// Whether a column of this type that is stored as `pg` behaves as this module expects.
    pub(super) fn fits(&self, pg: &PgType) -> bool {
        let class = Self::from_pg(pg).class();
        match self.class() {
            Class::Money => class == Class::Decimal,
            Class::Decimal => class == Class::Decimal || matches!(pg, PgType::Numeric(None)),
            own => own == class,
        }
    }

    /// Reads a type without looking at alias types: `nvarchar(50)`, `[decimal](10, 2)`, `sys.int`. `short` is the
    /// length of `varchar` and `binary` without one: 1 in a declaration, 30 in CAST and CONVERT.
    pub(super) fn parse(text: &str, short: u32) -> Option<Self> {
        let lower: String = text
            .chars()
            .filter(|c| !"[]\"".contains(*c))
            .collect::<String>()
            .to_lowercase();
        let lower = lower.trim().strip_prefix("sys.").unwrap_or(lower.trim());
        let (name, args) = match lower.split_once('(') {
            None => (lower.trim(), Vec::new()),
            Some((name, rest)) => (
                name.trim(),
                rest.trim_end_matches(')').split(',').map(str::trim).collect(),
            ),
        };
        let number = |i: usize| args.get(i).and_then(|a| a.parse::<u32>().ok());
        let length = || {
            if args.first() == Some(&"max") {
                None
            } else {
                Some(number(0).unwrap_or(short))
            }
        };
        let fraction = || u8::try_from(number(0).unwrap_or(7)).unwrap_or(7).min(7);
        let text_type = |national, fixed| Self::Text {
            len: length(),
            national,
            fixed,
        };
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(match name.as_str() {
            "bit" => Self::Bit,
            "tinyint" => Self::TinyInt,
            "smallint" => Self::SmallInt,
            "int" | "integer" => Self::Int,
            "bigint" => Self::BigInt,
            "decimal" | "numeric" | "dec" => {
                let p = number(0).unwrap_or(18).clamp(1, 38);
                let s = number(1).unwrap_or(0).min(p);
                Self::Decimal(u8::try_from(p).ok()?, u8::try_from(s).ok()?)
            }
            "smallmoney" => Self::SmallMoney,
            "money" => Self::Money,
            "real" => Self::Real,
            "float" if number(0).is_some_and(|p| p <= 24) => Self::Real,
            "float" | "double precision" => Self::Float,
            "date" => Self::Date,
            "time" => Self::Time(fraction()),
            "smalldatetime" => Self::SmallDateTime,
            "datetime" => Self::DateTime,
            "datetime2" => Self::DateTime2(fraction()),
            "datetimeoffset" => Self::DateTimeOffset(fraction()),
            "char" | "character" => text_type(false, true),
            "varchar" | "character varying" | "char varying" => text_type(false, false),
            "nchar" | "national char" | "national character" => text_type(true, true),
            "nvarchar" | "national char varying" | "national character varying" => text_type(true, false),
            "text" => Self::Text {
                len: None,
                national: false,
                fixed: false,
            },
            "ntext" => Self::Text {
                len: None,
                national: true,
                fixed: false,
            },
            "sysname" => Self::nvarchar(128),
            "binary" => Self::Binary {
                len: length(),
                fixed: true,
            },
            "varbinary" => Self::Binary {
                len: length(),
                fixed: false,
            },
            "image" => Self::Binary {
                len: None,
                fixed: false,
            },
            "rowversion" | "timestamp" => Self::Binary {
                len: Some(8),
                fixed: true,
            },
            "uniqueidentifier" => Self::Uuid,
            "xml" | "sql_variant" | "hierarchyid" | "geometry" | "geography" | "json" | "vector" => {
                Self::Opaque(name)
            }
            _ => return None,
        })
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Condition => f.write_str("a condition"),
            Self::Unknown => f.write_str("unknown"),
            Self::Opaque(name) => f.write_str(name),
            Self::Bit => f.write_str("bit"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            Self::SmallMoney => f.write_str("smallmoney"),
            Self::Money => f.write_str("money"),
            Self::Real => f.write_str("real"),
            Self::Float => f.write_str("float"),
            Self::Date => f.write_str("date"),
            Self::Time(p) => write!(f, "time({p})"),
            Self::SmallDateTime => f.write_str("smalldatetime"),
            Self::DateTime => f.write_str("datetime"),
            Self::DateTime2(p) => write!(f, "datetime2({p})"),
            Self::DateTimeOffset(p) => write!(f, "datetimeoffset({p})"),
            Self::Text { len, national, fixed } => {
                let name = if *fixed { "char" } else { "varchar" };
                f.write_str(if *national { "n" } else { "" })?;
                with_length(f, name, *len)
            }
            Self::Binary { len, fixed } => with_length(f, if *fixed { "binary" } else { "varbinary" }, *len),
            Self::Uuid => f.write_str("uniqueidentifier"),
        }
    }
}

fn with_length(f: &mut fmt::Formatter<'_>, name: &str, len: Option<u32>) -> fmt::Result {
    match len {
        Some(n) => write!(f, "{name}({})", n.max(1)),
        None => write!(f, "{name}(max)"),
    }
}

/// The longer of two lengths, where None has no end.
fn longer(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    Some(a?.max(b?))
}

/// A decimal with the precision capped at 38, the scale giving way.
fn decimal(precision: i32, scale: i32) -> SqlType {
    let scale = if precision > MAX_PRECISION {
        (scale - (precision - MAX_PRECISION)).max(0)
    } else {
        scale
    };
    SqlType::Decimal(precision.clamp(1, MAX_PRECISION) as u8, scale as u8)
}

/// An arithmetic operator whose result type depends on precision and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

impl Arith {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
        }
    }
}

/// The type of an operation on two decimals, by SQL Server's published rules.
pub(super) fn decimal_arithmetic(op: Arith, (p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> SqlType {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    match op {
        Arith::Add | Arith::Sub => {
            let whole = (p1 - s1).max(p2 - s2);
            let scale = s1.max(s2);
            let precision = whole + scale + 1;
            let scale = if precision > MAX_PRECISION {
                scale.min(MAX_PRECISION - whole).max(0)
            } else {
                scale
            };
            SqlType::Decimal(precision.min(MAX_PRECISION) as u8, scale as u8)
        }
        Arith::Mul => capped_product(p1 + p2 + 1, s1 + s2),
        Arith::Div => {
            let scale = 6.max(s1 + p2 + 1);
            capped_product(p1 - s1 + s2 + scale, scale)
        }
        Arith::Mod => {
            let scale = s1.max(s2);
            decimal((p1 - s1).min(p2 - s2) + scale, scale)
        }
    }
}

/// Products and quotients keep at least six digits behind the point when they are capped.
fn capped_product(precision: i32, scale: i32) -> SqlType {
    if precision <= MAX_PRECISION {
        return SqlType::Decimal(precision as u8, scale as u8);
    }
    let whole = precision - scale;
    let scale = if whole < 32 {
        scale.min(MAX_PRECISION - whole)
    } else {
        scale.min(6)
    };
    SqlType::Decimal(MAX_PRECISION as u8, scale as u8)
}
