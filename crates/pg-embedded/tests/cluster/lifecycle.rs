//! Starting, sharing, keeping and stopping.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use migrate_pg_embedded::{
    Cluster, ClusterOptions, Ending, Error, find_all_installations, find_installation,
};

use super::harness::*;

#[test]
fn data_password_and_port_last_from_start_to_start() {
    for installation in installations() {
        let scratch = Scratch::new("life");
        let dir = scratch.cluster();
        assert!(Cluster::attach(&dir).unwrap().is_none());

        let cluster = Cluster::start(options(&dir, &installation)).unwrap();
        assert!(cluster.started());
        assert_eq!(cluster.major(), installation.version.major);
        let (first_password, first_port) = (password(&cluster), cluster.port());
        assert_eq!(
            query(&cluster, "postgres", "show server_version_num"),
            format!("{}{:04}", installation.version.major, installation.version.minor)
        );
        let facts = "select current_setting('server_encoding'), current_setting('data_checksums'), \
                     current_setting('fsync'), current_setting('password_encryption'), current_user, \
                     upper('ä') = 'Ä', 'a' > 'B'";
        assert_eq!(
            query(&cluster, "postgres", facts),
            "UTF8|on|on|scram-sha-256|migrate|t|t"
        );
        assert!(cluster.create_database("with \"quote\" and space").unwrap());
        assert!(!cluster.create_database("with \"quote\" and space").unwrap());
        assert!(matches!(
            cluster.create_database(""),
            Err(Error::DatabaseName { .. })
        ));
        query(
            &cluster,
            "with \"quote\" and space",
            "create table t as select 42 as n",
        );
        assert!(server_pid(&dir).is_some());
        assert_eq!(cluster.release().unwrap(), Ending::Stopped);
        assert_eq!(server_pid(&dir), None);
        assert_eq!(processes(&dir), Vec::<u32>::new());

        // The version that made it is found again without being named, unless it is not on the usual paths.
        let mut again = ClusterOptions::new(&dir);
        if !find_all_installations().contains(&installation) {
            again.installation = Some(installation.clone());
        }
        let cluster = Cluster::start(again).unwrap();
        assert_eq!(
            query(&cluster, "with \"quote\" and space", "select n from t"),
            "42"
        );
        assert_eq!((password(&cluster), cluster.port()), (first_password, first_port));
        drop(cluster);
        assert_eq!(processes(&dir), Vec::<u32>::new());
    }
}

#[test]
fn no_secret_in_debug_logs_or_other_peoples_reach() {
    let installation = find_installation().unwrap();
    let scratch = Scratch::new("secret");
    let dir = scratch.cluster();
    let cluster = Cluster::start(options(&dir, &installation)).unwrap();
    let secret = password(&cluster);
    assert!(!format!("{cluster:?} {cluster:#?}").contains(&secret));

    // An error that quotes a value, a failed login: none of it is logged.
    let mut failing = cluster.psql("postgres").unwrap();
    failing.args([
        "-X",
        "-w",
        "-c",
        "create table v (t text unique); insert into v values ('sesame'), ('sesame')",
    ]);
    assert!(!failing.output().unwrap().status.success());
    let log = fs::read_to_string(cluster.log_file()).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("sesame") && !log.contains(&secret), "{log}");

    // Without the password, neither way in is open.
    for host in [cluster.socket_dir().to_path_buf(), PathBuf::from("127.0.0.1")] {
        let mut command = cluster.psql("postgres").unwrap();
        let output = command
            .env("PGHOST", host)
            .env("PGPASSFILE", "/dev/null")
            .args(["-X", "-w", "-c", "select 1"])
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && message.contains("no password supplied"),
            "{message}"
        );
    }

    for entry in fs::read_dir(&dir).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{}", entry.path().display());
        let content = entry.file_name() != "pgpass" && entry.metadata().unwrap().is_file();
        if content {
            let text = fs::read_to_string(entry.path()).unwrap();
            assert!(!text.contains(&secret), "{}", entry.path().display());
        }
    }
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o007, 0);
    assert_eq!(
        fs::metadata(cluster.pass_file()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for pid in processes(&dir) {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&text).contains(&secret));
        }
    }
}

