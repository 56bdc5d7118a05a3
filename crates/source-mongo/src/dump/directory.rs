//! Dumps as directories, plain or gzip, and single files of documents.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::{Error, Result};

use super::file::DumpFile;
use super::fingerprint::Fingerprint;
use super::gzip::Gunzip;
use super::layout::{Described, Layout, OPLOG, choose, join};
use super::metadata::{Metadata, server_version};
use super::names::{FileName, Holds, check_collection, check_database, database_of};
use crate::classify::{config, corrupt, io as io_error};

/// Metadata of real collections has a few kilobytes; nobody's is larger than this.
const LARGEST_METADATA: u64 = 64 << 20;

/// A directory's entries by name, subdirectories apart.
struct Entries {
    files: BTreeMap<String, PathBuf>,
    directories: BTreeMap<String, PathBuf>,
}

impl Entries {
    fn list(path: &Path) -> Result<Self> {
        let unreadable = |e| io_error("cannot list the directory", e).at("directory", path.display());
        let mut entries = Self {
            files: BTreeMap::new(),
            directories: BTreeMap::new(),
        };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().and_then(|n| n.to_str()).map(str::to_owned) else {
                return Err(corrupt("the name of a file is not UTF-8")
                    .at("file", path.display())
                    .hint("mongodump escapes such names; rename the file"));
            };
            // Follows links, so that a dump may be put together from several disks.
            let kind = fs::metadata(&path)
                .map_err(|e| io_error("cannot read the file", e).at("file", path.display()))?;
            if kind.is_dir() {
                entries.directories.insert(name, path);
            } else if kind.is_file() {
                entries.files.insert(name, path);
            }
        }
        Ok(entries)
    }

    /// Whether there are files of collections in it. An `oplog.bson` alone is none.
    fn is_database(&self) -> bool {
        self.files.keys().any(|name| {
            FileName::parse(name).is_some_and(|file| file.stem != "oplog" || file.holds == Holds::Metadata)
        })
    }

    fn has_oplog(&self) -> bool {
        ["oplog.bson", "oplog.bson.gz"]
            .iter()
            .any(|name| self.files.contains_key(*name))
    }

    fn databases(&self) -> Result<BTreeMap<String, (PathBuf, Self)>> {
        let mut found = BTreeMap::new();
        for (name, path) in &self.directories {
            let inside = Self::list(path)?;
            if inside.is_database() {
                found.insert(name.clone(), (path.clone(), inside));
            }
        }
        Ok(found)
    }

    /// The server's version from the `prelude.json` that newer tools write.
    fn version(&self) -> Result<Option<String>> {
        for (name, gzip) in [("prelude.json", false), ("prelude.json.gz", true)] {
            if let Some(path) = self.files.get(name) {
                let json = whole(path, gzip)?;
                return server_version(&json).map_err(|e| e.at("file", path.display()));
            }
        }
        Ok(None)
    }
}

/// Whether a directory looks like a dump or like one database of a dump.
pub(super) fn is_directory_dump(path: &Path) -> bool {
    Entries::list(path).is_ok_and(|entries| {
        entries.is_database() || entries.databases().is_ok_and(|databases| !databases.is_empty())
    })
}

/// Finds a database in a directory: the dump's, or the database's own.
pub(super) fn open_directory(path: &Path, wanted: Option<&str>) -> Result<Layout> {
    let top = Entries::list(path)?;
    let databases = top.databases()?;
    let in_dump = |e: Error| e.at("dump", path.display());
    match (databases.is_empty(), top.is_database()) {
        (true, true) => {
            let name = match wanted {
                Some(name) => name.to_owned(),
                None => own_name(path)?,
            };
            let version = top.version()?;
            read_database(name, &top, version, Vec::new())
        }
        (false, false) => {
            let name = choose(databases.keys().map(String::as_str), wanted).map_err(in_dump)?;
            let (_, inside) = &databases[name];
            check_database(name).map_err(in_dump)?;
            let version = match inside.version()? {
                Some(version) => Some(version),
                None => top.version()?,
            };
            let mut notes = Vec::new();
            if top.has_oplog() {
                notes.push(OPLOG.to_owned());
            }
            read_database(name.to_owned(), inside, version, notes)
        }
        (false, true) => Err(in_dump(
            config("the directory holds both collections and databases")
                .hint("name the directory of one database, such as dump/crm"),
        )),
        (true, false) => Err(in_dump(
            config("there is no dump in the directory").hint(
                "it should hold a directory for each database, with a .bson and a .metadata.json file for each collection",
            ),
        )),
    }
}

