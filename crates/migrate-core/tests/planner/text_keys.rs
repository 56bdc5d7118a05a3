//! Keys whose source compares without regard to case.

use migrate_core::catalog::{Catalog, Collation, Fidelity};
use migrate_core::mapping::{CaseInsensitive, Mapping};
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, Target};
use migrate_core::{ErrorKind, planner};

use crate::build::*;

fn choosing(case_insensitive: CaseInsensitive) -> Mapping {
    Mapping {
        case_insensitive,
        ..Mapping::default()
    }
}

/// Each column with its type and, if it has one, its collation.
fn compared(plan: &Plan, table: &str) -> Vec<String> {
    let columns = planned(plan, table).columns.iter();
    columns
        .map(|c| {
            let collation = c.collation.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
            format!("{} {}{collation}", c.name, c.ty)
        })
        .collect()
}

/// A key, a column that a foreign key ties to it, one tied to that, and columns that are free.
fn chain() -> Catalog {
    let mut user = table(
        "dbo.User",
        vec![
            text("login", false),
            text("free", false),
            text("exact", true),
            int("n"),
        ],
    );
    user.primary_key = Some(key("PK", &["login", "n"]));
    user.uniques = vec![key("UQ", &["exact"])];
    let mut session = table(
        "hr.Session",
        vec![text("login", false), text("free", false), text("exact", true)],
    );
    session.foreign_keys = vec![
        fk("FK", &["login"], "dbo.User", &["login"]),
        fk("FK_exact", &["exact"], "dbo.User", &["exact"]),
    ];
    let mut event = table("dbo.Event", vec![text("by", false)]);
    event.foreign_keys = vec![fk("FK", &["by"], "hr.Session", &["login"])];
    // The farthest comes first: the order of tables must not matter.
    catalog(vec![event, session, user])
}

#[test]
fn left_alone_they_are_noted() {
    let plan = plan(&chain(), &choosing(CaseInsensitive::Leave));
    assert_eq!(
        compared(&plan, "dbo.User"),
        [
            "login varchar(50)",
            "free varchar(50)",
            "exact varchar(50)",
            "n integer"
        ]
    );
    assert_eq!((plan.extensions.len(), plan.collations.len()), (0, 0));
    let [said] = notes(&plan, "dbo.User.PK").try_into().unwrap();
    assert!(said.starts_with(
        "the source compares login without regard to case; here 'a' and 'A' will be two values"
    ));
    assert_eq!(plan.notes.len(), 1);
}

#[test]
fn citext_spreads_along_foreign_keys() {
    let plan = plan(&chain(), &choosing(CaseInsensitive::Citext));
    assert_eq!(
        compared(&plan, "dbo.User"),
        [
            "login citext",
            "free varchar(50)",
            "exact varchar(50)",
            "n integer"
        ]
    );
    assert_eq!(
        compared(&plan, "hr.Session"),
        ["login citext", "free varchar(50)", "exact varchar(50)"]
    );
    assert_eq!(compared(&plan, "dbo.Event"), ["by citext"]);
    assert_eq!(plan.extensions, ["citext"]);
    assert_eq!(planned(&plan, "dbo.Event").columns[0].fidelity, Fidelity::Widened);
    assert_eq!(plan.manual, []);
    assert!(notes(&plan, "dbo.User.PK")[0].starts_with("login become citext"));
}

#[test]
fn a_collation_is_one_for_all_schemas() {
    let plan = plan(&chain(), &choosing(CaseInsensitive::Collation));
    let ci = "varchar(50) dbo.case_insensitive";
    assert_eq!(
        compared(&plan, "dbo.User"),
        [
            format!("login {ci}"),
            "free varchar(50)".into(),
            "exact varchar(50)".into(),
            "n integer".into()
        ]
    );
    // In another schema, and yet the same: PostgreSQL 18 refuses a foreign key between two collations.
    assert_eq!(compared(&plan, "hr.Session")[0], format!("login {ci}"));
    assert_eq!(compared(&plan, "dbo.Event"), [format!("by {ci}")]);
    let made: Vec<String> = plan
        .collations
        .iter()
        .map(|c| format!("{} {}", c.name, c.locale))
        .collect();
    assert_eq!(made, ["dbo.case_insensitive und-u-ks-level2"]);
    assert_eq!((plan.extensions.len(), plan.manual.len()), (0, 0));
}

#[test]
fn accents_have_a_collation_of_their_own() {
    let mut t = table("dbo.T", vec![text("a", false), text("b", false)]);
    t.columns[1].collation = Some(Collation {
        name: "AI".into(),
        case_sensitive: false,
        accent_sensitive: false,
    });
    let mut unique = index("IX", &["b"]);
    unique.unique = true;
    t.indexes = vec![unique, index("IX_plain", &["a"])];
    let mapping = Mapping {
        schemas: [("dbo".into(), "public".into())].into(),
        ..choosing(CaseInsensitive::Collation)
    };
    let plan = plan(&catalog(vec![t]), &mapping);
    // Only a unique index makes a key of its columns.
    assert_eq!(
        compared(&plan, "dbo.T"),
        ["a varchar(50)", "b varchar(50) public.case_accent_insensitive"]
    );
    assert_eq!(plan.collations[0].locale, "und-u-ks-level1");
    assert_eq!(plan.collations.len(), 1);
    assert_eq!(plan.schemas, ["public"]);
}

