//! A server in memory: one table, the little T-SQL that this module writes, and faults on demand.

mod sql;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use migrate_core::value::Value;
use migrate_core::{Error, ErrorKind, Result};

use super::key::KeyValue;
use super::sessions::Sessions;
use crate::live::wire::{Fetch, Flow, Query, ResultColumn, RowTarget, Session};

/// A row: `None` is NULL.
pub(crate) type Row = Vec<Option<KeyValue>>;

/// What happens to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It breaks after so many rows, in the middle of the next one.
    Break(usize),
    /// Its transaction is the victim of a deadlock after so many rows, in the middle of the next one.
    Deadlock(usize),
    /// It cannot be opened.
    Refused,
    /// The query ends with an error that does not pass, after so many rows.
    Fatal(usize),
}

/// The server.
pub(crate) struct Fake {
    /// Its one table: `[dbo].[t]`.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// Whether it knows `CHANGE_TRACKING_CURRENT_VERSION` and `MIN_ACTIVE_ROWVERSION`.
    pub(crate) history: Mutex<Option<i64>>,
    /// What happens to the next connections that read rows, in turn.
    faults: Mutex<VecDeque<Fault>>,
    /// Every statement.
    log: Mutex<Vec<String>>,
    idle: Mutex<Vec<Box<dyn Session>>>,
    /// Connections open now.
    open: Mutex<usize>,
}

impl Fake {
    pub(crate) fn new(columns: &[&str], rows: Vec<Row>, faults: &[Fault]) -> Arc<Self> {
        Arc::new(Self {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows,
            history: Mutex::new(None),
            faults: Mutex::new(faults.iter().copied().collect()),
            log: Mutex::new(Vec::new()),
            idle: Mutex::new(Vec::new()),
            open: Mutex::new(0),
        })
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Connections that are neither closed nor waiting for the next who asks.
    pub(crate) fn busy(&self) -> usize {
        *self.open.lock().unwrap() - self.idle.lock().unwrap().len()
    }

    pub(crate) fn faults_left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    pub(crate) fn session(self: &Arc<Self>) -> Box<dyn Session> {
        *self.open.lock().unwrap() += 1;
        Box::new(FakeSession {
            server: Arc::clone(self),
            result: None,
            fault: None,
            broken: false,
        })
    }

    pub(crate) fn answer(&self, sql: &str) -> Result<Vec<Row>> {
        let unknown = || Error::source_side(ErrorKind::Unsupported, "the server does not know the function");
        if sql.contains("change_tracking_current_version") || sql.contains("min_active_rowversion") {
            let mut version = self.history.lock().unwrap();
            let now = version.as_mut().ok_or_else(unknown)?;
            *now += 1;
            let version = KeyValue::Bytes((*now as u64).to_be_bytes().to_vec());
            return Ok(vec![match sql {
                "select change_tracking_current_version()" => vec![Some(KeyValue::Int(*now))],
                "select cast(min_active_rowversion() as varbinary(8))" => vec![Some(version)],
                _ => vec![Some(KeyValue::Int(*now)), Some(version)],
            }]);
        }
        if sql.contains("dm_db_stats_histogram") {
            return Err(unknown());
        }
        Ok(sql::run(sql, &self.columns, &self.rows))
    }
}

/// `Sessions` over the server.
pub(crate) struct FakeSessions(pub(crate) Arc<Fake>);

#[async_trait]
impl Sessions for FakeSessions {
    async fn take(&self) -> Result<Box<dyn Session>> {
        let mut faults = self.0.faults.lock().unwrap();
        if faults.front() == Some(&Fault::Refused) {
            faults.pop_front();
            return Err(transient("connection refused"));
        }
        let idle = self.0.idle.lock().unwrap().pop();
        Ok(idle.unwrap_or_else(|| self.0.session()))
    }

    fn give_back(&self, session: Box<dyn Session>) {
        self.0.idle.lock().unwrap().push(session);
    }
}

fn transient(message: &str) -> Error {
    Error::source_side(ErrorKind::Connection, message).transient()
}

struct FakeSession {
    server: Arc<Fake>,
    /// What is left of the result, and how many rows of it were delivered.
    result: Option<(VecDeque<Row>, usize)>,
    fault: Option<Fault>,
    broken: bool,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        *self.server.open.lock().unwrap() -= 1;
    }
}

impl FakeSession {
    fn usable(&self) -> Result<()> {
        assert!(self.result.is_none(), "a query is open");
        if self.broken {
            return Err(transient("the connection is broken"));
        }
        Ok(())
    }
}

#[async_trait]
impl Session for FakeSession {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        self.usable()?;
        self.server.log.lock().unwrap().push(query.sql.to_owned());
        Ok(())
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        self.usable()?;
        self.server.log.lock().unwrap().push(query.sql.to_owned());
        let rows: VecDeque<Row> = self.server.answer(query.sql)?.into();
        let width = sql::width(query.sql);
        if query.purpose == "reading rows" {
            self.fault = self.server.faults.lock().unwrap().pop_front();
        }
        self.result = Some((rows, 0));
        Ok((0..width)
            .map(|i| ResultColumn {
                name: format!("c{i}"),
            })
            .collect())
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        let (rows, delivered) = self.result.as_mut().expect("a query is open");
        loop {
            let error = match self.fault {
                Some(Fault::Break(n)) if n == *delivered => {
                    self.broken = true;
                    Some(transient("the connection broke"))
                }
                Some(Fault::Deadlock(n)) if n == *delivered => Some(transient("deadlock victim")),
                Some(Fault::Fatal(n)) if n == *delivered => {
                    Some(Error::source_side(ErrorKind::Corrupt, "the page is damaged"))
                }
                _ => None,
            };
            let next = rows.pop_front();
            if let Some(error) = error {
                if let Some(row) = next {
                    target.begin();
                    if let Some(cell) = row.first() {
                        give(target, cell);
                    }
                }
                self.result = None;
                return Err(error);
            }
            let Some(row) = next else {
                self.result = None;
                return Ok(Fetch::End);
            };
            target.begin();
            for cell in &row {
                give(target, cell);
            }
            *delivered += 1;
            match target.end() {
                Ok(Flow::Continue) => {}
                Ok(Flow::Pause) => return Ok(Fetch::More),
                Err(error) => {
                    self.result = None;
                    return Err(error);
                }
            }
        }
    }

    async fn cancel(&mut self) -> Result<()> {
        self.result = None;
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken
    }
}

fn give(target: &mut dyn RowTarget, cell: &Option<KeyValue>) {
    target.value(match cell {
        None => Value::Null,
        Some(KeyValue::Int(v)) => Value::Int64(*v),
        Some(KeyValue::Text(v)) => Value::Text(v),
        Some(KeyValue::Bytes(v)) => Value::Bytes(v),
        Some(KeyValue::Uuid(v)) => Value::Uuid(*v),
        Some(KeyValue::Float(v)) => Value::Float64(f64::from_bits(*v)),
        Some(other) => panic!("{other:?} is not among the values of this server"),
    });
}
