//! What a model can say, in files whose description is at hand.

use migrate_core::catalog::{
    Action, Catalog, Collation, Fidelity, Identity, IndexColumn, ObjectName, Sequence, Table,
};
use migrate_core::pg_type::PgType;
use migrate_core::template::Translation;
use migrate_testkit::bacpac::{
    AliasType, BacpacWriter, Cell, CheckSpec, ColumnSpec, DatabaseSpec, Description, ForeignKeySpec,
    IndexSpec, Options, ProcedureSpec, ReferentialAction, SequenceSpec, SqlType, TableSpec, Temporal,
    ViewSpec,
};
use migrate_testkit::fault::Package;

use crate::reading::discover;

async fn catalog(database: DatabaseSpec) -> Catalog {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("schema.bacpac");
    BacpacWriter::create(&path, database, Options::default())
        .unwrap()
        .finish()
        .unwrap();
    discover(&path).await.unwrap()
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog.tables.iter().find(|t| t.name.name == name).unwrap()
}

fn id() -> ColumnSpec {
    ColumnSpec::new("id", SqlType::Int).not_null()
}

#[tokio::test]
async fn keys_constraints_and_indexes() {
    let key = ForeignKeySpec::new("FK_self", &["up", "side"], "dbo", "T", &["id", "other"])
        .on_delete(ReferentialAction::SetNull)
        .on_update(ReferentialAction::SetDefault);
    let off = ForeignKeySpec::new("FK_off", &["up"], "dbo", "T", &["id"])
        .disabled()
        .not_trusted();
    let mut spec = TableSpec::new("dbo", "T")
        .column(id())
        .column(ColumnSpec::new("other", SqlType::Int).not_null())
        .column(ColumnSpec::new("up", SqlType::Int))
        .column(ColumnSpec::new("side", SqlType::Int))
        .primary_key("PK_T", &["id", "-other"])
        .unique("UQ_T", &["other"])
        .foreign_key(key)
        .foreign_key(off)
        .check("CK_T", "[id]>(0)")
        .index(
            IndexSpec::new("IX_a", &["up", "-side"])
                .include(&["other"])
                .unique()
                .filter("([up] IS NOT NULL)"),
        )
        .index(IndexSpec::new("IX_b", &["side"]).clustered());
    spec.checks.push(CheckSpec {
        name: "CK_off".into(),
        expression: "[id]<(9)".into(),
        disabled: true,
        not_trusted: true,
    });
    let catalog = catalog(DatabaseSpec::new("D").table(spec)).await;
    let t = table(&catalog, "T");
    let primary = t.primary_key.as_ref().unwrap();
    assert_eq!((primary.name.as_deref(), primary.clustered), (Some("PK_T"), true));
    assert_eq!(primary.columns, ["id", "other"]);
    assert_eq!(
        (t.uniques[0].name.as_deref(), t.uniques[0].clustered),
        (Some("UQ_T"), false)
    );
    let [own, off] = &t.foreign_keys[..] else {
        panic!("{:?}", t.foreign_keys)
    };
    assert_eq!(own.references, ObjectName::new("dbo", "T"));
    assert_eq!(
        (&own.columns[..], &own.referenced_columns[..]),
        (
            &["up".into(), "side".into()][..],
            &["id".into(), "other".into()][..]
        )
    );
    assert_eq!(
        (own.on_delete, own.on_update, own.enabled, own.trusted),
        (Action::SetNull, Action::SetDefault, true, true)
    );
    assert_eq!((off.enabled, off.trusted), (false, false));
    let checks: Vec<_> = t
        .checks
        .iter()
        .map(|c| (c.name.as_deref().unwrap(), c.enabled, c.trusted))
        .collect();
    assert_eq!(checks, [("CK_T", true, true), ("CK_off", false, false)]);
    assert_eq!(t.checks[0].expression.native, "[id]>(0)");
    let [a, b] = &t.indexes[..] else {
        panic!("{:?}", t.indexes)
    };
    let column = |name: &str, descending| IndexColumn {
        name: name.into(),
        descending,
    };
    assert_eq!(a.columns, [column("up", false), column("side", true)]);
    assert_eq!(
        (a.include.as_slice(), a.unique, a.clustered),
        (&["other".to_owned()][..], true, false)
    );
    assert!(matches!(
        a.filter.as_ref().unwrap().translation,
        Translation::Done { immutable: true, .. }
    ));
    assert_eq!((b.clustered, b.unique, b.filter.is_none()), (true, false, true));
}

