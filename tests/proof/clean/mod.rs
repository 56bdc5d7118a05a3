//! What comes out of every kind of source is proven without an alarm, whatever values it holds.
//!
//! Each round makes a database at random, of types and values that are hard to keep: floats that are no numbers, zeros below
//! zero, digits that are rounded, texts that are padded or hold what PostgreSQL has no place for. It is migrated, proven
//! from the ledger and from the source, compared as any two databases are, and left with nothing to repair.

mod mongo;
mod mssql;
mod postgres;

use std::sync::Arc;

use migrate_core::mapping::Mapping;
use migrate_core::observer::Silent;
use migrate_core::proof::{Percent, Proof};
use migrate_core::source::Source;
use migrate_core::{pipeline, planner};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_validate::{DiffOptions, DiffSide, Level, Options, RepairOptions, Side, diff, repair, validate};
use tokio_util::sync::CancellationToken;

use crate::how_many;
use crate::loaded::Scratch;

/// So many rounds for each kind of source.
fn rounds() -> u64 {
    how_many("MIGRATE_TEST_CLEAN_RUNS", 1) as u64
}

/// Opens the source anew for everything that is done, as every command does.
async fn proves_clean<F>(what: &str, open: impl Fn() -> F, mapping: &Mapping, quarantined: u64)
where
    F: Future<Output = Arc<dyn Source>>,
{
    let scratch = Scratch::new();
    let sink = PostgresSink::connect(SinkOptions::new(scratch.url()))
        .await
        .unwrap();
    let source = open().await;
    let plan = planner::plan(&source.discover().await.unwrap(), mapping, &sink.target()).unwrap();
    let plan = Arc::new(plan);
    let report = pipeline::run(
        source,
        sink.clone(),
        Arc::clone(&plan),
        pipeline::Options::default(),
        Arc::new(Silent),
        CancellationToken::new(),
    );
    let report = report.await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
    let held: u64 = report.tables.iter().map(|t| t.receipt.quarantined).sum();
    assert_eq!(held, quarantined, "{what}: {report:?}");
    drop(sink);

    for with_source in [false, true] {
        let stored = PostgresSink::connect_to_read(SinkOptions::new(scratch.url()))
            .await
            .unwrap();
        let source = if with_source { Some(open().await) } else { None };
        let options = Options {
            layers: Level::Full.layers(),
            proof: Some(Proof {
                success: Percent::new(50.0),
                ..Proof::default()
            }),
            ..Options::default()
        };
        let found = validate(
            stored,
            source,
            options,
            Arc::new(Silent),
            CancellationToken::new(),
        );
        let found = found.await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
        for table in &found.tables {
            assert!(
                table.agrees() && table.differences.is_empty(),
                "{what}: {table:?}"
            );
        }
        assert_eq!(found.schema.as_deref(), Some(&[][..]), "{what}");
        assert!(found.verdict.go, "{what}: {:?}", found.verdict);
    }

    let stored = PostgresSink::connect(SinkOptions::new(scratch.url()))
        .await
        .unwrap();
    let (observer, cancel) = (Arc::new(Silent), CancellationToken::new());
    let repairs = repair(
        stored.clone(),
        open().await,
        RepairOptions::default(),
        observer,
        cancel,
    );
    assert_eq!(repairs.await.unwrap(), [], "{what}");

    // Rows that no table takes are on one side only.
    if quarantined == 0 {
        let source = open().await;
        let left = DiffSide {
            side: Side::source(source.snapshot(&plan).await.unwrap()),
            plan: (*plan).clone(),
        };
        let right = DiffSide {
            side: Side::Stored(stored),
            plan: (*plan).clone(),
        };
        let (observer, cancel) = (Arc::new(Silent), CancellationToken::new());
        let found = diff(left, right, DiffOptions::default(), observer, cancel)
            .await
            .unwrap();
        assert!(found.is_same(), "{what}: {found:?}");
    }
}
