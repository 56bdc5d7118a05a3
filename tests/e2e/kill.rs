//! Runs that end before their end: killed, asked to stop, cut off. The same command again, and the outcome is the same as if
//! nothing had happened.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command};
use std::sync::Arc;
use std::time::Duration;

use migrate_pg_embedded::{Cluster, Installation};
use migrate_testkit::random::SplitMix64;

use crate::cli::{Call, Folder, crm, migrate, signal};
use crate::server::{Database, both, newest, oldest};

const CANCELLED: i32 = 130;
const CONFLICT: i32 = 6;

/// Small commits, so that chunks end in the middle; an event for each commit and each step.
fn run(folder: &Folder, database: &Database) -> Call {
    let file = crm();
    let arguments = [
        "run",
        file.to_str().unwrap(),
        "--commit-every",
        "1",
        "--json",
        "-vv",
    ];
    migrate(folder, arguments).to(database)
}

/// What a run without trouble leaves.
fn reference(server: &Arc<Cluster>) -> String {
    let (folder, database) = (Folder::new(), Database::new(server));
    run(&folder, &database).ends(0);
    database.content()
}

/// Runs it to its end and looks whether anything is different.
fn goes_on_to(reference: &str, folder: &Folder, database: &Database) {
    run(folder, database).ends(0);
    database.assert_complete();
    assert_eq!(database.content(), reference, "{database}");
    // Nothing was left to do afterwards, and the proof holds.
    run(folder, database).ends(0).says(&["\"nothing to do\""]);
}

/// A run that is watched.
struct Running {
    child: Child,
    events: BufReader<ChildStderr>,
}

impl Running {
    fn start(folder: &Folder, database: &Database) -> Self {
        let mut child = run(folder, database).start();
        let events = BufReader::new(child.stderr.take().unwrap());
        Self { child, events }
    }

    /// The next event, or `None` at the end of the run.
    fn event(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.events.read_line(&mut line).unwrap() > 0).then_some(line)
    }

    /// Waits for an event that contains this. False if the run ended before.
    fn reaches(&mut self, what: &str) -> bool {
        while let Some(event) = self.event() {
            if event.contains(what) {
                return true;
            }
        }
        false
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Reads on until it ends by itself.
    fn end(mut self) -> (Option<i32>, String) {
        let mut messages = String::new();
        while let Some(event) = self.event() {
            messages.push_str(&event);
        }
        (self.child.wait().unwrap().code(), messages)
    }
}

#[test]
fn killed_again_and_again() {
    for server in both() {
        let reference = reference(&server);
        let (folder, database) = (Folder::new(), Database::new(&server));
        let mut random = SplitMix64::new(u64::from(server.major()));
        let (mut kills, mut finished) = (0, false);
        while !finished {
            let mut run = Running::start(&folder, &database);
            let events = 1 + random.below(100);
            finished = (0..events).any(|_| run.event().is_none());
            kills += usize::from(!finished);
            run.kill();
        }
        // The least that can be, with 150 steps, each of them two events.
        assert!(kills >= 3, "{kills}");
        goes_on_to(&reference, &folder, &database);
    }
}

/// Before there is anything to report: reading, connecting, creating.
#[test]
fn killed_early() {
    let server = newest();
    let reference = reference(&server);
    let (folder, database) = (Folder::new(), Database::new(&server));
    for milliseconds in [0, 20, 50, 80, 120, 160, 200, 250, 300, 350, 400, 500, 600] {
        let run = Running::start(&folder, &database);
        std::thread::sleep(Duration::from_millis(milliseconds));
        run.kill();
    }
    goes_on_to(&reference, &folder, &database);
}

/// In the middle of a chunk, what was committed of it is not copied again.
#[test]
fn a_chunk_goes_on_where_it_was() {
    let server = oldest();
    let reference = reference(&server);
    let (folder, database) = (Folder::new(), Database::new(&server));
    let mut run = Running::start(&folder, &database);
    assert!(
        run.reaches("\"done\":false"),
        "no chunk was committed before its end"
    );
    run.kill();
    let halfway = "from migrate.chunk where not done and written > 0";
    assert!(database.number(&format!("select count(*) {halfway}")) > 0);
    let written: i64 = database.number(&format!("select sum(written) {halfway}"));
    let rows = database.sql(&format!("select min(source_name) {halfway}"));
    let stored = database.number(&format!("select count(*) from dbo.\"{rows}\""));
    let receipts = database.number(&format!(
        "select sum(written) from migrate.chunk where source_name = '{rows}'"
    ));
    assert_eq!(stored, receipts, "rows and receipts are committed together");
    assert!(written > 0 && written < 60_220);
    goes_on_to(&reference, &folder, &database);
}

