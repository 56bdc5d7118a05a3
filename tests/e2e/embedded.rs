//! The private cluster, on a machine where nothing runs: it comes with the command and goes with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::{Call, Ended, Folder, crm, migrate};

/// A data directory of one's own.
struct Home {
    folder: Folder,
    data: Folder,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: Folder::new(),
            data: Folder::open_to_all(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.data.file("cluster")
    }

    /// A call of which no output may contain the password, once there is one.
    fn call(&self, arguments: &[&str]) -> Call {
        let call = migrate(&self.folder, arguments).env("MIGRATE_DATA_DIR", self.dir());
        match self.password() {
            Some(password) => call.secret(&password),
            None => call,
        }
    }

    fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.call(arguments).ends(code);
        if let Some(password) = self.password() {
            let shown = ended.out.contains(&password) || ended.err.contains(&password);
            assert!(!shown, "{arguments:?} printed the password");
        }
        ended
    }

    /// `host:port:database:user:password`.
    fn password(&self) -> Option<String> {
        let line = fs::read_to_string(self.dir().join("pgpass")).ok()?;
        let password = line.lines().next()?.rsplit(':').next()?.to_owned();
        assert!(password.len() >= 16, "that is no password");
        Some(password)
    }

    fn psql(&self, database: &str, query: &str) -> String {
        let ended = self.ends(&["db", "psql", database, "--", "-XAtqc", query], 0);
        ended.out.trim_end().to_owned()
    }

    /// The processes that work in the cluster.
    fn processes(&self) -> Vec<u32> {
        let pgdata = self.dir().join("pgdata");
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|e| fs::read_link(e.path().join("cwd")).is_ok_and(|cwd| cwd == pgdata))
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .collect()
    }

    fn assert_stopped(&self, when: &str) {
        assert_eq!(self.processes(), [] as [u32; 0], "{when}");
        assert!(!self.dir().join("pgdata/postmaster.pid").exists(), "{when}");
    }
}

/// Waits as long as a loaded machine may need; only a failure takes that long.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What any user of the machine can see of all processes.
fn command_lines() -> String {
    let mut all = String::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        all.push_str(&String::from_utf8_lossy(&words).replace('\0', " "));
        all.push('\n');
    }
    all
}

#[test]
fn a_database_without_a_server() {
    let home = Home::new();
    let file = crm();
    let source = file.to_str().unwrap();
    let first = home.ends(&["run", source], 0);
    first.says(&["Copied 60,220 rows", "Validated: 60,220 rows"]);
    first.complains(&["database crm in your private cluster", "migrate db psql crm"]);
    home.assert_stopped("after a run");
    home.ends(&["run", source], 0).says(&["Nothing was left to do"]);
    home.assert_stopped("after a second run");
    home.ends(&["validate"], 0).says(&["Validated: 60,220 rows"]);
    home.ends(&["status"], 0).says(&["complete", "dbo.Interaction"]);
    assert_eq!(
        home.psql("crm", "select count(*) from dbo.\"Interaction\""),
        "26000"
    );
    home.assert_stopped("after psql");
    // Another database beside it; the first one stays.
    home.ends(&["run", source, "--database", "second"], 0);
    home.ends(&["status"], 0)
        .says(&["database crm", "database second"]);
    home.ends(&["validate"], 2)
        .complains(&["crm", "second", "--database"]);
    home.ends(&["validate", "--database", "second"], 0);
    assert_eq!(
        home.psql("second", "select count(*) from dbo.\"Contact\""),
        "14000"
    );
    home.ends(&["clean", "--data", "--yes", "--database", "second"], 0);
    assert_eq!(
        home.psql(
            "second",
            "select count(*) from pg_namespace where nspname = 'dbo'"
        ),
        "0"
    );
    assert_eq!(home.psql("crm", "select count(*) from dbo.\"Contact\""), "14000");
    home.assert_stopped("at the end");
}

