//! The zip around it all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::encode::{Layout, RowEncoder};
use super::{Cell, DatabaseSpec, model, origin};

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The layouts that are in doubt.
    pub layout: Layout,
    /// The deflate level, 0 to 9.
    pub compression: u8,
    /// Allows data parts above 4 GiB, at the cost of 20 bytes for each.
    pub large_parts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            compression: 6,
            large_parts: false,
        }
    }
}

/// Writes one `.bacpac`, streaming: memory does not grow with the number of rows.
///
/// The model is written at once, then each table's rows, and [`BacpacWriter::finish`] adds the totals. Dropping the
/// writer instead leaves a file without them.
pub struct BacpacWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    database: DatabaseSpec,
    options: Options,
    counts: BTreeMap<String, u64>,
    sha256: String,
    rows: u64,
    /// Schema, table and path of each data part.
    parts: Vec<(String, String, String)>,
}

impl BacpacWriter<BufWriter<File>> {
    /// Creates the file, replacing one that is there.
    pub fn create(path: impl AsRef<Path>, database: DatabaseSpec, options: Options) -> io::Result<Self> {
        Self::new(
            BufWriter::with_capacity(1 << 20, File::create(path)?),
            database,
            options,
        )
    }
}

impl<W: Write + Seek> BacpacWriter<W> {
    /// Starts a file on `out`.
    pub fn new(out: W, database: DatabaseSpec, options: Options) -> io::Result<Self> {
        let (text, counts) = model::write(&database);
        let sha256 = hex::encode_upper(Sha256::digest(text.as_bytes()));
        let metadata = origin::metadata(&database);
        let mut writer = Self {
            zip: ZipWriter::new(out),
            database,
            options,
            counts,
            sha256,
            rows: 0,
            parts: Vec::new(),
        };
        writer.entry("model.xml", text.as_bytes(), true)?;
        writer.entry("DacMetadata.xml", metadata.as_bytes(), true)?;
        writer.entry("[Content_Types].xml", origin::CONTENT_TYPES.as_bytes(), true)?;
        Ok(writer)
    }

    /// The database that is written.
    pub fn database(&self) -> &DatabaseSpec {
        &self.database
    }

    /// Starts the rows of a table. The first row opens its first part; a table without rows has no part.
    ///
    /// # Errors
    /// When there is no such table, or its rows were already written.
    pub fn rows(&mut self, schema: &str, table: &str) -> io::Result<RowWriter<'_, W>> {
        let spec = self.database.find_table(schema, table).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("no table {schema}.{table} in the database"),
            )
        })?;
        if self.parts.iter().any(|(s, t, _)| s == schema && t == table) {
            let message = format!("the rows of {schema}.{table} were already written");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let encoder = RowEncoder::new(&self.database, spec, self.options.layout)?;
        Ok(RowWriter {
            file: self,
            schema: schema.into(),
            table: table.into(),
            encoder,
            buffer: Vec::with_capacity(BUFFER + 4096),
            part: 0,
            open: false,
            rows: 0,
        })
    }

    /// Writes all rows of a table, starting a new part after every `part_rows`. Returns how many there were.
    ///
    /// # Errors
    /// See [`BacpacWriter::rows`] and [`RowWriter::push`].
    pub fn table_rows<R: AsRef<[Cell]>>(
        &mut self,
        schema: &str,
        table: &str,
        part_rows: u64,
        rows: impl IntoIterator<Item = R>,
    ) -> io::Result<u64> {
        let mut writer = self.rows(schema, table)?;
        for row in rows {
            if writer.rows > 0 && writer.rows % part_rows.max(1) == 0 {
                writer.next_part()?;
            }
            writer.push(row.as_ref())?;
        }
        writer.finish()
    }

    /// Writes the totals and the zip's directory, and returns what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        let relationships = origin::relationships(&self.parts);
        self.entry("_rels/.rels", relationships.as_bytes(), false)?;
        let text = origin::origin(&self.database, &self.counts, self.rows, &self.sha256);
        self.entry("Origin.xml", text.as_bytes(), false)?;
        let mut out = self.zip.finish()?;
        out.flush()?;
        Ok(out)
    }

    fn start(&mut self, name: &str, deflate: bool) -> io::Result<()> {
        // The least time a zip can express and the system the export states: the file must not depend on when and
        // where it was written.
        let options = SimpleFileOptions::DEFAULT
            .last_modified_time(DateTime::DEFAULT)
            .system(System::Dos)
            .large_file(self.options.large_parts);
        let options = if deflate {
            options
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(i64::from(self.options.compression)))
        } else {
            options.compression_method(CompressionMethod::Stored)
        };
        Ok(self.zip.start_file(name, options)?)
    }

    fn entry(&mut self, name: &str, content: &[u8], deflate: bool) -> io::Result<()> {
        self.start(name, deflate)?;
        self.zip.write_all(content)
    }
}

/// Encoded rows are handed to the compressor in blocks of this many bytes.
const BUFFER: usize = 1 << 18;

/// Streams the rows of one table.
pub struct RowWriter<'a, W: Write + Seek> {
    file: &'a mut BacpacWriter<W>,
    schema: String,
    table: String,
    encoder: RowEncoder,
    buffer: Vec<u8>,
    /// The number of the part that is open or comes next.
    part: u32,
    open: bool,
    rows: u64,
}

impl<W: Write + Seek> RowWriter<'_, W> {
    /// Writes one row.
    ///
    /// # Errors
    /// When the row does not suit the table (see [`RowEncoder::encode`]) or cannot be written.
    pub fn push(&mut self, row: &[Cell]) -> io::Result<()> {
        if !self.open {
            let name = part_name(&self.schema, &self.table, self.part);
            self.file.start(&name, true)?;
            self.file
                .parts
                .push((self.schema.clone(), self.table.clone(), name));
            self.open = true;
        }
        self.encoder.encode(row, &mut self.buffer)?;
        self.rows += 1;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Lets the next row start a new part.
    pub fn next_part(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.open {
            self.part += 1;
            self.open = false;
        }
        Ok(())
    }

    /// Ends the table and returns how many rows it has. Dropping the writer instead loses rows.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.file.rows += self.rows;
        Ok(self.rows)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.zip.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// The path of a data part. Names are percent-encoded but for unreserved characters (RFC 3986, section 2.3).
pub fn part_name(schema: &str, table: &str, part: u32) -> String {
    format!(
        "Data/{}.{}/TableData-{part:03}-00000.BCP",
        percent_encode(schema),
        percent_encode(table)
    )
}

fn percent_encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => {
                out.push('%');
                out.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    out
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
