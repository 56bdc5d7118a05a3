//! Buckets that a server made, against the measurements that it returns for them.

use std::collections::BTreeMap;
use std::path::Path;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc};
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::source::Fill;
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};
use proptest::prelude::*;

use super::*;
use crate::dump::{DumpOptions, open};
use crate::store::{Documents, Fields, Page};

const ALL: ChunkGoal = ChunkGoal {
    bytes: 1 << 30,
    max_chunks: 1,
};

/// A measurement with a field for every way in which columns store values.
fn measurement(n: i32) -> Document {
    let f = f64::from(n);
    let mut oid = [7; 12];
    oid[..4].copy_from_slice(&(1_700_000_000 + n as u32 / 3).to_be_bytes());
    oid[9..].copy_from_slice(&(n as u32 * 5).to_be_bytes()[1..]);
    let mut it = doc! {
        "_id": ObjectId::from_bytes(oid),
        "at": DateTime::from_millis(1_700_000_000_000 + i64::from(n) * 731),
        "sensor": { "id": n / 1500, "place": "roof" },
        "int": n * n % 1000 - 500,
        "long": i64::from(n) * 1_000_000_007 - (1 << 40),
        "extreme": if n % 2 == 0 { i64::MAX } else { i64::MIN },
        "tenth": (f * 3.0).round() / 10.0,
        "cent": -f / 100.0,
        "fine": f / 100_000_000.0,
        "odd": (f * 1.1).sin(),
        "special": ([f64::NAN, f64::INFINITY, -0.0, 1e300])[n as usize / 7 % 4],
        "flag": n % 5 == 0,
        "same": "always the same",
        "text": format!("t{}", n % 100),
        "growing": "x".repeat(n as usize % 20),
        "binary": Binary { subtype: BinarySubtype::Generic, bytes: vec![n as u8; 9] },
        "sized": Binary { subtype: BinarySubtype::Uuid, bytes: vec![n as u8; n as usize % 18] },
        "decimal": format!("{}.{:02}", n, n % 100).parse::<Decimal128>().expect("a decimal"),
        "stamp": Timestamp { time: 1_700_000_000 + n as u32, increment: n as u32 % 3 },
        "when": DateTime::from_millis(-i64::from(n) * 86_400_000),
        "nothing": Bson::Null,
        "code": Bson::JavaScriptCode(format!("f({})", n % 9)),
        "symbol": Bson::Symbol("s".to_owned()),
        "array": [n, n % 3, -1],
        "nested": { "a": n % 50, "b": { "c": f / 10.0, "d": {} }, "e": [{ "x": n }, "y"] },
        "mixed": match n % 4 {
            0 => Bson::Int32(n),
            1 => Bson::String(n.to_string()),
            2 => Bson::Null,
            _ => Bson::Double(f),
        },
    };
    if n % 3 == 0 {
        it.insert("sometimes", n);
    }
    if n % 200 < 100 {
        it.insert("stretch", doc! { "p": n, "q": (n % 7 == 0).then_some(n) });
    }
    if n % 11 == 0 {
        it.get_document_mut("nested").expect("there").remove("b");
    }
    it
}

/// All documents of a collection as the server gives them.
fn found(server: &MongoServer, collection: &str) -> Vec<Vec<u8>> {
    let mut reply = server.run("shop", doc! { "find": collection, "batchSize": 5000 });
    let mut all = Vec::new();
    loop {
        let cursor = reply.get_document("cursor").expect("a cursor");
        let batch = cursor
            .get_array("firstBatch")
            .or_else(|_| cursor.get_array("nextBatch"))
            .expect("a batch");
        for document in batch {
            let document = document.as_document().expect("a document");
            all.push(bson::serialize_to_vec(document).expect("a document"));
        }
        let id = cursor.get_i64("id").expect("an id");
        if id == 0 {
            return all;
        }
        reply = server.run("shop", doc! { "getMore": id, "collection": collection });
    }
}