#[tokio::test]
async fn columns_of_every_kind() {
    let alias = AliasType {
        schema: "sales".into(),
        name: "Code".into(),
        base: SqlType::NChar(4),
        nullable: false,
    };
    let spec = TableSpec::new("sales", "T")
        .column(id().identity(10, -5, Some(-100)))
        .column(ColumnSpec::new("code", SqlType::Alias("sales".into(), "Code".into())).not_null())
        .column(ColumnSpec::new("exact", SqlType::NVarChar(Some(9))).collation("Latin1_General_BIN2"))
        .column(ColumnSpec::new("made", SqlType::DateTime2(7)).default("DF_made", "(sysutcdatetime())"))
        .column(ColumnSpec::new("at", SqlType::DateTimeOffset(3)))
        .column(ColumnSpec::computed("twice", "([id]*(2))", true));
    let catalog = catalog(
        DatabaseSpec::new("D")
            .schema("sales")
            .alias_type(alias)
            .table(spec),
    )
    .await;
    assert_eq!(catalog.schemas, ["sales"]);
    assert_eq!(catalog.alias_types[0].pg, PgType::Char(4));
    let t = table(&catalog, "T");
    let column = |name: &str| t.column(name).unwrap();
    assert_eq!(
        column("id").identity,
        Some(Identity {
            seed: 10,
            increment: -5,
            last: Some(-100)
        })
    );
    assert_eq!(column("code").alias, Some(ObjectName::new("sales", "Code")));
    assert_eq!(
        (column("code").native.as_str(), &column("code").pg),
        ("nchar(4)", &PgType::Char(4))
    );
    let collation = |name: &str, sensitive| {
        Some(Collation {
            name: name.into(),
            case_sensitive: sensitive,
            accent_sensitive: true,
        })
    };
    assert_eq!(
        column("code").collation,
        collation("SQL_Latin1_General_CP1_CI_AS", false)
    );
    assert_eq!(column("exact").collation, collation("Latin1_General_BIN2", true));
    assert_eq!(column("made").default_name.as_deref(), Some("DF_made"));
    assert_eq!(
        column("made").default.as_ref().unwrap().native,
        "(sysutcdatetime())"
    );
    assert_eq!(
        column("made").fidelity,
        Fidelity::Lossy("the 7th digit of fractional seconds is rounded".into())
    );
    assert_eq!(column("at").pg, PgType::TimestampTz(3));
    assert_eq!(column("twice").pg, PgType::Int4);
    assert!(column("twice").computed.is_some());
}

#[tokio::test]
async fn sequences_keep_their_bounds_and_their_place() {
    let sequence = |name: &str, ty, minimum, maximum, current| SequenceSpec {
        schema: "dbo".into(),
        name: name.into(),
        ty,
        start: 5,
        increment: 2,
        minimum,
        maximum,
        cycle: maximum.is_some(),
        current,
    };
    let database = DatabaseSpec::new("D")
        .sequence(sequence("a", SqlType::SmallInt, Some(1), Some(99), Some(7)))
        .sequence(sequence("b", SqlType::Decimal(18, 0), None, None, None))
        .sequence(sequence("c", SqlType::TinyInt, None, None, None))
        .sequence(sequence("d", SqlType::SmallInt, None, Some(9), None))
        .sequence(sequence("e", SqlType::Int, None, None, None))
        .sequence(sequence("f", SqlType::BigInt, None, None, None))
        .sequence(sequence("g", SqlType::Decimal(19, 0), None, None, None));
    let catalog = catalog(database).await;
    let expected = |name: &str, pg, min, max, cycle, last| Sequence {
        name: ObjectName::new("dbo", name),
        pg,
        start: 5,
        increment: 2,
        min,
        max,
        cycle,
        last,
        comment: None,
    };
    assert_eq!(
        catalog.sequences,
        [
            expected("a", PgType::Int2, Some(1), Some(99), true, Some(7)),
            expected(
                "b",
                PgType::Int8,
                Some(-999_999_999_999_999_999),
                Some(999_999_999_999_999_999),
                false,
                None
            ),
            expected("c", PgType::Int2, Some(0), Some(255), false, None),
            expected("d", PgType::Int2, Some(-32768), Some(9), true, None),
            expected(
                "e",
                PgType::Int4,
                Some(-2_147_483_648),
                Some(2_147_483_647),
                false,
                None
            ),
            expected("f", PgType::Int8, Some(i64::MIN), Some(i64::MAX), false, None),
            expected("g", PgType::Int8, Some(i64::MIN), Some(i64::MAX), false, None),
        ]
    );
}

