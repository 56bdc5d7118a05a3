//! Queries that a person wrote.

use std::time::Duration;

use migrate_core::Result;
use migrate_core::decode::value_text;
use migrate_core::proof::Answer;
use migrate_core::value::Value;
use sqlparser::dialect::MsSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::classify::config;
use crate::live::wire::{Fetch, Flow, Query, RowTarget, Session};

const PURPOSE: &str = "answering a query of the plan";

/// What a query may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Words that no query has outside of brackets: statements need nothing between them in T-SQL, so that each of these may begin
/// one, and `into` makes a table. SQL Server has no transaction that only reads.
const WRITING: [&str; 41] = [
    "add",
    "alter",
    "backup",
    "begin",
    "bulk",
    "commit",
    "create",
    "dbcc",
    "declare",
    "delete",
    "deny",
    "disable",
    "drop",
    "enable",
    "exec",
    "execute",
    "goto",
    "grant",
    "insert",
    "into",
    "kill",
    "merge",
    "opendatasource",
    "openquery",
    "openrowset",
    "print",
    "raiserror",
    "readtext",
    "reconfigure",
    "restore",
    "revert",
    "revoke",
    "rollback",
    "save",
    "set",
    "shutdown",
    "truncate",
    "update",
    "updatetext",
    "waitfor",
    "writetext",
];

/// Answers one query with at most `limit` rows, in a transaction that is rolled back.
///
/// # Errors
/// [`Config`](migrate_core::ErrorKind::Config) for what is no query, or might be more than that; the server's. The session is
/// of no use after an error.
pub(crate) async fn answer(
    session: &mut dyn Session,
    snapshot: bool,
    sql: &str,
    limit: usize,
) -> Result<Answer> {
    only_reads(sql)?;
    let begin = if snapshot {
        "set transaction isolation level snapshot; begin transaction"
    } else {
        "set transaction isolation level read committed; begin transaction"
    };
    let purpose = PURPOSE;
    session.execute(Query { purpose, sql: begin }).await?;
    let asked = tokio::time::timeout(PATIENCE, ask(session, sql, limit)).await;
    let answer =
        asked.map_err(|_| config(format!("the query takes longer than {} s", PATIENCE.as_secs())))??;
    let end = "rollback transaction; set transaction isolation level read committed";
    session.execute(Query { purpose, sql: end }).await?;
    Ok(answer)
}

async fn ask(session: &mut dyn Session, sql: &str, limit: usize) -> Result<Answer> {
    let purpose = PURPOSE;
    let columns = session.start(Query { purpose, sql }).await?;
    let mut rows = Rows {
        answer: Answer {
            columns: columns.into_iter().map(|c| c.name).collect(),
            ..Answer::default()
        },
        row: Vec::new(),
        limit,
    };
    while session.fetch(&mut rows).await? == Fetch::More {}
    Ok(rows.answer)
}

/// Refuses what is not one query.
fn only_reads(sql: &str) -> Result<()> {
    let tokens = Tokenizer::new(&MsSqlDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|e| config(format!("the query cannot be read: {e}")))?;
    let words: Vec<String> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        })
        .collect();
    let hint =
        "a rule or timed query on the source is one `select`; write names that are such words in brackets";
    if !words
        .first()
        .is_some_and(|word| word == "select" || word == "with")
    {
        return Err(config("the query does not begin with `select` or `with`").hint(hint));
    }
    match words.iter().find(|word| WRITING.contains(&word.as_str())) {
        Some(word) => Err(config(format!("the query has the word `{word}`, and might write")).hint(hint)),
        None => Ok(()),
    }
}

struct Rows {
    answer: Answer,
    row: Vec<Option<String>>,
    limit: usize,
}

impl RowTarget for Rows {
    fn begin(&mut self) {
        self.row = Vec::new();
    }

    fn value(&mut self, value: Value<'_>) {
        self.row.push(value_text(value));
    }

    fn end(&mut self) -> Result<Flow> {
        if self.answer.rows.len() < self.limit {
            self.answer.rows.push(std::mem::take(&mut self.row));
        } else {
            self.answer.more = true;
        }
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_query_is_asked() {
        for good in [
            "select count(*) from dbo.A",
            "with x as (select 1 as n) select n from x -- delete",
            "select [update], 'drop table' from \"into\" /* exec */",
            "SELECT case when a = 1 then 'x' end FROM t ORDER BY 1 OFFSET 0 ROWS",
        ] {
            only_reads(good).unwrap();
        }
        for (bad, why) in [
            ("", "does not begin"),
            ("delete from t", "does not begin"),
            ("exec sp_who", "does not begin"),
            ("select 1 delete from t", "`delete`"),
            ("select * into copy from t", "`into`"),
            ("select 1; EXEC('drop table t')", "`exec`"),
            ("with x as (select 1 as n) update t set a = 1", "`update`"),
            ("select 1 commit", "`commit`"),
            ("select * from openrowset('x', 'y', 'z')", "`openrowset`"),
            ("select 'open", "cannot be read"),
        ] {
            let error = only_reads(bad).unwrap_err();
            assert_eq!(error.kind(), migrate_core::ErrorKind::Config, "{bad}");
            assert!(error.to_string().contains(why), "{bad}: {error}");
        }
    }
}
