//! The table: every kind of source, narrow and wide rows, one worker and two, against what a person with `psql` would do in the
//! same time and place: `\copy ... (format binary)` of the same rows from a file prepared beforehand, then the primary key
//! and ANALYZE. All in turn, into one cluster, the shortest of three. And the growth of both with the number of rows, and what
//! 10,000 empty tables take.
//!
//! ```text
//! cargo build --release -p migrate-cli && cargo bench -p migrate-benches --bench table
//! cargo bench -p migrate-benches --bench table -- mongod wide     only the cases whose name has each of the words
//! cargo bench -p migrate-benches --bench table -- growth          only the growth; `tables`: only the 10,000 tables
//! ```
//!
//! SQL Server is the test kit's: no database, but rows that were encoded beforehand and are sent as fast as they are taken.

use std::path::Path;

use migrate_benches::{Migrate, Outcome, ROUNDS, Server, Shortest, asked, drain};
use migrate_testkit::bench;
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};
use migrate_testkit::tds;
use tokio::runtime::Runtime;
use url::Url;

const NARROW: u64 = 2_000_000;
const WIDE: u64 = 200_000;
const TABLES: u32 = 10_000;

fn main() -> Outcome<()> {
    let Some(args) = asked() else { return Ok(()) };
    let words: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let migrate = Migrate::find()?;
    let server = Server::start()?;
    let alone = |word: &str| words == [word];
    if !alone("growth") && !alone("tables") {
        cases(&migrate, &server, &words)?;
    }
    if words.is_empty() || alone("growth") {
        growth(&migrate, &server)?;
    }
    if words.is_empty() || alone("tables") {
        tables(&migrate, &server)?;
    }
    server.stop()
}

/// One table of one source.
struct Case<'a> {
    name: String,
    rows: u64,
    source: String,
    include: Option<&'static str>,
    /// What the table is called in the destination.
    table: &'static str,
    /// Seconds that reading alone takes, where a driver or a server takes part in it.
    drain: Option<Box<dyn Fn() -> Outcome<f64> + 'a>>,
}

