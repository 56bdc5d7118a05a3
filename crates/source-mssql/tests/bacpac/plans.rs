//! What a plan can ask of a file: some columns, some rows, some tables, chunks of some size.

use std::path::PathBuf;

use migrate_core::ErrorKind;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::ChunkGoal;
use migrate_core::mapping::Mapping;
use migrate_core::source::Source;
use migrate_source_mssql::{Bacpac, BacpacOptions, Check};
use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use serde_json::json;

use crate::reading::Reading;

/// Ten rows in five parts, with a computed column between the others.
fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plans.bacpac");
    let table = TableSpec::new("dbo", "T")
        .column(ColumnSpec::new("id", SqlType::Int).not_null())
        .column(ColumnSpec::computed("twice", "([id]*(2))", false))
        .column(ColumnSpec::new("name", SqlType::NVarChar(Some(20))))
        .column(ColumnSpec::new("made", SqlType::Date));
    let other = TableSpec::new("dbo", "Other").column(ColumnSpec::new("id", SqlType::Int).not_null());
    let mut out = BacpacWriter::create(
        &path,
        DatabaseSpec::new("D").table(table).table(other),
        Options::default(),
    )
    .unwrap();
    let rows = (1..=10).map(|n| {
        let name = Cell::or_null((n % 3 > 0).then(|| Cell::text(format!("n{n}"))));
        vec![Cell::Int(n), name, Cell::Date(738_000 + n as u32)]
    });
    out.table_rows("dbo", "T", 2, rows).unwrap();
    out.table_rows("dbo", "Other", 2, [[Cell::Int(5)]]).unwrap();
    out.finish().unwrap();
    (directory, path)
}

async fn planned(path: &std::path::Path, mapping: &str) -> migrate_core::Result<Reading> {
    let mapping = Mapping::from_toml(mapping).unwrap();
    Reading::with(path, BacpacOptions::default(), &mapping).await
}

