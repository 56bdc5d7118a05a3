//! The same documents from every kind of dump, in parts, from every cursor on.

use migrate_core::chunk::ChunkGoal;
use proptest::prelude::*;

use super::*;

/// Paths of the same dump in its four forms.
fn forms(dump: &Dump, root: &Path) -> [std::path::PathBuf; 4] {
    let [plain, gzip, archive, compressed] =
        ["plain", "gzip", "all.archive", "all.archive.gz"].map(|name| root.join(name));
    dump.write_directory(&plain, false).expect("written");
    dump.write_directory(&gzip, true).expect("written");
    dump.write_archive(&archive, false).expect("written");
    dump.write_archive(&compressed, true).expect("written");
    [plain, gzip, archive, compressed]
}

#[test]
fn every_form_gives_the_same_documents_and_descriptions() {
    let root = tempfile::tempdir().expect("a directory");
    let dump = dump(300);
    for path in forms(&dump, root.path()) {
        assert!(super::super::is_dump(&path), "{}", path.display());
        let store = open(&path, &options("crm")).expect("a dump");
        assert_eq!(store.info().database, "crm");
        assert_eq!(store.info().version, "7.0.16");
        assert_eq!(store.info().name, path.display().to_string());
        assert_eq!(
            store.notes(),
            ["system.js (stored JavaScript functions) is not migrated"]
        );
        runtime().block_on(async {
            let found = store.collections().await.expect("a valid dump");
            let summary: Vec<_> = found
                .iter()
                .map(|c| (&*c.name, &*c.kind, c.documents, c.indexes.len()))
                .collect();
            assert_eq!(
                summary,
                [
                    ("a/b c%ü.x", "collection", Some(1), 1),
                    ("accounts", "collection", Some(33), 1),
                    ("active", "view", None, 0),
                    ("empty", "collection", Some(0), 1),
                    ("users", "collection", Some(50), 1),
                ]
            );
            let view: bson::Document = bson::deserialize_from_slice(&found[2].options).expect("BSON");
            assert_eq!(view, bson::doc! { "viewOn": "users", "pipeline": [] });
            for goal in [SMALL, ChunkGoal::default()] {
                for collection in &dump.collections {
                    if collection.database == "crm" && collection.name != "system.js" {
                        let documents = read(&*store, &collection.name, goal).await.expect("documents");
                        assert_eq!(documents, collection.documents, "{}", collection.name);
                    }
                }
            }
            let parts = store.split("users", SMALL).await.expect("parts");
            assert!(parts.iter().all(|part| part.documents.is_some()));
            assert_eq!(store.split("empty", SMALL).await.expect("no parts"), []);
            assert_eq!(store.split("active", SMALL).await.expect("no parts"), []);
            let error = store.split("system.js", SMALL).await.expect_err("not there");
            assert_eq!(error.kind(), migrate_core::ErrorKind::Config);
        });
    }
}

#[test]
fn reading_goes_on_after_any_document() {
    let root = tempfile::tempdir().expect("a directory");
    let dump = dump(300);
    for path in forms(&dump, root.path()) {
        let store = open(&path, &options("crm")).expect("a dump");
        runtime().block_on(async {
            let parts = store
                .split("accounts", ChunkGoal::default())
                .await
                .expect("parts");
            assert_eq!(parts.len(), 1);
            let token = &parts[0].token;
            let all = store
                .open("accounts", token, None, &Fields::All)
                .await
                .expect("opened");
            let all = drain(all).await.expect("documents");
            assert_eq!(all.len(), 33);
            for (n, (_, cursor)) in all.iter().enumerate() {
                let rest = store
                    .open("accounts", token, Some(cursor), &Fields::All)
                    .await
                    .expect("opened");
                assert_eq!(drain(rest).await.expect("documents"), all[n + 1..]);
            }
            for cursor in ["", "x", "-1", "99999999"] {
                let cursor = Cursor(cursor.to_owned());
                let error = store
                    .open("accounts", token, Some(&cursor), &Fields::All)
                    .await
                    .err()
                    .expect("no place of the part");
                assert_eq!(error.kind(), migrate_core::ErrorKind::Internal);
            }
        });
    }
}