fn cases(migrate: &Migrate, server: &Server, words: &[&str]) -> Outcome<()> {
    let wanted = |name: &str| words.iter().all(|w| name.contains(w));
    let scratch = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    println!(
        "| source | rows | workers | drain, s | psql, s | migrate, s | floor / migrate | its rows, s | client, µs/row | \
         server, µs/row | server under psql, µs/row | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let shapes = [("narrow", NARROW, "Fact"), ("wide", WIDE, "Wide")];

    for (shape, rows, table) in shapes {
        let names = ["bacpac", "PostgreSQL"].map(|source| format!("{source}, {shape}"));
        if !names.iter().any(|n| wanted(n)) {
            continue;
        }
        let file = scratch.path().join(format!("{shape}.bacpac"));
        bacpac(&file, shape, rows)?;
        let stored = stored(table);
        if wanted(&names[0]) {
            let case = Case {
                name: names[0].clone(),
                rows,
                source: file.display().to_string(),
                include: None,
                table: stored,
                drain: None,
            };
            case.run(migrate, server, scratch.path())?;
        }
        if wanted(&names[1]) {
            server.fresh("source")?;
            migrate.run(&file.display().to_string(), &server.url("source"), &[])?;
            server.script(
                "source",
                &format!(
                    "drop schema migrate cascade; alter table {stored} add primary key (id); vacuum analyze"
                ),
            )?;
            let read = format!("\\copy {stored} to '/dev/null' (format binary)");
            let case = Case {
                name: names[1].clone(),
                rows,
                source: server.url("source"),
                include: None,
                table: stored,
                drain: Some(Box::new(move || server.timed("source", &read))),
            };
            case.run(migrate, server, scratch.path())?;
        }
    }

    for (shape, rows, table) in shapes {
        let name = format!("SQL Server, {shape}");
        if !wanted(&name) {
            continue;
        }
        let of = |of: &str| if of == table { rows } else { 0 };
        let sender = tds::Server::start(bench::on_server(of("Fact"), of("Wide"), 0));
        let url = format!(
            "mssql://reader:secret@127.0.0.1:{}/{}",
            sender.port(),
            bench::NAME
        );
        let url = Url::parse(&url)?;
        let include = if table == "Fact" { "dbo.Fact" } else { "dbo.Wide" };
        let runtime = &runtime;
        let case = Case {
            name,
            rows,
            source: format!("{url}?trust_server_certificate=true&encrypt=off"),
            include: Some(include),
            table: stored(table),
            drain: Some(Box::new(move || {
                Ok(runtime.block_on(drain::mssql_tds(&url, false, include))?.seconds)
            })),
        };
        case.run(migrate, server, scratch.path())?;
    }

    for (shape, rows, _) in shapes {
        let names = ["mongod", "mongodump"].map(|source| format!("{source}, {shape}"));
        if !names.iter().any(|n| wanted(n)) {
            continue;
        }
        let documents = || {
            (0..rows as u32).map(if shape == "narrow" {
                bench::document
            } else {
                bench::wide_document
            })
        };
        if wanted(&names[0]) {
            let sender = MongoServer::start();
            sender.insert("bench", "facts", documents());
            let url = sender.url("bench");
            let (drained, runtime) = (url.clone(), &runtime);
            let case = Case {
                name: names[0].clone(),
                rows,
                source: url,
                include: None,
                table: "bench.facts",
                drain: Some(Box::new(move || {
                    Ok(runtime
                        .block_on(drain::mongo(&drained, "bench", "facts"))?
                        .seconds)
                })),
            };
            case.run(migrate, server, scratch.path())?;
        }
        if wanted(&names[1]) {
            let folder = scratch.path().join(format!("dump-{shape}"));
            Dump {
                collections: vec![DumpedCollection::new("bench", "facts", documents().collect())],
                ..Dump::default()
            }
            .write_directory(&folder, false)?;
            let case = Case {
                name: names[1].clone(),
                rows,
                source: folder.display().to_string(),
                include: None,
                table: "bench.facts",
                drain: None,
            };
            case.run(migrate, server, scratch.path())?;
        }
    }
    Ok(())
}

impl Case<'_> {
    fn run(&self, migrate: &Migrate, server: &Server, scratch: &Path) -> Outcome<()> {
        let Self {
            name, rows, table, ..
        } = self;
        let file = scratch.join("rows.bin");
        let include = self.include.map_or(vec![], |table| vec!["--include", table]);
        // Prepared beforehand: the rows as PostgreSQL writes them, and the table and its key as a person would declare them.
        server.fresh("prepared")?;
        migrate.run(&self.source, &server.url("prepared"), &include)?;
        server.psql(
            "prepared",
            &format!("\\copy {table} to '{}' (format binary)", file.display()),
        )?;
        let key = server.answer(
            "prepared",
            &format!(
                "select format('alter table fresh add %s', pg_get_constraintdef(oid)) from pg_constraint \
                 where conrelid = '{table}'::regclass and contype = 'p'"
            ),
        )?;
        let load = format!("\\copy fresh from '{}' (format binary)", file.display());

        let [mut by_hand, mut drain] = [Shortest::default(); 2];
        let mut server_by_hand = Shortest::default();
        let mut ours = [(1, Best::default()), (2, Best::default())];
        for _ in 0..ROUNDS {
            if let Some(read) = &self.drain {
                drain.see(read()?);
            }
            server.psql("prepared", &format!("create table fresh (like {table})"))?;
            server.psql("prepared", "checkpoint")?;
            let before = server.processor()?;
            let copied = server.timed("prepared", &load)?;
            let keyed = server.timed("prepared", &format!("{key};analyze fresh"))?;
            by_hand.see(copied + keyed);
            server_by_hand.see(server.processor()? - before);
            server.psql("prepared", "drop table fresh")?;
            for (jobs, best) in &mut ours {
                server.fresh("loaded")?;
                let before = server.processor()?;
                let jobs = jobs.to_string();
                let arguments = [&include[..], &["--jobs", &jobs]].concat();
                let loaded = migrate.run(&self.source, &server.url("loaded"), &arguments)?;
                best.server.see(server.processor()? - before);
                best.whole.see(loaded.ran.seconds);
                best.copy.see(loaded.copy_seconds);
                best.client.see(loaded.ran.processor);
                best.peak_kib = best.peak_kib.max(loaded.ran.peak_kib);
            }
        }
        let drained = self.drain.as_ref().map(|_| drain.0);
        let floor = by_hand.0.max(drained.unwrap_or_default());
        let per_row = |seconds: Shortest| seconds.0 * 1e6 / *rows as f64;
        for (jobs, best) in ours {
            println!(
                "| {name} | {rows} | {jobs} | {} | {:.2} | {:.2} | {:.0} % | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
                drained.map_or(String::new(), |s| format!("{s:.2}")),
                by_hand.0,
                best.whole.0,
                100.0 * floor / best.whole.0,
                best.copy.0,
                per_row(best.client),
                per_row(best.server),
                per_row(server_by_hand),
                best.peak_kib / 1024
            );
        }
        Ok(())
    }
}

