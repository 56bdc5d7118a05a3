//! Clusters for tests.

use std::fs;
use std::path::{Path, PathBuf};

use migrate_pg_embedded::{Cluster, Ending, find_installation};

use super::harness::*;

#[test]
fn temporary_clusters_vanish() {
    for installation in installations() {
        let mut killed = User::spawn("temporary", Path::new("/"), &installation);
        let said = killed.says("STARTED");
        let left = PathBuf::from(said.strip_prefix("true ").unwrap());
        let users = fs::File::open(left.join("users")).unwrap();
        killed.kill();
        eventually("the server must end with its user", || {
            processes(&left).is_empty()
        });
        eventually("the guard must end with its server", || users.try_lock().is_ok());
        drop(users);

        let cluster = Cluster::temporary(Some(installation), &[("max_connections", "41")]).unwrap();
        assert!(!left.exists(), "the next call removes what a killed process left");
        assert_eq!(query(&cluster, "postgres", "show max_connections"), "41");
        assert_eq!(query(&cluster, "postgres", "show fsync"), "off");
        let dir = cluster.data_dir().to_path_buf();
        drop(cluster);
        assert!(!dir.exists());
    }
}

#[test]
fn one_cluster_is_shared_by_a_test_run() {
    let installation = find_installation().unwrap();
    let mut users: Vec<User> = (0..4)
        .map(|_| User::spawn("shared", Path::new("/"), &installation))
        .collect();
    let said: Vec<String> = users.iter_mut().map(|user| user.says("STARTED")).collect();
    assert_eq!(
        said.iter().filter(|text| text.starts_with("true")).count(),
        1,
        "{said:?}"
    );
    let dir = PathBuf::from(said[0].split_once(' ').unwrap().1);
    let joined = Cluster::attach(&dir).unwrap().unwrap();
    assert_eq!(query(&joined, "postgres", "show max_connections"), "37");
    assert!(joined.create_database("leftover").unwrap());
    drop(joined);
    for user in users {
        user.kill();
    }
    eventually("the server must end with its last user", || {
        processes(&dir).is_empty()
    });

    let fresh = Cluster::shared(Some(installation), &[("max_connections", "37")]).unwrap();
    assert!(fresh.started());
    assert_eq!(fresh.data_dir(), dir);
    assert_eq!(query(&fresh, "postgres", "select count(*) from pg_database"), "3");
    assert_eq!(fresh.release().unwrap(), Ending::Stopped);
    assert!(!dir.join("pgdata").exists());
}
