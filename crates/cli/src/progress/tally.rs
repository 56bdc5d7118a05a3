//! How far a run is, added up from its events.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use migrate_core::catalog::ObjectName;
use migrate_core::observer::Event;
use migrate_core::plan::Plan;

/// Speeds are averages over this much time, so that they neither flicker nor lag.
const WINDOW: Duration = Duration::from_secs(10);

/// Bytes of tuples for a byte in the source, before the first table shows the real ratio.
const FIRST_RATIO: f64 = 0.7;

/// A table that is not done never shows as done.
const ALMOST: f64 = 0.99;

/// How far one table is.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableTally {
    /// Rows in the source, as far as known.
    pub(crate) total_rows: Option<u64>,
    source_bytes: Option<u64>,
    chunks: usize,
    chunks_done: usize,
    /// Rows written, earlier runs included.
    pub(crate) rows: u64,
    /// Bytes of tuples written in this run.
    bytes: u64,
    /// Whether something was written in this run and more is to come.
    pub(crate) running: bool,
    /// Whether it is complete.
    pub(crate) done: bool,
}

/// How far a run is.
#[derive(Debug)]
pub(crate) struct Tally {
    tables: BTreeMap<ObjectName, TableTally>,
    began: Instant,
    /// Rows written in this run.
    pub(crate) rows: u64,
    /// Bytes of tuples written in this run.
    pub(crate) bytes: u64,
    /// Rows put aside in this run.
    pub(crate) quarantined: u64,
    /// How much had been done before.
    done_before: Option<f64>,
    /// Steps of the present phase.
    pub(crate) steps: usize,
    /// Steps of the present phase that are done.
    pub(crate) steps_done: usize,
    samples: VecDeque<(Instant, u64, u64)>,
}

impl Tally {
    pub(super) fn new(plan: &Plan, now: Instant) -> Self {
        let tables = plan
            .tables
            .iter()
            .map(|t| {
                let tally = TableTally {
                    total_rows: t.rows,
                    source_bytes: t.bytes,
                    ..TableTally::default()
                };
                (t.source.clone(), tally)
            })
            .collect();
        Self {
            tables,
            began: now,
            rows: 0,
            bytes: 0,
            quarantined: 0,
            done_before: None,
            steps: 0,
            steps_done: 0,
            samples: VecDeque::from([(now, 0, 0)]),
        }
    }

