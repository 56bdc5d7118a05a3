//! Killed processes, left-over files, and directories that will not do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use migrate_pg_embedded::{Cluster, ClusterOptions, Ending, Error, find_installation};

use super::harness::*;

#[test]
fn a_killed_program_leaves_no_server_and_loses_nothing() {
    for installation in installations() {
        let scratch = Scratch::new("orphan");
        let dir = scratch.cluster();
        let mut user = User::spawn("start", &dir, &installation);
        assert!(user.says("STARTED").starts_with("true"));
        let joined = Cluster::attach(&dir).unwrap().expect("it is running");
        query(&joined, "postgres", "create table t as select 7 as n");
        assert_eq!(joined.release().unwrap(), Ending::InUse);
        assert!(!processes(&dir).is_empty());
        user.kill();
        eventually("the server must end with its last user", || {
            processes(&dir).is_empty()
        });

        let cluster = Cluster::start(options(&dir, &installation)).unwrap();
        assert_eq!(query(&cluster, "postgres", "select n from t"), "7");
    }
}

#[test]
fn a_killed_guard_takes_the_server_with_it() {
    if !Command::new("setpriv")
        .args(["--pdeathsig", "INT", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        return; // Only the kernel can do this, where setpriv asks it to.
    }
    let scratch = Scratch::new("guard");
    let dir = scratch.cluster();
    let cluster = Cluster::start(options(&dir, &find_installation().unwrap())).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", server_pid(&dir).unwrap())).unwrap();
    let guard = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    kill("-KILL", guard);
    eventually("the server must end with its guard", || {
        processes(&dir).is_empty()
    });
    assert_eq!(cluster.release().unwrap(), Ending::Stopped);
}

#[test]
fn a_killed_server_keeps_what_was_committed() {
    for installation in installations() {
        let scratch = Scratch::new("crash");
        let dir = scratch.cluster();
        let cluster = Cluster::start(options(&dir, &installation)).unwrap();
        query(
            &cluster,
            "postgres",
            "create table t as select n from generate_series(1, 10000) n",
        );
        let pid = server_pid(&dir).unwrap();
        kill("-KILL", pid);
        eventually("the server must die", || !processes(&dir).contains(&pid));
        // Started again while processes of the old server may still be leaving, and its files are there.
        let again = Cluster::start(options(&dir, &installation)).unwrap();
        assert!(again.started());
        assert_eq!(
            query(&again, "postgres", "select count(*), sum(n) from t"),
            "10000|50005000"
        );
        drop(cluster);
        assert!(!processes(&dir).is_empty(), "it is still in use");
        drop(again);
        assert_eq!(processes(&dir), Vec::<u32>::new());
    }
}

#[test]
fn the_number_of_a_dead_server_may_belong_to_someone_else() {
    let scratch = Scratch::new("stale");
    let dir = scratch.cluster();
    let installation = find_installation().unwrap();
    let cluster = Cluster::start(options(&dir, &installation)).unwrap();
    let pid_file = fs::read_to_string(dir.join("pgdata/postmaster.pid")).unwrap();
    let socket_lock = cluster
        .socket_dir()
        .join(format!(".s.PGSQL.{}.lock", cluster.port()));
    let socket_lock_text = fs::read_to_string(&socket_lock).unwrap();
    drop(cluster);

    // A process of the server's user, so that PostgreSQL itself would take it for its server.
    let mut other = Command::new("sleep");
    other.arg("600");
    let (owner, user) = (
        fs::metadata(dir.join("pgdata")).unwrap().uid(),
        fs::metadata(&dir).unwrap().uid(),
    );
    if owner != user {
        other.uid(owner);
    }
    let mut other = other.spawn().unwrap();
    let renumber = |text: &str| {
        let (_, rest) = text.split_once('\n').unwrap();
        format!("{}\n{rest}", other.id())
    };
    fs::write(dir.join("pgdata/postmaster.pid"), renumber(&pid_file)).unwrap();
    fs::write(&socket_lock, renumber(&socket_lock_text)).unwrap();

    assert!(Cluster::attach(&dir).unwrap().is_none());
    let cluster = Cluster::start(options(&dir, &installation)).unwrap();
    assert!(cluster.started());
    assert_eq!(query(&cluster, "postgres", "select 1"), "1");
    drop(cluster);
    assert!(
        other.try_wait().unwrap().is_none(),
        "the other process is left alone"
    );
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn another_major_version_is_refused_by_name() {
    let scratch = Scratch::new("major");
    let dir = scratch.cluster();
    let installation = find_installation().unwrap();
    drop(Cluster::start(options(&dir, &installation)).unwrap());
    fs::write(dir.join("pgdata/PG_VERSION"), "11\n").unwrap();
    for wanted in [Some(installation.clone()), None] {
        let mut options = ClusterOptions::new(&dir);
        options.installation = wanted;
        let error = Cluster::start(options).unwrap_err();
        let expected = (11, installation.version);
        assert!(
            matches!(&error, Error::WrongMajor { cluster, installed, .. } if (*cluster, *installed) == expected),
            "{error}"
        );
        assert!(error.to_string().contains("was made by PostgreSQL 11"), "{error}");
    }
    fs::remove_file(dir.join("pgdata/PG_VERSION")).unwrap();
    let error = Cluster::start(options(&dir, &installation)).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn a_directory_with_other_files_is_left_alone() {
    let scratch = Scratch::new("foreign");
    fs::write(scratch.0.join("thesis.txt"), "years of work").unwrap();
    let mode = fs::metadata(&scratch.0).unwrap().permissions().mode();
    let error = Cluster::start(ClusterOptions::new(&scratch.0)).unwrap_err();
    assert!(matches!(error, Error::NotACluster { .. }), "{error}");
    assert_eq!(fs::metadata(&scratch.0).unwrap().permissions().mode(), mode);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let scratch = Scratch::new("broken");
    let mut broken = ClusterOptions::new(scratch.cluster());
    broken
        .settings
        .push(("no_such_setting".to_owned(), "1".to_owned()));
    let error = Cluster::start(broken).unwrap_err();
    assert!(
        matches!(&error, Error::Start { output, .. } if output.contains("no_such_setting")),
        "{error}"
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = ClusterOptions::new(scratch.cluster());
    busy.port = Some(taken.local_addr().unwrap().port());
    let error = Cluster::start(busy).unwrap_err();
    assert!(
        matches!(&error, Error::Start { output, .. } if output.contains("could not bind")),
        "{error}"
    );
    assert_eq!(processes(&scratch.cluster()), Vec::<u32>::new());
}
