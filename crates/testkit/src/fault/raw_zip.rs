//! A zip writer that writes whatever it is told, true or not (APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16).

use std::io;
use std::path::Path;

/// The compression method "deflated".
pub(super) const DEFLATED: u16 = 8;

/// One entry, as its headers will state it.
#[derive(Debug, Clone)]
pub(super) struct RawEntry {
    pub(super) name: String,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// The uncompressed size.
    pub(super) size: u32,
    /// The compressed data.
    pub(super) data: Vec<u8>,
}

impl RawEntry {
    /// The fields that the two headers share: versions, flags (UTF-8 names), method, time, CRC, sizes, lengths.
    fn shared_fields(&self, out: &mut Vec<u8>) {
        for field in [20, 0x0800, self.method, 0, 0x21] {
            out.extend_from_slice(&u16::to_le_bytes(field));
        }
        for field in [self.crc, self.data.len() as u32, self.size] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0, 0]); // no extra field
    }
}

/// Writes the file.
pub(super) fn write(path: &Path, entries: &[RawEntry]) -> io::Result<()> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = out.len() as u32;
        out.extend_from_slice(b"PK\x03\x04");
        entry.shared_fields(&mut out);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&entry.data);
        directory.extend_from_slice(b"PK\x01\x02\x2D\x00");
        entry.shared_fields(&mut directory);
        // Comment length, disk, internal and external attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
    }
    let start = out.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    std::fs::write(path, out)
}
