//! The table itself, kept as a table: which BSON type may go into which kind of PostgreSQL type, and how.

use migrate_core::pg_type::PgType;

use crate::raw::Kind;

/// PostgreSQL types that take the same values in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `boolean`
    Bool,
    /// `smallint`, `integer`, `bigint`
    Integer,
    /// `real`, `double precision`
    Float,
    /// `numeric`
    Numeric,
    /// `text`, `varchar`, `char`, `citext`
    Text,
    /// `bytea`
    Bytes,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
    /// `timestamptz`, `timestamp`
    Timestamp,
    /// `jsonb`, `json`
    Json,
}

impl Family {
    /// The family of a type that is no array; `None` if nothing of a document goes into it.
    pub(crate) fn of(ty: &PgType) -> Option<Self> {
        Some(match ty {
            PgType::Bool => Self::Bool,
            PgType::Int2 | PgType::Int4 | PgType::Int8 => Self::Integer,
            PgType::Float4 | PgType::Float8 => Self::Float,
            PgType::Numeric(_) => Self::Numeric,
            PgType::Char(_) | PgType::Varchar(_) | PgType::Text | PgType::Citext => Self::Text,
            PgType::Bytea => Self::Bytes,
            PgType::Uuid => Self::Uuid,
            PgType::Date => Self::Date,
            PgType::Timestamp(_) | PgType::TimestampTz(_) => Self::Timestamp,
            PgType::Json | PgType::Jsonb => Self::Json,
            _ => return None,
        })
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Bool => "`boolean`",
            Self::Integer => "`bigint`, `integer`, `smallint`",
            Self::Float => "`double precision`, `real`",
            Self::Numeric => "`numeric`, `numeric(p,s)`",
            Self::Text => "`text`, `varchar(n)`, `char(n)`, `citext`",
            Self::Bytes => "`bytea`",
            Self::Uuid => "`uuid`",
            Self::Date => "`date`",
            Self::Timestamp => "`timestamptz`, `timestamp`",
            Self::Json => "`jsonb`, `json`",
        }
    }
}

/// How a value is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Not at all: it goes to the overflow.
    Never,
    /// As it is.
    Bool,
    /// An integer, within the type's range.
    Integer,
    /// A float or decimal without a fraction, as an integer.
    Whole,
    /// Seconds and ordinal as one number.
    Ordinals,
    /// A float, or an integer or decimal that a float holds exactly.
    Float,
    /// A number as a decimal.
    Numeric,
    /// Text.
    Text,
    /// 24 hexadecimal digits.
    Hex,
    /// Text of the form in which PostgreSQL prints the type.
    Parse,
    /// Bytes.
    Bytes,
    /// An ObjectId in a UUID of version 8.
    ObjectIdUuid,
    /// Sixteen bytes.
    BinaryUuid,
    /// The moment.
    Timestamp,
    /// The day, of a moment at midnight.
    Date,
    /// JSON.
    Json,
}

/// How faithful it is, for the documentation: what does not fit is not changed but kept in the overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faith {
    /// The value and its type can be told from what is stored.
    Exact,
    /// The same number in another type.
    Widened,
}

/// A row of the table.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) family: Family,
    pub(super) how: How,
    faith: Faith,
    remark: &'static str,
}

use Faith::{Exact, Widened};
use Family as F;
use Kind as K;

