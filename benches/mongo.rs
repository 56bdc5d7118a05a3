//! How fast 1,000,000 small documents become typed rows with a primary key, against `psql \copy ... (format binary)` of the
//! same rows from a file prepared beforehand and `alter table ... add primary key`; both into a fresh table in the same
//! destination, in turn, best of three. From a deployment and from a dump, each moved by a process of its own, whose peak
//! resident memory is measured too, and with the time that finding the types takes.
//!
//! Then a third as many documents with two arrays of documents each, whose three tables are read in one pass, and table by
//! table for comparison.
//!
//! ```text
//! cargo bench -p migrate-benches --bench mongo
//! cargo bench -p migrate-benches --bench mongo -- 200000      fewer documents
//! ```

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bson::doc;
use bson::oid::ObjectId;
use migrate_benches::{Outcome, ROUNDS, Server, processor_seconds};
use migrate_core::catalog::Catalog;
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor};
use migrate_core::mapping::Mapping;
use migrate_core::observer::Silent;
use migrate_core::pipeline::{self, Options};
use migrate_core::plan::{Plan, TablePlan};
use migrate_core::planner;
use migrate_core::source::{Capabilities, ChunkReader, Snapshot, Source};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_mongo::{DumpOptions, Mongo, MongoConfig, MongoOptions};
use migrate_testkit::bench;
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};
use tokio_util::sync::CancellationToken;

const DOCUMENTS: u32 = 1_000_000;

/// The argument with which the bench starts itself to move a database.
const MOVE: &str = "--move";

/// The same, with each table read by itself.
const MOVE_APART: &str = "--move-apart";

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, from, to, ..] = &*args
        && [MOVE, MOVE_APART].contains(&mode.as_str())
    {
        return move_one(from, to, mode == MOVE_APART);
    }
    // `cargo bench` passes --bench; `cargo test --benches` does not, and must not run for minutes.
    if !args.iter().any(|a| a == "--bench") {
        return Ok(());
    }
    let documents = args.iter().find_map(|a| a.parse().ok()).unwrap_or(DOCUMENTS);
    let destination = Server::start()?;
    let scratch = tempfile::tempdir()?;
    let dump = scratch.path().join("dump");
    let server = MongoServer::start();
    server.insert("bench", "facts", (0..documents).map(bench::document));
    Dump {
        collections: vec![DumpedCollection::new(
            "bench",
            "facts",
            (0..documents).map(bench::document).collect(),
        )],
        ..Dump::default()
    }
    .write_directory(&dump, false)?;

    println!(
        "| from | documents | finding types, s | rows, s | rows and key, s | \\copy and key, s | ratio | processor, s | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, from) in [
        ("mongod", server.url("bench")),
        ("dump", dump.display().to_string()),
    ] {
        run(name, &from, documents, &destination, scratch.path())?;
    }

    let documents = documents / 3;
    let nested = scratch.path().join("nested");
    server.insert("nested", "orders", (0..documents).map(order));
    Dump {
        collections: vec![DumpedCollection::new(
            "nested",
            "orders",
            (0..documents).map(order).collect(),
        )],
        ..Dump::default()
    }
    .write_directory(&nested, false)?;
    println!(
        "\n| from | documents with two arrays | rows in one pass, s | documents/s | table by table, s | documents/s | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, from) in [
        ("mongod", server.url("nested")),
        ("dump", nested.display().to_string()),
    ] {
        run_nested(name, &from, documents, &destination)?;
    }
    destination.stop()?;
    Ok(())
}

fn run(name: &str, from: &str, documents: u32, destination: &Server, scratch: &Path) -> Outcome<()> {
    let rows = scratch.join("rows.bin");
    moved(from, destination)?;
    destination.psql(
        "moved",
        &format!("\\copy bench.facts to '{}' (format binary)", rows.display()),
    )?;
    let mut copy = f64::MAX;
    let mut best: Option<Moved> = None;
    for _ in 0..ROUNDS {
        destination.psql("moved", "create table fresh (like bench.facts)")?;
        destination.psql("moved", "checkpoint")?;
        let started = Instant::now();
        destination.psql(
            "moved",
            &format!("\\copy fresh from '{}' (format binary)", rows.display()),
        )?;
        destination.psql("moved", "alter table fresh add primary key (_id)")?;
        copy = copy.min(started.elapsed().as_secs_f64());

        let moved = moved(from, destination)?;
        if best.as_ref().is_none_or(|b| moved.whole < b.whole) {
            best = Some(moved);
        }
    }
    let Some(best) = best else { return Ok(()) };
    println!(
        "| {name} | {documents} | {:.2} | {:.2} | {:.2} | {copy:.2} | {:.0} % | {:.2} | {:.0} |",
        best.discover,
        best.rows,
        best.whole,
        100.0 * best.whole / copy,
        best.processor,
        best.peak_mib
    );
    Ok(())
}

