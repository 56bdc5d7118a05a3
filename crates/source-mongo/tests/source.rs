//! The contract of a source, over dumps: chunks hold each row once, and reading goes on from any cursor.

#![allow(clippy::unwrap_used)] // what is not as expected fails the test

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, TablePlan, Target};
use migrate_core::planner;
use migrate_core::source::{Fill, Snapshot, Source};
use migrate_core::{Error, ErrorKind};
use migrate_source_mongo::{DumpOptions, Mongo, MongoOptions};
use migrate_testkit::mongo::crm::Crm;
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};

fn open(path: &Path) -> Mongo {
    Mongo::open_dump(path, &DumpOptions::default(), MongoOptions::default()).unwrap()
}

async fn plan(source: &Mongo, mapping: &str) -> Plan {
    let catalog = source.discover().await.unwrap();
    planner::plan(
        &catalog,
        &Mapping::from_toml(mapping).unwrap(),
        &Target::default(),
    )
    .unwrap()
}

/// The rows of a chunk after a cursor, up to a full batch or the chunk's end; and the place after them.
async fn part(
    snapshot: &dyn Snapshot,
    table: &TablePlan,
    chunk: &Chunk,
    after: Option<&Cursor>,
    bytes: usize,
) -> (Vec<Vec<u8>>, Option<Cursor>, Fill) {
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let mut out = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), bytes);
    let mut reader = snapshot.read(table, chunk, after).await.unwrap();
    let fill = reader.fill(&mut out).await.unwrap();
    let batch = out.take().unwrap();
    assert_eq!(batch.rejects, vec![]);
    (batch.iter().map(<[u8]>::to_vec).collect(), reader.cursor(), fill)
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_hold_each_row_once_and_go_on_from_every_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("crm.archive.gz");
    Crm::new(3, 1).dump("crm").write_archive(&archive, true).unwrap();
    let source = open(&archive);
    let plan = plan(&source, "").await;
    let snapshot = source.snapshot(&plan).await.unwrap();
    let goal = ChunkGoal {
        bytes: 4096,
        max_chunks: 1000,
    };
    let mut resumed = 0;
    for table in &plan.tables {
        let whole = snapshot.split(table, ChunkGoal::default()).await.unwrap();
        let mut all = Vec::new();
        for chunk in &whole {
            let (rows, _, fill) = part(&*snapshot, table, chunk, None, 16 << 20).await;
            assert_eq!(fill, Fill::End);
            all.extend(rows);
        }
        let mut pieces = Vec::new();
        let chunks = snapshot.split(table, goal).await.unwrap();
        let ordinals: Vec<u32> = chunks.iter().map(|c| c.id.ordinal).collect();
        assert_eq!(ordinals, (0..chunks.len() as u32).collect::<Vec<_>>());
        for chunk in &chunks {
            let mut cursor = None;
            loop {
                let (rows, next, fill) = part(&*snapshot, table, chunk, cursor.as_ref(), 1500).await;
                pieces.extend(rows);
                if fill == Fill::End {
                    break;
                }
                resumed += 1;
                cursor = Some(next.expect("a place after rows"));
            }
        }
        assert_eq!(pieces, all, "{}", table.source);
    }
    assert!(
        resumed > 100,
        "only {resumed} batches ended before their chunk did"
    );
}

