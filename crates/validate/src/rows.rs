//! Two kinds of sides, one way of reading them: encoded tuples.

use std::ops::ControlFlow;
use std::sync::Arc;

use migrate_core::Result;
use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::{Chunk, ChunkGoal};
use migrate_core::encode::{KnownKeys, RowEncoder};
use migrate_core::pipeline::Options as ReadOptions;
use migrate_core::plan::TablePlan;
use migrate_core::source::{Fill, Snapshot};
use migrate_core::stored::{Stored, Tuples};

/// Where rows are read from.
#[derive(Clone)]
pub enum Side {
    /// A PostgreSQL database, whether migrate wrote it or somebody else.
    Stored(Arc<dyn Stored>),
    /// A source, read as a migration would read it.
    Source {
        /// What is read.
        snapshot: Arc<dyn Snapshot>,
        /// Keys that were given before, where the plan rewrites keys by a table of the destination.
        known: Arc<KnownKeys>,
    },
}

/// How a reading went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Rows that have no encoding, and so were not handed over.
    pub(crate) rejected: u64,
}

impl Side {
    /// A source whose plan asks for no keys that were given before.
    pub fn source(snapshot: Arc<dyn Snapshot>) -> Self {
        Self::Source {
            snapshot,
            known: Arc::default(),
        }
    }

    /// Reads a table's rows and hands them over as tuples, until there are no more or `each` has enough.
    ///
    /// `chunks` are those in which a migration read the table; without them a source is split anew.
    pub(crate) async fn read(
        &self,
        table: &TablePlan,
        chunks: Option<&[Chunk]>,
        mut each: impl FnMut(&[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<Reading> {
        match self {
            Self::Stored(stored) => {
                let mut scan = stored.scan(table).await?;
                let mut tuples = Tuples::default();
                while scan.next(&mut tuples).await? {
                    for row in tuples.iter() {
                        if each(row)?.is_break() {
                            return Ok(Reading::default());
                        }
                    }
                }
                Ok(Reading::default())
            }
            Self::Source { snapshot, known } => match chunks {
                Some(chunks) => read_chunks(snapshot.as_ref(), known, table, chunks, each).await,
                None => {
                    let chunks = snapshot.split(table, ChunkGoal::default()).await?;
                    read_chunks(snapshot.as_ref(), known, table, &chunks, each).await
                }
            },
        }
    }
}

async fn read_chunks(
    snapshot: &dyn Snapshot,
    known: &Arc<KnownKeys>,
    table: &TablePlan,
    chunks: &[Chunk],
    mut each: impl FnMut(&[u8]) -> Result<ControlFlow<()>>,
) -> Result<Reading> {
    let encoder = Arc::new(RowEncoder::for_table(table, known)?);
    let mut reading = Reading::default();
    for chunk in chunks {
        let mut reader = snapshot.read(table, chunk, None).await?;
        let mut builder = BatchBuilder::new(Arc::clone(&encoder), ReadOptions::default().batch_bytes);
        loop {
            let fill = reader.fill(&mut builder).await?;
            let batch = builder.take()?;
            reading.rejected += batch.rejects.len() as u64;
            for row in batch.iter() {
                if each(row)?.is_break() {
                    return Ok(reading);
                }
            }
            builder.recycle(batch);
            // Decoding a local file may never wait: let others run between batches.
            tokio::task::yield_now().await;
            if fill == Fill::End {
                break;
            }
        }
    }
    Ok(reading)
}
