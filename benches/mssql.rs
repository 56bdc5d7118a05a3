//! How fast tables of a running SQL Server arrive, against the larger of two floors: the time that the driver alone takes to
//! read and drop their rows over one connection, and the time that `psql \copy ... (format binary)` takes to load them from a
//! file prepared beforehand. In turn, best of three, with two workers; also the peak resident memory of `migrate`.
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

use migrate_benches::{Loaded, Migrate, Outcome, ROUNDS, Server as Destination, Shortest, asked, drain};
use migrate_testkit::bench;
use migrate_testkit::tds::Server;
use url::Url;

/// Bytes of the one value of `dbo.Large`.
const LARGE: u64 = 200_000_000;

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
            let server = Server::start(database);
            let url = format!(
                "mssql://reader:secret@127.0.0.1:{}/{}",
                server.port(),
                bench::NAME
            );
            (Some(server), Url::parse(&url)?, tables)
        }
    };
    let tls = served.is_none() || args.iter().any(|a| a == "--tls");
    let migrate = Migrate::find()?;
    let destination = Destination::start()?;
    let scratch = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    println!(
        "| table | driver | rows | driver alone, s | \\copy, s | migrate, s | its rows, s | migrate / floor | its rows / floor | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for table in tables {
        for driver in ["mssql-tds", "tiberius"] {
            let bench = Bench {
                url: &url,
                tls,
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
        let [mut alone, mut copy, mut whole, mut rows] = [Shortest::default(); 4];
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
            self.psql("drop table fresh")?;

            let loaded = self.load("loaded")?;
            whole.see(loaded.ran.seconds);
            rows.see(loaded.copy_seconds);
            peak = peak.max(loaded.ran.peak_kib);
        }
        let [alone, copy, whole, rows] = [alone, copy, whole, rows].map(|best| best.0);
        let floor = alone.max(copy);
        println!(
            "| {} | {} | {count} | {alone:.2} | {copy:.2} | {whole:.2} | {rows:.2} | {:.2} | {:.2} | {} |",
            self.table,
            self.driver,
            whole / floor,
            rows / floor,
            peak / 1024
        );
        Ok(())
    }

    /// Runs `migrate run` into a new database.
    fn load(&self, database: &str) -> Outcome<Loaded> {
        self.destination.fresh(database)?;
        let mut source = self.url.clone();
        source
            .query_pairs_mut()
            .clear()
            .append_pair("driver", self.driver)
            .append_pair("trust_server_certificate", "true")
            .append_pair("encrypt", if self.tls { "on" } else { "off" });
        self.migrate.run(
            source.as_str(),
            &self.destination.url(database),
            &["--include", self.table, "--jobs", "2", "--no-analyze"],
        )
    }

    fn psql(&self, command: &str) -> Outcome<()> {
        self.destination.psql("prepared", command)
    }
}
