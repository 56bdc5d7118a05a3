//! Any bytes as a dump's file, compressed or not, or as an archive: the first byte says which, the rest is the file.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary directory"));

fuzz_target!(|bytes: &[u8]| {
    let Some((form, bytes)) = bytes.split_first() else {
        return;
    };
    let name = match form % 3 {
        0 => "collection.bson",
        1 => "collection.bson.gz",
        _ => "whole.archive",
    };
    migrate_source_mongo::fuzzing::dump(&DIRECTORY.path().join(name), bytes);
});
