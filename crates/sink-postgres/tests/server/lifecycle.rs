//! A migration from its beginning to its end, and again.

use migrate_core::digest::Digest;
use migrate_core::observer::{Event, Silent};
use migrate_core::sink::{Completion, Sink, WriteMode};
use migrate_core::stored::{Stored, Tuples};

use crate::database::{Database, on_each_server_and_pooler};
use crate::fixture::*;

async fn scanned(db: &Database, table: &migrate_core::plan::TablePlan) -> Digest {
    let sink = db.sink().await;
    let mut scan = sink.scan(table).await.unwrap();
    let (mut digest, mut tuples) = (Digest::default(), Tuples::default());
    while scan.next(&mut tuples).await.unwrap() {
        tuples.iter().for_each(|t| digest.add_row(t));
    }
    assert!(!scan.next(&mut tuples).await.unwrap(), "the end stays the end");
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_migration() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        assert_eq!(sink.target().version, db.major);
        let plan = plan(sink.target());
        let progress = sink.begin(&plan).await.unwrap();
        assert!(!progress.resumed && !progress.complete && progress.tables.is_empty());
        let [customer, order] = plan.tables.as_slice() else {
            panic!("two tables")
        };
        let chunks = [chunk("Customer", 0), chunk("Customer", 1)];
        sink.register(&customer.source, &chunks, None).await.unwrap();
        sink.register(&order.source, &[], None).await.unwrap();

        // The first chunk in two segments, the second in one.
        let rows = customers(customer, 0..5000);
        let (mut writer, before) = sink
            .writer(customer, &chunks[0].id, WriteMode::Fast)
            .await
            .unwrap();
        assert_eq!(before, Default::default());
        writer.write(&rows).await.unwrap();
        let first = writer.commit(more(5000, "here")).await.unwrap();
        assert_eq!(
            (first.read, first.digest, first.done),
            (5000, rows.digest(), false)
        );
        assert_eq!(first.bytes, rows.bytes().len() as u64);

        let (mut writer, before) = sink
            .writer(customer, &chunks[0].id, WriteMode::Fast)
            .await
            .unwrap();
        assert_eq!(before, first);
        let mut second_rows = customers(customer, 5000..5002);
        second_rows.rejects.push(reject("Label", "U+0000"));
        writer.write(&second_rows).await.unwrap();
        writer.write(&customers(customer, 5002..5003)).await.unwrap();
        let mut segment = last(5);
        segment.filtered = 1;
        segment
            .conversions
            .entry("Label".into())
            .or_default()
            .insert("nul_stripped".into(), 2);
        let second = writer.commit(segment).await.unwrap();
        assert_eq!(
            (
                second.read,
                second.digest.rows,
                second.quarantined,
                second.filtered
            ),
            (5005, 5003, 1, 1)
        );
        assert!(second.done && second.cursor.is_none() && second.balances());
        let third = copy(&sink, customer, 1, &[customers(customer, 9000..9003)]).await;

        let mut total = second.digest;
        total.merge(&third.digest);
        assert_eq!(scanned(&db, customer).await, total);
        assert_eq!(scanned(&db, order).await, Digest::default());
        let kept = db
            .ask("select concat_ws('|', column_name, reason, key, row) from migrate.quarantine")
            .await;
        assert_eq!(kept.unwrap(), r#"Label|U+0000|k|{"Label":"nul \u0000","id":1}"#);

        let events = Events::default();
        let done = sink.complete(&plan, &events).await.unwrap();
        assert_eq!(
            done,
            Completion {
                steps: 13,
                failed: vec![]
            }
        );
        let events = events.0.into_inner().unwrap();
        assert_eq!(events[0], Event::Steps { total: 13 });
        assert_eq!(
            events
                .iter()
                .filter(|e| matches!(e, Event::StepDone { .. }))
                .count(),
            13
        );
        sink.close().await.unwrap();

        let again = db.sink().await;
        let progress = again.begin(&plan).await.unwrap();
        assert!(progress.resumed && progress.complete);
        assert_eq!(
            progress.tables[&customer.source],
            [(chunks[0].clone(), second), (chunks[1].clone(), third)]
        );
        assert_eq!(progress.tables[&order.source], []);
        assert_eq!(
            again.complete(&plan, &Silent).await.unwrap(),
            Completion::default()
        );
        let view = again.ledger().await.unwrap().unwrap();
        assert_eq!(
            (view.plan, view.complete, view.quarantined),
            (plan.clone(), true, 1)
        );
        assert_eq!(view.tables, progress.tables);
        again.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_is_what_the_plan_says() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        sink.complete(&plan, &Silent).await.unwrap();
        let list = |sql: &'static str| {
            let db = &db;
            async move { db.words(sql).await }
        };
        assert_eq!(
            list(
                "select replace(pg_get_constraintdef(oid), ' ', '_') from pg_constraint
                 where connamespace = '\"Sales\"'::regnamespace and contype <> 'n' order by contype, conname"
            )
            .await,
            "CHECK_((score_>_'-1000000'::integer)) \
             FOREIGN_KEY_(customer)_REFERENCES_\"Sales\".\"Customer\"(id)_ON_DELETE_CASCADE \
             PRIMARY_KEY_(id) PRIMARY_KEY_(no) UNIQUE_(\"Label\",_id)"
        );
        let nulls = if db.major >= 15 { " NULLS NOT DISTINCT" } else { "" };
        assert_eq!(
            list("select pg_get_indexdef('\"Sales\".\"ix score\"'::regclass)").await,
            format!(
                "CREATE UNIQUE INDEX \"ix score\" ON \"Sales\".\"Customer\" USING btree (score DESC, id) \
                 INCLUDE (\"Label\"){nulls} WHERE (score > 0)"
            )
        );
        assert_eq!(
            list(
                "select attname || ':' || replace(format_type(atttypid, atttypmod), ' ', '_') || ':' || attnotnull
                        || ':' || attidentity::text || ':' || attgenerated::text
                        || ':' || coalesce(replace(pg_get_expr(adbin, adrelid), ' ', ''), '')
                 from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
                 where attrelid = '\"Sales\".\"Customer\"'::regclass and attnum > 0 order by attnum"
            )
            .await,
            "id:bigint:true:d:: Label:\"Sales\".label:false::: double:integer:false::s:(score*2) \
             score:integer:true:::7"
        );
        assert_eq!(list("select \"double\" from \"Sales\".\"Customer\" order by id").await, "4 6 8");
        assert_eq!(list("select who from \"Sales\".\"Top\"").await, "");
        // The source went up to 11 in steps of 5; the rows only to 3.
        assert_eq!(
            list("select nextval(pg_get_serial_sequence('\"Sales\".\"Customer\"', 'id'))").await,
            "16"
        );
        assert_eq!(list("select nextval('\"Sales\".numbers')").await, "5");
        assert_eq!(
            list(
                "select seqstart || ',' || seqmin || ',' || seqmax || ',' || seqcycle from pg_sequence
                 where seqrelid = '\"Sales\".numbers'::regclass"
            )
            .await,
            "-5,-2147483648,99,true"
        );
        assert_eq!(
            list("select replace(description, ' ', '_') from pg_description
                  where classoid in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass)
                    and description <> 'x'
                    and objoid in (select oid from pg_class where relnamespace = '\"Sales\"'::regnamespace
                                   union all
                                   select oid from pg_constraint where connamespace = '\"Sales\"'::regnamespace
                                   union all
                                   select oid from pg_type where typnamespace = '\"Sales\"'::regnamespace)
                  order by description collate \"C\"")
            .await,
            "a_label by_score odd people sane the_best the_key_pk_customer the_key_pk_order the_key_uq_label \
             what_it's_\\_called who_ordered"
        );
        assert_eq!(list("select count(*) from pg_stats where schemaname = 'Sales'").await, "6");
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_stopped_is_continued() {
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
        writer.write(&customers(customer, 1..11)).await.unwrap();
        let receipt = writer.commit(more(10, "ten")).await.unwrap();
        let (mut writer, _) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        writer.write(&customers(customer, 11..20_000)).await.unwrap();
        // As if the process were gone: nothing is closed in good order.
        drop(writer);
        drop(sink);

        let sink = db.sink().await;
        let progress = sink.begin(&plan).await.unwrap();
        assert!(progress.resumed && !progress.complete);
        assert_eq!(
            progress.tables[&customer.source],
            [(chunk("Customer", 0), receipt.clone())]
        );
        let (mut writer, before) = sink.writer(customer, &id, WriteMode::Fast).await.unwrap();
        assert_eq!(before, receipt);
        writer.write(&customers(customer, 11..13)).await.unwrap();
        let receipt = writer.commit(last(2)).await.unwrap();
        assert_eq!((receipt.read, receipt.digest.rows, receipt.done), (12, 12, true));
        assert_eq!(
            db.ask("select count(*) from \"Sales\".\"Customer\"")
                .await
                .unwrap(),
            "12"
        );
        assert_eq!(scanned(&db, customer).await, receipt.digest);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_of_a_small_table_are_frozen_and_somebody_elses_rows_stay() {
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
        sink.register(&order.source, &[chunk("Order \"x\"", 0)], None)
            .await
            .unwrap();
        copy(
            &sink,
            customer,
            0,
            &[customers(customer, 1..100), customers(customer, 100..200)],
        )
        .await;
        // Only a server with its contributed extensions can show what is frozen.
        let able = db
            .ask("select exists (select from pg_available_extensions where name = 'pg_visibility')")
            .await;
        if able.as_deref() == Some("true") {
            db.run("create extension pg_visibility").await;
            let frozen = "select all_frozen > 0 from pg_visibility_map_summary('\"Sales\".\"Customer\"')";
            assert_eq!(db.ask(frozen).await.as_deref(), Some("true"));
        }
        db.run("insert into \"Sales\".\"Order \"\"x\"\"\" values (77, null)")
            .await;
        let rows = [vec![
            migrate_core::value::Value::Int16(1),
            migrate_core::value::Value::Null,
        ]];
        copy(&sink, order, 0, &[batch(order, &rows)]).await;
        assert_eq!(
            db.words("select no from \"Sales\".\"Order \"\"x\"\"\" order by no")
                .await,
            "1 77"
        );
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_far_it_is() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        assert_eq!(sink.status().await.unwrap(), None);
        let plan = plan(sink.target());
        fill(&sink, &plan).await;
        let status = db.sink().await.status().await.unwrap().unwrap();
        assert_eq!(status.active.as_ref().unwrap().application, "migrate");
        assert_eq!(
            (
                status.source.as_str(),
                status.finished_at.as_ref(),
                status.steps_done
            ),
            ("shop", None, 0)
        );
        let customer = &status.tables[0];
        assert_eq!(
            (customer.chunks, customer.chunks_done, customer.total.digest.rows),
            (Some(1), 1, 3)
        );
        assert_eq!(
            status.events.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(),
            ["begun"]
        );
        sink.complete(&plan, &Silent).await.unwrap();
        sink.close().await.unwrap();
        let status = db.sink().await.status().await.unwrap().unwrap();
        assert_eq!(
            (status.active, status.steps_done, status.steps_failed),
            (None, 13, vec![])
        );
        assert!(status.finished_at.is_some());
    })
    .await;
}
