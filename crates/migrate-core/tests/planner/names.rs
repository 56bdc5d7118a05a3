//! What things are called.

use migrate_core::catalog::{AliasType, Identity, Key, Sequence};
use migrate_core::mapping::{AliasTypes, ColumnMapping, Mapping, TableMapping};
use migrate_core::naming::{MAX_NAME_BYTES, Naming, shorten};
use migrate_core::pg_type::PgType;

use crate::build::*;

fn named(table: &str, new: &str) -> (String, TableMapping) {
    (
        table.to_owned(),
        TableMapping {
            name: Some(new.to_owned()),
            ..Default::default()
        },
    )
}

#[test]
fn a_policy_names_everything() {
    let mut orders = table("SalesLT.SalesOrder", vec![int("OrderID"), int("ParentID")]);
    orders.primary_key = Some(key("PK_SalesOrder", &["OrderID"]));
    orders.uniques = vec![key("AK_SalesOrder", &["ParentID", "OrderID"])];
    orders.indexes = vec![index("IX_SalesOrder_ParentID", &["ParentID"])];
    orders.foreign_keys = vec![fk(
        "FK_Order_Parent",
        &["ParentID"],
        "SalesLT.SalesOrder",
        &["OrderID"],
    )];
    orders.checks = vec![check("CK_Positive", expr("SalesLT.SalesOrder", "{OrderID} > 0"))];
    let catalog = catalog(vec![orders]);
    for (naming, expected) in [
        (
            Naming::Preserve,
            "SalesLT.SalesOrder OrderID,ParentID PK_SalesOrder AK_SalesOrder(ParentID,OrderID) IX_SalesOrder_ParentID \
             FK_Order_Parent CK_Positive \"OrderID\" > 0",
        ),
        (
            Naming::Snake,
            "sales_lt.sales_order order_id,parent_id pk_sales_order ak_sales_order(parent_id,order_id) \
             ix_sales_order_parent_id fk_order_parent ck_positive \"order_id\" > 0",
        ),
        (
            Naming::Lower,
            "saleslt.salesorder orderid,parentid pk_salesorder ak_salesorder(parentid,orderid) ix_salesorder_parentid \
             fk_order_parent ck_positive \"orderid\" > 0",
        ),
    ] {
        let plan = plan(
            &catalog,
            &Mapping {
                naming,
                ..Default::default()
            },
        );
        let t = &plan.tables[0];
        let columns: Vec<&str> = t.columns.iter().map(|c| c.name.as_str()).collect();
        let printed = format!(
            "{} {} {} {}({}) {} {} {} {}",
            t.target,
            columns.join(","),
            t.primary_key.as_ref().unwrap().name,
            t.uniques[0].name,
            t.uniques[0].columns.join(","),
            t.indexes[0].name,
            t.foreign_keys[0].name,
            t.checks[0].name,
            t.checks[0].expression,
        );
        assert_eq!(printed, expected);
        assert_eq!(plan.schemas.join(","), t.target.schema);
        assert_eq!(plan.notes, []);
    }
}

#[test]
fn what_the_source_leaves_unnamed_is_named_after_its_table() {
    let unnamed = |columns: &[&str]| Key {
        name: None,
        ..key("", columns)
    };
    let mut t = table("dbo.T", vec![int("a"), int("b")]);
    t.primary_key = Some(unnamed(&["a"]));
    t.uniques = vec![unnamed(&["b", "a"])];
    t.foreign_keys = vec![fk("", &["b"], "dbo.T", &["a"])];
    t.foreign_keys[0].name = None;
    t.checks = vec![
        check("", expr("dbo.T", "{a} > 0")),
        check("", expr("dbo.T", "{b} > 0")),
    ];
    t.checks.iter_mut().for_each(|c| c.name = None);
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    let t = &plan.tables[0];
    assert_eq!(t.primary_key.as_ref().unwrap().name, "T_pkey");
    assert_eq!(t.uniques[0].name, "T_b_a_key");
    assert_eq!(t.foreign_keys[0].name, "T_b_fkey");
    assert_eq!([&t.checks[0].name, &t.checks[1].name], ["T_check", "T_check_2"]);
}

