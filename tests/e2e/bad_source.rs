//! Files that are damaged or lie: refused with the reason and the place, before anything is written.

use std::io;
use std::path::{Path, PathBuf};

use migrate_testkit::bacpac::{
    BacpacWriter, Cell, ColumnSpec, DatabaseSpec, ForeignKeySpec, Options, SqlType, TableSpec, part_name,
};
use migrate_testkit::fault::{self, Bomb, Package};

use crate::cli::{Folder, migrate};
use crate::server::{Database, newest};

/// What `--help` documents for a source that cannot be read, is damaged, or is not supported.
const SOURCE: i32 = 4;

/// A folder with an intact file, and a database that must stay empty.
struct Bench {
    folder: Folder,
    database: Database,
    intact: PathBuf,
    broken: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = Folder::new();
        let order = TableSpec::new("shop", "Order")
            .column(ColumnSpec::new("id", SqlType::Int).not_null())
            .column(ColumnSpec::new("note", SqlType::NVarChar(Some(20))))
            .column(ColumnSpec::new("at", SqlType::DateTime))
            .primary_key("PK_Order", &["id"]);
        let line = TableSpec::new("shop", "Line")
            .column(ColumnSpec::new("order", SqlType::Int).not_null())
            .foreign_key(ForeignKeySpec::new(
                "FK_Line",
                &["order"],
                "shop",
                "Order",
                &["id"],
            ));
        let mut database = DatabaseSpec::new("Shop").table(order).table(line);
        database.schemas.push("shop".into());
        let intact = folder.file("intact.bacpac");
        let mut file = BacpacWriter::create(&intact, database, Options::default()).unwrap();
        let row = |id| {
            let at = Cell::DateTime {
                days: 45_000,
                ticks: 0,
            };
            [Cell::Int(id), Cell::text("a note"), at]
        };
        file.table_rows("shop", "Order", 2, [row(1), row(2), row(3)])
            .unwrap();
        file.table_rows("shop", "Line", 2, [[Cell::Int(1)]]).unwrap();
        file.finish().unwrap();
        Self {
            broken: folder.file("broken.bacpac"),
            database: Database::new(&newest()),
            folder,
            intact,
        }
    }

    /// Damages the file, runs it, and expects the message to say all of this, and the file's name: checked before anything
    /// is written, and checked while it is copied, after which nothing may be left either.
    fn refuses(&self, what: &str, damage: impl FnOnce(&Path, &Path) -> io::Result<()>, says: &[&str]) {
        damage(&self.intact, &self.broken).unwrap();
        for when in ["before", "while"] {
            let run = migrate(&self.folder, ["run", "broken.bacpac", "--check", when])
                .to(&self.database)
                .run();
            assert_eq!(run.code, Some(SOURCE), "{what}, {when}: {}{}", run.out, run.err);
            assert_eq!(run.out, "", "{what}, {when}");
            assert!(run.err.contains("error: "), "{what}, {when}: {}", run.err);
            run.complains(&["broken.bacpac"]).complains(says);
            self.database.assert_untouched(what);
            assert!(!self.folder.file("migrate-report.json").exists());
        }
    }
}

fn part() -> String {
    part_name("shop", "Order", 0)
}

#[test]
fn the_intact_file_is_taken() {
    let bench = Bench::new();
    migrate(&bench.folder, ["run", "intact.bacpac"])
        .to(&bench.database)
        .ends(0);
    bench.database.assert_complete();
    assert_eq!(
        bench.database.sql("select * from shop.\"Order\" order by id"),
        "1|a note|2023-03-17 00:00:00\n2|a note|2023-03-17 00:00:00\n3|a note|2023-03-17 00:00:00"
    );
}

