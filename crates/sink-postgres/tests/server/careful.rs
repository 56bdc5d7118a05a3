//! Rows that the server refuses.

use migrate_core::ErrorKind;
use migrate_core::batch::Batch;
use migrate_core::digest::Digest;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, Target};
use migrate_core::sink::{Sink, WriteMode};
use migrate_core::value::ValueKind;

use crate::database::on_each_server_and_pooler;
use crate::fixture::*;

/// One table: a key, a number that must not be negative, an xml document.
fn documents(target: Target, xml: bool) -> Plan {
    let mut plan = plan(target);
    plan.views.clear();
    plan.tables.truncate(1);
    let table = &mut plan.tables[0];
    let ty = if xml { PgType::Xml } else { PgType::Text };
    table.columns = vec![
        column("id", ValueKind::Int64, PgType::Int8, false),
        column("score", ValueKind::Int32, PgType::Int4, true),
        column("doc", ValueKind::Text, ty, true),
    ];
    plan
}

fn row(id: i64, score: Option<i32>, doc: &str) -> Vec<Option<Vec<u8>>> {
    vec![
        Some(id.to_be_bytes().to_vec()),
        score.map(|s| s.to_be_bytes().to_vec()),
        Some(doc.as_bytes().to_vec()),
    ]
}

/// 1000 rows of which 17 (negative), 400 and 401 (NULL), and 999 (negative; with xml: not well-formed) are bad.
fn rows(plan: &Plan, xml: bool) -> Batch {
    let cells: Vec<_> = (0..1000)
        .map(|id| match id {
            17 => row(id, Some(-1), "<a/>"),
            400 | 401 => row(id, None, "<a/>"),
            999 if xml => row(id, Some(1), "<secret>"),
            999 => row(id, Some(-2), "<a/>"),
            _ => row(id, Some(1), "<a/>"),
        })
        .collect();
    raw_batch(&plan.tables[0], &cells)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_stand_alone_in_quarantine() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let xml = sink.target().xml;
        let plan = documents(sink.target(), xml);
        let table = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&table.source, &[chunk("Customer", 0), chunk("Customer", 1)], None)
            .await
            .unwrap();
        db.run(
            "create domain public.positive as int not null check (value >= 0);
             alter table \"Sales\".\"Customer\" alter score type public.positive",
        )
        .await;
        let rows = rows(&plan, xml);

        let id = chunk("Customer", 0).id;
        let (mut writer, _) = sink.writer(table, &id, WriteMode::Fast).await.unwrap();
        writer.write(&rows).await.unwrap();
        let error = writer.commit(last(1000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataRejected, "{error}");
        assert!(!error.is_transient());
        assert!(error.to_string().starts_with(
            "the server refused rows: value for domain positive violates check constraint \"positive_check\""
        ));
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "0"
        );

        let (mut writer, _) = sink.writer(table, &id, WriteMode::Careful).await.unwrap();
        let mut with_reject = rows.clone();
        with_reject.rejects.push(reject("doc", "U+0000"));
        writer.write(&with_reject).await.unwrap();
        let more_rows = raw_batch(table, &[row(2000, Some(5), "<b/>")]);
        writer.write(&more_rows).await.unwrap();
        let receipt = writer.commit(last(1002)).await.unwrap();
        assert_eq!(
            (receipt.read, receipt.digest.rows, receipt.quarantined),
            (1002, 997, 5)
        );
        let mut expected: Digest = rows.digest();
        for bad in [17, 400, 401, 999] {
            expected.subtract(&rows.digest_of(bad..bad + 1));
        }
        expected.merge(&more_rows.digest());
        assert_eq!(receipt.digest, expected);
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "997"
        );
        let found = db
            .list(
                "select concat_ws('|', column_name, reason, key, row->>'id', row->>'score', row->>'doc')
                 from migrate.quarantine where reason <> 'U+0000' order by id",
            )
            .await;
        let found: Vec<String> = found.into_iter().flatten().collect();
        let negative = "value for domain positive violates check constraint \"positive_check\"";
        let null = "domain positive does not allow null values";
        let last = if xml {
            "doc|invalid XML content|id=999|999|1|<secret>".to_owned()
        } else {
            format!("score|{negative}|id=999|999|-2|<a/>")
        };
        assert_eq!(
            found,
            [
                format!("score|{negative}|id=17|17|-1|<a/>"),
                format!("score|{null}|id=400|400|<a/>"),
                format!("score|{null}|id=401|401|<a/>"),
                last,
            ]
        );
        assert_eq!(
            db.ask(
                "select concat_ws('|', column_name, key, row) from migrate.quarantine where reason = 'U+0000'"
            )
            .await,
            Some(r#"doc|k|{"Label":"nul \u0000","id":1}"#.to_owned())
        );
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_and_table_checks_are_found_too() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = documents(sink.target(), false);
        let table = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&table.source, &[chunk("Customer", 0)], None).await.unwrap();
        db.run("alter table \"Sales\".\"Customer\" alter score set not null, add constraint \"no bad\" check (score >= 0)")
            .await;
        let id = chunk("Customer", 0).id;
        let (mut writer, _) = sink.writer(table, &id, WriteMode::Careful).await.unwrap();
        writer.write(&rows(&plan, false)).await.unwrap();
        let receipt = writer.commit(last(1000)).await.unwrap();
        assert_eq!((receipt.digest.rows, receipt.quarantined), (996, 4));
        assert_eq!(
            db.list("select concat_ws('|', column_name, reason) from migrate.quarantine order by id").await,
            [
                "new row for relation \"Customer\" violates check constraint \"no bad\"",
                "score|null value in column \"score\" of relation \"Customer\" violates not-null constraint",
                "score|null value in column \"score\" of relation \"Customer\" violates not-null constraint",
                "new row for relation \"Customer\" violates check constraint \"no bad\"",
            ]
            .map(|s| Some(s.to_owned()))
        );
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rejects_do_not_pile_up() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let (mut writer, _) = sink
            .writer(customer, &chunk("Customer", 0).id, WriteMode::Fast)
            .await
            .unwrap();
        for i in 0..10 {
            let mut rows = customers(customer, i * 10..i * 10 + 10);
            rows.rejects = vec![reject("Label", "U+0000"); 100];
            writer.write(&rows).await.unwrap();
        }
        let receipt = writer.commit(last(1100)).await.unwrap();
        assert_eq!((receipt.digest.rows, receipt.quarantined), (100, 1000));
        assert_eq!(
            db.ask("select count(*) from migrate.quarantine").await.unwrap(),
            "1000"
        );
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "100"
        );
        let status = sink.status().await.unwrap().unwrap();
        assert_eq!((status.quarantined, status.quarantine[0].rows), (1000, 1000));
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_rejects_are_all_stored() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        let customer = &plan.tables[0];
        sink.begin(&plan).await.unwrap();
        sink.register(&customer.source, &[chunk("Customer", 0)], None)
            .await
            .unwrap();
        let (mut writer, _) = sink
            .writer(customer, &chunk("Customer", 0).id, WriteMode::Fast)
            .await
            .unwrap();
        // Batches with one large row, and one batch with many; each row has its own size.
        let mut number = 0;
        for (i, count) in (0..).zip([1, 1, 1, 1, 36]) {
            let mut rows = customers(customer, i * 10..i * 10 + 10);
            for _ in 0..count {
                let mut large = reject("Label", "U+0000");
                large.key = format!("id={number}");
                large.row = serde_json::json!({ "Label": "x".repeat((1 << 20) + number) });
                rows.rejects.push(large);
                number += 1;
            }
            writer.write(&rows).await.unwrap();
        }
        let receipt = writer.commit(last(90)).await.unwrap();
        assert_eq!((receipt.digest.rows, receipt.quarantined), (50, 40));
        let stored = db
            .list("select concat_ws('|', key, length(row ->> 'Label')) from migrate.quarantine order by id")
            .await;
        let expected: Vec<_> = (0..40)
            .map(|n| Some(format!("id={n}|{}", (1 << 20) + n)))
            .collect();
        assert_eq!(stored, expected);
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "50"
        );
        sink.close().await.unwrap();
    })
    .await;
}
