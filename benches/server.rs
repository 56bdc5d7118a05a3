//! The cluster that a bench writes to.

use std::process::Command;
use std::time::Instant;

use migrate_pg_embedded::{Cluster, find_installation};

use crate::Outcome;
use crate::process::{children, processor_seconds};

/// A throw-away cluster with settings under which neither checkpoints nor a small cache decide what is measured. It waits for
/// its disk as a production one does (`fsync`).
pub struct Server {
    cluster: Cluster,
}

impl Server {
    /// Starts one, of the newest installation found.
    ///
    /// # Errors
    ///
    /// There is no PostgreSQL, or it does not start.
    pub fn start() -> Outcome<Self> {
        let cluster = Cluster::temporary(
            Some(find_installation()?),
            &[
                ("fsync", "on"),
                ("shared_buffers", "512MB"),
                ("max_wal_size", "8GB"),
                ("checkpoint_timeout", "30min"),
                ("autovacuum", "off"),
            ],
        )?;
        Ok(Self { cluster })
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// It does not stop.
    pub fn stop(self) -> Outcome<()> {
        Ok(self.cluster.stop()?)
    }

    /// A database's URL.
    pub fn url(&self, database: &str) -> String {
        self.cluster.socket_url(database)
    }

    /// An empty database of that name, after a checkpoint; one that was there is dropped.
    ///
    /// # Errors
    ///
    /// The server refuses.
    pub fn fresh(&self, database: &str) -> Outcome<()> {
        self.psql("postgres", &format!("drop database if exists {database}"))?;
        self.cluster.create_database(database)?;
        self.psql("postgres", "checkpoint")
    }

    /// Runs a command of psql's, or a statement.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn psql(&self, database: &str, command: &str) -> Outcome<()> {
        self.answer(database, command).map(|_| ())
    }

    /// Runs statements one by one, each a transaction of its own: `vacuum` takes none around it.
    ///
    /// # Errors
    ///
    /// One failed.
    pub fn script(&self, database: &str, statements: &str) -> Outcome<()> {
        let mut psql = self.command(database)?;
        for statement in statements.split(';').filter(|s| !s.trim().is_empty()) {
            psql.args(["-c", statement]);
        }
        finish(&mut psql, statements).map(|_| ())
    }

    /// What a query answers, without decoration.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn answer(&self, database: &str, query: &str) -> Outcome<String> {
        finish(self.command(database)?.args(["-tA", "-c", query]), query)
    }

    /// Seconds that a command of psql's takes, from the start of the program to its end.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn timed(&self, database: &str, command: &str) -> Outcome<f64> {
        let started = Instant::now();
        self.psql(database, command)?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// `psql`, which stops at the first error.
    ///
    /// # Errors
    ///
    /// The installation has none.
    pub fn command(&self, database: &str) -> Outcome<Command> {
        let mut psql = self.cluster.psql(database)?;
        psql.args(["-qX", "-v", "ON_ERROR_STOP=1"]);
        Ok(psql)
    }

    /// Seconds of processor that the server took so far: the postmaster, the processes it waited for, and those that run.
    ///
    /// # Errors
    ///
    /// Its processes cannot be seen.
    pub fn processor(&self) -> Outcome<f64> {
        let file = std::fs::read_to_string(self.cluster.data_dir().join("pgdata/postmaster.pid"))?;
        let postmaster: u32 = file.lines().next().unwrap_or_default().trim().parse()?;
        let running = children(postmaster)?.into_iter().map(processor_seconds);
        Ok(processor_seconds(postmaster) + running.sum::<f64>())
    }
}

fn finish(psql: &mut Command, what: &str) -> Outcome<String> {
    let output = psql.output()?;
    if !output.status.success() {
        return Err(format!("psql: {what}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
