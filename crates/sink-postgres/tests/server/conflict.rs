//! Destinations that hold something already.

use migrate_core::ErrorKind;
use migrate_core::sink::Sink;

use crate::database::on_each_server;
use crate::fixture::*;

const TOUCHED: &str = "
    select nspname from pg_namespace
    where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public') order by 1";

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_the_way_is_named_at_once() {
    on_each_server(|db| async move {
        db.run(
            "create schema \"Sales\"; create table \"Sales\".\"Customer\" (x int);
             create view \"Sales\".\"pk order\" as select 1; create table \"Sales\".\"label\" ();",
        )
        .await;
        let sink = db.sink().await;
        let error = sink.begin(&plan(sink.target())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(
            error.to_string(),
            "the destination already has what the plan creates: \
             table Sales.Customer, table Sales.label, view Sales.pk order"
        );
        assert_eq!(db.words(TOUCHED).await, "Sales");
        assert_eq!(
            db.words("select count(*) from pg_class where relnamespace = '\"Sales\"'::regnamespace")
                .await,
            "3"
        );
        // Nothing is held either.
        let other = db.sink().await;
        db.run("drop schema \"Sales\" cascade").await;
        other.begin(&plan(other.target())).await.unwrap();
        other.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_schema_of_the_ledgers_name_is_left_alone() {
    on_each_server(|db| async move {
        db.run("create schema migrate; create table migrate.run (a int)")
            .await;
        let sink = db.sink().await;
        let error = sink.begin(&plan(sink.target())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(
            error.to_string(),
            "the database has a schema named migrate that is not a migration's ledger"
        );
        assert_eq!(sink.clean(true).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(sink.status().await.unwrap(), None);
        assert_eq!(db.words(TOUCHED).await, "migrate");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_or_plan_is_refused() {
    on_each_server(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        sink.begin(&plan).await.unwrap();
        sink.close().await.unwrap();

        let mut other = plan.clone();
        other.source.fingerprint = "def".into();
        let error = sink.begin(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error
                .to_string()
                .starts_with("the ledger in this database belongs to another source: memory shop, begun"),
            "{error}"
        );
        assert!(error.hint_text().unwrap().contains("migrate clean"));

        let mut other = plan.clone();
        other.tables[0].columns[3].default = None;
        other.tables.remove(1);
        let error = sink.begin(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error
                .to_string()
                .ends_with("table sales.Customer is planned differently, table sales.Order \"x\" is missing"),
            "{error}"
        );
        assert!(sink.begin(&plan).await.unwrap().resumed);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_run_at_a_time() {
    on_each_server(|db| async move {
        let first = db.sink().await;
        let plan = plan(first.target());
        first.begin(&plan).await.unwrap();
        let second = db.sink().await;
        let error = second.begin(&plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let pid = db.words("select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())").await;
        assert_eq!(
            error.to_string(),
            format!(
                "another migration is writing to this database (process {pid}, application migrate, from 127.0.0.1)"
            )
        );
        assert_eq!(second.clean(true).await.unwrap_err().kind(), ErrorKind::Conflict);
        first.close().await.unwrap();
        assert!(second.begin(&plan).await.unwrap().resumed);
        second.close().await.unwrap();
    })
    .await;
}
