//! The container itself: what other writers may do, and what nobody may.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use migrate_core::ErrorKind;
use migrate_testkit::bacpac::{
    BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec, part_name,
};
use migrate_testkit::fault::{self, Package};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::reading::{Reading, refusal};

fn intact() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zip.bacpac");
    let table = TableSpec::new("dbo", "T").column(ColumnSpec::new("id", SqlType::Int).not_null());
    let mut out =
        BacpacWriter::create(&path, DatabaseSpec::new("D").table(table), Options::default()).unwrap();
    out.table_rows("dbo", "T", 2, (1..=3).map(|n| [Cell::Int(n)]))
        .unwrap();
    out.finish().unwrap();
    (directory, path)
}

/// Writes the entries again with other options.
fn rewritten(path: &Path, options: SimpleFileOptions) {
    let package = Package::open(path).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_directory("Data", SimpleFileOptions::default()).unwrap();
    for name in package.names() {
        zip.start_file(name, options).unwrap();
        zip.write_all(package.get(name).unwrap()).unwrap();
    }
    std::fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

#[tokio::test]
async fn stored_and_64_bit_entries_are_read() {
    for options in [
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true),
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true),
    ] {
        let (_directory, path) = intact();
        rewritten(&path, options);
        let rows = Reading::of(&path).await.rows("dbo", "T").await;
        assert_eq!(rows, [json!({"id": 1}), json!({"id": 2}), json!({"id": 3})]);
    }
}

#[tokio::test]
async fn stored_entries_are_verified_too() {
    let (_directory, path) = intact();
    rewritten(
        &path,
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
    );
    let mut bytes = std::fs::read(&path).unwrap();
    let name = part_name("dbo", "T", 0);
    let content = find(&bytes, name.as_bytes()) + name.len();
    bytes[content] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = refusal(&path).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("CRC-32"), "{error}");
    assert!(error.to_string().contains(&name), "{error}");
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|w| w == wanted).unwrap()
}

/// Where the directory's record of an entry begins.
fn record(bytes: &[u8], name: &str) -> usize {
    let at = bytes
        .windows(name.len())
        .rposition(|w| w == name.as_bytes())
        .unwrap();
    assert_eq!(bytes[at - 46..at - 42], *b"PK\x01\x02");
    at - 46
}

/// Changes the directory's record of the first part.
async fn with_record(change: impl FnOnce(&mut [u8])) -> migrate_core::Error {
    let (_directory, path) = intact();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = record(&bytes, &part_name("dbo", "T", 0));
    change(&mut bytes[at..]);
    std::fs::write(&path, bytes).unwrap();
    refusal(&path).await
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let error = with_record(|record| record[8] |= 1).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("encrypted"), "{error}");
    let error = with_record(|record| record[10] = 12).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("compression method"), "{error}");
    // The directory says stored, with the deflated size.
    let error = with_record(|record| record[10] = 0).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("zip.bacpac"), "{error}");
}

#[tokio::test]
async fn names_and_bytes_belong_to_one_entry() {
    let (directory, path) = intact();
    let (one, two) = (
        directory.path().join("one.bacpac"),
        directory.path().join("two.bacpac"),
    );
    fault::with_entry(&path, &one, "AAAA.txt", b"x").unwrap();
    fault::with_entry(&one, &two, "BBBB.txt", b"y").unwrap();
    let intact = std::fs::read(&two).unwrap();

    let mut bytes = intact.clone();
    while let Some(at) = bytes.windows(8).position(|w| w == b"BBBB.txt") {
        bytes[at..at + 4].copy_from_slice(b"AAAA");
    }
    std::fs::write(&two, &bytes).unwrap();
    let error = refusal(&two).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("the same name"), "{error}");

    let mut bytes = intact.clone();
    let (a, b) = (record(&bytes, "AAAA.txt"), record(&bytes, "BBBB.txt"));
    let place: [u8; 4] = bytes[a + 42..a + 46].try_into().unwrap();
    bytes[b + 42..b + 46].copy_from_slice(&place);
    std::fs::write(&two, &bytes).unwrap();
    let error = refusal(&two).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("share bytes"), "{error}");

    // The directory names a part that its place calls something else.
    let mut bytes = intact;
    let local = find(&bytes, part_name("dbo", "T", 0).as_bytes());
    bytes[local] = b'd';
    std::fs::write(&two, &bytes).unwrap();
    let error = refusal(&two).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("another name than the directory"),
        "{error}"
    );
}

#[tokio::test]
async fn tables_that_the_export_left_out_are_noted() {
    let (directory, path) = intact();
    let table = TableSpec::new("dbo", "Kept").column(ColumnSpec::new("id", SqlType::Int).not_null());
    let empty = TableSpec::new("dbo", "Left Out").column(ColumnSpec::new("id", SqlType::Int).not_null());
    let database = DatabaseSpec::new("D").table(table).table(empty);
    BacpacWriter::create(&path, database, Options::default())
        .unwrap()
        .finish()
        .unwrap();
    let mut package = Package::open(&path).unwrap();
    let origin = package.text("Origin.xml").unwrap();
    let list = "<DataPhaseTables>dbo.Kept</DataPhaseTables></DacOrigin>";
    let (before, after) = match (origin.find("<DataPhaseTables>"), origin.find("</DacOrigin>")) {
        (Some(at), _) | (None, Some(at)) => (origin[..at].to_owned(), list),
        _ => panic!("{origin}"),
    };
    package.set("Origin.xml", (before + after).into_bytes());
    package.save(&path).unwrap();
    let catalog = crate::reading::discover(&path).await.unwrap();
    assert!(catalog.tables[0].notes.is_empty());
    assert_eq!(catalog.tables[1].notes, ["the export left this table's rows out"]);
    drop(directory);
}