/// What goes into typed columns, in the order of the type bytes. JSON takes everything.
#[rustfmt::skip] // a table is read by its columns
pub(super) static RULES: &[Rule] = &[
    rule(K::Double, F::Float, How::Float, Exact, "NaN, infinities and the sign of zero included; into `real` only what it holds exactly"),
    rule(K::Double, F::Numeric, How::Numeric, Widened, "the shortest decimal that is read as the same double; NaN, and infinities without precision"),
    rule(K::Double, F::Integer, How::Whole, Widened, "only doubles without a fraction, within the type's range"),

    rule(K::String, F::Text, How::Text, Exact, "valid UTF-8, at most n characters, without U+0000 unless the plan's `nul` strips or replaces it"),
    rule(K::String, F::Uuid, How::Parse, Exact, "only in the form in which PostgreSQL prints it"),
    rule(K::String, F::Integer, How::Parse, Exact, "only in the form in which PostgreSQL prints it"),
    rule(K::String, F::Numeric, How::Parse, Exact, "only digits, with a point at most, and 34 of them"),
    rule(K::String, F::Bool, How::Parse, Exact, "only `true` and `false`"),
    rule(K::String, F::Date, How::Parse, Exact, "only `2024-02-29`"),
    rule(K::String, F::Timestamp, How::Parse, Exact, "only `2024-02-29T12:34:56.789Z`"),

    rule(K::Binary, F::Bytes, How::Bytes, Exact, "of the one subtype that the column names"),
    rule(K::Binary, F::Uuid, How::BinaryUuid, Exact, "subtype 4, or 3 with the byte order that the column names; 16 bytes"),

    rule(K::ObjectId, F::Uuid, How::ObjectIdUuid, Exact, "version 8: 48 bits of the ObjectId, the version, 12 bits, the variant, 36 bits, 26 zeros; the same order"),
    rule(K::ObjectId, F::Text, How::Hex, Exact, "24 hexadecimal digits"),
    rule(K::ObjectId, F::Bytes, How::Bytes, Exact, "12 bytes"),

    rule(K::Bool, F::Bool, How::Bool, Exact, ""),

    rule(K::DateTime, F::Timestamp, How::Timestamp, Exact, "4713 BC to 294276 AD; `timestamp` is in UTC"),
    rule(K::DateTime, F::Date, How::Date, Exact, "only midnights in UTC"),

    rule(K::Int32, F::Integer, How::Integer, Exact, "within the type's range"),
    rule(K::Int32, F::Float, How::Float, Widened, "into `real` only what it holds exactly"),
    rule(K::Int32, F::Numeric, How::Numeric, Widened, ""),

    rule(K::Timestamp, F::Integer, How::Ordinals, Exact, "seconds times 2^32 and the ordinal, up to the year 2038"),

    rule(K::Int64, F::Integer, How::Integer, Exact, "within the type's range"),
    rule(K::Int64, F::Float, How::Float, Widened, "only what it holds exactly: all up to 2^53"),
    rule(K::Int64, F::Numeric, How::Numeric, Widened, ""),

    rule(K::Decimal128, F::Numeric, How::Numeric, Exact, "the same number with the same digits after the point; exponents are written out, zero has no sign; NaN, and infinities without precision"),
    rule(K::Decimal128, F::Float, How::Float, Widened, "only decimals that are the shortest text of a float"),
    rule(K::Decimal128, F::Integer, How::Whole, Widened, "only decimals without a fraction, within the type's range"),
];

const fn rule(kind: Kind, family: Family, how: How, faith: Faith, remark: &'static str) -> Rule {
    Rule {
        kind,
        family,
        how,
        faith,
        remark,
    }
}

/// How values of the type go into the family.
pub(super) fn how(kind: Kind, family: Family) -> How {
    if family == Family::Json {
        return How::Json;
    }
    let found = RULES.iter().find(|r| r.kind == kind && r.family == family);
    found.map_or(How::Never, |r| r.how)
}

/// The rules as a table in Markdown.
pub fn type_table_markdown() -> String {
    let mut out = String::from("| BSON | PostgreSQL | fidelity | remark |\n|---|---|---|---|\n");
    for rule in RULES {
        let faith = match rule.faith {
            Exact => "exact",
            Widened => "widened",
        };
        out.push_str(&format!(
            "| `{}` | {} | {faith} | {} |\n",
            rule.kind,
            rule.family.shown(),
            rule.remark
        ));
    }
    let alone: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|k| *k != K::Null && RULES.iter().all(|r| r.kind != *k))
        .map(|k| format!("`{k}`"))
        .collect();
    out.push_str(&format!(
        "| {} | {} | exact | see below |\n",
        alone.join(", "),
        Family::Json.shown()
    ));
    out
}
