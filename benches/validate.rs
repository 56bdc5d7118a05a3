//! What a proof costs, against `psql \copy t to '/dev/null' (format binary)` of the same table: from recorded digests, with
//! both sides read, and with one wrong row to be found. Best of three each; also the peak resident memory of `migrate`.
//!
//! ```text
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches --bench validate
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::ChunkGoal;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::Target;
use migrate_core::source::{Fill, Source};
use migrate_pg_embedded::{Cluster, find_installation};
use migrate_source_mssql::{Bacpac, BacpacOptions};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;
const ROWS: u64 = 2_000_000;
const DATABASE: &str = "proven";
const TABLE: &str = "\"dbo\".\"Fact\"";

fn main() -> Outcome<()> {
    // `cargo bench` passes --bench; `cargo test --benches` does not, and must not run for minutes.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let migrate = release_binary()?;
    let cluster = Cluster::temporary(
        Some(find_installation()?),
        &[
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("autovacuum", "off"),
        ],
    )?;
    let scratch = tempfile::tempdir()?;
    let bacpac = scratch.path().join("bench.bacpac");
    migrate_testkit::bench::narrow(&bacpac, ROWS)?;
    cluster.create_database(DATABASE)?;
    let run = ["run", &bacpac.to_string_lossy(), "--no-validate"].map(str::to_owned);
    command(&migrate, &cluster, scratch.path(), &run, &[0])?;
    psql(&cluster, &format!("vacuum analyze {TABLE}"))?;

    let (mut copy, mut source) = (f64::MAX, f64::MAX);
    let mut proofs: Vec<(&str, Vec<String>, f64, u64)> = vec![
        ("recorded digests", vec!["validate".into()], f64::MAX, 0),
        (
            "both sides read",
            vec!["validate".into(), bacpac.to_string_lossy().into()],
            f64::MAX,
            0,
        ),
    ];
    for _ in 0..ROUNDS {
        copy = copy.min(timed(|| {
            psql(
                &cluster,
                &format!("\\copy {TABLE} to '/dev/null' (format binary)"),
            )
        })?);
        source = source.min(timed(|| read_source(&bacpac))?);
        for (_, arguments, best, peak) in &mut proofs {
            let (seconds, kib) = command(&migrate, &cluster, scratch.path(), arguments, &[0])?;
            *best = best.min(seconds);
            *peak = kib.max(*peak);
        }
    }
    psql(
        &cluster,
        &format!("update {TABLE} set {} where ctid = '(5,1)'", change(&cluster)?),
    )?;
    let both = proofs[1].1.clone();
    let mut wrong = ("one wrong row found", both, f64::MAX, 0);
    for _ in 0..ROUNDS {
        let (seconds, kib) = command(&migrate, &cluster, scratch.path(), &wrong.1, &[7])?;
        wrong = (wrong.0, wrong.1, wrong.2.min(seconds), kib.max(wrong.3));
    }
    proofs.push(wrong);
    cluster.stop()?;

    println!("{ROWS} rows x 6 columns; copy to /dev/null {copy:.2} s, reading the source {source:.2} s\n");
    println!("| proof | s | against | ratio | peak MiB |\n|---|---|---|---|---|");
    for (name, _, seconds, kib) in &proofs {
        let (against, than) = if *name == "recorded digests" {
            ("copy to /dev/null", copy)
        } else {
            ("the slower side's read", copy.max(source))
        };
        println!(
            "| {name} | {seconds:.2} | {against} | {:.2} | {} |",
            seconds / than,
            kib / 1024
        );
    }
    Ok(())
}

/// The smallest change to a column that is no key.
fn change(cluster: &Cluster) -> Outcome<String> {
    let question = format!(
        "select quote_ident(attname) from pg_attribute where attrelid = '{TABLE}'::regclass and attnum > 1 \
         and atttypid in ('int4'::regtype, 'int8'::regtype) order by attnum limit 1"
    );
    let output = cluster
        .psql(DATABASE)?
        .args(["-qXtA", "-c", &question])
        .output()?;
    let column = String::from_utf8(output.stdout)?.trim().to_owned();
    Ok(format!("{column} = coalesce({column}, 0) # 1"))
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

/// Reads and encodes all rows of the source, and does nothing with them.
fn read_source(bacpac: &Path) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let source = Bacpac::open(bacpac, BacpacOptions::default())?;
        let plan =
            migrate_core::planner::plan(&source.discover().await?, &Mapping::default(), &Target::default())?;
        let snapshot = source.snapshot(&plan).await?;
        for table in &plan.tables {
            let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
            let encoder = Arc::new(RowEncoder::compile(&specs)?);
            for chunk in snapshot.split(table, ChunkGoal::default()).await? {
                let mut reader = snapshot.read(table, &chunk, None).await?;
                let mut builder = BatchBuilder::new(Arc::clone(&encoder), 1 << 20);
                while reader.fill(&mut builder).await? == Fill::More {
                    let batch = builder.take()?;
                    builder.recycle(batch);
                }
                builder.take()?;
            }
        }
        Ok(())
    })
}

/// Runs `migrate`; its seconds and its peak memory.
fn command(
    migrate: &Path,
    cluster: &Cluster,
    folder: &Path,
    arguments: &[String],
    codes: &[i32],
) -> Outcome<(f64, u64)> {
    let started = Instant::now();
    let mut child = Command::new(migrate)
        .args(arguments)
        .arg("--quiet")
        .env("MIGRATE_TO", cluster.socket_url(DATABASE))
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()?;
    let peak_kib = watch(&mut child)?;
    let seconds = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    if !status.code().is_some_and(|code| codes.contains(&code)) {
        return Err(format!("migrate {arguments:?}: {status}").into());
    }
    Ok((seconds, peak_kib))
}

/// The largest resident set that the kernel reports until the process ends (`VmHWM`, which never falls).
fn watch(child: &mut Child) -> Outcome<u64> {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        sleep(Duration::from_millis(5));
    }
    Ok(peak)
}

fn psql(cluster: &Cluster, command: &str) -> Outcome<()> {
    let output = cluster
        .psql(DATABASE)?
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
