//! Taking a migration back.

use migrate_core::observer::Silent;
use migrate_core::sink::Sink;

use crate::database::{on_each_server, on_each_server_and_pooler};
use crate::fixture::*;

const OBJECTS: &str = "
    select nspname::text from pg_namespace
    where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public')
    union all
    select relname::text from pg_class where relnamespace in (select oid from pg_namespace
        where nspname not like 'pg\\_%' and nspname <> 'information_schema')
    order by 1";

#[tokio::test(flavor = "multi_thread")]
async fn with_the_data_nothing_is_left() {
    on_each_server_and_pooler(|db| async move {
        let before = db.words(OBJECTS).await;
        let sink = db.sink().await;
        assert!(!sink.clean(true).await.unwrap().ledger);
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        sink.complete(&plan, &Silent).await.unwrap();
        let cleaned = sink.clean(true).await.unwrap();
        assert!(cleaned.ledger);
        assert_eq!(cleaned.dropped, ALL_DROPPED);
        assert_eq!(db.words(OBJECTS).await, before);
        // It can begin again at once.
        assert!(!sink.begin(&plan).await.unwrap().resumed);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_data_only_the_ledger_goes() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        let cleaned = sink.clean(false).await.unwrap();
        assert_eq!((cleaned.ledger, cleaned.dropped), (true, vec![]));
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "3"
        );
        assert_eq!(db.ask("select to_regnamespace('migrate')").await, None);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_made_stays() {
    on_each_server(|db| async move {
        db.run("create schema \"Sales\"; create table \"Sales\".theirs (a int)")
            .await;
        let sink = db.sink().await;
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        // Ours, replaced by somebody's own, and a view upon the other one.
        db.run(
            "drop table \"Sales\".\"Order \"\"x\"\"\"; create table \"Sales\".\"Order \"\"x\"\"\" (mine int);
             create view \"Sales\".upon as select * from \"Sales\".\"Customer\"",
        )
        .await;
        let error = sink.clean(true).await.unwrap_err();
        assert_eq!(error.kind(), migrate_core::ErrorKind::Conflict);
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "3"
        );
        assert!(sink.status().await.unwrap().is_some());
        db.run("drop view \"Sales\".upon").await;
        let cleaned = sink.clean(true).await.unwrap();
        assert_eq!(
            cleaned.dropped,
            [
                "table Sales.Customer",
                "sequence Sales.numbers",
                "domain Sales.label"
            ]
        );
        assert_eq!(db.words(OBJECTS).await, "Order \"x\" Sales theirs");
        sink.close().await.unwrap();
    })
    .await;
}
