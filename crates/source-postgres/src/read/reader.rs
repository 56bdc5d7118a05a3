//! A COPY that runs in a task of its own, and the batches that are made of it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::Cursor;
use migrate_core::decode::{CopyReader, cell_value, fields};
use migrate_core::source::{ChunkReader, Fill};
use migrate_core::value::Value;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::{During, classify_source};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::shape::{Delivery, Shape};
use crate::snapshot::Exported;

/// Bytes that are handed over at once.
const HANDFUL: usize = 256 << 10;

/// Reads one chunk. Dropping it ends the COPY.
pub(super) struct Reader {
    shape: Arc<Shape>,
    table: ObjectName,
    /// Pieces of the stream, back to back.
    full: mpsc::Receiver<Vec<u8>>,
    spent: mpsc::Sender<Vec<u8>>,
    task: Option<JoinHandle<Result<()>>>,
    stream: Option<CopyReader>,
    rows: u64,
    /// A tuple that is being changed.
    own: Vec<u8>,
}

impl Reader {
    pub(super) fn start(
        exported: Arc<Exported>,
        shape: Arc<Shape>,
        statement: String,
        table: &ObjectName,
    ) -> Self {
        let (sender, full) = mpsc::channel(1);
        let (spent, empty) = mpsc::channel(2);
        Self {
            stream: Some(CopyReader::new(shape.columns.len())),
            shape,
            table: table.clone(),
            full,
            spent,
            task: Some(tokio::spawn(copy_out(exported, statement, sender, empty))),
            rows: 0,
            own: Vec::new(),
        }
    }

    /// What the task ended with.
    async fn outcome(&mut self) -> Result<()> {
        match self.task.take() {
            None => Ok(()),
            Some(task) => task.await.unwrap_or_else(|e| {
                Err(Error::source_side(
                    ErrorKind::Internal,
                    "the reading of a table stopped without a reason",
                )
                .because(e))
            }),
        }
    }
}

#[async_trait]
impl ChunkReader for Reader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        while !out.is_full() {
            let Some(mut piece) = self.full.recv().await else {
                self.outcome().await.map_err(|e| e.at("table", &self.table))?;
                if let Some(stream) = self.stream.take() {
                    stream.finish().map_err(|e| e.at("table", &self.table))?;
                }
                return Ok(Fill::End);
            };
            let Some(stream) = &mut self.stream else {
                return Ok(Fill::End);
            };
            if self.shape.untouched && self.shape.oids.is_none() {
                out.push_stream(stream, &piece)?;
            } else {
                let (shape, rows, own) = (&self.shape, &mut self.rows, &mut self.own);
                stream.read(&piece, |tuple| {
                    *rows += 1;
                    push_changed(shape, tuple, *rows, own, out)
                })?;
            }
            piece.clear();
            let _ = self.spent.try_send(piece);
        }
        Ok(Fill::More)
    }

    fn cursor(&self) -> Option<Cursor> {
        None
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Adds a tuple in which something is replaced or decoded.
fn push_changed(
    shape: &Shape,
    tuple: &[u8],
    row: u64,
    own: &mut Vec<u8>,
    out: &mut BatchBuilder,
) -> Result<()> {
    let tuple = match &shape.oids {
        None => tuple,
        Some((oids, columns)) => {
            own.clear();
            own.extend_from_slice(tuple);
            oids.replace_in_tuple(columns, own)?;
            own.as_slice()
        }
    };
    if shape.untouched {
        out.push_tuple(tuple)
    } else {
        push_values(shape, tuple, row, out)
    }
}

/// Decodes a tuple as far as the plan's types ask for it.
fn push_values(shape: &Shape, tuple: &[u8], row: u64, out: &mut BatchBuilder) -> Result<()> {
    out.begin_row();
    for (column, field) in shape.columns.iter().zip(fields(tuple)) {
        let Some(bytes) = field? else {
            out.push(Value::Null);
            continue;
        };
        match &column.delivery {
            Delivery::Encoded => out.push(Value::Encoded(bytes)),
            Delivery::Printed => cell_value(&migrate_core::pg_type::PgType::Text, bytes, |v| out.push(v))?,
            Delivery::Value(ty) => cell_value(ty, bytes, |v| out.push(v))?,
        }
    }
    out.end_row(|| format!("row {row} of its part of the table"))
}

async fn copy_out(
    exported: Arc<Exported>,
    statement: String,
    full: mpsc::Sender<Vec<u8>>,
    mut empty: mpsc::Receiver<Vec<u8>>,
) -> Result<()> {
    let mut session = exported.session().await?;
    let mut handful = Vec::with_capacity(HANDFUL + (HANDFUL >> 3));
    {
        let mut stream = session
            .copy_out_raw(&statement)
            .await
            .map_err(|e| classify_source(e, During::Rows))?;
        while let Some(piece) = stream.next().await {
            handful.extend_from_slice(&piece.map_err(|e| classify_source(e, During::Rows))?);
            if handful.len() >= HANDFUL {
                let next = empty
                    .try_recv()
                    .unwrap_or_else(|_| Vec::with_capacity(HANDFUL + (HANDFUL >> 3)));
                if full.send(std::mem::replace(&mut handful, next)).await.is_err() {
                    // Nobody listens: closing the connection ends the COPY.
                    return Ok(());
                }
            }
        }
    }
    if !handful.is_empty() && full.send(handful).await.is_err() {
        return Ok(());
    }
    exported.give_back(session);
    Ok(())
}
