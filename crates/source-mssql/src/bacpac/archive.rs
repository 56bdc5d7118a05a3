//! The zip container: its directory, and the rules that its entries have to keep.
//!
//! Only the directory is read here, by the `zip` crate. What entries hold is streamed by
//! [`EntryReader`](super::inflate::EntryReader), so nothing is ever unpacked to disk or held whole in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::{Error, Result};
use percent_encoding::percent_decode_str;
use zip::{CompressionMethod, ZipArchive};

use super::inflate::EntryReader;
use crate::classify::{corrupt, io, unsupported};

/// No deflate stream grows by more than this.
const MOST_INFLATION: u64 = 1032;

/// One file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name as the archive spells it.
    pub(crate) name: String,
    /// Its name with `%xx` resolved.
    pub(crate) decoded: String,
    /// Where its local header begins.
    pub(crate) header: u64,
    /// Bytes in the archive.
    pub(crate) compressed: u64,
    /// Bytes when inflated.
    pub(crate) size: u64,
    /// CRC-32 of the inflated bytes.
    pub(crate) crc: u32,
    /// Whether it is deflated; otherwise it is stored as it is.
    pub(crate) deflated: bool,
}

/// The directory of an archive.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    /// The file's name, for messages.
    pub(crate) name: Arc<str>,
    length: u64,
    /// Entries by decoded name, in order; directories are left out.
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Reads the directory and checks every entry in it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name: Arc<str> = path
            .file_name()
            .map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy())
            .into();
        let context = |e: Error| e.at("file", path.display());
        let file = File::open(path).map_err(|e| context(io("cannot open the source file", e)))?;
        let meta = file
            .metadata()
            .map_err(|e| context(io("cannot read the source file", e)))?;
        if meta.is_dir() {
            return Err(context(corrupt("this is a directory, not a .bacpac file")));
        }
        let length = meta.len();
        let entries = read_directory(file, length).map_err(context)?;
        Ok(Self {
            path: path.to_owned(),
            name,
            length,
            entries,
        })
    }

    /// All entries in the order of their decoded names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of that name, whatever its case, as OPC has it.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name).or_else(|| {
            self.entries
                .values()
                .find(|e| e.decoded.eq_ignore_ascii_case(name))
        })
    }

    /// The entry whose name is spelled exactly so.
    pub(crate) fn exact(&self, name: &str) -> Option<&Entry> {
        self.entries.values().find(|e| e.name == name)
    }

    /// Opens an entry with a file handle of its own.
    pub(crate) fn reader(&self, entry: &Entry) -> Result<EntryReader> {
        let file = File::open(&self.path)
            .map_err(|e| io("cannot open the source file", e).at("file", self.path.display()))?;
        EntryReader::open(file, self.length, entry, self.name.clone())
    }
}

fn read_directory(file: File, length: u64) -> Result<BTreeMap<String, Entry>> {
    let mut zip = ZipArchive::new(BufReader::with_capacity(64 << 10, file)).map_err(|e| match e {
        zip::result::ZipError::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            io("cannot read the source file", e)
        }
        e => corrupt(format!(
            "this is not a complete zip archive ({length} bytes): {e}"
        ))
        .hint("the file may be cut short; copy or export it again"),
    })?;
    if zip.has_duplicate_names() {
        return Err(corrupt("two entries of the archive have the same name"));
    }
    let mut entries = BTreeMap::new();
    for index in 0..zip.len() {
        let raw = zip
            .by_index_raw(index)
            .map_err(|e| corrupt(format!("entry {index} of the archive: {e}")))?;
        let name = std::str::from_utf8(raw.name_raw())
            .map_err(|_| corrupt(format!("the name of entry {index} is not UTF-8")))?
            .to_owned();
        let decoded = safe_name(&name)?;
        if raw.is_dir() {
            continue;
        }
        let entry = Entry {
            header: raw.header_start(),
            compressed: raw.compressed_size(),
            size: raw.size(),
            crc: raw.crc32(),
            deflated: match raw.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => {
                    return Err(
                        unsupported(format!("compression method {other} is not supported"))
                            .at("entry", &name)
                            .hint("zip the content again with the deflate method"),
                    );
                }
            },
            name,
            decoded,
        };
        if raw.encrypted() {
            return Err(unsupported("the entry is encrypted").at("entry", &entry.name));
        }
        check_sizes(&entry, length).map_err(|e| e.at("entry", &entry.name))?;
        if let Some(other) = entries.insert(entry.decoded.clone(), entry) {
            return Err(corrupt("two entries of the archive mean the same name").at("entry", other.name));
        }
    }
    check_overlap(&entries)?;
    Ok(entries)
}