async fn drain(mut documents: Box<dyn Documents>) -> Result<Vec<(Vec<u8>, Cursor)>> {
    let mut all = Vec::new();
    let mut page = Page::default();
    while documents.fill(&mut page).await? == Fill::More {
        for (i, document) in page.iter().enumerate() {
            assert!(documents.place(&page, i).contains("of the bucket at offset "));
            all.push((document.to_vec(), documents.cursor(&page, i)?));
        }
    }
    Ok(all)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn series_dump(buckets: Vec<Vec<u8>>) -> Dump {
    Dump {
        collections: vec![DumpedCollection {
            metadata: r#"{"options":{"timeseries":{"timeField":"at","metaField":"sensor"}},"indexes":[],"type":"timeseries"}"#
                .to_owned(),
            kind: "timeseries".to_owned(),
            ..DumpedCollection::new("shop", "weather", buckets)
        }],
        block: 100_000,
    }
}

fn read(path: &Path) -> Vec<(Vec<u8>, Cursor)> {
    runtime().block_on(async {
        let store = open(path, &DumpOptions::default()).expect("a dump");
        let collections = store.collections().await.expect("a valid dump");
        assert_eq!(
            (&*collections[0].name, &*collections[0].kind),
            ("weather", "timeseries")
        );
        assert_eq!(collections[0].documents, None);
        let parts = store.split("weather", ALL).await.expect("parts");
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].documents, None);
        let reader = store
            .open("weather", &parts[0].token, None, &Fields::All)
            .await
            .expect("opened");
        drain(reader).await.expect("measurements")
    })
}

#[test]
fn measurements_are_those_that_the_server_returns() {
    let server = MongoServer::start();
    server.run(
        "shop",
        doc! { "create": "weather", "timeseries": { "timeField": "at", "metaField": "sensor" } },
    );
    let all: Vec<Vec<u8>> = (0..4000)
        .map(|n| bson::serialize_to_vec(&measurement(n)).expect("a document"))
        .collect();
    server.insert("shop", "weather", all);
    let expected = found(&server, "weather");
    assert_eq!(expected.len(), 4000);
    let buckets = found(&server, "system.buckets.weather");
    let mut versions = BTreeMap::<i32, u32>::new();
    for bucket in &buckets {
        let bucket: Document = bson::deserialize_from_slice(bucket).expect("BSON");
        let control = bucket.get_document("control").expect("control");
        *versions
            .entry(control.get_i32("version").expect("a version"))
            .or_default() += 1;
    }
    assert!(
        versions.contains_key(&1) && versions.contains_key(&2),
        "{versions:?}"
    );

    let root = tempfile::tempdir().expect("a directory");
    let dump = series_dump(buckets);
    let directory = root.path().join("dump");
    let archive = root.path().join("dump.archive");
    dump.write_directory(&directory, false).expect("written");
    dump.write_archive(&archive, true).expect("written");
    for path in [&directory, &archive] {
        let measurements = read(path);
        assert_eq!(measurements.len(), expected.len());
        for ((ours, _), theirs) in measurements.iter().zip(&expected) {
            if ours != theirs {
                let ours: Document = bson::deserialize_from_slice(ours).expect("BSON");
                let theirs: Document = bson::deserialize_from_slice(theirs).expect("BSON");
                assert_eq!(ours, theirs);
                panic!("the same values in other bytes: {ours}");
            }
        }
        runtime().block_on(async {
            let store = open(path, &DumpOptions::default()).expect("a dump");
            let parts = store.split("weather", ALL).await.expect("parts");
            for n in (0..4000).step_by(333).chain([998, 999, 1000, 3999]) {
                let after = Some(&measurements[n].1);
                let rest = store
                    .open("weather", &parts[0].token, after, &Fields::All)
                    .await
                    .expect("opened");
                let rest = drain(rest).await.expect("measurements");
                assert!(rest == measurements[n + 1..], "{n}");
            }
            let sample = store.sample("weather", 250).await.expect("a sample");
            let sample = drain(sample).await.expect("measurements");
            assert_eq!(sample.len(), 250);
            assert!(sample.iter().all(|s| measurements.contains(s)));
        });
    }
}

/// A bucket of version 2 with these columns.
fn bucket(columns: &[(&str, &[u8])]) -> Vec<u8> {
    let data: Document = columns
        .iter()
        .map(|(name, column)| {
            let column = Binary {
                subtype: BinarySubtype::Column,
                bytes: column.to_vec(),
            };
            ((*name).to_owned(), Bson::Binary(column))
        })
        .collect();
    bson::serialize_to_vec(&doc! { "control": { "version": 2 }, "data": data }).expect("a document")
}

fn unpack(bucket: &[u8]) -> Result<Vec<Document>> {
    Ok(measurements(bucket)?
        .iter()
        .map(|bytes| bson::deserialize_from_slice(bytes).expect("BSON"))
        .collect())
}