fn run_nested(name: &str, from: &str, documents: u32, destination: &Server) -> Outcome<()> {
    let mut best = [f64::MAX; 2];
    let mut peak: f64 = 0.0;
    for _ in 0..ROUNDS {
        for (best, mode) in best.iter_mut().zip([MOVE, MOVE_APART]) {
            let moved = moved_by(mode, from, destination)?;
            *best = best.min(moved.rows);
            peak = peak.max(moved.peak_mib);
        }
    }
    let rate = |seconds: f64| f64::from(documents) / seconds;
    let [together, apart] = best;
    println!(
        "| {name} | {documents} | {together:.2} | {:.0} | {apart:.2} | {:.0} | {peak:.0} |",
        rate(together),
        rate(apart)
    );
    Ok(())
}

/// How long the parts of moving took.
struct Moved {
    discover: f64,
    rows: f64,
    whole: f64,
    processor: f64,
    peak_mib: f64,
}

/// Moves into a new database, in a process of its own.
fn moved(from: &str, destination: &Server) -> Outcome<Moved> {
    moved_by(MOVE, from, destination)
}

fn moved_by(mode: &str, from: &str, destination: &Server) -> Outcome<Moved> {
    destination.fresh("moved")?;
    let output = Command::new(std::env::current_exe()?)
        .args([mode, from, &destination.url("moved")])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("moving: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [discover, rows, whole, processor, peak_mib] = *numbers else {
        return Err(format!("moving said {text:?}").into());
    };
    Ok(Moved {
        discover,
        rows,
        whole,
        processor,
        peak_mib,
    })
}

#[tokio::main]
async fn move_one(from: &str, to: &str, apart: bool) -> Outcome<()> {
    let options = MongoOptions::default();
    let source = if from.starts_with("mongodb:") {
        Mongo::connect(&MongoConfig::parse(&from.to_owned().into())?, options).await?
    } else {
        Mongo::open_dump(from, &DumpOptions::default(), options)?
    };
    let source: Arc<dyn Source> = if apart {
        Arc::new(Apart(source))
    } else {
        Arc::new(source)
    };
    let started = Instant::now();
    let catalog = source.discover().await?;
    let discover = started.elapsed().as_secs_f64();
    let mut options = SinkOptions::new(to);
    // psql gathers no statistics either.
    options.analyze = false;
    let sink = PostgresSink::connect(options).await?;
    let plan = Arc::new(planner::plan(&catalog, &Mapping::default(), &sink.target())?);
    let before = processor_seconds(std::process::id());
    let started = Instant::now();
    // As the command line does.
    let chunks = ChunkGoal {
        bytes: 32 << 20,
        ..ChunkGoal::default()
    };
    let run = Options {
        chunks,
        ..Options::default()
    };
    let cancel = CancellationToken::new();
    let report = pipeline::run(source, sink, plan, run, Arc::new(Silent), cancel).await?;
    let whole = started.elapsed().as_secs_f64();
    if !report.is_clean() {
        return Err("not every row arrived".into());
    }
    println!(
        "{discover} {} {whole} {} {}",
        report.copy_elapsed.as_secs_f64(),
        processor_seconds(std::process::id()) - before,
        peak_mib()
    );
    Ok(())
}

/// A source whose tables are read one by one.
struct Apart(Mongo);

struct ApartSnapshot(Arc<dyn Snapshot>);

#[async_trait]
impl Source for Apart {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn discover(&self) -> migrate_core::Result<Catalog> {
        self.0.discover().await
    }

    async fn snapshot(&self, plan: &Plan) -> migrate_core::Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(ApartSnapshot(self.0.snapshot(plan).await?)))
    }
}

#[async_trait]
impl Snapshot for ApartSnapshot {
    async fn split(&self, table: &TablePlan, goal: ChunkGoal) -> migrate_core::Result<Vec<Chunk>> {
        self.0.split(table, goal).await
    }

    async fn read(
        &self,
        table: &TablePlan,
        chunk: &Chunk,
        after: Option<&Cursor>,
    ) -> migrate_core::Result<Box<dyn ChunkReader>> {
        self.0.read(table, chunk, after).await
    }
}

/// The largest resident set so far.
fn peak_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// An order: a key, a customer, three lines and two remarks.
fn order(n: u32) -> Vec<u8> {
    let mixed = n.wrapping_mul(2_654_435_761);
    let mut id = [0x66; 12];
    id[8..].copy_from_slice(&n.to_be_bytes());
    let line = |i: u32| {
        let sku = format!("SKU-{:06}", mixed.rotate_left(i) % 1_000_000);
        doc! { "sku": sku, "count": i64::from(i + 1), "price": f64::from(mixed % 10_000) / 100.0 }
    };
    let remark = |i: u32| doc! { "by": format!("clerk {}", mixed % 97 + i), "text": "as agreed by telephone, to be sent at once" };
    let order = doc! {
        "_id": ObjectId::from_bytes(id),
        "customer": format!("customer {mixed:010}"),
        "total": f64::from(mixed % 100_000) / 100.0,
        "lines": (0..3).map(line).collect::<Vec<_>>(),
        "remarks": (0..2).map(remark).collect::<Vec<_>>(),
    };
    order.to_vec().expect("what is made here is BSON")
}
