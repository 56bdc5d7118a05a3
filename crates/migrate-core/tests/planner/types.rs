//! Which type a column gets, and what happens where a person chose another.

use migrate_core::catalog::{AliasType, Catalog, Fidelity, Identity};
use migrate_core::mapping::{AliasTypes, ColumnMapping, Mapping, XmlType};
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, Target, TargetName};
use migrate_core::policy::TextPolicy;
use migrate_core::{ErrorKind, planner};

use crate::build::*;

fn one(column: migrate_core::catalog::Column) -> Catalog {
    catalog(vec![table("dbo.T", vec![column])])
}

#[test]
fn a_type_that_the_values_can_become_is_accepted() {
    for (proposed, chosen) in [
        (PgType::Int4, PgType::Int8),
        (PgType::Int4, PgType::Numeric(Some((10, 2)))),
        (PgType::Int4, PgType::Text),
        (PgType::Int4, PgType::Bool),
        (PgType::Varchar(Some(50)), PgType::Text),
        (PgType::Varchar(Some(50)), PgType::Jsonb),
        (PgType::Varchar(Some(50)), PgType::Uuid),
        (PgType::Numeric(Some((19, 4))), PgType::Numeric(Some((12, 2)))),
        (PgType::Timestamp(3), PgType::TimestampTz(3)),
        (PgType::Timestamp(6), PgType::Date),
        (PgType::Bytea, PgType::Uuid),
    ] {
        let plan = plan(
            &one(col("c", proposed.clone())),
            &deciding("dbo.T", "c", of_type(chosen.clone())),
        );
        let column = &plan.tables[0].columns[0];
        assert_eq!(column.ty, chosen);
        assert_eq!(column.fidelity, Fidelity::Widened);
        assert_eq!(
            notes(&plan, "dbo.T.c"),
            [format!(
                "native {proposed} becomes {chosen} because the plan says so"
            )]
        );
    }
    // Choosing what is proposed anyway is no news.
    let plan = plan(&one(int("c")), &deciding("dbo.T", "c", of_type(PgType::Int4)));
    assert_eq!(
        (plan.notes.len(), &plan.tables[0].columns[0].fidelity),
        (0, &Fidelity::Exact)
    );
}

#[test]
fn a_type_that_they_cannot_become_is_refused_by_name() {
    for (proposed, kind, chosen) in [
        (PgType::Varchar(Some(50)), "text", PgType::Bytea),
        (PgType::Bool, "bool", PgType::Date),
        (PgType::Bytea, "bytes", PgType::Text),
        (PgType::Timestamp(6), "timestamp", PgType::Int4),
        (PgType::Int4, "int64", PgType::Jsonb),
        (PgType::Numeric(None), "decimal", PgType::Bool),
        (PgType::Int4, "int64", PgType::Array(Box::new(PgType::Int4))),
    ] {
        let error = refused(
            &one(col("c", proposed.clone())),
            &deciding("dbo.T", "c", of_type(chosen.clone())),
        );
        assert_eq!(
            error.to_string(),
            format!(
                "values of kind {kind} cannot become {chosen} (table dbo.T, source type native {proposed}, column c)"
            )
        );
        assert_eq!(
            error.hint_text(),
            Some("choose another type for the column, or leave it out")
        );
    }
}

#[test]
fn a_table_of_too_many_columns_is_refused() {
    let wide = |n: usize| {
        catalog(vec![table(
            "dbo.T",
            (0..n).map(|i| int(&format!("c{i}"))).collect(),
        )])
    };
    assert_eq!(
        plan(&wide(1600), &Mapping::default()).tables[0].columns.len(),
        1600
    );
    let error = refused(&wide(1601), &Mapping::default());
    assert_eq!(
        error.to_string(),
        "a table has 1601 columns, and PostgreSQL takes 1600 (table dbo.T)"
    );
}