#[test]
fn long_names_keep_apart_at_63_bytes() {
    let long = |end: &str| format!("{}{end}", "ü".repeat(40));
    let (a, b) = (long("a"), long("b"));
    let mut t = table("dbo.T", vec![int(&a), int(&b)]);
    t.name.name = a.clone();
    t.checks = vec![check(&a, expr("dbo.X", "1 > 0"))];
    t.foreign_keys = vec![fk(&b, &[&b], "dbo.X", &[&a])];
    t.foreign_keys[0].references = t.name.clone();
    t.indexes = vec![index(&b, &[&a])];
    let object = t.name.to_string();
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    let t = &plan.tables[0];
    let given = [
        &t.target.name,
        &t.columns[0].name,
        &t.columns[1].name,
        &t.indexes[0].name,
        &t.checks[0].name,
    ];
    for (given, wanted) in given.iter().zip([&a, &a, &b, &b, &a]) {
        assert_eq!(**given, shorten(wanted));
        assert!(
            given.len() <= MAX_NAME_BYTES && given.starts_with("üüü"),
            "{given}"
        );
    }
    assert_ne!(t.columns[0].name, t.columns[1].name);
    let said = |short: &str, wanted: &str, place: &str| {
        format!("is called \"{short}\": \"{wanted}\" is too long for PostgreSQL, or taken{place}")
    };
    assert_eq!(
        notes(&plan, &object),
        [said(&shorten(&a), &a, " in schema \"dbo\"")]
    );
    assert_eq!(
        notes(&plan, &format!("{object}.{a}")),
        [
            said(&shorten(&a), &a, ""),
            said(&shorten(&a), &a, " in the table")
        ]
    );
    // The column, the foreign key, and the index, which is noted last.
    assert_eq!(
        notes(&plan, &format!("{object}.{b}")),
        [
            said(&shorten(&b), &b, ""),
            said(&shorten(&b), &b, " in the table"),
            said(&shorten(&b), &b, " in schema \"dbo\""),
        ]
    );
}

#[test]
fn index_names_of_two_tables_collide_in_their_schema_only() {
    let with_index = |source: &str| {
        let mut t = table(source, vec![int("a")]);
        t.primary_key = Some(key("PK", &["a"]));
        t.indexes = vec![index("IX_Name", &["a"])];
        t
    };
    let tables = vec![with_index("dbo.A"), with_index("dbo.B"), with_index("other.C")];
    let plan = plan(&catalog(tables), &Mapping::default());
    let names = |t: usize| {
        let t = &plan.tables[t];
        (
            t.primary_key.as_ref().unwrap().name.clone(),
            t.indexes[0].name.clone(),
        )
    };
    assert_eq!(names(0), ("PK".into(), "IX_Name".into()));
    assert_eq!(names(1), ("PK_2".into(), "B_IX_Name".into()));
    assert_eq!(names(2), ("PK".into(), "IX_Name".into()));
    let said = |new, old| {
        format!("is called \"{new}\": \"{old}\" is too long for PostgreSQL, or taken in schema \"dbo\"")
    };
    assert_eq!(notes(&plan, "dbo.B.IX_Name"), [said("B_IX_Name", "IX_Name")]);
    assert_eq!(notes(&plan, "dbo.B.PK"), [said("PK_2", "PK")]);
    assert_eq!(plan.notes.len(), 2);
}

#[test]
fn an_index_never_takes_a_relations_name() {
    let mut a = table("dbo.A", vec![int("x")]);
    a.indexes = vec![index("B", &["x"]), index("V", &["x"]), index("S", &["x"])];
    let mut catalog = catalog(vec![a, table("dbo.B", vec![int("x")])]);
    catalog.views = vec![view("dbo.V", &["x"], expr("dbo.A", "select {x} from {@dbo.A}"))];
    catalog.sequences = vec![Sequence {
        name: name("dbo.S"),
        pg: PgType::Int8,
        start: 1,
        increment: 1,
        min: None,
        max: None,
        cycle: false,
        last: Some(7),
        comment: None,
    }];
    let plan = plan(&catalog, &Mapping::default());
    let indexes: Vec<&str> = plan.tables[0].indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(indexes, ["A_B", "A_V", "A_S"]);
    assert_eq!(plan.tables[1].target.to_string(), "dbo.B");
    assert_eq!(plan.views[0].target.to_string(), "dbo.V");
    assert_eq!(
        (plan.sequences[0].name.to_string(), plan.sequences[0].last),
        ("dbo.S".into(), Some(7))
    );
}

