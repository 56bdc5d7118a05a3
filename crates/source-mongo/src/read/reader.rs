//! Reads a chunk.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::Cursor;
use migrate_core::source::{ChunkReader, Fill, GroupReader};

use super::program::Program;
use super::rows::{Rows, in_document};
use super::walk::Memory;
use crate::store::{Documents, Page};

/// What a table's rows are made with.
struct Lane {
    program: Arc<Program>,
    memory: Memory,
    text: String,
}

/// Reads the rows of some tables of a collection in one part of it, in one pass over the documents. A document's rows are
/// never parted: a batch may become larger than asked for by one document's.
pub(crate) struct Reader {
    documents: Box<dyn Documents>,
    lanes: Vec<Lane>,
    page: Page,
    /// The document of the page that comes next.
    next: usize,
    /// Whether nothing comes after the page.
    last: bool,
    cursor: Option<Cursor>,
}

impl Reader {
    pub(crate) fn new(documents: Box<dyn Documents>, programs: &[Arc<Program>]) -> Self {
        let lane = |program: &Arc<Program>| Lane {
            memory: Memory::new(program),
            program: Arc::clone(program),
            text: String::new(),
        };
        Self {
            documents,
            lanes: programs.iter().map(lane).collect(),
            page: Page::default(),
            next: 0,
            last: false,
            cursor: None,
        }
    }

    /// Adds rows until a batch is full or the page ends.
    fn drain(&mut self, out: &mut [BatchBuilder]) -> Result<()> {
        let mut rows: Vec<Rows<'_, '_>> = self
            .lanes
            .iter_mut()
            .map(|lane| Rows::new(&lane.program, &mut lane.memory, &mut lane.text))
            .collect();
        let before = self.next;
        for range in &self.page.documents[before..] {
            if out.iter().any(BatchBuilder::is_full) {
                break;
            }
            for (rows, out) in rows.iter_mut().zip(out.iter_mut()) {
                if let Err(error) = rows.document(&self.page.bytes[range.clone()], out) {
                    let place = self.documents.place(&self.page, self.next);
                    return Err(in_document(error, &place, rows.program()));
                }
            }
            self.next += 1;
        }
        if self.next > before {
            self.cursor = Some(self.documents.cursor(&self.page, self.next - 1)?);
        }
        Ok(())
    }
}

#[async_trait]
impl GroupReader for Reader {
    async fn fill(&mut self, out: &mut [BatchBuilder]) -> Result<Fill> {
        /// Room for text that an unusual document needed is given back.
        const KEEP_BYTES: usize = 1 << 20;
        loop {
            self.drain(out)?;
            for lane in self
                .lanes
                .iter_mut()
                .filter(|lane| lane.text.capacity() > KEEP_BYTES)
            {
                lane.text = String::new();
            }
            if self.next < self.page.documents.len() {
                return Ok(Fill::More);
            }
            if self.last {
                return Ok(Fill::End);
            }
            if out.iter().any(BatchBuilder::is_full) {
                return Ok(Fill::More);
            }
            self.last = self.documents.fill(&mut self.page).await? == Fill::End;
            self.next = 0;
        }
    }

    fn cursor(&self) -> Option<Cursor> {
        self.cursor.clone()
    }
}

#[async_trait]
impl ChunkReader for Reader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        GroupReader::fill(self, std::slice::from_mut(out)).await
    }

    fn cursor(&self) -> Option<Cursor> {
        GroupReader::cursor(self)
    }
}
