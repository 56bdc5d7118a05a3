//! How fast PostgreSQL is copied into PostgreSQL, against `pgcopydb clone` and against `psql` piping the same rows in binary
//! COPY; all in one cluster, in turn, best of three. Three tables (narrow events, wide rows, children) with four indexes and
//! two foreign keys.
//!
//! ```text
//! apt-get install pgcopydb
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches --bench postgres
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use migrate_pg_embedded::{Cluster, find_installation};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;

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
    // `cargo bench` passes --bench; `cargo test --benches` does not, and must not run for minutes.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let migrate = release_binary()?;
    let cluster = Cluster::temporary(
        Some(find_installation()?),
        &[
            ("fsync", "on"),
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "30min"),
        ],
    )?;
    cluster.create_database("source")?;
    psql(&cluster, "source", SOURCE)?;
    let scratch = tempfile::tempdir()?;
    let (mut ours, mut rows, mut theirs, mut piped) = (f64::MAX, f64::MAX, f64::MAX, f64::MAX);
    let mut peak_kib = 0;
    for _ in 0..ROUNDS {
        let run = clone(&migrate, &cluster, scratch.path())?;
        (ours, rows) = (ours.min(run.seconds), rows.min(run.copy_seconds));
        peak_kib = peak_kib.max(run.peak_kib);
        theirs = theirs.min(pgcopydb(&cluster, scratch.path())?);
        piped = piped.min(pipe(&cluster)?);
    }
    cluster.stop()?;
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
    Ok(())
}

struct Run {
    seconds: f64,
    copy_seconds: f64,
    peak_kib: u64,
}

/// A fresh database, after a checkpoint.
fn fresh(cluster: &Cluster) -> Outcome<()> {
    psql(cluster, "postgres", "drop database if exists target")?;
    cluster.create_database("target")?;
    psql(cluster, "postgres", "checkpoint")
}

fn clone(migrate: &Path, cluster: &Cluster, scratch: &Path) -> Outcome<Run> {
    fresh(cluster)?;
    let report = scratch.join("report.json");
    let started = Instant::now();
    let mut child = Command::new(migrate)
        .args(["run", "env:FROM", "--quiet", "--no-validate", "--report"])
        .arg(&report)
        .env("FROM", cluster.socket_url("source"))
        .env("MIGRATE_TO", cluster.socket_url("target"))
        .stdout(Stdio::null())
        .spawn()?;
    let peak_kib = watch(&mut child)?;
    let seconds = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("migrate run: {status}").into());
    }
    let text = std::fs::read_to_string(&report)?;
    std::fs::remove_file(&report)?;
    let copy_seconds = number_after(&text, "\"copy_seconds\":").ok_or("the report has no copy_seconds")?;
    Ok(Run {
        seconds,
        copy_seconds,
        peak_kib,
    })
}

fn pgcopydb(cluster: &Cluster, scratch: &Path) -> Outcome<f64> {
    fresh(cluster)?;
    let started = Instant::now();
    let output = Command::new("pgcopydb")
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
        .env("PGCOPYDB_SOURCE_PGURI", cluster.socket_url("source"))
        .env("PGCOPYDB_TARGET_PGURI", cluster.socket_url("target"))
        .output()
        .map_err(|e| format!("pgcopydb: {e}; install it with: apt-get install pgcopydb"))?;
    if !output.status.success() {
        return Err(format!("pgcopydb: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(started.elapsed().as_secs_f64())
}

/// All three tables at once, `psql` into `psql`, into tables without keys.
fn pipe(cluster: &Cluster) -> Outcome<f64> {
    fresh(cluster)?;
    psql(
        cluster,
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
        let mut from = cluster.psql("source")?;
        from.args(["-qX", "-v", "ON_ERROR_STOP=1", "-c"])
            .arg(format!("copy {table} to stdout (format binary)"));
        let mut from = from.stdout(Stdio::piped()).spawn()?;
        let rows = from.stdout.take().ok_or("no output")?;
        let mut into = cluster.psql("target")?;
        into.args(["-qX", "-v", "ON_ERROR_STOP=1", "-c"])
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

/// The largest resident set that the kernel reports until the process ends (`VmHWM`, which never falls).
fn watch(child: &mut Child) -> Outcome<u64> {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(kib) = number_after(&text, "VmHWM:") {
            peak = peak.max(kib as u64);
        }
        sleep(Duration::from_millis(5));
    }
    Ok(peak)
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start();
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn psql(cluster: &Cluster, database: &str, command: &str) -> Outcome<()> {
    let mut run = cluster.psql(database)?;
    run.args(["-qX", "-v", "ON_ERROR_STOP=1"]);
    // Statements of their own: VACUUM takes no transaction around it.
    for statement in command.split(';').filter(|s| !s.trim().is_empty()) {
        run.args(["-c", statement]);
    }
    let output = run.output()?;
    if !output.status.success() {
        return Err(format!("psql: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(())
}

/// The release build of the command line, which cargo keeps beside this bench's own directory.
fn release_binary() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own
        .parent()
        .and_then(Path::parent)
        .ok_or("no target directory")?
        .join("migrate");
    if !binary.exists() {
        return Err(format!(
            "{} is missing: run `cargo build --release -p migrate-cli` first",
            binary.display()
        )
        .into());
    }
    Ok(binary)
}
