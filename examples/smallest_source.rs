//! A source in as few lines as there can be: the letters and their codes, into PostgreSQL.
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::{Catalog, Column, ObjectName, Table};
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{Capabilities, ChunkReader, Fill, Snapshot, Source};
use migrate_core::value::{Value, ValueKind};
use migrate_core::{Result, pg_type::PgType, pipeline, planner};
use migrate_sink_postgres::{PostgresSink, SinkOptions};

#[derive(Clone)]
struct Letters(std::ops::RangeInclusive<u8>);

#[async_trait]
impl Source for Letters {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    async fn discover(&self) -> Result<Catalog> {
        let letter = Column::new("letter", "text", ValueKind::Text, PgType::Text);
        let code = Column::new("code", "byte", ValueKind::Int16, PgType::Int2);
        let table = Table::new(ObjectName::new("public", "letters"), vec![letter, code]);
        Ok(Catalog {
            tables: vec![table],
            ..Catalog::default()
        })
    }
    async fn snapshot(&self, _: &Plan) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Snapshot for Letters {
    async fn split(&self, table: &TablePlan, _: ChunkGoal) -> Result<Vec<Chunk>> {
        let id = ChunkId {
            table: table.source.clone(),
            ordinal: 0,
        };
        Ok(vec![Chunk {
            id,
            token: String::new(),
            rows: None,
            bytes: None,
        }])
    }
    async fn read(&self, _: &TablePlan, _: &Chunk, _: Option<&Cursor>) -> Result<Box<dyn ChunkReader>> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl ChunkReader for Letters {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        for code in self.0.by_ref() {
            out.begin_row();
            out.push(Value::Text((code as char).encode_utf8(&mut [0; 4])));
            out.push(Value::Int16(code.into()));
            out.end_row(|| format!("letter {code}"))?;
        }
        Ok(Fill::End)
    }
    fn cursor(&self) -> Option<Cursor> {
        None
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = Letters(b'a'..=b'z');
    let sink = PostgresSink::connect(SinkOptions::new(std::env::var("DATABASE_URL")?)).await?;
    let plan = planner::plan(&source.discover().await?, &Default::default(), &sink.target())?;
    let (options, observer, cancel) = (
        Default::default(),
        Arc::new(migrate_core::observer::Silent),
        Default::default(),
    );
    let report = pipeline::run(Arc::new(source), sink, Arc::new(plan), options, observer, cancel).await?;
    println!("{} letters", report.tables[0].receipt.digest.rows);
    Ok(())
}
