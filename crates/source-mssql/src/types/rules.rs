//! The table itself, kept as a table.

use migrate_core::catalog::Fidelity;
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use super::{Base, NativeType};

/// What a type's declaration says besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facets {
    Nothing,
    /// `(n)`; 1 if it is not stated.
    Length,
    /// `(n)` or `(max)`.
    LengthOrMax,
    /// `(p, s)`; 18 and 0 if not stated.
    PrecisionScale,
    /// `(s)` digits of a second.
    Digits,
    /// `(n)` bits of the mantissa: up to 24 are a `real`.
    Mantissa,
}

/// A row of the table.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) facets: Facets,
    pub(super) base: Base,
    /// What the readers deliver.
    pub(super) kind: ValueKind,
    /// How PostgreSQL's side is written in the documentation.
    pub(super) shown: &'static str,
    pub(super) pg: fn(&NativeType) -> PgType,
    pub(super) fidelity: fn(&NativeType) -> Fidelity,
    pub(super) remark: &'static str,
}

use Base as B;
use Facets::{Digits, Length, LengthOrMax, Mantissa, Nothing, PrecisionScale};
use PgType as P;
use ValueKind as V;

/// Every type, in the order of SQL Server's documentation.
#[rustfmt::skip] // a table is read by its columns
pub(super) static RULES: &[Rule] = &[
    rule("bit", Nothing, B::Bit, V::Bool, "boolean", |_| P::Bool, exact, ""),
    rule("tinyint", Nothing, B::TinyInt, V::Int16, "smallint", |_| P::Int2, widened, "PostgreSQL has no type for 0 to 255"),
    rule("smallint", Nothing, B::SmallInt, V::Int16, "smallint", |_| P::Int2, exact, ""),
    rule("int", Nothing, B::Int, V::Int32, "integer", |_| P::Int4, exact, ""),
    rule("bigint", Nothing, B::BigInt, V::Int64, "bigint", |_| P::Int8, exact, ""),
    rule("decimal", PrecisionScale, B::Decimal, V::Decimal, "numeric(p,s)", numeric, exact, ""),
    rule("numeric", PrecisionScale, B::Numeric, V::Decimal, "numeric(p,s)", numeric, exact, ""),
    rule("money", Nothing, B::Money, V::Decimal, "numeric(19,4)", |_| P::Numeric(Some((19, 4))), widened, "all four digits are kept"),
    rule("smallmoney", Nothing, B::SmallMoney, V::Decimal, "numeric(10,4)", |_| P::Numeric(Some((10, 4))), widened, "all four digits are kept"),
    rule("real", Nothing, B::Real, V::Float32, "real", |_| P::Float4, exact, ""),
    rule("float", Mantissa, B::Float, V::Float64, "double precision", |_| P::Float8, exact, "`float(1)` to `float(24)` are `real`"),

    rule("date", Nothing, B::Date, V::Date, "date", |_| P::Date, exact, ""),
    rule("time", Digits, B::Time, V::Time, "time(s), at most 6", |t| P::Time(t.scale.min(6)), seventh_digit, "of time(7) the last digit is rounded"),
    rule("smalldatetime", Nothing, B::SmallDateTime, V::Timestamp, "timestamp(0)", |_| P::Timestamp(0), exact, ""),
    rule("datetime", Nothing, B::DateTime, V::Timestamp, "timestamp(3)", |_| P::Timestamp(3), exact, "stored as 1/300 s; arrives as SQL Server shows it, ending in .000, .003 or .007"),
    rule("datetime2", Digits, B::DateTime2, V::Timestamp, "timestamp(s), at most 6", |t| P::Timestamp(t.scale.min(6)), seventh_digit, "of datetime2(7) the last digit is rounded"),
    rule("datetimeoffset", Digits, B::DateTimeOffset, V::TimestampTz, "timestamptz(s), at most 6", |t| P::TimestampTz(t.scale.min(6)), offset_lost, "the same moment; the offset it was written with is not kept"),

    rule("char", Length, B::Char, V::Text, "char(n)", |t| P::Char(t.length), widened, CHARACTERS),
    rule("varchar", LengthOrMax, B::VarChar, V::Text, "varchar(n), text for max", varchar, max_or_widened, CHARACTERS),
    rule("text", Nothing, B::Text, V::Text, "text", |_| P::Text, exact, ""),
    rule("nchar", Length, B::NChar, V::Text, "char(n)", |t| P::Char(t.length), widened, CHARACTERS),
    rule("nvarchar", LengthOrMax, B::NVarChar, V::Text, "varchar(n), text for max", varchar, max_or_widened, CHARACTERS),
    rule("ntext", Nothing, B::NText, V::Text, "text", |_| P::Text, exact, ""),

    rule("binary", Length, B::Binary, V::Bytes, "bytea", |_| P::Bytea, widened, "bytea has no limit"),
    rule("varbinary", LengthOrMax, B::VarBinary, V::Bytes, "bytea", |_| P::Bytea, max_or_widened, "bytea has no limit"),
    rule("image", Nothing, B::Image, V::Bytes, "bytea", |_| P::Bytea, exact, ""),
    rule("rowversion", Nothing, B::RowVersion, V::Bytes, "bytea", |_| P::Bytea, exact, "the values as they are; PostgreSQL does not change them with the row"),

    rule("uniqueidentifier", Nothing, B::UniqueIdentifier, V::Uuid, "uuid", |_| P::Uuid, exact, "the same text; sorts in another order"),
    rule("xml", Nothing, B::Xml, V::Text, "xml", |_| P::Xml, exact, "text where the destination is built without libxml"),
    rule("sql_variant", Nothing, B::SqlVariant, V::Json, "jsonb", |_| P::Jsonb, described, "an object with the value and its type"),
    rule("hierarchyid", Nothing, B::HierarchyId, V::Text, "text", |_| P::Text, widened, "its path, for example /1/2.1/; sorts as text"),
    rule("geometry", Nothing, B::Geometry, V::Bytes, "geometry with PostGIS, bytea without", |_| P::Geometry, widened, "EWKB in both cases"),
    rule("geography", Nothing, B::Geography, V::Bytes, "geography with PostGIS, bytea without", |_| P::Geography, widened, "EWKB in both cases"),
    rule("json", Nothing, B::Json, V::Text, "json", |_| P::Json, exact, "the text that the server gives for it; only from a running server"),
    rule("vector", Nothing, B::Vector, V::Float32, "real[]", |_| P::Array(Box::new(P::Float4)), digits, "its numbers as the server writes them; only from a running server"),
    rule("CLR type", Nothing, B::Clr, V::Bytes, "bytea", |_| P::Bytea, bytes_only, "the serialized bytes; only the type's own assembly can read them"),
];

