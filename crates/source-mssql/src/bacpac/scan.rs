//! Reads every part once before anything is written: checksums, layout, values and numbers of rows.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use migrate_core::catalog::ObjectName;
use migrate_core::value::Value;
use migrate_core::{Error, Result};

use super::archive::{Archive, Entry};
use super::layout::{LayoutChoice, StoredColumn, candidates};
use super::rows::{RowLayout, Rows};
use super::window::Window;
use crate::classify::{corrupt, unsupported};

/// A part file with what the scan found.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) entry: Entry,
    /// Rows; unknown if it was not scanned.
    pub(crate) rows: Option<u64>,
}

/// The parts of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableParts {
    pub(crate) choice: LayoutChoice,
    pub(crate) parts: Vec<Part>,
}

impl TableParts {
    /// Rows in all parts, if they were counted.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.parts.iter().map(|p| p.rows).sum()
    }

    /// Inflated bytes of all parts.
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.entry.size).sum()
    }
}

/// One part to read under every layout that its table could have.
struct Task<'a> {
    table: &'a ObjectName,
    columns: &'a [StoredColumn],
    choices: &'a [LayoutChoice],
    part: usize,
    entry: &'a Entry,
}

/// What a part is under one layout.
enum Outcome {
    Fits {
        rows: u64,
        values: u64,
    },
    /// Where it stopped making sense, and how.
    Fails {
        offset: u64,
        error: Error,
    },
}

/// Scans the parts of all tables with so many threads. With `all` unset, only tables whose layout is in doubt.
pub(crate) fn scan(
    archive: &Archive,
    stored: &HashMap<ObjectName, Vec<StoredColumn>>,
    parts: HashMap<ObjectName, Vec<Entry>>,
    total: Option<u64>,
    threads: usize,
    all: bool,
) -> Result<HashMap<ObjectName, TableParts>> {
    // In the order of names, so that of several errors the same one is reported each time.
    let parts: BTreeMap<ObjectName, Vec<Entry>> = parts.into_iter().collect();
    let mut choices: BTreeMap<&ObjectName, Vec<LayoutChoice>> = BTreeMap::new();
    for table in parts.keys() {
        let columns = columns(stored, table).map_err(|e| e.at("file", &*archive.name))?;
        choices.insert(table, candidates(columns));
    }
    let mut tasks = Vec::new();
    for (table, entries) in &parts {
        let choices = &choices[table];
        if all || choices.len() > 1 {
            let columns = columns(stored, table)?;
            tasks.extend(entries.iter().enumerate().map(|(part, entry)| Task {
                table,
                columns,
                choices,
                part,
                entry,
            }));
        }
    }
    tasks.sort_by_key(|t| std::cmp::Reverse(t.entry.size));
    let mut outcomes = run(archive, &tasks, total, threads)?;

    let mut open: Vec<Undecided<'_>> = Vec::new();
    let mut out: HashMap<ObjectName, TableParts> = HashMap::new();
    let mut agreed = Agreement::default();
    for (table, entries) in &parts {
        let choices = &choices[table];
        if !all && choices.len() == 1 {
            let parts = entries
                .iter()
                .map(|e| Part {
                    entry: e.clone(),
                    rows: None,
                })
                .collect();
            out.insert(
                table.clone(),
                TableParts {
                    choice: choices[0],
                    parts,
                },
            );
            continue;
        }
        let mut fitting = Vec::new();
        let mut furthest: Option<(u64, Error)> = None;
        for (index, choice) in choices.iter().enumerate() {
            let mut rows = Vec::new();
            let mut hashes = Vec::new();
            for part in 0..entries.len() {
                match outcomes.remove(&(table, part, index)) {
                    Some(Outcome::Fits { rows: n, values }) => {
                        rows.push(n);
                        hashes.push(values);
                    }
                    Some(Outcome::Fails { offset, error })
                        if furthest.as_ref().is_none_or(|(best, _)| offset > *best) =>
                    {
                        furthest = Some((offset, error));
                    }
                    Some(Outcome::Fails { .. }) | None => {}
                }
            }
            if rows.len() == entries.len() {
                fitting.push(Fit {
                    choice: *choice,
                    rows,
                    values: hashes,
                });
            }
        }
        match fitting.len() {
            0 => {
                let error = furthest.map_or_else(|| corrupt("the part was not read"), |(_, e)| e);
                return Err(if choices.len() > 1 {
                    error.hint(format!(
                        "none of {} layouts that the table could have fits its data",
                        choices.len()
                    ))
                } else {
                    error
                });
            }
            _ if same(&fitting) => {
                if fitting.len() == 1 {
                    agreed.learn(columns(stored, table)?, fitting[0].choice);
                }
                let fit = fitting.swap_remove(0);
                out.insert(table.clone(), fit.into_parts(entries));
            }
            _ => open.push(Undecided {
                table,
                entries,
                fitting,
            }),
        }
    }
    decide(open, &agreed, stored, total, &mut out).map_err(|e| e.at("file", &*archive.name))?;
    Ok(out)
}

