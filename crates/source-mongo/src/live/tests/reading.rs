use bson::{Bson, doc};
use migrate_core::chunk::ChunkGoal;
use migrate_core::source::Fill;
use migrate_testkit::mongo::crm::{COLLECTIONS, Crm};
use migrate_testkit::mongo::{MongoServer, MongoSet};

use super::fixture::{
    connect, decoded, documents, drain, int, mixed, object_id, read, read_all, small_parts, sorted, text,
};
use crate::live::split::walk;
use crate::store::{Fields, Page, Store};

const COUNT: u32 = 6000;

/// Splits into about twelve parts, and finds each document in one of them.
async fn each_once(id: fn(u32) -> Bson) {
    let server = MongoServer::start();
    let written = documents(COUNT, 100, id);
    server.insert("shop", "things", &written);
    let store = connect(&server.url("shop")).await;
    let goal = small_parts(written.len(), written[0].len(), 12);
    let parts = store.split("things", goal).await.unwrap();
    assert!((10..=14).contains(&parts.len()), "{} parts", parts.len());
    let mut found = Vec::new();
    for part in &parts {
        let documents = read(&store, "things", part, None).await;
        assert!(!documents.is_empty(), "{part:?}");
        found.extend(documents);
    }
    // In the order that the server itself sorts by, from part to part.
    let reply = server.run(
        "shop",
        doc! { "find": "things", "sort": { "_id": 1 }, "projection": { "_id": 1 }, "batchSize": COUNT as i32 },
    );
    let order = reply
        .get_document("cursor")
        .unwrap()
        .get_array("firstBatch")
        .unwrap();
    let order: Vec<&Bson> = order
        .iter()
        .map(|document| &document.as_document().unwrap()["_id"])
        .collect();
    let read = decoded(&found);
    let ids: Vec<&Bson> = read.iter().map(|document| &document["_id"]).collect();
    let lost: Vec<&&Bson> = order.iter().filter(|id| !ids.contains(*id)).collect();
    assert_eq!(lost, Vec::<&&Bson>::new());
    assert!(ids == order, "the order is not the index's");
    assert!(sorted(found) == sorted(written), "not each document once");
}

#[tokio::test]
async fn each_document_comes_once_by_object_id() {
    each_once(object_id).await;
}

#[tokio::test]
async fn each_document_comes_once_by_int() {
    each_once(int).await;
}

#[tokio::test]
async fn each_document_comes_once_by_text() {
    each_once(text).await;
}

#[tokio::test]
async fn each_document_comes_once_by_keys_of_all_types() {
    each_once(mixed).await;
}

#[tokio::test]
async fn reading_goes_on_after_every_cursor() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(400, 20, mixed));
    let store = connect(&server.url("shop")).await;
    let goal = small_parts(400, 80, 3);
    for part in store.split("things", goal).await.unwrap() {
        let all = read(&store, "things", &part, None).await;
        let mut reader = store
            .open("things", &part.token, None, &Fields::All)
            .await
            .unwrap();
        let mut page = Page::default();
        let mut before = 0;
        while reader.fill(&mut page).await.unwrap() == Fill::More {
            for index in 0..page.documents.len() {
                let cursor = reader.cursor(&page, index).unwrap();
                let rest = read(&store, "things", &part, Some(&cursor)).await;
                assert!(
                    rest == all[before + index + 1..],
                    "after {}",
                    reader.place(&page, index)
                );
            }
            before += page.documents.len();
        }
        assert_eq!(before, all.len());
    }
}

#[tokio::test]
async fn a_deleted_document_is_no_obstacle_for_its_cursor() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(10, 20, int));
    let store = connect(&server.url("shop")).await;
    let part = &store.split("things", ChunkGoal::default()).await.unwrap()[0];
    let mut reader = store
        .open("things", &part.token, None, &Fields::All)
        .await
        .unwrap();
    let mut page = Page::default();
    reader.fill(&mut page).await.unwrap();
    let cursor = reader.cursor(&page, 4).unwrap();
    assert_eq!(reader.place(&page, 4), "_id -972");
    server.run(
        "shop",
        doc! { "delete": "things", "deletes": [{ "q": { "_id": -972 }, "limit": 1 }] },
    );
    let rest = decoded(&read(&store, "things", part, Some(&cursor)).await);
    let numbers: Vec<i32> = rest
        .iter()
        .map(|document| document.get_i32("n").unwrap())
        .collect();
    assert_eq!(numbers, [5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn only_the_fields_asked_for_are_sent() {
    let server = MongoServer::start();
    let document = doc! { "_id": 1, "a": 1, "b": { "c": 2 }, "d": 3 };
    server.insert("shop", "things", [document.to_vec().unwrap()]);
    let store = connect(&server.url("shop")).await;
    let token = &store.split("things", ChunkGoal::default()).await.unwrap()[0].token;
    for (names, expected) in [
        (vec!["d", "a"], doc! { "_id": 1, "a": 1, "d": 3 }),
        (vec!["b"], doc! { "_id": 1, "b": { "c": 2 } }),
        (vec![], doc! { "_id": 1 }),
        (vec!["b.c"], document.clone()),
    ] {
        let fields = Fields::Only(names.into_iter().map(str::to_owned).collect());
        let found = drain(store.open("things", token, None, &fields).await.unwrap())
            .await
            .unwrap();
        assert_eq!(decoded(&found), [expected]);
    }
}

#[tokio::test]
async fn large_and_small_documents_share_a_collection() {
    let server = MongoServer::start();
    let mut written = documents(5000, 10, int);
    for n in 5000..5010 {
        let document = doc! { "_id": int(n), "text": "x".repeat(12 << 20) };
        written.push(document.to_vec().unwrap());
    }
    server.insert("shop", "things", &written);
    let store = connect(&server.url("shop")).await;
    let found = read_all(&store, "things", ChunkGoal::default()).await;
    assert!(found == written);
    // Now the average is large, so the server walks the index itself.
    let parts = store.split("things", small_parts(10, 12 << 20, 5)).await.unwrap();
    assert!(parts.len() > 2, "{} parts", parts.len());
    assert!(read_all(&store, "things", small_parts(10, 12 << 20, 5)).await == written);
}

#[tokio::test]
async fn a_sample_has_the_size_asked_for() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(5000, 10, int));
    let store = connect(&server.url("shop")).await;
    assert_eq!(
        drain(store.sample("things", 200).await.unwrap())
            .await
            .unwrap()
            .len(),
        200
    );
    assert_eq!(
        drain(store.sample("things", 0).await.unwrap())
            .await
            .unwrap()
            .len(),
        0
    );
}

