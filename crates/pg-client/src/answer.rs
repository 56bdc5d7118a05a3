//! What a database answers to a query that a person wrote.

use futures::TryStreamExt;
use migrate_core::proof::Answer;
use sqlx::postgres::{PgConnection, PgRow, PgValueFormat};
use sqlx::{AssertSqlSafe, Column, Row, ValueRef};

/// Asks, and keeps at most `limit` rows of the answer; the others are read and dropped.
///
/// # Errors
/// The driver's, to be classified by the side that is asked.
pub async fn answer(connection: &mut PgConnection, sql: &str, limit: usize) -> sqlx::Result<Answer> {
    let mut answer = Answer::default();
    // The simple protocol: every value comes as text, as PostgreSQL prints it.
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if answer.columns.is_empty() {
            answer.columns = row.columns().iter().map(|c| c.name().to_owned()).collect();
        }
        if answer.rows.len() == limit {
            answer.more = true;
            continue;
        }
        answer.rows.push(cells(&row)?);
    }
    Ok(answer)
}

fn cells(row: &PgRow) -> sqlx::Result<Vec<Option<String>>> {
    (0..row.len())
        .map(|i| {
            let value = row.try_get_raw(i)?;
            if value.is_null() {
                return Ok(None);
            }
            let text = match value.format() {
                PgValueFormat::Text => value.as_str().ok().map(str::to_owned),
                PgValueFormat::Binary => None,
            };
            text.map(Some).ok_or_else(|| {
                sqlx::Error::Protocol("the server answered in a form that is no text".to_owned())
            })
        })
        .collect()
}
