use bson::{Document, doc, oid::ObjectId};

use super::{MongoServer, MongoSet, ServerOptions};

fn documents(count: i32) -> Vec<Vec<u8>> {
    let document = |n: i32| doc! { "_id": n, "text": format!("document {n}") };
    (0..count).map(|n| document(n).to_vec().unwrap()).collect()
}

fn count(server: &MongoServer) -> i32 {
    server
        .run("shop", doc! { "count": "things" })
        .get_i32("n")
        .unwrap()
}

#[test]
fn a_killed_server_keeps_what_was_inserted() {
    let mut server = MongoServer::start();
    assert!(server.is_primary());
    assert_eq!(server.insert("shop", "things", documents(1000)), 1000);
    server.kill();
    assert!(!server.is_primary());
    server.restart();
    assert_eq!(count(&server), 1000);
    let found = server.run("shop", doc! { "find": "things", "filter": { "_id": 17 } });
    let batch = found
        .get_document("cursor")
        .unwrap()
        .get_array("firstBatch")
        .unwrap();
    assert_eq!(
        batch[0].as_document().unwrap(),
        &doc! { "_id": 17, "text": "document 17" }
    );
}

#[test]
fn more_documents_than_one_message_holds_are_inserted() {
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        ..ServerOptions::default()
    });
    let large = doc! { "text": "x".repeat(1 << 20) };
    let documents = (0..60).map(|_| {
        let mut document = Document::new();
        document.insert("_id", ObjectId::new());
        document.extend(large.clone());
        document.to_vec().unwrap()
    });
    assert_eq!(server.insert("shop", "things", documents), 60);
    assert_eq!(count(&server), 60);
    assert_eq!(server.insert("shop", "things", Vec::<Vec<u8>>::new()), 0);
}

#[test]
fn a_refused_document_is_an_error() {
    let server = MongoServer::start();
    let twice = [documents(1), documents(1)].concat();
    let error = server.wire().insert("shop", "things", twice).unwrap_err();
    assert!(error.to_string().contains("11000"), "{error}");
}

#[test]
fn a_set_finds_another_primary() {
    let mut set = MongoSet::start(3);
    let first = set.primary().port();
    set.primary().insert("shop", "things", documents(10));
    set.stepdown();
    assert_ne!(set.primary().port(), first);
    assert_eq!(count(set.primary()), 10);
    let killed = set.kill_primary();
    assert_eq!(count(set.primary()), 10);
    set.restart(killed);
}
