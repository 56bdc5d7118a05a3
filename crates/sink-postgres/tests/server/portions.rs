//! More than one transaction has room for.

use std::sync::Arc;

use migrate_core::observer::Silent;
use migrate_core::sink::Sink;
use migrate_sink_postgres::{PostgresSink, SinkOptions};

use crate::database::{Database, on_each_server, on_each_server_and_pooler};
use crate::fixture::*;

const CREATED: &str = "select kind || ' ' || name from migrate.created order by position";

/// A sink that creates and drops one object in a transaction.
async fn one_by_one(db: &Database) -> Arc<PostgresSink> {
    let options = SinkOptions {
        portion: 1,
        ..SinkOptions::new(db.sink_url())
    };
    PostgresSink::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn portion_by_portion_the_same_comes_and_goes() {
    on_each_server_and_pooler(|db| async move {
        let sink = one_by_one(&db).await;
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        assert_eq!(db.ask("select prepared from migrate.run").await, None);
        assert_eq!(
            db.list(CREATED).await.into_iter().flatten().collect::<Vec<_>>(),
            [
                "schema Sales",
                "domain label",
                "sequence numbers",
                "table Customer",
                "table Order \"x\""
            ]
        );
        let completed = sink.complete(&plan, &Silent).await.unwrap();
        assert_eq!(completed.failed, vec![]);
        let cleaned = sink.clean(true).await.unwrap();
        assert_eq!(cleaned.dropped, ALL_DROPPED);
        assert_eq!(db.ask("select to_regnamespace('migrate')").await, None);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_in_between_is_gone_on_with() {
    on_each_server(|db| async move {
        db.run(
            "create function stop() returns event_trigger language plpgsql as $$ begin
                 if exists (select from pg_event_trigger_ddl_commands() where object_identity like '%Order%') then
                     raise exception 'not now';
                 end if;
             end $$;
             create event trigger stop on ddl_command_end execute function stop()",
        )
        .await;
        let sink = one_by_one(&db).await;
        let plan = plan(sink.target());
        let refused = sink.begin(&plan).await.unwrap_err();
        assert!(refused.to_string().contains("Order"), "{refused}");
        sink.close().await.unwrap();
        assert_eq!(db.ask("select prepared from migrate.run").await.unwrap(), "4");
        assert_eq!(
            db.list(CREATED).await.into_iter().flatten().collect::<Vec<_>>(),
            ["schema Sales", "domain label", "sequence numbers", "table Customer"]
        );
        db.run("drop event trigger stop").await;

        let sink = one_by_one(&db).await;
        let progress = sink.begin(&plan).await.unwrap();
        assert!(progress.resumed && !progress.complete);
        assert_eq!(db.ask("select prepared from migrate.run").await, None);
        assert_eq!(
            db.list(CREATED).await.last().unwrap().as_deref(),
            Some("table Order \"x\"")
        );
        // Half of it can be taken back as well.
        db.run("update migrate.run set prepared = 4; drop table \"Sales\".\"Order \"\"x\"\"\"").await;
        let cleaned = sink.clean(true).await.unwrap();
        assert_eq!(
            cleaned.dropped,
            [
                "table Sales.Customer",
                "sequence Sales.numbers",
                "domain Sales.label",
                "schema Sales"
            ]
        );
        sink.close().await.unwrap();
    })
    .await;
}
