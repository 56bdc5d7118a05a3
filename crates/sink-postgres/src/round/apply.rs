//! The one transaction of a round.
//!
//! Rows that stand in tables are changed first, then rows that are gone are removed, children before their parents, then new
//! ones are added. So a row that now refers to another parent does so before its old one goes, and a unique value of a
//! row that is gone is free before a new one takes it. Foreign keys are looked at once, in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::StreamExt;
use migrate_core::decode::CopyReader;
use migrate_core::digest::Digest;
use migrate_core::observer::{Event, Observer};
use migrate_core::plan::{Plan, TablePlan, TargetName};
use migrate_core::round::{Staged, TableChanges};
use migrate_core::stored::LaterChanges;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::postgres::types::Oid;
use migrate_pg_client::{Connector, During, classify, execute};

use super::lent::{self, Lent, lend};
use super::pace;
use super::quiet::{Quiet, quieten};
use super::replace::replace;
use super::statements::{Keyed, copy_all, insert_all};
use super::{gone_of, here_of, keys_of, rows_of};
use crate::connect::{PostgresSink, statement};
use crate::ddl::{Phase, mapping, post_data};
use crate::ledger::{event, round, run};
use crate::oids::{self, TableOids};

pub(super) async fn apply(
    sink: &PostgresSink,
    plan: &Plan,
    staged: &[Staged],
    observer: &dyn Observer,
) -> Result<Vec<TableChanges>> {
    let epoch = sink.shared.epoch()?;
    let mut connection = sink.shared.acquire().await?;
    sink.shared.begin(&mut connection).await?;
    let mut work = Work {
        sink,
        plan,
        connection: &mut connection,
        observer,
        tables: Vec::new(),
    };
    let outcome = async {
        run::hold(work.connection, epoch).await?;
        pace::set(work.connection).await?;
        work.all(staged).await
    }
    .await;
    match outcome {
        Ok(changes) => {
            execute(&mut connection, "commit", During::Statement).await?;
            sink.shared.release(connection);
            Ok(changes)
        }
        Err(error) => {
            // The server forgets the transaction with the connection.
            Connector::disconnect(connection).await;
            Err(error)
        }
    }
}

struct Work<'a> {
    sink: &'a PostgresSink,
    plan: &'a Plan,
    connection: &'a mut PgConnection,
    observer: &'a dyn Observer,
    tables: Vec<Changing<'a>>,
}

/// A table in which something changes.
struct Changing<'a> {
    table: &'a TablePlan,
    staged: &'a Staged,
    oid: Oid,
    oids: Option<TableOids>,
    fixed: Vec<String>,
    /// Whether rows stay at the places that were listed until they are changed from there.
    still: bool,
    /// Whether the staged rows are a small part of the table, as far as its statistics know.
    few: bool,
    /// The list of places.
    here: Option<TargetName>,
    /// Keys that are gone.
    gone: u64,
    /// Rows that stood there: those that are replaced, those that go.
    before: Digest,
    removed: Digest,
    changes: LaterChanges,
    /// Rows that were taken out to come back with other values.
    out: u64,
    took: Duration,
}

impl Changing<'_> {
    fn keyed(&self) -> Option<Keyed<'_>> {
        Keyed::of(self.table, &self.fixed)
    }

    fn has_rows(&self) -> bool {
        self.staged.receipt.digest.rows > 0
    }
}

/// A table's number; its columns whose numbers nobody may change (`generated always as identity`); and whether no change of
/// another row moves its rows, as foreign keys with actions on changes do; how many rows it has, or -1.
const FOUND: &str = "
    select t.oid,
           array(select attname::text from pg_attribute
                 where attrelid = t.oid and attidentity = 'a' and not attisdropped) as fixed,
           not exists (select from pg_constraint
                       where contype = 'f' and conrelid = t.oid and confupdtype in ('c', 'n', 'd')) as still,
           (select reltuples::float8 from pg_class c where c.oid = t.oid) as rows
    from (select $1::text::regclass::oid) as t (oid)";

