//! Steps after the rows that fail.

use migrate_core::observer::Silent;
use migrate_core::plan::{Plan, Target};
use migrate_core::sink::{Completion, Sink};
use migrate_core::value::Value;

use crate::database::on_each_server_and_pooler;
use crate::fixture::*;

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_listed_and_only_they_are_tried_again() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let mut plan = plan(sink.target());
        plan.views[0].query =
            "select \"Label\" from \"Sales\".\"Customer\" where no_such_function(score)".into();
        fill(&sink, &plan).await;
        // An orphan, which the source vouched not to have.
        db.run("update \"Sales\".\"Order \"\"x\"\"\" set customer = 4711 where no = 1")
            .await;
        let done = sink.complete(&plan, &Silent).await.unwrap();
        assert_eq!(done.steps, 11);
        let failed: Vec<&str> = done.failed.iter().map(|(subject, _)| subject.as_str()).collect();
        assert_eq!(
            failed,
            ["rows of Sales.Order \"x\" against fk customer", "view Sales.Top"]
        );
        assert!(
            done.failed[0]
                .1
                .starts_with("insert or update on table \"Order \"x\"\" violates foreign key constraint"),
            "{}",
            done.failed[0].1
        );
        assert!(!done.failed[0].1.contains("4711"));
        assert!(done.failed[1].1.contains("undefined_function"));
        let status = sink.status().await.unwrap().unwrap();
        assert_eq!((status.finished_at, status.steps_done), (None, 11));
        assert_eq!(status.steps_failed, done.failed);

        db.run(
            "delete from \"Sales\".\"Order \"\"x\"\"\" where no = 1;
             create function public.no_such_function(int) returns boolean language sql as 'select $1 > 3'",
        )
        .await;
        assert_eq!(
            sink.complete(&plan, &Silent).await.unwrap(),
            Completion {
                steps: 2,
                failed: vec![]
            }
        );
        assert_eq!(db.words("select who from \"Sales\".\"Top\"").await, "c3");
        assert!(sink.begin(&plan).await.unwrap().complete);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_that_nobody_vouches_for_stay_unchecked() {
    on_each_server_and_pooler(|db| async move {
        let sink = db.sink().await;
        let mut plan = plan(sink.target());
        plan.tables[0].checks[0].validate = false;
        plan.tables[0].checks[0].expression = "score < 0".into();
        plan.tables[1].foreign_keys[0].validate = false;
        fill(&sink, &plan).await;
        db.run("update \"Sales\".\"Order \"\"x\"\"\" set customer = 4711")
            .await;
        assert_eq!(
            sink.complete(&plan, &Silent).await.unwrap(),
            Completion {
                steps: 11,
                failed: vec![]
            }
        );
        assert_eq!(
            db.words(
                "select convalidated from pg_constraint
                 where connamespace = '\"Sales\"'::regnamespace and contype in ('f', 'c')"
            )
            .await,
            "false false"
        );
        sink.close().await.unwrap();
    })
    .await;
}

/// An identity with the rows, the first value, the step and the last value that the source names, and what comes next.
async fn next_after(
    db: &crate::database::Database,
    rows: &[i64],
    start: i64,
    step: i64,
    last: Option<i64>,
) -> i64 {
    let sink = db.sink().await;
    let mut plan: Plan = plan(Target { ..sink.target() });
    plan.tables.truncate(1);
    plan.views.clear();
    let identity = plan.tables[0].columns[0].identity.as_mut().unwrap();
    (identity.start, identity.increment, identity.last) = (start, step, last);
    let table = plan.tables[0].clone();
    sink.begin(&plan).await.unwrap();
    sink.register(&table.source, &[chunk("Customer", 0)], None)
        .await
        .unwrap();
    let cells: Vec<Vec<Value<'_>>> = rows
        .iter()
        .map(|id| vec![Value::Int64(*id), Value::Null, Value::Int32(0)])
        .collect();
    copy(&sink, &table, 0, &[batch(&table, &cells)]).await;
    assert_eq!(sink.complete(&plan, &Silent).await.unwrap().failed, []);
    // The default of `score` tells the new row from the copied ones.
    db.run("insert into \"Sales\".\"Customer\" default values").await;
    let next = db
        .words("select id from \"Sales\".\"Customer\" where score = 7")
        .await;
    sink.clean(true).await.unwrap();
    next.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_go_on_past_the_furthest_value() {
    on_each_server_and_pooler(|db| async move {
        for (rows, start, step, last, next) in [
            (&[][..], 1, 1, None, 1),
            (&[], 100, 10, None, 100),
            (&[], 1, 1, Some(5), 6),
            (&[1, 2, 3], 1, 1, Some(3), 4),
            (&[1, 2, 30], 1, 1, Some(3), 31),
            (&[1, 2], 1, 1, Some(50), 51),
            (&[-7, -3], 1, 1, None, 1),
            (&[-7, -3], -10, 1, None, -2),
            (&[-1, -2], -1, -1, Some(-9), -10),
            (&[5, 4], 10, -2, None, 2),
            (&[9], 0, 3, Some(6), 12),
            (&[i64::MAX - 1], 1, 1, None, i64::MAX),
        ] {
            assert_eq!(
                next_after(&db, rows, start, step, last).await,
                next,
                "{rows:?} {start} {step} {last:?}"
            );
        }
    })
    .await;
}
