//! Two kinds of sides, one way of reading them: encoded tuples, part by part, several parts at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor};
use migrate_core::digest::Digest;
use migrate_core::encode::{KnownKeys, RowEncoder};
use migrate_core::plan::TablePlan;
use migrate_core::source::{Fill, Snapshot};
use migrate_core::stored::{Stored, TableParts, Tuples};
use migrate_core::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::stretch::{Span, Stretch, Stretches};

/// Bytes of tuples that are handed over at once.
const HANDFUL: usize = 256 << 10;

/// Parts of a table, so that a part of it can be read again: stretches of source chunks, ranges of the destination's blocks.
const PARTS: usize = 64;

/// Rows below which a stretch is not worth a reading of its own.
const FEWEST_ROWS: u64 = 4096;

/// Bytes of a source's chunk where it may be split as finely as one likes.
const FINE_CHUNK: u64 = 4 << 20;

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

impl Side {
    /// A source whose plan asks for no keys that were given before.
    pub fn source(snapshot: Arc<dyn Snapshot>) -> Self {
        Self::Source {
            snapshot,
            known: Arc::default(),
        }
    }
}

/// How many parts of one side's tables are read at the same time, all tables together.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    most: usize,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            permits: Arc::new(Semaphore::new(most)),
        }
    }
}

/// One side of one table.
#[derive(Clone)]
pub(crate) struct TableSide {
    pub(crate) side: Side,
    pub(crate) table: Arc<TablePlan>,
    /// The chunks in which a migration read it; without them a source is split anew.
    pub(crate) chunks: Option<Arc<Vec<Chunk>>>,
    /// Rows that it has, as far as known.
    pub(crate) rows: Option<u64>,
    pub(crate) readers: Readers,
}

impl TableSide {
    /// Finds out in which parts it is read.
    pub(crate) async fn open(&self) -> Result<Arc<OpenTable>> {
        let parts = match &self.side {
            Side::Stored(stored) => Parts::Stored {
                parts: stored.parts(&self.table, PARTS).await?,
                stored: Arc::clone(stored),
            },
            Side::Source { snapshot, known } => {
                let reach = snapshot.reach(&self.table);
                let fine = ChunkGoal {
                    bytes: FINE_CHUNK,
                    max_chunks: PARTS as u32,
                };
                let chunks = match &self.chunks {
                    Some(chunks) if chunks.is_empty() => Vec::new(),
                    _ if reach.by_split => snapshot.split(&self.table, fine).await?,
                    Some(chunks) => chunks.to_vec(),
                    None => snapshot.split(&self.table, ChunkGoal::default()).await?,
                };
                Parts::Source {
                    snapshot: Arc::clone(snapshot),
                    encoder: Arc::new(RowEncoder::for_table(&self.table, known)?),
                    chunks,
                    seeks: reach.by_cursor,
                }
            }
        };
        let stretch = self.rows.unwrap_or(PARTS as u64 * 8 * FEWEST_ROWS) / PARTS as u64;
        Ok(Arc::new(OpenTable {
            table: Arc::clone(&self.table),
            parts,
            stretch: stretch.max(FEWEST_ROWS),
            readers: self.readers.clone(),
        }))
    }

    /// The number and sum of all rows.
    pub(crate) async fn digest(&self) -> Result<Digest> {
        let table = self.open().await?;
        let mut digest = Digest::default();
        table
            .read(table.all(), |_, row| {
                digest.add_row(row);
                Ok(())
            })
            .await?;
        Ok(digest)
    }
}

enum Parts {
    Stored {
        stored: Arc<dyn Stored>,
        parts: TableParts,
    },
    Source {
        snapshot: Arc<dyn Snapshot>,
        encoder: Arc<RowEncoder>,
        chunks: Vec<Chunk>,
        /// Whether a cursor is reached without passing over what lies before it.
        seeks: bool,
    },
}

/// One side of a table in the parts in which it is read, once or again.
pub(crate) struct OpenTable {
    table: Arc<TablePlan>,
    parts: Parts,
    /// Rows of a stretch, where a part is longer and the source can go on behind a row.
    stretch: u64,
    readers: Readers,
}

/// How a reading went.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Rows that have no encoding, and so were not handed over.
    pub(crate) rejected: u64,
    /// Where the rows lie.
    pub(crate) stretches: Stretches,
}

/// What readers hand over.
enum Message {
    /// A stretch begins, under this number.
    Begin(u32, Stretch),
    /// Rows of a stretch.
    Tuples(u32, Tuples),
    Batch(u32, Batch),
}

impl OpenTable {
    /// All of the table.
    pub(crate) fn all(&self) -> Vec<Span> {
        let parts = match &self.parts {
            Parts::Stored { parts, .. } => parts.parts.len(),
            Parts::Source { chunks, .. } => chunks.len(),
        };
        (0..parts).map(Span::part).collect()
    }

    /// What has to be read again to see the chosen places.
    pub(crate) fn some(&self, stretches: &Stretches, places: u64) -> Vec<Span> {
        let seeks = match &self.parts {
            Parts::Stored { .. } => false,
            Parts::Source { seeks, .. } => *seeks,
        };
        stretches.spans(places, seeks)
    }

