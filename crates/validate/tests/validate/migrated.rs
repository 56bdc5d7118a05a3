//! A migration that is done, to be validated.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::mapping::Mapping;
use migrate_core::memory::{Cell, MemorySink, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::pg_type::PgType;
use migrate_core::pipeline;
use migrate_core::plan::{TablePlan, Target};
use migrate_core::source::Source;
use migrate_core::stored::{LedgerView, Stored, TupleScan};
use migrate_core::{Error, ErrorKind, Result, planner};
use migrate_validate::{DifferenceKind, Options, TableValidation, Validation, validate};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) const COLUMNS: [(&str, PgType); 3] =
    [("id", PgType::Int4), ("name", PgType::Text), ("n", PgType::Int8)];

pub(crate) fn t(name: &str) -> ObjectName {
    ObjectName::new("dbo", name)
}

/// Row 3 of every ten has no name.
pub(crate) fn cells(id: usize) -> Vec<Cell> {
    let name = if id % 10 == 3 {
        Cell::Null
    } else {
        Cell::Text(format!("name {id}"))
    };
    vec![Cell::Int(id as i64), name, Cell::Int(id as i64 * 100)]
}

pub(crate) fn rows(n: usize) -> Vec<Vec<Cell>> {
    (0..n).map(cells).collect()
}

/// The tuple of a row, by PostgreSQL's description of COPY's binary format.
pub(crate) fn tuple(cells: &[Cell]) -> Vec<u8> {
    let mut out = (cells.len() as u16).to_be_bytes().to_vec();
    for (i, cell) in cells.iter().enumerate() {
        let field = match cell {
            Cell::Int(v) if i == 0 => Some((*v as i32).to_be_bytes().to_vec()),
            Cell::Int(v) => Some(v.to_be_bytes().to_vec()),
            Cell::Text(text) => Some(text.as_bytes().to_vec()),
            _ => None,
        };
        out.extend_from_slice(&field.as_ref().map_or(-1, |f| f.len() as i32).to_be_bytes());
        out.extend_from_slice(&field.unwrap_or_default());
    }
    out
}

/// The place of a row in what a sink stored.
pub(crate) fn place(stored: &[Vec<u8>], id: usize) -> usize {
    stored
        .iter()
        .position(|row| row[6..10] == (id as i32).to_be_bytes())
        .unwrap()
}

pub(crate) struct Migrated {
    pub(crate) source: MemorySource,
    pub(crate) sink: MemorySink,
}

impl Migrated {
    pub(crate) async fn tables(tables: &[(&str, usize)]) -> Self {
        let mut source = MemorySource::new("s").chunk_rows(7);
        for (name, n) in tables {
            source = source.table(t(name), &COLUMNS, rows(*n));
        }
        Self::over(source).await
    }

    pub(crate) async fn over(source: MemorySource) -> Self {
        let sink = MemorySink::new();
        let plan = planner::plan(
            &source.discover().await.unwrap(),
            &Mapping::default(),
            &Target::default(),
        )
        .unwrap();
        let options = pipeline::Options {
            batch_bytes: 256,
            ..pipeline::Options::default()
        };
        let (from, to) = (Arc::new(source.clone()), Arc::new(sink.clone()));
        pipeline::run(
            from,
            to,
            Arc::new(plan),
            options,
            Arc::new(Silent),
            CancellationToken::new(),
        )
        .await
        .unwrap();
        Self { source, sink }
    }

    /// One table, without its key.
    pub(crate) async fn without_key(change: impl FnOnce(&mut Catalog), rows: Vec<Vec<Cell>>) -> Self {
        let mut source = MemorySource::new("s").chunk_rows(7).table(t("A"), &COLUMNS, rows);
        source.catalog_mut().tables[0].primary_key = None;
        change(source.catalog_mut());
        Self::over(source).await
    }

    pub(crate) async fn by_destination_alone(&self) -> Validation {
        run(Arc::new(self.sink.clone()), None, Options::default())
            .await
            .unwrap()
    }

    pub(crate) async fn with_source(&self) -> Validation {
        let source: Arc<dyn Source> = Arc::new(self.source.clone());
        run(Arc::new(self.sink.clone()), Some(source), Options::default())
            .await
            .unwrap()
    }

    /// What both kinds of validation find for the only table: it differs, and so.
    pub(crate) async fn differs(&self, expected: &[Named]) -> TableValidation {
        let alone = self.by_destination_alone().await;
        assert!(!alone.agrees() && alone.tables[0].differences.is_empty());
        let [table] = self.with_source().await.tables.try_into().unwrap();
        assert!(!table.agrees());
        assert_eq!(named(&table), expected);
        table
    }
}

pub(crate) async fn run(
    stored: Arc<dyn Stored>,
    source: Option<Arc<dyn Source>>,
    options: Options,
) -> Result<Validation> {
    validate(
        stored,
        source,
        options,
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
}

/// A difference without its values: which row, and how it differs.
pub(crate) type Named = (Value, DifferenceKind);

pub(crate) fn named(table: &TableValidation) -> Vec<Named> {
    table
        .differences
        .iter()
        .map(|d| (d.key.clone(), d.kind.clone()))
        .collect()
}

pub(crate) fn changed(key: Value, columns: &[&str]) -> Named {
    (
        key,
        DifferenceKind::Changed(columns.iter().map(|c| (*c).to_owned()).collect()),
    )
}

pub(crate) fn missing(key: Value) -> Named {
    (key, DifferenceKind::Missing)
}

pub(crate) fn extra(key: Value) -> Named {
    (key, DifferenceKind::Extra)
}

pub(crate) fn id(id: usize) -> Value {
    json!({ "id": id })
}

type Edit = Box<dyn Fn(&mut LedgerView) + Send + Sync>;

/// A destination whose ledger says something else, or that fails.
pub(crate) struct Edited {
    pub(crate) sink: MemorySink,
    pub(crate) edit: Edit,
    /// The table that cannot be read.
    pub(crate) broken: Option<&'static str>,
}

#[async_trait]
impl Stored for Edited {
    async fn ledger(&self) -> Result<Option<LedgerView>> {
        let mut view = self.sink.ledger().await?;
        view.iter_mut().for_each(&self.edit);
        Ok(view)
    }

    async fn scan(&self, table: &TablePlan) -> Result<Box<dyn TupleScan>> {
        if self.broken == Some(&table.source.name) {
            return Err(Error::destination(ErrorKind::Connection, "scripted loss"));
        }
        self.sink.scan(table).await
    }
}
