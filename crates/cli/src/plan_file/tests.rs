//! What is written is read back as the same mapping.

use migrate_core::catalog::{Fidelity, ManualObject, ObjectName};
use migrate_core::mapping::{
    AliasTypes, CaseInsensitive, ColumnMapping, Keys, Legacy, Offsets, Polymorphic, TableMapping, XmlType,
};
use migrate_core::memory::MemorySource;
use migrate_core::naming::Naming;
use migrate_core::pg_type::PgType;
use migrate_core::plan::Target;
use migrate_core::planner;
use migrate_core::policy::TextPolicy;
use migrate_core::proof::{On, Rule, Severity, TimedQuery};
use migrate_core::supabase::{AccountsMapping, IdentitiesMapping, Policies, Profile, SupabaseMapping};
use proptest::prelude::*;

use super::*;

fn catalog() -> Catalog {
    let mut source = MemorySource::new("shop")
        .table(
            ObjectName::new("dbo", "Order Line"),
            &[
                ("id", PgType::Int8),
                ("Price", PgType::Numeric(Some((19, 4)))),
                ("note", PgType::Text),
            ],
            Vec::new(),
        )
        .table(ObjectName::new("dbo", "Log"), &[("id", PgType::Int4)], Vec::new());
    let catalog = source.catalog_mut();
    catalog.tables[0].columns[1].fidelity = Fidelity::Lossy("four digits at most".to_owned());
    catalog.tables[0].columns[1].native = "money".to_owned();
    catalog.manual.push(ManualObject {
        kind: "procedure".to_owned(),
        name: "dbo.Clean\u{1b}Up".to_owned(),
        definition: "create procedure dbo.CleanUp as\r\n  delete from dbo.Log\u{0} -- \"all\"\r\n".to_owned(),
        reason: "T-SQL".to_owned(),
    });
    catalog.clone()
}

/// What the file adds: an entry for each table, which decides nothing.
fn with_entries(mapping: &Mapping, plan: &Plan) -> Mapping {
    let mut mapping = mapping.clone();
    for table in &plan.tables {
        mapping.tables.entry(table.source.to_string()).or_default();
    }
    mapping
}

fn full_mapping() -> Mapping {
    let column = |name: Option<&str>, ty: Option<PgType>, round| ColumnMapping {
        skip: false,
        name: name.map(str::to_owned),
        ty,
        nul: Some(TextPolicy::Strip),
        round,
        references: Some("dbo.Log".to_owned()),
        foreign_key: round,
        legacy: Some(round),
    };
    let table = TableMapping {
        skip: false,
        name: Some("sales.line".to_owned()),
        filter: Some("id > 5 and note <> 'a\"b\\c'".to_owned()),
        nul: Some(TextPolicy::Replace),
        key: Some(Keys::Mapping("migrate.mapping".to_owned())),
        watermark: Some("id".to_owned()),
        overlap: Some(7),
        polymorphic: vec![Polymorphic {
            kind: "note".to_owned(),
            id: "id".to_owned(),
            targets: [
                ("7".to_owned(), "dbo.Log".to_owned()),
                ("x.y".to_owned(), "dbo.Order Line".to_owned()),
            ]
            .into(),
        }],
        columns: [
            (
                "Price".to_owned(),
                column(Some("price \"net\""), Some(PgType::Numeric(Some((10, 2)))), true),
            ),
            (
                "note".to_owned(),
                ColumnMapping {
                    skip: true,
                    ..ColumnMapping::default()
                },
            ),
        ]
        .into(),
    };
    Mapping {
        keys: Keys::Uuid,
        key_namespace: Some("00000000-0000-0000-0000-000000000007".parse().unwrap()),
        legacy: Legacy::All,
        source: Some("../data/shop.bacpac".to_owned()),
        catalog: Some("0123".to_owned()),
        profile: Profile::Supabase,
        supabase: SupabaseMapping {
            expose: vec!["api".to_owned()],
            row_level_security: false,
            grants: false,
            policies: Policies::Stubs,
        },
        accounts: None,
        naming: Naming::Snake,
        nul: TextPolicy::Replace,
        case_insensitive: CaseInsensitive::Citext,
        xml: XmlType::Text,
        alias_types: AliasTypes::Base,
        offsets: Offsets::Keep,
        exists: migrate_core::staging::Exists::Replace,
        grants: migrate_core::mapping::Grants::Drop,
        owners: migrate_core::mapping::Owners::Keep,
        roles: BTreeMap::default(),
        include: vec!["dbo.*".to_owned()],
        exclude: vec!["dbo.Lo*".to_owned()],
        schemas: [("dbo".to_owned(), "public".to_owned())].into(),
        tables: [("dbo.Order Line".to_owned(), table)].into(),
        options: [
            ("sample".to_owned(), 1000.into()),
            (
                "paths".to_owned(),
                serde_json::json!({ "users": { "address.geo": "jsonb" } }),
            ),
        ]
        .into_iter()
        .collect(),
        success: migrate_core::proof::Percent::new(99.5),
        rules: vec![Rule {
            name: "no \"orphans\"".to_owned(),
            on: On::Both,
            sql: "select count(*)\nfrom a -- 'b'\n".to_owned(),
            source_sql: Some("select count_big(*) from a".to_owned()),
            expect: Some(serde_json::json!(0)),
            severity: Severity::Warning,
        }],
        queries: vec![TimedQuery {
            name: "q".to_owned(),
            sql: "select 1".to_owned(),
            source_sql: None,
            runs: 3,
            limit_ms: Some(50),
        }],
    }
}

