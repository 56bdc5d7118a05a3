//! What is different behind a pooler in transaction mode.

use std::time::{Duration, Instant};

use migrate_core::ErrorKind;
use migrate_core::sink::{Sink, WriteMode};
use migrate_pg_client::sqlx::postgres::PgConnectOptions;
use migrate_pg_client::sqlx::{self, Connection, PgConnection, Row};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_testkit::supabase::{PoolMode, Pooler};

use crate::database::Database;
use crate::fixture::*;

/// A database behind a pooler, and the pooler.
async fn pooled() -> (Database, Pooler) {
    let cluster = Database::newest();
    let pooler = Pooler::start(cluster.port(), PoolMode::Transaction, 4).unwrap();
    (Database::pooled(cluster, &pooler).await, pooler)
}

#[tokio::test(flavor = "multi_thread")]
async fn poolers_are_recognised() {
    let (db, _transactions) = pooled().await;
    let facts = db.sink().await.facts().clone();
    assert!(facts.transaction_pooler && facts.supabase && !facts.superuser && facts.may_create);
    assert_eq!(facts.extension_schema.as_deref(), Some("extensions"));
    let sessions = Pooler::start(Database::newest().port(), PoolMode::Session, 8).unwrap();
    let name = db.url.rsplit('/').next().unwrap();
    let sink = PostgresSink::connect(SinkOptions::new(sessions.url("postgres", name)))
        .await
        .unwrap();
    assert!(!sink.facts().transaction_pooler && sink.facts().supabase);
    // A whole migration, with sessions.
    let plan = plan(sink.target());
    fill(&sink, &plan).await;
    assert!(
        sink.complete(&plan, &Events::default())
            .await
            .unwrap()
            .failed
            .is_empty()
    );
    sink.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_poolers_sessions() {
    let (db, pooler) = pooled().await;
    let sink = db.sink().await;
    let plan = plan(sink.target());
    fill(&sink, &plan).await;
    sink.complete(&plan, &Events::default()).await.unwrap();
    sink.close().await.unwrap();
    let name = db.url.rsplit('/').next().unwrap();
    let options: PgConnectOptions = pooler.url("postgres", name).parse().unwrap();
    for _ in 0..6 {
        let mut guest = PgConnection::connect_with(&options.clone().extra_float_digits(None))
            .await
            .unwrap();
        let row = sqlx::raw_sql(
            "select concat_ws('; ', current_setting('statement_timeout'), current_setting('lock_timeout'),
                              current_setting('row_security'), current_setting('search_path'),
                              (select count(*) from pg_prepared_statements where name <> ''),
                              (select count(*) from pg_locks where locktype = 'advisory'))",
        );
        let found: String = row.fetch_one(&mut guest).await.unwrap().get(0);
        // The role's own settings, no statement prepared, no lock held.
        assert_eq!(found, "2min; 0; on; \"$user\", public, extensions; 0; 0");
        guest.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_run_at_a_time() {
    let (db, _pooler) = pooled().await;
    let first = db.sink().await;
    let plan = plan(first.target());
    first.begin(&plan).await.unwrap();
    // Another one through the pooler, and one with a session.
    let direct = PostgresSink::connect(SinkOptions::new(&db.url)).await.unwrap();
    for second in [db.sink().await, direct] {
        let began = Instant::now();
        let error = second.begin(&plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let text = format!(
            "another migration is writing to this database (process {} of its machine, application migrate, through a pooler; \
             last heard of ",
            std::process::id()
        );
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "a renewal is enough to know"
        );
    }
    let status = first.status().await.unwrap().unwrap();
    assert_eq!(status.active.unwrap().client, "a pooler in transaction mode");
    first.close().await.unwrap();
    // And the other way round: a session's lock holds off who comes through the pooler.
    let direct = PostgresSink::connect(SinkOptions::new(&db.url)).await.unwrap();
    assert!(direct.begin(&plan).await.unwrap().resumed);
    let error = db.sink().await.begin(&plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    direct.close().await.unwrap();
    let third = db.sink().await;
    assert!(third.begin(&plan).await.unwrap().resumed);
    third.close().await.unwrap();
}

/// A run that was killed leaves its lease; a zombie that comes back finds the door shut.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_nobody_renews_is_taken_over() {
    let (db, _pooler) = pooled().await;
    let dead = db.sink().await;
    let plan = plan(dead.target());
    dead.begin(&plan).await.unwrap();
    let [customer, _] = plan.tables.as_slice() else {
        panic!("two tables")
    };
    dead.register(&customer.source, &[chunk("Customer", 0)], None)
        .await
        .unwrap();
    let id = chunk("Customer", 0).id;
    let (mut writer, _) = dead.writer(customer, &id, WriteMode::Fast).await.unwrap();
    writer.write(&customers(customer, 1..4)).await.unwrap();
    // It stops renewing, as a process that was killed does, and its lease is as old as can be.
    db.run(
        "update migrate.lease set holder = 'nobody', expires_at = clock_timestamp() + interval '1 second'",
    )
    .await;
    let next = db.sink().await;
    let began = Instant::now();
    assert!(next.begin(&plan).await.unwrap().resumed);
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "not before it ran out"
    );
    let error = writer.commit(last(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    let (writer, receipt) = next.writer(customer, &id, WriteMode::Fast).await.unwrap();
    assert_eq!(receipt.read, 0);
    writer.abort().await.unwrap();
    next.close().await.unwrap();
    assert_eq!(db.words("select count(*) from migrate.lease").await, "0");
}
