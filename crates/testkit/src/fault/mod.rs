//! Damage to `.bacpac` files, each kind by a function that reads an intact file and writes a broken one.
//!
//! The functions that change the model also put its new checksum into `Origin.xml`, so that a reader meets the fault
//! that is named and not a checksum error.

mod package;
mod raw_zip;

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};

pub use package::Package;
use raw_zip::RawEntry;

/// Keeps only the first `keep` bytes of the file.
pub fn truncate_file(from: &Path, to: &Path, keep: u64) -> io::Result<()> {
    let bytes = std::fs::read(from)?;
    std::fs::write(to, &bytes[..bytes.len().min(keep as usize)])
}

/// Inverts the bits of one byte of the file.
pub fn flip_byte(from: &Path, to: &Path, offset: u64) -> io::Result<()> {
    let mut bytes = std::fs::read(from)?;
    let byte = bytes
        .get_mut(offset as usize)
        .ok_or_else(|| invalid("the file has no byte there"))?;
    *byte = !*byte;
    std::fs::write(to, bytes)
}

/// Changes one byte of an entry's compressed data, so that its CRC is wrong or it does not inflate.
pub fn corrupt_entry(from: &Path, to: &Path, entry: &str) -> io::Result<()> {
    let package = Package::open(from)?;
    let mut entries = package.raw_entries()?;
    let entry = find(&mut entries, entry)?;
    let middle = entry.data.len() / 2;
    let byte = entry
        .data
        .get_mut(middle)
        .ok_or_else(|| invalid("the entry is empty"))?;
    *byte = !*byte;
    raw_zip::write(to, &entries)
}

/// Replaces the checksum of `model.xml` by that of something else.
pub fn wrong_checksum(from: &Path, to: &Path) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.state_checksum(&"0123456789ABCDEF".repeat(4))?;
    package.save(to)
}

/// Drops the last `bytes` bytes of a data part.
pub fn truncate_part(from: &Path, to: &Path, part: &str, bytes: usize) -> io::Result<()> {
    edit(from, to, part, |content| {
        content.truncate(content.len().saturating_sub(bytes))
    })
}

/// Appends bytes to a data part.
pub fn trailing_bytes(from: &Path, to: &Path, part: &str, bytes: &[u8]) -> io::Result<()> {
    edit(from, to, part, |content| content.extend_from_slice(bytes))
}

/// Replaces the row total in `Origin.xml`.
pub fn row_total(from: &Path, to: &Path, total: u64) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.replace_between(
        "Origin.xml",
        "<TableRowCountTotalTag>",
        "</TableRowCountTotalTag>",
        &total.to_string(),
    )?;
    package.save(to)
}

/// Replaces every use of a built-in type by another name: `rename_type(from, to, "int", "hugeint")`.
pub fn rename_type(from: &Path, to: &Path, known: &str, unknown: &str) -> io::Result<()> {
    let mut package = Package::open(from)?;
    let model = package.text("model.xml")?;
    let changed = model.replace(&format!("Name=\"[{known}]\""), &format!("Name=\"[{unknown}]\""));
    if changed == model {
        return Err(invalid("the model does not use that type"));
    }
    package.set("model.xml", changed.into_bytes());
    package.seal()?;
    package.save(to)
}

/// Replaces the model by XML that is something else.
pub fn foreign_model(from: &Path, to: &Path) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.set(
        "model.xml",
        b"<?xml version=\"1.0\"?><html><body><p>404 Not Found</p></body></html>".to_vec(),
    );
    package.seal()?;
    package.save(to)
}

/// Cuts the model off in the middle of an element.
pub fn malformed_model(from: &Path, to: &Path) -> io::Result<()> {
    let mut package = Package::open(from)?;
    let mut model = package.get("model.xml")?.to_vec();
    model.truncate(model.len() / 2);
    package.set("model.xml", model);
    package.seal()?;
    package.save(to)
}

/// Removes an entry.
pub fn without_entry(from: &Path, to: &Path, entry: &str) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.remove(entry)?;
    package.save(to)
}

/// Renames an entry, for names that try to leave the directory: `../evil`, `Data/..%2f..%2fetc/x`, `/etc/passwd`.
pub fn rename_entry(from: &Path, to: &Path, entry: &str, name: &str) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.rename(entry, name)?;
    package.save(to)
}

