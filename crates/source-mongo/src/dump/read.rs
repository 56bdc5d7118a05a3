//! Reads the documents of a part.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::chunk::Cursor;
use migrate_core::source::Fill;
use migrate_core::{Error, Result};

use super::archive::{Block, Step};
use super::file::DumpFile;
use super::frames::{Frames, Framing};
use crate::classify::internal;
use crate::store::{Documents, Page};

/// Which blocks of an archive are read.
pub(super) struct Filter {
    database: String,
    collection: String,
    block: Block,
    ours: bool,
}

impl Filter {
    pub(super) fn new(database: &str, collection: &str) -> Self {
        Self {
            database: database.to_owned(),
            collection: collection.to_owned(),
            block: Block::Inside,
            ours: true,
        }
    }

    /// Stands before a document of the collection.
    fn restart(&mut self) {
        self.block = Block::Inside;
        self.ours = true;
    }

    /// Whether a frame is a document of the collection.
    #[inline]
    fn takes(&mut self, frame: &[u8]) -> Result<bool> {
        match self.block.step(frame)? {
            Step::Document => Ok(self.ours),
            Step::Header(header) => {
                self.ours = header.database == self.database && header.collection == self.collection;
                Ok(false)
            }
            Step::End => Ok(false),
        }
    }
}

/// Reads ranges of a file one after the other.
pub(super) struct RangesReader {
    file: Arc<DumpFile>,
    frames: Frames,
    ranges: VecDeque<Range<u64>>,
    filter: Option<Filter>,
}

impl RangesReader {
    /// Reads the documents that begin in the ranges; each begins with one.
    pub(super) fn new(
        file: &Arc<DumpFile>,
        ranges: impl IntoIterator<Item = Range<u64>>,
        filter: Option<Filter>,
    ) -> Result<Self> {
        let mut ranges: VecDeque<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        let first = ranges.pop_front().unwrap_or(0..0);
        let framing = match filter {
            Some(_) => Framing::Archive,
            None => Framing::Documents,
        };
        Ok(Self {
            frames: Frames::range(file, framing, first.start, first.end)?,
            file: file.clone(),
            ranges,
            filter,
        })
    }

    /// Replaces the page by the next documents.
    pub(super) fn next(&mut self, page: &mut Page) -> Result<Fill> {
        loop {
            self.frames.fill(page)?;
            if page.documents.is_empty() {
                let Some(range) = self.ranges.pop_front() else {
                    return Ok(Fill::End);
                };
                self.frames.jump(range.start, range.end)?;
                if let Some(filter) = &mut self.filter {
                    filter.restart();
                }
                continue;
            }
            if let Some(filter) = &mut self.filter {
                take(filter, page).map_err(|(at, e)| self.file.place_at(e, at))?;
            }
            if !page.documents.is_empty() {
                return Ok(Fill::More);
            }
        }
    }

    /// Where in the file a document is, for people.
    pub(super) fn place(&self, page: &Page, index: usize) -> String {
        let at = page.offset + page.documents.get(index).map_or(0, |d| d.start) as u64;
        let how = if self.file.is_gzip() { " when inflated" } else { "" };
        format!("offset {at}{how} of {}", self.file.name())
    }
}

/// Keeps the documents that the filter takes.
fn take(filter: &mut Filter, page: &mut Page) -> Result<(), (u64, Error)> {
    let Page {
        bytes,
        documents,
        offset,
    } = page;
    let mut failed = None;
    documents.retain(|range| {
        if failed.is_some() {
            return false;
        }
        filter.takes(&bytes[range.clone()]).unwrap_or_else(|e| {
            failed = Some((*offset + range.start as u64, e));
            false
        })
    });
    failed.map_or(Ok(()), Err)
}

#[async_trait]
impl Documents for RangesReader {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        self.next(page)
    }

    fn cursor(&self, page: &Page, index: usize) -> Result<Cursor> {
        let document = page
            .documents
            .get(index)
            .ok_or_else(|| internal("a cursor was asked for a document that is not there"))?;
        Ok(Cursor((page.offset + document.end as u64).to_string()))
    }

    fn place(&self, page: &Page, index: usize) -> String {
        RangesReader::place(self, page, index)
    }
}

/// Reads no more than so many documents of each of several places.
pub(super) struct Sample {
    pub(super) readers: VecDeque<(Box<dyn Documents>, u64)>,
}

#[async_trait]
impl Documents for Sample {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        while let Some((reader, left)) = self.readers.front_mut() {
            if *left > 0 && reader.fill(page).await? == Fill::More {
                page.documents
                    .truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= page.documents.len() as u64;
                return Ok(Fill::More);
            }
            self.readers.pop_front();
        }
        page.bytes.clear();
        page.documents.clear();
        Ok(Fill::End)
    }

    fn cursor(&self, page: &Page, index: usize) -> Result<Cursor> {
        match self.readers.front() {
            Some((reader, _)) => reader.cursor(page, index),
            None => Err(internal("a cursor was asked for a document that is not there")),
        }
    }

    fn place(&self, page: &Page, index: usize) -> String {
        match self.readers.front() {
            Some((reader, _)) => reader.place(page, index),
            None => String::new(),
        }
    }
}
