//! What a proof costs, against `psql \copy t to '/dev/null' (format binary)` of the same table: from recorded digests, with
//! both sides read, and with one wrong row to be found. Best of three each; also the peak resident memory of `migrate`.
//!
//! ```text
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches --bench validate
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use migrate_benches::{Migrate, Outcome, ROUNDS, Server, asked, watched};
use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::ChunkGoal;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::Target;
use migrate_core::source::{Fill, Source};
use migrate_source_mssql::{Bacpac, BacpacOptions};

const ROWS: u64 = 2_000_000;
const DATABASE: &str = "proven";
const TABLE: &str = "\"dbo\".\"Fact\"";

fn main() -> Outcome<()> {
    if asked().is_none() {
        return Ok(());
    }
    let migrate = Migrate::find()?;
    let server = Server::start()?;
    let scratch = tempfile::tempdir()?;
    let bacpac = scratch.path().join("bench.bacpac");
    migrate_testkit::bench::narrow_with_key(&bacpac, ROWS)?;
    server.fresh(DATABASE)?;
    let run = ["run", &bacpac.to_string_lossy(), "--no-validate"].map(str::to_owned);
    command(&migrate, &server, scratch.path(), &run, &[0])?;
    server.psql(DATABASE, &format!("vacuum analyze {TABLE}"))?;

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
        let read = format!("\\copy {TABLE} to '/dev/null' (format binary)");
        copy = copy.min(server.timed(DATABASE, &read)?);
        let started = Instant::now();
        read_source(&bacpac)?;
        source = source.min(started.elapsed().as_secs_f64());
        for (_, arguments, best, peak) in &mut proofs {
            let (seconds, kib) = command(&migrate, &server, scratch.path(), arguments, &[0])?;
            *best = best.min(seconds);
            *peak = kib.max(*peak);
        }
    }
    let change = change(&server)?;
    server.psql(
        DATABASE,
        &format!("update {TABLE} set {change} where ctid = '(5,1)'"),
    )?;
    let both = proofs[1].1.clone();
    let mut wrong = ("one wrong row found", both, f64::MAX, 0);
    for _ in 0..ROUNDS {
        let (seconds, kib) = command(&migrate, &server, scratch.path(), &wrong.1, &[7])?;
        wrong = (wrong.0, wrong.1, wrong.2.min(seconds), kib.max(wrong.3));
    }
    proofs.push(wrong);
    server.stop()?;

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
fn change(server: &Server) -> Outcome<String> {
    let question = format!(
        "select quote_ident(attname) from pg_attribute where attrelid = '{TABLE}'::regclass and attnum > 1 \
         and atttypid in ('int4'::regtype, 'int8'::regtype) order by attnum limit 1"
    );
    let column = server.answer(DATABASE, &question)?;
    Ok(format!("{column} = coalesce({column}, 0) # 1"))
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
    migrate: &Migrate,
    server: &Server,
    folder: &Path,
    arguments: &[String],
    codes: &[i32],
) -> Outcome<(f64, u64)> {
    let ran = watched(
        migrate
            .command()
            .args(arguments)
            .arg("--quiet")
            .env("MIGRATE_TO", server.url(DATABASE))
            .current_dir(folder),
    )?;
    if !ran.status.code().is_some_and(|code| codes.contains(&code)) {
        return Err(format!("migrate {arguments:?}: {}", ran.status).into());
    }
    Ok((ran.seconds, ran.peak_kib))
}