#[test]
fn circles_and_self_references_end() {
    let mut a = table(
        "dbo.A",
        vec![text("id", false), text("parent", false), text("b", false)],
    );
    a.primary_key = Some(key("PK_A", &["id"]));
    a.foreign_keys = vec![
        fk("FK_self", &["parent"], "dbo.A", &["id"]),
        fk("FK_b", &["b"], "dbo.B", &["id"]),
    ];
    let mut b = table(
        "dbo.B",
        vec![text("id", false), text("a", false), text("free", false)],
    );
    b.foreign_keys = vec![
        fk("FK_a", &["a"], "dbo.A", &["parent"]),
        fk("FK_back", &["id"], "dbo.A", &["b"]),
    ];
    let plan = plan(&catalog(vec![a, b]), &choosing(CaseInsensitive::Citext));
    // Nothing ties `A.b` and `B.id`, which refer to each other, to a key.
    assert_eq!(
        compared(&plan, "dbo.A"),
        ["id citext", "parent citext", "b varchar(50)"]
    );
    assert_eq!(
        compared(&plan, "dbo.B"),
        ["id varchar(50)", "a citext", "free varchar(50)"]
    );
}

#[test]
fn a_reference_to_a_key_left_out_ties_nothing() {
    let mapping = Mapping {
        exclude: strings(&["dbo.User"]),
        ..choosing(CaseInsensitive::Citext)
    };
    let plan = plan(&chain(), &mapping);
    assert_eq!(
        compared(&plan, "hr.Session"),
        ["login varchar(50)", "free varchar(50)", "exact varchar(50)"]
    );
    assert_eq!(compared(&plan, "dbo.Event"), ["by varchar(50)"]);
}

#[test]
fn a_chosen_type_wins_and_what_it_breaks_is_listed() {
    let mut mapping = deciding("hr.Session", "login", of_type(PgType::Text));
    mapping.case_insensitive = CaseInsensitive::Citext;
    let plan_ = plan(&chain(), &mapping);
    assert_eq!(compared(&plan_, "hr.Session")[0], "login text");
    assert_eq!(
        manual(&plan_),
        [
            "foreign key hr.Session.FK: PostgreSQL does not compare login of type text with login of type citext; give both \
         one type"
        ]
    );

    // A collation goes with any type of text.
    mapping.case_insensitive = CaseInsensitive::Collation;
    let plan_ = plan(&chain(), &mapping);
    assert_eq!(
        compared(&plan_, "hr.Session")[0],
        "login text dbo.case_insensitive"
    );
    assert_eq!(plan_.manual, []);

    let mut mapping = deciding("hr.Session", "login", of_type(PgType::Citext));
    mapping.case_insensitive = CaseInsensitive::Collation;
    let plan = plan(&chain(), &mapping);
    assert_eq!(
        manual(&plan),
        [
            "foreign key dbo.Event.FK: PostgreSQL does not compare by of type varchar(50) with login of type citext; give both \
         one type",
            "foreign key hr.Session.FK: login and login have different collations; give both one",
        ]
    );
}

#[test]
fn a_destination_that_cannot_is_refused() {
    let target = Target {
        citext: false,
        icu: false,
        ..Target::default()
    };
    for (choice, message) in [
        (
            CaseInsensitive::Citext,
            "the destination has no citext, which the plan asks for (table dbo.Event, column by)",
        ),
        (
            CaseInsensitive::Collation,
            "the destination has no ICU collations (table dbo.Event, column by)",
        ),
    ] {
        let error = planner::plan(&chain(), &choosing(choice), &target).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Config, message.to_owned())
        );
    }
    assert!(planner::plan(&chain(), &choosing(CaseInsensitive::Leave), &target).is_ok());
}

#[test]
fn patterns_over_a_nondeterministic_collation_are_left_to_a_person() {
    let mut a = table("dbo.A", vec![text("code", false)]);
    a.uniques.push(key("uq", &["code"]));
    a.checks.push(check("ck_like", expr("dbo.A", "{code} like 'x%'")));
    a.checks
        .push(check("ck_ilike", expr("dbo.A", "{code} ilike 'x%'")));
    a.checks.push(check("ck_equal", expr("dbo.A", "{code} <> ''")));
    let tables = catalog(vec![a]);
    let mapping = Mapping {
        case_insensitive: CaseInsensitive::Collation,
        ..Mapping::default()
    };
    for (version, left) in [(17, vec!["ck_equal"]), (18, vec!["ck_like", "ck_equal"])] {
        let target = Target {
            version,
            ..Target::default()
        };
        let plan = planner::plan(&tables, &mapping, &target).unwrap();
        let checks: Vec<&str> = planned(&plan, "dbo.A")
            .checks
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(checks, left, "{version}");
        assert_eq!(plan.manual.len(), 3 - left.len());
    }
}