    pub(super) fn phase(&mut self, steps: usize) {
        self.steps = steps;
        self.steps_done = 0;
    }

    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::TableQueued {
                table,
                chunks,
                rows,
                rows_done,
            } => {
                let entry = self.tables.entry(table.clone()).or_default();
                entry.total_rows = rows.or(entry.total_rows);
                entry.chunks = *chunks;
                entry.rows = *rows_done;
            }
            Event::Written {
                chunk,
                rows,
                bytes,
                quarantined,
            } => {
                if self.done_before.is_none() {
                    self.done_before = Some(self.fraction());
                    self.began = now;
                    self.samples = VecDeque::from([(now, self.rows, self.bytes)]);
                }
                let entry = self.tables.entry(chunk.table.clone()).or_default();
                entry.rows += rows;
                entry.bytes += bytes;
                entry.running = true;
                self.rows += rows;
                self.bytes += bytes;
                self.quarantined += quarantined;
            }
            Event::TakenBack {
                chunk,
                rows,
                bytes,
                quarantined,
            } => {
                let entry = self.tables.entry(chunk.table.clone()).or_default();
                entry.rows = entry.rows.saturating_sub(*rows);
                entry.bytes = entry.bytes.saturating_sub(*bytes);
                self.rows = self.rows.saturating_sub(*rows);
                self.bytes = self.bytes.saturating_sub(*bytes);
                self.quarantined = self.quarantined.saturating_sub(*quarantined);
            }
            Event::Committed { chunk, done: true } => {
                self.tables.entry(chunk.table.clone()).or_default().chunks_done += 1;
            }
            Event::TableDone { table } => {
                let entry = self.tables.entry(table.clone()).or_default();
                entry.done = true;
                entry.running = false;
            }
            Event::Steps { total } => self.phase(*total),
            Event::StepDone { .. } => self.steps_done += 1,
            _ => {}
        }
    }

    pub(super) fn sample(&mut self, now: Instant) {
        self.samples.push_back((now, self.rows, self.bytes));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(t, ..)| now - *t > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Rows and bytes of tuples in a second, of late.
    pub(crate) fn speed(&self, now: Instant) -> (u64, u64) {
        let Some((since, rows, bytes)) = self.samples.front() else {
            return (0, 0);
        };
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        if seconds < 0.001 {
            return (0, 0);
        }
        let per_second = |n: u64| (n as f64 / seconds).round() as u64;
        (
            per_second(self.rows.saturating_sub(*rows)),
            per_second(self.bytes.saturating_sub(*bytes)),
        )
    }

    /// How much of the rows is copied, from 0 to 1: exact where the source knows its rows, else estimated from bytes.
    pub(crate) fn fraction(&self) -> f64 {
        let ratio = self.ratio();
        let (mut done, mut all) = (0.0, 0.0);
        for table in self.tables.values() {
            // Without a size, a table with rows counts little and a table without counts nothing.
            let weight = table
                .source_bytes
                .map_or(table.total_rows.unwrap_or(1) as f64 * 50.0, |b| b as f64);
            all += weight;
            done += weight * table.fraction(ratio);
        }
        if all > 0.0 { (done / all).min(1.0) } else { 1.0 }
    }

    /// How much of one table is copied.
    pub(crate) fn table_fraction(&self, table: &TableTally) -> f64 {
        table.fraction(self.ratio())
    }

    /// What is left, at the average speed of this run. `None` until there is enough to say.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        let done = self.fraction() - self.done_before?;
        let elapsed = now.saturating_duration_since(self.began).as_secs_f64();
        if done < 0.01 || elapsed < 1.0 {
            return None;
        }
        let left = (1.0 - self.fraction()).max(0.0);
        Duration::try_from_secs_f64(elapsed * left / done).ok()
    }

    /// Tables that are being copied.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&ObjectName, &TableTally)> {
        self.tables.iter().filter(|(_, t)| t.running && !t.done)
    }

    /// The table with the name.
    pub(crate) fn table(&self, name: &ObjectName) -> Option<&TableTally> {
        self.tables.get(name)
    }

    /// Tables that are complete, and all of them.
    pub(crate) fn tables(&self) -> (usize, usize) {
        (self.tables.values().filter(|t| t.done).count(), self.tables.len())
    }

    /// All rows of the source, if it knows them.
    pub(crate) fn total_rows(&self) -> Option<u64> {
        self.tables.values().map(|t| t.total_rows).sum()
    }

    /// Rows written, earlier runs included.
    pub(crate) fn all_rows(&self) -> u64 {
        self.tables.values().map(|t| t.rows).sum()
    }

    fn ratio(&self) -> f64 {
        let (mut tuples, mut source) = (0, 0);
        for table in self.tables.values().filter(|t| t.done && t.bytes > 0) {
            tuples += table.bytes;
            source += table.source_bytes.unwrap_or(0);
        }
        if source > 0 {
            tuples as f64 / source as f64
        } else {
            FIRST_RATIO
        }
    }
}

