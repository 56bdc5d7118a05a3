//! Documents with all kinds of `_id`, and what comes out of a reader.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc};
use migrate_core::Result;
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::source::Fill;
use secrecy::SecretString;

use crate::config::MongoConfig;
use crate::live::LiveStore;
use crate::store::{Documents, Fields, Page, Part, Store};

pub(super) fn config(url: &str) -> MongoConfig {
    MongoConfig::parse(&SecretString::from(url))
        .unwrap()
        .with_patience(Duration::from_mins(2))
}

pub(super) async fn connect(url: &str) -> LiveStore {
    LiveStore::connect(&config(url)).await.unwrap()
}

/// `count` documents of about `size` bytes with those keys.
pub(super) fn documents(count: u32, size: usize, id: fn(u32) -> Bson) -> Vec<Vec<u8>> {
    let text = "x".repeat(size);
    (0..count)
        .map(|n| {
            doc! { "_id": id(n), "n": n as i32, "text": &text }
                .to_vec()
                .unwrap()
        })
        .collect()
}

pub(super) fn int(n: u32) -> Bson {
    Bson::Int32(n as i32 * 7 - 1000)
}

pub(super) fn object_id(n: u32) -> Bson {
    let mut bytes = [0xA5; 12];
    bytes[..4].copy_from_slice(&(1_600_000_000 + n * 37).to_be_bytes());
    bytes[8..].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    Bson::ObjectId(ObjectId::from_bytes(bytes))
}

pub(super) fn text(n: u32) -> Bson {
    Bson::String(format!("{:08x}-ключ", n.wrapping_mul(2_654_435_761)))
}

/// A different type for each of thirteen keys, with values that compare as equal to none before.
pub(super) fn mixed(n: u32) -> Bson {
    let number = f64::from(n);
    match n % 13 {
        0 => Bson::Int32(n as i32),
        1 => Bson::Int64(i64::from(n) - 5_000_000_000),
        2 => Bson::Double(number + 0.5),
        3 => Bson::String(format!("s{n}")),
        4 => object_id(n),
        5 => Bson::DateTime(DateTime::from_millis(i64::from(n) * 86_400_000)),
        6 => Bson::Binary(Binary {
            subtype: BinarySubtype::Uuid,
            bytes: u128::from(n).to_be_bytes().to_vec(),
        }),
        7 => Bson::Document(doc! { "year": n as i32, "place": { "city": "x" } }),
        8 => Bson::Timestamp(Timestamp {
            time: n + 1,
            increment: 1,
        }),
        9 => Bson::Decimal128(format!("{n}.25").parse::<Decimal128>().unwrap()),
        10 => Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: n.to_be_bytes().to_vec(),
        }),
        11 => match n {
            11 => Bson::Null,
            24 => Bson::MinKey,
            37 => Bson::MaxKey,
            50 => Bson::Boolean(false),
            63 => Bson::Boolean(true),
            _ => Bson::Symbol(format!("symbol {n}")),
        },
        _ => Bson::JavaScriptCode(format!("return {n}")),
    }
}

pub(super) fn small_parts(documents: usize, size: usize, parts: usize) -> ChunkGoal {
    ChunkGoal {
        bytes: (documents * size / parts) as u64,
        max_chunks: 1000,
    }
}

/// Everything from a reader.
pub(super) async fn drain(mut reader: Box<dyn Documents>) -> Result<Vec<Vec<u8>>> {
    let mut page = Page::default();
    let mut found = Vec::new();
    loop {
        let fill = reader.fill(&mut page).await?;
        found.extend(page.iter().map(<[u8]>::to_vec));
        if fill == Fill::End {
            return Ok(found);
        }
    }
}

pub(super) async fn read(
    store: &LiveStore,
    collection: &str,
    part: &Part,
    after: Option<&Cursor>,
) -> Vec<Vec<u8>> {
    let reader = store
        .open(collection, &part.token, after, &Fields::All)
        .await
        .unwrap();
    drain(reader).await.unwrap()
}

/// Everything of a collection, part by part.
pub(super) async fn read_all(store: &LiveStore, collection: &str, goal: ChunkGoal) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for part in store.split(collection, goal).await.unwrap() {
        found.extend(read(store, collection, &part, None).await);
    }
    found
}

pub(super) fn sorted(mut documents: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    documents.sort();
    documents
}

pub(super) fn decoded(documents: &[Vec<u8>]) -> Vec<Document> {
    documents
        .iter()
        .map(|bytes| Document::from_reader(bytes.as_slice()).unwrap())
        .collect()
}
