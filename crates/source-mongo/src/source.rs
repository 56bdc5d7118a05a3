//! MongoDB as a [`Source`].

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::chunk::{Chunk, ChunkGoal, ChunkId, Cursor};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{Capabilities, ChunkReader, Snapshot, Source};
use tokio::sync::OnceCell;

use crate::classify::{config, internal};
use crate::config::MongoConfig;
use crate::dump::{self, DumpOptions};
use crate::infer::{CollectionReport, infer, reports};
use crate::live::LiveStore;
use crate::mapping::{self, MongoOptions};
use crate::read::{Program, Reader};
use crate::shape::RowsFrom;
use crate::store::Store;

/// A MongoDB database as a source: of a live deployment, or of a dump.
///
/// [`Source::discover`] reads all documents once (or a sample, if the options say so) to find out what they hold, and
/// proposes tables for them; reading a table reads its collection again, so a collection with child tables is read once for
/// each. A plan's `where` is not supported.
pub struct Mongo {
    store: Arc<dyn Store>,
    kind: &'static str,
    options: MongoOptions,
    known: OnceCell<Arc<Known>>,
}

/// What was found out about the database.
struct Known {
    catalog: Catalog,
    reports: Vec<CollectionReport>,
}

impl Mongo {
    /// Connects to a deployment.
    ///
    /// # Errors
    /// [`Login`](migrate_core::ErrorKind::Login), [`Tls`](migrate_core::ErrorKind::Tls),
    /// [`Connection`](migrate_core::ErrorKind::Connection) and [`Permission`](migrate_core::ErrorKind::Permission) as their
    /// names say; [`Unsupported`](migrate_core::ErrorKind::Unsupported) for a server that the driver does not speak to any
    /// more; [`NotFound`](migrate_core::ErrorKind::NotFound) for a database without collections.
    pub async fn connect(config: &MongoConfig, options: MongoOptions) -> Result<Self> {
        let store = LiveStore::connect(config).await?;
        Ok(Self::new(Arc::new(store), "mongodb", options))
    }

    /// Opens what `mongodump` wrote: a directory, a single file or an archive, each plain or compressed by gzip.
    ///
    /// # Errors
    /// [`Config`](migrate_core::ErrorKind::Config) if it is no dump, or not the one database that was asked for;
    /// [`Corrupt`](migrate_core::ErrorKind::Corrupt), with file and offset, if its description is damaged;
    /// [`Io`](migrate_core::ErrorKind::Io) or [`Permission`](migrate_core::ErrorKind::Permission) if it cannot be read.
    /// Damage in the documents is found by [`Source::discover`].
    pub fn open_dump(path: impl AsRef<Path>, dump: &DumpOptions, options: MongoOptions) -> Result<Self> {
        Ok(Self::new(dump::open(path.as_ref(), dump)?, "mongodump", options))
    }

    fn new(store: Arc<dyn Store>, kind: &'static str, options: MongoOptions) -> Self {
        Self {
            store,
            kind,
            options,
            known: OnceCell::new(),
        }
    }

    /// What the documents hold: for each path its types, how often it is there, its bounds.
    ///
    /// # Errors
    /// As [`Source::discover`].
    pub async fn inspect(&self) -> Result<Vec<CollectionReport>> {
        Ok(self.known().await?.reports.clone())
    }

    /// What a person should know about how consistently the database is read; a run may add to it.
    pub fn notes(&self) -> Vec<String> {
        self.store.notes()
    }

    async fn known(&self) -> Result<&Arc<Known>> {
        self.known
            .get_or_try_init(|| async { self.examine().await.map(Arc::new) })
            .await
    }

    async fn examine(&self) -> Result<Known> {
        let collections = self.store.collections().await?;
        let references = mapping::looks_like_reference(&collections, &self.options);
        let found = infer(&self.store, &collections, self.options.sample_size(), references).await?;
        let mut catalog = mapping::catalog(self.store.info(), &collections, &found, &self.options)?;
        self.kind.clone_into(&mut catalog.source.kind);
        Ok(Known {
            catalog,
            reports: reports(&found),
        })
    }
}

impl fmt::Debug for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mongo")
            .field("store", &self.store.info().name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Mongo {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            inferred: self.kind == "mongodb",
            ..Capabilities::default()
        }
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(self.known().await?.catalog.clone())
    }

    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
        let known = self.known().await?;
        self.store.begin().await?;
        let mut programs = HashMap::new();
        for table in &plan.tables {
            if table.filter.is_some() {
                return Err(config("a `where` cannot be carried out on documents")
                    .at("table", &table.source)
                    .hint("leave it out, or delete the rows after the migration"));
            }
            let collection = RowsFrom::parse(&table.source.name)?.collection;
            if !known
                .catalog
                .tables
                .iter()
                .any(|t| t.name.name == RowsFrom::of(&collection).to_string())
            {
                return Err(
                    config("the plan has a table of a collection that the source does not have")
                        .at("table", &table.source),
                );
            }
            let program = Program::compile(plan, table, &known.catalog)?;
            programs.insert(table.source.clone(), Arc::new(program));
        }
        Ok(Arc::new(MongoSnapshot {
            store: Arc::clone(&self.store),
            programs,
        }))
    }
}

/// One reading of a database, as consistent as its store can.
struct MongoSnapshot {
    store: Arc<dyn Store>,
    programs: HashMap<ObjectName, Arc<Program>>,
}

impl MongoSnapshot {
    fn program(&self, table: &TablePlan) -> Result<&Arc<Program>> {
        let program = self.programs.get(&table.source);
        program
            .ok_or_else(|| internal("a chunk of a table that is not in the plan").at("table", &table.source))
    }
}

#[async_trait]
impl Snapshot for MongoSnapshot {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let program = self.program(table)?;
        let parts = self.store.split(program.collection(), goal).await?;
        let chunk = |(ordinal, part): (usize, crate::store::Part)| Chunk {
            id: ChunkId {
                table: table.source.clone(),
                ordinal: ordinal as u32,
            },
            token: part.token,
            // Nobody knows beforehand how many elements arrays have.
            rows: part.documents.filter(|_| program.is_root()),
            bytes: part.bytes,
        };
        Ok(parts.into_iter().enumerate().map(chunk).collect())
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        let program = self.program(table)?;
        let documents = self
            .store
            .open(program.collection(), &chunk.token, after, &program.fields)
            .await?;
        Ok(Box::new(Reader::new(documents, Arc::clone(program))))
    }
}
