//! More than fits a page, a part, a checkpoint.

use super::*;

/// Documents with text that hardly compresses, of sizes from a few bytes to some megabytes.
fn mixed(seed: u64, bytes: usize) -> Vec<Vec<u8>> {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        state >> 33
    };
    let mut all = Vec::new();
    let mut total = 0;
    while total < bytes {
        let length = match next() % 2000 {
            0 => 3_000_000,
            1..20 => 20_000,
            _ => next() % 900,
        };
        let data: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        let value = bson::Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: data,
        };
        let document = bson::serialize_to_vec(&bson::doc! { "_id": all.len() as i64, "data": value });
        all.push(document.expect("a document"));
        total += all[all.len() - 1].len();
    }
    all
}

#[test]
fn parts_of_large_collections_add_up() {
    let root = tempfile::tempdir().expect("a directory");
    let collections = vec![
        DumpedCollection::new("d", "a", mixed(1, 24 << 20)),
        DumpedCollection::new("d", "b", mixed(2, 12 << 20)),
    ];
    let dump = Dump {
        collections,
        block: 1 << 20,
    };
    let goal = ChunkGoal {
        bytes: 3 << 20,
        max_chunks: 10_000,
    };
    for (name, archive, gzip) in [
        ("plain", false, false),
        ("gzip", false, true),
        ("archive", true, false),
        ("archive.gz", true, true),
    ] {
        let path = root.path().join(name);
        if archive {
            dump.write_archive(&path, gzip).expect("written");
        } else {
            dump.write_directory(&path, gzip).expect("written");
        }
        let store = open(&path, &DumpOptions::default()).expect("a dump");
        runtime().block_on(async {
            for collection in &dump.collections {
                let parts = store.split(&collection.name, goal).await.expect("parts");
                let expected = if gzip { 2..=6 } else { 3..=9 };
                assert!(parts.len() >= *expected.start(), "{name}: {} parts", parts.len());
                assert!(parts.len() <= *expected.end(), "{name}: {} parts", parts.len());
                let read = read(&*store, &collection.name, goal).await.expect("documents");
                assert!(read == collection.documents, "{name}");
                // From the middle of each part on.
                for part in &parts {
                    let open = |after| {
                        let store = &store;
                        async move {
                            store
                                .open(&collection.name, &part.token, after, &Fields::All)
                                .await
                        }
                    };
                    let all = drain(open(None).await.expect("opened")).await.expect("documents");
                    let middle = all.len() / 2;
                    let rest = open(Some(&all[middle].1)).await.expect("opened");
                    assert!(
                        drain(rest).await.expect("documents") == all[middle + 1..],
                        "{name}"
                    );
                }
                let few = ChunkGoal {
                    bytes: 1,
                    max_chunks: 2,
                };
                assert!(store.split(&collection.name, few).await.expect("parts").len() <= 2);
            }
        });
    }
}
