//! Any bytes as a document: nothing panics, and what the `bson` crate reads is read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| migrate_source_mongo::fuzzing::document(bytes));
