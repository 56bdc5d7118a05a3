//! How fast tables of a running SQL Server arrive, against the larger of two floors: the time that the driver alone takes to
//! read and drop their rows over one connection, and the time that `psql \copy ... (format binary)` takes to load them from a
//! file prepared beforehand. In turn, best of three, with two workers; also the peak resident memory of `migrate`.
//!
//! The whole command also makes the table's primary key, and neither floor does. So the time that `alter table ... add primary
//! key` takes in psql is measured as well, and the whole command is compared with the floor and that time together.
//!
//! ```text
//! cargo build --release -p migrate-cli
//! cargo bench -p migrate-benches --bench mssql
//! MSSQL_URL=mssql://user:password@host:1433/database cargo bench -p migrate-benches --bench mssql -- dbo.Narrow dbo.Wide
//! ```
//!
//! Without `MSSQL_URL` the server is the test kit's: no database, but rows that were encoded beforehand and are sent as fast as
//! they are taken, over connections without TLS (`-- --tls`: with it). So the times are those of the reading side. Its tables
//! are `dbo.Fact`, `dbo.Wide` and, if it is named, `dbo.Large`, which has one value of 200 MB. With the
//! variable, the tables must be there, and nobody may write to them; the password is read from the URL, and the server's
//! certificate is taken as it is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use migrate_benches::{Loaded, Migrate, Outcome, ROUNDS, Server as Destination, Shortest, asked, drain};
use migrate_testkit::bench;
use migrate_testkit::tds::{Answer, Database, Login, Query, Script, Server, Welcome};
use url::Url;

/// Bytes of the one value of `dbo.Large`.
const LARGE: u64 = 200_000_000;

/// A database that remembers when rows were last asked for.
struct Noting {
    database: Database,
    rows_asked: Mutex<Option<Instant>>,
}

