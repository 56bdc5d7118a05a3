//! Reads whole tables through the public traits, as the pipeline does, and shows their rows as JSON.

use std::path::Path;
use std::sync::Arc;

use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::decode::decode_row;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, TablePlan, Target};
use migrate_core::policy::TextPolicy;
use migrate_core::source::{Fill, Snapshot, Source};
use migrate_core::{Error, Result};
use migrate_source_mssql::{Bacpac, BacpacOptions};
use serde_json::Value as Json;

/// A source with its plan.
pub(crate) struct Reading {
    pub(crate) plan: Plan,
    pub(crate) snapshot: Arc<dyn Snapshot>,
}

/// Opens a file and examines it.
pub(crate) async fn discover(path: &Path) -> Result<Catalog> {
    Bacpac::open(path, BacpacOptions::default())?.discover().await
}

/// What is wrong with a file.
pub(crate) async fn refusal(path: &Path) -> Error {
    match discover(path).await {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(error) => error,
    }
}

impl Reading {
    /// Plans the whole file with a replacing text policy and PostGIS.
    pub(crate) async fn of(path: &Path) -> Self {
        let mapping = Mapping {
            nul: TextPolicy::Replace,
            ..Mapping::default()
        };
        Self::with(path, BacpacOptions::default(), &mapping)
            .await
            .unwrap()
    }

    pub(crate) async fn with(path: &Path, options: BacpacOptions, mapping: &Mapping) -> Result<Self> {
        let source = Bacpac::open(path, options)?;
        let catalog = source.discover().await?;
        let plan = migrate_core::planner::plan(
            &catalog,
            mapping,
            &Target {
                postgis: true,
                ..Target::default()
            },
        )?;
        let snapshot = source.snapshot(&plan).await?;
        Ok(Self { plan, snapshot })
    }

    pub(crate) fn table(&self, schema: &str, name: &str) -> &TablePlan {
        self.plan.table(&ObjectName::new(schema, name)).unwrap()
    }

    /// All rows of a table.
    pub(crate) async fn rows(&self, schema: &str, name: &str) -> Vec<Json> {
        let batches = self.batches(schema, name, 1 << 20, false).await.unwrap();
        assert!(
            batches.iter().all(|b| b.rejects.is_empty()),
            "{:?}",
            batches[0].rejects
        );
        let table = self.table(schema, name);
        let columns: Vec<_> = table.copied().map(|c| (c.source.as_str(), &c.ty)).collect();
        let rows = batches.iter().flat_map(Batch::iter);
        rows.map(|row| decode_row(columns.iter().copied(), row).unwrap())
            .collect()
    }

    /// All batches of a table. With `restart`, a new reader goes on after every batch.
    pub(crate) async fn batches(
        &self,
        schema: &str,
        name: &str,
        bytes: usize,
        restart: bool,
    ) -> Result<Vec<Batch>> {
        let table = self.table(schema, name);
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        let encoder = Arc::new(RowEncoder::compile(&specs)?);
        let mut out = Vec::new();
        for chunk in self.snapshot.split(table, ChunkGoal::default()).await? {
            let mut after: Option<Cursor> = None;
            let mut reader = self.snapshot.read(table, &chunk, None).await?;
            let mut builder = BatchBuilder::new(encoder.clone(), bytes);
            loop {
                if restart && after.is_some() {
                    reader = self.snapshot.read(table, &chunk, after.as_ref()).await?;
                }
                let fill = reader.fill(&mut builder).await?;
                out.push(builder.take()?);
                after = reader.cursor();
                if fill == Fill::End {
                    break;
                }
            }
        }
        Ok(out)
    }
}