/// A table with at least so many rows for each staged one is not read for them.
const SMALL_PART: f64 = 10.0;

const OIDS: &str = "select name::regclass::oid from unnest($1::text[]) as given (name)";

impl<'a> Work<'a> {
    async fn all(&mut self, staged: &'a [Staged]) -> Result<Vec<TableChanges>> {
        let locked = self.lock(staged).await?;
        self.find(staged).await?;
        self.observer.event(&Event::Steps {
            total: self.tables.len(),
        });
        let lent = self.lend(&locked).await?;
        let quiet = self.quieten().await?;
        self.change().await?;
        self.remove().await?;
        self.add().await?;
        self.prove().await?;
        self.follow().await?;
        quiet.end(self.connection).await?;
        lent.end(self.connection).await?;
        self.note(staged).await
    }

    async fn run(&mut self, sql: String, table: &TargetName) -> Result<u64> {
        execute(self.connection, sql, During::Rows)
            .await
            .map_err(|e| e.at("table", table))
    }

    /// Nobody else writes to the tables meanwhile; everybody may read.
    async fn lock(&mut self, staged: &[Staged]) -> Result<Vec<Oid>> {
        let touched = staged
            .iter()
            .filter(|s| s.receipt.digest.rows > 0 || s.keys.is_some() || s.whole);
        let mut names: Vec<String> = touched
            .filter_map(|s| self.plan.table(&s.table))
            .map(|t| t.target.quoted())
            .collect();
        names.sort();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let lock = format!(
            "lock table only {} in share row exclusive mode",
            names.join(", only ")
        );
        execute(self.connection, lock, During::Statement).await?;
        sqlx::query_scalar(OIDS)
            .persistent(false)
            .bind(names)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(statement)
    }

    /// Finds the tables in which something changes, and what stands in the way of it.
    async fn find(&mut self, staged: &'a [Staged]) -> Result<()> {
        for (table, staged) in self.plan.tables.iter().zip(staged) {
            let (oid, fixed, still, rows): (Oid, Vec<String>, bool, f64) = sqlx::query_as(FOUND)
                .persistent(false)
                .bind(table.target.quoted())
                .fetch_one(&mut *self.connection)
                .await
                .map_err(statement)?;
            let mut changing = Changing {
                table,
                staged,
                oid,
                oids: oids::of_table(&self.sink.shared, self.connection, table).await?,
                fixed,
                still,
                few: (staged.receipt.digest.rows as f64) * SMALL_PART <= rows,
                here: None,
                gone: 0,
                before: Digest::default(),
                removed: Digest::default(),
                changes: LaterChanges::default(),
                out: 0,
                took: Duration::ZERO,
            };
            let changes = self.look(&mut changing).await;
            if changes.map_err(|e| e.at("table", &table.target))? {
                self.tables.push(changing);
            }
        }
        Ok(())
    }

