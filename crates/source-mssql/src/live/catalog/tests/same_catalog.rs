//! A model file and a server that say the same become the same catalog.
//!
//! Known differences: who says so and how large tables are; the order of objects, which a file decides for itself; line
//! ends, of which XML keeps only one kind; and notes about features, which a file's are worded by the model.

use migrate_core::catalog::{Catalog, SourceInfo};
use migrate_core::source::Source;
use migrate_testkit::bacpac::{
    AliasType, BacpacWriter, CheckSpec, ColumnSpec, DatabaseSpec, Description, ForeignKeySpec, FunctionSpec,
    IndexSpec, Options, ReferentialAction, SequenceSpec, SqlType, TableSpec, ViewSpec,
};
use migrate_testkit::{all_types, crm};

use super::from_spec::{Computed, recording};
use crate::live::catalog::assemble;
use crate::{Bacpac, BacpacOptions};

async fn of_file(spec: DatabaseSpec) -> Catalog {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("same.bacpac");
    let file = BacpacWriter::create(&path, spec, Options::default()).unwrap();
    file.finish().unwrap();
    let source = Bacpac::open(&path, BacpacOptions::default()).unwrap();
    source.discover().await.unwrap()
}

fn of_server(spec: &DatabaseSpec, computed: &Computed) -> Catalog {
    let found = assemble::discovered(recording(spec, computed), "localhost").unwrap();
    assert!(found.refusals.is_empty(), "{:?}", found.refusals);
    found.catalog
}

