//! The archive format of `mongodump --archive`, as the MongoDB tools describe it in their `common/archive/spec.md`:
//!
//! ```text
//! archive  = 6d e2 99 81, header, collection's metadata ..., terminator, block ...
//! block    = { db, collection, EOF: false, CRC: 0 }, document ..., terminator
//!          | { db, collection, EOF: true, CRC }, terminator
//! ```
//!
//! Headers and metadata are BSON documents; a terminator is `ff ff ff ff`. Blocks of several collections come mixed. The
//! CRC-64 (ECMA-182) is that of all documents of the collection.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use migrate_core::{Error, Result};

use super::file::DumpFile;
use super::fingerprint::Fingerprint;
use super::frames::{Frames, Framing, TERMINATOR_LENGTH};
use super::gzip::Gunzip;
use super::layout::{Described, Layout, OPLOG, choose, join};
use super::metadata::{Kind, Metadata};
use super::names::{BUCKETS, check_collection, check_database, is_system};
use crate::classify::{config, corrupt, io as io_error, unsupported};
use crate::raw::{BsonRef, Document};
use crate::store::Page;

/// The first bytes of every archive.
pub(super) const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];

/// The only version there is.
const VERSION: &str = "0.1";

const DAMAGED: &str = "the archive is damaged or incomplete; copy it or dump again";

/// Which way a file is an archive, if it is one.
pub(super) fn recognise(path: &Path) -> Result<Option<Compression>> {
    let unreadable = |e| io_error("cannot read the file", e).at("file", path.display());
    let mut first = [0; 4];
    let mut file = File::open(path).map_err(unreadable)?;
    let n = file.by_ref().take(4).read(&mut first).map_err(unreadable)?;
    if n == 4 && first == MAGIC {
        return Ok(Some(Compression::None));
    }
    if first.starts_with(&[0x1f, 0x8b]) {
        let file = File::open(path).map_err(unreadable)?;
        let mut inflated = [0; 4];
        // A damaged gzip file is no archive, as far as can be seen.
        if matches!(Gunzip::new(file, None).read(&mut inflated), Ok(4)) && inflated == MAGIC {
            return Ok(Some(Compression::Gzip));
        }
    }
    Ok(None)
}

/// Whether an archive is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
}

/// What comes before the first block.
pub(super) struct Prelude {
    server: Option<String>,
    /// Metadata by database and collection.
    described: BTreeMap<String, BTreeMap<String, Described>>,
    fingerprint: Fingerprint,
}

impl Prelude {
    /// Reads the prelude; the frames then stand before the first block.
    pub(super) fn read(file: &Arc<DumpFile>, frames: &mut Frames, page: &mut Page) -> Result<(Self, usize)> {
        let mut magic = [0; 4];
        let n = frames.skip(&mut magic)?;
        if n < 4 || magic != MAGIC {
            return Err(file.place_at(corrupt("the file is not a mongodump archive").hint(DAMAGED), 0));
        }
        let mut prelude = Self {
            server: None,
            described: BTreeMap::new(),
            fingerprint: Fingerprint::new(""),
        };
        let mut nth = 0_u64;
        loop {
            frames.fill(page)?;
            if page.documents.is_empty() {
                return Err(file.place_at(
                    corrupt("the archive ends inside of its list of collections").hint(DAMAGED),
                    frames.offset(),
                ));
            }
            for (i, range) in page.documents.iter().enumerate() {
                let at = page.offset + range.start as u64;
                let place = |e: Error| file.place_at(e, at);
                let bytes = &page.bytes[range.clone()];
                if bytes.len() == TERMINATOR_LENGTH {
                    if nth == 0 {
                        return Err(place(corrupt("the archive has no header").hint(DAMAGED)));
                    }
                    return Ok((prelude, i + 1));
                }
                prelude.fingerprint.add(bytes);
                if nth == 0 {
                    prelude.server = header(bytes).map_err(place)?;
                } else {
                    prelude.collection(bytes, file, at).map_err(place)?;
                }
                nth += 1;
            }
        }
    }

    fn collection(&mut self, bytes: &[u8], file: &DumpFile, at: u64) -> Result<()> {
        let document = Document::new(bytes)?;
        let database = text(document, "db")?.unwrap_or_default();
        let collection = text(document, "collection")?.unwrap_or_default();
        check(database, collection)?;
        let json = text(document, "metadata")?.unwrap_or_default();
        let metadata = Metadata::parse(json.as_bytes(), text(document, "type")?)
            .map_err(|e| e.at("collection", format!("{database}.{collection}")))?;
        let described = Described {
            metadata,
            place: format!("offset {at} of {}", file.name()),
        };
        let before = self
            .described
            .entry(database.to_owned())
            .or_default()
            .insert(collection.to_owned(), described);
        if before.is_some() {
            return Err(corrupt(format!(
                "the archive lists the collection {database}.{collection} twice"
            ))
            .hint(DAMAGED));
        }
        Ok(())
    }

    /// Whether the archive may hold documents of that name.
    pub(super) fn lists(&self, database: &str, collection: &str) -> bool {
        let described = collection.strip_prefix(BUCKETS).unwrap_or(collection);
        let of = self.described.get(database);
        is_system(described) || of.is_some_and(|c| c.contains_key(described) || c.contains_key(collection))
    }

    /// The collections whose documents the archive must hold, by database and collection.
    pub(super) fn expected(&self) -> impl Iterator<Item = (&str, String)> {
        self.described.iter().flat_map(|(database, collections)| {
            collections
                .iter()
                .filter(|(_, d)| d.metadata.kind != Kind::View)
                .map(|(name, d)| {
                    let data = match d.metadata.kind {
                        Kind::TimeSeries => format!("{BUCKETS}{name}"),
                        _ => name.clone(),
                    };
                    (database.as_str(), data)
                })
        })
    }
}