#[test]
fn asked_to_stop() {
    let server = newest();
    let reference = reference(&server);
    for (name, moment) in [
        ("INT", "committed"),
        ("TERM", "step_done"),
        ("HUP", "table_queued"),
    ] {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let mut run = Running::start(&folder, &database);
        assert!(run.reaches(moment));
        signal(&run.child, name);
        let (code, messages) = run.end();
        assert_eq!(code, Some(CANCELLED), "{name}: {messages}");
        assert_eq!(
            database.number("select count(*) from migrate.run where finished_at is not null"),
            0
        );
        let status = migrate(&folder, ["status"]).to(&database).ends(0);
        status.says(&["stopped before its end", "Run the same"]);
        goes_on_to(&reference, &folder, &database);
    }
}

/// Connections that the server ends, again and again: tried again, or to be gone on with.
#[test]
fn connections_that_are_cut() {
    let server = oldest();
    let reference = reference(&server);
    let (folder, database) = (Folder::new(), Database::new(&server));
    for moment in [
        "table_queued",
        "committed",
        "committed",
        "step_started",
        "step_done",
        "step_started",
    ] {
        let mut run = Running::start(&folder, &database);
        if !run.reaches(moment) {
            break;
        }
        database.sql(
            "select pg_terminate_backend(pid)
             from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        );
        let (code, messages) = run.end();
        assert!(matches!(code, Some(0 | 5)), "{moment}: {code:?} {messages}");
    }
    goes_on_to(&reference, &folder, &database);
}

/// A server process that is killed takes all others with it, and the server recovers from its log.
#[test]
fn a_server_that_crashes() {
    let reference = reference(&newest());
    let bin = newest_programs();
    let server = Arc::new(Cluster::temporary(Some(bin), &[("autovacuum", "off")]).unwrap());
    let (folder, database) = (Folder::new(), Database::new(&server));
    for moment in ["committed", "step_done", "step_started"] {
        let mut run = Running::start(&folder, &database);
        if !run.reaches(moment) {
            break;
        }
        let pids = database.sql(
            "select pid from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() limit 1",
        );
        Command::new("kill").args(["-KILL", &pids]).status().unwrap();
        let (code, messages) = run.end();
        assert!(matches!(code, Some(0 | 5)), "{moment}: {code:?} {messages}");
        database.wait_until_ready();
    }
    goes_on_to(&reference, &folder, &database);
}

fn newest_programs() -> Installation {
    let bin = std::env::var_os(crate::server::NEWEST).unwrap();
    Installation::at(std::path::Path::new(&bin)).unwrap()
}

#[test]
fn two_at_once() {
    let server = oldest();
    let (folder, database) = (Folder::new(), Database::new(&server));
    let mut first = Running::start(&folder, &database);
    assert!(first.reaches("\"began\""));
    signal(&first.child, "STOP");
    let second = run(&folder, &database).ends(CONFLICT);
    second.complains(&["another migration is writing to this database"]);
    migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(CONFLICT);
    migrate(&folder, ["status"])
        .to(&database)
        .ends(0)
        .says(&["running", "Held by server process"]);
    signal(&first.child, "CONT");
    assert_eq!(first.end().0, Some(0));
    database.assert_complete();
    assert_eq!(database.number("select sum(written) from migrate.chunk"), 60_220);
}

/// A run that was thought dead wakes up after another one has taken over: it must not write a row.
#[test]
fn one_that_was_thought_dead() {
    let server = newest();
    let reference = reference(&server);
    let (folder, database) = (Folder::new(), Database::new(&server));
    let mut zombie = Running::start(&folder, &database);
    assert!(zombie.reaches("committed"));
    signal(&zombie.child, "STOP");
    // As if its machine were gone: the server gives up on its connections.
    database.sql(
        "select pg_terminate_backend(pid)
         from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    );
    run(&folder, &database).ends(0);
    let before = database.storage();
    signal(&zombie.child, "CONT");
    let (code, messages) = zombie.end();
    assert!(matches!(code, Some(5 | 6)), "{code:?} {messages}");
    assert_eq!(database.storage(), before, "{database}: {messages}");
    assert_eq!(database.content(), reference);
    goes_on_to(&reference, &folder, &database);
}
