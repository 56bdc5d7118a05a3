//! A CRM with the quirks of years: moved, and every document rebuilt from the tables.

#![allow(clippy::unwrap_used)] // what is not as expected fails the test

mod rebuild;

/// What the way back uses of the crate.
mod back {
    pub(crate) use migrate_source_mongo::{object_id_of_uuid, overflow_from_json, value_from_json};
}

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use migrate_core::decode::CopyReader;
use migrate_core::digest::Digest;
use migrate_core::mapping::Mapping;
use migrate_core::memory::MemorySink;
use migrate_core::observer::Silent;
use migrate_core::pipeline::{self, Options};
use migrate_core::plan::{Plan, TablePlan, Target, quote_ident};
use migrate_core::planner;
use migrate_core::sink::Sink;
use migrate_core::source::Source;
use migrate_core::stored::{Stored, Tuples as Scanned};
use migrate_pg_embedded::Cluster;
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_mongo::{DumpOptions, KeyType, Mongo, MongoConfig, MongoOptions};
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::mongo::crm::{COLLECTIONS, Crm};
use tokio_util::sync::CancellationToken;

use rebuild::bson::{Node, document, number, same, simple, sorted};
use rebuild::{Tuples, documents};

/// A source, moved.
struct Moved {
    plan: Arc<Plan>,
    tuples: Tuples,
    digests: BTreeMap<String, Digest>,
}

async fn plan(source: &Mongo, target: &Target) -> Arc<Plan> {
    let catalog = source.discover().await.unwrap();
    Arc::new(planner::plan(&catalog, &Mapping::default(), target).unwrap())
}

async fn run(source: Mongo, sink: Arc<dyn Sink>, plan: &Arc<Plan>) -> BTreeMap<String, Digest> {
    let (options, cancel) = (Options::default(), CancellationToken::new());
    let report = pipeline::run(
        Arc::new(source),
        sink,
        Arc::clone(plan),
        options,
        Arc::new(Silent),
        cancel,
    )
    .await
    .unwrap();
    assert!(report.is_clean());
    (report.tables.iter())
        .map(|t| (t.source.name.clone(), t.receipt.digest))
        .collect()
}

async fn moved(source: Mongo) -> Moved {
    let plan = plan(&source, &Target::default()).await;
    let sink = MemorySink::new();
    let digests = run(source, Arc::new(sink.clone()), &plan).await;
    let tuples = (plan.tables.iter())
        .map(|t| (t.source.name.clone(), sink.rows(&t.source)))
        .collect();
    Moved {
        plan,
        tuples,
        digests,
    }
}