/// Finds a database in an archive.
pub(super) fn open(path: &Path, compression: Compression, wanted: Option<&str>) -> Result<Layout> {
    let gzip = compression == Compression::Gzip;
    let file = Arc::new(DumpFile::new(path, path.display().to_string(), gzip)?);
    let mut frames = Frames::all(&file, Framing::Archive, 0)?;
    let (mut prelude, _) = Prelude::read(&file, &mut frames, &mut Page::default())?;
    let mut notes = Vec::new();
    if prelude
        .described
        .remove("")
        .is_some_and(|own| own.contains_key("oplog"))
    {
        notes.push(OPLOG.to_owned());
    }
    let name = choose(prelude.described.keys().map(String::as_str), wanted)
        .map_err(|e| file.place(e))?
        .to_owned();
    let described = prelude
        .described
        .remove(&name)
        .ok_or_else(|| config("the dump has no database in it"))?;
    let data = described
        .iter()
        .filter(|(_, d)| d.metadata.kind != Kind::View)
        .map(|(name, d)| match d.metadata.kind {
            Kind::TimeSeries => (format!("{BUCKETS}{name}"), None),
            _ => (name.clone(), None),
        })
        .collect();
    let mut fingerprint = prelude.fingerprint;
    fingerprint.add(name.as_bytes());
    fingerprint.add_file(&file)?;
    let stored = join(described, data, &mut notes)?;
    Ok(Layout {
        database: name,
        version: prelude.server,
        stored,
        archive: Some(file),
        notes,
        fingerprint: fingerprint.finish(),
    })
}

/// The header states versions.
fn header(bytes: &[u8]) -> Result<Option<String>> {
    let document = Document::new(bytes)?;
    match text(document, "version")? {
        Some(VERSION) => {}
        Some(other) => {
            return Err(unsupported(format!(
                "the archive's format has the version {other:?}, and only {VERSION} is known"
            )));
        }
        None => return Err(corrupt("the archive's header states no version").hint(DAMAGED)),
    }
    Ok(text(document, "server_version")?
        .filter(|v| !v.is_empty())
        .map(str::to_owned))
}

/// A text field of a header.
fn text<'a>(document: Document<'a>, name: &str) -> Result<Option<&'a str>> {
    match document.get(name)? {
        None => Ok(None),
        Some(BsonRef::String(text)) => match text.as_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(corrupt(format!("the field {name:?} of a header is not UTF-8")).hint(DAMAGED)),
        },
        Some(_) => Err(corrupt(format!("the field {name:?} of a header is not a string")).hint(DAMAGED)),
    }
}

fn check(database: &str, collection: &str) -> Result<()> {
    check_collection(collection)?;
    if database.is_empty() && collection == "oplog" {
        return Ok(());
    }
    check_database(database)
}

/// The header of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader<'a> {
    pub(super) database: &'a str,
    pub(super) collection: &'a str,
    /// The CRC of all its documents, where no more follow.
    pub(super) complete: Option<u64>,
}

fn block_header(bytes: &[u8]) -> Result<BlockHeader<'_>> {
    let document = Document::new(bytes)?;
    let bad = |what: &str| corrupt(format!("the header of a block {what}")).hint(DAMAGED);
    let database = text(document, "db")?.ok_or_else(|| bad("names no database"))?;
    let collection = text(document, "collection")?.ok_or_else(|| bad("names no collection"))?;
    check(database, collection)?;
    let ends = match document.get("EOF")? {
        Some(BsonRef::Bool(ends)) => ends,
        _ => return Err(bad("does not say whether the collection ends")),
    };
    let crc = match document.get("CRC")? {
        Some(BsonRef::Int64(crc)) => crc as u64,
        _ => return Err(bad("has no CRC")),
    };
    if !ends && crc != 0 {
        return Err(bad("states a CRC before the collection ends"));
    }
    Ok(BlockHeader {
        database,
        collection,
        complete: ends.then_some(crc),
    })
}

/// What a frame of an archive is, by what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Before a header.
    Between,
    /// After the header of a block with documents.
    Inside,
    /// After a header that ends a collection.
    Ending,
}

/// A frame's meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// It begins a block.
    Header(BlockHeader<'a>),
    /// It is a document of the current block's collection.
    Document,
    /// It ends the block.
    End,
}

impl Block {
    /// Takes the next frame.
    #[inline]
    pub(super) fn step<'a>(&mut self, frame: &'a [u8]) -> Result<Step<'a>> {
        let terminator = frame.len() == TERMINATOR_LENGTH;
        match (*self, terminator) {
            (Self::Inside, false) => Ok(Step::Document),
            (Self::Inside | Self::Ending, true) => {
                *self = Self::Between;
                Ok(Step::End)
            }
            (Self::Between, false) => {
                let header = block_header(frame)?;
                *self = match header.complete {
                    Some(_) => Self::Ending,
                    None => Self::Inside,
                };
                Ok(Step::Header(header))
            }
            (Self::Between, true) => Err(corrupt("a block ends where none has begun").hint(DAMAGED)),
            (Self::Ending, false) => {
                Err(corrupt("a document follows where a collection was said to end").hint(DAMAGED))
            }
        }
    }

    /// Whether an archive may end here.
    ///
    /// # Errors
    /// [`Corrupt`](migrate_core::ErrorKind::Corrupt) inside of a block.
    pub(super) fn may_end(self) -> Result<()> {
        match self {
            Self::Between => Ok(()),
            _ => Err(corrupt("the archive ends inside of a block").hint(DAMAGED)),
        }
    }
}