const CHARACTERS: &str =
    "the limit counts characters instead of UTF-16 units or bytes, of which there are never fewer";

#[allow(clippy::too_many_arguments)] // as many as the table has columns
const fn rule(
    name: &'static str,
    facets: Facets,
    base: Base,
    kind: ValueKind,
    shown: &'static str,
    pg: fn(&NativeType) -> PgType,
    fidelity: fn(&NativeType) -> Fidelity,
    remark: &'static str,
) -> Rule {
    Rule {
        name,
        facets,
        base,
        kind,
        shown,
        pg,
        fidelity,
        remark,
    }
}

fn numeric(t: &NativeType) -> PgType {
    PgType::Numeric(Some((u16::from(t.precision), i16::from(t.scale))))
}

fn varchar(t: &NativeType) -> PgType {
    if t.max {
        PgType::Text
    } else {
        PgType::Varchar(Some(t.length))
    }
}

fn exact(_: &NativeType) -> Fidelity {
    Fidelity::Exact
}

fn widened(_: &NativeType) -> Fidelity {
    Fidelity::Widened
}

fn max_or_widened(t: &NativeType) -> Fidelity {
    if t.max { Fidelity::Exact } else { Fidelity::Widened }
}

fn lossy(what: &str) -> Fidelity {
    Fidelity::Lossy(what.to_owned())
}

fn seventh_digit(t: &NativeType) -> Fidelity {
    if t.scale > 6 {
        lossy("the 7th digit of fractional seconds is rounded")
    } else {
        Fidelity::Exact
    }
}

fn offset_lost(t: &NativeType) -> Fidelity {
    lossy(if t.scale > 6 {
        "the original offset from UTC is not kept, and the 7th digit of fractional seconds is rounded"
    } else {
        "the original offset from UTC is not kept"
    })
}

fn described(_: &NativeType) -> Fidelity {
    lossy("each value becomes a JSON object of its type and value")
}

fn digits(_: &NativeType) -> Fidelity {
    lossy("the server writes 8 digits of each number, of the 9 that a real can need")
}

fn bytes_only(_: &NativeType) -> Fidelity {
    lossy("only the bytes of the .NET type are kept, without its methods")
}