#[test]
fn documents_know_their_place() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("crm");
    Dump {
        collections: vec![DumpedCollection::new("crm", "a", documents(3, "x"))],
        block: 1000,
    }
    .write_directory(root.path(), false)
    .expect("written");
    runtime().block_on(async {
        let store = open(&path, &DumpOptions::default()).expect("a database's directory");
        let parts = store.split("a", ChunkGoal::default()).await.expect("parts");
        let mut documents = store
            .open("a", &parts[0].token, None, &Fields::All)
            .await
            .expect("opened");
        let mut page = Page::default();
        assert_eq!(documents.fill(&mut page).await.expect("filled"), Fill::More);
        let file = path.join("a.bson");
        let length = document(0, "x").len();
        assert_eq!(
            documents.place(&page, 2),
            format!("offset {} of {}", 2 * length, file.display())
        );
    });
}

#[test]
fn samples_come_from_everywhere() {
    let root = tempfile::tempdir().expect("a directory");
    let padding = "p".repeat(1000);
    let all = documents(8000, &padding);
    let dump = Dump {
        collections: vec![DumpedCollection::new("crm", "a", all.clone())],
        block: 1 << 20,
    };
    for path in forms(&dump, root.path()) {
        let store = open(&path, &DumpOptions::default()).expect("a dump");
        runtime().block_on(async {
            let sample = drain(store.sample("a", 100).await.expect("a sample"))
                .await
                .expect("documents");
            let ids: Vec<i32> = sample
                .iter()
                .map(|(d, _)| {
                    let document: bson::Document = bson::deserialize_from_slice(d).expect("BSON");
                    document.get_i32("_id").unwrap_or_else(|_| {
                        i32::try_from(document.get_i64("_id").expect("a number")).expect("a small number")
                    })
                })
                .collect();
            assert_eq!(ids.len(), 100);
            assert!(ids.is_sorted_by(|a, b| a < b));
            assert_eq!(ids[0], 0);
            assert!(ids[99] > 7000, "{}", ids[99]);
            let few = drain(store.sample("a", 3).await.expect("a sample")).await;
            assert_eq!(few.expect("documents").len(), 3);
            let none = drain(store.sample("a", 0).await.expect("a sample")).await;
            assert_eq!(none.expect("documents").len(), 0);
            let whole = drain(store.sample("a", 10_000).await.expect("a sample")).await;
            let whole: Vec<_> = whole.expect("documents").into_iter().map(|(d, _)| d).collect();
            assert_eq!(whole, all);
        });
    }
}

#[test]
fn fingerprints_tell_dumps_apart() {
    let fingerprint = |dump: &Dump| {
        let root = tempfile::tempdir().expect("a directory");
        forms(dump, root.path()).map(|path| {
            let store = open(&path, &options("crm")).expect("a dump");
            let again = open(&path, &options("crm")).expect("a dump");
            assert_eq!(store.info().fingerprint, again.info().fingerprint);
            store.info().fingerprint.clone()
        })
    };
    let one = fingerprint(&dump(300));
    let mut other = dump(300);
    other.collections[0].documents[49] = document(49, "uses");
    other.collections[0].documents[48] = document(48, "users");
    let two = fingerprint(&other);
    for (a, b) in one.iter().zip(&two) {
        assert_ne!(a, b);
    }
    assert_eq!(one, fingerprint(&dump(300)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_documents_in_any_blocks_come_back(
        collections in prop::collection::vec(
            prop::collection::vec((any::<u32>(), ".{0,40}"), 0..30),
            1..7,
        ),
        block in 0_usize..600,
        goal in 1_u64..400,
    ) {
        let root = tempfile::tempdir().expect("a directory");
        let collections: Vec<_> = collections
            .iter()
            .enumerate()
            .map(|(n, made)| {
                let documents = made.iter().map(|(id, text)| document(*id, text)).collect();
                DumpedCollection::new("d", &format!("c{n}"), documents)
            })
            .collect();
        let dump = Dump { collections, block };
        let goal = ChunkGoal { bytes: goal, max_chunks: 100 };
        for path in forms(&dump, root.path()) {
            let store = open(&path, &DumpOptions::default()).expect("a dump");
            runtime().block_on(async {
                for collection in &dump.collections {
                    let documents = read(&*store, &collection.name, goal).await.expect("documents");
                    assert_eq!(documents, collection.documents);
                }
            });
        }
    }
}
