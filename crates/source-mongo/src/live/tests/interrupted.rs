use std::thread;
use std::time::Duration;

use bson::doc;
use migrate_core::ErrorKind;
use migrate_core::chunk::ChunkGoal;
use migrate_core::source::Fill;
use migrate_testkit::mongo::{MongoServer, MongoSet};

use super::fixture::{config, connect, documents, drain, object_id, read_all, text};
use crate::live::LiveStore;
use crate::store::{Documents, Fields, Page, Store};

/// 24 batches.
const COUNT: u32 = 12_000;
const SIZE: usize = 2000;

/// Opens the only part and reads two pages.
async fn begin(store: &LiveStore) -> (Box<dyn Documents>, Vec<Vec<u8>>) {
    let parts = store.split("things", ChunkGoal::default()).await.unwrap();
    assert_eq!(parts.len(), 1);
    let mut reader = store
        .open("things", &parts[0].token, None, &Fields::All)
        .await
        .unwrap();
    let mut page = Page::default();
    let mut found = Vec::new();
    for _ in 0..2 {
        assert_eq!(reader.fill(&mut page).await.unwrap(), Fill::More);
        found.extend(page.iter().map(<[u8]>::to_vec));
    }
    assert!(
        found.len() < COUNT as usize / 4,
        "{} documents in two pages",
        found.len()
    );
    (reader, found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_that_comes_back_loses_nothing() {
    let mut server = MongoServer::start();
    let written = documents(COUNT, SIZE, object_id);
    server.insert("shop", "things", &written);
    for as_of_one_moment in [false, true] {
        let store = connect(&server.url("shop")).await;
        if as_of_one_moment {
            store.begin().await.unwrap();
            assert_eq!(store.notes(), Vec::<String>::new());
        }
        let (reader, mut found) = begin(&store).await;
        server.kill();
        let restart = thread::spawn(move || {
            thread::sleep(Duration::from_millis(700));
            server.restart();
            server
        });
        found.extend(drain(reader).await.unwrap());
        assert!(found == written, "{} of {} documents", found.len(), written.len());
        server = restart.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stepdown_loses_nothing() {
    let set = MongoSet::start(3);
    let written = documents(COUNT, SIZE, text);
    set.primary().insert("shop", "things", &written);
    let store = connect(&set.url("shop")).await;
    let expected = read_all(&store, "things", ChunkGoal::default()).await;
    assert_eq!(expected.len(), written.len());
    for as_of_one_moment in [false, true] {
        if as_of_one_moment {
            store.begin().await.unwrap();
        }
        let (reader, mut found) = begin(&store).await;
        let before = set.primary().port();
        set.stepdown();
        assert_ne!(set.primary().port(), before);
        found.extend(drain(reader).await.unwrap());
        assert!(
            found == expected,
            "{} of {} documents",
            found.len(),
            expected.len()
        );
        assert_eq!(store.notes(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_loses_nothing() {
    let mut set = MongoSet::start(3);
    let written = documents(COUNT, SIZE, object_id);
    set.primary().insert("shop", "things", &written);
    let store = connect(&set.url("shop")).await;
    store.begin().await.unwrap();
    let (reader, mut found) = begin(&store).await;
    set.kill_primary();
    found.extend(drain(reader).await.unwrap());
    assert!(found == written, "{} of {} documents", found.len(), written.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cursor_is_opened_again() {
    let server = MongoServer::start();
    let written = documents(COUNT, SIZE, object_id);
    server.insert("shop", "things", &written);
    let store = connect(&server.url("shop")).await;
    let (reader, mut found) = begin(&store).await;
    server.run("admin", doc! { "killAllSessions": [] });
    found.extend(drain(reader).await.unwrap());
    assert!(found == written, "{} of {} documents", found.len(), written.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_away_is_an_error_after_a_while() {
    let mut server = MongoServer::start();
    server.insert("shop", "things", documents(COUNT, SIZE, object_id));
    let url = format!("{}&serverSelectionTimeoutMS=300", server.url("shop"));
    let store = LiveStore::connect(&config(&url).with_patience(Duration::from_millis(500)))
        .await
        .unwrap();
    let (reader, _) = begin(&store).await;
    server.kill();
    let error = drain(reader).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.is_transient());
    assert!(error.to_string().ends_with("(collection things)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_dropped_does_not_end_early() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(COUNT, SIZE, object_id));
    let store = connect(&server.url("shop")).await;
    let (reader, _) = begin(&store).await;
    server.run("shop", doc! { "drop": "things" });
    let error = drain(reader).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // Another one of that name is not the same, and seems to be complete.
    server.insert("shop", "things", documents(5, 10, object_id));
    let reader = store.open("things", "..", None, &Fields::All).await.unwrap();
    let error = drain(reader).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
