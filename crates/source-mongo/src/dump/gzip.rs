//! Gzip files (RFC 1952), read from the beginning or from a checkpoint.
//!
//! A gzip file can only be inflated from its start. So the first reading of a file keeps copies of the inflater's state at
//! even distances, and later readers go on from the nearest one: collections in the middle of a compressed archive, and
//! parts of a compressed collection, are found without inflating all that lies before.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use migrate_core::Result;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use crate::classify::{corrupt, io as io_error, unsupported};

/// Compressed bytes that are read from the file at once.
const INPUT: usize = 128 << 10;

/// The first distance between checkpoints, in inflated bytes. It doubles whenever there are too many of them.
const DISTANCE: u64 = 8 << 20;

const DAMAGED: &str = "the file is damaged or incomplete; copy it or dump again (gzip -t checks it)";

/// A state from which inflating can go on: the 32 KiB that matches refer to, and the code tables, 43 KiB in all.
#[derive(Clone)]
pub(super) struct Checkpoint {
    inflate: Box<InflateState>,
    crc: crc32fast::Hasher,
    in_member: u32,
    /// Where the next compressed byte is.
    compressed: u64,
    /// Inflated bytes before.
    pub(super) inflated: u64,
}

/// Checkpoints as they are collected: no more than `most`.
pub(super) struct Checkpoints {
    most: usize,
    distance: u64,
    list: Vec<Checkpoint>,
}

impl Checkpoints {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            distance: DISTANCE,
            list: Vec::new(),
        }
    }

    pub(super) fn into_list(self) -> Vec<Checkpoint> {
        self.list
    }

    fn due(&self, inflated: u64) -> bool {
        self.most > 1 && inflated >= self.list.last().map_or(0, |c| c.inflated) + self.distance
    }

    fn push(&mut self, checkpoint: Checkpoint) {
        if self.list.len() == self.most {
            let mut nth = 0;
            self.list.retain(|_| {
                nth += 1;
                nth % 2 == 0
            });
            self.distance *= 2;
        }
        self.list.push(checkpoint);
    }
}

enum At {
    /// Before a member's header, or at the file's end.
    Member,
    Data,
    Trailer,
    End,
}

/// Inflates a file of one or more members and checks each one's CRC-32 and length.
pub(super) struct Gunzip {
    file: File,
    input: Box<[u8]>,
    at: usize,
    end: usize,
    /// Where in the file `input[end]` is.
    position: u64,
    inflate: Box<InflateState>,
    crc: crc32fast::Hasher,
    in_member: u32,
    inflated: u64,
    members: u64,
    state: At,
    checkpoints: Option<Checkpoints>,
}

impl Gunzip {
    pub(super) fn new(file: File, checkpoints: Option<Checkpoints>) -> Self {
        Self {
            file,
            input: vec![0; INPUT].into_boxed_slice(),
            at: 0,
            end: 0,
            position: 0,
            inflate: InflateState::new_boxed(DataFormat::Raw),
            crc: crc32fast::Hasher::new(),
            in_member: 0,
            inflated: 0,
            members: 0,
            state: At::Member,
            checkpoints,
        }
    }

