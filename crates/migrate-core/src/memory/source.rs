//! Tables of cells.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::BatchBuilder;
use crate::catalog::{Catalog, Column, Fidelity, Key, ObjectName, SourceInfo, Table};
use crate::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use crate::error::{Error, ErrorKind, Result};
use crate::pg_type::PgType;
use crate::plan::{Plan, TablePlan};
use crate::source::{Capabilities, ChunkReader, Fill, GroupReader, Snapshot, Source};
use crate::value::{Value, ValueKind};

/// An owned cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(*v),
            Self::Int(v) => Value::Int64(*v),
            Self::Float(v) => Value::Float64(*v),
            Self::Text(v) => Value::Text(v),
            Self::Bytes(v) => Value::Bytes(v),
        }
    }
}

/// A source that holds its rows.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    catalog: Catalog,
    rows: Arc<BTreeMap<ObjectName, Vec<Vec<Cell>>>>,
    chunk_rows: usize,
    together: bool,
}

impl MemorySource {
    /// A source without tables.
    pub fn new(name: &str) -> Self {
        let source = SourceInfo {
            kind: "memory".to_owned(),
            name: name.to_owned(),
            fingerprint: name.to_owned(),
            ..SourceInfo::default()
        };
        Self {
            catalog: Catalog {
                source,
                ..Catalog::default()
            },
            rows: Arc::default(),
            chunk_rows: 1000,
            together: false,
        }
    }

    /// Adds a table whose first column is its primary key.
    pub fn table(mut self, name: ObjectName, columns: &[(&str, PgType)], rows: Vec<Vec<Cell>>) -> Self {
        if !self.catalog.schemas.contains(&name.schema) {
            self.catalog.schemas.push(name.schema.clone());
        }
        let columns: Vec<Column> = columns
            .iter()
            .enumerate()
            .map(|(i, (name, ty))| column(name, ty, i > 0))
            .collect();
        let key = columns.first().map(|c| Key {
            name: None,
            columns: vec![c.name.clone()],
            clustered: true,
            comment: None,
        });
        self.catalog.tables.push(Table {
            name: name.clone(),
            columns,
            primary_key: key,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            rows: Some(rows.len() as u64),
            bytes: None,
            notes: Vec::new(),
        });
        Arc::make_mut(&mut self.rows).insert(name, rows);
        self
    }

    /// Rows in a chunk; at least one.
    pub fn chunk_rows(mut self, rows: usize) -> Self {
        self.chunk_rows = rows.max(1);
        self
    }

    /// Chunks of the same rows of several tables are read in one pass.
    #[must_use]
    pub fn together(mut self, together: bool) -> Self {
        self.together = together;
        self
    }

    /// The catalog, to add what [`table`](Self::table) does not.
    pub fn catalog_mut(&mut self) -> &mut Catalog {
        &mut self.catalog
    }
}

fn column(name: &str, ty: &PgType, nullable: bool) -> Column {
    let kind = match ty {
        PgType::Bool => ValueKind::Bool,
        PgType::Int2 | PgType::Int4 | PgType::Int8 => ValueKind::Int64,
        PgType::Float4 | PgType::Float8 => ValueKind::Float64,
        PgType::Bytea => ValueKind::Bytes,
        _ => ValueKind::Text,
    };
    Column {
        name: name.to_owned(),
        native: ty.to_string(),
        alias: None,
        kind,
        pg: ty.clone(),
        fidelity: Fidelity::Exact,
        nullable,
        identity: None,
        default: None,
        default_name: None,
        computed: None,
        collation: None,
        comment: None,
        utc_offset: false,
        part: None,
    }
}

