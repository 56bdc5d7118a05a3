//! Go or no-go.

use std::sync::Arc;

use migrate_core::memory::{Cell, MemorySource};
use migrate_core::proof::{Percent, Proof};
use migrate_validate::{Layers, Level, Options, Validation};
use serde_json::json;

use crate::migrated::*;

async fn with(done: &Migrated, options: Options) -> Validation {
    run(Arc::new(done.sink.clone()), None, options).await.unwrap()
}

#[tokio::test]
async fn fewer_rows_than_wanted_stand_in_the_way() {
    let mut all = rows(30);
    all[3][1] = Cell::Text("\0".into());
    let source = MemorySource::new("s").chunk_rows(7).table(t("A"), &COLUMNS, all);
    let done = Migrated::over(source).await;
    for (success, go) in [
        (None, false),
        (Some(96.667), false),
        (Some(96.666), true),
        (Some(0.0), true),
    ] {
        let proof = Proof {
            success: success.map(|s| Percent::new(s).unwrap()),
            ..Proof::default()
        };
        let options = Options {
            proof: Some(proof),
            ..Options::default()
        };
        let found = with(&done, options).await;
        let verdict = &found.verdict;
        assert_eq!(
            (verdict.go, verdict.arrived, verdict.due),
            (go, 29, 30),
            "{success:?}"
        );
        // Either way it is said.
        assert_eq!(
            (verdict.reasons.len(), verdict.warnings.len()),
            if go { (0, 1) } else { (1, 0) }
        );
    }
}

#[tokio::test]
async fn quick_counts_and_nothing_else() {
    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| stored[0][30] ^= 1);
    let options = Options {
        layers: Level::Quick.layers(),
        ..Options::default()
    };
    // A changed row is a row.
    let found = with(&done, options.clone()).await;
    assert!(found.verdict.go && found.tables[0].stored.is_none());
    done.sink.tamper(&t("A"), |stored| {
        stored.pop();
    });
    let found = with(&done, options).await;
    assert_eq!(found.tables[0].rows, Some(29));
    assert_eq!(
        found.verdict.reasons,
        ["dbo.A: its rows are not those that were read"]
    );
}

#[tokio::test]
async fn values_can_be_hidden_and_keys_are_not() {
    let done = Migrated::tables(&[("A", 30)]).await;
    done.sink.tamper(&t("A"), |stored| {
        let at = place(stored, 8);
        stored[at] = tuple(&[Cell::Int(8), Cell::Text("somebody".into()), Cell::Int(800)]);
    });
    for (mask, expected, found) in [
        (false, json!("name 8"), json!("somebody")),
        (true, json!("*** (6 bytes)"), json!("*** (8 bytes)")),
    ] {
        let options = Options {
            mask,
            ..Options::default()
        };
        let source = Arc::new(done.source.clone());
        let seen = run(Arc::new(done.sink.clone()), Some(source), options)
            .await
            .unwrap();
        let difference = &seen.tables[0].differences[0];
        assert_eq!(difference.key, id(8));
        assert_eq!(difference.expected.as_ref().unwrap()["name"], expected);
        assert_eq!(difference.found.as_ref().unwrap()["name"], found);
    }
}

#[tokio::test]
async fn values_that_look_alike_are_told_apart() {
    let columns = [
        ("id", migrate_core::pg_type::PgType::Int4),
        ("x", migrate_core::pg_type::PgType::Float8),
    ];
    let source = MemorySource::new("s").table(t("A"), &columns, vec![vec![Cell::Int(1), Cell::Float(0.0)]]);
    let done = Migrated::over(source).await;
    // The sign of zero.
    done.sink.tamper(&t("A"), |stored| {
        let sign = stored[0].len() - 8;
        stored[0][sign] ^= 0x80;
    });
    let difference = &done.with_source().await.tables[0].differences[0];
    assert_eq!(difference.expected, Some(json!({ "x": "\\x0000000000000000" })));
    assert_eq!(difference.found, Some(json!({ "x": "\\x8000000000000000" })));
}

#[tokio::test]
async fn a_note_tells_a_later_validation() {
    let done = Migrated::tables(&[("A", 30), ("B", 3)]).await;
    done.sink.tamper(&t("B"), |stored| {
        stored.pop();
    });
    let options = Options {
        note: true,
        layers: Layers::AFTER_RUN,
        ..Options::default()
    };
    let found = with(&done, options).await;
    assert!(found.tables.iter().all(|t| !t.was_right));
    let was_right = with(&done, Options::default()).await;
    let was_right: Vec<bool> = was_right.tables.iter().map(|t| t.was_right).collect();
    assert_eq!(was_right, [true, false]);
}
