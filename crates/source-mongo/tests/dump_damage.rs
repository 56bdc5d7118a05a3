//! Dumps through the public interface: what is damaged, what is only odd.

use std::fs;
use std::path::Path;

use bson::{Bson, Document, doc};
use migrate_core::ErrorKind;
use migrate_core::catalog::Catalog;
use migrate_core::source::Source;
use migrate_source_mongo::{DumpOptions, Mongo, MongoOptions, is_dump};
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};

async fn discover(path: &Path) -> migrate_core::Result<Catalog> {
    Mongo::open_dump(path, &DumpOptions::default(), MongoOptions::default())?
        .discover()
        .await
}

fn bytes(document: &Document) -> Vec<u8> {
    bson::serialize_to_vec(document).expect("a document")
}

/// A file of two documents, the second of which has one byte changed.
fn damaged(root: &Path, find: &[u8], put: u8) -> (std::path::PathBuf, usize) {
    let whole = bytes(&doc! { "_id": 1, "name": "one" });
    let mut other = bytes(&doc! { "_id": 2, "name": "two" });
    let at = other
        .windows(find.len())
        .position(|w| w == find)
        .expect("it is there");
    other[at] = put;
    let path = root.join("things.bson");
    fs::write(&path, [whole.clone(), other].concat()).expect("written");
    (path, whole.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_inside_of_a_document_is_said_with_file_and_offset() {
    let root = tempfile::tempdir().expect("a directory");
    // An unknown type; a string that reaches beyond the document.
    for (find, put, what) in [
        (&b"\x02name"[..], 0xaa, "a value has an unknown type"),
        (
            b"\x04\0\0\0two",
            0x40,
            "a string reaches beyond the document's end",
        ),
    ] {
        let (path, offset) = damaged(root.path(), find, put);
        let error = discover(&path).await.expect_err("damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let said = error.to_string();
        assert!(said.contains(what), "{said}");
        assert!(
            said.contains(&format!("offset {offset} of {}", path.display())),
            "{said}"
        );
        assert!(error.hint_text().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_levels_are_read() {
    let root = tempfile::tempdir().expect("a directory");
    let mut deep = doc! { "end": 1 };
    for _ in 0..100 {
        deep = doc! { "sub": deep };
    }
    deep.insert("_id", 1);
    let path = root.path().join("deep.bson");
    fs::write(&path, bytes(&deep)).expect("written");
    assert!(is_dump(&path));
    let catalog = discover(&path).await.expect("a valid document");
    assert_eq!(catalog.tables.len(), 1);
    assert_eq!(catalog.tables[0].rows, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_series_of_a_dump_is_a_table_of_measurements() {
    let root = tempfile::tempdir().expect("a directory");
    let at = bson::DateTime::from_millis;
    let bucket = doc! {
        "control": { "version": 1 },
        "meta": "roof",
        "data": {
            "t": { "0": at(1), "1": at(2), "2": at(3) },
            "celsius": { "0": 1.5, "2": 2.5 },
            "_id": { "0": 0, "1": 1, "2": 2 },
        },
    };
    let dump = Dump {
        collections: vec![DumpedCollection {
            metadata: r#"{"options":{"timeseries":{"timeField":"t","metaField":"place"}},"indexes":[]}"#
                .to_owned(),
            kind: "timeseries".to_owned(),
            ..DumpedCollection::new("d", "weather", vec![bytes(&bucket)])
        }],
        block: 1,
    };
    dump.write_directory(root.path(), false).expect("written");
    let catalog = discover(root.path()).await.expect("a valid dump");
    let columns: Vec<&str> = catalog.tables[0]
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    for name in ["_id", "t", "place", "celsius"] {
        assert!(columns.contains(&name), "{columns:?}");
    }
    assert_eq!(catalog.tables[0].rows, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_not_utf_8_does_not_stop_the_reading() {
    let root = tempfile::tempdir().expect("a directory");
    let mut odd = bytes(&doc! { "_id": 1, "name": "one", "kept": Bson::Null });
    let at = odd.windows(3).position(|w| w == b"one").expect("it is there");
    odd[at] = 0xff;
    let path = root.path().join("things.bson");
    fs::write(&path, &odd).expect("written");
    let catalog = discover(&path).await.expect("a valid frame");
    assert_eq!(catalog.tables[0].rows, Some(1));
}