#[test]
fn the_last_of_several_processes_stops_the_server() {
    let installation = find_installation().unwrap();
    let scratch = Scratch::new("users");
    let dir = scratch.cluster();
    let mut first = User::spawn("start", &dir, &installation);
    let mut second = User::spawn("start", &dir, &installation);
    let started = [first.says("STARTED"), second.says("STARTED")].map(|text| text.starts_with("true"));
    assert!(
        started[0] != started[1],
        "one of two that start at once starts the server: {started:?}"
    );
    let pid = server_pid(&dir).unwrap();
    // The one that started it leaves first; the other one is not disturbed.
    let (starter, other) = if started[0] {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(starter.finish(), "InUse");
    let joined = Cluster::attach(&dir).unwrap().unwrap();
    assert!(!joined.started());
    assert_eq!(query(&joined, "postgres", "select 1"), "1");
    drop(joined);
    assert_eq!(server_pid(&dir), Some(pid));
    assert_eq!(other.finish(), "Stopped");
    assert_eq!(processes(&dir), Vec::<u32>::new());
}

#[test]
fn a_kept_server_stays_until_it_is_stopped() {
    let scratch = Scratch::new("keep");
    let dir = scratch.cluster();
    let installation = find_installation().unwrap();
    Cluster::start(options(&dir, &installation))
        .unwrap()
        .keep()
        .unwrap();
    let pid = server_pid(&dir).expect("it runs on");

    let mut user = User::spawn("start", &dir, &installation);
    assert!(user.says("STARTED").starts_with("false"));
    assert_eq!(user.finish(), "Kept");
    let user = {
        let mut user = User::spawn("start", &dir, &installation);
        user.says("STARTED");
        user
    };
    user.kill();
    let joined = Cluster::attach(&dir).unwrap().unwrap();
    assert_eq!(joined.release().unwrap(), Ending::Kept);
    assert_eq!(server_pid(&dir), Some(pid));

    Cluster::attach(&dir).unwrap().unwrap().stop().unwrap();
    assert_eq!(processes(&dir), Vec::<u32>::new());
    assert!(Cluster::attach(&dir).unwrap().is_none());

    // The wish does not outlive the server.
    assert_eq!(
        Cluster::start(options(&dir, &installation))
            .unwrap()
            .release()
            .unwrap(),
        Ending::Stopped
    );
    let mut keeping = options(&dir, &installation);
    keeping.keep_running = true;
    assert_eq!(Cluster::start(keeping).unwrap().release().unwrap(), Ending::Kept);
    let last = Cluster::attach(&dir).unwrap().unwrap();
    let other = Cluster::attach(&dir).unwrap().unwrap();
    last.stop().unwrap();
    assert_eq!(
        processes(&dir),
        Vec::<u32>::new(),
        "stopped although another one uses it"
    );
    assert_eq!(other.release().unwrap(), Ending::Stopped);
}

#[test]
fn a_long_path_gets_a_short_socket() {
    let scratch = Scratch::new("long");
    let dir = scratch
        .0
        .join("x".repeat(60))
        .join("y".repeat(60))
        .join("a, b \"c\"");
    let cluster = Cluster::start(ClusterOptions::new(&dir)).unwrap();
    assert!(
        cluster.socket_dir().starts_with("/tmp"),
        "{}",
        cluster.socket_dir().display()
    );
    assert_eq!(query(&cluster, "postgres", "select 1"), "1");
    let socket_dir = cluster.socket_dir().to_path_buf();
    drop(cluster);
    fs::remove_dir_all(socket_dir).unwrap();
}
