//! `.bacpac` files: a zip with `model.xml` (the schema), `Origin.xml` (checksums and totals) and the rows of each table as
//! native bulk-copy files.
//!
//! Everything is streamed out of the zip; memory does not depend on the size of tables or part files. [`Check`] says
//! whether the whole file is read once by [`Source::discover`], so that damage is found before anything is written, or
//! whether each part is checked as its rows are copied.

mod archive;
mod bound;
mod cells;
mod filter;
mod inflate;
mod layout;
mod model;
mod origin;
mod parts;
mod read;
mod rows;
mod scan;
mod split;
mod window;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::catalog::{Catalog, ManualObject, ObjectName, SourceInfo};
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::source::{Capabilities, ChunkReader, Snapshot, Source};
use migrate_core::{Error, Result};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use self::archive::Archive;
use self::bound::RowBound;
use self::layout::StoredColumn;
use self::model::Model;
use self::origin::Origin;
use self::read::{PartsReader, Wanted};
use self::scan::TableParts;
use crate::classify::{config, corrupt, internal};

/// `model.xml` of real databases has a few megabytes; nobody's is larger than this.
const LARGEST_MODEL: u64 = 512 << 20;

/// How a `.bacpac` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacpacOptions {
    /// When the data is checked.
    pub check: Check,
    /// Threads that check the data.
    pub threads: usize,
}

/// When the data of a `.bacpac` file is checked: checksums, the structure of every row, and the total of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    /// By [`Source::discover`], which reads all of it once.
    #[default]
    Before,
    /// While it is copied, so that it is read only once: damage is found before the migration is complete, but after it was
    /// begun, and numbers of rows are not known in advance. Tables whose layout has to be proved are read before all the
    /// same.
    While,
    /// Before, up to 64 MiB of inflated data; else while it is copied.
    BySize,
}

/// Up to here, [`Check::BySize`] checks before.
const CHECKED_BEFORE: u64 = 64 << 20;

impl Check {
    /// Whether so many bytes are read before.
    fn before(self, bytes: u64) -> bool {
        match self {
            Self::Before => true,
            Self::While => false,
            Self::BySize => bytes <= CHECKED_BEFORE,
        }
    }
}

