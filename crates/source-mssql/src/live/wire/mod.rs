//! The seam between this crate and the drivers that speak TDS: a session runs one query at a time and delivers its rows
//! as borrowed [`Value`]s.

mod cell;
#[cfg(feature = "mssql-tds")]
pub(crate) mod mssql_tds;
mod reach;
#[cfg(test)]
mod tests;
#[cfg(feature = "tiberius")]
pub(crate) mod tiberius;
mod token;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::value::Value;

/// A query with what it is for, which errors name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    /// What the query is for, such as `reading the catalog`.
    pub(crate) purpose: &'static str,
    /// T-SQL, literals included.
    pub(crate) sql: &'a str,
}

/// How a result describes a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    /// Its name.
    pub(crate) name: String,
}

/// Whether a result has more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// The target asked for a pause.
    More,
    /// The result is complete: the server said so, and no error came with it.
    End,
}

/// Whether a target takes another row now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on.
    Continue,
    /// Stop before the next row; [`Session::fetch`] will be called again.
    Pause,
}

/// Takes rows. Values come in the order of the columns, each exactly once.
pub(crate) trait RowTarget: Send {
    /// A row begins.
    fn begin(&mut self);
    /// The next column's value. What it borrows lives until the call returns.
    fn value(&mut self, value: Value<'_>);
    /// The row is complete.
    fn end(&mut self) -> Result<Flow>;
}

/// A connection to the server, used by one task. Dropping it closes the connection.
///
/// Cells arrive as: `tinyint`, `smallint` [`Value::Int16`]; `int` [`Value::Int32`]; `bigint` [`Value::Int64`]; `bit`
/// [`Value::Bool`]; `decimal`, `numeric`, `money`, `smallmoney` [`Value::Decimal`]; `real` [`Value::Float32`]; `float`
/// [`Value::Float64`]; `n`-types and `xml` [`Value::Utf16`] or [`Value::Text`]; `char`, `varchar`, `text` [`Value::Text`],
/// decoded by their collation's code page; binary types, `rowversion` and CLR types [`Value::Bytes`];
/// `uniqueidentifier` [`Value::Uuid`]; `date`, `time`, `datetime`, `datetime2`, `smalldatetime` [`Value::Date`],
/// [`Value::Time`] and [`Value::Timestamp`]; `datetimeoffset` [`Value::TimestampTz`]; `sql_variant` as its content.
#[async_trait]
pub(crate) trait Session: Send {
    /// Runs a statement and waits for its end; rows are dropped.
    ///
    /// # Errors
    /// The server's message and number with the purpose.
    async fn execute(&mut self, query: Query<'_>) -> Result<()>;

    /// Starts a query. The session must not have another one open.
    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>>;

    /// Delivers rows of the started query until the target pauses or the result ends. An error in the middle of a
    /// result is an error here, never its end. After [`Fetch::End`] or an error the query is closed.
    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch>;

    /// Tells the server to stop the open query and reads what is left of it, so that the session can be used again.
    #[allow(
        dead_code,
        reason = "a reader that stops drops its session, which says the same to the server"
    )]
    async fn cancel(&mut self) -> Result<()>;

    /// Whether the session has seen an error after which it cannot be used.
    fn is_broken(&self) -> bool;
}