#[test]
fn what_the_destination_lacks_falls_back_or_is_refused() {
    let everything = Target {
        postgis: true,
        ..Target::default()
    };
    let nothing = Target {
        xml: false,
        postgis: false,
        citext: false,
        icu: false,
        ..Target::default()
    };
    let by_plan = Mapping {
        xml: XmlType::Text,
        ..Mapping::default()
    };
    let as_is = Mapping::default();
    for (proposed, mapping, target, ty, extension, note) in [
        (PgType::Xml, &as_is, &everything, PgType::Xml, None, None),
        (
            PgType::Xml,
            &as_is,
            &nothing,
            PgType::Text,
            None,
            Some("the destination has no xml"),
        ),
        (
            PgType::Xml,
            &by_plan,
            &everything,
            PgType::Text,
            None,
            Some("the plan says so"),
        ),
        (
            PgType::Geography,
            &as_is,
            &everything,
            PgType::Geography,
            Some("postgis"),
            None,
        ),
        (
            PgType::Geography,
            &as_is,
            &nothing,
            PgType::Bytea,
            None,
            Some("the destination has no geography"),
        ),
        (
            PgType::Geometry,
            &as_is,
            &nothing,
            PgType::Bytea,
            None,
            Some("the destination has no geometry"),
        ),
    ] {
        let plan = planner::plan(&one(col("c", proposed.clone())), mapping, target).unwrap();
        assert_eq!(plan.tables[0].columns[0].ty, ty);
        assert_eq!(plan.extensions, extension.into_iter().collect::<Vec<_>>());
        let expected: Vec<String> = note
            .into_iter()
            .map(|why| format!("native {proposed} becomes {ty}: {why}"))
            .collect();
        assert_eq!(notes(&plan, "dbo.T.c"), expected);
    }
    for (proposed, chosen) in [
        (PgType::Text, PgType::Xml),
        (PgType::Bytea, PgType::Geography),
        (PgType::Bytea, PgType::Geometry),
        (PgType::Text, PgType::Citext),
    ] {
        let mapping = deciding("dbo.T", "c", of_type(chosen.clone()));
        let catalog = one(col("c", proposed));
        let error = planner::plan(&catalog, &mapping, &nothing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.to_string(),
            format!("the destination has no {chosen}, which the plan asks for (table dbo.T, column c)")
        );
        assert_eq!(
            planner::plan(&catalog, &mapping, &everything).unwrap().tables[0].columns[0].ty,
            chosen
        );
    }
    // A person's choice for one column wins over the choice for all.
    let mapping = Mapping {
        xml: XmlType::Text,
        ..deciding("dbo.T", "c", of_type(PgType::Xml))
    };
    assert_eq!(
        plan(&one(col("c", PgType::Text)), &mapping).tables[0].columns[0].ty,
        PgType::Xml
    );
}

#[test]
fn what_a_mapping_loses_is_said() {
    let mut column = col("c", PgType::TimestampTz(6));
    column.fidelity = Fidelity::Lossy("the offset is lost".into());
    let plan = plan(&one(column), &Mapping::default());
    assert_eq!(
        notes(&plan, "dbo.T.c"),
        ["native timestamptz becomes timestamptz: the offset is lost"]
    );
    assert_eq!(
        plan.tables[0].columns[0].fidelity,
        Fidelity::Lossy("the offset is lost".into())
    );
}

#[test]
fn identity_goes_on_in_the_three_integers_and_in_what_fits_bigint() {
    let numeric = |p| PgType::Numeric(Some((p, 0)));
    let becomes = |p| {
        vec![format!(
            "identity numeric({p},0) becomes bigint, which holds all its values"
        )]
    };
    for (proposed, ty, said) in [
        (PgType::Int2, PgType::Int2, vec![]),
        (PgType::Int4, PgType::Int4, vec![]),
        (PgType::Int8, PgType::Int8, vec![]),
        (numeric(9), PgType::Int8, becomes(9)),
        (numeric(18), PgType::Int8, becomes(18)),
    ] {
        let mut column = col("c", proposed);
        column.identity = Some(Identity {
            seed: 10,
            increment: 5,
            last: Some(35),
        });
        column.default = Some(expr("dbo.T", "0"));
        let plan = plan(&one(column), &Mapping::default());
        let c = &plan.tables[0].columns[0];
        let identity = c.identity.as_ref().unwrap();
        assert_eq!(
            (identity.start, identity.increment, identity.last),
            (10, 5, Some(35))
        );
        // PostgreSQL refuses a column with both.
        assert_eq!((&c.ty, &c.default), (&ty, &None));
        assert_eq!(notes(&plan, "dbo.T.c"), said);
        assert_eq!(plan.manual, []);
    }
    let mut column = col("c", numeric(38));
    column.identity = Some(Identity {
        seed: 1,
        increment: 1,
        last: None,
    });
    column.default = Some(expr("dbo.T", "0"));
    let plan = plan(&one(column), &Mapping::default());
    assert_eq!(columns(&plan.tables[0]), ["c numeric(38,0) default 0"]);
    assert_eq!(plan.tables[0].columns[0].identity, None);
    assert_eq!(
        manual(&plan),
        ["identity dbo.T.c: PostgreSQL has no identity of type numeric(38,0); new rows need another default"]
    );
}