#[derive(Default)]
struct Best {
    whole: Shortest,
    copy: Shortest,
    client: Shortest,
    server: Shortest,
    peak_kib: u64,
}

/// Twice the rows should take twice the time, and the same memory.
fn growth(migrate: &Migrate, server: &Server) -> Outcome<()> {
    let scratch = tempfile::tempdir()?;
    println!(
        "\n| bacpac, narrow, rows | s | to the first | its rows, s | to the first | peak MiB |\n|---|---|---|---|---|---|"
    );
    let mut first = None;
    for millions in [1, 2, 4, 8] {
        let file = scratch.path().join("growth.bacpac");
        bacpac(&file, "narrow", millions * 1_000_000)?;
        let mut best = Best::default();
        for _ in 0..ROUNDS {
            server.fresh("loaded")?;
            let loaded = migrate.run(
                &file.display().to_string(),
                &server.url("loaded"),
                &["--jobs", "2", "--no-analyze", "--check", "while"],
            )?;
            best.whole.see(loaded.ran.seconds);
            best.copy.see(loaded.copy_seconds);
            best.peak_kib = best.peak_kib.max(loaded.ran.peak_kib);
        }
        let (whole, copy) = (best.whole.0, best.copy.0);
        let (one, one_copy) = *first.get_or_insert((whole, copy));
        println!(
            "| {millions},000,000 | {whole:.2} | {:.2} | {copy:.2} | {:.2} | {} |",
            whole / one,
            copy / one_copy,
            best.peak_kib / 1024
        );
    }
    Ok(())
}

/// Many tables without rows: a key, a unique key, an index, a default and a foreign key each.
fn tables(migrate: &Migrate, server: &Server) -> Outcome<()> {
    server.fresh("source")?;
    server.psql(
        "source",
        &format!(
            "do $$ begin
                 for n in 1..{TABLES} loop
                     execute format('create table t_%s (id bigint generated by default as identity primary key,
                         parent bigint, code text not null unique, at timestamptz not null default now())', n);
                     execute format('create index on t_%s (parent)', n);
                     if n > 1 then
                         execute format('alter table t_%s add foreign key (parent) references t_%s', n, n - 1);
                     end if;
                     -- Each table takes locks, and a transaction has room for so many.
                     if n % 500 = 0 then commit; end if;
                 end loop;
             end $$"
        ),
    )?;
    server.fresh("loaded")?;
    let loaded = migrate.run(&server.url("source"), &server.url("loaded"), &["--jobs", "2"])?;
    println!("\n| empty tables | s | peak MiB |\n|---|---|---|");
    println!(
        "| {TABLES} | {:.1} | {} |",
        loaded.ran.seconds,
        loaded.ran.peak_kib / 1024
    );
    Ok(())
}

fn bacpac(file: &Path, shape: &str, rows: u64) -> Outcome<()> {
    match shape {
        "narrow" => bench::narrow(file, rows)?,
        _ => bench::wide(file, rows)?,
    }
    Ok(())
}

fn stored(table: &str) -> &'static str {
    match table {
        "Fact" => "\"dbo\".\"Fact\"",
        _ => "\"dbo\".\"Wide\"",
    }
}