/// A single file of documents.
pub(super) fn open_file(path: &Path, wanted: Option<&str>) -> Result<Layout> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let file = FileName::parse(name)
        .filter(|file| file.holds == Holds::Data)
        .ok_or_else(|| {
            config("the file is neither a mongodump archive nor a .bson or .bson.gz file")
                .at("file", path.display())
        })?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let database = match wanted {
        Some(name) => name.to_owned(),
        None => own_name(parent)?,
    };
    let mut files = BTreeMap::from([(name.to_owned(), path.to_owned())]);
    for suffix in [".metadata.json", ".metadata.json.gz"] {
        let beside = format!("{}{suffix}", file.stem);
        let at = parent.join(&beside);
        if at.is_file() {
            files.insert(beside, at);
        }
    }
    let entries = Entries {
        files,
        directories: BTreeMap::new(),
    };
    read_database(database, &entries, None, Vec::new())
}

/// A directory's name, which is its database's; where it cannot be one, with what is not allowed replaced.
fn own_name(path: &Path) -> Result<String> {
    let full = fs::canonicalize(path)
        .map_err(|e| io_error("cannot find the directory", e).at("directory", path.display()))?;
    let name = full
        .file_name()
        .map_or_else(|| "dump".into(), |n| n.to_string_lossy().into_owned());
    Ok(database_of(&name))
}

fn read_database(
    database: String,
    entries: &Entries,
    version: Option<String>,
    mut notes: Vec<String>,
) -> Result<Layout> {
    let mut described = BTreeMap::<String, Described>::new();
    let mut data = BTreeMap::<String, Option<Arc<DumpFile>>>::new();
    let mut fingerprint = Fingerprint::new(&database);
    // Cut names are stated by the metadata, so those come first.
    let mut cut = BTreeMap::new();
    let files: Vec<_> = entries
        .files
        .iter()
        .filter_map(|(name, path)| FileName::parse(name).map(|file| (file, path)))
        .collect();
    for (file, path) in files.iter().filter(|(file, _)| file.holds == Holds::Metadata) {
        let place = |e: Error| e.at("file", path.display());
        let json = whole(path, file.gzip)?;
        fingerprint.add(file.stem.as_bytes());
        fingerprint.add(&json);
        let metadata = Metadata::parse(&json, None).map_err(place)?;
        let name = match &metadata.name {
            Some(name) if file.is_cut() => {
                check_collection(name).map_err(place)?;
                cut.insert(file.stem.clone(), name.clone());
                name.clone()
            }
            _ => file.collection().map_err(place)?,
        };
        let described_here = Described {
            metadata,
            place: path.display().to_string(),
        };
        if let Some(before) = described.insert(name.clone(), described_here) {
            return Err(twice(&name, &before.place, path));
        }
    }
    for (file, path) in files.iter().filter(|(file, _)| file.holds == Holds::Data) {
        let place = |e: Error| e.at("file", path.display());
        let name = match cut.get(&file.stem) {
            Some(name) => name.clone(),
            None if file.is_cut() => {
                return Err(place(
                    corrupt(
                        "the file's name is cut off, and the metadata that states the whole name is missing",
                    )
                    .hint("copy the .metadata.json file beside it, or rename the file"),
                ));
            }
            None => file.collection().map_err(place)?,
        };
        let found = Arc::new(DumpFile::new(path, path.display().to_string(), file.gzip)?);
        fingerprint.add(name.as_bytes());
        fingerprint.add_file(&found)?;
        if let Some(Some(before)) = data.insert(name.clone(), Some(found)) {
            return Err(twice(&name, before.name(), path));
        }
    }
    let stored = join(described, data, &mut notes)?;
    Ok(Layout {
        database,
        version,
        stored,
        archive: None,
        notes,
        fingerprint: fingerprint.finish(),
    })
}

fn twice(name: &str, before: &str, path: &Path) -> Error {
    corrupt(format!("the collection {name:?} is there twice"))
        .at("file", before)
        .at("second file", path.display())
        .hint("plain and compressed dumps do not belong into one directory; remove one of the files")
}

/// Reads a small file.
fn whole(path: &Path, gzip: bool) -> Result<Vec<u8>> {
    let place = |e: Error| e.at("file", path.display());
    let file = fs::File::open(path).map_err(|e| place(io_error("cannot open the file", e)))?;
    let mut bytes = Vec::new();
    if gzip {
        let mut gunzip = Gunzip::new(file, None);
        let mut part = vec![0; 64 << 10];
        loop {
            let n = gunzip.read(&mut part).map_err(place)?;
            bytes.extend_from_slice(&part[..n]);
            if n < part.len() || bytes.len() as u64 > LARGEST_METADATA {
                break;
            }
        }
    } else {
        file.take(LARGEST_METADATA + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| place(io_error("cannot read the file", e)))?;
    }
    if bytes.len() as u64 > LARGEST_METADATA {
        return Err(place(corrupt("the metadata is larger than any collection's")));
    }
    Ok(bytes)
}