    /// Reads the spans, several at the same time, and hands over their rows as tuples with the number of the stretch in which
    /// they lie.
    pub(crate) async fn read(
        self: &Arc<Self>,
        spans: Vec<Span>,
        mut each: impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<Reading> {
        let readers = self.readers.most.min(spans.len());
        let (sender, mut inbox) = mpsc::channel(1);
        let work = Arc::new(Work {
            table: Arc::clone(self),
            spans,
            next: AtomicUsize::new(0),
            stretches: AtomicU32::new(0),
        });
        // They end with this function.
        let mut tasks = JoinSet::new();
        for _ in 0..readers {
            tasks.spawn(Arc::clone(&work).run(sender.clone()));
        }
        drop(sender);
        let mut rejected = 0;
        let mut found: BTreeMap<u32, Stretch> = BTreeMap::new();
        while let Some(message) = inbox.recv().await {
            let (number, rows) = match message? {
                Message::Begin(number, stretch) => {
                    found.insert(number, stretch);
                    continue;
                }
                Message::Tuples(number, tuples) => {
                    for row in tuples.iter() {
                        each(number, row)?;
                    }
                    (number, tuples.ends.len())
                }
                Message::Batch(number, batch) => {
                    rejected += batch.rejects.len() as u64;
                    for row in batch.iter() {
                        each(number, row)?;
                    }
                    (number, batch.rows())
                }
            };
            if let Some(stretch) = found.get_mut(&number) {
                stretch.rows += rows as u64;
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|e| Error::new(ErrorKind::Internal, "a reading panicked").because(e))?;
        }
        Ok(Reading {
            rejected,
            stretches: Stretches::new(found),
        })
    }
}

/// What the readers of one reading share.
struct Work {
    table: Arc<OpenTable>,
    spans: Vec<Span>,
    next: AtomicUsize,
    stretches: AtomicU32,
}

type Outbox = mpsc::Sender<Result<Message>>;

/// Nobody listens any more.
struct Unheard;

impl Work {
    /// Reads one span after the other, until there are none.
    async fn run(self: Arc<Self>, out: Outbox) {
        while let Some(span) = self.spans.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let Ok(_permit) = self.table.readers.permits.acquire().await else {
                return;
            };
            match self.read(span, &out).await {
                Ok(Ok(())) => {}
                Ok(Err(Unheard)) => return,
                Err(error) => {
                    let _ = out.send(Err(error)).await;
                    return;
                }
            }
        }
    }

    async fn read(&self, span: &Span, out: &Outbox) -> Result<Result<(), Unheard>> {
        match &self.table.parts {
            Parts::Stored { stored, parts } => {
                let Some(part) = parts.parts.get(span.part) else {
                    return Ok(Ok(()));
                };
                let mut scan = stored.scan_part(&self.table.table, part).await?;
                let Ok(number) = self.begin(span.part, None, out).await else {
                    return Ok(Err(Unheard));
                };
                loop {
                    let mut tuples = Tuples::default();
                    if !scan.next(&mut tuples).await? {
                        return Ok(Ok(()));
                    }
                    if out.send(Ok(Message::Tuples(number, tuples))).await.is_err() {
                        return Ok(Err(Unheard));
                    }
                }
            }
            Parts::Source {
                snapshot,
                encoder,
                chunks,
                ..
            } => {
                let Some(chunk) = chunks.get(span.part) else {
                    return Ok(Ok(()));
                };
                self.read_chunk(snapshot.as_ref(), encoder, chunk, span, out)
                    .await
            }
        }
    }

    async fn read_chunk(
        &self,
        snapshot: &dyn Snapshot,
        encoder: &Arc<RowEncoder>,
        chunk: &Chunk,
        span: &Span,
        out: &Outbox,
    ) -> Result<Result<(), Unheard>> {
        let after = span.after.as_ref();
        let mut reader = snapshot.read(&self.table.table, chunk, after).await?;
        let mut builder = BatchBuilder::new(Arc::clone(encoder), HANDFUL);
        let Ok(mut number) = self.begin(span.part, span.after.clone(), out).await else {
            return Ok(Err(Unheard));
        };
        let (mut rows, mut in_stretch) = (0, 0);
        while rows < span.rows {
            let fill = reader.fill(&mut builder).await?;
            let batch = builder.take()?;
            rows += batch.rows() as u64;
            in_stretch += batch.rows() as u64;
            if !batch.is_empty() && out.send(Ok(Message::Batch(number, batch))).await.is_err() {
                return Ok(Err(Unheard));
            }
            if fill == Fill::End {
                break;
            }
            if in_stretch >= self.table.stretch
                && let Some(cursor) = reader.cursor()
            {
                let Ok(next) = self.begin(span.part, Some(cursor), out).await else {
                    return Ok(Err(Unheard));
                };
                (number, in_stretch) = (next, 0);
            }
            // Decoding a local file may never wait: let others run between batches.
            tokio::task::yield_now().await;
        }
        Ok(Ok(()))
    }

    /// Begins a stretch.
    async fn begin(&self, part: usize, after: Option<Cursor>, out: &Outbox) -> Result<u32, Unheard> {
        let number = self.stretches.fetch_add(1, Ordering::Relaxed);
        let stretch = Stretch { part, after, rows: 0 };
        let sent = out.send(Ok(Message::Begin(number, stretch))).await;
        sent.map(|()| number).map_err(|_| Unheard)
    }
}
