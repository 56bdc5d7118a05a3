//! Rows that were written and are not durable yet.

use std::time::Duration;

use crate::batch::Batch;
use crate::chunk::{ConversionTotals, Cursor, Receipt, add_conversions};
use crate::error::Result;
use crate::plan::TablePlan;
use crate::sink::ChunkWriter;

/// What observers were told of rows that are not durable yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Reported {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) quarantined: u64,
}

/// Where chunks stand that go on together: whether they are complete, and the place in the source. `None` if they are not
/// at the same place.
pub(super) fn place(open: &[(Pending, Receipt)]) -> Option<(bool, Option<Cursor>)> {
    let mut places = open.iter().map(|(_, receipt)| (receipt.done, &receipt.cursor));
    let first = places.next()?;
    places
        .all(|other| other == first)
        .then(|| (first.0, first.1.clone()))
}

/// How long a destination may take to forget what was not committed.
const FORGETTING: Duration = Duration::from_secs(10);

/// Aborts a writer. Should that fail, or not end, there is a better reason to report, and whoever opens the chunk next
/// fences it.
pub(super) async fn give_up(writer: Box<dyn ChunkWriter>) {
    let _ = tokio::time::timeout(FORGETTING, writer.abort()).await;
}

pub(super) async fn give_up_all(open: Vec<(Pending, Receipt)>) {
    for (pending, _) in open {
        give_up(pending.writer).await;
    }
}

pub(super) fn column_names(table: &TablePlan) -> impl Iterator<Item = &str> {
    table.copied().map(|c| c.name.as_str())
}

/// What was written since the last commit.
pub(super) struct Pending {
    pub(super) writer: Box<dyn ChunkWriter>,
    pub(super) read: u64,
    pub(super) filtered: u64,
    pub(super) reported: Reported,
    pub(super) conversions: ConversionTotals,
}

impl Pending {
    pub(super) fn new(writer: Box<dyn ChunkWriter>) -> Self {
        Self {
            writer,
            read: 0,
            filtered: 0,
            reported: Reported::default(),
            conversions: ConversionTotals::new(),
        }
    }

    /// What there is to tell of a batch that was written.
    pub(super) fn report(&mut self, batch: &Batch) -> Reported {
        let now = Reported {
            rows: batch.rows() as u64,
            bytes: batch.bytes().len() as u64,
            quarantined: batch.rejects.len() as u64,
        };
        self.reported.rows += now.rows;
        self.reported.bytes += now.bytes;
        self.reported.quarantined += now.quarantined;
        now
    }

    pub(super) async fn write<'n>(
        &mut self,
        batch: &Batch,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<()> {
        self.writer.write(batch).await?;
        self.read += batch.rows() as u64 + batch.rejects.len() as u64 + batch.filtered;
        self.filtered += batch.filtered;
        if !batch.conversions.is_empty() {
            let names: Vec<&str> = names.collect();
            add_conversions(&mut self.conversions, &batch.conversions.by_name(&names));
        }
        Ok(())
    }
}
