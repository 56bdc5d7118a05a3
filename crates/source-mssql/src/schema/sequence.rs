//! Sequences.

use migrate_core::catalog::{ObjectName, Sequence};
use migrate_core::pg_type::PgType;

use crate::types::{Base, NativeType};

/// The numbers that a sequence is declared with, in the source's digits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Numbers<'a> {
    pub(crate) start: Option<&'a str>,
    pub(crate) increment: Option<&'a str>,
    /// None if it has no bound of its own.
    pub(crate) min: Option<&'a str>,
    /// None if it has no bound of its own.
    pub(crate) max: Option<&'a str>,
    pub(crate) cycle: bool,
    /// The number handed out last.
    pub(crate) last: Option<i64>,
}

/// A sequence, or why it cannot be one in PostgreSQL.
pub(crate) fn sequence(
    name: ObjectName,
    native: &NativeType,
    numbers: Numbers<'_>,
) -> Result<Sequence, String> {
    let pg = match native.base {
        Base::TinyInt | Base::SmallInt => PgType::Int2,
        Base::Int => PgType::Int4,
        Base::BigInt | Base::Decimal | Base::Numeric => PgType::Int8,
        _ => return Err(format!("{native} is no type for a sequence")),
    };
    let number = |text: Option<&str>| -> Result<Option<i64>, String> {
        text.map(|text| {
            text.trim()
                .parse()
                .map_err(|_| format!("{text} does not fit into 64 bits"))
        })
        .transpose()
    };
    let increment = number(numbers.increment)?.unwrap_or(1);
    // Without bounds of its own a sequence has those of its type, where PostgreSQL's begins at 1.
    let (lowest, highest) = range(native);
    let min = number(numbers.min)?.unwrap_or(lowest);
    let max = number(numbers.max)?.unwrap_or(highest);
    Ok(Sequence {
        start: number(numbers.start)?.unwrap_or(if increment < 0 { max } else { min }),
        name,
        pg,
        increment,
        min: Some(min),
        max: Some(max),
        cycle: numbers.cycle,
        last: numbers.last,
        comment: None,
    })
}

/// The lowest and the highest value of a sequence's type, as far as 64 bits go.
pub(crate) fn range(native: &NativeType) -> (i64, i64) {
    match native.base {
        Base::TinyInt => (0, 255),
        Base::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Base::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Base::Decimal | Base::Numeric => match 10_i64.checked_pow(u32::from(native.precision)) {
            Some(power) => (1 - power, power - 1),
            None => (i64::MIN, i64::MAX),
        },
        _ => (i64::MIN, i64::MAX),
    }
}
