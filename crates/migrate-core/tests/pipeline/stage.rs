//! A source, a sink and a script, and what must be true after each run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use migrate_core::batch::Reject;
use migrate_core::catalog::ObjectName;
use migrate_core::digest::Digest;
use migrate_core::mapping::Mapping;
use migrate_core::memory::{Cell, MemorySink, MemorySource};
use migrate_core::observer::{Event, Observer};
use migrate_core::pg_type::PgType;
use migrate_core::pipeline::{self, Options, Report};
use migrate_core::plan::{Plan, Target};
use migrate_core::retry::Retry;
use migrate_core::source::Source;
use migrate_core::stored::Stored;
use migrate_core::{Error, Result, planner};
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Point, Script};
use crate::sink::FaultySink;
use crate::source::{FaultySource, Outstanding};

/// Longer than any run takes: a run that hangs fails its test rather than the whole suite.
const PATIENCE: Duration = Duration::from_mins(2);

/// Keeps events, and cancels at the first that fits.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) events: Mutex<Vec<Event>>,
    cancel_at: Mutex<Option<(fn(&Event) -> bool, CancellationToken)>>,
}

impl Observer for Recorder {
    fn event(&self, event: &Event) {
        if let Some((fits, token)) = &*self.cancel_at.lock().unwrap()
            && fits(event)
        {
            token.cancel();
        }
        self.events.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    /// Rows and bytes written less those taken back.
    pub(crate) fn net(&self) -> (i64, i64) {
        let mut net = (0, 0);
        for event in self.events.lock().unwrap().iter() {
            match event {
                Event::Written { rows, bytes, .. } => net = (net.0 + *rows as i64, net.1 + *bytes as i64),
                Event::TakenBack { rows, bytes, .. } => net = (net.0 - *rows as i64, net.1 - *bytes as i64),
                _ => {}
            }
        }
        net
    }

    /// Rows put aside less those taken back.
    pub(crate) fn net_quarantined(&self) -> i64 {
        let count = |event: &Event| match event {
            Event::Written { quarantined, .. } => *quarantined as i64,
            Event::TakenBack { quarantined, .. } => -(*quarantined as i64),
            _ => 0,
        };
        self.events.lock().unwrap().iter().map(count).sum()
    }

    pub(crate) fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|e| fits(e)).count()
    }
}

pub(crate) struct Stage {
    pub(crate) source: FaultySource,
    pub(crate) sink: FaultySink,
    pub(crate) script: Arc<Script>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) options: Options,
    pub(crate) token: CancellationToken,
    pub(crate) recorder: Arc<Recorder>,
}

pub(crate) fn t(name: &str) -> ObjectName {
    ObjectName::new("dbo", name)
}

/// A text that says which row it is of; now and then none, now and then longer than a small batch.
fn words(id: usize) -> Option<String> {
    (id % 5 != 3).then(|| format!("row {id} {}", "x".repeat(id % 11 * 9)))
}

fn cells(id: usize) -> Vec<Cell> {
    vec![Cell::Int(id as i64), words(id).map_or(Cell::Null, Cell::Text)]
}

/// The row as PostgreSQL's documentation of COPY's binary format has it, made without the encoder.
pub(crate) fn tuple(id: usize) -> Vec<u8> {
    let mut row = vec![0, 2, 0, 0, 0, 8];
    row.extend_from_slice(&(id as i64).to_be_bytes());
    match words(id) {
        None => row.extend_from_slice(&[0xff; 4]),
        Some(text) => {
            row.extend_from_slice(&(text.len() as u32).to_be_bytes());
            row.extend_from_slice(text.as_bytes());
        }
    }
    row
}

pub(crate) const COLUMNS: [(&str, PgType); 2] = [("id", PgType::Int8), ("words", PgType::Text)];

impl Stage {
    /// Tables of so many rows.
    pub(crate) async fn new(tables: &[(&str, usize)], chunk_rows: usize) -> Self {
        let mut source = MemorySource::new("stage").chunk_rows(chunk_rows);
        for (name, rows) in tables {
            source = source.table(t(name), &COLUMNS, (0..*rows).map(cells).collect());
        }
        Self::over(source).await
    }

    /// The same, read in one pass as far as chunks hold the same rows.
    pub(crate) async fn together(tables: &[(&str, usize)], chunk_rows: usize) -> Self {
        let mut stage = Self::new(tables, chunk_rows).await;
        stage.source.inner = stage.source.inner.together(true);
        stage
    }