/// The name with `%xx` resolved, if it stays below the archive's root before and after.
fn safe_name(name: &str) -> Result<String> {
    let escapes =
        || corrupt("an entry's name points outside of the archive").at("entry", name.escape_debug());
    if name.contains('\\') {
        return Err(escapes());
    }
    let decoded = percent_decode_str(name)
        .decode_utf8()
        .map_err(|_| corrupt("an entry's name does not decode to UTF-8").at("entry", name.escape_debug()))?
        .into_owned();
    for text in [name, decoded.as_str()] {
        // A backslash that was written as %5C belongs to a name such as `CORP\ann`, but must not hide a step upwards.
        let mut steps = text.split(['/', '\\']);
        let drive = text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
        if drive
            || text.starts_with(['/', '\\'])
            || text.contains('\0')
            || steps.any(|s| s == ".." || s == ".")
        {
            return Err(escapes());
        }
    }
    Ok(decoded)
}

fn check_sizes(entry: &Entry, length: u64) -> Result<()> {
    let end = entry
        .header
        .checked_add(30)
        .and_then(|n| n.checked_add(entry.compressed));
    if end.is_none_or(|end| end > length) {
        return Err(corrupt(format!(
            "the entry has {} bytes at {}, beyond the file's end at {length}",
            entry.compressed, entry.header
        ))
        .hint("the file may be cut short; copy or export it again"));
    }
    let possible = if entry.deflated {
        entry.size <= entry.compressed.saturating_mul(MOST_INFLATION)
    } else {
        entry.size == entry.compressed
    };
    if possible {
        return Ok(());
    }
    Err(corrupt(format!(
        "{} bytes cannot come out of {} stored bytes",
        entry.size, entry.compressed
    )))
}

/// Entries that share bytes are how a small archive pretends to be huge.
fn check_overlap(entries: &BTreeMap<String, Entry>) -> Result<()> {
    let mut by_place: Vec<&Entry> = entries.values().collect();
    by_place.sort_by_key(|e| e.header);
    for pair in by_place.windows(2) {
        // The local header has at least 30 bytes and the name.
        let end = pair[0].header + 30 + pair[0].name.len() as u64 + pair[0].compressed;
        if end > pair[1].header {
            return Err(corrupt("two entries of the archive share bytes")
                .at("entry", &pair[0].name)
                .at("entry", &pair[1].name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_kept_inside() {
        assert_eq!(
            safe_name("Data/dbo.Order%20Details/T.BCP").unwrap(),
            "Data/dbo.Order Details/T.BCP"
        );
        assert_eq!(
            safe_name("Data/CORP%5Cann.T/T.BCP").unwrap(),
            "Data/CORP\\ann.T/T.BCP"
        );
        assert_eq!(safe_name("Data/dbo.a..b/T.BCP").unwrap(), "Data/dbo.a..b/T.BCP");
        for bad in [
            "../model.xml",
            "Data/../../x",
            "Data/%2e%2e/x",
            "/etc/passwd",
            "%2Fetc/passwd",
            "C:/x",
            "%43:/x",
            "Data\\x",
            "Data%5C..%5Cx",
            "a%00b",
            "%FF",
        ] {
            assert!(safe_name(bad).is_err(), "{bad}");
        }
    }
}