#[test]
fn the_default_mapping_comes_back_and_the_file_shows_everything() {
    let (catalog, mapping) = (catalog(), Mapping::default());
    let plan = planner::plan(&catalog, &mapping, &Target::default()).unwrap();
    let text = render(&mapping, &catalog, &plan, true);
    let read = Mapping::from_toml(&text).unwrap();
    assert_eq!(read, with_entries(&mapping, &plan));
    assert_eq!(planner::plan(&catalog, &read, &Target::default()).unwrap(), plan);
    for expected in [
        "[tables.\"dbo.Order Line\"]",
        "# columns.Price.type = \"numeric(19,4)\"  # money; not exact: four digits at most",
        "# columns.id.type = \"bigint\"            # bigint not null",
        "# procedure dbo.Clean\u{fffd}Up: T-SQL",
        "#     create procedure dbo.CleanUp as",
        "#       delete from dbo.Log\u{fffd} -- \"all\"",
        "# dbo = \"dbo\"",
        "naming = \"preserve\"",
    ] {
        assert!(
            text.lines().any(|l| l == expected),
            "{expected:?} is missing in\n{text}"
        );
    }
}

#[test]
fn a_mapping_that_decides_everything_comes_back() {
    let (catalog, mapping) = (catalog(), full_mapping());
    // It refers to tables that it leaves out, which no plan can do.
    let planned = |mapping: &Mapping| {
        let mut mapping = mapping.clone();
        for table in mapping.tables.values_mut() {
            table.polymorphic.clear();
            for column in table.columns.values_mut() {
                column.references = None;
            }
        }
        planner::plan(&catalog, &mapping, &Target::default()).unwrap()
    };
    let plan = planned(&mapping);
    let text = render(&mapping, &catalog, &plan, true);
    let read = Mapping::from_toml(&text).unwrap();
    assert_eq!(read, with_entries(&mapping, &plan));
    assert_eq!(planned(&read), plan);
}

#[test]
fn accounts_come_back() {
    let catalog = catalog();
    let plan = planner::plan(&catalog, &Mapping::default(), &Target::default()).unwrap();
    let mapping = Mapping {
        accounts: Some(AccountsMapping {
            table: "dbo.Order Line".to_owned(),
            email: Some("note".to_owned()),
            phone: Some(String::new()),
            user_metadata: Some(vec!["Price".to_owned()]),
            identities: Some(IdentitiesMapping {
                table: "dbo.\"Log\"".to_owned(),
                subject: Some("id".to_owned()),
                ..IdentitiesMapping::default()
            }),
            ..AccountsMapping::default()
        }),
        ..Mapping::default()
    };
    let text = render(&mapping, &catalog, &plan, true);
    assert_eq!(Mapping::from_toml(&text).unwrap(), with_entries(&mapping, &plan));
}

#[test]
fn every_commented_decision_can_be_made() {
    let (catalog, mapping) = (catalog(), Mapping::default());
    let plan = planner::plan(&catalog, &mapping, &Target::default()).unwrap();
    let text = render(&mapping, &catalog, &plan, true);
    let activated: Vec<&str> = text
        .lines()
        .map(|l| {
            if l.contains(".type = ") {
                l.strip_prefix("# ").unwrap_or(l)
            } else {
                l
            }
        })
        .collect();
    // The explanation at the top of the tables is not one of them.
    let activated: Vec<&str> = activated
        .into_iter()
        .filter(|l| !l.contains("columns.X"))
        .collect();
    let read = Mapping::from_toml(&activated.join("\n")).unwrap();
    assert_eq!(
        read.tables["dbo.Order Line"].columns["Price"].ty,
        Some(PgType::Numeric(Some((19, 4))))
    );
    assert_eq!(read.tables["dbo.Log"].columns["id"].ty, Some(PgType::Int4));
}

#[test]
fn table_fingerprints_are_found_again() {
    let (catalog, mapping) = (catalog(), Mapping::default());
    let plan = planner::plan(&catalog, &mapping, &Target::default()).unwrap();
    let text = render(&mapping, &catalog, &plan, false);
    assert_eq!(table_fingerprints(&text), crate::fingerprint::of_tables(&catalog));
    assert!(table_fingerprints("naming = \"snake\"\n").is_empty());
}

proptest! {
    #[test]
    fn any_text_comes_back(
        texts in prop::collection::vec(any::<String>(), 7),
        pattern in any::<String>(),
    ) {
        let catalog = catalog();
        let plan = planner::plan(&catalog, &Mapping::default(), &Target::default()).unwrap();
        let [source, old, new, table, name, filter, column] = <[String; 7]>::try_from(texts).unwrap();
        let entry = TableMapping {
            name: Some(name.clone()),
            filter: Some(filter),
            columns: [(column, ColumnMapping { name: Some(name), ..ColumnMapping::default() })].into(),
            ..TableMapping::default()
        };
        let mapping = Mapping {
            source: Some(source),
            include: vec![pattern.clone()],
            exclude: vec![pattern],
            schemas: [(old, new)].into(),
            tables: [(table, entry)].into(),
            ..Mapping::default()
        };
        let text = render(&mapping, &catalog, &plan, true);
        prop_assert_eq!(Mapping::from_toml(&text).unwrap(), with_entries(&mapping, &plan));
    }
}