/// Adds an entry.
pub fn with_entry(from: &Path, to: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let mut package = Package::open(from)?;
    package.add(name, content.to_vec());
    package.save(to)
}

/// States another uncompressed size for an entry, in both headers, and leaves its data alone.
pub fn lying_size(from: &Path, to: &Path, entry: &str, size: u32) -> io::Result<()> {
    let package = Package::open(from)?;
    let mut entries = package.raw_entries()?;
    find(&mut entries, entry)?.size = size;
    raw_zip::write(to, &entries)
}

/// What a bomb inflates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bomb {
    /// A data part of nearly 4 GiB for a table with one `int`: valid rows, but for the total in `Origin.xml`, which is 1.
    Part,
    /// A `model.xml` that goes on with blanks for nearly 4 GiB.
    Model,
}

/// The bytes that a bomb inflates to: the most that fits the zip without its 64-bit extension, in whole blocks.
pub const BOMB_SIZE: u64 = (1 << 32) - BLOCK as u64;

/// The path of the bomb's data part, whose table is `dbo.Bomb`.
pub const BOMB_PART: &str = "Data/dbo.Bomb/TableData-000-00000.BCP";

const BLOCK: usize = 1 << 20;

/// Writes a file of about 4 MB that inflates to [`BOMB_SIZE`] bytes.
pub fn bomb(to: &Path, kind: Bomb) -> io::Result<()> {
    let table = TableSpec::new("dbo", "Bomb").column(ColumnSpec::new("id", SqlType::Int).not_null());
    let database = DatabaseSpec::new("Bomb").table(table);
    let mut file = BacpacWriter::new(io::Cursor::new(Vec::new()), database, Options::default())?;
    file.table_rows("dbo", "Bomb", 1, [[Cell::Int(0)]])?;
    let package = Package::read(file.finish()?)?;
    let (name, fill) = match kind {
        Bomb::Part => (BOMB_PART, 0_u8),
        Bomb::Model => ("model.xml", b' '),
    };
    let mut entries = package.raw_entries()?;
    let entry = find(&mut entries, name)?;
    let start = match kind {
        Bomb::Part => Vec::new(),
        Bomb::Model => package.get("model.xml")?.to_vec(),
    };
    *entry = inflating(name, &start, fill)?;
    raw_zip::write(to, &entries)
}

/// An entry with `start` and then `fill` up to [`BOMB_SIZE`] bytes. Deflating 4 GiB would take seconds, so one block is
/// deflated and repeated: a full flush makes a block independent of what went before and ends it on a byte.
fn inflating(name: &str, start: &[u8], fill: u8) -> io::Result<RawEntry> {
    let block = vec![fill; BLOCK];
    let blocks = BOMB_SIZE as usize / BLOCK - 1;
    // The first block makes room for `start`.
    let mut first = start.to_vec();
    first.resize(BLOCK.max(start.len()), fill);
    if first.len() > BLOCK {
        return Err(invalid("the start does not fit a block"));
    }
    let repeated = flushed(&block)?;
    let mut data = flushed(&first)?;
    for _ in 0..blocks {
        data.extend_from_slice(&repeated);
    }
    // An empty last block with fixed codes (RFC 1951, section 3.2.3).
    data.extend_from_slice(&[0x03, 0x00]);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&first);
    let mut one = crc32fast::Hasher::new();
    one.update(&block);
    for _ in 0..blocks {
        crc.combine(&one);
    }
    Ok(RawEntry {
        name: name.into(),
        method: raw_zip::DEFLATED,
        crc: crc.finalize(),
        size: BOMB_SIZE as u32,
        data,
    })
}

fn flushed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.flush()?;
    Ok(encoder.get_ref().clone())
}

fn edit(from: &Path, to: &Path, entry: &str, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
    let mut package = Package::open(from)?;
    let mut content = package.get(entry)?.to_vec();
    change(&mut content);
    package.set(entry, content);
    package.save(to)
}

fn find<'a>(entries: &'a mut [RawEntry], name: &str) -> io::Result<&'a mut RawEntry> {
    entries
        .iter_mut()
        .find(|e| e.name == name)
        .ok_or_else(|| invalid(&format!("no entry {name}")))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.to_owned())
}

#[cfg(test)]
mod tests;