#[test]
fn references_to_a_numeric_identity_become_bigint_too() {
    let id = || col("id", PgType::Numeric(Some((18, 0))));
    let link = || col("link", PgType::Numeric(Some((18, 0))));
    let mut parent = table("dbo.Parent", vec![id()]);
    parent.columns[0].identity = Some(Identity {
        seed: 1,
        increment: 1,
        last: None,
    });
    parent.primary_key = Some(key("PK", &["id"]));
    let mut child = table(
        "dbo.Child",
        vec![id(), link(), col("other", PgType::Numeric(Some((18, 0))))],
    );
    child.foreign_keys = vec![fk("FK", &["link"], "dbo.Parent", &["id"])];
    let mut grandchild = table("dbo.Grandchild", vec![link()]);
    grandchild.foreign_keys = vec![fk("FK", &["link"], "dbo.Child", &["link"])];
    let catalog = catalog(vec![grandchild, child, parent]);
    let plan_ = plan(&catalog, &Mapping::default());
    assert_eq!(columns(planned(&plan_, "dbo.Parent")), ["id bigint"]);
    assert_eq!(
        columns(planned(&plan_, "dbo.Child")),
        ["id numeric(18,0)", "link bigint", "other numeric(18,0)"]
    );
    assert_eq!(columns(planned(&plan_, "dbo.Grandchild")), ["link bigint"]);
    assert_eq!(plan_.manual, []);
    assert_eq!(
        notes(&plan_, "dbo.Child.link"),
        ["numeric(18,0) becomes bigint, as the identity column that a foreign key ties it to"]
    );

    // Where a person decides otherwise, the foreign key cannot be, and the plan says so.
    let chosen = deciding("dbo.Child", "link", of_type(PgType::Numeric(Some((18, 0)))));
    let plan = plan(&catalog, &chosen);
    assert_eq!(
        manual(&plan),
        [
            "foreign key dbo.Child.FK: PostgreSQL does not compare link of type numeric(18,0) with id of type bigint; \
         give both one type"
        ]
    );
}

fn domains(plan: &Plan) -> Vec<String> {
    plan.domains
        .iter()
        .map(|d| format!("{} {}", d.name, d.ty))
        .collect()
}

#[test]
fn alias_types_become_domains_where_they_are_used() {
    let alias = |n: &str, pg: PgType| AliasType {
        name: name(n),
        native: "?".into(),
        pg,
        comment: None,
    };
    let typed = |c: &str, pg: PgType, a: &str| {
        let mut column = col(c, pg);
        column.alias = Some(name(a));
        column
    };
    let mut t = table(
        "dbo.T",
        vec![
            typed("phone", PgType::Varchar(Some(25)), "types.Phone"),
            typed("number", PgType::Numeric(Some((9, 0))), "types.Number"),
            typed("document", PgType::Xml, "types.Document"),
            typed("fax", PgType::Varchar(Some(25)), "types.Phone"),
        ],
    );
    t.columns[1].identity = Some(Identity {
        seed: 1,
        increment: 1,
        last: None,
    });
    let mut catalog = catalog(vec![t]);
    catalog.schemas.push("types".into());
    catalog.alias_types = vec![
        alias("types.Phone", PgType::Varchar(Some(25))),
        alias("types.Number", PgType::Numeric(Some((9, 0)))),
        alias("types.Document", PgType::Xml),
        alias("types.Unused", PgType::Int4),
    ];
    let used = |plan: &Plan| -> Vec<Option<String>> {
        plan.tables[0]
            .columns
            .iter()
            .map(|c| c.domain.as_ref().map(TargetName::to_string))
            .collect()
    };

    let target = Target {
        xml: false,
        ..Target::default()
    };
    let plan = planner::plan(&catalog, &Mapping::default(), &target).unwrap();
    assert_eq!(domains(&plan), ["types.Phone varchar(25)", "types.Document text"]);
    // PostgreSQL has no identity over a domain; a column of another type than the domain's base has none either.
    let [phone, document] = ["types.Phone", "types.Document"].map(|d| Some(d.to_owned()));
    assert_eq!(used(&plan), [phone.clone(), None, document, phone.clone()]);
    assert_eq!(plan.schemas, ["dbo", "types"]);

    let overridden = deciding("dbo.T", "phone", of_type(PgType::Text));
    let plan = planner::plan(&catalog, &overridden, &target).unwrap();
    assert_eq!(used(&plan)[0], None);
    assert_eq!(plan.tables[0].columns[0].ty, PgType::Text);
    assert_eq!(used(&plan)[3], phone);

    let base = Mapping {
        alias_types: AliasTypes::Base,
        ..Default::default()
    };
    let plan = planner::plan(&catalog, &base, &target).unwrap();
    assert_eq!(
        (domains(&plan), used(&plan)),
        (vec![], vec![None, None, None, None])
    );
    assert_eq!(plan.schemas, ["dbo"]);
}

#[test]
fn policies_come_from_the_nearest_place() {
    let t = |n: &str| table(n, vec![text("a", true), text("b", true)]);
    let mut mapping = deciding(
        "dbo.T",
        "a",
        ColumnMapping {
            nul: Some(TextPolicy::Strip),
            round: true,
            ..Default::default()
        },
    );
    mapping.nul = TextPolicy::Reject;
    mapping.tables.get_mut("dbo.T").unwrap().nul = Some(TextPolicy::Replace);
    let plan = plan(&catalog(vec![t("dbo.T"), t("dbo.U")]), &mapping);
    let of = |i: usize| {
        plan.tables[i]
            .columns
            .iter()
            .map(|c| (c.text, c.round))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0), [(TextPolicy::Strip, true), (TextPolicy::Replace, false)]);
    assert_eq!(of(1), [(TextPolicy::Reject, false), (TextPolicy::Reject, false)]);
}
