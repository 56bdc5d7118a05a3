//! Reads a chunk.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::Cursor;
use migrate_core::source::{ChunkReader, Fill};

use super::program::Program;
use super::rows::{Rows, in_document};
use super::walk::Memory;
use crate::store::{Documents, Page};

/// Reads the rows of one table in one part of its collection. A document's rows are never parted: a batch may become
/// larger than asked for by one document's.
pub(crate) struct Reader {
    documents: Box<dyn Documents>,
    program: Arc<Program>,
    memory: Memory,
    text: String,
    page: Page,
    /// The document of the page that comes next.
    next: usize,
    /// Whether nothing comes after the page.
    last: bool,
    cursor: Option<Cursor>,
}

impl Reader {
    pub(crate) fn new(documents: Box<dyn Documents>, program: Arc<Program>) -> Self {
        Self {
            documents,
            memory: Memory::new(&program),
            program,
            text: String::new(),
            page: Page::default(),
            next: 0,
            last: false,
            cursor: None,
        }
    }

    /// Adds rows until the batch is full or the page ends.
    fn drain(&mut self, out: &mut BatchBuilder) -> Result<()> {
        let mut rows = Rows::new(&self.program, &mut self.memory, &mut self.text);
        let before = self.next;
        for range in &self.page.documents[before..] {
            if out.is_full() {
                break;
            }
            if let Err(error) = rows.document(&self.page.bytes[range.clone()], out) {
                let place = self.documents.place(&self.page, self.next);
                return Err(in_document(error, &place, &self.program));
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
impl ChunkReader for Reader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        /// Room for text that an unusual document needed is given back.
        const KEEP_BYTES: usize = 1 << 20;
        loop {
            self.drain(out)?;
            if self.text.capacity() > KEEP_BYTES {
                self.text = String::new();
            }
            if self.next < self.page.documents.len() {
                return Ok(Fill::More);
            }
            if self.last {
                return Ok(Fill::End);
            }
            if out.is_full() {
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
