//! What the ledger says, and what stands in the way of reading.

use std::sync::{Arc, Mutex};

use migrate_core::catalog::ObjectName;
use migrate_core::chunk::ChunkGoal;
use migrate_core::mapping::Mapping;
use migrate_core::memory::{MemorySink, MemorySource};
use migrate_core::observer::{Event, Observer, Silent};
use migrate_core::plan::{Plan, Target};
use migrate_core::sink::Sink;
use migrate_core::source::Source;
use migrate_core::{ErrorKind, planner};
use migrate_validate::{Options, validate};
use tokio_util::sync::CancellationToken;

use crate::migrated::*;

#[tokio::test]
async fn without_a_ledger_there_is_nothing_to_compare_with() {
    let error = run(Arc::new(MemorySink::new()), None, Options::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "the destination has no ledger to validate against"
    );
    assert!(error.hint_text().unwrap().contains("migrate clean"));
}

async fn planned(source: &MemorySource) -> Plan {
    planner::plan(
        &source.discover().await.unwrap(),
        &Mapping::default(),
        &Target::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_migration_that_is_not_complete_does_not_agree() {
    let source = MemorySource::new("s")
        .chunk_rows(7)
        .table(t("A"), &COLUMNS, rows(20))
        .table(t("B"), &COLUMNS, rows(9));
    let plan = planned(&source).await;
    let sink = MemorySink::new();
    sink.begin(&plan).await.unwrap();
    // The first table is split and nothing of it copied; the second was not reached.
    let snapshot = source.snapshot(&plan).await.unwrap();
    let chunks = snapshot
        .split(&plan.tables[0], ChunkGoal::default())
        .await
        .unwrap();
    sink.register(&t("A"), &chunks, None).await.unwrap();
    for with_source in [None, Some(Arc::new(source.clone()) as Arc<dyn Source>)] {
        let again = with_source.is_some();
        let found = run(Arc::new(sink.clone()), with_source, Options::default())
            .await
            .unwrap();
        assert!(!found.agrees() && !found.complete);
        assert!(
            found
                .tables
                .iter()
                .all(|t| !t.complete && !t.agrees() && t.differences.is_empty())
        );
        let read: Vec<Option<u64>> = found
            .tables
            .iter()
            .map(|t| t.read_again.map(|d| d.rows))
            .collect();
        assert_eq!(read, if again { [Some(20), Some(0)] } else { [None, None] });
    }
}

#[tokio::test]
async fn a_chunk_that_is_not_done_makes_its_table_incomplete() {
    let done = Migrated::tables(&[("A", 30), ("B", 9)]).await;
    let edit = Box::new(|view: &mut migrate_core::stored::LedgerView| {
        view.complete = false;
        view.tables.get_mut(&t("A")).unwrap()[2].1.done = false;
    });
    let stored = Edited {
        sink: done.sink.clone(),
        edit,
        broken: None,
    };
    let found = run(
        Arc::new(stored),
        Some(Arc::new(done.source.clone())),
        Options::default(),
    )
    .await
    .unwrap();
    let complete: Vec<bool> = found.tables.iter().map(|t| t.complete && t.agrees()).collect();
    assert_eq!((complete, found.complete), (vec![false, true], false));
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_named() {
    let done = Migrated::tables(&[("A", 30), ("B", 9), ("C", 9)]).await;
    let stored = Edited {
        sink: done.sink.clone(),
        edit: Box::new(|_| {}),
        broken: Some("B"),
    };
    let error = run(
        Arc::new(stored),
        None,
        Options {
            jobs: 1,
            ..Options::default()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Connection, "scripted loss (table dbo.B)".into())
    );
}

#[tokio::test]
async fn cancelling_ends_it() {
    let done = Migrated::tables(&[("A", 30)]).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let stored = Arc::new(done.sink.clone());
    let error = validate(stored, None, Options::default(), Arc::new(Silent), cancel)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[derive(Default)]
struct Steps(Mutex<Vec<String>>);

impl Observer for Steps {
    fn event(&self, event: &Event) {
        let line = match event {
            Event::StepStarted { step } => format!("+ {step}"),
            Event::StepDone { step, .. } => format!("- {step}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn tables_are_taken_one_by_one_largest_first() {
    let done = Migrated::tables(&[("A", 5), ("B", 30), ("C", 9)]).await;
    let steps = Arc::new(Steps::default());
    let options = Options {
        jobs: 0,
        ..Options::default()
    };
    let observer = Arc::clone(&steps) as Arc<dyn Observer>;
    let found = validate(
        Arc::new(done.sink.clone()),
        None,
        options,
        observer,
        CancellationToken::new(),
    )
    .await
    .unwrap();
    let seen = steps.0.lock().unwrap().clone();
    let expected: Vec<String> = ["B", "C", "A"]
        .iter()
        .flat_map(|t| ["+", "-"].map(|s| format!("{s} validate dbo.{t}")))
        .collect();
    assert_eq!(seen, expected);
    // Results come in the plan's order all the same.
    let order: Vec<&ObjectName> = found.tables.iter().map(|t| &t.source).collect();
    assert_eq!(order, [&t("A"), &t("B"), &t("C")]);
}
