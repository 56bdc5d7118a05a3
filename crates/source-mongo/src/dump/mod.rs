//! What `mongodump` wrote, read with no server: a dump's directory, one database's directory, a single file of
//! documents, an archive; each plain or compressed by gzip.
//!
//! ```text
//! layout (directory, archive)  ->  scan: lengths, checksums, places to split  ->  read: pages of documents
//!      names, metadata                points, ranges, gzip checkpoints              ranges of a file, frames
//! ```
//!
//! All places are offsets in the uncompressed file: a part is from one document's beginning to another's, a cursor is the
//! end of a document. So a plain file, a compressed one and an archive are read by the same code. Nothing is unpacked to
//! the disk, and memory does not depend on the size of files.

mod archive;
mod directory;
mod file;
mod fingerprint;
mod frames;
mod gzip;
mod layout;
mod metadata;
mod names;
mod points;
mod read;
mod scan;
mod series;
mod store;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use migrate_core::Result;

use self::archive::recognise;
use self::store::DumpStore;
use crate::classify::io as io_error;
use crate::store::Store;

/// How a dump is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpOptions {
    /// The database to read, where the dump holds several. For a single database's directory or file, whose name says
    /// which it is, another name for it.
    pub database: Option<String>,
    /// Threads that examine the files.
    pub threads: usize,
}

impl Default for DumpOptions {
    /// The only database, and as many threads as there are processors.
    fn default() -> Self {
        Self {
            database: None,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// Whether the path looks like what `mongodump` writes: an archive by its first bytes, a file of documents by its name, a
/// directory by the files in it or in its subdirectories. Nothing is checked; what cannot be read is no dump.
pub fn is_dump(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    if path.is_dir() {
        return directory::is_directory_dump(path);
    }
    let named = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".bson") || name.ends_with(".bson.gz"));
    path.is_file() && (named || recognise(path).is_ok_and(|archive| archive.is_some()))
}

/// Opens a dump: finds what is in it and reads its metadata. The documents are examined by [`Store::collections`] or
/// whatever else is asked first.
///
/// # Errors
/// [`Config`](migrate_core::ErrorKind::Config) if it is no dump, or holds several databases and none is chosen, or not
/// the chosen one; [`Corrupt`](migrate_core::ErrorKind::Corrupt), with file and offset, if what it states contradicts
/// itself; [`Io`](migrate_core::ErrorKind::Io) or [`Permission`](migrate_core::ErrorKind::Permission) if it cannot be
/// read.
pub(crate) fn open(path: &Path, options: &DumpOptions) -> Result<Arc<dyn Store>> {
    let wanted = options.database.as_deref();
    let meta = std::fs::metadata(path)
        .map_err(|e| io_error("cannot find the dump", e).at("dump", path.display()))?;
    let layout = if meta.is_dir() {
        directory::open_directory(path, wanted)?
    } else {
        match recognise(path)? {
            Some(compression) => archive::open(path, compression, wanted)?,
            None => directory::open_file(path, wanted)?,
        }
    };
    let name = path.display().to_string();
    Ok(Arc::new(DumpStore::new(layout, name, options.threads)))
}