/// A table's rows as PostgreSQL sends them.
fn copied_out(cluster: &Cluster, table: &TablePlan) -> Vec<Vec<u8>> {
    let columns: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
    let statement = format!(
        "copy {} ({}) to stdout (format binary)",
        table.target.quoted(),
        columns.join(", ")
    );
    let output = cluster
        .psql("crm")
        .unwrap()
        .args(["-qX", "-c", &statement])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut rows = Vec::new();
    let mut reader = CopyReader::new(columns.len());
    reader
        .read(&output.stdout, |row| {
            rows.push(row.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!(reader.finish().unwrap(), rows.len() as u64);
    rows
}

/// A table's rows as they were copied, however the table looks now.
async fn scanned(sink: &PostgresSink, table: &TablePlan) -> Vec<Vec<u8>> {
    let mut scan = sink.scan(table).await.unwrap();
    let (mut tuples, mut rows) = (Scanned::default(), Vec::new());
    while scan.next(&mut tuples).await.unwrap() {
        rows.extend(tuples.iter().map(<[u8]>::to_vec));
    }
    rows
}

fn asked(cluster: &Cluster, query: &str) -> String {
    let output = cluster
        .psql("crm")
        .unwrap()
        .args(["-qXAt", "-v", "ON_ERROR_STOP=1", "-c", query])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{query}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A document's `_id` as text, the same for a value and for what it may be widened to.
fn id_text(document: &Node) -> String {
    let Node::Document(members) = document else {
        panic!("{document:?}")
    };
    match &members.iter().find(|(name, _)| name == b"_id").expect("an _id").1 {
        Node::Scalar(kind @ (0x01 | 0x10 | 0x12 | 0x13), bytes) => number(*kind, bytes),
        Node::Number(digits, _) => digits.clone(),
        Node::Float(bits, _, _) => simple(&format!("{:e}", f64::from_bits(*bits))),
        other => format!("{other:?}"),
    }
}

fn compare(crm: &Crm, moved: &Moved) {
    for (collection, _) in COLLECTIONS {
        let mut originals: HashMap<String, Node> = crm
            .documents(collection)
            .map(|bytes| sorted(document(&bytes)))
            .map(|tree| (id_text(&tree), tree))
            .collect();
        assert_eq!(originals.len(), crm.count(collection) as usize, "{collection}");
        for back in documents(&moved.plan, collection, &moved.tuples) {
            let back = sorted(back);
            let id = id_text(&back);
            let original = originals
                .remove(&id)
                .unwrap_or_else(|| panic!("{collection} has no {id}"));
            assert!(
                same(&original, &back),
                "{collection} {id}\noriginal {original:?}\nrebuilt  {back:?}"
            );
        }
        assert_eq!(originals.len(), 0, "{collection}");
    }
}

fn open(path: &std::path::Path) -> Mongo {
    Mongo::open_dump(path, &DumpOptions::default(), MongoOptions::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_of_a_dump_is_rebuilt_from_the_tables() {
    let crm = Crm::new(1, 1);
    let directory = tempfile::tempdir().unwrap();
    crm.dump("crm").write_directory(directory.path(), false).unwrap();
    let plain = moved(open(directory.path())).await;
    compare(&crm, &plain);

    // However the dump is packed, the rows are the same to the last bit.
    let packed = tempfile::tempdir().unwrap();
    let dump = crm.dump("crm");
    let (zipped, archive, both) = (
        packed.path().join("gz"),
        packed.path().join("crm.archive"),
        packed.path().join("crm.archive.gz"),
    );
    dump.write_directory(&zipped, true).unwrap();
    dump.write_archive(&archive, false).unwrap();
    dump.write_archive(&both, true).unwrap();
    for path in [zipped, archive, both] {
        let other = moved(open(&path)).await;
        assert_eq!(other.digests, plain.digests, "{}", path.display());
        assert_eq!(other.plan.tables, plain.plan.tables, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_gives_the_same_rows_and_postgresql_gives_them_back() {
    let crm = Crm::new(2, 1);
    let directory = tempfile::tempdir().unwrap();
    crm.dump("crm").write_directory(directory.path(), false).unwrap();
    let dumped = moved(open(directory.path())).await;

    let server = MongoServer::start();
    crm.load(&server, "crm").unwrap();
    let config = MongoConfig::parse(&server.url("crm").into()).unwrap();
    let source = Mongo::connect(&config, MongoOptions::default()).await.unwrap();
    let cluster = Cluster::temporary(None, &[]).unwrap();
    cluster.create_database("crm").unwrap();
    let sink = PostgresSink::connect(SinkOptions::new(cluster.url("crm")))
        .await
        .unwrap();
    let plan = plan(&source, &sink.target()).await;
    let digests = run(source, sink, &plan).await;
    assert_eq!(digests, dumped.digests);

    let tuples = (plan.tables.iter())
        .map(|t| (t.source.name.clone(), copied_out(&cluster, t)))
        .collect();
    compare(
        &crm,
        &Moved {
            plan,
            tuples,
            digests,
        },
    );
    cluster.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_become_numbers_and_every_document_is_still_there() {
    let crm = Crm::new(3, 1);
    let directory = tempfile::tempdir().unwrap();
    crm.dump("crm").write_directory(directory.path(), false).unwrap();
    let cluster = Cluster::temporary(None, &[]).unwrap();
    cluster.create_database("crm").unwrap();
    let mut numbers = String::new();
    // The second time begins where the first one ended: with the mapping that it left.
    for round in 0..2 {
        let options = MongoOptions {
            keys: KeyType::BigInt,
            ..MongoOptions::default()
        };
        let source = Mongo::open_dump(directory.path(), &DumpOptions::default(), options).unwrap();
        let sink = PostgresSink::connect(SinkOptions::new(cluster.url("crm")))
            .await
            .unwrap();
        let plan = plan(&source, &sink.target()).await;
        let digests = run(source, sink.clone(), &plan).await;
        let mut tuples = Tuples::new();
        for table in &plan.tables {
            tuples.insert(table.source.name.clone(), scanned(&sink, table).await);
        }
        for table in &plan.tables {
            let mut digest = Digest::default();
            tuples[&table.source.name]
                .iter()
                .for_each(|row| digest.add_row(row));
            assert_eq!(digest, digests[&table.source.name], "{}", table.source);
        }
        compare(
            &crm,
            &Moved {
                plan: Arc::clone(&plan),
                tuples,
                digests,
            },
        );

        // Numbers follow the old keys, references follow the numbers, and new rows go on behind them.
        let users = crm.count("users");
        assert_eq!(
            asked(&cluster, "select count(*), min(\"_id\"), max(\"_id\"), bool_and(\"_id\" = place)
                             from (select *, row_number() over (order by legacy_id) as place from crm.users) as u"),
            format!("{users}|1|{users}|t")
        );
        assert_eq!(
            asked(&cluster, "select count(*) filter (where u.legacy_id::text = m.legacy_key), count(*)
                             from crm.comments as c
                             join crm.users as u on u._id = c.\"authorId\"
                             join migrate.mapping as m on m.source_table = 'crm.users' and m.new_key = u._id::text"),
            format!("{0}|{0}", crm.count("comments"))
        );
        // What comments are about is one of four, with a foreign key to each that they were made for.
        assert_eq!(
            asked(&cluster, "select count(*), count(on_task_id) + count(on_account_id) + count(on_lead_id)
                                    + count(on_opportunity_id),
                                    count(*) filter (where on_type = 'Task' and on_task_id is not null) = count(on_task_id),
                                    bool_and(on_task_id is null or t.legacy_id = on_id)
                             from crm.comments left join crm.tasks as t on t._id = on_task_id"),
            format!("{0}|{0}|t|t", crm.count("comments"))
        );
        assert_eq!(
            asked(
                &cluster,
                "select count(*) from pg_constraint
                             where conrelid = 'crm.comments'::regclass and contype = 'f' and convalidated
                               and conname like 'comments_on_%'"
            ),
            "4"
        );
        let found = asked(
            &cluster,
            "select string_agg(_id || legacy_id::text, ',' order by _id) from crm.comments",
        );
        if round == 0 {
            numbers = found;
            // A comment without a number is the second migration's: it gets the next number, and the others keep theirs.
            asked(
                &cluster,
                "delete from migrate.mapping where source_table = 'crm.comments' and new_key = '1'",
            );
        } else {
            let (first, others) = numbers.split_once(',').unwrap();
            let moved = first.replacen('1', &(crm.count("comments") + 1).to_string(), 1);
            assert_eq!(found, format!("{others},{moved}"));
        }
        let next = "select nextval(pg_get_serial_sequence('crm.users', '_id'))";
        assert_eq!(asked(&cluster, next), (users + 1).to_string());
        sink.clean(true).await.unwrap();
        assert_eq!(
            asked(
                &cluster,
                "select count(*) from pg_tables where schemaname in ('crm', 'migrate')"
            ),
            "1"
        );
        sink.close().await.unwrap();
    }
    cluster.stop().unwrap();
}
