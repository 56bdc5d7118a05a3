//! Roles, what they may do and own.

use migrate_core::ErrorKind;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::declared::{Right, RightKind};
use migrate_core::mapping::{Grants, Mapping, Owners};
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, Target, Who};
use migrate_core::planner;
use migrate_core::template::Template;

use crate::build::{col, name, table};

fn right(kind: RightKind, before: &str, role: &str, since: u32) -> Right {
    let mut sql = Template::sql(before);
    sql.push_relation(ObjectName::new("shop", "item"));
    sql.push_sql(if kind == RightKind::Owner {
        " owner to "
    } else {
        " to "
    });
    sql.push_role(role);
    Right {
        kind,
        on: "table shop.item".to_owned(),
        relation: Some(name("shop.item")),
        verbatim: false,
        object: None,
        schema: Some("shop".to_owned()),
        acts_as: (kind == RightKind::Owner).then(|| role.to_owned()),
        since,
        sql,
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog {
        schemas: vec!["shop".to_owned()],
        tables: vec![table("shop.item", vec![col("id", PgType::Int4)])],
        ..Catalog::default()
    };
    catalog.declared.rights = vec![
        right(RightKind::Grant, "grant select on table ", "reader", 0),
        right(RightKind::Grant, "grant maintain on table ", "reader", 17),
        right(RightKind::Grant, "grant select on table ", "gone", 0),
        right(RightKind::Owner, "alter table ", "app", 0),
        right(RightKind::Owner, "alter table ", "other", 0),
    ];
    catalog
}

fn target(version: u32) -> Target {
    Target {
        version,
        who: Some(Who {
            user: "app".to_owned(),
            superuser: false,
            roles: [("reader", false), ("app", true), ("other", false)]
                .map(|(r, may)| (r.to_owned(), may))
                .into(),
        }),
        ..Target::default()
    }
}

fn rights(plan: &Plan) -> Vec<&str> {
    plan.declared.rights.iter().map(|r| r.sql.as_str()).collect()
}

#[test]
fn rights_are_for_roles_that_are_there_and_versions_that_know_them() {
    let plan = planner::plan(&catalog(), &Mapping::default(), &target(18)).unwrap();
    assert_eq!(
        rights(&plan),
        [
            "grant select on table \"shop\".\"item\" to \"reader\";\ngrant maintain on table \"shop\".\"item\" to \"reader\""
        ]
    );
    assert_eq!(plan.target.who, None);
    let manual: Vec<String> = plan
        .manual
        .iter()
        .map(|m| format!("{} {}: {}", m.kind, m.name, m.definition))
        .collect();
    assert_eq!(
        manual,
        ["grants role gone: grant select on table \"shop\".\"item\" to \"gone\""]
    );
    assert_eq!(plan.notes[0].object, "owners");
    assert!(
        plan.notes[0]
            .text
            .starts_with("other owns 1 object in the source;")
    );

    let old = planner::plan(&catalog(), &Mapping::default(), &target(16)).unwrap();
    assert_eq!(
        rights(&old),
        ["grant select on table \"shop\".\"item\" to \"reader\""]
    );

    // Where nobody asked, every role is taken to be there.
    let unasked = planner::plan(&catalog(), &Mapping::default(), &Target::default()).unwrap();
    assert_eq!(
        (
            unasked.manual.len(),
            unasked.declared.rights[0].sql.lines().count()
        ),
        (0, 3)
    );

    let supabase = Target {
        supabase: true,
        ..target(18)
    };
    assert_eq!(
        rights(&planner::plan(&catalog(), &Mapping::default(), &supabase).unwrap()),
        [""; 0]
    );
}

#[test]
fn owners_are_kept_on_request_and_roles_have_other_names() {
    let mapping = Mapping {
        grants: Grants::Drop,
        owners: Owners::Keep,
        roles: [("gone".to_owned(), "reader".to_owned())].into(),
        ..Mapping::default()
    };
    let plan = planner::plan(&catalog(), &mapping, &target(18)).unwrap();
    assert_eq!(rights(&plan), ["alter table \"shop\".\"item\" owner to \"app\""]);
    assert_eq!(
        plan.manual[0].reason,
        "whoever carries the plan out is no member of the role"
    );

    let kept = Mapping {
        grants: Grants::Keep,
        owners: Owners::Drop,
        ..mapping
    };
    let kept = planner::plan(&catalog(), &kept, &target(18)).unwrap();
    assert!(rights(&kept)[0].ends_with(";\ngrant select on table \"shop\".\"item\" to \"reader\""));
    // Rights are no part of what a resumed run has to have begun with.
    assert_eq!(kept.fingerprint(), plan.fingerprint());

    let unknown = Mapping {
        roles: [("goen".to_owned(), "x".to_owned())].into(),
        ..Mapping::default()
    };
    let error = planner::plan(&catalog(), &unknown, &target(18)).unwrap_err();
    assert_eq!(
        (error.kind(), error.hint_text()),
        (ErrorKind::Config, Some("did you mean `gone`?"))
    );
}
