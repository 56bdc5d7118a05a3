//! A session that writes down what a real one answers, in the form that [`Playback`](super::playback::Playback) reads.

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::value::Value;
use serde_json::{Map, Value as Json, json};

use crate::live::catalog::answer::{Answer, Cell};
use crate::live::catalog::questions::{COLUMNS, INDEXES, MODULES, OTHERS, SEQUENCES, SIZES_OF_PAGES, TABLES};
use crate::live::wire::{Fetch, Flow, Query, ResultColumn, RowTarget, Session};

pub(super) struct Recorder {
    inner: Box<dyn Session>,
    purpose: &'static str,
    answer: Answer,
    answers: Map<String, Json>,
}

impl Recorder {
    pub(super) fn new(inner: Box<dyn Session>) -> Self {
        Self {
            inner,
            purpose: "",
            answer: Answer::default(),
            answers: Map::new(),
        }
    }

    /// The recording, one row on each line.
    pub(super) fn finish(self) -> String {
        let mut out = Vec::new();
        for (purpose, answer) in &self.answers {
            let rows = answer["rows"].as_array().unwrap();
            // Of the system's own views only those that make a difference.
            let kept = |row: &&Json| answer["columns"][0] != "view_name" || decides(row[0].as_str().unwrap());
            let mut rows: Vec<String> = rows.iter().filter(kept).map(Json::to_string).collect();
            rows.sort();
            out.push(format!(
                "{}:{{\"columns\":{},\"rows\":[\n{}]}}",
                json!(purpose),
                answer["columns"],
                rows.join(",\n")
            ));
        }
        format!("{{\n{}}}\n", out.join(",\n"))
    }
}

/// Whether a question depends on what there is of a system view.
fn decides(view: &str) -> bool {
    let choices = [format!("{{{view} "), format!("{{{view}.")];
    let questions = [TABLES, COLUMNS, INDEXES, SEQUENCES, MODULES, SIZES_OF_PAGES];
    let whole = [
        "sequences",
        "extended_properties",
        "partitions",
        "dm_db_partition_stats",
    ];
    choices.iter().any(|c| questions.iter().any(|q| q.contains(c)))
        || OTHERS
            .iter()
            .any(|(needs, _)| needs.split('.').next() == Some(view))
        || whole.contains(&view)
}

/// Hands rows on, and keeps them.
struct Tee<'a> {
    kept: &'a mut Answer,
    target: &'a mut dyn RowTarget,
}

impl RowTarget for Tee<'_> {
    fn begin(&mut self) {
        self.target.begin();
    }

    fn value(&mut self, value: Value<'_>) {
        self.kept.value(value);
        self.target.value(value);
    }

    fn end(&mut self) -> Result<Flow> {
        self.target.end()
    }
}

#[async_trait]
impl Session for Recorder {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        self.inner.execute(query).await
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        self.purpose = query.purpose;
        let columns = self.inner.start(query).await?;
        self.answer = Answer {
            columns: columns.iter().map(|c| c.name.clone()).collect(),
            cells: Vec::new(),
        };
        Ok(columns)
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        let kept = &mut self.answer;
        let fetched = self.inner.fetch(&mut Tee { kept, target }).await?;
        if fetched == Fetch::End {
            let Answer { columns, cells } = std::mem::take(&mut self.answer);
            let cell = |c: &Cell| match c {
                Cell::Null => Json::Null,
                Cell::Number(n) => json!(n),
                Cell::Text(text) => json!(text),
                Cell::Strange => panic!("a cell of a type that no question asks for"),
            };
            let rows = cells.chunks(columns.len());
            let rows: Vec<Json> = rows.map(|row| row.iter().map(cell).collect()).collect();
            let answer = json!({ "columns": columns, "rows": rows });
            self.answers.insert(self.purpose.to_owned(), answer);
        }
        Ok(fetched)
    }

    async fn cancel(&mut self) -> Result<()> {
        self.inner.cancel().await
    }

    fn is_broken(&self) -> bool {
        self.inner.is_broken()
    }
}
