use bson::{Document, doc};
use migrate_core::ErrorKind;
use migrate_testkit::mongo::{MongoServer, ServerOptions};

use super::fixture::{connect, decoded, documents, int};
use crate::store::{Collection, Store};

fn options(collection: &Collection) -> Document {
    decoded(std::slice::from_ref(&collection.options)).remove(0)
}

#[tokio::test]
async fn collections_come_with_options_indexes_and_sizes() {
    let server = MongoServer::start();
    let written = documents(100, 50, int);
    server.insert("shop", "things", &written);
    let validator = doc! { "$jsonSchema": { "required": ["n"] } };
    server.run(
        "shop",
        doc! { "create": "checked", "validator": validator.clone() },
    );
    server.run(
        "shop",
        doc! { "create": "view", "viewOn": "things", "pipeline": [{ "$match": { "n": 1 } }] },
    );
    server.run(
        "shop",
        doc! { "create": "weather", "timeseries": { "timeField": "at" } },
    );
    server.run(
        "shop",
        doc! { "createIndexes": "things", "indexes": [{
            "key": { "n": 1, "text": -1 }, "name": "by_n", "unique": true,
            "partialFilterExpression": { "n": { "$gt": 5 } },
        }] },
    );
    let store = connect(&server.url("shop")).await;
    assert_eq!(store.info().database, "shop");
    assert_eq!(store.info().version, "6.0.5");
    assert_eq!(store.info().name, format!("mongodb://{}/shop", server.host()));
    let collections = store.collections().await.unwrap();
    let names: Vec<(&str, &str)> = collections
        .iter()
        .map(|collection| (&*collection.name, &*collection.kind))
        .collect();
    let expected = [
        ("checked", "collection"),
        ("things", "collection"),
        ("view", "view"),
        ("weather", "timeseries"),
    ];
    assert_eq!(names, expected);
    assert_eq!(
        options(&collections[0]).get_document("validator").unwrap(),
        &validator
    );
    assert_eq!(collections[0].documents, Some(0));
    assert_eq!(collections[1].documents, Some(100));
    let bytes: usize = written.iter().map(Vec::len).sum();
    assert_eq!(collections[1].bytes, Some(bytes as u64));
    let indexes = decoded(&collections[1].indexes);
    assert_eq!(indexes.len(), 2);
    assert_eq!(
        indexes[1].get_document("key").unwrap(),
        &doc! { "n": 1, "text": -1 }
    );
    assert!(indexes[1].get_bool("unique").unwrap());
    assert_eq!(options(&collections[2]).get_str("viewOn").unwrap(), "things");
    assert_eq!((collections[2].documents, collections[2].bytes), (None, None));
    let series = options(&collections[3]);
    assert_eq!(
        series
            .get_document("timeseries")
            .unwrap()
            .get_str("timeField")
            .unwrap(),
        "at"
    );
}

#[tokio::test]
async fn the_fingerprint_is_that_of_the_collections_not_of_the_documents() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(10, 50, int));
    let first = connect(&server.url("shop")).await.info().fingerprint.clone();
    server.run(
        "shop",
        doc! { "insert": "things", "documents": [{ "_id": "new" }] },
    );
    assert_eq!(connect(&server.url("shop")).await.info().fingerprint, first);
    server.run("shop", doc! { "drop": "things" });
    server.insert("shop", "things", documents(10, 50, int));
    assert_ne!(connect(&server.url("shop")).await.info().fingerprint, first);
}

#[tokio::test]
async fn a_collection_that_is_not_there_is_named() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(10, 50, int));
    let store = connect(&server.url("shop")).await;
    let error = store
        .split("thing", migrate_core::chunk::ChunkGoal::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "there is no such collection (any more) (collection thing)"
    );
}

#[tokio::test]
async fn who_may_only_find_still_reads() {
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        auth: true,
        ..ServerOptions::default()
    });
    let root = doc! { "createUser": "root", "pwd": "root", "roles": ["root"] };
    server.run("admin", root);
    let url = |login: &str, database: &str| {
        format!("mongodb://{login}@{}/{database}?authSource=admin", server.host())
    };
    let client = mongodb::Client::with_uri_str(url("root:root", "admin"))
        .await
        .unwrap();
    let shop = client.database("shop");
    let things = shop.collection::<Document>("things");
    things
        .insert_many((0..50).map(|n| doc! { "_id": n }))
        .await
        .unwrap();
    shop.collection::<Document>("hidden")
        .insert_one(doc! { "_id": 1 })
        .await
        .unwrap();
    let find = doc! { "resource": { "db": "shop", "collection": "things" }, "actions": ["find"] };
    for command in [
        doc! { "createRole": "finder", "privileges": [find], "roles": [] },
        doc! { "createUser": "finder", "pwd": "finder", "roles": ["finder"] },
        doc! { "createUser": "reader", "pwd": "reader", "roles": [{ "role": "read", "db": "shop" }] },
    ] {
        client.database("admin").run_command(command).await.unwrap();
    }
    let store = connect(&url("reader:reader", "shop")).await;
    assert_eq!(store.collections().await.unwrap().len(), 2);
    assert_eq!(store.notes(), Vec::<String>::new());

    let store = connect(&url("finder:finder", "shop")).await;
    let collections = store.collections().await.unwrap();
    assert_eq!(collections.len(), 1);
    assert_eq!(
        (&*collections[0].name, collections[0].documents),
        ("things", Some(50))
    );
    assert_eq!(
        store.notes(),
        [
            "the options of collections are not known: the user may not list them",
            "the indexes of things are not known: the user may not list them",
            "the size of things is not known: the server does not tell it",
        ]
    );
    let goal = migrate_core::chunk::ChunkGoal::default();
    assert_eq!(super::fixture::read_all(&store, "things", goal).await.len(), 50);
}
