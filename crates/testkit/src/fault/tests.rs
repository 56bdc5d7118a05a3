use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::*;

const PART: &str = "Data/dbo.T/TableData-000-00000.BCP";

struct Files {
    folder: tempfile::TempDir,
    good: PathBuf,
    bad: PathBuf,
}

impl Files {
    /// A table with three rows of 4 bytes.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (
            folder.path().join("good.bacpac"),
            folder.path().join("bad.bacpac"),
        );
        let table = TableSpec::new("dbo", "T").column(ColumnSpec::new("id", SqlType::Int).not_null());
        let mut file =
            BacpacWriter::create(&good, DatabaseSpec::new("D").table(table), Options::default()).unwrap();
        file.table_rows("dbo", "T", 10, (1..=3).map(|n| [Cell::Int(n)]))
            .unwrap();
        file.finish().unwrap();
        Self { folder, good, bad }
    }

    fn bad(&self) -> Package {
        Package::open(&self.bad).unwrap()
    }
}

fn checksum_holds(package: &Package) -> bool {
    let mut sealed = package.clone();
    sealed.seal().unwrap();
    sealed.get("Origin.xml").unwrap() == package.get("Origin.xml").unwrap()
}

#[test]
fn saving_changes_nothing() {
    let files = Files::new();
    Package::open(&files.good).unwrap().save(&files.bad).unwrap();
    let (good, bad) = (Package::open(&files.good).unwrap(), files.bad());
    assert!(good.names().eq(bad.names()));
    assert!(
        good.names()
            .all(|name| good.get(name).unwrap() == bad.get(name).unwrap())
    );
    assert!(checksum_holds(&bad));
}

#[test]
fn truncated_files_are_no_zips() {
    let files = Files::new();
    truncate_file(&files.good, &files.bad, 1_000).unwrap();
    assert_eq!(std::fs::metadata(&files.bad).unwrap().len(), 1_000);
    assert!(Package::open(&files.bad).is_err());
    flip_byte(&files.good, &files.bad, 0).unwrap();
    let (good, bad) = (
        std::fs::read(&files.good).unwrap(),
        std::fs::read(&files.bad).unwrap(),
    );
    assert_eq!((bad[0], &bad[1..]), (!good[0], &good[1..]));
}

#[test]
fn corrupt_entries_cannot_be_read() {
    let files = Files::new();
    corrupt_entry(&files.good, &files.bad, PART).unwrap();
    assert!(Package::open(&files.bad).is_err());
}

#[test]
fn parts_get_shorter_and_longer() {
    let files = Files::new();
    truncate_part(&files.good, &files.bad, PART, 3).unwrap();
    assert_eq!(files.bad().get(PART).unwrap(), [1, 0, 0, 0, 2, 0, 0, 0, 3]);
    trailing_bytes(&files.good, &files.bad, PART, &[9]).unwrap();
    assert_eq!(
        files.bad().get(PART).unwrap(),
        [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9]
    );
    assert!(truncate_part(&files.good, &files.bad, "Data/none", 3).is_err());
}

#[test]
fn origins_lie() {
    let files = Files::new();
    wrong_checksum(&files.good, &files.bad).unwrap();
    assert!(!checksum_holds(&files.bad()));
    row_total(&files.good, &files.bad, 77).unwrap();
    let origin = files.bad().text("Origin.xml").unwrap();
    assert!(origin.contains("<TableRowCountTotalTag>77</TableRowCountTotalTag>"));
    assert!(checksum_holds(&files.bad()));
}

#[test]
fn models_change_under_a_true_checksum() {
    let files = Files::new();
    rename_type(&files.good, &files.bad, "int", "hugeint").unwrap();
    assert!(
        files
            .bad()
            .text("model.xml")
            .unwrap()
            .contains("Name=\"[hugeint]\"")
    );
    assert!(checksum_holds(&files.bad()));
    assert!(rename_type(&files.good, &files.bad, "money", "hugeint").is_err());
    foreign_model(&files.good, &files.bad).unwrap();
    assert!(files.bad().text("model.xml").unwrap().contains("<html>"));
    assert!(checksum_holds(&files.bad()));
    malformed_model(&files.good, &files.bad).unwrap();
    assert!(
        !files
            .bad()
            .text("model.xml")
            .unwrap()
            .contains("</DataSchemaModel>")
    );
    assert!(checksum_holds(&files.bad()));
}

#[test]
fn entries_come_and_go() {
    let files = Files::new();
    for entry in ["model.xml", "Origin.xml", PART] {
        without_entry(&files.good, &files.bad, entry).unwrap();
        assert!(files.bad().get(entry).is_err(), "{entry}");
    }
    for name in ["../evil", "Data/..%2f..%2fetc/x", "/etc/passwd", "C:\\evil"] {
        rename_entry(&files.good, &files.bad, PART, name).unwrap();
        assert_eq!(files.bad().get(name).unwrap().len(), 12);
    }
    with_entry(&files.good, &files.bad, "extra", b"x").unwrap();
    assert_eq!(files.bad().get("extra").unwrap(), b"x");
}

#[test]
fn sizes_lie() {
    let files = Files::new();
    lying_size(&files.good, &files.bad, PART, 5).unwrap();
    let mut archive = zip::ZipArchive::new(File::open(&files.bad).unwrap()).unwrap();
    assert_eq!(archive.by_name(PART).unwrap().size(), 5);
}

#[test]
fn bombs_are_small_and_true() {
    let files = Files::new();
    let path = files.folder.path().join("bomb.bacpac");
    for (kind, name, fill) in [(Bomb::Part, BOMB_PART, 0), (Bomb::Model, "model.xml", b' ')] {
        bomb(&path, kind).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 8 << 20);
        let mut archive = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
        let mut entry = archive.by_name(name).unwrap();
        assert_eq!(entry.size(), BOMB_SIZE);
        // It inflates; reading all of it, which would prove the CRC, takes seconds.
        let mut start = vec![0; 3 << 20];
        entry.read_exact(&mut start).unwrap();
        assert_eq!(start.last(), Some(&fill));
    }
}
