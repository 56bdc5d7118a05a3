//! What is taken, what is left out, and what a plan file may not speak of.

use migrate_core::catalog::ManualObject;
use migrate_core::mapping::{ColumnMapping, Mapping, TableMapping};
use migrate_core::plan::ManualWork;

use crate::build::*;

fn three() -> migrate_core::catalog::Catalog {
    catalog(vec![
        table("dbo.Account", vec![int("id"), int("name")]),
        table("dbo.ErrorLog", vec![int("id")]),
        table("hr.Person", vec![int("id")]),
    ])
}

#[test]
fn patterns_and_skips_choose_tables() {
    for (include, exclude, skip, taken) in [
        (
            vec![],
            vec![],
            None,
            vec!["dbo.Account", "dbo.ErrorLog", "hr.Person"],
        ),
        (vec!["dbo.*"], vec![], None, vec!["dbo.Account", "dbo.ErrorLog"]),
        (
            vec!["DBO.acc*", "hr.person"],
            vec![],
            None,
            vec!["dbo.Account", "hr.Person"],
        ),
        (vec![], vec!["*Log"], None, vec!["dbo.Account", "hr.Person"]),
        (vec!["dbo.*"], vec!["dbo.Error*"], None, vec!["dbo.Account"]),
        (
            vec![],
            vec![],
            Some("dbo.Account"),
            vec!["dbo.ErrorLog", "hr.Person"],
        ),
        (vec!["dbo.*"], vec![], Some("dbo.Account"), vec!["dbo.ErrorLog"]),
    ] {
        let mapping = Mapping {
            include: strings(&include),
            exclude: strings(&exclude),
            tables: skip
                .into_iter()
                .map(|t: &str| {
                    (
                        t.to_owned(),
                        TableMapping {
                            skip: true,
                            ..Default::default()
                        },
                    )
                })
                .collect(),
            ..Default::default()
        };
        let plan = plan(&three(), &mapping);
        let got: Vec<String> = plan.tables.iter().map(|t| t.source.to_string()).collect();
        assert_eq!(got, taken, "{mapping:?}");
        assert_eq!(got.len() + plan.excluded.len(), 3);
        assert!(
            plan.excluded
                .iter()
                .all(|n| !taken.contains(&n.to_string().as_str()))
        );
    }
}

#[test]
fn the_schemas_of_what_is_left_out_are_not_created() {
    let plan = plan(
        &three(),
        &Mapping {
            exclude: strings(&["hr.*"]),
            ..Default::default()
        },
    );
    assert_eq!(plan.schemas, ["dbo"]);
    assert_eq!(plan.excluded, [name("hr.Person")]);
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let of_table = |t: &str| Mapping {
        tables: [(t.to_owned(), TableMapping::default())].into(),
        ..Default::default()
    };
    let of_schema = |s: &str| Mapping {
        schemas: [(s.to_owned(), "x".to_owned())].into(),
        ..Default::default()
    };
    for (mapping, message, hint) in [
        (
            of_table("dbo.Acount"),
            "the source has no table `dbo.Acount`",
            Some("did you mean `dbo.Account`?"),
        ),
        (
            of_table("DBO.ACCOUNT"),
            "the source has no table `DBO.ACCOUNT`",
            Some("did you mean `dbo.Account`?"),
        ),
        (
            of_table("sales.Invoice"),
            "the source has no table `sales.Invoice`",
            None,
        ),
        (
            deciding("dbo.Account", "nmae", ColumnMapping::default()),
            "the source has no column `nmae` (table dbo.Account)",
            Some("did you mean `name`?"),
        ),
        (
            of_schema("dob"),
            "the source has no schema `dob`",
            Some("did you mean `dbo`?"),
        ),
        (
            of_schema("warehouse"),
            "the source has no schema `warehouse`",
            None,
        ),
        (
            Mapping {
                include: strings(&["sales.*"]),
                ..Default::default()
            },
            "pattern `sales.*` fits no table of the source",
            Some("patterns are `schema.table`, with * for any characters"),
        ),
        (
            Mapping {
                exclude: strings(&["Account"]),
                ..Default::default()
            },
            "pattern `Account` fits no table of the source",
            Some("patterns are `schema.table`, with * for any characters"),
        ),
        (
            Mapping {
                exclude: strings(&["*"]),
                ..Default::default()
            },
            "the plan leaves every table out",
            None,
        ),
    ] {
        let error = refused(&three(), &mapping);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.hint_text(), hint, "{message}");
    }
}

