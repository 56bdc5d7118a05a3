//! Whether PostgreSQL can compare the two ends of a foreign key.

use crate::pg_type::PgType;

/// Whether a column of the first type can refer to one of the second: they share an operator family, or the first is cast
/// to the second implicitly (PostgreSQL's `ATAddForeignKeyConstraint`).
pub(super) fn comparable(referencing: &PgType, referenced: &PgType) -> bool {
    use PgType as T;
    let exact = |ty: &T| ty.is_integer() || matches!(ty, T::Numeric(_));
    match (referencing, referenced) {
        (a, b) if a.is_integer() && b.is_integer() => true,
        (a, T::Numeric(_)) => exact(a),
        (a, T::Float4 | T::Float8) => exact(a) || matches!(a, T::Float4 | T::Float8),
        (T::Citext, b) => matches!(b, T::Citext | T::Text | T::Varchar(_)),
        (a, T::Text | T::Varchar(_) | T::Char(_)) => a.is_text(),
        (T::Date | T::Timestamp(_) | T::TimestampTz(_), T::Date | T::Timestamp(_) | T::TimestampTz(_)) => {
            true
        }
        (T::Time(_), T::Time(_)) => true,
        (a, b) => a == b,
    }
}