impl Default for BacpacOptions {
    /// Checks everything, with as many threads as there are processors.
    fn default() -> Self {
        Self {
            check: Check::Before,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// A `.bacpac` file as a source.
///
/// A plan's `where` is carried out row by row, in a small language: comparisons of a column with literals, `is null`,
/// `in`, `between` and `like`, joined by `and`, `or` and `not`. Text is compared by its UTF-16 units, case included,
/// whatever the column's collation; anything else is refused before a row is read.
pub struct Bacpac {
    archive: Arc<Archive>,
    options: BacpacOptions,
    known: OnceCell<Arc<Known>>,
}

/// What was found out about the file.
struct Known {
    catalog: Catalog,
    stored: HashMap<ObjectName, Vec<StoredColumn>>,
    tables: HashMap<ObjectName, TableParts>,
    total: Option<u64>,
    /// Whether some parts were not read yet.
    unread: bool,
}

impl Bacpac {
    /// Opens the file and reads the archive's directory, nothing more.
    ///
    /// # Errors
    /// [`Io`](migrate_core::ErrorKind::Io) or [`Permission`](migrate_core::ErrorKind::Permission) if the file cannot be
    /// read; [`Corrupt`](migrate_core::ErrorKind::Corrupt) if it is not a complete zip archive, or if an entry has an
    /// impossible size, shares bytes or a name with another, or has a name that points outside of the archive;
    /// [`Unsupported`](migrate_core::ErrorKind::Unsupported) for encrypted entries and other compressions than deflate.
    pub fn open(path: impl AsRef<Path>, options: BacpacOptions) -> Result<Self> {
        let archive = Arc::new(Archive::open(path.as_ref())?);
        Ok(Self {
            archive,
            options,
            known: OnceCell::new(),
        })
    }

    /// Whether data is checked only while it is copied, as far as the archive's directory tells.
    fn checks_late(&self) -> bool {
        let data = self.archive.entries().filter(|e| e.name.starts_with("Data/"));
        !self.options.check.before(data.map(|e| e.size).sum())
    }

    async fn known(&self) -> Result<Arc<Known>> {
        let known = self.known.get_or_try_init(|| async {
            let (archive, options) = (self.archive.clone(), self.options);
            let found = tokio::task::spawn_blocking(move || examine(&archive, options)).await;
            found
                .map_err(|e| internal("examining the file was interrupted").because(e))?
                .map(Arc::new)
        });
        known.await.cloned()
    }
}

impl fmt::Debug for Bacpac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bacpac")
            .field("file", &self.archive.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Reads and checks everything that the options ask for.
fn examine(archive: &Archive, options: BacpacOptions) -> Result<Known> {
    let in_file = |e: Error| e.at("file", &*archive.name);
    let origin = Origin::read(archive)?;
    if origin.with_data == Some(false) {
        return Err(in_file(
            corrupt("the file says that it holds no data, so it is a schema only")
                .hint("export a .bacpac (SqlPackage /Action:Export), not a .dacpac"),
        ));
    }
    let entry = archive
        .find("model.xml")
        .ok_or_else(|| in_file(corrupt("the archive has no model.xml, so it is not a .bacpac")))?;
    let in_model = |e: Error| in_file(e.at("entry", &entry.name));
    if entry.size > LARGEST_MODEL {
        return Err(in_model(corrupt(format!(
            "the model claims {} bytes, which no model has",
            entry.size
        ))));
    }
    let hash = origin::sha256(archive, entry)?;
    if let Some(stated) = &origin.model_hash
        && *stated != hash
    {
        return Err(in_model(
            corrupt(format!(
                "the SHA-256 of model.xml is {hash}, but Origin.xml states {stated}"
            ))
            .hint("the file was changed after the export, or is damaged; export it again"),
        ));
    }
    let info = SourceInfo {
        kind: "bacpac".to_owned(),
        name: archive.name.to_string(),
        version: origin.server.clone(),
        collation: None,
        fingerprint: fingerprint(archive, &hash),
    };
    let Model { mut catalog, stored } = Model::read(archive.reader(entry)?, info).map_err(in_model)?;
    let parts = parts::by_table(archive, catalog.tables.iter().map(|t| &t.name))?;
    let bytes: u64 = parts.values().flatten().map(|entry| entry.size).sum();
    let tables = scan::scan(
        archive,
        &stored,
        parts,
        origin.rows,
        options.threads.max(1),
        options.check.before(bytes),
    )?;
    scan::check_total(&tables, origin.rows).map_err(in_file)?;
    for table in &mut catalog.tables {
        let found = tables.get(&table.name);
        table.rows = match found {
            Some(parts) => parts.rows(),
            None => Some(0),
        };
        table.bytes = Some(found.map_or(0, TableParts::bytes));
        if found.is_none() && left_out(&origin.tables, &table.name) {
            table
                .notes
                .push("the export left this table's rows out".to_owned());
        }
        if let (Some(parts), Some(columns)) = (found, stored.get(&table.name)) {
            restate(table, columns, parts);
        }
    }
    if origin.rows.is_none() || origin.model_hash.is_none() {
        catalog.manual.push(ManualObject {
            kind: "proof of completeness".to_owned(),
            name: archive.name.to_string(),
            definition: String::new(),
            reason: "its Origin.xml does not state the total of rows and the checksum of the model, so that parts could be \
                     missing unnoticed: compare the numbers of rows with the source"
                .to_owned(),
        });
    }
    let unread = tables.values().any(|t| t.rows().is_none());
    Ok(Known {
        catalog,
        stored,
        tables,
        total: origin.rows,
        unread,
    })
}

/// Whether a table is missing from the list of tables whose rows were exported. The list has no escapes, so it is not
/// asked about names that it could not tell apart.
fn left_out(exported: &[String], table: &ObjectName) -> bool {
    let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || "_$ #@-".contains(c));
    let known = !exported.is_empty() && plain(&table.schema) && plain(&table.name);
    known && !exported.contains(&table.to_string())
}

/// Corrects the types of columns whose scale the model does not state and the data does.
fn restate(table: &mut migrate_core::catalog::Table, columns: &[StoredColumn], parts: &TableParts) {
    for stored in columns {
        let proven = stored.native(parts.choice);
        if proven == stored.native {
            continue;
        }
        if let Some(column) = table.columns.iter_mut().find(|c| c.name == stored.name) {
            column.native = proven.to_string();
            column.alias = None;
            column.pg = proven.pg();
            column.fidelity = proven.fidelity();
        }
    }
}

/// SHA-256 over the model's hash and what the directory says about every data entry.
fn fingerprint(archive: &Archive, model: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(model);
    for entry in archive.entries().filter(|e| e.name.starts_with("Data/")) {
        hash.update(format!("\n{} {} {:08x}", entry.name, entry.size, entry.crc));
    }
    hex::encode(hash.finalize())
}

#[async_trait]
impl Source for Bacpac {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            filter: true,
            checked_late: self.checks_late(),
            ..Capabilities::default()
        }
    }

    async fn discover(&self) -> Result<Catalog> {
        Ok(self.known().await?.catalog.clone())
    }

    async fn snapshot(&self, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
        let known = self.known().await?;
        let mut wanted = HashMap::new();
        for table in &plan.tables {
            let stored = known.stored.get(&table.source).ok_or_else(|| {
                config("the plan has a table that the file does not have").at("table", &table.source)
            })?;
            wanted.insert(table.source.clone(), Arc::new(Wanted::new(table, stored)?));
        }
        Ok(Arc::new(BacpacSnapshot {
            archive: self.archive.clone(),
            bound: Arc::new(RowBound::new(known.total, known.tables.values())),
            threads: self.options.threads.max(1),
            known,
            wanted,
        }))
    }
}

/// The file itself: it does not change.
struct BacpacSnapshot {
    archive: Arc<Archive>,
    known: Arc<Known>,
    wanted: HashMap<ObjectName, Arc<Wanted>>,
    bound: Arc<RowBound>,
    threads: usize,
}

impl BacpacSnapshot {
    /// Reads what the plan left out and nobody has counted, and says how many rows that is.
    async fn count_others(&self, read: &[(ObjectName, u64)]) -> Result<u64> {
        let others: HashMap<_, _> = (self.known.tables.iter())
            .filter(|(name, parts)| parts.rows().is_none() && !read.iter().any(|(taken, _)| taken == *name))
            .map(|(name, parts)| {
                let entries = parts.parts.iter().map(|p| p.entry.clone()).collect();
                (name.clone(), entries)
            })
            .collect();
        if others.is_empty() {
            return Ok(0);
        }
        let (archive, known, threads) = (self.archive.clone(), self.known.clone(), self.threads);
        let counted = tokio::task::spawn_blocking(move || {
            scan::scan(&archive, &known.stored, others, known.total, threads, true)
        });
        let counted = counted
            .await
            .map_err(|e| internal("counting rows was interrupted").because(e))??;
        Ok(counted.values().filter_map(TableParts::rows).sum())
    }
}

#[async_trait]
impl Snapshot for BacpacSnapshot {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> Result<Vec<Chunk>> {
        match self.known.tables.get(&table.source) {
            Some(parts) => split::split(&table.source, parts, goal),
            None => Ok(Vec::new()),
        }
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> Result<Box<dyn ChunkReader>> {
        let (Some(stored), Some(wanted)) = (
            self.known.stored.get(&table.source),
            self.wanted.get(&table.source),
        ) else {
            return Err(internal("a chunk of a table that is not in the plan").at("table", &table.source));
        };
        let bound = self.bound.clone();
        let reader = PartsReader::new(self.archive.clone(), stored, wanted.clone(), bound, chunk, after)?;
        Ok(Box::new(reader))
    }

    async fn verify(&self, read: &[(ObjectName, u64)]) -> Result<()> {
        for (table, rows) in read {
            let counted = match self.known.tables.get(table) {
                Some(parts) => parts.rows(),
                None => Some(0),
            };
            if counted.is_some_and(|n| n != *rows) {
                return Err(corrupt(format!(
                    "{rows} rows were read where {} were counted before",
                    counted.unwrap_or_default()
                ))
                .at("table", table)
                .at("file", &*self.archive.name));
            }
        }
        let Some(total) = self.known.total.filter(|_| self.known.unread) else {
            return Ok(());
        };
        // The file's own total speaks only for all tables together.
        let counted_before: u64 = (self.known.tables.iter())
            .filter(|(name, _)| !read.iter().any(|(taken, _)| taken == *name))
            .filter_map(|(_, parts)| parts.rows())
            .sum();
        let sum =
            read.iter().map(|(_, rows)| rows).sum::<u64>() + counted_before + self.count_others(read).await?;
        if total != sum {
            return Err(corrupt(format!(
                "the file holds {sum} rows, but its Origin.xml states {total}"
            ))
            .at("file", &*self.archive.name)
            .hint("parts are missing or were exchanged; export the database again"));
        }
        Ok(())
    }
}
