//! How fast PostgreSQL is copied into PostgreSQL, against `pgcopydb clone` and against `psql` piping the same rows in binary
//! COPY; all in one cluster, in turn, best of three. Three tables (narrow events, wide rows, children) with four indexes and
//! two foreign keys. Then later runs, each with its proof: 5 % of the rows are other ones (3 % changed, 2 % new), once with the
//! changed ones everywhere in the tables, and once, as is usual, among the most recent tenth; 2 % of the rows are gone; nothing
//! changed.
//!
//! ```text
//! apt-get install pgcopydb
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches --bench postgres
//! ```

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use migrate_benches::{Migrate, Outcome, ROUNDS, Server, Shortest, asked, watched};

const SOURCE: &str = "
    create table events (id bigint primary key, at timestamptz not null, kind integer not null, value double precision,
                         label text);
    create table wide (id integer primary key, a text, b text, c text, d numeric(12, 2), e timestamptz, f uuid, g jsonb,
                       h integer, i integer, j integer, k boolean, l text, m text, n date, o bytea, p text, q text, r bigint,
                       s double precision);
    create table child (id integer primary key, event bigint not null, wide integer not null, note text);
    insert into events
    select i, timestamptz '2024-01-01' + i * interval '1 second', i % 100, i / 7.0, 'event ' || i
    from generate_series(1, 2000000) as i;
    insert into wide
    select i, repeat(md5(i::text), 2), 'b' || i, repeat('c', i % 50), i * 1.25, timestamptz '2024-01-01' + i * interval '1 minute',
           md5(i::text)::uuid, jsonb_build_object('i', i, 'tags', array['x', 'y']), i, i % 7, -i, i % 2 = 0, 'l', md5(i::text),
           date '2024-01-01' + i % 365, decode(md5(i::text), 'hex'), 'p', null, i * 1000::bigint, i / 3.0
    from generate_series(1, 200000) as i;
    insert into child select i, 1 + i * 3 % 2000000, 1 + i % 200000, 'note ' || i from generate_series(1, 500000) as i;
    create index events_at on events (at);
    create index events_kind on events (kind, value);
    create index wide_b on wide (b);
    create index child_event on child (event);
    alter table child add foreign key (event) references events;
    alter table child add foreign key (wide) references wide;
    vacuum analyze";

fn main() -> Outcome<()> {
    if asked().is_none() {
        return Ok(());
    }
    let migrate = Migrate::find()?;
    let server = Server::start()?;
    server.fresh("source")?;
    server.script("source", SOURCE)?;
    let scratch = tempfile::tempdir()?;
    let [mut ours, mut rows, mut theirs, mut piped] = [Shortest::default(); 4];
    let mut peak_kib = 0;
    for _ in 0..ROUNDS {
        server.fresh("target")?;
        let run = migrate.run(&server.url("source"), &server.url("target"), &[])?;
        ours.see(run.ran.seconds);
        rows.see(run.copy_seconds);
        peak_kib = peak_kib.max(run.ran.peak_kib);
        theirs.see(pgcopydb(&server, scratch.path())?);
        piped.see(pipe(&server)?);
    }
    let later = later(&migrate, &server)?;
    server.stop()?;
    let [ours, rows, theirs, piped] = [ours, rows, theirs, piped].map(|best| best.0);
    println!(
        "| migrate, s | its rows, s | pgcopydb, s | migrate / pgcopydb | psql \\| psql, s | rows / psql | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    println!(
        "| {ours:.2} | {rows:.2} | {theirs:.2} | {:.2} | {piped:.2} | {:.2} | {} |",
        ours / theirs,
        rows / piped,
        peak_kib / 1024
    );
    let first = later[0].0;
    println!("\n| run | seconds | of the first |\n|---|---|---|");
    for (name, best) in RUNS.iter().zip(later) {
        println!("| {name} | {:.2} | {:.2} |", best.0, best.0 / first);
    }
    Ok(())
}

const RUNS: [&str; 5] = [
    "first",
    "5 % changed or new, everywhere",
    "5 % changed or new, recent ones",
    "2 % removed",
    "nothing changed",
];

/// 3 % of the rows changed, everywhere in the tables; to other values in each turn.
const EVERYWHERE: &str = "
    update events set label = 'changed ' || txid_current() where id % 100 < 3;
    update wide set b = 'changed ' || txid_current(), g = '{}' where id % 100 < 3;
    update child set note = 'changed ' || txid_current() where id % 100 < 3";