/// The catalog without what is known to differ.
fn comparable(catalog: Catalog) -> Catalog {
    let text = serde_json::to_string(&catalog).unwrap().replace("\\r\\n", "\\n");
    let mut catalog: Catalog = serde_json::from_str(&text).unwrap();
    catalog.source = SourceInfo {
        collation: catalog.source.collation,
        ..SourceInfo::default()
    };
    for table in &mut catalog.tables {
        (table.rows, table.bytes) = (None, None);
        table.notes.sort();
        table.uniques.sort_by(|a, b| a.name.cmp(&b.name));
        table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
        table.checks.sort_by(|a, b| a.name.cmp(&b.name));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    catalog.tables.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.views.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.sequences.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.alias_types.sort_by(|a, b| a.name.cmp(&b.name));
    catalog
        .manual
        .sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    for manual in &mut catalog.manual {
        if manual.kind == "extended properties" {
            let mut pieces: Vec<&str> = manual.definition.split("-- ").map(str::trim_end).collect();
            pieces.sort_unstable();
            manual.definition = pieces.join("-- ");
        }
    }
    catalog
}

async fn assert_same(spec: DatabaseSpec, computed: &Computed) -> Catalog {
    let server = comparable(of_server(&spec, computed));
    let file = comparable(of_file(spec).await);
    for (server, file) in server.tables.iter().zip(&file.tables) {
        for (server, file) in server.columns.iter().zip(&file.columns) {
            assert_eq!(server, file);
        }
        assert_eq!(server, file);
    }
    for (server, file) in server.views.iter().zip(&file.views) {
        assert_eq!(server, file);
    }
    for (server, file) in server.manual.iter().zip(&file.manual) {
        assert_eq!(server, file);
    }
    assert_eq!(server, file);
    server
}

#[tokio::test]
async fn of_a_customer_database() {
    let catalog = assert_same(crm::database(), &crm::computed()).await;
    assert_eq!(catalog.tables.len(), 10);
    assert_eq!(catalog.tables.iter().map(|t| t.columns.len()).sum::<usize>(), 139);
    assert_eq!(catalog.views.len(), 2);
    assert_eq!(catalog.manual.len(), 3);
}

#[tokio::test]
async fn of_every_type() {
    let spec = all_types::database();
    let tables = spec.tables.len();
    let catalog = assert_same(spec, &Computed::new()).await;
    assert_eq!(catalog.tables.len(), tables);
    assert!(catalog.alias_types.len() == 1 && tables == 8);
}

#[tokio::test]
async fn of_everything_else_that_a_model_can_say() {
    let view = |schema: &str, name: &str, query: &str, columns: &[&str]| ViewSpec {
        schema: schema.into(),
        name: name.into(),
        header: format!("-- a view\nCREATE VIEW [{schema}].[{name}]\nWITH SCHEMABINDING AS"),
        query: query.into(),
        columns: columns.iter().map(|c| ((*c).to_owned(), Vec::new())).collect(),
        schema_bound: true,
    };
    let sequence = |name: &str, ty, start, increment, minimum, maximum, current| SequenceSpec {
        schema: "sales".into(),
        name: name.into(),
        ty,
        start,
        increment,
        minimum,
        maximum,
        cycle: maximum.is_some(),
        current,
    };
    let describe = |kind: &str, host: &str, text: &str| Description {
        host_kind: kind.into(),
        host: host.into(),
        text: text.into(),
    };
    let alias = |name: &str, base, nullable| AliasType {
        schema: "sales".into(),
        name: name.into(),
        base,
        nullable,
    };
    let int = |name: &str| ColumnSpec::new(name, SqlType::Int);
    let code = SqlType::Alias("sales".into(), "Code".into());
    let mut orders = TableSpec::new("sales", "Orders")
        .column(int("id").identity(10, -5, Some(-100)))
        .column(int("other").not_null())
        .column(int("up"))
        .column(int("side"))
        .column(
            ColumnSpec::new("code", code)
                .not_null()
                .description("what it's called"),
        )
        .column(ColumnSpec::new("exact", SqlType::NVarChar(Some(9))).collation("Latin1_General_BIN2"))
        .column(ColumnSpec::new("version", SqlType::RowVersion).not_null())
        .column(ColumnSpec::new("name", SqlType::SysName).not_null())
        .column(
            ColumnSpec::new("made", SqlType::DateTimeOffset(3)).default("DF_made", "(sysdatetimeoffset())"),
        )
        .column(ColumnSpec::computed("twice", "([id]*(2))", true))
        .primary_key("PK_Orders", &["id", "-other"])
        .unique("UQ_Orders", &["other"])
        .foreign_key(
            ForeignKeySpec::new("FK_self", &["up", "side"], "sales", "Orders", &["id", "other"])
                .on_delete(ReferentialAction::SetNull)
                .on_update(ReferentialAction::SetDefault),
        )
        .foreign_key(
            ForeignKeySpec::new("FK_off", &["up"], "dbo", "Orders", &["id"])
                .disabled()
                .not_trusted(),
        )
        .check("CK_Orders", "([id]>(0) AND [code] like N'A%')")
        .index(
            IndexSpec::new("IX_a", &["up", "-side"])
                .include(&["other", "code"])
                .unique()
                .filter("([up] IS NOT NULL)"),
        )
        .index(IndexSpec::new("IX_b", &["side"]))
        .description("orders of a schema of their own");
    orders.checks.push(CheckSpec {
        name: "CK_off".into(),
        expression: "([id]<(9))".into(),
        disabled: true,
        not_trusted: true,
    });
    let plain = TableSpec::new("dbo", "Orders")
        .column(int("id").identity(1, 1, None))
        .column(int("word"))
        .index(IndexSpec::new("IX_clustered", &["word"]).clustered());
    let keyed = TableSpec::new("dbo", "a strange (name)")
        .column(int("select").not_null())
        .primary_key("PK strange", &["select"]);
    let spec = DatabaseSpec::new("D")
        .collation("Latin1_General_100_CS_AS")
        .schema("sales")
        .alias_type(alias("Code", SqlType::NChar(4), false))
        .alias_type(alias("Amount", SqlType::Decimal(12, 4), true))
        .sequence(sequence("a", SqlType::SmallInt, 5, 2, Some(1), Some(99), Some(7)))
        .sequence(sequence("b", SqlType::Decimal(18, 0), 1, 1, None, None, None))
        .sequence(sequence("c", SqlType::TinyInt, 0, 1, None, None, None))
        .sequence(sequence("d", SqlType::BigInt, -1, -1, None, None, Some(-1)))
        .table(plain)
        .table(orders)
        .table(keyed)
        // Each means the table of its own schema.
        .view(view("sales", "v", " SELECT id, code FROM Orders", &["id", "code"]))
        .view(view("dbo", "v", " SELECT id, word FROM Orders", &["id", "word"]))
        .view(view("dbo", "first", " SELECT [id] FROM [dbo].[v] WITH CHECK OPTION", &["id"]))
        .view(view("dbo", "impossible", " SELECT id FROM [dbo].[Orders] FOR XML AUTO", &["id"]))
        .function(FunctionSpec {
            schema: "sales".into(),
            name: "Tax".into(),
            parameters: Vec::new(),
            returns: SqlType::Int,
            header: "CREATE FUNCTION [sales].[Tax](@id int) RETURNS int AS".into(),
            body: "\nBEGIN RETURN @id END".into(),
        })
        .description(describe("SqlConstraint", "[sales].[CK_Orders]", "a check"))
        .description(describe("SqlConstraint", "[sales].[PK_Orders]", "a key"))
        .description(describe("SqlConstraint", "[sales].[FK_self]", "a foreign key"))
        .description(describe("SqlIndexBase", "[sales].[Orders].[IX_a]", "an index"))
        .description(describe("SqlView", "[sales].[v]", "a view"))
        .description(describe("SqlIndexBase", "[sales].[Orders].[UQ_Orders]", "the index of a key"));
    let computed = Computed::from([(("Orders", "twice"), (SqlType::Int, true))]);
    let catalog = assert_same(spec, &computed).await;
    assert_eq!(catalog.schemas, ["dbo", "sales"]);
    assert_eq!(catalog.tables.len(), 3);
    assert_eq!(catalog.views.len(), 4);
    let kinds: Vec<&str> = catalog.manual.iter().map(|m| m.kind.as_str()).collect();
    assert_eq!(kinds, ["extended properties", "function", "view option"]);
    // The views that name no schema found the tables of their own.
    for (view, table) in [("sales.v", "sales"), ("dbo.v", "dbo")] {
        let view = catalog.views.iter().find(|v| v.name.to_string() == view).unwrap();
        let text = serde_json::to_string(&view.query).unwrap();
        assert!(text.contains(&format!("\"schema\":\"{table}\"")), "{text}");
    }
}
