//! Tells one dump from another without reading all of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crc::{CRC_64_XZ, Crc, Table};
use migrate_core::Result;

use super::file::DumpFile;
use crate::classify::io as io_error;

/// Bytes at a file's beginning and end that are looked at.
const ENDS: u64 = 64 << 10;

/// The checksum of archives (ECMA-182, reflected, as in .xz files), sixteen bytes at a time.
pub(super) static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// Adds up what makes a dump this dump.
pub(super) struct Fingerprint(crc::Digest<'static, u64, Table<16>>);

impl Fingerprint {
    pub(super) fn new(database: &str) -> Self {
        let mut new = Self(CRC64.digest());
        new.add(database.as_bytes());
        new
    }

    /// Adds bytes and their number, so that their borders count too.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds a file's size, beginning and end, as they are on the disk. The end of a gzip file or of an archive holds
    /// checksums of the rest.
    pub(super) fn add_file(&mut self, file: &DumpFile) -> Result<()> {
        let unreadable = |e| file.place(io_error("cannot read the file", e));
        let size = file.stored();
        self.0.update(&size.to_le_bytes());
        let mut open = File::open(file.path()).map_err(unreadable)?;
        let mut bytes = Vec::new();
        open.by_ref()
            .take(ENDS)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        self.add(&bytes);
        if size > ENDS {
            bytes.clear();
            open.seek(SeekFrom::Start(size - ENDS)).map_err(unreadable)?;
            open.take(ENDS).read_to_end(&mut bytes).map_err(unreadable)?;
            self.add(&bytes);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        format!("{:016x}", self.0.finalize())
    }
}
