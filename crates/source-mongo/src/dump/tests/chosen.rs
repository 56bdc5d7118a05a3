//! What is a dump, and which database of it is read.

use std::fs;

use migrate_core::ErrorKind;

use super::super::is_dump;
use super::*;

fn any() -> DumpOptions {
    DumpOptions::default()
}

fn refusal(path: &Path, options: &DumpOptions) -> Error {
    open(path, options).err().expect("has to be refused")
}

#[test]
fn one_of_several_databases_has_to_be_chosen() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("dump");
    let archive = root.path().join("dump.archive");
    dump(300).write_directory(&directory, false).expect("written");
    dump(300).write_archive(&archive, false).expect("written");
    for (path, place) in [(&directory, "dump"), (&archive, "file")] {
        let error = refusal(path, &any());
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.to_string(),
            format!(
                "the dump holds several databases: crm, shop ({place} {})",
                path.display()
            )
        );
        let error = refusal(path, &options("none"));
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error
                .to_string()
                .starts_with("the dump has no database \"none\"; it has admin, crm, shop"),
            "{error}"
        );
        let shop = runtime().block_on(load(path, &options("shop"))).expect("a dump");
        assert_eq!(
            shop,
            [("users".to_owned(), documents(7, "another database's user"))]
        );
        // Of the deployment's own databases only what is not the server's.
        assert_eq!(
            runtime().block_on(load(path, &options("admin"))).expect("a dump"),
            []
        );
    }
}

#[test]
fn the_deployments_own_databases_are_not_chosen_by_themselves() {
    let root = tempfile::tempdir().expect("a directory");
    let mut dump = dump(300);
    dump.collections.retain(|c| c.database != "crm");
    dump.write_directory(root.path(), true).expect("written");
    let store = open(root.path(), &any()).expect("a dump");
    assert_eq!(store.info().database, "shop");
    fs::remove_dir_all(root.path().join("shop")).expect("removed");
    let error = refusal(root.path(), &any());
    assert!(
        error
            .to_string()
            .starts_with("the dump holds only the deployment's own databases: admin"),
        "{error}"
    );
}

#[test]
fn a_databases_directory_and_a_single_file_are_dumps_too() {
    let root = tempfile::tempdir().expect("a directory");
    dump(300).write_directory(root.path(), false).expect("written");
    let crm = root.path().join("crm");
    assert!(is_dump(&crm));
    let store = open(&crm, &any()).expect("a database");
    assert_eq!(store.info().database, "crm");
    let renamed = open(&crm, &options("other")).expect("a database");
    assert_eq!(renamed.info().database, "other");
    let users = crm.join("users.bson");
    assert!(is_dump(&users));
    let store = open(&users, &any()).expect("a file");
    assert_eq!(store.info().database, "crm");
    runtime().block_on(async {
        let found = store.collections().await.expect("a collection");
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].name, found[0].documents), ("users", Some(50)));
        assert_eq!(found[0].indexes.len(), 1);
    });
    fs::remove_file(crm.join("users.metadata.json")).expect("removed");
    let store = open(&users, &any()).expect("a file");
    assert_eq!(
        store.notes(),
        ["users has no metadata in the dump, so its options and indexes are unknown"]
    );
}

#[test]
fn other_files_are_no_dumps() {
    let root = tempfile::tempdir().expect("a directory");
    assert!(!is_dump(root.path()));
    assert!(!is_dump(root.path().join("missing")));
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().starts_with("there is no dump in the directory"),
        "{error}"
    );
    let missing = refusal(&root.path().join("missing"), &any());
    assert_eq!(missing.kind(), ErrorKind::Io);
    for (name, bytes) in [
        ("notes.txt", &b"text"[..]),
        ("a.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0"),
        ("empty", b""),
        ("a.metadata.json", b"{}"),
    ] {
        let path = root.path().join(name);
        fs::write(&path, bytes).expect("written");
        assert!(!is_dump(&path), "{name}");
        let error = refusal(&path, &any());
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
        fs::remove_file(path).expect("removed");
    }
}

#[test]
fn an_oplog_is_noted_and_not_read() {
    let root = tempfile::tempdir().expect("a directory");
    let mut dump = dump(300);
    dump.collections.retain(|c| c.database == "shop");
    let directory = root.path().join("dump");
    dump.write_directory(&directory, false).expect("written");
    fs::write(directory.join("oplog.bson"), document(1, "entry")).expect("written");
    let archive = root.path().join("dump.archive");
    dump.collections.push(DumpedCollection {
        metadata: String::new(),
        ..DumpedCollection::new("", "oplog", documents(1, "entry"))
    });
    dump.write_archive(&archive, false).expect("written");
    for path in [&directory, &archive] {
        let store = open(path, &any()).expect("a dump");
        let notes = store.notes();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with("the dump holds an oplog"), "{}", notes[0]);
        let all = runtime().block_on(load(path, &any())).expect("a dump");
        assert_eq!(all.len(), 1);
    }
    // An oplog alone is not a database.
    fs::remove_dir_all(directory.join("shop")).expect("removed");
    assert_eq!(refusal(&directory, &any()).kind(), ErrorKind::Config);
}

#[test]
fn directories_that_contradict_themselves_are_refused() {
    let write = |root: &Path| {
        let mut dump = dump(300);
        dump.collections.retain(|c| c.database == "shop");
        dump.write_directory(root, false).expect("written");
        root.join("shop")
    };
    let root = tempfile::tempdir().expect("a directory");
    let shop = write(root.path());
    fs::remove_file(shop.join("users.bson")).expect("removed");
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .starts_with("the data of the collection \"users\" is missing"),
        "{error}"
    );

    let root = tempfile::tempdir().expect("a directory");
    let shop = write(root.path());
    fs::copy(shop.join("users.bson"), shop.join("%75sers.bson")).expect("copied");
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .starts_with("the collection \"users\" is there twice"),
        "{error}"
    );

    let root = tempfile::tempdir().expect("a directory");
    let shop = write(root.path());
    fs::write(shop.join("..%2F..%2Fescape.bson"), b"").expect("written");
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("cannot be the name of a collection"),
        "{error}"
    );

    let root = tempfile::tempdir().expect("a directory");
    write(root.path());
    fs::write(root.path().join("stray.bson"), b"").expect("written");
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error
            .to_string()
            .starts_with("the directory holds both collections and databases"),
        "{error}"
    );
}

#[test]
fn long_names_are_in_the_metadata() {
    let root = tempfile::tempdir().expect("a directory");
    let crm = root.path().join("crm");
    fs::create_dir(&crm).expect("created");
    let stem = format!("{}%24{}", "a".repeat(208), "h".repeat(27));
    let name = "a".repeat(240);
    fs::write(crm.join(format!("{stem}.bson")), document(1, "x")).expect("written");
    let metadata = format!(r#"{{"indexes":[],"collectionName":"{name}"}}"#);
    fs::write(crm.join(format!("{stem}.metadata.json")), metadata).expect("written");
    let all = runtime().block_on(load(root.path(), &any())).expect("a dump");
    assert_eq!(all, [(name, vec![document(1, "x")])]);
    fs::remove_file(crm.join(format!("{stem}.metadata.json"))).expect("removed");
    let error = refusal(root.path(), &any());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().starts_with("the file's name is cut off"),
        "{error}"
    );
}
