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

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use migrate_pg_embedded::{Cluster, find_installation};
use migrate_testkit::bench;
use migrate_testkit::tds::Server;
use mssql_tds::connection::client_context::{ClientContext, TdsAuthenticationMethod};
use mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use mssql_tds::core::{EncryptionOptions, EncryptionSetting};
use mssql_tds::datatypes::row_writer::DiscardRowWriter;
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;
use url::Url;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;
/// Bytes of the one value of `dbo.Large`.
const LARGE: u64 = 200_000_000;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes --bench; `cargo test --benches` does not, and must not run for minutes.
    if !args.iter().any(|a| a == "--bench") {
        return Ok(());
    }
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
                cluster: &cluster,
                table,
                driver,
                rows: scratch.path().join("rows.bin"),
            };
            bench.run(&runtime)?;
        }
    }
    cluster.stop()?;
    Ok(())
}

struct Bench<'a> {
    url: &'a Url,
    tls: bool,
    migrate: &'a Path,
    cluster: &'a Cluster,
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
        let (mut alone, mut copy, mut whole, mut rows) = (f64::MAX, f64::MAX, f64::MAX, f64::MAX);
        let (mut count, mut peak) = (0, 0);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            count = runtime.block_on(async {
                match self.driver {
                    "tiberius" => Box::pin(self.drain_tiberius()).await,
                    _ => self.drain_mssql_tds().await,
                }
            })?;
            alone = alone.min(started.elapsed().as_secs_f64());

            self.psql(&format!("create table fresh (like {stored})"))?;
            self.psql("checkpoint")?;
            let started = Instant::now();
            self.psql(&format!(
                "\\copy fresh from '{}' (format binary)",
                self.rows.display()
            ))?;
            copy = copy.min(started.elapsed().as_secs_f64());
            self.psql("drop table fresh")?;

            let loaded = self.load("loaded")?;
            whole = whole.min(loaded.0);
            rows = rows.min(loaded.1);
            peak = peak.max(loaded.2);
            psql(self.cluster, "postgres", "drop database loaded")?;
        }
        psql(self.cluster, "postgres", "drop database prepared")?;
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

    fn query(&self) -> String {
        let (schema, name) = self.table.split_once('.').unwrap_or(("dbo", self.table));
        format!("select * from [{schema}].[{name}]")
    }

    fn database(&self) -> &str {
        self.url.path().trim_matches('/')
    }

    async fn drain_mssql_tds(&self) -> Outcome<u64> {
        let mut context = ClientContext::default();
        context.tds_authentication_method = TdsAuthenticationMethod::Password;
        context.user_name = self.url.username().to_owned();
        context.password = self.url.password().unwrap_or_default().to_owned();
        context.database = self.database().to_owned();
        context.packet_size = 16_383;
        context.encryption_options = EncryptionOptions {
            mode: if self.tls {
                EncryptionSetting::Required
            } else {
                EncryptionSetting::PreferOff
            },
            trust_server_certificate: true,
            host_name_in_cert: None,
            server_certificate: None,
        };
        let address = format!(
            "tcp:{},{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port().unwrap_or(1433)
        );
        let mut client = TdsConnectionProvider::new()
            .create_client(context, &address, None)
            .await?;
        client.execute(self.query(), ()).await?;
        let mut rows = 0;
        while client.next_row_into(&mut DiscardRowWriter).await? {
            rows += 1;
        }
        Ok(rows)
    }

    async fn drain_tiberius(&self) -> Outcome<u64> {
        let mut config = tiberius::Config::new();
        config.host(self.url.host_str().unwrap_or_default());
        config.port(self.url.port().unwrap_or(1433));
        config.database(self.database());
        config.trust_cert();
        config.encryption(if self.tls {
            tiberius::EncryptionLevel::Required
        } else {
            tiberius::EncryptionLevel::Off
        });
        config.packet_size(16_383);
        config.authentication(tiberius::AuthMethod::sql_server(
            self.url.username(),
            self.url.password().unwrap_or_default(),
        ));
        let stream = TcpStream::connect(config.get_addr()).await?;
        stream.set_nodelay(true)?;
        let mut client = Box::pin(tiberius::Client::connect(config, stream.compat_write())).await?;
        let mut stream = client.simple_query(self.query()).await?.into_row_stream();
        let mut rows = 0;
        while stream.try_next().await?.is_some() {
            rows += 1;
        }
        Ok(rows)
    }

    /// Runs `migrate run` into a new database: seconds in all, seconds of copying, and the largest resident set in KiB.
    fn load(&self, database: &str) -> Outcome<(f64, f64, u64)> {
        self.cluster.create_database(database)?;
        psql(self.cluster, "postgres", "checkpoint")?;
        let report = self.rows.with_extension("json");
        let mut source = self.url.clone();
        source
            .query_pairs_mut()
            .clear()
            .append_pair("driver", self.driver)
            .append_pair("trust_server_certificate", "true")
            .append_pair("encrypt", if self.tls { "on" } else { "off" });
        let started = Instant::now();
        let mut child = Command::new(self.migrate)
            .args(["run", "env:MSSQL_URL", "--include", self.table, "--jobs", "2"])
            .args(["--quiet", "--no-validate", "--no-analyze"])
            .arg("--report")
            .arg(&report)
            .env("MSSQL_URL", source.as_str())
            .env("MIGRATE_TO", self.cluster.socket_url(database))
            .stdout(Stdio::null())
            .spawn()?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0;
        while child.try_wait()?.is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            if let Some(kib) = number_after(&text, "VmHWM:") {
                peak = peak.max(kib as u64);
            }
            sleep(Duration::from_millis(5));
        }
        let seconds = started.elapsed().as_secs_f64();
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("migrate run: {status}").into());
        }
        let text = std::fs::read_to_string(&report)?;
        std::fs::remove_file(&report)?;
        let rows = number_after(&text, "\"copy_seconds\":").ok_or("the report has no copy_seconds")?;
        Ok((seconds, rows, peak))
    }

    fn psql(&self, command: &str) -> Outcome<()> {
        psql(self.cluster, "prepared", command)
    }
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
