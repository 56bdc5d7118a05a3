//! A source of your own: one table that is counted rather than read, moved into a sink in memory.
//!
//! ```text
//! cargo run -p migrate-examples --example custom_source
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::{Catalog, Column, Key, ObjectName, SourceInfo, Table};
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use migrate_core::mapping::Mapping;
use migrate_core::memory::MemorySink;
use migrate_core::observer::Silent;
use migrate_core::pg_type::PgType;
use migrate_core::pipeline::{self, Options};
use migrate_core::plan::{Plan, TablePlan, Target};
use migrate_core::source::{Capabilities, ChunkReader, Fill, Snapshot, Source};
use migrate_core::value::{Value, ValueKind};
use migrate_core::{Error, ErrorKind, Result, planner};
use tokio_util::sync::CancellationToken;

/// The numbers below a limit, with their squares.
struct Squares {
    below: i64,
}

fn column(name: &str) -> Column {
    Column::new(name, "integer", ValueKind::Int64, PgType::Int8)
}

#[async_trait]
impl Source for Squares {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn discover(&self) -> Result<Catalog> {
        let name = ObjectName::new("public", "squares");
        let table = Table {
            primary_key: Some(Key {
                name: None,
                columns: vec!["number".to_owned()],
                clustered: false,
                comment: None,
            }),
            rows: Some(self.below as u64),
            ..Table::new(name, vec![column("number"), column("square")])
        };
        let source = SourceInfo {
            kind: "squares".to_owned(),
            fingerprint: self.below.to_string(),
            ..SourceInfo::default()
        };
        Ok(Catalog {
            source,
            tables: vec![table],
            ..Catalog::default()
        })
    }

    async fn snapshot(&self, _: &Plan) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(Squares { below: self.below }))
    }
}

#[async_trait]
impl Snapshot for Squares {
    /// Four chunks; a token says where one begins and ends.
    async fn split(&self, table: &TablePlan, _: ChunkGoal) -> Result<Vec<Chunk>> {
        let size = (self.below / 4).max(1);
        let starts = (0..self.below).step_by(size as usize);
        Ok(starts
            .enumerate()
            .map(|(i, from)| Chunk {
                id: ChunkId {
                    table: table.source.clone(),
                    ordinal: i as u32,
                },
                token: format!("{from}..{}", self.below.min(from + size)),
                rows: Some((self.below.min(from + size) - from) as u64),
                bytes: None,
            })
            .collect())
    }

    async fn read(
        &self,
        _: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        let number = |text: &str| {
            text.parse::<i64>()
                .map_err(|e| Error::new(ErrorKind::Internal, "a foreign token").because(e))
        };
        let (from, to) = chunk.token.split_once("..").unwrap_or(("0", "0"));
        let next = number(after.map_or(from, |cursor| &cursor.0))?;
        Ok(Box::new(Counting {
            next,
            end: number(to)?,
        }))
    }
}

struct Counting {
    next: i64,
    end: i64,
}

#[async_trait]
impl ChunkReader for Counting {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        while self.next < self.end && !out.is_full() {
            let number = self.next;
            out.begin_row();
            out.push(Value::Int64(number));
            out.push(Value::Int64(number * number));
            out.end_row(|| format!("number {number}"))?;
            self.next += 1;
        }
        Ok(if self.next < self.end {
            Fill::More
        } else {
            Fill::End
        })
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(Cursor(self.next.to_string()))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let source = Arc::new(Squares { below: 100_000 });
    let plan = Arc::new(planner::plan(
        &source.discover().await?,
        &Mapping::default(),
        &Target::default(),
    )?);
    let sink = Arc::new(MemorySink::new());
    let cancel = CancellationToken::new();
    let report = pipeline::run(source, sink, plan, Options::default(), Arc::new(Silent), cancel).await?;
    let squares = &report.tables[0];
    println!(
        "{}: {} rows in {:?}",
        squares.target, squares.receipt.digest.rows, squares.took
    );
    assert_eq!(squares.receipt.digest.rows, 100_000);
    Ok(())
}
