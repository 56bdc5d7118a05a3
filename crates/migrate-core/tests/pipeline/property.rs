//! Whatever goes wrong, and however often: run again, and every row is there once.

use proptest::prelude::*;

use crate::faults::{Fault, Point};
use crate::stage::Stage;

fn point() -> impl Strategy<Value = Point> {
    use Point::*;
    proptest::sample::select(vec![
        Split, Read, Fill, Fill, Fill, Finish, Verify, Begin, Register, Writer, Write, Write, Write, Commit,
        Commit, Commit, Abort, Complete, Close,
    ])
}

fn fault() -> impl Strategy<Value = Fault> {
    use Fault::*;
    proptest::sample::select(vec![
        Transient,
        Transient,
        DoneTransient,
        DoneTransient,
        Fatal,
        DoneFatal,
        Cancel,
        Steal,
        Panic,
    ])
}

/// `run` calls these itself, in the caller's task: a panic there is the caller's.
fn in_the_callers_task(point: Point) -> bool {
    use Point::*;
    matches!(point, Split | Verify | Begin | Register | Complete | Close)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_row_arrives_once(
        sizes in proptest::collection::vec(0..60_usize, 1..4),
        chunk_rows in 1..50_usize,
        batch_bytes in 0..800_usize,
        commit_bytes in prop_oneof![Just(1_u64), 1..2000_u64, Just(u64::MAX)],
        workers in 1..5_usize,
        memory in 0..4096_usize,
        retries in 0..3_u32,
        faults in proptest::collection::vec((point(), 0..30_usize, fault()), 0..10),
        two_threads: bool,
        together: bool,
    ) {
        let mut runtime = if two_threads {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        let faults: Vec<_> = faults
            .into_iter()
            .map(|(p, n, f)| (p, n, if f == Fault::Panic && in_the_callers_task(p) { Fault::Fatal } else { f }))
            .collect();
        runtime.enable_time().build().unwrap().block_on(async {
            let names = ["A", "B", "C"];
            let tables: Vec<(&str, usize)> = names.into_iter().zip(sizes).collect();
            let mut stage = if together {
                Stage::together(&tables, chunk_rows).await
            } else {
                Stage::new(&tables, chunk_rows).await
            };
            stage.options.batch_bytes = batch_bytes;
            stage.options.commit_bytes = commit_bytes;
            stage.options.workers = workers;
            stage.options.memory = memory;
            stage.options.retry.attempts = retries;
            stage.script.add(&faults);
            let mut runs = 0;
            let report = loop {
                runs += 1;
                let before = stored(&stage, &tables);
                let outcome = stage.run(&[]).await;
                let unknown = |(p, _, f): &(Point, usize, Fault)| {
                    *f == Fault::Panic || (*p == Point::Commit && matches!(f, Fault::DoneTransient | Fault::DoneFatal))
                };
                if !faults.iter().any(unknown) {
                    // Unless a commit's outcome stayed unknown, progress as told is progress as stored.
                    assert_eq!(stage.recorder.net().0 as usize, stored(&stage, &tables) - before);
                }
                match outcome {
                    Ok(report) => break report,
                    // Each fault happens once, and a run fails of one at least.
                    Err(_) => assert!(runs <= faults.len(), "{runs} runs for {faults:?}"),
                }
            };
            stage.assert_complete(&tables).await;
            let rows: Vec<u64> = report.tables.iter().map(|t| t.receipt.digest.rows).collect();
            assert_eq!(rows, tables.iter().map(|(_, n)| *n as u64).collect::<Vec<_>>());
            assert!(report.is_clean());
            let again = stage.run(&[]).await;
            if let Ok(again) = again {
                assert!(again.already_complete);
            }
            stage.assert_complete(&tables).await;
        });
    }
}

fn stored(stage: &Stage, tables: &[(&str, usize)]) -> usize {
    tables.iter().map(|(name, _)| stage.ids(name).len()).sum()
}
