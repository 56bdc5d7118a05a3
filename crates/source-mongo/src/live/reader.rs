//! A part's documents, page by page.

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::chunk::Cursor;
use migrate_core::source::Fill;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::feed::{Feed, Feeder};
use super::key::Key;
use super::query::Progress;
use crate::classify::internal;
use crate::store::{Documents, Page};

/// Batches that wait while one is being worked on.
const AHEAD: usize = 1;

/// Reads what a [`Feeder`] brings. Dropping it ends the task, and with it the server's cursor.
pub(super) struct Reader {
    batches: mpsc::Receiver<Result<Feed>>,
    task: JoinHandle<()>,
    /// Where one is after each document of the page, for what has no key.
    marks: Vec<Progress>,
    ended: bool,
}

impl Reader {
    /// Starts the task that `feeder` makes for the sender that it is given.
    pub(super) fn start(feeder: impl FnOnce(mpsc::Sender<Result<Feed>>) -> Feeder) -> Self {
        let (out, batches) = mpsc::channel(AHEAD);
        Self {
            batches,
            task: tokio::spawn(feeder(out).run()),
            marks: Vec::new(),
            ended: false,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Documents for Reader {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        page.bytes.clear();
        page.documents.clear();
        page.offset = 0;
        if self.ended {
            return Ok(Fill::End);
        }
        match self.batches.recv().await {
            Some(Ok(Feed::Batch(slice, marks))) => {
                slice.copy_into(&mut page.bytes, &mut page.documents);
                self.marks = marks;
                Ok(Fill::More)
            }
            Some(Ok(Feed::End)) => {
                self.ended = true;
                Ok(Fill::End)
            }
            Some(Err(error)) => Err(error),
            None => Err(internal("a reader went on after its error, or its task was lost")),
        }
    }

    fn cursor(&self, page: &Page, index: usize) -> Result<Cursor> {
        if let Some(mark) = self.marks.get(index) {
            return Ok(mark.cursor());
        }
        let document = page
            .iter()
            .nth(index)
            .ok_or_else(|| internal("the page has no such document"))?;
        Ok(Cursor(Key::of(document)?.to_hex()))
    }

    fn place(&self, page: &Page, index: usize) -> String {
        match page.iter().nth(index).map(Key::of) {
            Some(Ok(key)) => format!("_id {}", key.shown()),
            _ => format!("document {index} of a batch"),
        }
    }
}
