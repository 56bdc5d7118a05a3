//! MongoDB: live, and out of what `mongodump` writes.

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, Regex, Timestamp, doc};
use migrate_core::mapping::Mapping;
use migrate_core::source::Source;
use migrate_source_mongo::{DumpOptions, Mongo, MongoConfig, MongoOptions};
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};
use migrate_testkit::random::SplitMix64;

use super::{proves_clean, rounds};

const DOCUMENTS: i32 = 60;

/// A value that is hard to keep.
fn value(random: &mut SplitMix64, depth: u32) -> Bson {
    let floats = [
        f64::NAN,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE / 4.0,
        0.1,
        1e300,
    ];
    match random.below(if depth == 0 { 12 } else { 14 }) {
        0 => Bson::Double(random.pick(&floats)),
        1 => Bson::Int32(random.bits() as i32),
        2 => Bson::Int64(random.bits() as i64),
        3 => Bson::String(
            random
                .pick(&["", " ", "a\0b", "ß ", "🍕", "1.0", "null"])
                .to_owned(),
        ),
        4 => Bson::Boolean(random.chance(50)),
        5 => Bson::DateTime(DateTime::from_millis(
            random.between(-9_000_000_000_000, 9_000_000_000_000),
        )),
        6 => Bson::Decimal128(
            random
                .pick(&["0", "-0", "1.50", "1E+3", "-1.5E-7", "NaN"])
                .parse::<Decimal128>()
                .unwrap(),
        ),
        7 => Bson::ObjectId(object_id(random.bits())),
        8 => Bson::Binary(Binary {
            subtype: random.pick(&[BinarySubtype::Generic, BinarySubtype::Uuid]),
            bytes: random.uuid().to_vec(),
        }),
        9 => Bson::Null,
        10 => Bson::Timestamp(Timestamp {
            time: random.bits() as u32,
            increment: 1,
        }),
        11 => Bson::RegularExpression(Regex {
            pattern: bson::raw::CString::try_from("^a.*".to_owned()).unwrap(),
            options: bson::raw::CString::try_from("i".to_owned()).unwrap(),
        }),
        12 => {
            let items = random.below(4);
            Bson::Array((0..items).map(|_| value(random, depth - 1)).collect())
        }
        _ => Bson::Document(doc! { "b": value(random, depth - 1), "a": value(random, depth - 1), "": 1 }),
    }
}

fn object_id(n: u64) -> ObjectId {
    let mut bytes = [7; 12];
    bytes[4..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// Collections of fields of one type, of any types, and with arrays of documents, which become tables.
fn collections(seed: u64) -> Vec<(&'static str, Vec<Document>)> {
    let mut random = SplitMix64::new(seed);
    let floats = [
        f64::NAN,
        -0.0,
        f64::INFINITY,
        f64::MIN_POSITIVE / 4.0,
        0.1,
        -1e300,
    ];
    let typed = (0..DOCUMENTS).map(|n| {
        let mut document = doc! {
            "_id": object_id(n as u64 * 7919),
            "f": random.pick(&floats),
            "n": random.bits() as i64,
            "at": DateTime::from_millis(random.between(-1_000_000_000_000, 4_000_000_000_000)),
            "d": random.pick(&["0", "-0", "1.50", "12345.678", "-1.5E-7"]).parse::<Decimal128>().unwrap(),
            "t": random.pick(&["", " a ", "ß", "\u{fffd}", "🍕"]),
            "where": { "x": random.pick(&floats), "y": n },
            "tags": ["a", random.pick(&["b", "", "b "])],
        };
        if random.chance(30) {
            document.remove("t");
        }
        if random.chance(30) {
            document.insert("more", value(&mut random, 2));
        }
        document
    });
    let typed = typed.collect();
    let lines = (0..DOCUMENTS).map(|n| {
        let count = random.below(4);
        let lines: Vec<Document> = (0..count)
            .map(|i| doc! { "sku": format!("s{i}"), "price": random.pick(&floats), "meta": value(&mut random, 1) })
            .collect();
        doc! { "_id": n, "lines": lines, "any": value(&mut random, 2) }
    });
    let lines = lines.collect();
    let keys = (0..DOCUMENTS).map(|n| {
        let key = match n % 4 {
            0 => Bson::Int32(n),
            1 => Bson::String(format!("{n} ")),
            2 => Bson::Double(f64::from(n) + 0.5),
            _ => Bson::ObjectId(object_id(n as u64)),
        };
        doc! { "_id": key, "any": value(&mut random, 3) }
    });
    vec![("typed", typed), ("lines", lines), ("keys", keys.collect())]
}

fn raw(documents: &[Document]) -> Vec<Vec<u8>> {
    documents.iter().map(|d| d.to_vec().unwrap()).collect()
}

fn mapping(seed: u64) -> Mapping {
    Mapping::from_toml(&format!(
        "nul = \"{}\"\n",
        ["strip", "replace"][seed as usize % 2]
    ))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments() {
    let server = MongoServer::start();
    for seed in 0..rounds() {
        let name = format!("clean{seed}");
        for (collection, documents) in collections(seed) {
            server.insert(&name, collection, raw(&documents));
        }
        let config = MongoConfig::parse(&server.url(&name).into()).unwrap();
        let open = || async {
            let source = Mongo::connect(&config, MongoOptions::default()).await.unwrap();
            Arc::new(source) as Arc<dyn Source>
        };
        if seed == 0 {
            let query =
                r#"{"collection": "typed", "pipeline": [{"$group": {"_id": "$where.y"}}, {"$count": "n"}]}"#;
            let answer = open().await.ask(query, 10).await.unwrap().unwrap();
            assert_eq!(answer.columns, ["n"]);
            assert_eq!(answer.rows, [[Some(DOCUMENTS.to_string())]]);
        }
        proves_clean(&format!("mongod, seed {seed}"), open, &mapping(seed), 0).await;
        server.run(&name, doc! { "dropDatabase": 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps() {
    for seed in 0..rounds() {
        let folder = tempfile::tempdir().unwrap();
        let collections = collections(1000 + seed)
            .into_iter()
            .map(|(name, documents)| DumpedCollection::new("clean", name, raw(&documents)));
        let dump = Dump {
            collections: collections.collect(),
            ..Dump::default()
        };
        // Directory, gzip, archive, packed archive.
        let gzip = seed % 2 == 1;
        let path = match seed / 2 % 2 {
            0 => {
                dump.write_directory(folder.path(), gzip).unwrap();
                folder.path().join("clean")
            }
            _ => {
                let path = folder.path().join("clean.archive");
                dump.write_archive(&path, gzip).unwrap();
                path
            }
        };
        let open = || async {
            let source = Mongo::open_dump(&path, &DumpOptions::default(), MongoOptions::default()).unwrap();
            Arc::new(source) as Arc<dyn Source>
        };
        proves_clean(&format!("dump, seed {seed}"), open, &mapping(seed), 0).await;
    }
}
