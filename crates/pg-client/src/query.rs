//! Questions with parameters.
//!
//! A statement that is prepared under a name belongs to one server process, and behind a pooler the next transaction may
//! meet another. So none has a name; what is asked often enough for that to matter goes as COPY.

use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::{Query, QueryScalar};

/// A statement without a name, as [`sqlx::query()`](fn@sqlx::query). It takes a transaction: it is parsed in one message and executed in
/// the next.
pub fn query(sql: &'static str) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).persistent(false)
}

/// As [`query`], for the first column alone.
pub fn query_scalar<O>(sql: &'static str) -> QueryScalar<'static, Postgres, O, PgArguments>
where
    (O,): for<'r> sqlx::FromRow<'r, PgRow>,
{
    sqlx::query_scalar(sql).persistent(false)
}
