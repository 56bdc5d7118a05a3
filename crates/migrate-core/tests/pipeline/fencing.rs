//! Writers that should not be there any more.

use std::sync::Arc;

use migrate_core::ErrorKind;
use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::{ChunkId, Segment, Window};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::sink::{Sink, WriteMode};
use migrate_core::source::{Fill, Source};
use migrate_core::stored::Stored;

use crate::faults::Fault::*;
use crate::faults::Point::*;
use crate::stage::{Stage, t};

const TABLES: [(&str, usize); 1] = [("A", 20)];

#[tokio::test]
async fn a_writer_of_an_earlier_run_comes_too_late() {
    for when in ["before the commit of the run that took over", "after it"] {
        let mut stage = Stage::new(&TABLES, 20).await;
        // An earlier run came as far as its split, and one of its writers has all rows.
        stage.fails(&[(Read, 0, Fatal)]).await;
        let table = &stage.plan.tables[0];
        let id = ChunkId {
            table: t("A"),
            ordinal: 0,
        };
        let (mut zombie, _) = stage
            .sink
            .inner
            .writer(table, &id, WriteMode::Fast)
            .await
            .unwrap();
        let (chunk, _) = stage.sink.inner.ledger().await.unwrap().unwrap().tables[&t("A")][0].clone();
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1 << 20);
        let snapshot = stage.source.inner.snapshot(&stage.plan).await.unwrap();
        let mut reader = snapshot.read(table, &chunk, None).await.unwrap();
        assert_eq!(reader.fill(&mut builder).await.unwrap(), Fill::End);
        zombie.write(&builder.take().unwrap()).await.unwrap();
        let segment = Segment {
            read: 20,
            filtered: 0,
            cursor: None,
            done: true,
            window: Window::default(),
            conversions: [].into(),
        };

        if when.starts_with("before") {
            stage.script.add(&[(Commit, 0, Hang)]);
            stage.begin_anew();
            let run = tokio::spawn(stage.future());
            stage.script.hung.notified().await;
            assert_eq!(
                zombie.commit(segment).await.unwrap_err().kind(),
                ErrorKind::Fenced
            );
            run.abort();
            let _ = run.await;
            assert_eq!(stage.ids("A").len(), 0);
            stage.succeeds(&[]).await;
        } else {
            stage.succeeds(&[]).await;
            assert_eq!(
                zombie.commit(segment).await.unwrap_err().kind(),
                ErrorKind::Fenced
            );
        }
        stage.assert_complete(&TABLES).await;
    }
}

#[tokio::test]
async fn a_run_whose_chunk_is_taken_over_stops() {
    for (point, n) in [(Write, 0), (Write, 2), (Commit, 0), (Commit, 1)] {
        for commit_bytes in [1, u64::MAX] {
            let mut stage = Stage::new(&TABLES, 10).await;
            stage.options.commit_bytes = commit_bytes;
            stage.options.workers = 1;
            let error = stage.fails(&[(point, n, Steal)]).await;
            assert_eq!(error.kind(), ErrorKind::Fenced, "{point:?} {n}");
            assert_eq!(error.message(), "another writer took the chunk over");
            assert_eq!(stage.recorder.net().0 as usize, stage.ids("A").len());
            stage.succeeds(&[]).await;
            stage.assert_complete(&TABLES).await;
        }
    }
}