    pub(crate) async fn over(source: MemorySource) -> Self {
        let catalog = source.discover().await.unwrap();
        let plan = planner::plan(&catalog, &Mapping::default(), &Target::default()).unwrap();
        let script = Arc::new(Script::default());
        let outstanding = Arc::new(Outstanding::default());
        Self {
            source: FaultySource {
                inner: source,
                script: Arc::clone(&script),
                outstanding: Arc::clone(&outstanding),
                order: Arc::default(),
                verified: Arc::default(),
                changed: Arc::default(),
            },
            sink: FaultySink {
                inner: MemorySink::new(),
                script: Arc::clone(&script),
                outstanding,
                judge: None,
                pause: Duration::ZERO,
                failed_steps: Vec::new(),
                modes: Arc::default(),
            },
            script,
            plan: Arc::new(plan),
            options: Options {
                workers: 3,
                memory: 1 << 16,
                batch_bytes: 200,
                retry: Retry {
                    attempts: 3,
                    first: Duration::from_micros(100),
                    ..Retry::default()
                },
                ..Options::default()
            },
            token: CancellationToken::new(),
            recorder: Arc::default(),
        }
    }

    /// One run with a new token and no events yet. Nothing that reads or writes is left when it returns.
    pub(crate) async fn run(&mut self, faults: &[(Point, usize, Fault)]) -> Result<Report> {
        self.script.add(faults);
        self.begin_anew();
        let outcome = tokio::time::timeout(PATIENCE, self.future())
            .await
            .expect("the run hangs");
        assert_eq!(self.script.alive(), 0, "a reader or writer outlives the run");
        outcome
    }

    pub(crate) fn begin_anew(&mut self) {
        self.token = CancellationToken::new();
        self.script.set_token(&self.token);
        self.recorder = Arc::default();
    }

    pub(crate) fn future(&self) -> impl Future<Output = Result<Report>> + Send + 'static {
        pipeline::run(
            Arc::new(self.source.clone()),
            Arc::new(self.sink.clone()),
            Arc::clone(&self.plan),
            self.options.clone(),
            Arc::clone(&self.recorder) as Arc<dyn Observer>,
            self.token.clone(),
        )
    }

    /// A run that is cancelled at the first event that fits.
    pub(crate) async fn run_until(
        &mut self,
        faults: &[(Point, usize, Fault)],
        fits: fn(&Event) -> bool,
    ) -> Result<Report> {
        self.script.add(faults);
        self.begin_anew();
        *self.recorder.cancel_at.lock().unwrap() = Some((fits, self.token.clone()));
        let outcome = tokio::time::timeout(PATIENCE, self.future())
            .await
            .expect("the run hangs");
        assert_eq!(self.script.alive(), 0, "a reader or writer outlives the run");
        outcome
    }

    pub(crate) async fn fails(&mut self, faults: &[(Point, usize, Fault)]) -> Error {
        self.run(faults).await.expect_err("the run fails")
    }

    pub(crate) async fn succeeds(&mut self, faults: &[(Point, usize, Fault)]) -> Report {
        self.run(faults).await.expect("the run succeeds")
    }

    /// The ids of the rows that the sink has, sorted; every row is exactly as it should be.
    pub(crate) fn ids(&self, table: &str) -> Vec<usize> {
        let mut ids: Vec<usize> = self
            .sink
            .inner
            .rows(&t(table))
            .iter()
            .map(|row| {
                let id = i64::from_be_bytes(row[6..14].try_into().unwrap()) as usize;
                assert_eq!(*row, tuple(id));
                id
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// The table's receipt in the ledger, all chunks together.
    pub(crate) async fn receipt(&self, table: &str) -> migrate_core::chunk::Receipt {
        let ledger = self.sink.inner.ledger().await.unwrap().unwrap();
        let mut total = migrate_core::chunk::Receipt {
            done: true,
            ..Default::default()
        };
        for (_, receipt) in &ledger.tables[&t(table)] {
            total.merge(receipt);
        }
        total
    }

    /// Every table has its rows exactly once, and its receipts say so.
    pub(crate) async fn assert_complete(&self, tables: &[(&str, usize)]) {
        assert!(self.sink.inner.ledger().await.unwrap().unwrap().complete);
        for (name, rows) in tables {
            assert_eq!(self.ids(name), (0..*rows).collect::<Vec<_>>(), "{name}");
            let mut digest = Digest::default();
            (0..*rows).for_each(|id| digest.add_row(&tuple(id)));
            let receipt = self.receipt(name).await;
            assert_eq!(
                (receipt.digest, receipt.read, receipt.done),
                (digest, *rows as u64, true),
                "{name}"
            );
            assert!(receipt.balances());
            let bytes: usize = (0..*rows).map(|id| tuple(id).len()).sum();
            assert_eq!(receipt.bytes, bytes as u64, "{name}");
        }
    }

    pub(crate) fn rejects(&self) -> Vec<Reject> {
        self.sink
            .inner
            .quarantine()
            .into_iter()
            .map(|(_, reject)| reject)
            .collect()
    }
}