#[tokio::test]
async fn views_come_in_an_order_in_which_they_can_be_created() {
    let view = |name: &str, query: &str| ViewSpec {
        schema: "dbo".into(),
        name: name.into(),
        header: format!("CREATE VIEW [dbo].[{name}] AS"),
        query: query.into(),
        columns: vec![("id".into(), Vec::new())],
        schema_bound: false,
    };
    let database = DatabaseSpec::new("D")
        .table(TableSpec::new("dbo", "T").column(id()))
        .view(view("a", " SELECT [id] FROM [dbo].[b]"))
        .view(view("b", " SELECT id FROM dbo.c"))
        .view(view("c", " SELECT [id] FROM [dbo].[T]"));
    let catalog = catalog(database).await;
    let names: Vec<&str> = catalog.views.iter().map(|v| v.name.name.as_str()).collect();
    assert_eq!(names, ["c", "b", "a"]);
    for view in &catalog.views {
        assert_eq!(view.columns, ["id"]);
        assert!(
            matches!(view.query.translation, Translation::Done { .. }),
            "{view:?}"
        );
    }
}

#[tokio::test]
async fn descriptions_become_comments_and_the_rest_is_listed() {
    let describe = |kind: &str, host: &str, text: &str| Description {
        host_kind: kind.into(),
        host: host.into(),
        text: text.into(),
    };
    let database = DatabaseSpec::new("D")
        .table(
            TableSpec::new("dbo", "T")
                .column(id().description("it's the key"))
                .primary_key("PK_T", &["id"])
                .check("CK_T", "[id]>(0)")
                .index(IndexSpec::new("IX_T", &["id"]))
                .description("a table"),
        )
        .procedure(ProcedureSpec {
            schema: "dbo".into(),
            name: "p".into(),
            parameters: Vec::new(),
            header: "CREATE PROCEDURE [dbo].[p] AS".into(),
            body: " SELECT 1".into(),
        })
        .description(describe("SqlConstraint", "[dbo].[PK_T]", "a key"))
        .description(describe("SqlConstraint", "[dbo].[CK_T]", "a check"))
        .description(describe("SqlIndexBase", "[dbo].[T].[IX_T]", "an index"))
        .description(describe("SqlProcedure", "[dbo].[p]", "a procedure"));
    let catalog = catalog(database).await;
    let t = table(&catalog, "T");
    assert_eq!(t.comment.as_deref(), Some("a table"));
    assert_eq!(t.columns[0].comment.as_deref(), Some("it's the key"));
    assert_eq!(t.primary_key.as_ref().unwrap().comment.as_deref(), Some("a key"));
    assert_eq!(t.checks[0].comment.as_deref(), Some("a check"));
    assert_eq!(t.indexes[0].comment.as_deref(), Some("an index"));
    let [procedure, properties] = &catalog.manual[..] else {
        panic!("{:?}", catalog.manual)
    };
    assert_eq!(
        (procedure.kind.as_str(), procedure.name.as_str()),
        ("procedure", "dbo.p")
    );
    assert_eq!(procedure.definition, "CREATE PROCEDURE [dbo].[p] AS SELECT 1");
    assert_eq!(properties.name, "1 of objects without comments");
    assert_eq!(
        properties.definition,
        "-- SqlProcedure [dbo].[p]\nexec sp_addextendedproperty N'MS_Description', N'a procedure'"
    );
}

#[tokio::test]
async fn what_a_table_is_besides_is_noted() {
    let mut spec = TableSpec::new("dbo", "T")
        .column(id())
        .column(ColumnSpec::new("from", SqlType::DateTime2(7)).not_null())
        .column(ColumnSpec::new("to", SqlType::DateTime2(7)).not_null());
    spec.temporal = Some(Temporal {
        start: "from".into(),
        end: "to".into(),
        history: ("dbo".into(), "H".into()),
    });
    let history = TableSpec::new("dbo", "H").column(id());
    let catalog = catalog(DatabaseSpec::new("D").table(spec).table(history)).await;
    let notes = &table(&catalog, "T").notes;
    for expected in [
        "TemporalSystemVersioningHistoryTable dbo.H is not carried over",
        "column from: GeneratedAlwaysType = 1",
    ] {
        assert!(notes.iter().any(|n| n.contains(expected)), "{notes:?}");
    }
    assert!(table(&catalog, "H").notes.is_empty());
}

