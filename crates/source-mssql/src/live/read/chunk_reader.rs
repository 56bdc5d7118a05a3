//! One chunk's reader.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Cursor, Position, Window};
use migrate_core::source::{ChunkReader, Fill};
use migrate_core::{Error, Result};

use super::ask::ask;
use super::key::KeyValue;
use super::literal::literal;
use super::patience::{Failures, Patience};
use super::position::History;
use super::range::Range;
use super::select::Selection;
use super::sessions::Sessions;
use super::target::{BatchTarget, RowState};
use super::token;
use crate::classify::{internal, unsupported};
use crate::live::wire::{Fetch, Query, Session};

const PURPOSE: &str = "reading rows";

/// What a reader is told.
pub(crate) struct Reading {
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) table: ObjectName,
    pub(crate) selection: Selection,
    pub(crate) range: Range,
    /// Whether to read in a transaction under SNAPSHOT.
    pub(crate) snapshot: bool,
    pub(crate) history: History,
    pub(crate) patience: Patience,
}

impl Reading {
    /// Connects and starts the query behind the last row delivered.
    async fn open(
        &self,
        after: Option<&[KeyValue]>,
        from: &mut Option<Position>,
    ) -> Result<Box<dyn Session>> {
        let sql = self.selection.sql(&self.range, after)?;
        let mut session = self.sessions.take().await?;
        if from.is_none() {
            *from = self.history.now(session.as_mut()).await?;
        }
        if self.snapshot {
            let sql = "set transaction isolation level snapshot; begin transaction";
            let purpose = "beginning to read rows";
            session.execute(Query { purpose, sql }).await?;
        }
        self.check_floats(session.as_mut(), after).await?;
        let columns = session
            .start(Query {
                purpose: PURPOSE,
                sql: &sql,
            })
            .await?;
        if columns.len() != self.selection.cells.len() {
            return Err(internal(
                "the server answers with another number of columns than were asked for",
            ));
        }
        Ok(session)
    }

    /// Makes sure that the server reads a floating-point number as the one that is meant: rows next to the cursor would be
    /// lost or come twice.
    async fn check_floats(&self, session: &mut dyn Session, after: Option<&[KeyValue]>) -> Result<()> {
        let (Some(key), Some(after)) = (&self.selection.key, after) else {
            return Ok(());
        };
        for (column, value) in key.columns.iter().zip(after) {
            if !matches!(value, KeyValue::Real(_) | KeyValue::Float(_)) {
                continue;
            }
            let sql = format!("select {}", literal(value, column)?);
            let answer = ask(session, "checking a cursor", &sql).await?;
            if answer.first().and_then(|row| row.first()) != Some(&Some(value.clone())) {
                return Err(unsupported(
                    "the server rounds a floating-point key, so that the chunk cannot be gone on with",
                )
                .at("column", &column.name));
            }
        }
        Ok(())
    }

    /// Ends the transaction and asks where the server is.
    async fn close(&self, session: Option<Box<dyn Session>>) -> Result<Option<Position>> {
        let mut session = match session {
            Some(mut session) => {
                if self.snapshot {
                    let sql = "commit transaction; set transaction isolation level read committed";
                    let purpose = "ending the reading of rows";
                    session.execute(Query { purpose, sql }).await?;
                }
                session
            }
            None if self.history == History::default() => return Ok(None),
            None => self.sessions.take().await?,
        };
        let position = self.history.now(session.as_mut()).await?;
        self.sessions.give_back(session);
        Ok(position)
    }
}

/// Reads the rows of one chunk. Dropping it closes its connection, which ends the query on the server.
pub(crate) struct TableReader {
    reading: Reading,
    state: RowState,
    /// Whether `state` knows a row to go on after.
    placed: bool,
    /// With the query open, and a transaction where there is one.
    session: Option<Box<dyn Session>>,
    failures: Failures,
    ended: bool,
    /// Where the server was before the first row, if it can say so.
    from: Option<Position>,
}

impl TableReader {
    /// Nothing is asked of the server before the first [`fill`](ChunkReader::fill).
    pub(crate) fn new(reading: Reading, after: Option<&Cursor>) -> Result<Self> {
        let key = reading.selection.key.as_ref();
        let mut state = RowState::new(key);
        if let Some(cursor) = after {
            let place = token::place(cursor)?;
            if key.is_none_or(|k| k.columns.len() != place.len()) {
                return Err(internal("the cursor belongs to another key than the chunk's"));
            }
            state.begin_after(place);
        }
        Ok(Self {
            reading,
            state,
            placed: after.is_some(),
            session: None,
            failures: Failures::default(),
            ended: false,
            from: None,
        })
    }

    /// For tests of windows.
    #[cfg(test)]
    pub(crate) fn set_history(&mut self, history: History) {
        self.reading.history = history;
    }

    fn after(&self) -> Option<&[KeyValue]> {
        (self.placed && self.reading.selection.key.is_some()).then(|| self.state.last())
    }

    async fn step(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        if self.session.is_none() {
            let after = (self.placed && self.reading.selection.key.is_some()).then(|| self.state.last());
            self.session = Some(self.reading.open(after, &mut self.from).await?);
        }
        let Some(session) = &mut self.session else {
            return Err(internal("a session that was just opened is gone"));
        };
        let before = self.state.rows;
        let selection = &self.reading.selection;
        let mut target = BatchTarget::new(out, &selection.cells, selection.key.as_ref(), &mut self.state);
        let fetched = session.fetch(&mut target).await;
        if self.state.rows > before {
            self.placed = true;
            self.failures.forget();
        }
        Ok(match fetched? {
            Fetch::More => Fill::More,
            Fetch::End => Fill::End,
        })
    }

    /// Waits before another attempt, or says why there is none.
    async fn retry(&mut self, error: Error) -> Result<()> {
        // Without an order there is no going on after the first row; whoever asked begins the chunk again.
        let can_go_on = self.reading.selection.key.is_some() || self.state.rows == 0;
        if !error.is_transient() || !can_go_on {
            return Err(error);
        }
        match self.failures.next(&self.reading.patience) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
        Ok(())
    }

    fn place(&self, error: Error) -> Error {
        error.at("table", &self.reading.table)
    }
}

#[async_trait]
impl ChunkReader for TableReader {
    async fn fill(&mut self, out: &mut BatchBuilder) -> Result<Fill> {
        if self.ended {
            return Ok(Fill::End);
        }
        loop {
            match self.step(out).await {
                Ok(fill) => {
                    self.ended = fill == Fill::End;
                    return Ok(fill);
                }
                Err(error) => {
                    // A row may have come by half.
                    out.abandon_row();
                    self.session = None;
                    if let Err(error) = self.retry(error).await {
                        return Err(self.place(error));
                    }
                }
            }
        }
    }

    fn cursor(&self) -> Option<Cursor> {
        token::cursor(self.after()?)
    }

    async fn finish(mut self: Box<Self>) -> Result<Window> {
        let mut session = self.session.take();
        loop {
            // All rows are there: a connection that breaks now costs the position only, which a new one can tell.
            match self.reading.close(session.take()).await {
                Ok(to) => {
                    return Ok(Window {
                        from: self.from.take(),
                        to,
                    });
                }
                Err(error) if error.is_transient() => match self.failures.next(&self.reading.patience) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(self.place(error)),
                },
                Err(error) => return Err(self.place(error)),
            }
        }
    }
}