#[tokio::test]
async fn capped_clustered_and_collated_collections_are_read_by_id() {
    let server = MongoServer::start();
    let german = doc! { "locale": "de", "strength": 1 };
    let key = doc! { "key": { "_id": 1 }, "unique": true };
    server.run(
        "shop",
        doc! { "create": "capped", "capped": true, "size": 10 << 20 },
    );
    server.run("shop", doc! { "create": "clustered", "clusteredIndex": key });
    server.run("shop", doc! { "create": "collated", "collation": german });
    server.run("shop", doc! { "create": "empty" });
    let store = connect(&server.url("shop")).await;
    assert_eq!(store.split("empty", ChunkGoal::default()).await.unwrap(), []);
    for (name, id) in [
        ("capped", mixed as fn(u32) -> Bson),
        ("clustered", object_id),
        ("collated", umlauts),
    ] {
        let written = documents(1000, 100, id);
        server.insert("shop", name, &written);
        // A store remembers sizes, so that of each run is another one.
        let store = connect(&server.url("shop")).await;
        let goal = small_parts(written.len(), written[0].len(), 6);
        let parts = store.split(name, goal).await.unwrap();
        assert!(parts.len() > 3, "{name}: {} parts", parts.len());
        let mut found = Vec::new();
        for part in &parts {
            let documents = read(&store, name, part, None).await;
            let mut reader = store.open(name, &part.token, None, &Fields::All).await.unwrap();
            let mut page = Page::default();
            reader.fill(&mut page).await.unwrap();
            let middle = page.documents.len() / 2;
            let cursor = reader.cursor(&page, middle).unwrap();
            let rest = read(&store, name, part, Some(&cursor)).await;
            assert!(rest == documents[middle + 1..], "{name}");
            found.extend(documents);
        }
        assert!(sorted(found) == sorted(written), "{name}");
    }
}

fn umlauts(n: u32) -> Bson {
    let first = ["a", "Ä", "b", "ö", "z", "ß"][n as usize % 6];
    Bson::String(format!("{first}{}", n.wrapping_mul(2_654_435_761)))
}

#[tokio::test]
async fn the_server_walks_the_index_of_large_documents() {
    let server = MongoServer::start();
    let written = documents(300, 20 << 10, mixed);
    server.insert("shop", "things", &written);
    let store = connect(&server.url("shop")).await;
    let facts = store.shared.facts("things").await.unwrap();
    let bounds = walk(&store.shared, &facts, 6).await.unwrap();
    assert!((4..=6).contains(&bounds.len()), "{} bounds", bounds.len());
    let goal = small_parts(written.len(), written[0].len(), 6);
    let parts = store.split("things", goal).await.unwrap();
    assert!((5..=8).contains(&parts.len()), "{} parts", parts.len());
    assert!(sorted(read_all(&store, "things", goal).await) == sorted(written));
}

#[tokio::test]
async fn every_collection_of_the_crm_comes_as_it_is() {
    let server = MongoServer::start();
    let crm = Crm::new(5, 2);
    crm.load(&server, "crm").unwrap();
    let store = connect(&server.url("crm")).await;
    store.begin().await.unwrap();
    for (name, _) in COLLECTIONS {
        let found = read_all(
            &store,
            name,
            ChunkGoal {
                bytes: 8 << 10,
                max_chunks: 5,
            },
        )
        .await;
        assert!(sorted(found) == sorted(crm.documents(name).collect()), "{name}");
    }
    assert_eq!(
        store.notes(),
        [
            "audit_log is not read as of the moment of the rest, but each document as it is when its turn comes: this \
             version of the server keeps no past of capped collections"
        ]
    );
}

#[tokio::test]
async fn secondaries_are_read_as_of_the_moment_too() {
    let set = MongoSet::start(3);
    let written = documents(5000, 500, object_id);
    set.primary().insert("shop", "things", &written);
    for as_of_one_moment in [false, true] {
        let store = connect(&format!("{}&readPreference=secondary", set.url("shop"))).await;
        if as_of_one_moment {
            store.begin().await.unwrap();
            set.primary()
                .run("shop", doc! { "insert": "things", "documents": [{}] });
        }
        let found = read_all(&store, "things", small_parts(5000, 500, 4)).await;
        assert!(found == written, "{} documents", found.len());
        assert_eq!(store.notes(), Vec::<String>::new());
    }
}