impl Noting {
    /// When rows were first asked for since it was last looked at.
    fn take(&self) -> Option<Instant> {
        self.rows_asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Script for Noting {
    fn login(&self, login: &Login) -> Welcome {
        self.database.login(login)
    }

    fn answer(&self, query: &Query<'_>) -> Answer {
        if query.sql.starts_with("select [") {
            let mut first = self.rows_asked.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(Instant::now);
        }
        self.database.answer(query)
    }
}

fn main() -> Outcome<()> {
    let Some(args) = asked() else { return Ok(()) };
    let named: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let (served, url, tables) = match std::env::var("MSSQL_URL") {
        Ok(url) => (None, Url::parse(&url)?, named),
        Err(_) => {
            let tables = if named.is_empty() {
                vec!["dbo.Fact", "dbo.Wide"]
            } else {
                named
            };
            let rows = |table: &str, rows: u64| if tables.contains(&table) { rows } else { 0 };
            let large = rows("dbo.Large", LARGE) as usize;
            let database = bench::on_server(rows("dbo.Fact", 2_000_000), rows("dbo.Wide", 200_000), large);
            let database = Arc::new(Noting {
                database,
                rows_asked: Mutex::default(),
            });
            let server = Server::start(Arc::clone(&database));
            let url = format!(
                "mssql://reader:secret@127.0.0.1:{}/{}",
                server.port(),
                bench::NAME
            );
            (Some((server, database)), Url::parse(&url)?, tables)
        }
    };
    let tls = served.is_none() || args.iter().any(|a| a == "--tls");
    let migrate = Migrate::find()?;
    let destination = Destination::start()?;
    let scratch = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    println!(
        "| table | driver | rows | driver alone, s | \\copy, s | key, s | its start, ms | its rows, s | migrate, s | its rows / floor | migrate / floor and key | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for table in tables {
        for driver in ["mssql-tds", "tiberius"] {
            let bench = Bench {
                url: &url,
                tls,
                noting: served.as_ref().map(|(_, database)| &**database),
                migrate: &migrate,
                destination: &destination,
                table,
                driver,
                rows: scratch.path().join("rows.bin"),
            };
            bench.run(&runtime)?;
        }
    }
    destination.stop()?;
    Ok(())
}

struct Bench<'a> {
    url: &'a Url,
    tls: bool,
    noting: Option<&'a Noting>,
    migrate: &'a Migrate,
    destination: &'a Destination,
    table: &'a str,
    driver: &'a str,
    /// The rows as PostgreSQL writes them.
    rows: PathBuf,
}

impl Bench<'_> {
    fn run(&self, runtime: &tokio::runtime::Runtime) -> Outcome<()> {
        self.load("prepared")?;
        let (schema, name) = self.table.split_once('.').ok_or("a table is SCHEMA.NAME")?;
        let stored = format!("\"{schema}\".\"{name}\"");
        self.psql(&format!(
            "\\copy {stored} to '{}' (format binary)",
            self.rows.display()
        ))?;
        let add_key = add_key(&stored);
        let [mut alone, mut copy, mut key, mut start, mut whole, mut rows] = [Shortest::default(); 6];
        let (mut count, mut peak) = (0, 0);
        for _ in 0..ROUNDS {
            let drained = runtime.block_on(async {
                match self.driver {
                    "tiberius" => Box::pin(drain::tiberius(self.url, self.tls, self.table)).await,
                    _ => drain::mssql_tds(self.url, self.tls, self.table).await,
                }
            })?;
            count = drained.rows;
            alone.see(drained.seconds);

            self.psql(&format!("create table fresh (like {stored})"))?;
            self.psql("checkpoint")?;
            let load = format!("\\copy fresh from '{}' (format binary)", self.rows.display());
            copy.see(self.destination.timed("prepared", &load)?);
            key.see(self.destination.timed("prepared", &add_key)?);
            self.psql("drop table fresh")?;

            let loaded = self.load("loaded")?;
            if let Some(first) = loaded.1 {
                start.see(first);
            }
            let loaded = loaded.0;
            whole.see(loaded.ran.seconds);
            rows.see(loaded.copy_seconds);
            peak = peak.max(loaded.ran.peak_kib);
        }
        let [alone, copy, key, whole, rows] = [alone, copy, key, whole, rows].map(|best| best.0);
        let floor = alone.max(copy);
        let start = match self.noting {
            Some(_) => format!("{:.0}", start.0 * 1000.0),
            None => "-".to_owned(),
        };
        println!(
            "| {} | {} | {count} | {alone:.2} | {copy:.2} | {key:.2} | {start} | {rows:.2} | {whole:.2} | {:.2} | {:.2} | {} |",
            self.table,
            self.driver,
            rows / floor,
            whole / (floor + key),
            peak / 1024
        );
        Ok(())
    }

    /// Runs `migrate run` into a new database; with the seconds from its start until it asked for rows, where the server noted that.
    fn load(&self, database: &str) -> Outcome<(Loaded, Option<f64>)> {
        self.destination.fresh(database)?;
        let mut source = self.url.clone();
        source
            .query_pairs_mut()
            .clear()
            .append_pair("driver", self.driver)
            .append_pair("trust_server_certificate", "true")
            .append_pair("encrypt", if self.tls { "on" } else { "off" });
        // What was noted so far was another's.
        self.noting.and_then(Noting::take);
        let started = Instant::now();
        let loaded = self.migrate.run(
            source.as_str(),
            &self.destination.url(database),
            &["--include", self.table, "--jobs", "2", "--no-analyze"],
        )?;
        let first = self.noting.and_then(Noting::take);
        Ok((loaded, first.map(|at| (at - started).as_secs_f64())))
    }

    fn psql(&self, command: &str) -> Outcome<()> {
        self.destination.psql("prepared", command)
    }
}

/// Gives the table `fresh` the primary key of another one, if that has one.
fn add_key(of: &str) -> String {
    format!(
        "do $$
         declare
             key text := (select pg_get_constraintdef(oid) from pg_constraint where conrelid = '{of}'::regclass and contype = 'p');
         begin
             if key is not null then
                 execute 'alter table fresh add ' || key;
             end if;
         end
         $$"
    )
}