#[tokio::test]
async fn unknown_objects_are_listed_and_anonymous_constraints_have_no_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("schema.bacpac");
    let spec = TableSpec::new("dbo", "T")
        .column(id())
        .primary_key("PK_gone", &["id"]);
    let file = BacpacWriter::create(&path, DatabaseSpec::new("D").table(spec), Options::default()).unwrap();
    file.finish().unwrap();
    let mut package = Package::open(&path).unwrap();
    let model = package.text("model.xml").unwrap();
    let anonymous = model.replace(" Name=\"[dbo].[PK_gone]\"", "");
    assert_ne!(anonymous, model);
    let extra = "<Element Type=\"SqlHologram\" Name=\"[dbo].[H]\"><Property Name=\"Depth\" Value=\"3\"/></Element></Model>";
    package.set("model.xml", anonymous.replace("</Model>", extra).into_bytes());
    package.seal().unwrap();
    package.save(&path).unwrap();
    let catalog = discover(&path).await.unwrap();
    assert_eq!(table(&catalog, "T").primary_key.as_ref().unwrap().name, None);
    let [unknown] = &catalog.manual[..] else {
        panic!("{:?}", catalog.manual)
    };
    assert_eq!(
        (unknown.kind.as_str(), unknown.name.as_str()),
        ("hologram", "dbo.H")
    );
    assert_eq!(unknown.definition, "SqlHologram [dbo].[H]\n  Depth = 3");
    assert_eq!(unknown.reason, "this version does not know this kind of object");
}

#[tokio::test]
async fn a_scale_that_only_the_data_shows() {
    // The model does not state the scale of a datetime2; the data has seven digits.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("schema.bacpac");
    let spec = TableSpec::new("dbo", "T").column(ColumnSpec::new("at", SqlType::DateTime2(7)).not_null());
    let mut file =
        BacpacWriter::create(&path, DatabaseSpec::new("D").table(spec), Options::default()).unwrap();
    file.table_rows(
        "dbo",
        "T",
        9,
        [[Cell::DateTime2 {
            days: 738_000,
            ticks: 12_345_678,
        }]],
    )
    .unwrap();
    file.finish().unwrap();
    let mut package = Package::open(&path).unwrap();
    let model = package.text("model.xml").unwrap();
    let silent = model.replace("<Property Name=\"Scale\" Value=\"7\" />", "");
    assert_ne!(silent, model);
    package.set("model.xml", silent.into_bytes());
    package.seal().unwrap();
    package.save(&path).unwrap();
    let catalog = discover(&path).await.unwrap();
    let column = &table(&catalog, "T").columns[0];
    assert_eq!(
        (column.native.as_str(), &column.pg),
        ("datetime2(7)", &PgType::Timestamp(6))
    );
}

#[tokio::test]
async fn data_that_can_be_read_in_two_ways_is_refused_unless_another_table_tells() {
    // One o'clock at scale 6: 36e9 units of 100 ns, or 36e9 microseconds, which is ten o'clock.
    let column = || ColumnSpec::new("at", SqlType::Time(6)).not_null();
    let one = Cell::Time(36_000_000_000);
    let doubtful = || TableSpec::new("dbo", "Doubtful").column(column());
    let clear = || TableSpec::new("dbo", "Clear").column(column());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("times.bacpac");
    let mut file = BacpacWriter::create(
        &path,
        DatabaseSpec::new("D").table(doubtful()),
        Options::default(),
    )
    .unwrap();
    file.table_rows("dbo", "Doubtful", 9, [[one.clone()]]).unwrap();
    file.finish().unwrap();
    let error = crate::reading::refusal(&path).await;
    assert_eq!(error.kind(), migrate_core::ErrorKind::Unsupported);
    for part in [
        "more than one way",
        "columns at",
        "dbo.Doubtful",
        "TableData-000-00000.BCP",
        "times.bacpac",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }

    let database = DatabaseSpec::new("D").table(doubtful()).table(clear());
    let mut file = BacpacWriter::create(&path, database, Options::default()).unwrap();
    file.table_rows("dbo", "Doubtful", 9, [[one]]).unwrap();
    // Noon in 100 ns would be five days in microseconds.
    file.table_rows("dbo", "Clear", 9, [[Cell::Time(432_000_000_000)]])
        .unwrap();
    file.finish().unwrap();
    let reading = crate::reading::Reading::of(&path).await;
    assert_eq!(
        reading.rows("dbo", "Doubtful").await,
        [serde_json::json!({"at": "01:00:00"})]
    );
}
