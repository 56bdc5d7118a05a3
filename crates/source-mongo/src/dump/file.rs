//! A file of a dump as a stream of its uncompressed bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use migrate_core::{Error, Result};

use super::gzip::{Checkpoint, Checkpoints, Gunzip};
use crate::classify::{corrupt, io as io_error};

/// What is read to leave bytes of a compressed file behind.
const SKIP: usize = 64 << 10;

/// A file that is plain or compressed by gzip.
pub(crate) struct DumpFile {
    path: PathBuf,
    /// How errors call it.
    name: String,
    gzip: bool,
    /// Bytes on the disk.
    stored: u64,
    checkpoints: OnceLock<Vec<Checkpoint>>,
}

impl DumpFile {
    /// Takes note of a file. `gzip` says whether it is compressed.
    pub(super) fn new(path: &Path, name: String, gzip: bool) -> Result<Self> {
        let stored = std::fs::metadata(path)
            .map_err(|e| io_error("cannot read the file", e).at("file", &name))?
            .len();
        Ok(Self {
            path: path.to_owned(),
            name,
            gzip,
            stored,
            checkpoints: OnceLock::new(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its bytes have to be inflated.
    pub(super) fn is_gzip(&self) -> bool {
        self.gzip
    }

    /// Its bytes on the disk.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Names the file as the place of an error.
    pub(super) fn place(&self, error: Error) -> Error {
        error.at("file", &self.name)
    }

    /// Says where in the file an error is.
    pub(super) fn place_at(&self, error: Error, offset: u64) -> Error {
        let what = if self.gzip {
            "offset when inflated"
        } else {
            "offset"
        };
        self.place(error.at(what, offset))
    }

    fn file(&self) -> Result<File> {
        File::open(&self.path).map_err(|e| self.place(io_error("cannot open the file", e)))
    }

    /// Reads from the beginning; a compressed file's checkpoints, at most `most`, are kept for [`DumpFile::open`].
    pub(super) fn first(self: &Arc<Self>, most: usize) -> Result<Stream> {
        let file = self.file()?;
        let bytes = if self.gzip {
            Bytes::Gzip(Box::new(Gunzip::new(file, Some(Checkpoints::new(most)))))
        } else {
            Bytes::Plain { file, offset: 0 }
        };
        Ok(Stream {
            of: self.clone(),
            bytes,
        })
    }

    /// Reads from an offset on.
    pub(super) fn open(self: &Arc<Self>, offset: u64) -> Result<Stream> {
        let file = self.file()?;
        let bytes = if self.gzip {
            Bytes::Gzip(Box::new(Gunzip::new(file, None)))
        } else {
            Bytes::Plain { file, offset: 0 }
        };
        let mut stream = Stream {
            of: self.clone(),
            bytes,
        };
        stream.jump(offset)?;
        Ok(stream)
    }

    /// The last checkpoint at or before the offset.
    fn checkpoint(&self, offset: u64) -> Option<&Checkpoint> {
        let list = self.checkpoints.get()?;
        let after = list.partition_point(|c| c.inflated <= offset);
        list[..after].last()
    }

    /// The largest distance between checkpoints; 1 where none are needed.
    pub(super) fn coarseness(&self) -> u64 {
        let mut last = 0;
        let mut largest = 1;
        for checkpoint in self.checkpoints.get().into_iter().flatten() {
            largest = largest.max(checkpoint.inflated - last);
            last = checkpoint.inflated;
        }
        largest
    }
}

enum Bytes {
    Plain { file: File, offset: u64 },
    Gzip(Box<Gunzip>),
}

/// Reads a file's uncompressed bytes.
pub(super) struct Stream {
    of: Arc<DumpFile>,
    bytes: Bytes,
}

impl Stream {
    /// Fills as much of `out` as there is; less than its length means the end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let of = &self.of;
        let place = |e| of.place(e);
        match &mut self.bytes {
            Bytes::Plain { file, offset } => {
                let mut filled = 0;
                while filled < out.len() {
                    match file.read(&mut out[filled..]) {
                        Ok(0) => break,
                        Ok(n) => filled += n,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(place(io_error("cannot read the file", e))),
                    }
                }
                *offset += filled as u64;
                Ok(filled)
            }
            Bytes::Gzip(gunzip) => {
                let filled = gunzip.read(out).map_err(place)?;
                if filled < out.len()
                    && let Some(list) = gunzip.take_checkpoints()
                {
                    // Another first reading may have ended before; its checkpoints are as good.
                    let _ = of.checkpoints.set(list);
                }
                Ok(filled)
            }
        }
    }

    /// Goes on at an offset, backwards too.
    pub(super) fn jump(&mut self, offset: u64) -> Result<()> {
        let of = &self.of;
        match &mut self.bytes {
            Bytes::Plain { file, offset: at } => {
                if *at != offset {
                    file.seek(SeekFrom::Start(offset))
                        .map_err(|e| of.place(io_error("cannot read the file", e)))?;
                    *at = offset;
                }
                Ok(())
            }
            Bytes::Gzip(gunzip) => {
                let behind = gunzip.inflated() > offset;
                match of.checkpoint(offset) {
                    Some(checkpoint) if behind || checkpoint.inflated > gunzip.inflated() => {
                        gunzip.resume(checkpoint).map_err(|e| of.place(e))?;
                    }
                    None if behind => **gunzip = Gunzip::new(of.file()?, None),
                    _ => {}
                }
                let mut aside = vec![0; SKIP];
                while gunzip.inflated() < offset {
                    let most = (offset - gunzip.inflated()).min(SKIP as u64) as usize;
                    if gunzip.read(&mut aside[..most]).map_err(|e| of.place(e))? < most {
                        return Err(of.place(
                            corrupt(format!(
                                "the file ends before byte {offset}, where reading has to go on"
                            ))
                            .hint("the file changed since it was examined; start again with the whole dump"),
                        ));
                    }
                }
                Ok(())
            }
        }
    }
}
