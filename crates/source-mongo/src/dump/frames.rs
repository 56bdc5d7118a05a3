//! Cuts a stream into documents by the lengths that they state, and an archive's into documents and terminators.

use std::sync::Arc;

use migrate_core::{Error, Result};

use super::file::{DumpFile, Stream};
use crate::classify::{corrupt, internal};
use crate::store::Page;

/// Bytes that a page holds unless one document is larger.
const PAGE: usize = 1 << 20;

/// No document is larger. MongoDB's own limit is 16 MiB for users and a little more inside.
const LARGEST: usize = 64 << 20;

/// What ends a block of an archive, where a document's length would be.
const TERMINATOR: [u8; 4] = [0xff; 4];

/// Bytes of a terminator; every document has more.
pub(super) const TERMINATOR_LENGTH: usize = TERMINATOR.len();

/// What the stream consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Documents, one after the other.
    Documents,
    /// Documents and terminators.
    Archive,
}

/// Reads a stream page by page, each ending where a frame ends.
pub(super) struct Frames {
    file: Arc<DumpFile>,
    stream: Stream,
    framing: Framing,
    /// Bytes that were read already, of the frame that comes next.
    ahead: Vec<u8>,
    /// Where `ahead` begins.
    offset: u64,
    /// No frame from here on is wanted.
    limit: u64,
    ended: bool,
}

impl Frames {
    /// Reads all of a file, and keeps up to `checkpoints` checkpoints if it is compressed.
    pub(super) fn all(file: &Arc<DumpFile>, framing: Framing, checkpoints: usize) -> Result<Self> {
        Ok(Self::new(file, file.first(checkpoints)?, framing, 0, u64::MAX))
    }

    /// Reads the frames that begin in `from..limit`; there must be a frame's beginning at `from`.
    pub(super) fn range(file: &Arc<DumpFile>, framing: Framing, from: u64, limit: u64) -> Result<Self> {
        Ok(Self::new(file, file.open(from)?, framing, from, limit))
    }

    fn new(file: &Arc<DumpFile>, stream: Stream, framing: Framing, offset: u64, limit: u64) -> Self {
        Self {
            file: file.clone(),
            stream,
            framing,
            ahead: Vec::new(),
            offset,
            limit,
            ended: false,
        }
    }

    /// Goes on with the frames that begin in `from..limit`.
    pub(super) fn jump(&mut self, from: u64, limit: u64) -> Result<()> {
        self.ahead.clear();
        self.stream.jump(from)?;
        self.offset = from;
        self.limit = limit;
        self.ended = false;
        Ok(())
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Leaves the first bytes of an archive, which are no frame, behind.
    pub(super) fn skip(&mut self, out: &mut [u8]) -> Result<usize> {
        let n = self.stream.read(out)?;
        self.offset += n as u64;
        Ok(n)
    }

    /// Replaces the page by the next frames: all its bytes from `page.offset` on, and the range of each. No frame means
    /// the end.
    pub(super) fn fill(&mut self, page: &mut Page) -> Result<()> {
        page.bytes.clear();
        page.documents.clear();
        page.bytes.append(&mut self.ahead);
        page.offset = self.offset;
        let mut at = 0;
        while !self.ended {
            let next = self.cut(page, &mut at)?;
            let needed = at + next;
            if self.ended || at >= PAGE / 2 {
                break;
            }
            let have = page.bytes.len();
            // A large document's page grows as its bytes arrive, whatever the length claims.
            let want = needed.min(PAGE.max(2 * have)).max(PAGE);
            let want = want.min(self.until_limit(page.offset).max(needed)).max(have + 1);
            page.bytes.resize(want, 0);
            let got = self.stream.read(&mut page.bytes[have..])?;
            page.bytes.truncate(have + got);
            if got == 0 {
                self.ended = true;
                if at < have {
                    return Err(self.cut_short(page.offset + at as u64, &page.bytes[at..]));
                }
                if self.limit < u64::MAX {
                    return Err(self.shorter(page.offset + at as u64));
                }
            }
        }
        self.ahead.extend_from_slice(&page.bytes[at..]);
        page.bytes.truncate(at);
        self.offset += at as u64;
        give_back(&mut page.bytes);
        Ok(())
    }

    /// Bytes from an offset to the limit.
    fn until_limit(&self, offset: u64) -> usize {
        usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX)
    }

    /// Finds the frames that are complete, and says how many bytes the next one needs.
    fn cut(&mut self, page: &mut Page, at: &mut usize) -> Result<usize> {
        loop {
            let offset = page.offset + *at as u64;
            if offset >= self.limit {
                self.ended = true;
                if offset > self.limit {
                    return Err(self.beyond(offset));
                }
                return Ok(0);
            }
            let rest = &page.bytes[*at..];
            let Some(prefix) = rest.first_chunk::<4>() else {
                return Ok(4);
            };
            let length = if self.framing == Framing::Archive && *prefix == TERMINATOR {
                TERMINATOR_LENGTH
            } else {
                let stated = i32::from_le_bytes(*prefix);
                match usize::try_from(stated) {
                    Ok(length) if (5..=LARGEST).contains(&length) => length,
                    _ => return Err(self.no_length(stated, prefix, offset)),
                }
            };
            if rest.len() < length {
                return Ok(length);
            }
            if length > TERMINATOR_LENGTH && rest[length - 1] != 0 {
                return Err(self.file.place_at(
                    corrupt(format!(
                        "the document's length is {length}, but its last byte is not zero"
                    ))
                    .hint(DAMAGED),
                    offset,
                ));
            }
            page.documents.push(*at..*at + length);
            *at += length;
        }
    }

    fn no_length(&self, stated: i32, prefix: &[u8; 4], offset: u64) -> Error {
        let error = corrupt(format!(
            "a document states the length {stated}, which none can have"
        ));
        let hint = compressed(offset, prefix).unwrap_or(DAMAGED);
        self.file.place_at(error.hint(hint), offset)
    }

    fn cut_short(&self, offset: u64, rest: &[u8]) -> Error {
        let have = rest.len();
        let hint = compressed(offset, rest).unwrap_or("the file is incomplete; copy it or dump again");
        self.file.place_at(
            corrupt(format!(
                "the file ends inside of a document, after {have} bytes of it"
            ))
            .hint(hint),
            offset,
        )
    }

    fn shorter(&self, offset: u64) -> Error {
        self.file.place_at(
            corrupt(format!("the file ends before byte {}, which it had", self.limit))
                .hint("the file changed since it was examined; start again with the whole dump"),
            offset,
        )
    }

    fn beyond(&self, offset: u64) -> Error {
        self.file.place_at(
            internal(format!(
                "no document begins at byte {}, where the part ends",
                self.limit
            )),
            offset,
        )
    }
}

const DAMAGED: &str = "the file is damaged, or no BSON; dump again";

/// What to do where a file that should be plain begins as a gzip file does.
fn compressed(offset: u64, bytes: &[u8]) -> Option<&'static str> {
    (offset == 0 && bytes.starts_with(&[0x1f, 0x8b]))
        .then_some("the file is compressed by gzip: let its name end in .gz")
}

/// Gives memory back that only one large document needed.
fn give_back(bytes: &mut Vec<u8>) {
    if bytes.capacity() > 4 * PAGE && bytes.len() <= PAGE {
        bytes.shrink_to(PAGE);
    }
}