/// 3 % of the rows changed, among the last tenth of them.
const RECENT: &str = "
    update events set label = 'changed ' || txid_current() where id > 1800000 and id % 10 < 3;
    update wide set b = 'changed ' || txid_current(), g = '{}' where id > 180000 and id % 10 < 3;
    update child set note = 'changed ' || txid_current() where id > 450000 and id % 10 < 3";

/// 2 % of the rows added.
const NEW: &str = "
    insert into events
    select i, timestamptz '2025-01-01' + i * interval '1 second', i % 100, i / 7.0, 'event ' || i
    from generate_series(2000001, 2040000) as i;
    insert into wide (id, a) select i, 'new' from generate_series(200001, 204000) as i;
    insert into child select i, i, 1 + i % 200000, 'new' from generate_series(500001, 510000) as i";

/// The new rows go again, so that the next turn begins with the same numbers. The index is the source's for that time alone.
const REMOVALS: &str = "
    create index removing on child (wide);
    delete from child where id > 500000;
    delete from wide where id > 200000;
    delete from events where id > 2000000;
    drop index removing";

/// A first run with its proof, and later ones, in the order of [`RUNS`].
fn later(migrate: &Migrate, server: &Server) -> Outcome<[Shortest; 5]> {
    let scratch = tempfile::tempdir()?;
    let run = |flags: &[&str]| -> Outcome<f64> {
        server.psql("postgres", "checkpoint")?;
        let ran = watched(
            migrate
                .command()
                .args(["run", "env:BENCH_SOURCE", "--quiet"])
                .args(flags)
                .current_dir(scratch.path())
                .env("BENCH_SOURCE", server.url("source"))
                .env("MIGRATE_TO", server.url("target")),
        )?;
        if !ran.status.success() {
            return Err(format!("migrate run: {}", ran.status).into());
        }
        Ok(ran.seconds)
    };
    let mut best = [Shortest::default(); 5];
    for _ in 0..ROUNDS {
        server.fresh("target")?;
        best[0].see(run(&[])?);
        for (changes, place) in [(EVERYWHERE, 1), (RECENT, 2)] {
            server.script("source", changes)?;
            server.script("source", NEW)?;
            best[place].see(run(&["--incremental"])?);
            server.script("source", REMOVALS)?;
            best[3].see(run(&["--incremental", "--deletes"])?);
        }
        best[4].see(run(&["--incremental"])?);
        server.script("source", "vacuum analyze")?;
    }
    Ok(best)
}

fn pgcopydb(server: &Server, scratch: &Path) -> Outcome<f64> {
    server.fresh("target")?;
    let mut clone = Command::new("pgcopydb");
    clone
        .args([
            "clone",
            "--table-jobs",
            "2",
            "--index-jobs",
            "2",
            "--restart",
            "--dir",
        ])
        .arg(scratch.join("pgcopydb"))
        .env("PGCOPYDB_SOURCE_PGURI", server.url("source"))
        .env("PGCOPYDB_TARGET_PGURI", server.url("target"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let ran = watched(&mut clone)
        .map_err(|e| format!("pgcopydb: {e}; install it with: apt-get install pgcopydb"))?;
    if !ran.status.success() {
        return Err(format!("pgcopydb: {}", ran.status).into());
    }
    Ok(ran.seconds)
}

/// All three tables at once, `psql` into `psql`, into tables without keys.
fn pipe(server: &Server) -> Outcome<f64> {
    server.fresh("target")?;
    server.psql(
        "target",
        "create table events (id bigint, at timestamptz, kind integer, value double precision, label text);
         create table wide (id integer, a text, b text, c text, d numeric(12, 2), e timestamptz, f uuid, g jsonb, h integer,
                            i integer, j integer, k boolean, l text, m text, n date, o bytea, p text, q text, r bigint,
                            s double precision);
         create table child (id integer, event bigint, wide integer, note text)",
    )?;
    let started = Instant::now();
    let mut running = Vec::new();
    for table in ["events", "wide", "child"] {
        let mut from = server.command("source")?;
        from.arg("-c")
            .arg(format!("copy {table} to stdout (format binary)"));
        let mut from = from.stdout(Stdio::piped()).spawn()?;
        let rows = from.stdout.take().ok_or("no output")?;
        let mut into = server.command("target")?;
        into.arg("-c")
            .arg(format!("copy {table} from stdin (format binary)"));
        running.push((from, into.stdin(rows).spawn()?));
    }
    for (mut from, mut into) in running {
        if !from.wait()?.success() || !into.wait()?.success() {
            return Err("psql failed".into());
        }
    }
    Ok(started.elapsed().as_secs_f64())
}
