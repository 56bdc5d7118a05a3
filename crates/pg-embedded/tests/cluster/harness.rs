//! What the tests need around a cluster: directories, processes, queries.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use migrate_pg_embedded::{
    Cluster, ClusterOptions, Installation, OLDEST_MAJOR, Search, find_all_installations,
};

/// A directory that is removed at the end, in a place that the server's user can reach.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("pg-embedded-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
    pub(crate) fn cluster(&self) -> PathBuf {
        self.0.join("cluster")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every usable PostgreSQL, also those that only an override names.
pub(crate) fn installations() -> Vec<Installation> {
    let mut all = find_all_installations();
    all.extend(
        Search {
            only: None,
            ..Search::from_env()
        }
        .all(),
    );
    all.retain(|installation| installation.version.major >= OLDEST_MAJOR);
    all.sort_by(|a, b| a.bin_dir.cmp(&b.bin_dir));
    all.dedup();
    assert!(!all.is_empty(), "these tests need an installed PostgreSQL");
    all
}

pub(crate) fn options(dir: &Path, installation: &Installation) -> ClusterOptions {
    let mut options = ClusterOptions::new(dir);
    options.installation = Some(installation.clone());
    options
}

/// Runs one statement and returns what it prints.
pub(crate) fn query(cluster: &Cluster, database: &str, sql: &str) -> String {
    let output = cluster
        .psql(database)
        .unwrap()
        .args(["-X", "-w", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub(crate) fn password(cluster: &Cluster) -> String {
    let url = cluster.url("postgres");
    let password = url
        .strip_prefix("postgres://migrate:")
        .unwrap()
        .split('@')
        .next()
        .unwrap();
    assert_eq!(password.len(), 32);
    password.to_owned()
}

pub(crate) fn server_pid(dir: &Path) -> Option<u32> {
    let text = fs::read_to_string(dir.join("pgdata/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// The ids of all processes that work in this cluster's data directory.
pub(crate) fn processes(dir: &Path) -> Vec<u32> {
    let pgdata = fs::canonicalize(dir).unwrap().join("pgdata");
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == pgdata))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

pub(crate) fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Waits long enough for a loaded machine; only a failure takes that long.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Another process that uses the cluster: this test program again, running `child_process` alone.
pub(crate) struct User {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl User {
    pub(crate) fn spawn(mode: &str, dir: &Path, installation: &Installation) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["harness::child_process", "--exact", "--ignored", "--nocapture"])
            .env("TEST_MODE", mode)
            .env("TEST_DIR", dir)
            .env("TEST_BIN", &installation.bin_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The rest of the first line that begins with `word`.
    pub(crate) fn says(&mut self, word: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
        panic!("the child process ended without saying {word}");
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes its input, which tells it to end properly.
    pub(crate) fn finish(mut self) -> String {
        drop(self.child.stdin.take());
        let ending = self.says("ENDING");
        assert!(self.child.wait().unwrap().success());
        ending
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the other process of other tests"]
fn child_process() {
    let Ok(mode) = env::var("TEST_MODE") else { return };
    let dir = PathBuf::from(env::var_os("TEST_DIR").unwrap());
    let installation = Installation::at(Path::new(&env::var_os("TEST_BIN").unwrap())).unwrap();
    let cluster = match mode.as_str() {
        "start" => Cluster::start(options(&dir, &installation)).unwrap(),
        "temporary" => Cluster::temporary(Some(installation), &[]).unwrap(),
        "shared" => Cluster::shared(Some(installation), &[("max_connections", "37")]).unwrap(),
        other => panic!("{other}"),
    };
    println!("STARTED {} {}", cluster.started(), cluster.data_dir().display());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("ENDING {:?}", cluster.release().unwrap());
}
