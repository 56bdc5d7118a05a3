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
use migrate_core::proof::Answer;
use migrate_core::source::{Capabilities, ChunkReader, GroupReader, Reach, Snapshot, Source};
use tokio::sync::{Mutex, OnceCell};

use crate::classify::{config, internal};
use crate::config::MongoConfig;
use crate::dump::{self, DumpOptions};
use crate::infer::{CollectionReport, infer, reports};
use crate::live::LiveStore;
use crate::mapping::{self, MongoOptions};
use crate::read::{Program, Reader};
use crate::shape::RowsFrom;
use crate::store::{Fields, Part, Store};

/// A MongoDB database as a source: of a live deployment, or of a dump.
///
/// [`Source::discover`] reads all documents once (or a sample, if the options say so) to find out what they hold, and
/// proposes tables for them; reading the tables reads each collection once more, its child tables with it. A plan's `where` is not supported.
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

    fn notes(&self) -> Vec<String> {
        self.store.notes()
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(self.known().await?.catalog.clone())
    }

    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        self.store.ask(query, limit).await
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
            parts: Mutex::default(),
        }))
    }
}

/// One reading of a database, as consistent as its store can.
struct MongoSnapshot {
    store: Arc<dyn Store>,
    programs: HashMap<ObjectName, Arc<Program>>,
    /// Collections' parts, and for which goal.
    parts: Mutex<HashMap<String, (ChunkGoal, Vec<Part>)>>,
}

impl MongoSnapshot {
    fn program(&self, table: &TablePlan) -> Result<&Arc<Program>> {
        let program = self.programs.get(&table.source);
        program
            .ok_or_else(|| internal("a chunk of a table that is not in the plan").at("table", &table.source))
    }
}

impl MongoSnapshot {
    /// Reads one part of a collection for some of its tables.
    async fn reader(&self, parts: &[(&TablePlan, &Chunk)], after: Option<&Cursor>) -> Result<Reader> {
        let programs = parts.iter().map(|(table, _)| self.program(table).map(Arc::clone));
        let programs: Vec<Arc<Program>> = programs.collect::<Result<_>>()?;
        let (Some(program), Some((_, chunk))) = (programs.first(), parts.first()) else {
            return Err(internal("nothing is to be read"));
        };
        let fields = programs
            .iter()
            .map(|p| &p.fields)
            .fold(Fields::Only(Vec::new()), Fields::and);
        let documents = self
            .store
            .open(program.collection(), &chunk.token, after, &fields)
            .await?;
        Ok(Reader::new(documents, &programs))
    }
}

#[async_trait]
impl Snapshot for MongoSnapshot {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        let program = self.program(table)?;
        let mut known = self.parts.lock().await;
        // All tables of a collection have the same parts, so that one reading serves them all.
        let parts = match known.get(program.collection()) {
            Some((of, parts)) if *of == goal => parts.clone(),
            _ => {
                let parts = self.store.split(program.collection(), goal).await?;
                known.insert(program.collection().to_owned(), (goal, parts.clone()));
                parts
            }
        };
        let chunk = |(ordinal, part): (usize, Part)| Chunk {
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

    fn reach(&self, _: &TablePlan) -> Reach {
        Reach {
            // A server finds an `_id` by its index, a dump's file has an offset or, packed, places to go on from.
            by_cursor: true,
            by_split: false,
        }
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        Ok(Box::new(self.reader(&[(table, chunk)], after).await?))
    }

    fn group(&self, table: &TablePlan) -> Option<String> {
        self.program(table)
            .ok()
            .map(|program| program.collection().to_owned())
    }

    async fn read_together(
        &self,
        parts: &[(&TablePlan, &Chunk)],
        after: Option<&Cursor>,
    ) -> Result<Box<dyn GroupReader>> {
        Ok(Box::new(self.reader(parts, after).await?))
    }
}
