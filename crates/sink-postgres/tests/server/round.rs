//! A round of changes whose staging was lost.

use migrate_core::ErrorKind;
use migrate_core::observer::Silent;
use migrate_core::plan::TablePlan;
use migrate_core::round::{Staged, Staging};
use migrate_core::sink::{Sink, WriteMode};
use migrate_core::value::Value;

use crate::database::{Database, on_each_server};
use crate::fixture::*;

const LABELS: &str = "select coalesce(\"Label\", '-') from \"Sales\".\"Customer\" order by id";

/// Stages the keys 1 and 3 of the customers, of which there are 1, 2 and 3.
async fn staged(db: &Database, lost: bool) -> migrate_core::Result<()> {
    let sink = db.sink().await;
    let plan = plan(sink.target());
    let round = sink.round();
    round.begin(&plan).await.unwrap();
    let [customer, order] = plan.tables.as_slice() else {
        panic!("two tables")
    };
    let keys = TablePlan {
        columns: customer.row_key().unwrap().into_iter().cloned().collect(),
        ..customer.clone()
    };
    let stage = round.staging(Staging::Keys);
    let part = chunk("Customer", 0);
    stage
        .register(&customer.source, std::slice::from_ref(&part), None)
        .await
        .unwrap();
    let (mut writer, _) = stage.writer(&keys, &part.id, WriteMode::Fast).await.unwrap();
    let rows = [vec![Value::Int64(1)], vec![Value::Int64(3)]];
    writer.write(&batch(&keys, &rows)).await.unwrap();
    let receipt = writer.commit(last(2)).await.unwrap();
    if lost {
        // As a server does with what it did not log, when it starts after a crash.
        let place =
            db.ask("select c.relname from pg_class c where relname like 'keys\\_%' and relpersistence = 'u'");
        let place = place.await.unwrap();
        db.run(&format!("truncate migrate.{place}")).await;
    }
    let of = |table: &TablePlan, keys| Staged {
        table: table.source.clone(),
        whole: false,
        receipt: Default::default(),
        keys,
        checkpoint: None,
    };
    let all = [of(customer, Some(receipt)), of(order, None)];
    let outcome = round.apply(&plan, &all, &Silent).await;
    round.close().await.unwrap();
    outcome.map(|tables| assert_eq!(tables[0].changes.deleted, 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_got_lost_are_no_rows_that_are_gone() {
    on_each_server(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        sink.complete(&plan, &Silent).await.unwrap();
        sink.close().await.unwrap();
        let before = db.list(LABELS).await;
        assert_eq!(before.len(), 3);

        let error = staged(&db, true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
        assert!(
            error.to_string().contains("2 keys were staged and 0 are there"),
            "{error}"
        );
        assert_eq!(db.list(LABELS).await, before);

        staged(&db, false).await.unwrap();
        let left = [before[0].clone(), before[2].clone()];
        assert_eq!(db.list(LABELS).await, left);
    })
    .await;
}
