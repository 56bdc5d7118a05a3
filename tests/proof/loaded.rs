//! A migration into a real database, to be proven.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use migrate_core::catalog::{Action, ForeignKey, ObjectName};
use migrate_core::mapping::Mapping;
use migrate_core::memory::{Cell, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::pg_type::PgType;
use migrate_core::source::Source;
use migrate_core::stored::Stored;
use migrate_core::{pipeline, planner};
use migrate_pg_embedded::Cluster;
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_validate::{Options, RepairOptions, TableRepair, Validation, repair, validate};
use tokio_util::sync::CancellationToken;

use crate::every_type;
use crate::random::Random;

pub(crate) fn t(name: &str) -> ObjectName {
    ObjectName::new("dbo", name)
}

/// A database of its own, which goes with this.
pub(crate) struct Scratch {
    cluster: Cluster,
    database: String,
}

pub(crate) struct Loaded {
    scratch: Scratch,
    pub(crate) source: MemorySource,
    pub(crate) sink: Arc<PostgresSink>,
    /// The rows of `Every`, by id.
    pub(crate) every: Vec<Vec<Cell>>,
    /// The rows of `Heap`.
    pub(crate) heap: Vec<Vec<Cell>>,
}

/// `Every` has a key and all types, `Heap` has no key and rows that are there twice, `Child` refers to `Every`.
pub(crate) fn source(rows: usize, seed: u64) -> (MemorySource, Vec<Vec<Cell>>, Vec<Vec<Cell>>) {
    let mut random = Random::new(seed);
    let every: Vec<Vec<Cell>> = (0..rows).map(|id| every_type::row(id, &mut random)).collect();
    let heap: Vec<Vec<Cell>> = (0..rows)
        .map(|i| vec![Cell::Int(i as i64 / 2), Cell::Text(format!("row {}", i / 2))])
        .collect();
    let child = (0..rows / 4).map(|i| vec![Cell::Int(i as i64), Cell::Int((i * 3 % rows) as i64)]);
    let typed = every_type::columns();
    let mut columns = vec![("id", PgType::Int4)];
    columns.extend(typed.iter().map(|c| (c.name, c.ty.clone())));
    let mut source = MemorySource::new("proof")
        .chunk_rows(rows / 3 + 1)
        .table(t("Every"), &columns, every.clone())
        .table(
            t("Heap"),
            &[("a", PgType::Int4), ("b", PgType::Text)],
            heap.clone(),
        )
        .table(
            t("Child"),
            &[("id", PgType::Int4), ("every", PgType::Int4)],
            child.collect(),
        );
    let catalog = source.catalog_mut();
    catalog.tables[0].primary_key.as_mut().unwrap().name = Some("PK_Every".into());
    catalog.tables[1].primary_key = None;
    catalog.tables[2].foreign_keys.push(ForeignKey {
        name: Some("FK_Child".into()),
        columns: vec!["every".into()],
        references: t("Every"),
        referenced_columns: vec!["id".into()],
        on_delete: Action::Cascade,
        on_update: Action::NoAction,
        enabled: true,
        trusted: true,
        comment: None,
    });
    (source, every, heap)
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let cluster = Cluster::shared(None, &[("autovacuum", "off")]).unwrap();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!(
            "proof_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        assert!(cluster.create_database(&database).unwrap());
        Self { cluster, database }
    }

    pub(crate) fn url(&self) -> String {
        self.cluster.url(&self.database)
    }

    /// Runs statements in one transaction; returns the last one's rows, one a line, columns separated by `|`.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let mut psql: Command = self.cluster.psql(&self.database).unwrap();
        let mut child = psql
            .args(["-X", "-q", "-t", "-A", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = statements.to_owned();
        let writer =
            std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap());
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }
}

impl Loaded {
    pub(crate) async fn new(rows: usize, seed: u64) -> Self {
        let (source, every, heap) = source(rows, seed);
        let scratch = Scratch::new();
        let sink = PostgresSink::connect(SinkOptions::new(scratch.url()))
            .await
            .unwrap();
        let plan = planner::plan(
            &source.discover().await.unwrap(),
            &Mapping::default(),
            &sink.target(),
        )
        .unwrap();
        let loaded = Self {
            scratch,
            source,
            sink,
            every,
            heap,
        };
        let report = pipeline::run(
            Arc::new(loaded.source.clone()),
            loaded.sink.clone(),
            Arc::new(plan),
            pipeline::Options::default(),
            Arc::new(Silent),
            CancellationToken::new(),
        )
        .await
        .unwrap();
        assert!(report.is_clean(), "{report:?}");
        loaded
    }

    /// [`Scratch::sql`].
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.scratch.sql(statements)
    }

    pub(crate) async fn validate(&self, with_source: bool, options: Options) -> Validation {
        let source: Option<Arc<dyn Source>> = if with_source {
            Some(Arc::new(self.source.clone()))
        } else {
            None
        };
        let stored = Arc::clone(&self.sink) as Arc<dyn Stored>;
        validate(
            stored,
            source,
            options,
            Arc::new(Silent),
            CancellationToken::new(),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn repair(&self) -> Vec<TableRepair> {
        let stored = Arc::clone(&self.sink) as Arc<dyn Stored>;
        let source = Arc::new(self.source.clone());
        repair(
            stored,
            source,
            RepairOptions::default(),
            Arc::new(Silent),
            CancellationToken::new(),
        )
        .await
        .unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut psql = self.cluster.psql("postgres").unwrap();
        let drop = format!("drop database if exists {} with (force)", self.database);
        let _ = psql.args(["-X", "-q", "-c", &drop]).output();
    }
}
