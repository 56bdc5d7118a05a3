//! Streams one entry of the archive and holds it to what the directory says about it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use migrate_core::{Error, Result};

use super::archive::Entry;
use crate::classify::{corrupt, io as io_error};

/// Compressed bytes that are read from the file at once.
const INPUT: usize = 128 << 10;

/// Reads the inflated bytes of an entry. The end is reported only after size and CRC-32 were found right.
pub(crate) struct EntryReader {
    file: File,
    archive: Arc<str>,
    name: String,
    /// Compressed bytes that are still in the file.
    left: u64,
    input: Box<[u8]>,
    at: usize,
    end: usize,
    inflate: Option<Decompress>,
    stream_ended: bool,
    size: u64,
    produced: u64,
    crc: crc32fast::Hasher,
    expected: u32,
    verified: bool,
}

impl EntryReader {
    /// Finds the entry's bytes behind its local header.
    pub(crate) fn open(mut file: File, length: u64, entry: &Entry, archive: Arc<str>) -> Result<Self> {
        let wrap = |e: Error| e.at("entry", &entry.name).at("file", &*archive);
        let unreadable = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => corrupt("the file ends inside of the entry's header"),
            _ => io_error("cannot read the source file", e),
        };
        let mut header = [0; 30];
        file.seek(SeekFrom::Start(entry.header))
            .and_then(|_| file.read_exact(&mut header))
            .map_err(|e| wrap(unreadable(e)))?;
        let field = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (name, extra) = (field(26), field(28));
        if header[..4] != *b"PK\x03\x04" || name != entry.name.len() as u64 {
            return Err(wrap(corrupt(format!(
                "the entry's header at byte {} is not what the directory says",
                entry.header
            ))));
        }
        let mut stored_name = vec![0; entry.name.len()];
        file.read_exact(&mut stored_name)
            .map_err(|e| wrap(unreadable(e)))?;
        if stored_name != entry.name.as_bytes() {
            return Err(wrap(corrupt(
                "the entry's header has another name than the directory",
            )));
        }
        let start = entry.header + 30 + name + extra;
        if start + entry.compressed > length {
            return Err(wrap(corrupt(format!(
                "the entry reaches beyond the file's end at byte {length}"
            ))));
        }
        file.seek(SeekFrom::Start(start))
            .map_err(|e| wrap(unreadable(e)))?;
        Ok(Self {
            file,
            name: entry.name.clone(),
            left: entry.compressed,
            input: vec![0; INPUT].into_boxed_slice(),
            at: 0,
            end: 0,
            inflate: entry.deflated.then(|| Decompress::new(false)),
            stream_ended: false,
            size: entry.size,
            produced: 0,
            crc: crc32fast::Hasher::new(),
            expected: entry.crc,
            verified: false,
            archive,
        })
    }

    /// Inflated bytes that the directory still promises.
    pub(crate) fn promised(&self) -> u64 {
        self.size - self.produced
    }

    /// Names the entry and its archive as the place of an error.
    pub(crate) fn place(&self, error: Error) -> Error {
        error.at("entry", &self.name).at("file", &*self.archive)
    }

    /// Reads some bytes into `out`, which must not be empty. 0 means the end, and that all checks were passed.
    pub(crate) fn pull(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.verified {
            return Ok(0);
        }
        let n = if self.inflate.is_some() {
            self.inflated(out)
        } else {
            self.stored(out)
        };
        let n = n.map_err(|e| self.place(e.at("byte", self.produced)))?;
        self.crc.update(&out[..n]);
        self.produced += n as u64;
        if self.produced > self.size {
            return Err(self.place(corrupt(format!(
                "the entry is longer than the {} bytes it states",
                self.size
            ))));
        }
        if n == 0 {
            self.verify().map_err(|e| self.place(e))?;
        }
        Ok(n)
    }

    fn refill(&mut self) -> Result<()> {
        let most = self.left.min(INPUT as u64) as usize;
        let n = loop {
            match self.file.read(&mut self.input[..most]) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(io_error("cannot read the source file", e)),
            }
        };
        if n == 0 {
            return Err(corrupt("the file became shorter while it was read"));
        }
        self.left -= n as u64;
        (self.at, self.end) = (0, n);
        Ok(())
    }

    fn stored(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.at == self.end {
            if self.left == 0 {
                return Ok(0);
            }
            self.refill()?;
        }
        let n = (self.end - self.at).min(out.len());
        out[..n].copy_from_slice(&self.input[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }

    fn inflated(&mut self, out: &mut [u8]) -> Result<usize> {
        loop {
            if self.stream_ended {
                return Ok(0);
            }
            if self.at == self.end && self.left > 0 {
                self.refill()?;
            }
            // `refill` needs the whole of `self`, so the inflater is borrowed again in each round.
            let Some(inflate) = self.inflate.as_mut() else {
                return Ok(0);
            };
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(&self.input[self.at..self.end], out, FlushDecompress::None)
                .map_err(|_| corrupt("the compressed data is damaged"))?;
            let read = (inflate.total_in() - read) as usize;
            let written = (inflate.total_out() - written) as usize;
            self.at += read;
            self.stream_ended = status == Status::StreamEnd;
            if written > 0 {
                return Ok(written);
            }
            if !self.stream_ended && read == 0 && self.at == self.end && self.left == 0 {
                return Err(corrupt("the compressed data ends early"));
            }
            if !self.stream_ended && read == 0 && self.at < self.end {
                return Err(corrupt("the compressed data is damaged"));
            }
        }
    }

    fn verify(&mut self) -> Result<()> {
        if self.at != self.end || self.left > 0 {
            return Err(corrupt("bytes follow the end of the compressed data"));
        }
        if self.produced != self.size {
            return Err(corrupt(format!(
                "the entry has {} bytes where it states {}",
                self.produced, self.size
            )));
        }
        let crc = self.crc.clone().finalize();
        if crc != self.expected {
            return Err(corrupt(format!(
                "the entry's CRC-32 is {crc:08x} where it states {:08x}",
                self.expected
            ))
            .hint("the file is damaged; copy or export it again"));
        }
        self.verified = true;
        Ok(())
    }
}

/// For parsers that want a `Read`. The error inside is the workspace's own.
impl Read for EntryReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        self.pull(out).map_err(io::Error::other)
    }
}