    /// Goes on from a checkpoint that an earlier reading of the same file left.
    pub(super) fn resume(&mut self, from: &Checkpoint) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(from.compressed))
            .map_err(|e| io_error("cannot read the file", e))?;
        self.at = 0;
        self.end = 0;
        self.position = from.compressed;
        self.inflate.clone_from(&from.inflate);
        self.crc = from.crc.clone();
        self.in_member = from.in_member;
        self.inflated = from.inflated;
        self.members = 1;
        self.state = At::Data;
        Ok(())
    }

    /// Inflated bytes delivered so far, and skipped ones.
    pub(super) fn inflated(&self) -> u64 {
        self.inflated
    }

    /// What was collected, once the end is reached.
    pub(super) fn take_checkpoints(&mut self) -> Option<Vec<Checkpoint>> {
        self.checkpoints.take().map(Checkpoints::into_list)
    }

    /// Fills as much of `out` as there is. Less than its length means the end, and that all checks were passed.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            match self.state {
                At::Member => self.header()?,
                At::Data => filled += self.data(&mut out[filled..])?,
                At::Trailer => self.trailer()?,
                At::End => break,
            }
        }
        Ok(filled)
    }

    fn compressed(&self) -> u64 {
        self.position - (self.end - self.at) as u64
    }

    fn refill(&mut self) -> Result<bool> {
        let n = loop {
            match self.file.read(&mut self.input) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(io_error("cannot read the file", e)),
            }
        };
        (self.at, self.end) = (0, n);
        self.position += n as u64;
        Ok(n > 0)
    }

    fn next(&mut self) -> Result<Option<u8>> {
        if self.at == self.end && !self.refill()? {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.input[self.at - 1]))
    }

    fn byte(&mut self) -> Result<u8> {
        match self.next()? {
            Some(byte) => Ok(byte),
            None => Err(corrupt("the gzip file ends early")
                .at("compressed byte", self.position)
                .hint(DAMAGED)),
        }
    }

    fn header(&mut self) -> Result<()> {
        let begin = self.compressed();
        let Some(first) = self.next()? else {
            if self.members == 0 {
                return Err(corrupt("the gzip file is empty").hint(DAMAGED));
            }
            self.state = At::End;
            return Ok(());
        };
        if first == 0 && self.members > 0 {
            // Blocks of tapes are filled up with zeros; gzip itself ignores them too.
            while let Some(byte) = self.next()? {
                if byte != 0 {
                    return Err(self.no_member(begin));
                }
            }
            self.state = At::End;
            return Ok(());
        }
        if first != 0x1f || self.byte()? != 0x8b {
            return Err(self.no_member(begin));
        }
        let method = self.byte()?;
        if method != 8 {
            return Err(unsupported(format!(
                "the gzip file is compressed by the unknown method {method}"
            ))
            .at("compressed byte", begin));
        }
        let flags = self.byte()?;
        if flags & 0xe0 != 0 {
            return Err(corrupt("the gzip header has unknown flags")
                .at("compressed byte", begin)
                .hint(DAMAGED));
        }
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & 4 != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for text in [8, 16] {
            if flags & text != 0 {
                while self.byte()? != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.byte()?;
            self.byte()?;
        }
        self.inflate.reset(DataFormat::Raw);
        self.crc = crc32fast::Hasher::new();
        self.in_member = 0;
        self.members += 1;
        self.state = At::Data;
        Ok(())
    }

    fn no_member(&self, begin: u64) -> migrate_core::Error {
        let what = if self.members == 0 {
            "the file is not a gzip file"
        } else {
            "bytes that are not gzip's follow the compressed data"
        };
        corrupt(what).at("compressed byte", begin).hint(DAMAGED)
    }

    fn data(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.at == self.end && !self.refill()? {
            // What the inflater still holds back needs no more input.
            self.end = 0;
            self.at = 0;
        }
        let result = inflate(
            &mut self.inflate,
            &self.input[self.at..self.end],
            out,
            MZFlush::None,
        );
        self.at += result.bytes_consumed;
        let written = result.bytes_written;
        match result.status {
            Ok(MZStatus::StreamEnd) => self.state = At::Trailer,
            Ok(_) if written > 0 || result.bytes_consumed > 0 => {}
            Err(MZError::Buf) if written > 0 || result.bytes_consumed > 0 => {}
            Ok(_) | Err(MZError::Buf) if self.at == self.end => {
                if !self.refill()? {
                    return Err(corrupt("the gzip file ends early")
                        .at("compressed byte", self.position)
                        .hint(DAMAGED));
                }
            }
            _ => {
                return Err(corrupt("the compressed data is damaged")
                    .at("compressed byte", self.compressed())
                    .hint(DAMAGED));
            }
        }
        self.crc.update(&out[..written]);
        self.in_member = self.in_member.wrapping_add(written as u32);
        self.inflated += written as u64;
        if matches!(self.state, At::Data) && self.checkpoints.as_ref().is_some_and(|c| c.due(self.inflated)) {
            let checkpoint = Checkpoint {
                inflate: self.inflate.clone(),
                crc: self.crc.clone(),
                in_member: self.in_member,
                compressed: self.compressed(),
                inflated: self.inflated,
            };
            if let Some(checkpoints) = &mut self.checkpoints {
                checkpoints.push(checkpoint);
            }
        }
        Ok(written)
    }

    fn trailer(&mut self) -> Result<()> {
        let mut word = [0; 8];
        for byte in &mut word {
            *byte = self.byte()?;
        }
        let [a, b, c, d, e, f, g, h] = word;
        let stated = u32::from_le_bytes([a, b, c, d]);
        let crc = std::mem::take(&mut self.crc).finalize();
        if crc != stated {
            return Err(corrupt(format!(
                "the CRC-32 of the inflated data is {crc:08x} where the gzip file states {stated:08x}"
            ))
            .hint(DAMAGED));
        }
        if u32::from_le_bytes([e, f, g, h]) != self.in_member {
            return Err(corrupt("the gzip file states another length than its data has").hint(DAMAGED));
        }
        self.state = At::Member;
        Ok(())
    }
}