async fn refused(source: &Mongo, plan: &Plan) -> Error {
    match source.snapshot(plan).await {
        Ok(_) => panic!("the plan was taken"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_refused_before_anything_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let empty = vec![5, 0, 0, 0, 0];
    Dump {
        collections: vec![DumpedCollection::new("shop", "items", vec![empty])],
        ..Dump::default()
    }
    .write_directory(directory.path(), false)
    .unwrap();
    let source = open(directory.path());
    let catalog = source.discover().await.unwrap();
    assert_eq!(catalog.source.kind, "mongodump");
    assert_eq!(catalog.schemas, ["shop"]);
    assert!(!source.capabilities().filter);

    let filtered = plan(&source, "tables.\"shop.items\".where = \"a > 1\"").await;
    assert_eq!(refused(&source, &filtered).await.kind(), ErrorKind::Config);
    let mut foreign = plan(&source, "").await;
    foreign.tables[0].source.name = "others".to_owned();
    assert_eq!(refused(&source, &foreign).await.kind(), ErrorKind::Config);
    foreign.tables[0].source.name = "items[".to_owned();
    assert_eq!(refused(&source, &foreign).await.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn inspecting_says_what_documents_hold() {
    let directory = tempfile::tempdir().unwrap();
    Crm::new(4, 1)
        .dump("crm")
        .write_directory(directory.path(), false)
        .unwrap();
    let reports = open(directory.path()).inspect().await.unwrap();
    let names: BTreeSet<&str> = reports.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names.len(), reports.len());
    let users = reports.iter().find(|r| r.name == "users").expect("users");
    assert_eq!(users.documents, u64::from(Crm::new(4, 1).count("users")));
    assert!(!users.sampled);
    assert!(users.paths.iter().any(|p| p.path == "_id" && p.missing == 0));
}

/// The rows of chunks of several tables in one pass, with a new reader at every cursor.
async fn together(
    snapshot: &dyn Snapshot,
    parts: &[(&TablePlan, &Chunk)],
    bytes: usize,
) -> (Vec<Vec<Vec<u8>>>, usize) {
    let builder = |(table, _): &(&TablePlan, &Chunk)| {
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), bytes)
    };
    let mut out: Vec<BatchBuilder> = parts.iter().map(builder).collect();
    let mut rows = vec![Vec::new(); parts.len()];
    let (mut cursor, mut readers): (Option<Cursor>, usize) = (None, 0);
    loop {
        let mut reader = snapshot.read_together(parts, cursor.as_ref()).await.unwrap();
        let fill = reader.fill(&mut out).await.unwrap();
        for (rows, out) in rows.iter_mut().zip(&mut out) {
            rows.extend(out.take().unwrap().iter().map(<[u8]>::to_vec));
        }
        readers += 1;
        if fill == Fill::End {
            return (rows, readers);
        }
        cursor = reader.cursor();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_collection_are_read_in_one_pass() {
    let directory = tempfile::tempdir().unwrap();
    Crm::new(4, 1)
        .dump("crm")
        .write_directory(directory.path(), false)
        .unwrap();
    let source = open(directory.path());
    let plan = plan(&source, "").await;
    let snapshot = source.snapshot(&plan).await.unwrap();
    let goal = ChunkGoal {
        bytes: 16 << 10,
        max_chunks: 1000,
    };
    let mut groups: std::collections::BTreeMap<String, Vec<(&TablePlan, Vec<Chunk>)>> = Default::default();
    for table in &plan.tables {
        let chunks = snapshot.split(table, goal).await.unwrap();
        groups
            .entry(snapshot.group(table).unwrap())
            .or_default()
            .push((table, chunks));
    }
    let (mut largest, mut resumed) = (0, 0);
    for tables in groups.values() {
        largest = largest.max(tables.len());
        for at in 0..tables[0].1.len() {
            let parts: Vec<(&TablePlan, &Chunk)> =
                tables.iter().map(|(t, chunks)| (*t, &chunks[at])).collect();
            assert!(parts.iter().all(|(_, chunk)| chunk.token == parts[0].1.token));
            let (rows, readers) = together(&*snapshot, &parts, 1500).await;
            resumed += readers - 1;
            for ((table, chunk), rows) in parts.iter().zip(rows) {
                let (alone, _, fill) = part(&*snapshot, table, chunk, None, 16 << 20).await;
                assert_eq!(fill, Fill::End);
                assert!(rows == alone, "{}", chunk.id);
            }
        }
    }
    assert!(largest > 3 && resumed > 20, "{largest} {resumed}");
}