#[test]
fn names_that_a_policy_makes_equal_are_numbered() {
    let tables = vec![
        table("dbo.Item", vec![int("id"), int("ID"), int("Id")]),
        table("dbo.ITEM", vec![int("x")]),
    ];
    let plan = plan(
        &catalog(tables),
        &Mapping {
            naming: Naming::Lower,
            ..Default::default()
        },
    );
    let columns: Vec<&str> = plan.tables[0].columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["id", "id_2", "id_3"]);
    assert_eq!(plan.tables[1].target.name, "item_2");
    assert_eq!(plan.notes.len(), 3);
}

#[test]
fn schemas_get_new_names_and_may_become_one() {
    let tables = vec![
        table("dbo.A", vec![int("x")]),
        table("Sales.A", vec![int("x")]),
        table("Hr.B", vec![int("x")]),
    ];
    let mapping = Mapping {
        naming: Naming::Lower,
        schemas: [("dbo".into(), "public".into()), ("Sales".into(), "public".into())].into(),
        ..Default::default()
    };
    let plan = plan(&catalog(tables), &mapping);
    let names: Vec<String> = plan.tables.iter().map(|t| t.target.to_string()).collect();
    assert_eq!(names, ["public.a", "public.a_2", "hr.b"]);
    assert_eq!(plan.schemas, ["public", "hr"]);
}

#[test]
fn chosen_names_come_first_and_are_taken_as_they_are() {
    let tables = vec![
        table("dbo.A", vec![int("x"), int("y")]),
        table("dbo.B", vec![int("x")]),
        table("dbo.C", vec![int("x")]),
    ];
    let mut mapping = Mapping {
        naming: Naming::Snake,
        schemas: [("dbo".into(), "public".into())].into(),
        tables: [named("dbo.B", "a"), named("dbo.C", "Archive.Old C")].into(),
        ..Default::default()
    };
    let rename = ColumnMapping {
        name: Some("X Y".into()),
        ..Default::default()
    };
    mapping
        .tables
        .get_mut("dbo.B")
        .unwrap()
        .columns
        .insert("x".into(), rename);
    let plan = plan(&catalog(tables), &mapping);
    let names: Vec<String> = plan.tables.iter().map(|t| t.target.quoted()).collect();
    assert_eq!(
        names,
        ["\"public\".\"a_2\"", "\"public\".\"a\"", "\"Archive\".\"Old C\""]
    );
    assert_eq!(plan.tables[1].columns[0].name, "X Y");
    assert_eq!(plan.schemas, ["public", "Archive"]);
}

#[test]
fn names_that_cannot_be_are_refused() {
    let tables = catalog(vec![
        table("dbo.A", vec![int("x"), int("y")]),
        table("dbo.B", vec![int("x")]),
    ]);
    let long = "n".repeat(64);
    for chosen in ["", ".x", "s.", long.as_str(), &format!("{long}.x")] {
        let error = refused(
            &tables,
            &Mapping {
                tables: [named("dbo.A", chosen)].into(),
                ..Default::default()
            },
        );
        assert_eq!(
            error.to_string(),
            format!(
                "`{chosen}` cannot be a table's name: it is empty, longer than 63 bytes, or used twice (table dbo.A)"
            )
        );
    }
    let twice = Mapping {
        tables: [named("dbo.A", "t"), named("dbo.B", "t")].into(),
        ..Default::default()
    };
    assert!(
        refused(&tables, &twice)
            .to_string()
            .ends_with("used twice (table dbo.B)")
    );

    for new in ["", long.as_str()] {
        let mapping = Mapping {
            schemas: [("dbo".into(), new.into())].into(),
            ..Default::default()
        };
        let expected =
            format!("`{new}` cannot be a schema's name: it is empty or longer than 63 bytes (schema dbo)");
        assert_eq!(refused(&tables, &mapping).to_string(), expected);
    }

    let rename = |new: &str| ColumnMapping {
        name: Some(new.into()),
        ..Default::default()
    };
    let mut mapping = deciding("dbo.A", "x", rename("c"));
    mapping
        .tables
        .get_mut("dbo.A")
        .unwrap()
        .columns
        .insert("y".into(), rename("c"));
    assert_eq!(
        refused(&tables, &mapping).to_string(),
        "`c` cannot be a column's name: it is empty, longer than 63 bytes, used twice, or PostgreSQL's own (table dbo.A, column y)"
    );
}