#[test]
fn started_and_stopped() {
    let home = Home::new();
    // Nothing is there yet, and looking makes nothing.
    home.ends(&["db", "url"], 2)
        .complains(&["not running", "migrate db start"]);
    home.ends(&["db", "stop"], 0).says(&["not running"]);
    home.ends(&["status"], 2);
    assert!(!home.dir().exists());
    assert_eq!(
        home.ends(&["db", "path"], 0).out.trim_end(),
        home.dir().to_str().unwrap()
    );

    home.ends(&["db", "start"], 0)
        .says(&["started", "127.0.0.1:", "none yet"]);
    assert!(!home.processes().is_empty());
    home.ends(&["db", "start"], 0).says(&["running already"]);
    home.ends(&["run", crm().to_str().unwrap()], 0);
    assert!(!home.processes().is_empty(), "a kept server outlives a run");

    // The URL holds the password: that is what it is for.
    let url = migrate(&home.folder, ["db", "url", "crm"])
        .env("MIGRATE_DATA_DIR", home.dir())
        .ends(0)
        .out;
    let url = url.trim_end();
    assert!(url.contains(&home.password().unwrap()));
    // As any other server.
    migrate(&home.folder, ["validate"])
        .url(url)
        .ends(0)
        .says(&["Validated: 60,220 rows"]);
    let wrong = url.replace(&home.password().unwrap(), "wrong-password");
    migrate(&home.folder, ["status"]).url(&wrong).ends(5);
    home.ends(&["db", "url", "nothing"], 2)
        .complains(&["nothing", "crm"]);

    assert_eq!(home.psql("crm", "show is_superuser"), "on");
    home.ends(&["db", "psql", "nothing", "--", "-c", "select 1"], 2)
        .complains(&["nothing"]);
    // psql's own exit code for a statement that fails.
    home.ends(&["db", "psql", "crm", "--", "-c", "select 1 / 0"], 1);
    home.ends(&["db", "stop"], 0).says(&["Stopped"]);
    home.assert_stopped("after db stop");
    home.ends(&["db", "stop"], 0).says(&["not running"]);
    // The data stay.
    assert_eq!(home.psql("crm", "select count(*) from dbo.\"User\""), "400");
    home.assert_stopped("at the end");
}

#[test]
fn the_demo() {
    let home = Home::new();
    // Whatever the environment says: the demo never writes to somebody's server.
    let call = home
        .call(&["demo", "--keep"])
        .env("MIGRATE_TO", "postgres://u:p@127.0.0.1:1/precious");
    let demo = call.ends(0);
    demo.says(&[
        "Copied 60,220 rows",
        "Validated: 60,220 rows",
        "1 procedure, 1 trigger",
    ]);
    demo.complains(&["migrate db psql crm", "migrate db stop"]);
    assert!(!demo.err.contains(&home.password().unwrap()) && !demo.out.contains(&home.password().unwrap()));
    assert!(!home.processes().is_empty(), "--keep keeps it");
    home.ends(&["demo"], 0).says(&["Nothing was left to do"]);
    assert_eq!(
        home.psql("crm", "select count(*) from dbo.\"OpenPipeline\""),
        "3610"
    );
    home.ends(&["db", "stop"], 0);
    home.assert_stopped("after db stop");

    home.ends(&["demo", "--extract", "copy.bacpac"], 0);
    assert_eq!(
        fs::read(home.folder.file("copy.bacpac")).unwrap(),
        fs::read(crm()).unwrap()
    );
}

/// A run that is killed leaves no server behind, and loses nothing.
#[test]
fn killed() {
    let home = Home::new();
    let file = crm();
    let run = [
        "run",
        file.to_str().unwrap(),
        "--json",
        "-vv",
        "--commit-every",
        "1",
    ];
    for moment in ["committed", "step_done"] {
        let mut child = home.call(&run).start();
        let mut events = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(moment) {
            line.clear();
            assert!(
                std::io::BufRead::read_line(&mut events, &mut line).unwrap() > 0,
                "it ended"
            );
        }
        assert!(!home.processes().is_empty());
        let password = home.password().unwrap();
        assert!(
            !command_lines().contains(&password),
            "the password is in a command line"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("a server was left behind", || home.processes().is_empty());
    }
    let server_log = fs::read_to_string(home.dir().join("log")).unwrap_or_default();
    assert!(!server_log.contains(&home.password().unwrap()));
    home.ends(&run, 0).says(&["\"complete\""]);
    home.assert_stopped("after a run");
    assert_eq!(
        home.psql("crm", "select count(*) from dbo.\"Interaction\""),
        "26000"
    );
    home.ends(&["validate"], 0);
}

/// What the cluster keeps is its owner's alone.
#[test]
fn nobody_else_can_look() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.ends(&["db", "start"], 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.dir().join("pgpass")), 0o600);
    assert_eq!(mode(&home.dir().join("pgdata")), 0o700);
    assert_eq!(mode(&home.dir()) & 0o007, 0);
    home.ends(&["db", "stop"], 0);
}

#[test]
fn a_place_where_it_cannot_be() {
    let home = Home::new();
    fs::write(home.data.file("file"), "x").unwrap();
    let there = home.data.file("file/cluster");
    let refused = migrate(
        &home.folder,
        [
            "run",
            crm().to_str().unwrap(),
            "--data-dir",
            there.to_str().unwrap(),
        ],
    )
    .run();
    assert!(
        matches!(refused.code, Some(2 | 5)),
        "{:?} {}",
        refused.code,
        refused.err
    );
    refused.complains(&["error: ", there.parent().unwrap().to_str().unwrap()]);
    // Somebody's directory is not taken for a cluster.
    fs::create_dir(home.data.file("photos")).unwrap();
    fs::write(home.data.file("photos/stork.jpg"), "x").unwrap();
    let there = home.data.file("photos");
    let refused = migrate(
        &home.folder,
        ["db", "start", "--data-dir", there.to_str().unwrap()],
    )
    .run();
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    refused.complains(&["photos"]);
    assert_eq!(fs::read_dir(&there).unwrap().count(), 1);
}
