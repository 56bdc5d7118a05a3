//! Runs from memory to memory, and what is told about them.

use std::sync::Arc;

use migrate_core::catalog::ObjectName;
use migrate_core::mapping::Mapping;
use migrate_core::memory::{Cell, MemorySink, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::pg_type::PgType;
use migrate_core::pipeline::{self, Options};
use migrate_core::plan::Target;
use migrate_core::planner;
use migrate_core::source::Source;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::args::{ColorWhen, GlobalArgs};

struct Run {
    plan: Arc<Plan>,
    sink: MemorySink,
    report: Report,
}

fn table() -> ObjectName {
    ObjectName::new("dbo", "Person")
}

fn source(names: &[&str]) -> MemorySource {
    let rows = names
        .iter()
        .enumerate()
        .map(|(i, n)| vec![Cell::Int(i as i64), Cell::Text((*n).to_owned())])
        .collect();
    MemorySource::new("people").table(table(), &[("id", PgType::Int8), ("name", PgType::Text)], rows)
}

async fn run(names: &[&str], sink: MemorySink) -> Run {
    let source = source(names);
    let catalog = source.discover().await.unwrap();
    let plan = Arc::new(planner::plan(&catalog, &Mapping::default(), &Target::default()).unwrap());
    let report = pipeline::run(
        Arc::new(source),
        Arc::new(sink.clone()),
        Arc::clone(&plan),
        Options::default(),
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
    .unwrap();
    Run { plan, sink, report }
}

async fn validated(run: &Run) -> Validation {
    let stored = Arc::new(run.sink.clone());
    let options = migrate_validate::Options::default();
    migrate_validate::validate(stored, None, options, Arc::new(Silent), CancellationToken::new())
        .await
        .unwrap()
}

fn place() -> Place {
    Place {
        address: "db:5432/people".to_owned(),
        database: "people".to_owned(),
        user: "app".to_owned(),
        version: "18.0".to_owned(),
        embedded: None,
        variable: None,
    }
}

fn told(run: &Run, validation: Option<&Validation>) -> (Exit, String, Value) {
    let place = place();
    let at = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let outcome = Outcome {
        accounts: None,
        plan: &run.plan,
        place: &place,
        report: &run.report,
        validation,
        swapped: Some(&migrate_sink_postgres::Swapped::default()),
        began: at,
        ended: at,
    };
    let ui = Ui::new(&GlobalArgs {
        json: false,
        quiet: false,
        verbose: 0,
        color: ColorWhen::Never,
    });
    (outcome.exit(), outcome.print(&ui), outcome.as_json())
}

#[tokio::test]
async fn a_clean_run_ends_with_0_and_a_second_one_says_that_nothing_was_left() {
    let first = run(&["a", "b", "c"], MemorySink::default()).await;
    let found = validated(&first).await;
    let (exit, text, json) = told(&first, Some(&found));
    assert_eq!(exit, Exit::Done);
    assert!(
        text.contains("Copied 3 rows") && text.contains("Validated: 3 rows in 1 table"),
        "{text}"
    );
    assert_eq!(json["outcome"], "complete");
    assert_eq!(json["total"]["written"], 3);
    assert_eq!(json["began"], "2023-11-14T22:13:20.000Z");
    assert_eq!(json["run"]["tables"][0]["digest"], json["total"]["digest"]);
    assert_eq!(json["validation"]["agrees"], true);

    let second = run(&["a", "b", "c"], first.sink.clone()).await;
    let (exit, text, json) = told(&second, None);
    assert_eq!(exit, Exit::Done);
    assert!(
        text.contains("Nothing was left to do") && text.contains("Not validated"),
        "{text}"
    );
    assert_eq!(json["outcome"], "nothing to do");
    assert_eq!(json["total"]["written"], 3);
    assert!(json["validation"].is_null());
}

#[tokio::test]
async fn rows_in_quarantine_end_with_3() {
    let run = run(&["a", "b\0", "c"], MemorySink::default()).await;
    let found = validated(&run).await;
    let (exit, text, json) = told(&run, Some(&found));
    assert_eq!(exit, Exit::Incomplete);
    assert!(text.contains("Quarantine: 1 row refused"), "{text}");
    assert_eq!(json["outcome"], "incomplete");
    assert_eq!(
        (&json["total"]["read"], &json["total"]["quarantined"]),
        (&3.into(), &1.into())
    );
}

#[tokio::test]
async fn failed_steps_end_with_3() {
    let mut run = run(&["a"], MemorySink::default()).await;
    run.report
        .failed_steps
        .push(("index x of dbo.Person".to_owned(), "no \x1b[31mspace".to_owned()));
    let (exit, text, _) = told(&run, None);
    assert_eq!(exit, Exit::Incomplete);
    assert!(
        text.contains("Failed: index x of dbo.Person: no \u{fffd}[31mspace"),
        "{text}"
    );
    assert!(
        text.contains("Created, except for what failed: 1 schema"),
        "{text}"
    );
}

#[tokio::test]
async fn a_difference_ends_with_7_and_outweighs_the_rest() {
    let run = run(&["a", "b\0", "c"], MemorySink::default()).await;
    run.sink.tamper(&table(), |rows| {
        rows.pop();
    });
    let found = validated(&run).await;
    let (exit, text, json) = told(&run, Some(&found));
    assert_eq!(exit, Exit::Mismatch);
    assert!(
        text.contains("Differs from what was read: 1 of 1 table: dbo.Person"),
        "{text}"
    );
    assert!(
        text.contains("dbo.Person: rows missing; 2 rows were read, 1 are stored"),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|l| l.contains("dbo.Person") && l.ends_with("DIFFERS")),
        "{text}"
    );
    assert_eq!(json["outcome"], "mismatch");
    assert_eq!(json["exit_code"], 7);
}

#[tokio::test]
async fn the_report_replaces_an_older_one_in_one_step() {
    let run = run(&["a"], MemorySink::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    std::fs::write(&path, "old").unwrap();
    let (_, _, json) = told(&run, None);
    let place = place();
    let at = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let outcome = Outcome {
        accounts: None,
        plan: &run.plan,
        place: &place,
        report: &run.report,
        validation: None,
        swapped: Some(&migrate_sink_postgres::Swapped::default()),
        began: at,
        ended: at,
    };
    outcome.write(&path).unwrap();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written, json);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(
        outcome
            .write(&dir.path().join("none/report.json"))
            .unwrap_err()
            .kind(),
        migrate_core::ErrorKind::Io
    );
}