    /// What stands in the table that will be replaced or removed. Whether there is anything to do.
    async fn look(&mut self, changing: &mut Changing<'a>) -> Result<bool> {
        let (table, staged) = (changing.table, changing.staged);
        let Some(keyed) = Keyed::of(table, &changing.fixed) else {
            // Nothing names its rows: they are all replaced, unless they are the same.
            changing.before = self
                .digest(&copy_all(table), table, changing.oids.as_ref())
                .await?;
            return Ok(changing.before != staged.receipt.digest);
        };
        if changing.has_rows() {
            let (rows, here) = (rows_of(table), here_of(table));
            let analyze = format!("analyze {} ({})", rows.quoted(), keyed.key());
            execute(self.connection, analyze, During::Statement).await?;
            if changing.few {
                pace::one_by_one(self.connection).await?;
            }
            execute(self.connection, keyed.here(&rows, &here), During::Rows).await?;
            pace::one_by_one(self.connection).await?;
            let sql = keyed.copy_out_from(&here);
            changing.before = self.digest(&sql, table, changing.oids.as_ref()).await?;
            pace::any_way(self.connection).await?;
            changing.here = Some(here);
        }
        if let Some(receipt) = &staged.keys {
            let (keys, gone) = (keys_of(table), gone_of(table));
            let analyze = format!("analyze {}", keys.quoted());
            // A source without rows had none to stage.
            let key_columns = TablePlan {
                columns: table.row_key().into_iter().flatten().cloned().collect(),
                ..table.clone()
            };
            let place = TablePlan {
                target: keys.clone(),
                ..key_columns.clone()
            };
            let create = super::stage::create(&key_columns, &place);
            execute(self.connection, create, During::Statement).await?;
            // What is staged is not logged: a server that crashed meanwhile has emptied it.
            let oids = oids::of_table(&self.sink.shared, self.connection, &place).await?;
            let found = self.digest(&copy_all(&place), &place, oids.as_ref()).await?;
            if found != receipt.digest {
                return Err(Error::destination(
                    ErrorKind::Mismatch,
                    format!(
                        "{} keys were staged and {} are there, so that rows that are gone cannot be told; nothing was changed",
                        receipt.digest.rows, found.rows
                    ),
                )
                .hint("the server may have crashed meanwhile: run the same command again"));
            }
            execute(self.connection, analyze, During::Statement).await?;
            changing.gone = execute(self.connection, keyed.gone(&keys, &gone), During::Rows).await?;
            if changing.gone > 0 {
                let sql = keyed.copy_out(&gone);
                changing.removed = self.digest(&sql, table, changing.oids.as_ref()).await?;
            }
        }
        Ok(changing.has_rows() || changing.gone > 0)
    }