impl TableTally {
    fn fraction(&self, ratio: f64) -> f64 {
        if self.done {
            return 1.0;
        }
        if let Some(total) = self.total_rows {
            return if total == 0 {
                0.0
            } else {
                (self.rows as f64 / total as f64).min(ALMOST)
            };
        }
        let chunks = if self.chunks > 0 {
            self.chunks_done as f64 / self.chunks as f64
        } else {
            0.0
        };
        let bytes = match self.source_bytes {
            Some(source) if source > 0 => self.bytes as f64 / (source as f64 * ratio),
            _ => 0.0,
        };
        chunks.max(bytes).min(ALMOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::chunk::ChunkId;
    use migrate_core::memory::MemorySource;
    use migrate_core::pg_type::PgType;
    use migrate_core::plan::Target;
    use migrate_core::planner;
    use migrate_core::source::Source;

    fn name(table: &str) -> ObjectName {
        ObjectName::new("dbo", table)
    }

    async fn tally(rows: &[(&str, Option<u64>, Option<u64>)], now: Instant) -> Tally {
        let mut source = MemorySource::new("m");
        for (table, ..) in rows {
            source = source.table(name(table), &[("id", PgType::Int4)], Vec::new());
        }
        let mut catalog = source.discover().await.unwrap();
        for (table, (_, rows, bytes)) in catalog.tables.iter_mut().zip(rows) {
            (table.rows, table.bytes) = (*rows, *bytes);
        }
        let plan = planner::plan(
            &catalog,
            &migrate_core::mapping::Mapping::default(),
            &Target::default(),
        )
        .unwrap();
        Tally::new(&plan, now)
    }

    fn written(table: &str, rows: u64, bytes: u64) -> Event {
        let chunk = ChunkId {
            table: name(table),
            ordinal: 0,
        };
        Event::Written {
            chunk,
            rows,
            bytes,
            quarantined: 0,
        }
    }

    #[tokio::test]
    async fn rows_known_give_an_exact_fraction_speed_and_time_left() {
        let start = Instant::now();
        let mut t = tally(
            &[("A", Some(1000), Some(10_000)), ("B", Some(10), Some(10_000))],
            start,
        )
        .await;
        assert_eq!(t.total_rows(), Some(1010));
        t.apply(&written("A", 0, 0), start);
        t.apply(&written("A", 500, 4000), start + Duration::from_secs(5));
        assert!((t.fraction() - 0.25).abs() < 1e-9);
        assert_eq!(t.speed(start + Duration::from_secs(5)), (100, 800));
        assert_eq!(
            t.remaining(start + Duration::from_secs(5)),
            Some(Duration::from_secs(15))
        );
        assert_eq!(t.running().count(), 1);
        t.quarantined = 5;
        t.apply(
            &Event::TakenBack {
                chunk: ChunkId {
                    table: name("A"),
                    ordinal: 0,
                },
                rows: 500,
                bytes: 4000,
                quarantined: 3,
            },
            start,
        );
        assert_eq!((t.rows, t.bytes, t.quarantined, t.all_rows()), (0, 0, 2, 0));
        for table in ["A", "B"] {
            t.apply(&Event::TableDone { table: name(table) }, start);
        }
        assert!((t.fraction() - 1.0).abs() < 1e-9);
        assert_eq!(t.tables(), (2, 2));
    }

    #[tokio::test]
    async fn rows_unknown_are_estimated_and_never_claim_the_end() {
        let start = Instant::now();
        let mut t = tally(&[("A", None, Some(1000)), ("B", None, Some(1000))], start).await;
        assert_eq!(t.total_rows(), None);
        t.apply(&written("A", 5, 350), start);
        assert!((t.fraction() - 0.25).abs() < 1e-9, "{}", t.fraction());
        t.apply(&written("A", 5, 150), start);
        t.apply(&Event::TableDone { table: name("A") }, start);
        // A showed half a byte of tuples for each byte in the source.
        t.apply(&written("B", 5, 250), start);
        assert!((t.fraction() - 0.75).abs() < 1e-9, "{}", t.fraction());
        t.apply(&written("B", 50, 2500), start);
        assert!(t.fraction() < 1.0);
    }

    #[tokio::test]
    async fn steps_are_counted_for_each_phase() {
        let mut t = tally(&[("A", None, None)], Instant::now()).await;
        t.apply(&Event::Steps { total: 3 }, Instant::now());
        t.apply(
            &Event::StepDone {
                step: "index".to_owned(),
                took: Duration::ZERO,
            },
            Instant::now(),
        );
        assert_eq!((t.steps_done, t.steps), (1, 3));
        t.phase(7);
        assert_eq!((t.steps_done, t.steps), (0, 7));
    }
}
