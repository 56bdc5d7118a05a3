//! A small package held in memory, entry by entry, for editing.

use std::io::{self, Read, Seek};
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::invalid;
use super::raw_zip::{self, RawEntry};

/// The entries of a zip, in order. Anything can be done to them, sensible or not.
#[derive(Debug, Clone)]
pub struct Package {
    entries: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// Reads a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::read(std::fs::File::open(path)?)
    }

    /// Reads from a stream.
    pub fn read(source: impl Read + Seek) -> io::Result<Self> {
        let mut archive = ZipArchive::new(source)?;
        let mut entries = Vec::with_capacity(archive.len());
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            entries.push((entry.name()?.into_owned(), content));
        }
        Ok(Self { entries })
    }

    /// The entries' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// An entry's content.
    pub fn get(&self, name: &str) -> io::Result<&[u8]> {
        let entry = self.entries.iter().find(|(n, _)| n == name);
        entry
            .map(|(_, content)| &content[..])
            .ok_or_else(|| invalid(&format!("no entry {name}")))
    }

    /// An entry's content as text.
    pub fn text(&self, name: &str) -> io::Result<String> {
        String::from_utf8(self.get(name)?.to_vec()).map_err(|_| invalid(&format!("{name} is not UTF-8")))
    }

    /// Replaces an entry's content, or adds the entry.
    pub fn set(&mut self, name: &str, content: Vec<u8>) {
        match self.entries.iter_mut().find(|(n, _)| n == name) {
            Some(entry) => entry.1 = content,
            None => self.add(name, content),
        }
    }

    /// Adds an entry, even if there is one of that name.
    pub fn add(&mut self, name: &str, content: Vec<u8>) {
        self.entries.push((name.to_owned(), content));
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.get(name)?;
        self.entries.retain(|(n, _)| n != name);
        Ok(())
    }

    /// Renames an entry.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let entry = self.entries.iter_mut().find(|(n, _)| n == from);
        entry.ok_or_else(|| invalid(&format!("no entry {from}")))?.0 = to.to_owned();
        Ok(())
    }

    /// Replaces the text between two marks of an entry.
    pub fn replace_between(&mut self, name: &str, start: &str, end: &str, text: &str) -> io::Result<()> {
        let content = self.text(name)?;
        let missing = || invalid(&format!("{name} has no {start}"));
        let (before, rest) = content.split_once(start).ok_or_else(missing)?;
        let (_, after) = rest.split_once(end).ok_or_else(missing)?;
        let changed = format!("{before}{start}{text}{end}{after}");
        self.set(name, changed.into_bytes());
        Ok(())
    }

    /// States a checksum of `model.xml` in `Origin.xml`.
    pub fn state_checksum(&mut self, digits: &str) -> io::Result<()> {
        self.replace_between(
            "Origin.xml",
            "<Checksum Uri=\"/model.xml\">",
            "</Checksum>",
            digits,
        )
    }

    /// States the true checksum of `model.xml`.
    pub fn seal(&mut self) -> io::Result<()> {
        let digest = Sha256::digest(self.get("model.xml")?);
        let digits = hex::encode_upper(digest);
        self.state_checksum(&digits)
    }

    /// Writes the package.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        raw_zip::write(path, &self.raw_entries()?)
    }

    /// The entries, deflated.
    pub(super) fn raw_entries(&self) -> io::Result<Vec<RawEntry>> {
        self.entries
            .iter()
            .map(|(name, content)| deflated(name, content))
            .collect()
    }
}

fn deflated(name: &str, content: &[u8]) -> io::Result<RawEntry> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, content)?;
    let size = u32::try_from(content.len()).map_err(|_| invalid("an entry above 4 GiB"))?;
    Ok(RawEntry {
        name: name.to_owned(),
        method: raw_zip::DEFLATED,
        crc: crc32fast::hash(content),
        size,
        data: encoder.finish()?,
    })
}