#[test]
fn a_reference_to_a_table_left_out_is_work_by_hand() {
    let mut child = table("dbo.Child", vec![int("id"), int("parent")]);
    child.foreign_keys = vec![
        fk("FK_Parent", &["parent"], "dbo.Parent", &["id"]),
        fk("FK_Self", &["parent"], "dbo.Child", &["id"]),
    ];
    let catalog = catalog(vec![table("dbo.Parent", vec![int("id")]), child]);
    let plan = plan(
        &catalog,
        &Mapping {
            exclude: strings(&["dbo.Parent"]),
            ..Default::default()
        },
    );
    assert_eq!(
        plan.manual,
        [ManualWork {
            kind: "foreign key".into(),
            name: "dbo.Child.FK_Parent".into(),
            definition: "foreign key (parent) references dbo.Parent (id)".into(),
            reason: "dbo.Parent is not in the plan".into(),
        }]
    );
    let kept: Vec<&str> = plan.tables[0]
        .foreign_keys
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(kept, ["FK_Self"]);
}

#[test]
fn whatever_needs_a_skipped_column_is_work_by_hand() {
    let mut t = table("dbo.T", vec![int("a"), int("b"), int("total"), int("c")]);
    t.columns[2].computed = Some(expr("dbo.T", "{b} + 1"));
    t.columns[3].default = Some(expr("dbo.T", "0"));
    t.primary_key = Some(key("PK", &["a", "b"]));
    t.uniques = vec![key("UQ", &["b"]), key("UQ_ok", &["a"])];
    let filtered = expr("dbo.T", "{b} is not null");
    t.indexes = vec![
        index("IX_key", &["b"]),
        migrate_core::catalog::Index {
            include: strings(&["b"]),
            ..index("IX_include", &["a"])
        },
        migrate_core::catalog::Index {
            filter: Some(filtered),
            ..index("IX_filter", &["a"])
        },
        index("IX_computed", &["total"]),
        index("IX_ok", &["a"]),
    ];
    t.checks = vec![
        check("CK", expr("dbo.T", "{b} > {a}")),
        check("CK_ok", expr("dbo.T", "{a} > 0")),
    ];
    t.foreign_keys = vec![
        fk("FK_from", &["b"], "dbo.T", &["a"]),
        fk("FK_to", &["a"], "dbo.T", &["b"]),
    ];
    let mut catalog = catalog(vec![t]);
    catalog.views = vec![
        view("dbo.V", &["x"], expr("dbo.T", "select {b} from {@dbo.T}")),
        view("dbo.W", &["x"], expr("dbo.V", "select {x} from {@dbo.V}")),
        view("dbo.V_ok", &["x"], expr("dbo.T", "select {a} from {@dbo.T}")),
    ];
    let plan = plan(&catalog, &deciding("dbo.T", "b", skipped()));
    assert_eq!(columns(&plan.tables[0]), ["a integer", "c integer default 0"]);
    let gone = "column b is not in the destination";
    let named = "column dbo.T.b is not in the destination";
    assert_eq!(
        manual(&plan),
        [
            format!("computed column dbo.T.total: {named}"),
            format!("primary key dbo.T.PK: {gone}"),
            format!("unique constraint dbo.T.UQ: {gone}"),
            format!("index dbo.T.IX_key: {gone}"),
            format!("index dbo.T.IX_include: {gone}"),
            format!("index dbo.T.IX_filter: {named}"),
            "index dbo.T.IX_computed: column total is not in the destination".into(),
            format!("foreign key dbo.T.FK_from: {gone}"),
            format!("foreign key dbo.T.FK_to: {gone}"),
            format!("check dbo.T.CK: {named}"),
            format!("view dbo.V: {named}"),
            "view dbo.W: it uses a table or column that the plan leaves out".into(),
        ]
    );
    let t = &plan.tables[0];
    assert_eq!(t.primary_key, None);
    assert_eq!(
        (
            t.uniques.len(),
            t.indexes.len(),
            t.checks.len(),
            t.foreign_keys.len()
        ),
        (1, 1, 1, 0)
    );
    assert_eq!(plan.views.len(), 1);
    assert_eq!(
        plan.manual[5].definition,
        "index IX_filter (a) where [{b} is not null]"
    );
    assert_eq!(plan.manual[4].definition, "index IX_include (a) include (b)");
}

#[test]
fn objects_that_nobody_translates_are_listed_as_they_are() {
    let mut catalog = three();
    let object = ManualObject {
        kind: "procedure".into(),
        name: "[dbo].[p]".into(),
        definition: "create procedure p as select 1".into(),
        reason: "procedures are not translated".into(),
    };
    catalog.manual = vec![object.clone()];
    let plan = plan(&catalog, &Mapping::default());
    let ManualObject {
        kind,
        name,
        definition,
        reason,
    } = object;
    assert_eq!(
        plan.manual,
        [ManualWork {
            kind,
            name,
            definition,
            reason
        }]
    );
}
