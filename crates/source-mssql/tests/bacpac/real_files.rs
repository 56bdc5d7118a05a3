//! Exports that SQL Server itself wrote, where they are at hand.
//!
//! The hashes were computed by a small reader in another language that shares nothing with this crate: SHA-256 over the
//! rows in order, cells as PostgreSQL prints them, joined by U+001F, NULL as `\N`, each row ended by a newline.

use std::path::{Path, PathBuf};

use migrate_core::catalog::{Action, Identity, ObjectName};
use migrate_core::template::Translation;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::reading::{Reading, discover};

/// The real file of that name. Elsewhere than in the project's own environment there is none, and the generated files
/// of the other tests have to do.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/bacpac")
        .join(name);
    path.exists().then_some(path)
}

async fn hash(reading: &Reading, schema: &str, table: &str) -> (usize, String) {
    let rows = reading.rows(schema, table).await;
    let columns: Vec<String> = reading
        .table(schema, table)
        .copied()
        .map(|c| c.source.clone())
        .collect();
    let mut hash = Sha256::new();
    for row in &rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|c| match &row[c] {
                Json::Null => "\\N".to_owned(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        hash.update(cells.join("\u{1f}"));
        hash.update("\n");
    }
    (rows.len(), hex::encode(hash.finalize()))
}

#[tokio::test]
async fn every_value_is_what_an_independent_reader_sees() {
    let adventure_works = [
        (
            "dbo",
            "BuildVersion",
            1,
            "2e8864eb30b84f56e568353f9ff57f318e358300bc582a5a97ea1f46137996e4",
        ),
        (
            "SalesLT",
            "Address",
            450,
            "c65d3ccebc29e8cb51cf19d51e1d6ff5e7e85a77e30d0d9f8ac9514d4e2693e1",
        ),
        (
            "SalesLT",
            "Customer",
            847,
            "9a8decf1ca2889539f98fa34d7692931c8d5c4531db2cc1b679224bdbc84b9d3",
        ),
        (
            "SalesLT",
            "CustomerAddress",
            417,
            "79765e203ae2f4e8874c3467cb6390b6bf1a6c1cec02b4f252a5007f52e5043a",
        ),
        (
            "SalesLT",
            "Product",
            295,
            "cf1d86beeba198a582796a284a52d23fbb2a5030d296bcf0b08bb997c6b69cbc",
        ),
        (
            "SalesLT",
            "ProductCategory",
            41,
            "bb35f8fa817e1ec8d56b4be1538899d4ed3e6451f98eb844a6b83ab5694f87eb",
        ),
        (
            "SalesLT",
            "ProductDescription",
            762,
            "dbb2722e1940d520999b226203940f170d5de8c927fc348e2c8fd0823c466e58",
        ),
        (
            "SalesLT",
            "ProductModel",
            128,
            "79bee2f56110edd3b6d7f4758a151220698b15680bb14642ef99c9c3d307abbb",
        ),
        (
            "SalesLT",
            "ProductModelProductDescription",
            762,
            "389ee273e712bf60fe8715c14fca73abe6db55a4b7fc0da4388f2766138ce7e8",
        ),
        (
            "SalesLT",
            "SalesOrderDetail",
            542,
            "079ae23ac74b42ad28850386ff65e51272a31723cc876d9828faeb12f39e66e7",
        ),
        (
            "SalesLT",
            "SalesOrderHeader",
            32,
            "1a4a0d50e1a00cae7b30fcef8eb4b62f1003f98e460b43232e86c9edfb5c769b",
        ),
    ];
    let contoso = [(
        "dbo",
        "Employees",
        270,
        "27d6edfc6e42fc26d9adb16cf3671e08021325e922dd1946c8752c5a9e410329",
    )];
    for (file, tables) in [
        ("adventureworkslt2025.bacpac", &adventure_works[..]),
        ("contosohr.bacpac", &contoso[..]),
    ] {
        let Some(path) = real(file) else { return };
        let reading = Reading::of(&path).await;
        for (schema, table, rows, expected) in tables {
            assert_eq!(
                hash(&reading, schema, table).await,
                (*rows, (*expected).to_owned()),
                "{schema}.{table}"
            );
        }
    }
}

#[tokio::test]
async fn the_schema_is_complete() {
    let Some(path) = real("adventureworkslt2025.bacpac") else {
        return;
    };
    let catalog = discover(&path).await.unwrap();
    assert_eq!(catalog.source.kind, "bacpac");
    assert_eq!(catalog.source.name, "adventureworkslt2025.bacpac");
    assert_eq!(
        catalog.source.version,
        "Microsoft SQL Server 2025 (RTM) - 17.0.1000.7 (X64)"
    );
    assert_eq!(
        catalog.source.collation.as_deref(),
        Some("SQL_Latin1_General_CP1_CI_AS")
    );
    assert_eq!(catalog.schemas, ["dbo", "SalesLT"]);
    // The numbers are those of Origin.xml.
    let count = |of: fn(&migrate_core::catalog::Table) -> usize| catalog.tables.iter().map(of).sum::<usize>();
    assert_eq!(catalog.tables.len(), 12);
    assert_eq!(catalog.alias_types.len(), 6);
    assert_eq!(catalog.views.len(), 3);
    // Three of the 109 simple columns are those of a function's result.
    assert_eq!(
        count(|t| t.columns.iter().filter(|c| c.computed.is_none()).count()),
        106
    );
    assert_eq!(
        count(|t| t.columns.iter().filter(|c| c.default.is_some()).count()),
        31
    );
    assert_eq!(count(|t| usize::from(t.primary_key.is_some())), 11);
    assert_eq!(count(|t| t.uniques.len()), 15);
    assert_eq!(count(|t| t.foreign_keys.len()), 12);
    assert_eq!(count(|t| t.checks.len()), 13);
    // One of the six indexes is on a view.
    assert_eq!(count(|t| t.indexes.len()), 5);
    assert_eq!(catalog.tables.iter().filter_map(|t| t.rows).sum::<u64>(), 4277);

    let detail = catalog
        .tables
        .iter()
        .find(|t| t.name == ObjectName::new("SalesLT", "SalesOrderDetail"))
        .unwrap();
    let number = detail.column("SalesOrderDetailID").unwrap();
    assert_eq!(
        number.identity,
        Some(Identity {
            seed: 1,
            increment: 1,
            last: Some(113_406)
        })
    );
    let total = detail.column("LineTotal").unwrap();
    assert!(matches!(
        total.computed.as_ref().unwrap().translation,
        Translation::Done { immutable: true, .. }
    ));
    let parent = detail
        .foreign_keys
        .iter()
        .find(|k| k.references.name == "SalesOrderHeader")
        .unwrap();
    assert_eq!(
        (parent.on_delete, parent.on_update),
        (Action::Cascade, Action::NoAction)
    );
    assert!(parent.enabled && parent.trusted);
    assert_eq!(parent.columns, ["SalesOrderID"]);
    // SQL Server itself does not vouch for the checks: they were added WITH NOCHECK.
    assert!(detail.checks.iter().all(|c| c.enabled && !c.trusted));
    assert_eq!(
        detail.comment.as_deref().unwrap(),
        "Individual products associated with a specific sales order. See SalesOrderHeader."
    );
    assert_eq!(
        number.comment.as_deref().unwrap(),
        "Primary key. One incremental unique number per product sold."
    );

    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for object in &catalog.manual {
        assert!(
            !object.definition.is_empty() && !object.reason.is_empty(),
            "{object:?}"
        );
        match kinds.iter_mut().find(|(kind, _)| *kind == object.kind) {
            Some((_, n)) => *n += 1,
            None => kinds.push((&object.kind, 1)),
        }
    }
    kinds.sort_unstable();
    let expected = [
        ("extended properties", 1),
        ("function", 3),
        ("index", 1),
        ("permission", 2),
        ("procedure", 2),
        ("trigger", 2),
        ("xml index", 1),
        ("xml schema collection", 1),
    ];
    assert_eq!(kinds, expected);
    let procedure = catalog
        .manual
        .iter()
        .find(|m| m.name == "dbo.uspPrintError")
        .unwrap();
    assert!(
        procedure
            .definition
            .contains("CREATE PROCEDURE [dbo].[uspPrintError]")
    );
    assert!(procedure.definition.contains("PRINT ERROR_MESSAGE();"));

    // Everything translates except the view that takes xml apart.
    let done = |e: &migrate_core::template::Expr| matches!(e.translation, Translation::Done { .. });
    for table in &catalog.tables {
        assert!(table.checks.iter().all(|c| done(&c.expression)), "{}", table.name);
        for column in &table.columns {
            assert!(
                column.default.iter().chain(&column.computed).all(done),
                "{}.{}",
                table.name,
                column.name
            );
        }
    }
    assert_eq!((total.native.as_str(), total.nullable), ("decimal(38,6)", false));
    let views: Vec<_> = catalog
        .views
        .iter()
        .map(|v| (v.name.name.as_str(), done(&v.query)))
        .collect();
    assert_eq!(
        views,
        [
            ("vGetAllCategories", true),
            ("vProductAndDescription", true),
            ("vProductModelCatalogDescription", false)
        ]
    );
}
