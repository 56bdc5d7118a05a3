//! Broken connections, rival writers, and callers that break the rules.

use migrate_core::sink::{Sink, WriteMode};
use migrate_core::{ErrorKind, Result};

use crate::database::on_each_server_and_pooler;
use crate::fixture::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_in_a_copy_leaves_nothing() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None).await.unwrap();
        let id = chunk("Customer", 0).id;
        let (mut writer, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        let rows = customers(customer, 0..30_000);
        writer.write(&rows).await.unwrap();
        let killed = db
            .words("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'copy %' and pid <> pg_backend_pid() and datname = current_database()")
            .await;
        assert_eq!(killed, "true");
        let mut outcome: Result<()> = Ok(());
        for _ in 0..100 {
            outcome = writer.write(&rows).await;
            if outcome.is_err() {
                break;
            }
        }
        let error = match outcome {
            Err(error) => {
                writer.abort().await.unwrap();
                error
            }
            Ok(()) => writer.commit(last(30_000 * 101)).await.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.is_transient());
        assert_eq!(db.ask("select count(*) from \"Sales\".\"Customer\"").await.unwrap(), "0");

        let (mut writer, receipt) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        assert_eq!(receipt, Default::default());
        writer.write(&rows).await.unwrap();
        let receipt = writer.commit(last(30_000)).await.unwrap();
        assert_eq!(receipt.digest, rows.digest());
        assert_eq!(db.ask("select count(*) from \"Sales\".\"Customer\"").await.unwrap(), "30000");
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_writer_fences_the_earlier_one() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let id = chunk("Customer", 0).id;
        let (mut old, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        old.write(&customers(customer, 1..10)).await.unwrap();
        let (mut new, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        assert_eq!(old.commit(last(9)).await.unwrap_err().kind(), ErrorKind::Fenced);
        new.write(&customers(customer, 1..3)).await.unwrap();
        new.commit(last(2)).await.unwrap();
        assert_eq!(
            db.words("select id from \"Sales\".\"Customer\" order by id")
                .await,
            "1 2"
        );
        // A chunk that is done is found done.
        let (writer, receipt) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        assert!(receipt.done);
        writer.abort().await.unwrap();
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_taken_over_writes_nothing_more() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let [customer, order] = plan.tables.as_slice() else {
            panic!("two tables")
        };
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let id = chunk("Customer", 0).id;
        let (mut writer, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        writer.write(&customers(customer, 1..10)).await.unwrap();
        // What another run does that found the lock free, because this one's connection was lost.
        db.run("update migrate.run set epoch = epoch + 1").await;
        assert_eq!(
            writer.commit(last(9)).await.unwrap_err().kind(),
            ErrorKind::Fenced
        );
        let refused = sink.writer(customer, &id, WriteMode::Fast).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Fenced);
        assert_eq!(
            sink.register(&order.source, &[], None).await.unwrap_err().kind(),
            ErrorKind::Fenced
        );
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "0"
        );
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aborted_and_dropped_writers_leave_nothing() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let id = chunk("Customer", 0).id;
        for mode in [WriteMode::Fast, WriteMode::Careful] {
            let (mut writer, _) = sink.writer(customer, &id, mode).await.unwrap();
            writer.write(&customers(customer, 0..20_000)).await.unwrap();
            writer.abort().await.unwrap();
            assert_eq!(
                db.ask("select count(*) from \"Sales\".\"Customer\"")
                    .await
                    .unwrap(),
                "0"
            );
            let (mut writer, _) = sink.writer(customer, &id, mode).await.unwrap();
            writer.write(&customers(customer, 0..20_000)).await.unwrap();
            drop(writer);
        }
        let receipt = copy(&sink, customer, 0, &[customers(customer, 0..7)]).await;
        assert_eq!(receipt.digest.rows, 7);
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "7"
        );
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_does_not_balance_is_refused() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let id = chunk("Customer", 0).id;
        let (mut writer, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        writer.write(&customers(customer, 0..7)).await.unwrap();
        let error = writer.commit(last(8)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(
            error.message(),
            "8 rows read are not 7 written, 0 in quarantine and 0 left out"
        );
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "0"
        );
        assert_eq!(db.ask("select read from migrate.chunk").await.unwrap(), "0");
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_split_once() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        let many: Vec<_> = (0..4500).map(|i| chunk("Customer", i)).collect();
        sink.register(&customer.source, &many, None).await.unwrap();
        let error = sink
            .register(&customer.source, &many[..1], None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        sink.close().await.unwrap();
        let sink = db.sink().await;
        let progress = sink.begin(&plan).await.unwrap();
        let chunks: Vec<_> = progress.tables[&customer.source]
            .iter()
            .map(|(c, _)| c.clone())
            .collect();
        assert_eq!(chunks, many);
        let unknown = chunk("Customer", 4500).id;
        let error = sink
            .writer(customer, &unknown, WriteMode::Fast)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(
            sink.complete(&plan, &Events::default()).await.unwrap_err().kind(),
            ErrorKind::Internal
        );
        sink.close().await.unwrap();
    })
    .await;
}
