//! One table: three digests that must be one.

use std::sync::Arc;

use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Chunk, Receipt};
use migrate_core::digest::Digest;
use migrate_core::encode::{KnownKeys, RowEncoder};
use migrate_core::plan::{TablePlan, TargetName};
use migrate_core::source::{Fill, Snapshot};
use migrate_core::stored::{LedgerView, Stored, Tuples};
use migrate_core::{Error, ErrorKind, Result};

use crate::locate::{Difference, Locator};

/// What was found for one table.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TableValidation {
    /// The table's source name.
    pub source: ObjectName,
    /// The table's name in the destination.
    pub target: TargetName,
    /// What the migration read and wrote, by the ledger.
    pub ledger: Digest,
    /// What the destination holds now.
    pub stored: Digest,
    /// What the source holds now, if it was read again: every row that can be encoded.
    pub read_again: Option<Digest>,
    /// Rows of `read_again` that the destination refused when they were written: they are in quarantine, and nothing else
    /// is missing.
    pub refused: u64,
    /// Whether all chunks of the table were copied.
    pub complete: bool,
    /// Rows that differ, as far as they were looked for.
    pub differences: Vec<Difference>,
}

impl TableValidation {
    /// Whether destination, ledger and (if read) source hold the same rows, those in quarantine aside.
    pub fn agrees(&self) -> bool {
        self.complete
            && self.ledger == self.stored
            && self
                .read_again
                .is_none_or(|d| d == self.stored || self.refused > 0)
    }
}

pub(crate) struct Job {
    pub(crate) index: usize,
    pub(crate) ledger: Arc<LedgerView>,
    pub(crate) stored: Arc<dyn Stored>,
    pub(crate) snapshot: Option<Arc<dyn Snapshot>>,
    pub(crate) known: Arc<KnownKeys>,
    pub(crate) max_differences: usize,
    pub(crate) batch_bytes: usize,
}

impl Job {
    pub(crate) fn name(&self) -> String {
        self.ledger
            .plan
            .tables
            .get(self.index)
            .map(|t| t.source.to_string())
            .unwrap_or_default()
    }

    pub(crate) async fn run(&self) -> Result<TableValidation> {
        let table = self
            .ledger
            .plan
            .tables
            .get(self.index)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a table that is not in the plan"))?;
        let none = Vec::new();
        let registered = self.ledger.tables.get(&table.source);
        let chunks = registered.unwrap_or(&none);
        let mut expected = Receipt {
            done: true,
            ..Receipt::default()
        };
        for (_, receipt) in chunks {
            expected.merge(receipt);
        }
        let mut stored = Digest::default();
        each_stored(self.stored.as_ref(), table, |row| add(&mut stored, row)).await?;
        let mut result = TableValidation {
            source: table.source.clone(),
            target: table.target.clone(),
            ledger: expected.digest,
            stored,
            read_again: None,
            refused: 0,
            complete: expected.done && registered.is_some(),
            differences: Vec::new(),
        };
        if let Some(snapshot) = &self.snapshot {
            let mut read = Digest::default();
            let rejected = self
                .each_read(snapshot, table, chunks, |row| add(&mut read, row))
                .await?;
            result.read_again = Some(read);
            // What a copy that is not complete lacks is no news.
            if read != stored && result.complete {
                let locator = self.locate(snapshot, table, chunks).await?;
                // Rows that cannot be encoded are in no digest; those that the server refused were read like others.
                let refused = expected.quarantined.saturating_sub(rejected);
                if refused > 0 && expected.digest == stored && locator.lacks_only(refused) {
                    result.refused = refused;
                } else {
                    result.differences = locator.differences(self.max_differences);
                }
            }
        }
        Ok(result)
    }

    async fn locate<'p>(
        &self,
        snapshot: &Arc<dyn Snapshot>,
        table: &'p TablePlan,
        chunks: &[(Chunk, Receipt)],
    ) -> Result<Locator<'p>> {
        let mut locator = Locator::new(table);
        self.each_read(snapshot, table, chunks, |row| locator.count_read(row))
            .await?;
        each_stored(self.stored.as_ref(), table, |row| locator.count_stored(row)).await?;
        locator.choose();
        self.each_read(snapshot, table, chunks, |row| locator.collect_read(row))
            .await?;
        each_stored(self.stored.as_ref(), table, |row| locator.collect_stored(row)).await?;
        Ok(locator)
    }

    /// Reads the table's rows from the source as the migration did. Returns how many could not be encoded.
    async fn each_read(
        &self,
        snapshot: &Arc<dyn Snapshot>,
        table: &TablePlan,
        chunks: &[(Chunk, Receipt)],
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut rejected = 0;
        let encoder = Arc::new(RowEncoder::for_table(table, &self.known)?);
        for (chunk, _) in chunks {
            let mut reader = snapshot.read(table, chunk, None).await?;
            let mut builder = BatchBuilder::new(Arc::clone(&encoder), self.batch_bytes);
            loop {
                let fill = reader.fill(&mut builder).await?;
                let batch = builder.take()?;
                rejected += batch.rejects.len() as u64;
                for i in 0..batch.rows() {
                    each(batch.row(i))?;
                }
                // Decoding a local file may never wait: let others run between batches.
                tokio::task::yield_now().await;
                if fill == Fill::End {
                    break;
                }
            }
        }
        Ok(rejected)
    }
}

async fn each_stored(
    stored: &dyn Stored,
    table: &TablePlan,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut scan = stored.scan(table).await?;
    let mut tuples = Tuples::default();
    while scan.next(&mut tuples).await? {
        for row in tuples.iter() {
            each(row)?;
        }
    }
    Ok(())
}

fn add(digest: &mut Digest, row: &[u8]) -> Result<()> {
    digest.add_row(row);
    Ok(())
}
