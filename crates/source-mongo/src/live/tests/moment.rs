use std::thread;
use std::time::Duration;

use bson::doc;
use migrate_core::chunk::ChunkGoal;
use migrate_testkit::mongo::{MongoServer, ServerOptions};

use super::fixture::{config, connect, documents, drain, int, read_all};
use crate::live::LiveStore;
use crate::store::{Fields, Page, Store};

/// Changes one document of each collection, deletes one and inserts one.
fn change(server: &MongoServer, collection: &str) {
    server.run(
        "shop",
        doc! { "update": collection, "updates": [{ "q": { "n": 3 }, "u": { "$set": { "text": "changed" } } }] },
    );
    server.run(
        "shop",
        doc! { "delete": collection, "deletes": [{ "q": { "n": 5 }, "limit": 1 }] },
    );
    server.run(
        "shop",
        doc! { "insert": collection, "documents": [{ "_id": 1_000_000 }] },
    );
}

#[tokio::test]
async fn all_collections_are_read_as_of_one_moment() {
    let server = MongoServer::start();
    let written = documents(500, 50, int);
    server.insert("shop", "first", &written);
    server.insert("shop", "second", &written);
    let store = connect(&server.url("shop")).await;
    store.begin().await.unwrap();
    for collection in ["first", "second"] {
        change(&server, collection);
        assert!(
            read_all(&store, collection, ChunkGoal::default()).await == written,
            "{collection}"
        );
    }
    assert_eq!(store.notes(), Vec::<String>::new());
    // Another run, another moment.
    store.begin().await.unwrap();
    assert_eq!(read_all(&store, "first", ChunkGoal::default()).await.len(), 500);
    assert!(read_all(&store, "first", ChunkGoal::default()).await != written);
}

#[tokio::test]
async fn without_a_moment_the_present_is_read() {
    let server = MongoServer::start();
    let written = documents(500, 50, int);
    server.insert("shop", "first", &written);
    let store = LiveStore::connect(&config(&server.url("shop")).with_snapshot(false))
        .await
        .unwrap();
    store.begin().await.unwrap();
    change(&server, "first");
    assert!(read_all(&store, "first", ChunkGoal::default()).await != written);
    assert_eq!(store.notes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_standalone_server_has_no_past() {
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        ..ServerOptions::default()
    });
    let written = documents(500, 50, int);
    server.insert("shop", "first", &written);
    let store = connect(&server.url("shop")).await;
    store.begin().await.unwrap();
    assert!(read_all(&store, "first", ChunkGoal::default()).await == written);
    assert_eq!(
        store.notes(),
        [
            "collections are not read as of one moment, but each document as it is when its turn comes: a server that \
             belongs to no replica set keeps no past"
        ]
    );
}

#[tokio::test]
async fn a_forgotten_moment_gives_way_to_the_present() {
    let server = MongoServer::start_with(ServerOptions {
        arguments: vec![
            "--setParameter".to_owned(),
            "minSnapshotHistoryWindowInSeconds=1".to_owned(),
        ],
        ..ServerOptions::default()
    });
    server.insert("shop", "first", documents(500, 50, int));
    let store = connect(&server.url("shop")).await;
    store.begin().await.unwrap();
    // The past goes as time is written on.
    for round in 0..8 {
        thread::sleep(Duration::from_millis(700));
        server.run(
            "shop",
            doc! { "insert": "other", "documents": [{ "_id": round }] },
        );
    }
    change(&server, "first");
    let found = read_all(&store, "first", ChunkGoal::default()).await;
    assert_eq!(found.len(), 500);
    let present = documents(500, 50, int);
    assert!(found != present);
    let notes = store.notes();
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with("reading goes on with the current state"),
        "{notes:?}"
    );
}

/// The past goes as time is written on.
fn forget(server: &MongoServer) {
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(700));
        server.run("shop", doc! { "insert": "other", "documents": [{}] });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_forgotten_in_mid_read_loses_nothing() {
    let server = MongoServer::start_with(ServerOptions {
        arguments: vec![
            "--setParameter".to_owned(),
            "minSnapshotHistoryWindowInSeconds=1".to_owned(),
        ],
        ..ServerOptions::default()
    });
    let written = documents(12_000, 2000, int);
    server.insert("shop", "first", &written);
    let store = connect(&server.url("shop")).await;
    store.begin().await.unwrap();
    let mut reader = store.open("first", "..", None, &Fields::All).await.unwrap();
    let mut page = Page::default();
    reader.fill(&mut page).await.unwrap();
    let mut found: Vec<Vec<u8>> = page.iter().map(<[u8]>::to_vec).collect();
    forget(&server);
    found.extend(drain(reader).await.unwrap());
    assert!(found == written, "{} of {} documents", found.len(), written.len());
    assert_eq!(store.notes().len(), 1, "{:?}", store.notes());
}
