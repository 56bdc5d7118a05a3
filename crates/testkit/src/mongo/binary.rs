//! Where `mongod` is.

use std::env;
use std::path::{Path, PathBuf};

/// Names the binary; it wins over everything else.
const VARIABLE: &str = "MIGRATE_TEST_MONGOD";

/// Finds `mongod`: the variable `MIGRATE_TEST_MONGOD`, then `PATH`, then where `./dev setup` puts it.
///
/// # Panics
/// When there is none, with how to get it: a test that needs a server must not pass without one.
pub(super) fn find() -> PathBuf {
    if let Some(named) = env::var_os(VARIABLE) {
        let path = PathBuf::from(named);
        assert!(
            path.is_file(),
            "{VARIABLE} names {}, which is no file",
            path.display()
        );
        return path;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|dir| dir.join("mongod"));
    in_path
        .chain(caches().map(|dir| dir.join("migrate/mongod/mongod")))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!(
                "no mongod on this machine: `./dev setup` fetches one, or set {VARIABLE} to the path of yours \
                 (6.0 or newer)"
            )
        })
}

fn caches() -> impl Iterator<Item = PathBuf> {
    let own = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    own.or(home).into_iter().chain([PathBuf::from("/var/cache")])
}