fn columns<'a>(
    stored: &'a HashMap<ObjectName, Vec<StoredColumn>>,
    table: &ObjectName,
) -> Result<&'a [StoredColumn]> {
    match stored.get(table) {
        Some(columns) if !columns.is_empty() => Ok(columns),
        _ => Err(corrupt("there is data for a table that stores no columns").at("table", table)),
    }
}

/// A layout under which all parts of a table can be read.
struct Fit {
    choice: LayoutChoice,
    rows: Vec<u64>,
    /// A hash of the values of each part.
    values: Vec<u64>,
}

impl Fit {
    fn into_parts(self, entries: &[Entry]) -> TableParts {
        let parts = entries.iter().zip(self.rows).map(|(e, n)| Part {
            entry: e.clone(),
            rows: Some(n),
        });
        TableParts {
            choice: self.choice,
            parts: parts.collect(),
        }
    }
}

/// Whether all layouts read the same rows, so that it does not matter which is taken.
fn same(fits: &[Fit]) -> bool {
    fits.windows(2)
        .all(|w| w[0].rows == w[1].rows && w[0].values == w[1].values)
}

/// A table that several layouts fit, with different values.
struct Undecided<'a> {
    table: &'a ObjectName,
    entries: &'a [Entry],
    fitting: Vec<Fit>,
}

/// What the tables that leave no doubt say about the program that wrote the file.
#[derive(Default)]
struct Agreement {
    time_by_scale: Vec<bool>,
    clr_prefix: Vec<u8>,
    variant_prefix: Vec<u8>,
    unstated_is_seven: Vec<bool>,
}

impl Agreement {
    fn learn(&mut self, columns: &[StoredColumn], choice: LayoutChoice) {
        let varies = |get: &dyn Fn(&LayoutChoice) -> u8| {
            let all = candidates(columns);
            all.iter().any(|c| get(c) != get(&all[0]))
        };
        if varies(&|c| c.time_by_scale.into()) {
            self.time_by_scale.push(choice.time_by_scale);
        }
        if varies(&|c| c.clr_prefix) {
            self.clr_prefix.push(choice.clr_prefix);
        }
        if varies(&|c| c.variant_prefix) {
            self.variant_prefix.push(choice.variant_prefix);
        }
        if varies(&|c| c.unstated_is_seven.into()) {
            self.unstated_is_seven.push(choice.unstated_is_seven);
        }
    }

    fn admits(&self, choice: LayoutChoice) -> bool {
        fn agrees<T: PartialEq>(known: &[T], value: &T) -> bool {
            known.is_empty() || known.contains(value)
        }
        agrees(&self.time_by_scale, &choice.time_by_scale)
            && agrees(&self.clr_prefix, &choice.clr_prefix)
            && agrees(&self.variant_prefix, &choice.variant_prefix)
            && agrees(&self.unstated_is_seven, &choice.unstated_is_seven)
    }
}

/// Decides the rest by what the other tables show and by the file's total of rows, or stops.
fn decide(
    open: Vec<Undecided<'_>>,
    agreed: &Agreement,
    stored: &HashMap<ObjectName, Vec<StoredColumn>>,
    total: Option<u64>,
    out: &mut HashMap<ObjectName, TableParts>,
) -> Result<()> {
    let alone = open.len() == 1;
    let known: Option<u64> = out.values().map(TableParts::rows).sum();
    for mut undecided in open {
        undecided.fitting.retain(|f| agreed.admits(f.choice));
        if let (true, Some(total), Some(known)) = (alone, total, known) {
            undecided
                .fitting
                .retain(|f| known + f.rows.iter().sum::<u64>() == total);
        }
        if undecided.fitting.is_empty() || !same(&undecided.fitting) {
            let doubtful: Vec<&str> = columns(stored, undecided.table)?
                .iter()
                .filter(|c| c.in_doubt())
                .map(|c| c.name.as_str())
                .collect();
            return Err(unsupported(format!(
                "the data can be read in more than one way, with different values, because of the columns {}",
                doubtful.join(", ")
            ))
            .at("byte", 0)
            .at("entry", undecided.entries.first().map_or("", |e| e.name.as_str()))
            .at("table", undecided.table)
            .hint("exclude the table, or change these columns to other types and export again"));
        }
        let fit = undecided.fitting.swap_remove(0);
        out.insert(undecided.table.clone(), fit.into_parts(undecided.entries));
    }
    Ok(())
}

type Outcomes<'a> = HashMap<(&'a ObjectName, usize, usize), Outcome>;