    /// Indexes for tables that refer to rows that go.
    async fn lend(&mut self, locked: &[Oid]) -> Result<Lent> {
        let go = |c: &Changing<'_>| match c.keyed() {
            Some(_) => c.gone,
            None => c.before.rows,
        };
        let losing = self.tables.iter().filter(|c| go(c) > lent::FEW);
        let losing: Vec<Oid> = losing.map(|c| c.oid).collect();
        lend(self.connection, &losing, locked).await
    }

    async fn quieten(&mut self) -> Result<Quiet> {
        let oids: Vec<Oid> = self.tables.iter().map(|c| c.oid).collect();
        quieten(self.connection, &oids).await
    }

    /// Rows that stand in their tables.
    async fn change(&mut self) -> Result<()> {
        for changing in &mut self.tables {
            let started = Instant::now();
            let step = format!("changing {}", changing.table.target);
            self.observer.event(&Event::StepStarted { step });
            if changing.has_rows()
                && let Some(keyed) = Keyed::of(changing.table, &changing.fixed)
            {
                let (updated, out) = replace(
                    self.connection,
                    &keyed,
                    &rows_of(changing.table),
                    changing.here.as_ref().filter(|_| changing.still),
                    &changing.table.target,
                )
                .await
                .map_err(|e| e.at("table", &changing.table.target))?;
                changing.changes.updated = updated + out;
                changing.out = out;
            }
            changing.took += started.elapsed();
        }
        Ok(())
    }

    /// Rows that are gone, children first; and those of tables that are replaced whole.
    async fn remove(&mut self) -> Result<()> {
        let order = children_first(self.plan);
        self.tables
            .sort_by_key(|c| order.get(&c.table.target).copied().unwrap_or_default());
        for at in 0..self.tables.len() {
            let started = Instant::now();
            let changing = &self.tables[at];
            let table = changing.table;
            let sql = match changing.keyed() {
                Some(keyed) if changing.gone > 0 => keyed.delete(&gone_of(table)),
                None if changing.before.rows > 0 => format!("delete from only {}", table.target.quoted()),
                _ => continue,
            };
            let replaced = changing.keyed().is_none();
            let removed = self.run(sql, &table.target).await?;
            let changing = &mut self.tables[at];
            if replaced {
                (changing.removed, changing.before) = (changing.before, Digest::default());
            }
            changing.changes.deleted = removed;
            if removed != changing.removed.rows {
                return Err(Error::destination(
                    ErrorKind::Conflict,
                    format!(
                        "{removed} rows were removed where {} had gone: something else removes rows of this table",
                        changing.removed.rows
                    ),
                )
                .at("table", &table.target));
            }
            changing.took += started.elapsed();
        }
        Ok(())
    }

    /// Rows that are new, parents first.
    async fn add(&mut self) -> Result<()> {
        for at in (0..self.tables.len()).rev() {
            let started = Instant::now();
            let changing = &self.tables[at];
            let table = changing.table;
            if !changing.has_rows() {
                continue;
            }
            let rows = rows_of(table);
            let new = changing.here.clone().filter(|_| changing.out == 0);
            let sql = match (changing.keyed(), &new) {
                (Some(keyed), Some(here)) => keyed.insert_new(&rows, here),
                (Some(keyed), None) => keyed.insert(&rows),
                (None, _) => insert_all(table, &rows),
            };
            if new.is_some() {
                pace::one_by_one(self.connection).await?;
            }
            let inserted = self.run(sql, &table.target).await?;
            if new.is_some() {
                pace::any_way(self.connection).await?;
            }
            let changing = &mut self.tables[at];
            changing.changes.inserted = inserted.saturating_sub(changing.out);
            changing.took += started.elapsed();
        }
        Ok(())
    }

    /// Reads back what was staged from where it is now.
    async fn prove(&mut self) -> Result<()> {
        for at in 0..self.tables.len() {
            let started = Instant::now();
            let changing = &self.tables[at];
            let (table, expected) = (changing.table, changing.staged.receipt.digest);
            let sql = match changing.keyed() {
                Some(keyed) if changing.has_rows() => keyed.copy_out(&rows_of(table)),
                Some(_) => continue,
                None => copy_all(table),
            };
            let (oids, few) = (changing.oids.clone(), changing.few && changing.keyed().is_some());
            if few {
                pace::one_by_one(self.connection).await?;
            }
            let found = self.digest(&sql, table, oids.as_ref()).await?;
            if few {
                pace::any_way(self.connection).await?;
            }
            if found != expected {
                return Err(Error::destination(
                    ErrorKind::Mismatch,
                    "rows that were read back are not those that were read from the source; nothing was changed",
                )
                .at("table", &table.target)
                .hint("run the same command again; if it says so again, copy the table anew"));
            }
            let step = format!("changing {}", table.target);
            let changing = &mut self.tables[at];
            changing.took += started.elapsed();
            let took = changing.took;
            self.observer.event(&Event::StepDone { step, took });
        }
        Ok(())
    }

    /// What follows rows: the list of new keys, sequences.
    async fn follow(&mut self) -> Result<()> {
        for at in 0..self.tables.len() {
            let table = self.tables[at].table;
            if self.tables[at].has_rows()
                && let Some(sql) = mapping(table, &rows_of(table))
            {
                self.run(sql, &table.target).await?;
            }
        }
        for step in post_data(self.plan)
            .into_iter()
            .filter(|s| s.phase == Phase::Sequences)
        {
            execute(self.connection, step.sql, During::Statement)
                .await
                .map_err(|e| e.at("setting", step.subject))?;
        }
        Ok(())
    }

    /// The ledger's side of it.
    async fn note(&mut self, staged: &'a [Staged]) -> Result<Vec<TableChanges>> {
        let mut found = Vec::new();
        let mut changed: BTreeMap<&TargetName, &mut Changing<'a>> =
            self.tables.iter_mut().map(|c| (&c.table.target, c)).collect();
        for (table, staged) in self.plan.tables.iter().zip(staged) {
            let mut outcome = TableChanges {
                source: table.source.clone(),
                target: table.target.clone(),
                whole: staged.whole,
                read: staged.receipt.read,
                unchanged: 0,
                refused: staged.receipt.quarantined,
                changes: LaterChanges {
                    quarantined: staged.receipt.quarantined as i64,
                    ..LaterChanges::default()
                },
                took: Duration::ZERO,
            };
            if let Some(changing) = changed.get_mut(&table.target) {
                let mut digest = staged.receipt.digest;
                digest.subtract(&changing.before);
                digest.subtract(&changing.removed);
                let released = match Keyed::of(table, &changing.fixed) {
                    Some(keyed) if changing.staged.receipt.digest.rows > 0 => {
                        execute(self.connection, keyed.release(&rows_of(table)), During::Statement).await?
                    }
                    _ => 0,
                };
                outcome.changes = LaterChanges {
                    quarantined: outcome.changes.quarantined - released as i64,
                    digest,
                    ..changing.changes
                };
                let moved = changing.changes.inserted + changing.changes.updated;
                outcome.unchanged = staged.receipt.digest.rows.saturating_sub(moved);
                outcome.took = changing.took;
                if digest.rows != changing.changes.inserted.wrapping_sub(changing.changes.deleted) {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "rows added and removed are not those that the digests count",
                    )
                    .at("table", &table.target));
                }
            } else {
                outcome.unchanged = staged.receipt.digest.rows;
            }
            round::move_on(self.connection, &table.source, staged.checkpoint.as_ref()).await?;
            found.push(outcome);
        }
        drop(changed);
        let deletes = staged.iter().any(|s| s.keys.is_some());
        let number = round::note(self.connection, &found, deletes).await?;
        round::applied(self.connection).await?;
        for here in self.tables.iter().filter_map(|c| c.here.as_ref()) {
            let drop = format!("drop table {}", here.quoted());
            execute(self.connection, drop, During::Statement).await?;
        }
        let sum = |of: fn(&LaterChanges) -> u64| found.iter().map(|t| of(&t.changes)).sum::<u64>();
        let text = format!(
            "round {number}: {} rows added, {} changed, {} removed",
            sum(|c| c.inserted),
            sum(|c| c.updated),
            sum(|c| c.deleted)
        );
        event::note(self.connection, "changes brought", &text).await?;
        // Rows that somebody writes from now on are told by it.
        event::note_snapshot(self.connection).await?;
        round::forget_unapplied(self.connection).await?;
        Ok(found)
    }

    /// The digest of the rows that a COPY delivers.
    async fn digest(&mut self, copy: &str, table: &TablePlan, oids: Option<&TableOids>) -> Result<Digest> {
        let mut reader = CopyReader::new(table.copied().count());
        let (mut digest, mut own) = (Digest::default(), Vec::new());
        {
            let mut stream = self
                .connection
                .copy_out_raw(copy)
                .await
                .map_err(|e| classify(e, During::Rows))?;
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|e| classify(e, During::Rows))?;
                reader.read(&piece, |tuple| {
                    match oids {
                        None => digest.add_row(tuple),
                        Some(oids) => {
                            own.clear();
                            own.extend_from_slice(tuple);
                            oids.outward(&mut own)?;
                            digest.add_row(&own);
                        }
                    }
                    Ok(())
                })?;
            }
        }
        reader.finish()?;
        Ok(digest)
    }
}

/// An order of all tables in which each comes before those that it refers to, as far as there is one.
fn children_first(plan: &Plan) -> BTreeMap<TargetName, usize> {
    let tables: BTreeMap<&TargetName, &TablePlan> = plan.tables.iter().map(|t| (&t.target, t)).collect();
    let (mut seen, mut parents_first) = (BTreeSet::new(), Vec::new());
    // By hand rather than by recursion: chains of references may be long.
    for start in tables.keys().copied() {
        let mut path = vec![(start, false)];
        while let Some((name, done)) = path.pop() {
            if done {
                parents_first.push(name.clone());
            } else if seen.insert(name) {
                path.push((name, true));
                let parents = tables.get(name).into_iter().flat_map(|t| &t.foreign_keys);
                let parents = parents.filter_map(|k| tables.get_key_value(&k.references));
                path.extend(parents.map(|(parent, _)| (*parent, false)));
            }
        }
    }
    let places = parents_first.into_iter().rev().enumerate();
    places.map(|(place, name)| (name, place)).collect()
}
