//! A run that somebody pauses from elsewhere, watches, and lets go on.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, newest};

const USAGE: i32 = 2;

#[test]
fn paused_from_elsewhere() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let file = crm();
    let of = |command: &str| migrate(&folder, [command]).to(&database);
    of("pause").ends(USAGE).complains(&["there is no migration"]);
    let arguments = [
        "run",
        file.to_str().unwrap(),
        "--jobs",
        "2",
        "--max-rate",
        "4MB",
        "--json",
        "-vv",
    ];
    let mut child = migrate(&folder, arguments).to(&database).start();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut reaches = |what: &str| {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(events.read_line(&mut line).unwrap() > 0, "it ended before {what}");
        }
    };
    reaches("\"written\"");
    of("pause").ends(0).says(&["Asked the run to pause"]);
    of("pause").ends(0).says(&["before"]);
    reaches("\"paused\"");
    of("status").ends(0).says(&["paused", "migrate resume"]);
    // What was in hand is committed; then nothing more is written, and no transaction stays open.
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    let settled = || {
        let rows = "select coalesce(sum(written), 0) from migrate.chunk";
        let before = database.number(rows);
        std::thread::sleep(Duration::from_millis(600));
        database.number(rows) == before && database.number(open) == 0
    };
    while !settled() {}
    let rows = database.number("select sum(written) from migrate.chunk");
    assert!(rows < 60_220, "{rows}");
    of("resume").ends(0).says(&["Asked the run to go on"]);
    reaches("\"resumed\"");
    let watched = migrate(&folder, ["status", "--watch"]).to(&database).ends(0);
    watched.says(&["running: "]);
    std::io::copy(&mut events, &mut std::io::sink()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    database.assert_complete();
    of("pause")
        .ends(USAGE)
        .complains(&["nothing runs that could pause"]);

    let history = migrate(&folder, ["status", "--history"]).to(&database).ends(0);
    history.says(&[
        "begun: 10 tables from",
        "paused: somebody asked for a pause",
        "unpaused: somebody asked to go on",
        "migrate by migrate from 127.0.0.1",
        "table copied: dbo.Interaction",
        "26,000",
        "step done: primary key",
        "completed: ",
    ]);
}

/// Who starts a run wants it to run.
#[test]
fn a_new_start_ends_a_pause() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let file = crm();
    let run = |flags: &[&str]| {
        let arguments = ["run", file.to_str().unwrap(), "--json", "-vv"];
        migrate(&folder, arguments.into_iter().chain(flags.iter().copied())).to(&database)
    };
    let mut child = run(&["--max-rate", "2MB"]).start();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"written\"") {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "it ended");
    }
    migrate(&folder, ["pause"]).to(&database).ends(0);
    child.kill().unwrap();
    child.wait().unwrap();
    run(&[]).ends(0);
    database.assert_complete();
}