/// Works through the tasks, the largest first.
fn run<'a>(
    archive: &Archive,
    tasks: &[Task<'a>],
    total: Option<u64>,
    threads: usize,
) -> Result<Outcomes<'a>> {
    let next = AtomicUsize::new(0);
    let counter = Counter {
        counted: AtomicU64::new(0),
        total,
    };
    let stop = AtomicBool::new(false);
    let outcomes: Mutex<Outcomes<'a>> = Mutex::new(HashMap::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            for (index, choice) in task.choices.iter().enumerate() {
                let outcome = read_part(archive, task, *choice, &counter);
                // Without a choice of layouts, a failure is the end.
                if task.choices.len() == 1 && matches!(outcome, Outcome::Fails { .. }) {
                    stop.store(true, Ordering::Relaxed);
                }
                if let Ok(mut all) = outcomes.lock() {
                    all.insert((task.table, task.part, index), outcome);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(tasks.len())).map(|_| scope.spawn(work)).collect();
        work();
        for other in others {
            other
                .join()
                .map_err(|_| crate::classify::internal("a scanning thread panicked"))?;
        }
        Ok(())
    })?;
    let mut outcomes = outcomes
        .into_inner()
        .map_err(|_| crate::classify::internal("a scanning thread panicked"))?;
    if stop.into_inner() {
        // The others were not read to the end, so they are not judged.
        let failed = |task: &&Task<'_>| {
            task.choices.len() == 1
                && matches!(
                    outcomes.get(&(task.table, task.part, 0)),
                    Some(Outcome::Fails { .. })
                )
        };
        let first = tasks.iter().filter(failed).map(|t| (t.table, t.part, 0)).min();
        if let Some(Outcome::Fails { error, .. }) = first.and_then(|key| outcomes.remove(&key)) {
            return Err(error);
        }
    }
    Ok(outcomes)
}

/// Rows of all parts that can be read in one way only, so that a file with far too many is not read to its end.
struct Counter {
    counted: AtomicU64,
    total: Option<u64>,
}

/// Rows between two looks at the counter.
const STEP: u64 = 1 << 16;

impl Counter {
    fn add(&self, rows: u64) -> Result<()> {
        let counted = self.counted.fetch_add(rows, Ordering::Relaxed) + rows;
        match self.total {
            Some(total) if counted > total => Err(corrupt(format!(
                "the file holds {counted} rows or more, but its Origin.xml states {total}"
            ))),
            _ => Ok(()),
        }
    }
}

fn read_part(archive: &Archive, task: &Task<'_>, choice: LayoutChoice, counter: &Counter) -> Outcome {
    let layout = RowLayout::new(&task.table.to_string(), task.columns, choice);
    let mut rows = match archive.reader(task.entry) {
        Ok(reader) => Rows::new(layout, Window::new(reader)),
        Err(error) => return Outcome::Fails { offset: 0, error },
    };
    // Values only matter where layouts compete.
    let compared: Vec<usize> = if task.choices.len() > 1 {
        (0..task.columns.len())
            .filter(|c| task.columns[*c].in_doubt())
            .collect()
    } else {
        Vec::new()
    };
    let mut hash = DefaultHasher::new();
    let alone = task.choices.len() == 1;
    let mut go = || -> Result<u64> {
        while rows.next()? {
            rows.check()?;
            if alone && rows.passed() % STEP == 0 {
                counter.add(STEP).map_err(|e| rows.place(e))?;
            }
            for column in &compared {
                rows.value(*column, |value| hash_value(&value, &mut hash))?;
            }
        }
        Ok(rows.passed())
    };
    match go() {
        Ok(rows) => Outcome::Fits {
            rows,
            values: hash.finish(),
        },
        Err(error) => Outcome::Fails {
            offset: rows.next_offset(),
            error,
        },
    }
}

/// Only the kinds that columns in doubt deliver.
fn hash_value(value: &Value<'_>, hash: &mut DefaultHasher) {
    match value {
        Value::Time(nanos) => nanos.hash(hash),
        Value::Timestamp { days, nanos } | Value::TimestampTz { days, nanos } => (days, nanos).hash(hash),
        Value::Text(text) | Value::Json(text) => text.hash(hash),
        Value::Bytes(bytes) => bytes.hash(hash),
        _ => 0_u8.hash(hash),
    }
}

/// Compares what was counted with what `Origin.xml` states.
pub(crate) fn check_total(tables: &HashMap<ObjectName, TableParts>, total: Option<u64>) -> Result<()> {
    let counted: Option<u64> = tables.values().map(TableParts::rows).sum();
    match (counted, total) {
        (Some(counted), Some(total)) if counted != total => Err(corrupt(format!(
            "the file holds {counted} rows, but its Origin.xml states {total}"
        ))
        .hint("parts are missing or were exchanged; export the database again")),
        _ => Ok(()),
    }
}