fn measurements(bucket: &[u8]) -> Result<Vec<Vec<u8>>> {
    let series = Series {
        time: b"t".to_vec(),
        meta: None,
    };
    let (mut out, mut ranges) = (Vec::new(), Vec::new());
    series.unpack(bucket, &mut out, &mut ranges)?;
    Ok(ranges.into_iter().map(|range| out[range].to_vec()).collect())
}

/// A literal date.
fn date(ms: i64) -> Vec<u8> {
    [&[9, 0][..], &ms.to_le_bytes()].concat()
}

/// One word of unscaled differences: its selector and what comes above.
fn word(selector: u64, rest: u64) -> Vec<u8> {
    [&[0x80][..], &(selector + (rest << 4)).to_le_bytes()].concat()
}

#[test]
fn columns_are_read_as_the_format_says() {
    // Dates: 10, then twice a difference of differences: 5 (as 10) and 0.
    let times = [date(10), word(13, 10), vec![0]].concat();
    // Integers from two literals on, one left out.
    let ints = [
        vec![0x10, 0, 7, 0, 0, 0],
        word(14, 0xfff_ffff_ffff_ffff),
        vec![0x12, 0, 9, 0, 0, 0, 0, 0, 0, 0],
        vec![0],
    ]
    .concat();
    let rows = unpack(&bucket(&[("a", &ints), ("t", &times)])).expect("a valid bucket");
    let at = DateTime::from_millis;
    assert_eq!(
        rows,
        [
            doc! { "t": at(10), "a": 7 },
            doc! { "t": at(15) },
            doc! { "t": at(20), "a": 9_i64 },
        ]
    );
}

#[test]
fn damaged_columns_are_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "a column ends early"),
        (&date(1), "a column ends early"),
        (b"\x80\x0e\0\0", "a column ends early"),
        (b"\0\0", "bytes follow the end of a column"),
        (b"\x70", "a column has an unknown control byte"),
        (b"\xf1\x05\0\0\0\0\0", "a column has a reference without fields"),
        (b"\xf1\xff\xff\xff\x7f", "a column has a damaged reference"),
        (b"\x09x\0", "a column's literal has a name"),
        (b"\x20\0", "a column ends early"),
    ];
    for (column, what) in cases {
        let mut column = column.to_vec();
        if *what == "a column has an unknown control byte" {
            column.extend_from_slice(&[0; 20]);
        }
        let name = if column.starts_with(b"\x09x") {
            "a literal"
        } else {
            "a column"
        };
        column.extend_from_slice(if name == "a literal" { &[0; 9] } else { b"" });
        let error = unpack(&bucket(&[("t", &column)])).expect_err(what);
        assert_eq!(error.kind(), migrate_core::ErrorKind::Corrupt);
        assert_eq!(error.message(), *what);
    }
    // A difference to a value that has none.
    let column = [vec![0x0a, 0], word(14, 1), vec![0]].concat();
    let error = unpack(&bucket(&[("t", &column)])).expect_err("no difference");
    assert_eq!(
        error.message(),
        "a column has a difference to a value that has none"
    );
    let bytes = bson::serialize_to_vec(&doc! { "control": { "version": 9 } }).expect("a document");
    let error = unpack(&bytes).expect_err("unknown");
    assert_eq!(error.kind(), migrate_core::ErrorKind::Unsupported);
}

proptest! {
    #[test]
    fn any_bytes_as_columns_never_panic(
        items in prop::collection::vec(
            prop_oneof![
                (0x80_u8..=0xdf, prop::collection::vec(any::<u64>(), 16)).prop_map(|(control, words)| {
                    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
                    let count = usize::from(control & 15) + 1;
                    [&[control][..], &bytes[..count * 8]].concat()
                }),
                any::<i64>().prop_map(date),
                any::<f64>().prop_map(|d| [&[1, 0][..], &d.to_le_bytes()].concat()),
                Just(b"\x02\0\x03\0\0\0ab\0".to_vec()),
                Just(b"\xf1\x13\0\0\0\x10a\0\0\0\0\0\x08b\0\0\x0ac\0\0".to_vec()),
                Just(vec![0]),
                prop::collection::vec(any::<u8>(), 0..12),
            ],
            0..8,
        ),
    ) {
        let column = items.concat();
        let times = [date(1), word(15, 3), vec![0]].concat();
        for columns in [&[("t", &*times), ("a", &*column)][..], &[("t", &*column)]] {
            for bytes in measurements(&bucket(columns)).unwrap_or_default() {
                let measurement = crate::raw::Document::new(&bytes).expect("a frame");
                prop_assert!(measurement.check(MAX_LEVELS).is_ok());
            }
        }
    }
}
