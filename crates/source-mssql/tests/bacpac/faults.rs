//! Damaged and contradictory files: each is refused before anything could be written, with an error that says where.

use std::path::{Path, PathBuf};

use crate::reading::{self, refusal};
use migrate_core::{Error, ErrorKind};
use migrate_testkit::bacpac::{
    BacpacWriter, Cell, ColumnSpec, DatabaseSpec, ForeignKeySpec, Options, SqlType, TableSpec, part_name,
};
use migrate_testkit::fault::{self, Bomb, Package};

struct Files {
    directory: tempfile::TempDir,
    intact: PathBuf,
    broken: PathBuf,
}

fn database() -> DatabaseSpec {
    let order = TableSpec::new("dbo", "Order")
        .column(ColumnSpec::new("id", SqlType::Int).not_null())
        .column(ColumnSpec::new("note", SqlType::NVarChar(Some(20))))
        .column(ColumnSpec::new("flag", SqlType::Bit))
        .column(ColumnSpec::new("price", SqlType::Decimal(8, 2)))
        .column(ColumnSpec::new("at", SqlType::DateTime))
        .column(ColumnSpec::new("day", SqlType::Date))
        .primary_key("PK_Order", &["id"]);
    let line = TableSpec::new("dbo", "Line")
        .column(ColumnSpec::new("order", SqlType::Int).not_null())
        .foreign_key(ForeignKeySpec::new(
            "FK_Line",
            &["order"],
            "dbo",
            "Order",
            &["id"],
        ));
    DatabaseSpec::new("Shop").table(order).table(line)
}

fn row(id: i64) -> Vec<Cell> {
    vec![
        Cell::Int(id),
        Cell::text("abc"),
        Cell::Bool(true),
        Cell::decimal(1234),
        Cell::DateTime {
            days: 45_000,
            ticks: 0,
        },
        Cell::Date(738_000),
    ]
}

/// A file with three rows in two parts of one table and one row in another.
fn files() -> Files {
    let with = |rows: Vec<Vec<Cell>>| {
        let directory = tempfile::tempdir().unwrap();
        let (intact, broken) = (
            directory.path().join("shop.bacpac"),
            directory.path().join("broken.bacpac"),
        );
        let mut file = BacpacWriter::create(&intact, database(), Options::default()).unwrap();
        file.table_rows("dbo", "Order", 2, rows).unwrap();
        file.table_rows("dbo", "Line", 2, [[Cell::Int(1)]]).unwrap();
        file.finish().unwrap();
        Files {
            directory,
            intact,
            broken,
        }
    };
    with(vec![row(1), row(2), row(3)])
}

fn part() -> String {
    part_name("dbo", "Order", 0)
}

