//! Damage is found, said and located; nothing panics.

use std::fs;

use migrate_core::ErrorKind;
use proptest::prelude::*;

use super::super::is_dump;
use super::*;

fn written(block: usize) -> (tempfile::TempDir, Dump) {
    let root = tempfile::tempdir().expect("a directory");
    let mut dump = dump(block);
    dump.collections
        .retain(|c| c.database == "crm" && c.name != "system.js");
    (root, dump)
}

fn crm() -> DumpOptions {
    DumpOptions {
        database: Some("crm".to_owned()),
        threads: 1,
    }
}

#[test]
fn every_truncation_of_an_archive_is_an_error() {
    let (root, dump) = written(300);
    for gzip in [false, true] {
        let path = root.path().join("whole.archive");
        dump.write_archive(&path, gzip).expect("written");
        let whole = fs::read(&path).expect("read");
        let cut = root.path().join("cut.archive");
        for length in (0..whole.len()).rev() {
            fs::write(&cut, &whole[..length]).expect("written");
            let error = refused(&cut, &crm());
            assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Config),
                "{length}: {error}"
            );
            assert!(error.to_string().contains(&*cut.display().to_string()), "{error}");
            assert!(
                length < 64 || error.kind() == ErrorKind::Corrupt,
                "{length}: {error}"
            );
        }
    }
}

#[test]
fn every_truncation_of_a_file_is_an_error_but_between_documents() {
    let (root, _) = written(300);
    let all = documents(9, "some text");
    let whole = all.concat();
    let path = root.path().join("a.bson");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("written");
        let complete = length / all[0].len();
        if length % all[0].len() == 0 {
            let read = runtime().block_on(load(&path, &crm())).expect("whole documents");
            assert_eq!(read[0].1, all[..complete]);
        } else {
            let error = refused(&path, &crm());
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert_eq!(
                error.to_string(),
                format!(
                    "the file ends inside of a document, after {} bytes of it (file {}, offset {})",
                    length % all[0].len(),
                    path.display(),
                    complete * all[0].len()
                )
            );
        }
    }
    let dump = Dump {
        collections: vec![DumpedCollection::new("crm", "a", all)],
        block: 0,
    };
    dump.write_directory(root.path(), true).expect("written");
    let path = root.path().join("crm").join("a.bson.gz");
    let whole = fs::read(&path).expect("read");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("written");
        let error = refused(&root.path().join("crm"), &crm());
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
    }
}

#[test]
fn every_changed_byte_of_an_archives_documents_is_found() {
    let (root, dump) = written(300);
    let path = root.path().join("whole.archive");
    dump.write_archive(&path, false).expect("written");
    let whole = fs::read(&path).expect("read");
    let list = whole
        .windows(4)
        .position(|w| w == [0xff; 4])
        .expect("the list's end");
    let changed = root.path().join("changed.archive");
    for at in list + 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        fs::write(&changed, &bytes).expect("written");
        let error = refused(&changed, &crm());
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{at}: {error}");
        assert!(error.hint_text().is_some(), "{at}: {error}");
    }
}

#[test]
fn a_wrong_crc_names_the_collection_and_the_place() {
    let (root, dump) = written(1 << 20);
    let path = root.path().join("whole.archive");
    dump.write_archive(&path, false).expect("written");
    let mut bytes = fs::read(&path).expect("read");
    let at = bytes
        .windows(7)
        .position(|w| w == b"account")
        .expect("the name in the list");
    let text = at
        + bytes[at + 7..]
            .windows(12)
            .position(|w| w == b"account with")
            .expect("a text")
        + 7;
    bytes[text] = b'A';
    fs::write(&path, &bytes).expect("written");
    let error = refused(&path, &crm());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let said = error.to_string();
    assert!(
        said.starts_with("the CRC-64 of the collection crm.accounts is "),
        "{said}"
    );
    assert!(said.contains(", offset "), "{said}");
}

