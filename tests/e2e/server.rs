//! The servers, and a database for each test.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use migrate_pg_embedded::{Cluster, Installation, OLDEST_MAJOR, find_all_installations};

/// Names the directory of the newest major's programs. Distributions are years behind, so it is fetched.
pub(crate) const NEWEST: &str = "MIGRATE_TEST_PG_NEWEST";

/// The oldest PostgreSQL that this system has.
pub(crate) fn oldest() -> Arc<Cluster> {
    let installed = find_all_installations()
        .into_iter()
        .filter(|i| i.version.major >= OLDEST_MAJOR);
    let installed = installed.min_by_key(|i| i.version);
    cluster(installed.expect("no PostgreSQL is installed: `./dev test` installs what the tests need"))
}

/// The newest major.
pub(crate) fn newest() -> Arc<Cluster> {
    let bin = std::env::var_os(NEWEST).unwrap_or_else(|| {
        panic!("{NEWEST} is not set: `./dev test` fetches the newest PostgreSQL and sets it")
    });
    cluster(Installation::at(&PathBuf::from(bin)).expect("the newest PostgreSQL"))
}

/// Both ends of what is supported.
pub(crate) fn both() -> [Arc<Cluster>; 2] {
    let both = [oldest(), newest()];
    assert!(
        both[0].major() < both[1].major(),
        "{NEWEST} names no newer PostgreSQL"
    );
    both
}

/// Both ends as servers of their own, since what makes them look like Supabase's is not one database's alone.
pub(crate) fn like_supabase() -> [Arc<Cluster>; 2] {
    let installed = find_all_installations()
        .into_iter()
        .filter(|i| i.version.major >= 15);
    let oldest = installed
        .min_by_key(|i| i.version)
        .expect("PostgreSQL 15 or newer");
    let bin = std::env::var_os(NEWEST).unwrap_or_else(|| panic!("{NEWEST} is not set"));
    let newest = Installation::at(&PathBuf::from(bin)).expect("the newest PostgreSQL");
    [oldest, newest].map(|installation| named_cluster(installation, "supabase"))
}

fn cluster(installation: Installation) -> Arc<Cluster> {
    named_cluster(installation, "")
}

fn named_cluster(installation: Installation, name: &str) -> Arc<Cluster> {
    let mut settings = vec![("max_connections", "100"), ("autovacuum", "off")];
    if !name.is_empty() {
        settings.push(("cluster_name", name));
    }
    Arc::new(Cluster::shared(Some(installation), &settings).expect("a server"))
}

/// A database that is dropped at the end.
pub(crate) struct Database {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) name: String,
}

impl Database {
    pub(crate) fn new(cluster: &Arc<Cluster>) -> Self {
        Self::with(cluster, "")
    }

    /// With options of `create database`.
    pub(crate) fn with(cluster: &Arc<Cluster>, options: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "e2e_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        // Left over from a process of the same number that was killed.
        run(
            cluster,
            "postgres",
            &format!("drop database if exists {name} with (force)"),
        );
        run(cluster, "postgres", &format!("create database {name} {options}"));
        Self {
            cluster: Arc::clone(cluster),
            name,
        }
    }

    /// Its URL, with the superuser's password.
    pub(crate) fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Its URL for another role.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{}",
            self.cluster.port(),
            self.name
        )
    }

    /// What statements print: rows as lines, columns parted by `|`.
    pub(crate) fn sql(&self, statements: &str) -> String {
        run(&self.cluster, &self.name, statements)
    }

    /// Waits for the end of a recovery.
    pub(crate) fn wait_until_ready(&self) {
        while !psql(&self.cluster, &self.name, "select 1").0 {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// One number.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.sql(query).parse().unwrap()
    }

    /// Why a statement is refused: its SQLSTATE.
    pub(crate) fn refusal(&self, statement: &str) -> String {
        let (ok, _, messages) = psql(&self.cluster, &self.name, statement);
        assert!(!ok, "{statement} was accepted");
        let state = messages.rsplit(": ").next().unwrap().trim();
        state.to_owned()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}", self.cluster.major())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that fails may have stopped the server, and its own message is the one to see.
        let statement = format!("drop database if exists {} with (force)", self.name);
        let _ = psql(&self.cluster, "postgres", &statement);
    }
}

/// Runs statements and returns what they print.
pub(crate) fn run(cluster: &Cluster, database: &str, statements: &str) -> String {
    let (ok, printed, messages) = psql(cluster, database, statements);
    assert!(ok, "{statements}\n{messages}");
    printed
}

fn psql(cluster: &Cluster, database: &str, statements: &str) -> (bool, String, String) {
    let mut child: Command = cluster.psql(database).expect("psql is installed");
    let flags = [
        "-X",
        "-w",
        "-A",
        "-t",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=sqlstate",
        "-f",
        "-",
    ];
    let mut child = child
        .args(flags)
        .env("PGTZ", "UTC")
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // psql ends early where a statement fails, and then reads no more.
    let _ = child.stdin.take().unwrap().write_all(statements.as_bytes());
    let output = child.wait_with_output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
