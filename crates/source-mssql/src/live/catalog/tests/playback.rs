//! A session that repeats recorded answers.
//!
//! A recording is JSON: for each purpose the names of the columns and the rows.

use std::time::Duration;

use async_trait::async_trait;
use migrate_core::value::Value;
use migrate_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

use crate::live::wire::{Fetch, Flow, Query, ResultColumn, RowTarget, Session};

#[derive(Clone)]
pub(super) struct Playback {
    answers: Json,
    open: Option<String>,
    /// The question that breaks the connection.
    pub(super) breaks_at: Option<&'static str>,
    broken: bool,
    /// How long the server takes for each answer.
    pub(super) takes: Duration,
}

impl Playback {
    pub(super) fn new(recording: &str) -> Self {
        Self {
            answers: serde_json::from_str(recording).unwrap(),
            open: None,
            breaks_at: None,
            broken: false,
            takes: Duration::ZERO,
        }
    }

    /// The rows that answer a question, to be changed.
    pub(super) fn rows(&mut self, purpose: &str) -> &mut Vec<Json> {
        self.answers[purpose]["rows"].as_array_mut().unwrap()
    }

    /// Makes the server refuse a question.
    pub(super) fn refuse(&mut self, purpose: &str) {
        self.answers[purpose] = Json::Null;
    }
}

#[async_trait]
impl Session for Playback {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        panic!("nothing has to be executed: {}", query.sql)
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        assert!(self.open.is_none(), "{} is still open", query.purpose);
        tokio::time::sleep(self.takes).await;
        if self.breaks_at == Some(query.purpose) {
            self.broken = true;
            return Err(Error::source_side(ErrorKind::Connection, "the connection broke").transient());
        }
        let answer = &self.answers[query.purpose];
        let Some(columns) = answer["columns"].as_array() else {
            return Err(Error::source_side(ErrorKind::Unsupported, "the server refused"));
        };
        self.open = Some(query.purpose.to_owned());
        let name = |c: &Json| ResultColumn {
            name: c.as_str().unwrap().to_owned(),
        };
        Ok(columns.iter().map(name).collect())
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        let purpose = self.open.take().unwrap();
        for row in self.answers[purpose.as_str()]["rows"].as_array().unwrap() {
            target.begin();
            for cell in row.as_array().unwrap() {
                match cell {
                    Json::Null => target.value(Value::Null),
                    Json::String(text) => target.value(Value::Text(text)),
                    other => target.value(Value::Int64(other.as_i64().unwrap())),
                }
            }
            assert_eq!(target.end()?, Flow::Continue);
        }
        Ok(Fetch::End)
    }

    async fn cancel(&mut self) -> Result<()> {
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken
    }
}