async fn refused(
    damage: impl FnOnce(&Path, &Path) -> std::io::Result<()>,
    kind: ErrorKind,
    says: &[&str],
) -> Error {
    let files = files();
    reading::discover(&files.intact).await.unwrap();
    damage(&files.intact, &files.broken).unwrap();
    let error = refusal(&files.broken).await;
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for part in says {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    assert_eq!(text.matches("broken.bacpac").count(), 1, "{text}");
    drop(files.directory);
    error
}

const CORRUPT: ErrorKind = ErrorKind::Corrupt;

#[tokio::test]
async fn what_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(&directory.path().join("absent.bacpac")).await;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.hint_text(), Some("check the path"));
    let error = refusal(directory.path()).await;
    assert_eq!(error.kind(), CORRUPT);
    std::fs::write(directory.path().join("empty.bacpac"), b"").unwrap();
    let error = refusal(&directory.path().join("empty.bacpac")).await;
    assert_eq!(error.kind(), CORRUPT);
    assert!(error.to_string().contains("(0 bytes)"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_cut_short() {
    let files = files();
    let length = std::fs::metadata(&files.intact).unwrap().len();
    for keep in [10, length / 2, length - 1] {
        fault::truncate_file(&files.intact, &files.broken, keep).unwrap();
        let error = refusal(&files.broken).await;
        assert_eq!(error.kind(), CORRUPT, "{error}");
        assert!(error.to_string().contains(&format!("({keep} bytes)")), "{error}");
    }
}

#[tokio::test]
async fn wrong_checksums() {
    let error = refused(
        fault::wrong_checksum,
        CORRUPT,
        &["SHA-256", "model.xml", "0123456789ABCDEF"],
    )
    .await;
    assert!(error.hint_text().is_some());
    refused(
        |a, b| fault::corrupt_entry(a, b, &part()),
        CORRUPT,
        &["Data/dbo.Order"],
    )
    .await;
    refused(
        |a, b| fault::corrupt_entry(a, b, "model.xml"),
        CORRUPT,
        &["model.xml"],
    )
    .await;
}

#[tokio::test]
async fn every_flipped_byte_is_noticed_or_harmless() {
    let files = files();
    let intact = reading::discover(&files.intact).await.unwrap();
    let length = std::fs::metadata(&files.intact).unwrap().len();
    for offset in (0..length).step_by(13) {
        fault::flip_byte(&files.intact, &files.broken, offset).unwrap();
        // Times, flags and attributes of the zip carry no content; everything else is checked.
        if let Ok(mut catalog) = reading::discover(&files.broken).await {
            catalog.source.name.clone_from(&intact.source.name);
            assert_eq!(catalog.tables, intact.tables, "byte {offset}");
        }
    }
}

#[tokio::test]
async fn parts_that_end_early_or_late() {
    refused(
        |a, b| fault::truncate_part(a, b, &part(), 1),
        CORRUPT,
        &["row 2", "column day", "table dbo.Order", "byte"],
    )
    .await;
    refused(
        |a, b| fault::truncate_part(a, b, &part(), 30),
        CORRUPT,
        &["table dbo.Order"],
    )
    .await;
    refused(
        |a, b| fault::trailing_bytes(a, b, &part(), &[0]),
        CORRUPT,
        &["row 3", "column id"],
    )
    .await;
}

#[tokio::test]
async fn totals_that_disagree() {
    refused(
        |a, b| fault::row_total(a, b, 5),
        CORRUPT,
        &["holds 4 rows", "states 5"],
    )
    .await;
    refused(
        |a, b| fault::row_total(a, b, 3),
        CORRUPT,
        &["holds 4 rows", "states 3"],
    )
    .await;
    refused(
        |a, b| fault::without_entry(a, b, &part()),
        CORRUPT,
        &["holds 2 rows", "states 4"],
    )
    .await;
}

#[tokio::test]
async fn sizes_that_lie() {
    refused(
        |a, b| fault::lying_size(a, b, &part(), 4_000_000_000),
        CORRUPT,
        &["cannot come out of", "Data/dbo.Order"],
    )
    .await;
    refused(
        |a, b| fault::lying_size(a, b, &part(), 10),
        CORRUPT,
        &["longer than the 10 bytes"],
    )
    .await;
    let size = std::fs::metadata(files().intact).unwrap().len() as u32;
    refused(
        |a, b| fault::lying_size(a, b, &part(), size),
        CORRUPT,
        &["Data/dbo.Order"],
    )
    .await;
}

#[tokio::test]
async fn bombs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bomb.bacpac");
    fault::bomb(&path, Bomb::Model).unwrap();
    let error = refusal(&path).await;
    assert_eq!(error.kind(), CORRUPT);
    assert!(error.to_string().contains("model.xml"), "{error}");
    fault::bomb(&path, Bomb::Part).unwrap();
    let error = refusal(&path).await;
    assert_eq!(error.kind(), CORRUPT);
    assert!(
        error
            .to_string()
            .contains("rows or more, but its Origin.xml states 1"),
        "{error}"
    );
}

#[tokio::test]
async fn models_that_are_none() {
    refused(fault::foreign_model, CORRUPT, &["not a model", "<html>"]).await;
    refused(fault::malformed_model, CORRUPT, &["model.xml", "byte"]).await;
    refused(
        |a, b| fault::without_entry(a, b, "model.xml"),
        CORRUPT,
        &["no model.xml"],
    )
    .await;
    refused(
        |a, b| fault::without_entry(a, b, "Origin.xml"),
        CORRUPT,
        &["no Origin.xml"],
    )
    .await;
}

/// Changes the model's text and states its new checksum.
fn model(from: &Path, to: &Path, change: impl FnOnce(String) -> String) -> std::io::Result<()> {
    let mut package = Package::open(from)?;
    let text = package.text("model.xml")?;
    let changed = change(text.clone());
    assert_ne!(changed, text, "the change changed nothing");
    package.set("model.xml", changed.into_bytes());
    package.seal()?;
    package.save(to)
}

#[tokio::test]
async fn unknown_and_impossible_types() {
    let kind = ErrorKind::Unsupported;
    let says = ["type hugedate is unknown", "column at", "table dbo.Order"];
    let error = refused(
        |a, b| fault::rename_type(a, b, "datetime", "hugedate"),
        kind,
        &says,
    )
    .await;
    assert!(error.hint_text().is_some());
    let own = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replacen(
                "ExternalSource=\"BuiltIns\" Name=\"[bit]\"",
                "Name=\"[dbo].[Missing]\"",
                1,
            )
        })
    };
    refused(own, kind, &["type dbo.Missing is unknown", "column flag"]).await;
    let precision = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replace(
                "Name=\"Precision\" Value=\"8\"",
                "Name=\"Precision\" Value=\"80\"",
            )
        })
    };
    refused(precision, CORRUPT, &["precision 80", "column price"]).await;
}

/// The file format of neither is documented, so that neither is guessed at.
#[tokio::test]
async fn types_of_sql_server_2025_are_refused() {
    for name in ["json", "vector"] {
        let error = refused(
            |a, b| fault::rename_type(a, b, "datetime", name),
            ErrorKind::Unsupported,
            &["column at", "table dbo.Order"],
        )
        .await;
        assert_eq!(
            error.message(),
            format!("how a .bacpac holds the type {name} is not documented")
        );
        assert_eq!(
            error.hint_text(),
            Some("read the running server instead, or make the column an nvarchar(max) and export again")
        );
    }
}

