use std::io::{Cursor, Read};

use super::*;
use crate::bacpac::{ColumnSpec, SqlType, TableSpec};

fn database() -> DatabaseSpec {
    let table = |name| TableSpec::new("dbo", name).column(ColumnSpec::new("id", SqlType::Int).not_null());
    DatabaseSpec::new("A & B")
        .table(table("Full"))
        .table(table("Empty"))
}

fn write() -> Vec<u8> {
    let mut file = BacpacWriter::new(Cursor::new(Vec::new()), database(), Options::default()).unwrap();
    let rows = (0..5).map(|n| [Cell::Int(n)]);
    assert_eq!(file.table_rows("dbo", "Full", 2, rows).unwrap(), 5);
    assert_eq!(
        file.table_rows("dbo", "Empty", 2, std::iter::empty::<[Cell; 1]>())
            .unwrap(),
        0
    );
    file.finish().unwrap().into_inner()
}

fn entry(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut out).unwrap();
    out
}

#[test]
fn entries_are_those_of_the_export_in_its_order() {
    let bytes = write();
    let archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let names: Vec<_> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "model.xml",
            "DacMetadata.xml",
            "[Content_Types].xml",
            "Data/dbo.Full/TableData-000-00000.BCP",
            "Data/dbo.Full/TableData-001-00000.BCP",
            "Data/dbo.Full/TableData-002-00000.BCP",
            "_rels/.rels",
            "Origin.xml"
        ]
    );
}

#[test]
fn parts_begin_at_rows() {
    let bytes = write();
    assert_eq!(
        entry(&bytes, "Data/dbo.Full/TableData-000-00000.BCP"),
        [0, 0, 0, 0, 1, 0, 0, 0]
    );
    assert_eq!(
        entry(&bytes, "Data/dbo.Full/TableData-002-00000.BCP"),
        [4, 0, 0, 0]
    );
}

#[test]
fn the_origin_has_totals_and_the_models_checksum() {
    let bytes = write();
    let origin = String::from_utf8(entry(&bytes, "Origin.xml")).unwrap();
    let digest = hex::encode_upper(Sha256::digest(entry(&bytes, "model.xml")));
    for expected in [
        "<TableRowCountTotalTag>5</TableRowCountTotalTag>",
        "<SimpleColumn>2</SimpleColumn>",
        "<Table>2</Table>",
        "<DataPhaseTables>dbo.Full,dbo.Empty</DataPhaseTables>",
        &format!("<Checksum Uri=\"/model.xml\">{digest}</Checksum>"),
    ] {
        assert!(origin.contains(expected), "{expected} in {origin}");
    }
    assert!(origin.starts_with("\u{FEFF}<?xml"));
    assert!(!origin.contains("TypeSpecifier"));
    assert!(
        String::from_utf8(entry(&bytes, "DacMetadata.xml"))
            .unwrap()
            .contains("<Name>A &amp; B</Name>")
    );
}

#[test]
fn relationships_name_table_and_schema_of_each_part() {
    let text = String::from_utf8(entry(&write(), "_rels/.rels")).unwrap();
    let target = "Target=\"/Data/dbo.Full/TableData-001-00000.BCP\"";
    assert!(text.contains(&format!(
        "<Relationship Type=\"table=Full\" {target} Id=\"R0000000000000003\" />"
    )));
    assert!(text.contains(&format!(
        "<Relationship Type=\"schema=dbo\" {target} Id=\"R0000000000000004\" />"
    )));
}

#[test]
fn the_same_calls_write_the_same_bytes() {
    assert_eq!(write(), write());
}

#[test]
fn tables_are_written_once_and_must_exist() {
    let mut file = BacpacWriter::new(Cursor::new(Vec::new()), database(), Options::default()).unwrap();
    let error = file.table_rows("dbo", "Other", 2, [[Cell::Null]]).unwrap_err();
    assert_eq!(error.to_string(), "no table dbo.Other in the database");
    file.table_rows("dbo", "Full", 2, [[Cell::Int(1)]]).unwrap();
    let error = file.table_rows("dbo", "Full", 2, [[Cell::Int(1)]]).unwrap_err();
    assert_eq!(error.to_string(), "the rows of dbo.Full were already written");
}

#[test]
fn part_names_are_percent_encoded() {
    assert_eq!(
        part_name("a b", "T/é.x", 12),
        "Data/a%20b.T%2F%C3%A9.x/TableData-012-00000.BCP"
    );
}
