//! Reads buckets and gives measurements.

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::chunk::Cursor;
use migrate_core::source::Fill;

use super::Series;
use crate::classify::internal;
use crate::store::{Documents, Page};

/// Bytes of measurements after which a page is full.
const PAGE: usize = 1 << 20;

/// Where a measurement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin {
    /// The bucket's place in the page of buckets.
    bucket: usize,
    /// Its first byte.
    offset: u64,
    /// Measurements of the bucket up to this one, with it.
    nth: u64,
}

/// A cursor is a bucket's first byte and how many measurements of it are done.
pub(in crate::dump) struct SeriesReader {
    buckets: Box<dyn Documents>,
    series: Series,
    page: Page,
    next: usize,
    /// Measurements of the first bucket that are done.
    skip: u64,
    /// Measurements that are still wanted.
    left: u64,
    origins: Vec<Origin>,
}

impl SeriesReader {
    /// Reads at most `most` measurements of the buckets, after `skip` of the first one's.
    pub(in crate::dump) fn new(buckets: Box<dyn Documents>, series: Series, skip: u64, most: u64) -> Self {
        Self {
            buckets,
            series,
            page: Page::default(),
            next: 0,
            skip,
            left: most,
            origins: Vec::new(),
        }
    }

    /// Takes a cursor apart: the bucket's first byte, and the measurements of it that are done.
    pub(in crate::dump) fn parse(cursor: &Cursor) -> Option<(u64, u64)> {
        let (offset, done) = cursor.0.split_once('+')?;
        Some((offset.parse().ok()?, done.parse().ok()?))
    }
}

#[async_trait]
impl Documents for SeriesReader {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        page.bytes.clear();
        page.documents.clear();
        self.origins.clear();
        while self.left > 0 && (page.documents.is_empty() || page.bytes.len() < PAGE) {
            if self.next == self.page.documents.len() {
                // Places are told from the buckets' page, so a page of measurements does not span two of them.
                if !page.documents.is_empty() {
                    break;
                }
                self.next = 0;
                if self.buckets.fill(&mut self.page).await? == Fill::End {
                    return Ok(Fill::End);
                }
            }
            let bucket = self.next;
            self.next += 1;
            let range = self.page.documents[bucket].clone();
            let offset = self.page.offset + range.start as u64;
            let before = page.documents.len();
            self.series
                .unpack(&self.page.bytes[range], &mut page.bytes, &mut page.documents)
                .map_err(|e| e.at("bucket", self.buckets.place(&self.page, bucket)))?;
            let found = (page.documents.len() - before) as u64;
            let skip = self.skip.min(found);
            self.skip = 0;
            page.documents.drain(before..before + skip as usize);
            let wanted = (found - skip).min(self.left);
            page.documents.truncate(before + wanted as usize);
            self.left -= wanted;
            self.origins.extend((1..=wanted).map(|n| Origin {
                bucket,
                offset,
                nth: skip + n,
            }));
        }
        Ok(if page.documents.is_empty() {
            Fill::End
        } else {
            Fill::More
        })
    }

    fn cursor(&self, _page: &Page, index: usize) -> Result<Cursor> {
        let origin = self
            .origins
            .get(index)
            .ok_or_else(|| internal("a cursor was asked for a document that is not there"))?;
        Ok(Cursor(format!("{}+{}", origin.offset, origin.nth)))
    }

    fn place(&self, _page: &Page, index: usize) -> String {
        match self.origins.get(index) {
            Some(origin) => format!(
                "measurement {} of the bucket at {}",
                origin.nth,
                self.buckets.place(&self.page, origin.bucket)
            ),
            None => String::new(),
        }
    }
}
