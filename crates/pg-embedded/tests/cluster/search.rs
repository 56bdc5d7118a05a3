//! Finding an installation.

use std::fs;
use std::path::Path;

use migrate_pg_embedded::{Error, Search, find_installation};

use super::harness::*;

#[test]
fn what_is_not_installed_is_named_with_its_remedy() {
    let nowhere = Search {
        only: None,
        path: Some("/no/such/dir:/proc".into()),
        patterns: vec!["/nope*/bin".into()],
    };
    let error = nowhere.newest().unwrap_err();
    assert!(matches!(error, Error::NotInstalled { .. }), "{error}");
    assert!(
        error.to_string().contains(&migrate_pg_embedded::install_hint()),
        "{error}"
    );

    let wrong = Search {
        only: Some("/usr".into()),
        ..Search::from_env()
    };
    let error = wrong.newest().unwrap_err();
    assert!(
        matches!(&error, Error::NotAnInstallation { bin_dir, .. } if bin_dir == Path::new("/usr")),
        "{error}"
    );
}

#[test]
fn links_lead_to_the_programs() {
    let installation = find_installation().unwrap();
    let scratch = Scratch::new("links");
    for program in ["initdb", "postgres", "pg_ctl"] {
        std::os::unix::fs::symlink(installation.bin_dir.join(program), scratch.0.join(program)).unwrap();
    }
    let search = Search {
        only: None,
        path: Some(scratch.0.clone().into_os_string()),
        patterns: Vec::new(),
    };
    assert_eq!(search.all(), std::slice::from_ref(&installation));
    // A link to initdb alone will do, since postgres is beside its target.
    fs::remove_file(scratch.0.join("postgres")).unwrap();
    assert_eq!(search.all(), [installation]);
}