#[test]
fn a_skipped_columns_new_name_is_free() {
    let decision = ColumnMapping {
        skip: true,
        name: Some("y".into()),
        ..Default::default()
    };
    let plan = plan(
        &catalog(vec![table("dbo.A", vec![int("x"), int("y")])]),
        &deciding("dbo.A", "x", decision),
    );
    assert_eq!(columns(&plan.tables[0]), ["y integer"]);
}

#[test]
fn alias_types_take_names_only_where_they_become_domains() {
    let mut t = table("dbo.T", vec![int("a")]);
    t.indexes = vec![index("Flag", &["a"])];
    let mut catalog = catalog(vec![t]);
    catalog.alias_types = vec![AliasType {
        name: name("dbo.Flag"),
        native: "bit".into(),
        pg: PgType::Bool,
        comment: None,
    }];
    for (alias_types, expected) in [(AliasTypes::Domain, "T_Flag"), (AliasTypes::Base, "Flag")] {
        let plan = plan(
            &catalog,
            &Mapping {
                alias_types,
                ..Default::default()
            },
        );
        assert_eq!(plan.tables[0].indexes[0].name, expected);
    }
}

#[test]
fn columns_are_not_called_like_those_of_the_system() {
    let tables = catalog(vec![table("dbo.A", vec![int("xmin"), int("XMin"), int("ctid")])]);
    let plan = plan(&tables, &Mapping::default());
    let names: Vec<&str> = planned(&plan, "dbo.A")
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["xmin_2", "XMin", "ctid_2"]);
    assert_eq!(notes(&plan, "dbo.A.xmin").len(), 1);
}

#[test]
fn schemas_of_the_system_are_refused() {
    for schema in ["pg_stuff", "migrate", "information_schema"] {
        let tables = catalog(vec![table(&format!("{schema}.A"), vec![int("x")])]);
        let error = refused(&tables, &Mapping::default());
        assert_eq!(
            error.to_string(),
            format!(
                "schema \"{schema}\" is PostgreSQL's or this program's own, and cannot take what is migrated"
            )
        );
        let mut mapping = Mapping::default();
        mapping.schemas.insert(schema.into(), "mine".into());
        assert_eq!(
            planned(&plan(&tables, &mapping), &format!("{schema}.A"))
                .target
                .schema,
            "mine"
        );
    }
}

#[test]
fn no_index_takes_the_name_of_an_identitys_sequence() {
    let mut id = int("id");
    id.identity = Some(Identity {
        seed: 1,
        increment: 1,
        last: None,
    });
    let mut numbered = table("dbo.t", vec![id]);
    numbered.indexes.push(index("t_id_seq", &["id"]));
    let plan = plan(&catalog(vec![numbered]), &Mapping::default());
    assert_eq!(planned(&plan, "dbo.t").indexes[0].name, "t_t_id_seq");
}

#[test]
fn names_that_a_source_proposes_follow_the_policy_and_yield_to_choices() {
    let mut catalog = catalog(vec![table(
        "db.posts[comments]",
        vec![int("^_id"), int("#"), int("$"), int("n")],
    )]);
    let name = catalog.tables[0].name.clone();
    catalog.proposals.propose_table(&name, "posts_Comments");
    catalog.proposals.propose_column(&name, "^_id", "postId");
    catalog.proposals.propose_column(&name, "#", "n");
    catalog.proposals.propose_column(&name, "$", "value");
    let mapping = Mapping {
        naming: Naming::Snake,
        tables: [(
            "db.posts[comments]".to_owned(),
            TableMapping {
                columns: [(
                    "$".to_owned(),
                    ColumnMapping {
                        name: Some("chosen".to_owned()),
                        ..Default::default()
                    },
                )]
                .into(),
                ..Default::default()
            },
        )]
        .into(),
        ..Default::default()
    };
    let plan = plan(&catalog, &mapping);
    let t = &plan.tables[0];
    assert_eq!(t.target.name, "posts_comments");
    let columns: Vec<&str> = t.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["post_id", "n", "chosen", "n_2"]);
}