#[tokio::test]
async fn models_that_contradict_themselves() {
    let action = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replacen(
                "Type=\"SqlForeignKeyConstraint\" Name=\"[dbo].[FK_Line]\">",
                "Type=\"SqlForeignKeyConstraint\" Name=\"[dbo].[FK_Line]\"><Property Name=\"OnDeleteAction\" Value=\"9\"/>",
                1,
            )
        })
    };
    refused(action, CORRUPT, &["OnDeleteAction is 9", "dbo.Line"]).await;
    let name = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replace("Name=\"[dbo].[Line]\"", "Name=\"[dbo].Line\"")
        })
    };
    refused(name, CORRUPT, &["is not a bracketed name"]).await;
    let deep = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replace("<Model>", &format!("<Model>{}", "<x>".repeat(500)))
        })
    };
    refused(deep, CORRUPT, &["nested too deeply"]).await;
    let doctype = |a: &Path, b: &Path| {
        model(a, b, |t| {
            t.replacen(
                "<DataSchemaModel",
                "<!DOCTYPE x [<!ENTITY a \"b\">]><DataSchemaModel",
                1,
            )
        })
    };
    refused(doctype, CORRUPT, &["document type"]).await;
}

#[tokio::test]
async fn entries_that_escape_or_have_no_place() {
    for name in [
        "../evil",
        "Data/..%2f..%2fetc/x",
        "/etc/passwd",
        "C:/x",
        "a\\b",
        "Data/%2e%2e/x",
    ] {
        refused(
            |a, b| fault::with_entry(a, b, name, b"x"),
            CORRUPT,
            &["outside of the archive"],
        )
        .await;
    }
    refused(
        |a, b| fault::rename_entry(a, b, &part(), "Data/dbo.Ghost/TableData-000-00000.BCP"),
        CORRUPT,
        &["dbo.Ghost", "does not have"],
    )
    .await;
    let other = ErrorKind::Unsupported;
    refused(
        |a, b| fault::with_entry(a, b, "Data/dbo.Order/notes.txt", b"x"),
        other,
        &["not a .BCP file"],
    )
    .await;
    refused(
        |a, b| fault::with_entry(a, b, "Data/loose.BCP", b"x"),
        CORRUPT,
        &["no place"],
    )
    .await;
    refused(
        |a, b| fault::with_entry(a, b, "Data/dbo.Order/deep/x.BCP", b"x"),
        CORRUPT,
        &["no place"],
    )
    .await;
    refused(
        |a, b| fault::with_entry(a, b, "Data/dbo%2EOrder/TableData-000-00000.BCP", b"x"),
        CORRUPT,
        &["mean the same name"],
    )
    .await;
}

/// Puts other bytes in the place of a part.
fn bytes(from: &Path, to: &Path, change: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
    let mut package = Package::open(from)?;
    let mut content = package.get(&part())?.to_vec();
    change(&mut content);
    package.set(&part(), content);
    package.save(to)
}

#[tokio::test]
async fn values_that_do_not_exist() {
    // A row: id 4, note 2+6, flag 1+1, price 1+19, at 1+8, day 1+3.
    let row = 47;
    let cases: [(usize, &[u8], &[&str]); 9] = [
        (
            13,
            &[2],
            &["a bit is neither 0 nor 1", "column flag", "row 1", "byte 13"],
        ),
        (12, &[3], &["a length of 3 bytes", "column flag", "byte 12"]),
        (4, &[0xFE, 0x7F], &["a length of 32766 bytes", "column note"]),
        (4, &[3, 0], &["whole number of UTF-16 units", "column note"]),
        (16, &[3], &["another scale", "column price"]),
        (30, &[1], &["more digits than its column", "column price"]),
        (
            row + 39,
            &[0, 0xFF, 0xFF, 0x7F],
            &["outside of 1753 to 9999", "column at", "row 2"],
        ),
        (
            row + 44,
            &[0xFF, 0xFF, 0xFF],
            &["after 9999-12-31", "column day", "row 2", "byte 91"],
        ),
        // NULL in place of the decimal: what was its body is then read as the columns behind it.
        (14, &[0xFF], &["a length of 0 bytes", "column day"]),
    ];
    for (offset, replaced, says) in cases {
        refused(
            |a, b| {
                bytes(a, b, |part| {
                    part[offset..offset + replaced.len()].copy_from_slice(replaced)
                })
            },
            CORRUPT,
            says,
        )
        .await;
    }
}

#[tokio::test]
async fn arbitrary_parts_never_panic() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let files = files();
    let runtime = tokio::runtime::Handle::current();
    let (intact, broken) = (files.intact.clone(), files.broken.clone());
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config {
            cases: 200,
            failure_persistence: None,
            ..Config::default()
        });
        let content = prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0xFF), Just(1)], 0..200);
        runner
            .run(&content, |content| {
                bytes(&intact, &broken, |part| *part = content).unwrap();
                // The first part holds two rows, so that only a part with two rows can be accepted.
                if let Ok(catalog) = runtime.block_on(reading::discover(&broken)) {
                    prop_assert_eq!(catalog.tables[0].rows, Some(3));
                }
                Ok(())
            })
            .unwrap();
    })
    .await
    .unwrap();
}