#[test]
fn gzip_files_are_checked_to_their_end() {
    let (root, _) = written(300);
    let dump = Dump {
        collections: vec![DumpedCollection::new("crm", "a", documents(9, "some text"))],
        block: 0,
    };
    dump.write_directory(root.path(), true).expect("written");
    let path = root.path().join("crm").join("a.bson.gz");
    let whole = fs::read(&path).expect("read");
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        refused(&root.path().join("crm"), &crm()).to_string()
    };
    let mut bytes = whole.clone();
    let n = bytes.len();
    bytes[n - 8] ^= 1;
    assert!(error(&bytes).starts_with("the CRC-32 of the inflated data is "));
    let mut bytes = whole.clone();
    bytes[n - 4] ^= 1;
    assert!(error(&bytes).starts_with("the gzip file states another length than its data has"));
    let mut bytes = whole.clone();
    bytes.extend_from_slice(b"more");
    assert!(error(&bytes).starts_with("bytes that are not gzip's follow the compressed data"));
    let mut bytes = whole.clone();
    bytes[2] = 7;
    assert!(error(&bytes).starts_with("the gzip file is compressed by the unknown method 7"));
    // Several members are one stream, and zeros after the last one are nothing.
    let mut bytes = whole.clone();
    bytes.extend_from_slice(&whole);
    bytes.extend_from_slice(&[0; 700]);
    fs::write(&path, &bytes).expect("written");
    let read = runtime()
        .block_on(load(&root.path().join("crm"), &crm()))
        .expect("two members");
    assert_eq!(read[0].1.len(), 18);
}

#[test]
fn a_compressed_file_without_its_ending_is_told() {
    let (root, dump) = written(300);
    dump.write_directory(root.path(), true).expect("written");
    let directory = root.path().join("crm");
    fs::rename(directory.join("users.bson.gz"), directory.join("users.bson")).expect("renamed");
    let error = refused(&directory, &crm());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .hint_text()
            .is_some_and(|h| h.contains("let its name end in .gz")),
        "{error}"
    );
}

#[test]
fn an_archive_that_contradicts_itself_is_refused() {
    let (root, dump) = written(1 << 20);
    let path = root.path().join("whole.archive");
    dump.write_archive(&path, false).expect("written");
    let whole = fs::read(&path).expect("read");
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        refused(&path, &crm()).to_string()
    };
    // Bytes after the last block.
    let mut bytes = whole.clone();
    bytes.extend_from_slice(&[0xff; 4]);
    assert!(error(&bytes).starts_with("a block ends where none has begun"));
    // The end of a collection twice.
    let mut bytes = whole.clone();
    let ends: Vec<_> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == b"EOF\0")
        .map(|(i, _)| i)
        .collect();
    let last = ends[ends.len() - 1];
    let start = bytes[..last]
        .windows(4)
        .rposition(|w| w == [0xff; 4])
        .expect("a terminator")
        + 4;
    let again = bytes[start..].to_vec();
    bytes.extend_from_slice(&again);
    assert!(error(&bytes).contains("goes on after its end"));
    // Another version of the format.
    let mut bytes = whole.clone();
    let at = bytes.windows(4).position(|w| w == b"0.1\0").expect("the version");
    bytes[at] = b'9';
    assert!(error(&bytes).starts_with("the archive's format has the version \"9.1\""));
    // Documents of a collection that the list does not have.
    let mut bytes = whole.clone();
    let at = bytes
        .windows(6)
        .position(|w| w == b"users\0")
        .expect("the name in the list");
    bytes[at] = b'U';
    let said = error(&bytes);
    assert!(
        said.starts_with("the archive ends before the collection crm.Users does"),
        "{said}"
    );
}

#[test]
#[ignore = "reads the files below the directory that MONGO_DUMP_FILES names, and prints what became of each"]
fn real_files_are_read_or_refused() {
    let root = std::env::var_os("MONGO_DUMP_FILES").expect("MONGO_DUMP_FILES names a directory");
    let mut waiting = vec![std::path::PathBuf::from(root)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path).expect("a directory") {
                waiting.push(entry.expect("an entry").path());
            }
        }
        if !is_dump(&path) {
            continue;
        }
        let name = path.display();
        match runtime().block_on(load(&path, &DumpOptions::default())) {
            Ok(all) => {
                let counts: Vec<_> = all.iter().map(|(name, d)| (name, d.len())).collect();
                println!("{name}: {counts:?}");
            }
            Err(error) => {
                println!("{name}: {error}; {}", error.hint_text().unwrap_or_default());
                assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Corrupt | ErrorKind::Config | ErrorKind::Unsupported
                    ),
                    "{name}: {error}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_bytes_are_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        form in 0..4,
    ) {
        let root = tempfile::tempdir().expect("a directory");
        let (name, prefix): (&str, &[u8]) = match form {
            0 => ("a.bson", b""),
            1 => ("a.bson.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0"),
            2 => ("a.archive", b"\x6d\xe2\x99\x81"),
            _ => ("a.archive", b"\x6d\xe2\x99\x81\x16\0\0\0\x02version\0\x04\0\0\x000.1\0\0\xff\xff\xff\xff"),
        };
        let path = root.path().join(name);
        fs::write(&path, [prefix, &bytes].concat()).expect("written");
        if !bytes.is_empty() || form != 0 {
            let error = refused(&path, &crm());
            prop_assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Config | ErrorKind::Unsupported),
                "{}", error
            );
        }
    }
}