#[test]
fn the_package() {
    let bench = Bench::new();
    let length = std::fs::metadata(&bench.intact).unwrap().len();
    for keep in [0, 10, length / 2, length - 1] {
        let cut = |from: &Path, to: &Path| fault::truncate_file(from, to, keep);
        bench.refuses("a file cut short", cut, &[&format!("({keep} bytes)")]);
    }
    let entry = part();
    bench.refuses(
        "a corrupt part",
        |a, b| fault::corrupt_entry(a, b, &entry),
        &["Data/shop.Order"],
    );
    bench.refuses(
        "a corrupt model",
        |a, b| fault::corrupt_entry(a, b, "model.xml"),
        &["model.xml"],
    );
    bench.refuses(
        "a size that lies",
        |a, b| fault::lying_size(a, b, &entry, 4_000_000_000),
        &["Data/shop.Order"],
    );
    bench.refuses(
        "a size that is too small",
        |a, b| fault::lying_size(a, b, &entry, 10),
        &["Data/shop.Order", "10 bytes"],
    );
    for name in ["../evil", "Data/..%2f..%2fetc/x", "/etc/passwd", "C:/x", "a\\b"] {
        let escape = |from: &Path, to: &Path| fault::with_entry(from, to, name, b"x");
        bench.refuses("a name that escapes", escape, &["outside of the archive"]);
        let moved = |from: &Path, to: &Path| fault::rename_entry(from, to, &entry, name);
        bench.refuses("a part that escapes", moved, &["outside of the archive"]);
    }
    for (kind, says) in [
        (Bomb::Model, "model.xml"),
        (Bomb::Part, "rows or more, but its Origin.xml states 1"),
    ] {
        bench.refuses("a bomb", |_, to| fault::bomb(to, kind), &[says]);
    }
}

#[test]
fn the_model() {
    let bench = Bench::new();
    bench.refuses(
        "a wrong checksum",
        fault::wrong_checksum,
        &["SHA-256", "model.xml"],
    );
    bench.refuses(
        "another document",
        fault::foreign_model,
        &["not a model", "<html>"],
    );
    bench.refuses("half a model", fault::malformed_model, &["model.xml", "byte"]);
    for entry in ["model.xml", "Origin.xml"] {
        let without = |from: &Path, to: &Path| fault::without_entry(from, to, entry);
        bench.refuses("a missing entry", without, &[&format!("no {entry}")]);
    }
    bench.refuses(
        "an unknown type",
        |a, b| fault::rename_type(a, b, "datetime", "hugedate"),
        &["hugedate", "column at", "table shop.Order"],
    );
}

#[test]
fn the_rows() {
    let bench = Bench::new();
    let entry = part();
    bench.refuses(
        "a part that ends early",
        |a, b| fault::truncate_part(a, b, &entry, 1),
        &[
            "row 2",
            "column at",
            "table shop.Order",
            "Data/shop.Order",
            "byte",
        ],
    );
    bench.refuses(
        "a part that ends late",
        |a, b| fault::trailing_bytes(a, b, &entry, &[0]),
        &["row 3", "column id", "table shop.Order"],
    );
    for total in [3, 5] {
        let says = format!("states {total}");
        let lie = |from: &Path, to: &Path| fault::row_total(from, to, total);
        bench.refuses("a total that disagrees", lie, &["holds 4 rows", &says]);
    }
    bench.refuses(
        "a part that is gone",
        |a, b| fault::without_entry(a, b, &entry),
        &["holds 2 rows", "states 4"],
    );
    let bit = |from: &Path, to: &Path| {
        let mut package = Package::open(from)?;
        let mut content = package.get(&part())?.to_vec();
        // The length of the first row's note.
        content[4] = 0xFF;
        content[5] = 0x7F;
        package.set(&part(), content);
        package.save(to)
    };
    bench.refuses(
        "a length that cannot be",
        bit,
        &["column note", "row 1", "byte 4", "table shop.Order"],
    );
}

#[test]
fn what_is_no_source() {
    let bench = Bench::new();
    std::fs::write(bench.folder.file("notes.txt"), "select 1").unwrap();
    std::fs::write(bench.folder.file("empty.bacpac"), "").unwrap();
    for (argument, code, says) in [
        ("absent.bacpac", 4, "absent.bacpac"),
        ("empty.bacpac", 4, "empty.bacpac"),
        (
            "notes.txt",
            4,
            "neither a .bacpac, nor what mongodump writes, nor a plan file",
        ),
        (".", 2, "directory"),
        ("mssql://sa:hunter2@127.0.0.1:1/db", 20, "127.0.0.1:1"),
        ("mssql://sa:hunter2@127.0.0.1:1/db?sesame=hunter2", 2, "sesame"),
        (
            "mongodb://sa:hunter2@127.0.0.1:1/db?serverSelectionTimeoutMS=500",
            20,
            "127.0.0.1:1",
        ),
        ("env:NOT_SET_ANYWHERE", 2, "NOT_SET_ANYWHERE"),
        ("mysql://sa:hunter2@example.com/db", 4, "postgres://"),
    ] {
        let run = migrate(&bench.folder, ["run", argument])
            .to(&bench.database)
            .secret("hunter2")
            .run();
        assert_eq!(run.code, Some(code), "{argument}: {}", run.err);
        run.complains(&["error: ", says]);
    }
    bench.database.assert_untouched("what is no source");
}