#[tokio::test]
async fn rows_that_do_not_meet_the_condition_are_counted_and_left_out() {
    let (_directory, path) = file();
    let mapping = "[tables.\"dbo.T\"]\nwhere = \"id > 2 and (name like 'n1%' or name is null)\"";
    let reading = planned(&path, mapping).await.unwrap();
    let rows = reading.rows("dbo", "T").await;
    let ids: Vec<i64> = rows.iter().map(|r| r["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [3, 6, 9, 10]);
    let batches = reading.batches("dbo", "T", 1 << 20, false).await.unwrap();
    assert_eq!(batches.iter().map(|b| b.filtered).sum::<u64>(), 6);
    assert_eq!(
        batches.iter().map(migrate_core::batch::Batch::read).sum::<u64>(),
        10
    );
}

#[tokio::test]
async fn a_condition_that_cannot_be_carried_out_stops_before_anything_is_read() {
    let (_directory, path) = file();
    for (condition, reason) in [
        ("len(name) = 2", "has no column"),
        ("twice = 4", "stores no column twice"),
    ] {
        let mapping = format!("[tables.\"dbo.T\"]\nwhere = \"{condition}\"");
        let Err(error) = planned(&path, &mapping).await else {
            panic!("{condition} was accepted")
        };
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(reason), "{error}");
        assert!(
            error.to_string().contains(condition) && error.to_string().contains("dbo.T"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn columns_can_be_left_out_and_read_in_another_order() {
    let (_directory, path) = file();
    let reading = planned(&path, "[tables.\"dbo.T\".columns.name]\nskip = true")
        .await
        .unwrap();
    assert_eq!(
        reading.rows("dbo", "T").await[0],
        json!({"id": 1, "made": "2021-07-31"})
    );

    let mut reading = planned(&path, "").await.unwrap();
    let table = reading
        .plan
        .tables
        .iter_mut()
        .find(|t| t.source.name == "T")
        .unwrap();
    table.columns.reverse();
    let source = Bacpac::open(&path, BacpacOptions::default()).unwrap();
    reading.snapshot = source.snapshot(&reading.plan).await.unwrap();
    let rows = reading.rows("dbo", "T").await;
    assert_eq!(rows[0], json!({"made": "2021-07-31", "name": "n1", "id": 1}));
    assert_eq!(rows[2], json!({"made": "2021-08-02", "name": null, "id": 3}));
}

#[tokio::test]
async fn plans_for_other_files_are_refused() {
    let (_directory, path) = file();
    let source = Bacpac::open(&path, BacpacOptions::default()).unwrap();
    let reading = planned(&path, "").await.unwrap();
    let mut plan = reading.plan.clone();
    plan.tables[0].source = ObjectName::new("dbo", "Ghost");
    let error = source.snapshot(&plan).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.to_string().contains("dbo.Ghost")),
        (ErrorKind::Config, true)
    );
    let mut plan = reading.plan.clone();
    let table = plan.tables.iter_mut().find(|t| t.source.name == "T").unwrap();
    for column in &mut table.columns {
        column.generated = None;
    }
    let error = source.snapshot(&plan).await.err().unwrap();
    assert!(
        error
            .to_string()
            .contains("no data in the file (table dbo.T, column twice)"),
        "{error}"
    );
}

#[tokio::test]
async fn each_part_is_a_chunk_unless_there_are_too_many() {
    let (_directory, path) = file();
    let reading = planned(&path, "").await.unwrap();
    let table = reading.table("dbo", "T");
    let rows =
        |chunks: &[migrate_core::chunk::Chunk]| chunks.iter().map(|c| c.rows.unwrap()).collect::<Vec<_>>();
    let chunks = reading.snapshot.split(table, ChunkGoal::default()).await.unwrap();
    assert_eq!(rows(&chunks), [2, 2, 2, 2, 2]);
    assert!(
        chunks
            .iter()
            .enumerate()
            .all(|(i, c)| c.id.ordinal as usize == i && c.bytes.unwrap() > 0)
    );
    let goal = ChunkGoal {
        max_chunks: 2,
        ..ChunkGoal::default()
    };
    assert_eq!(rows(&reading.snapshot.split(table, goal).await.unwrap()), [6, 4]);
}

#[tokio::test]
async fn without_a_scan_totals_are_compared_at_the_end() {
    let (_directory, path) = file();
    let options = BacpacOptions {
        check: Check::While,
        ..BacpacOptions::default()
    };
    let reading = Reading::with(&path, options, &Mapping::default()).await.unwrap();
    assert_eq!(reading.table("dbo", "T").rows, None);
    assert_eq!(reading.rows("dbo", "T").await.len(), 10);
    let name = |table: &str| ObjectName::new("dbo", table);
    reading
        .snapshot
        .verify(&[(name("T"), 10), (name("Other"), 1)])
        .await
        .unwrap();
    let error = reading
        .snapshot
        .verify(&[(name("T"), 9), (name("Other"), 1)])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the file holds 10 rows, but its Origin.xml states 11"),
        "{error}"
    );
    // What the plan leaves out is counted then, so that the total speaks for the others.
    reading.snapshot.verify(&[(name("T"), 10)]).await.unwrap();
    let error = reading.snapshot.verify(&[(name("T"), 9)]).await.unwrap_err();
    assert!(error.to_string().contains("the file holds 10 rows"), "{error}");
    let scanned = planned(&path, "").await.unwrap();
    let error = scanned.snapshot.verify(&[(name("T"), 9)]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("9 rows were read where 10 were counted"),
        "{error}"
    );
}

#[tokio::test]
async fn a_fingerprint_is_that_of_the_content() {
    let (_directory, path) = file();
    let of = async |path: PathBuf| {
        let source = Bacpac::open(&path, BacpacOptions::default()).unwrap();
        source.discover().await.unwrap().source.fingerprint
    };
    let (_other, again) = file();
    assert_eq!(of(path.clone()).await, of(again).await);
    assert_eq!(of(path.clone()).await.len(), 64);
    let changed = path.with_file_name("changed.bacpac");
    let mut package = migrate_testkit::fault::Package::open(&path).unwrap();
    let part = migrate_testkit::bacpac::part_name("dbo", "Other", 0);
    package.set(&part, 6_i32.to_le_bytes().to_vec());
    package.save(&changed).unwrap();
    assert_ne!(of(path).await, of(changed).await);
}

#[tokio::test]
async fn cells_larger_than_any_buffer_arrive_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.bacpac");
    let table = TableSpec::new("dbo", "L")
        .column(ColumnSpec::new("id", SqlType::Int).not_null())
        .column(ColumnSpec::new("blob", SqlType::VarBinary(None)))
        .column(ColumnSpec::new("text", SqlType::NVarChar(None)));
    let mut out =
        BacpacWriter::create(&path, DatabaseSpec::new("D").table(table), Options::default()).unwrap();
    let blob: Vec<u8> = (0..3_000_000_u32).map(|n| ((n * 7) >> 4) as u8).collect();
    let rows: Vec<Vec<Cell>> = (0..4)
        .map(|n| {
            vec![
                Cell::Int(n),
                Cell::Bytes(blob[..n as usize * 999_999].to_vec()),
                Cell::text("ü".repeat(n as usize * 300_000)),
            ]
        })
        .collect();
    out.table_rows("dbo", "L", 100, rows).unwrap();
    out.finish().unwrap();
    let reading = Reading::of(&path).await;
    let rows = reading.rows("dbo", "L").await;
    for (n, row) in rows.iter().enumerate() {
        let hex = hex::encode(&blob[..n * 999_999]);
        assert!(row["blob"] == json!(format!("\\x{hex}")), "row {n}");
        assert!(row["text"] == json!("ü".repeat(n * 300_000)), "row {n}");
    }
    assert_eq!(rows.len(), 4);
    // Read again in pieces, each reader skipping what came before.
    let pieces = reading.batches("dbo", "L", 1, true).await.unwrap();
    assert_eq!(
        pieces.iter().map(migrate_core::batch::Batch::rows).sum::<usize>(),
        4
    );
}