#[async_trait]
impl Source for MemorySource {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(self.catalog.clone())
    }

    async fn snapshot(&self, _: &Plan) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Snapshot for MemorySource {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let rows = self.rows.get(&table.source).map_or(0, Vec::len);
        let size = self
            .chunk_rows
            .max(rows.div_ceil(goal.max_chunks.max(1) as usize))
            .max(1);
        Ok((0..rows.div_ceil(size))
            .map(|i| Chunk {
                id: ChunkId {
                    table: table.source.clone(),
                    ordinal: i as u32,
                },
                token: format!("{}..{}", i * size, rows.min((i + 1) * size)),
                rows: Some((rows.min((i + 1) * size) - i * size) as u64),
                bytes: None,
            })
            .collect())
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        Ok(Box::new(self.reader(table, chunk, after)?))
    }

    fn group(&self, _: &TablePlan) -> Option<String> {
        self.together.then(String::new)
    }

    async fn read_together(
        &self,
        parts: &[(&TablePlan, &Chunk)],
        after: Option<&Cursor>,
    ) -> Result<Box<dyn GroupReader>> {
        let readers = parts
            .iter()
            .map(|(table, chunk)| self.reader(table, chunk, after));
        Ok(Box::new(MemoryReaders(readers.collect::<Result<_>>()?)))
    }
}

impl MemorySource {
    fn reader(&self, table: &TablePlan, chunk: &Chunk, after: Option<&Cursor>) -> Result<MemoryReader> {
        let broken = || {
            Error::source_side(
                ErrorKind::Internal,
                "a chunk's token or cursor is not this source's",
            )
        };
        let (from, to) = chunk.token.split_once("..").ok_or_else(broken)?;
        let from: usize = after
            .map_or(from, |c| c.0.as_str())
            .parse()
            .map_err(|_| broken())?;
        let to: usize = to.parse().map_err(|_| broken())?;
        let definition = self
            .catalog
            .tables
            .iter()
            .find(|t| t.name == table.source)
            .ok_or_else(broken)?;
        let positions = table
            .delivered()
            .map(|c| {
                definition
                    .columns
                    .iter()
                    .position(|d| d.name == c.source)
                    .ok_or_else(broken)
            })
            .collect::<Result<Vec<_>>>()?;
        let rows = Arc::clone(&self.rows);
        Ok(MemoryReader {
            rows,
            table: table.source.clone(),
            positions,
            at: from,
            to,
        })
    }
}

struct MemoryReader {
    rows: Arc<BTreeMap<ObjectName, Vec<Vec<Cell>>>>,
    table: ObjectName,
    positions: Vec<usize>,
    at: usize,
    to: usize,
}

impl MemoryReader {
    fn row(&mut self, out: &mut BatchBuilder) -> Result<()> {
        let rows = self.rows.get(&self.table).map(Vec::as_slice).unwrap_or_default();
        let row = rows
            .get(self.at)
            .ok_or_else(|| Error::source_side(ErrorKind::Corrupt, "the chunk ends after the table"))?;
        out.begin_row();
        for &p in &self.positions {
            out.push(row.get(p).map_or(Value::Null, Cell::value));
        }
        let at = self.at;
        out.end_row(|| format!("row {at}"))?;
        self.at += 1;
        Ok(())
    }
}

/// Readers of the same rows of several tables.
struct MemoryReaders(Vec<MemoryReader>);

#[async_trait]
impl GroupReader for MemoryReaders {
    async fn fill(&mut self, out: &mut [BatchBuilder]) -> Result<Fill> {
        let more = |readers: &[MemoryReader]| readers.iter().any(|r| r.at < r.to);
        while more(&self.0) && !out.iter().any(BatchBuilder::is_full) {
            for (reader, out) in self.0.iter_mut().zip(out.iter_mut()) {
                reader.row(out)?;
            }
        }
        Ok(if more(&self.0) { Fill::More } else { Fill::End })
    }

    fn cursor(&self) -> Option<Cursor> {
        self.0.first().and_then(ChunkReader::cursor)
    }
}

#[async_trait]
impl ChunkReader for MemoryReader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        while self.at < self.to && !out.is_full() {
            self.row(out)?;
        }
        Ok(if self.at < self.to { Fill::More } else { Fill::End })
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(Cursor(self.at.to_string()))
    }
}
