//! Dumps as `mongodump` lays them out: a directory, a gzip directory, an archive, a gzip archive.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One collection, view or time series of a dump.
#[derive(Debug, Clone)]
pub struct DumpedCollection {
    /// The database.
    pub database: String,
    /// The collection.
    pub name: String,
    /// What the `.metadata.json` file holds.
    pub metadata: String,
    /// The type that an archive states beside it: empty, `view` or `timeseries`.
    pub kind: String,
    /// The documents, each as BSON. A view has none, a time series its buckets.
    pub documents: Vec<Vec<u8>>,
}

impl DumpedCollection {
    /// A collection with nothing but the index on `_id`.
    pub fn new(database: &str, name: &str, documents: Vec<Vec<u8>>) -> Self {
        let metadata = format!(
            r#"{{"indexes":[{{"v":{{"$numberInt":"2"}},"key":{{"_id":{{"$numberInt":"1"}}}},"name":"_id_"}}],"uuid":"{:032x}","collectionName":{},"type":"collection"}}"#,
            crc64(name.as_bytes()),
            quoted(name),
        );
        Self {
            database: database.to_owned(),
            name: name.to_owned(),
            metadata,
            kind: String::new(),
            documents,
        }
    }

    /// The name under which its documents are stored.
    fn data_name(&self) -> String {
        match &*self.kind {
            "timeseries" => format!("system.buckets.{}", self.name),
            _ => self.name.clone(),
        }
    }
}

/// A dump before it is written.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    /// What it holds, in the order of the archive's list.
    pub collections: Vec<DumpedCollection>,
    /// Bytes of documents after which an archive goes on with another collection; `mongodump` takes 16 MiB.
    pub block: usize,
}

/// Collections that an archive mixes.
const CONCURRENT: usize = 4;

/// What ends a block of an archive.
const TERMINATOR: [u8; 4] = [0xff; 4];

impl Dump {
    /// Writes `root/<database>/<collection>.bson` and `.metadata.json`, each with `.gz` if asked for.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_directory(&self, root: &Path, gzip: bool) -> io::Result<()> {
        for collection in &self.collections {
            let directory = root.join(&collection.database);
            fs::create_dir_all(&directory)?;
            let file = |name: &str, suffix: &str| {
                let end = if gzip { ".gz" } else { "" };
                directory.join(format!("{}{suffix}{end}", escaped(name)))
            };
            write(&file(&collection.name, ".metadata.json"), gzip, |out| {
                out.write_all(collection.metadata.as_bytes())
            })?;
            if collection.kind != "view" {
                write(&file(&collection.data_name(), ".bson"), gzip, |out| {
                    collection.documents.iter().try_for_each(|d| out.write_all(d))
                })?;
            }
        }
        let prelude = r#"{"ServerVersion":"7.0.16","ToolVersion":"100.10.0"}"#;
        let name = if gzip { "prelude.json.gz" } else { "prelude.json" };
        write(&root.join(name), gzip, |out| out.write_all(prelude.as_bytes()))
    }

    /// Writes an archive.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_archive(&self, path: &Path, gzip: bool) -> io::Result<()> {
        write(path, gzip, |out| self.archive(out))
    }

    fn archive(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&0x8199_e26d_u32.to_le_bytes())?;
        out.write_all(&document(&[
            ("concurrent_collections", Field::Int32(CONCURRENT as i32)),
            ("version", Field::Text("0.1")),
            ("server_version", Field::Text("7.0.16")),
            ("tool_version", Field::Text("100.10.0")),
        ]))?;
        for collection in &self.collections {
            let size: usize = collection.documents.iter().map(Vec::len).sum();
            out.write_all(&document(&[
                ("db", Field::Text(&collection.database)),
                ("collection", Field::Text(&collection.name)),
                ("metadata", Field::Text(&collection.metadata)),
                ("size", Field::Int32(i32::try_from(size).unwrap_or(i32::MAX))),
                ("type", Field::Text(&collection.kind)),
            ]))?;
        }
        out.write_all(&TERMINATOR)?;
        let mut waiting = self.collections.iter().filter(|c| c.kind != "view");
        let mut open: Vec<(&DumpedCollection, usize)> = Vec::new();
        loop {
            while open.len() < CONCURRENT {
                match waiting.next() {
                    Some(collection) => open.push((collection, 0)),
                    None => break,
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            for (collection, next) in &mut open {
                out.write_all(&header(collection, None))?;
                let mut bytes = 0;
                while let Some(document) = collection.documents.get(*next)
                    && (bytes == 0 || bytes + document.len() <= self.block)
                {
                    out.write_all(document)?;
                    bytes += document.len();
                    *next += 1;
                }
                out.write_all(&TERMINATOR)?;
                if *next == collection.documents.len() {
                    let mut crc = !0;
                    for document in &collection.documents {
                        crc = crc64_more(crc, document);
                    }
                    out.write_all(&header(collection, Some(!crc)))?;
                    out.write_all(&TERMINATOR)?;
                }
            }
            open.retain(|(collection, next)| *next < collection.documents.len());
        }
    }
}

/// A block's header; with a CRC, the one that ends the collection.
fn header(collection: &DumpedCollection, crc: Option<u64>) -> Vec<u8> {
    document(&[
        ("db", Field::Text(&collection.database)),
        ("collection", Field::Text(&collection.data_name())),
        ("EOF", Field::Bool(crc.is_some())),
        ("CRC", Field::Int64(crc.unwrap_or(0) as i64)),
    ])
}

enum Field<'a> {
    Text(&'a str),
    Int32(i32),
    Int64(i64),
    Bool(bool),
}

/// BSON by hand, so that a fault in the library that reads it would show.
fn document(fields: &[(&str, Field<'_>)]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for (name, value) in fields {
        let kind = match value {
            Field::Text(_) => 0x02,
            Field::Bool(_) => 0x08,
            Field::Int32(_) => 0x10,
            Field::Int64(_) => 0x12,
        };
        bytes.push(kind);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        match value {
            Field::Text(text) => {
                bytes.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
            }
            Field::Bool(value) => bytes.push(u8::from(*value)),
            Field::Int32(value) => bytes.extend_from_slice(&value.to_le_bytes()),
            Field::Int64(value) => bytes.extend_from_slice(&value.to_le_bytes()),
        }
    }
    bytes.push(0);
    let length = (bytes.len() as i32).to_le_bytes();
    bytes[..4].copy_from_slice(&length);
    bytes
}

fn write(path: &Path, gzip: bool, fill: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = io::BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    if gzip {
        let mut encoder = GzEncoder::new(&mut file, Compression::fast());
        fill(&mut encoder)?;
        encoder.finish()?;
    } else {
        fill(&mut file)?;
    }
    file.flush()
}

/// The name as the tools escape it for a file: like a query of an URL.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The CRC of archives: ECMA-182's polynomial, reflected, all ones before and after.
fn crc64(bytes: &[u8]) -> u64 {
    !crc64_more(!0, bytes)
}

fn crc64_more(mut crc: u64, bytes: &[u8]) -> u64 {
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut value = n as u64;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    value >> 1 ^ 0xc96c_5795_d787_0f42
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    for byte in bytes {
        crc = TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_xz_files() {
        assert_eq!(crc64(b"123456789"), 0x995d_c9bb_df19_39fa);
    }

    #[test]
    fn names_are_escaped_as_in_a_query() {
        assert_eq!(escaped("a/b c%ü$.x"), "a%2Fb+c%25%C3%BC%24.x");
    }
}
