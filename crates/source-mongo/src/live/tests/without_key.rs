use bson::{DateTime, doc};
use migrate_core::ErrorKind;
use migrate_core::chunk::ChunkGoal;
use migrate_core::source::Fill;
use migrate_testkit::mongo::MongoServer;

use super::fixture::{connect, documents, drain, int, read};
use crate::store::{Fields, Page, Store};

fn server_with_a_view() -> MongoServer {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(3000, 600, int));
    let pipeline = [
        doc! { "$match": { "n": { "$gte": 500 } } },
        doc! { "$project": { "_id": 0, "n": 1, "text": 1 } },
    ];
    server.run(
        "shop",
        doc! { "create": "view", "viewOn": "things", "pipeline": pipeline.to_vec() },
    );
    server
}

#[tokio::test]
async fn a_view_is_one_part_and_goes_on_after_every_page() {
    let server = server_with_a_view();
    let store = connect(&server.url("shop")).await;
    let parts = store
        .split(
            "view",
            ChunkGoal {
                bytes: 1,
                max_chunks: 10,
            },
        )
        .await
        .unwrap();
    assert_eq!(parts.len(), 1);
    let all = read(&store, "view", &parts[0], None).await;
    assert_eq!(all.len(), 2500);
    let mut reader = store
        .open("view", &parts[0].token, None, &Fields::All)
        .await
        .unwrap();
    let mut page = Page::default();
    let mut before = 0;
    while reader.fill(&mut page).await.unwrap() == Fill::More {
        for index in [0, page.documents.len() / 2, page.documents.len() - 1] {
            let cursor = reader.cursor(&page, index).unwrap();
            let rest = read(&store, "view", &parts[0], Some(&cursor)).await;
            assert!(rest == all[before + index + 1..]);
        }
        before += page.documents.len();
    }
    assert_eq!(before, all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_changed_is_not_gone_on_with() {
    let server = server_with_a_view();
    let store = connect(&server.url("shop")).await;
    let token = &store.split("view", ChunkGoal::default()).await.unwrap()[0].token;
    let mut reader = store.open("view", token, None, &Fields::All).await.unwrap();
    let mut page = Page::default();
    reader.fill(&mut page).await.unwrap();
    let cursor = reader.cursor(&page, page.documents.len() - 1).unwrap();
    drop(reader);
    server.run(
        "shop",
        doc! { "update": "things", "updates": [{ "q": { "n": 700 }, "u": { "$set": { "text": "other" } } }] },
    );
    let reader = store
        .open("view", token, Some(&cursor), &Fields::All)
        .await
        .unwrap();
    assert_eq!(drain(reader).await.unwrap_err().kind(), ErrorKind::Corrupt);
    // Fewer documents than were read before are no end either.
    server.run(
        "shop",
        doc! { "delete": "things", "deletes": [{ "q": {}, "limit": 0 }] },
    );
    let reader = store
        .open("view", token, Some(&cursor), &Fields::All)
        .await
        .unwrap();
    assert_eq!(drain(reader).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.split("view", ChunkGoal::default()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_survives_a_lost_cursor() {
    let server = server_with_a_view();
    let store = connect(&server.url("shop")).await;
    let part = &store.split("view", ChunkGoal::default()).await.unwrap()[0];
    let all = read(&store, "view", part, None).await;
    let mut reader = store.open("view", &part.token, None, &Fields::All).await.unwrap();
    let mut page = Page::default();
    assert_eq!(reader.fill(&mut page).await.unwrap(), Fill::More);
    let mut found: Vec<Vec<u8>> = page.iter().map(<[u8]>::to_vec).collect();
    server.run("admin", doc! { "killAllSessions": [] });
    found.extend(drain(reader).await.unwrap());
    assert!(found == all);
}

#[tokio::test]
async fn measurements_of_a_time_series_come_once() {
    let server = MongoServer::start();
    let options = doc! { "timeField": "at", "metaField": "sensor" };
    server.run("shop", doc! { "create": "weather", "timeseries": options });
    let measurement = |n: i32| {
        let at = DateTime::from_millis(1_700_000_000_000 + i64::from(n) * 60_000);
        doc! { "_id": n, "at": at, "sensor": n % 7, "celsius": f64::from(n) / 4.0 }
            .to_vec()
            .unwrap()
    };
    server.insert("shop", "weather", (0..2000).map(measurement));
    let store = connect(&server.url("shop")).await;
    let parts = store
        .split(
            "weather",
            ChunkGoal {
                bytes: 1,
                max_chunks: 10,
            },
        )
        .await
        .unwrap();
    assert_eq!(parts.len(), 1);
    let found = read(&store, "weather", &parts[0], None).await;
    let mut numbers: Vec<i32> = super::fixture::decoded(&found)
        .iter()
        .map(|document| document.get_i32("_id").unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2000).collect::<Vec<i32>>());
}
