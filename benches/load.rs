//! How fast a .bacpac is loaded, against `psql \copy ... (format binary)` of the same rows from a file prepared
//! beforehand; both into a fresh table without keys, in the same cluster, in turn, best of three. Also the peak resident
//! memory of `migrate`, and both again for twice the rows.
//!
//! `migrate` gathers statistics after the rows, which psql does not: both are measured without ANALYZE and with it. Of
//! `migrate` the table has the whole command, which looks at the file first, and the part that copies rows.
//!
//! ```text
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches
//! cargo bench -p migrate-benches -- narrow      only the cases whose name has the word
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use migrate_pg_embedded::{Cluster, find_installation};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;

struct Case {
    name: &'static str,
    rows: u64,
    table: &'static str,
    write: fn(&Path, u64) -> std::io::Result<()>,
}

fn narrow(path: &Path, rows: u64) -> std::io::Result<()> {
    migrate_testkit::bench::narrow(path, rows)
}

fn wide(path: &Path, rows: u64) -> std::io::Result<()> {
    migrate_testkit::bench::wide(path, rows)
}

fn main() -> Outcome<()> {
    // `cargo bench` passes --bench; `cargo test --benches` does not, and must not run for minutes.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let migrate = release_binary()?;
    let cases = [
        Case {
            name: "narrow, 6 columns",
            rows: 2_000_000,
            table: "Fact",
            write: narrow,
        },
        Case {
            name: "narrow, twice",
            rows: 4_000_000,
            table: "Fact",
            write: narrow,
        },
        Case {
            name: "wide, 20 columns",
            rows: 200_000,
            table: "Wide",
            write: wide,
        },
        Case {
            name: "wide, twice",
            rows: 400_000,
            table: "Wide",
            write: wide,
        },
    ];
    let cluster = Cluster::temporary(
        Some(find_installation()?),
        &[
            ("fsync", "on"),
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "30min"),
        ],
    )?;
    let scratch = tempfile::tempdir()?;
    println!(
        "| case | rows | \\copy, s | migrate, s | its rows, s | \\copy / migrate | \\copy / its rows | \\copy and analyze, s | \
         migrate and analyze, s | ratio | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for case in cases
        .iter()
        .filter(|c| wanted.iter().all(|w| c.name.contains(w.as_str())))
    {
        run(case, &migrate, &cluster, scratch.path())?;
    }
    cluster.stop()?;
    Ok(())
}

fn run(case: &Case, migrate: &Path, cluster: &Cluster, scratch: &Path) -> Outcome<()> {
    let bacpac = scratch.join("bench.bacpac");
    let rows = scratch.join("rows.bin");
    (case.write)(&bacpac, case.rows)?;
    let table = format!("\"dbo\".\"{}\"", case.table);

    // Prepared beforehand: the rows as PostgreSQL writes them, and the empty table's definition.
    load(migrate, &bacpac, cluster, "prepared", false)?;
    psql(
        cluster,
        "prepared",
        &format!("\\copy {table} to '{}' (format binary)", rows.display()),
    )?;
    psql(cluster, "prepared", "drop schema migrate cascade")?;

    let mut best = Best::default();
    for _ in 0..ROUNDS {
        psql(cluster, "prepared", &format!("create table fresh (like {table})"))?;
        psql(cluster, "prepared", "checkpoint")?;
        let started = Instant::now();
        psql(
            cluster,
            "prepared",
            &format!("\\copy fresh from '{}' (format binary)", rows.display()),
        )?;
        best.psql.see(started.elapsed().as_secs_f64());
        psql(cluster, "prepared", "analyze fresh")?;
        best.psql_analyzed.see(started.elapsed().as_secs_f64());
        psql(cluster, "prepared", "drop table fresh")?;

        for (analyze, whole) in [(false, &mut best.whole), (true, &mut best.whole_analyzed)] {
            psql(cluster, "prepared", "checkpoint")?;
            let loaded = load(migrate, &bacpac, cluster, "loaded", analyze)?;
            whole.see(loaded.seconds);
            best.copy.see(loaded.copy_seconds);
            best.peak_kib = best.peak_kib.max(loaded.peak_kib);
            psql(cluster, "postgres", "drop database loaded")?;
        }
    }
    psql(cluster, "postgres", "drop database prepared")?;
    let Best {
        psql,
        psql_analyzed,
        whole,
        whole_analyzed,
        copy,
        peak_kib,
    } = best;
    println!(
        "| {} | {} | {:.2} | {:.2} | {:.2} | {:.0} % | {:.0} % | {:.2} | {:.2} | {:.0} % | {} |",
        case.name,
        case.rows,
        psql.0,
        whole.0,
        copy.0,
        100.0 * psql.0 / whole.0,
        100.0 * psql.0 / copy.0,
        psql_analyzed.0,
        whole_analyzed.0,
        100.0 * psql_analyzed.0 / whole_analyzed.0,
        peak_kib / 1024
    );
    Ok(())
}

/// The shortest of several times, in seconds.
struct Shortest(f64);

impl Default for Shortest {
    fn default() -> Self {
        Self(f64::MAX)
    }
}

impl Shortest {
    fn see(&mut self, seconds: f64) {
        self.0 = self.0.min(seconds);
    }
}

#[derive(Default)]
struct Best {
    psql: Shortest,
    psql_analyzed: Shortest,
    whole: Shortest,
    whole_analyzed: Shortest,
    copy: Shortest,
    peak_kib: u64,
}

struct Loaded {
    seconds: f64,
    copy_seconds: f64,
    peak_kib: u64,
}

/// Runs `migrate run` into a new database and watches its memory.
fn load(migrate: &Path, bacpac: &Path, cluster: &Cluster, database: &str, analyze: bool) -> Outcome<Loaded> {
    cluster.create_database(database)?;
    let report = bacpac.with_extension("json");
    let started = Instant::now();
    let mut child = Command::new(migrate)
        .arg("run")
        .arg(bacpac)
        .args(["--quiet", "--no-validate"])
        .args((!analyze).then_some("--no-analyze"))
        .arg("--report")
        .arg(&report)
        .env("MIGRATE_TO", cluster.socket_url(database))
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
    Ok(Loaded {
        seconds,
        copy_seconds,
        peak_kib,
    })
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
    let output = cluster
        .psql(database)?
        .args(["-qX", "-v", "ON_ERROR_STOP=1", "-c", command])
        .output()?;
    if !output.status.success() {
        return Err(format!("psql: {command}: {}", String::from_utf8_lossy(&output.stderr)).into());
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
