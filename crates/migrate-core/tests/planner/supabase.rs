//! What a plan does at Supabase, and what it refuses to do.

use migrate_core::ErrorKind;
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::declared::{Moment, Object};
use migrate_core::mapping::Mapping;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, Target, TargetName};
use migrate_core::planner;
use migrate_core::supabase::{AccountsMapping, Policies, Profile};
use migrate_core::template::Template;

use crate::build::{self, col, int, key, table};

fn supabase() -> Target {
    Target {
        supabase: true,
        ..Target::default()
    }
}

/// `app.User` with a uuid key, and `app.Note`, which says whose it is.
fn catalog(id: PgType) -> Catalog {
    let mut user = table(
        "app.User",
        vec![
            col("id", id),
            col("email", PgType::Text),
            col("email_verified", PgType::Bool),
            col("Password-Hash", PgType::Text),
            col("created_at", PgType::Timestamp(6)),
            col("full_name", PgType::Text),
        ],
    );
    user.primary_key = Some(key("pk", &["id"]));
    let note = table("app.Note", vec![int("no"), col("owner_id", PgType::Uuid)]);
    build::catalog(vec![user, note])
}

fn into_public(mapping: Mapping) -> Mapping {
    Mapping {
        schemas: [("app".to_owned(), "public".to_owned())].into(),
        ..mapping
    }
}

fn plan(catalog: &Catalog, mapping: Mapping) -> Plan {
    planner::plan(catalog, &into_public(mapping), &supabase()).unwrap()
}

fn notes(plan: &Plan) -> String {
    let lines = plan.notes.iter().map(|n| format!("{}: {}\n", n.object, n.text));
    lines.collect()
}

#[test]
fn exposed_tables_are_closed() {
    let catalog = catalog(PgType::Uuid);
    let plan = plan(&catalog, Mapping::default());
    let at_supabase = plan.supabase.as_ref().unwrap();
    let secured: Vec<String> = at_supabase.secured.iter().map(ToString::to_string).collect();
    assert_eq!(secured, ["public.User", "public.Note"]);
    assert_eq!(at_supabase.exposed, ["public"]);
    assert!(at_supabase.grants && at_supabase.accounts.is_none());
    assert!(
        notes(&plan).contains("app.User: looks like the application's accounts"),
        "{}",
        notes(&plan)
    );
    // In a schema that the API does not expose, there is nothing to close.
    let hidden = planner::plan(&catalog, &Mapping::default(), &supabase()).unwrap();
    assert_eq!(hidden.supabase.as_ref().unwrap().secured, []);
    assert!(notes(&hidden).contains("schema app: the project's API does not expose this schema"));
    let mut open = Mapping::default();
    open.supabase.row_level_security = false;
    let open = planner::plan(&catalog, &into_public(open), &supabase()).unwrap();
    assert_eq!(open.supabase.as_ref().unwrap().secured, []);
    assert!(notes(&open).contains("anybody with the project's public key reads"));
}

/// A view or materialized view as PostgreSQL declares it.
fn declared_view(kind: &str, name: &str) -> Object {
    let relation = ObjectName::new("app", name);
    let mut create = Template::sql(format!("create {kind} "));
    create.push_relation(relation.clone());
    create.push_sql(" as select 1 as one");
    Object {
        kind: kind.to_owned(),
        name: relation.to_string(),
        relation: Some(relation),
        schema: Some("app".to_owned()),
        moment: Moment::Last,
        create,
        drop: None,
        table: None,
        uses: Vec::new(),
        needs: Vec::new(),
        superuser: false,
        notes: Vec::new(),
    }
}

#[test]
fn views_that_the_source_declares_are_closed_too() {
    let mut catalog = catalog(PgType::Uuid);
    catalog.declared.objects = vec![
        declared_view("view", "Open"),
        declared_view("materialized view", "Kept"),
    ];
    let names = |views: &[TargetName]| views.iter().map(ToString::to_string).collect::<Vec<_>>();
    let views = |mapping: Mapping, version| {
        let target = Target {
            version,
            ..supabase()
        };
        let plan = planner::plan(&catalog, &mapping, &target).unwrap();
        let said = notes(&plan).contains(
            "materialized view public.Kept: a materialized view holds rows that no row-level security can close",
        );
        let at_supabase = plan.supabase.unwrap();
        (
            names(&at_supabase.invoker_views),
            names(&at_supabase.closed_views),
            said,
        )
    };
    let (open, kept) = ("public.Open".to_owned(), "public.Kept".to_owned());
    let public = || into_public(Mapping::default());
    assert_eq!(
        views(public(), 17),
        (vec![open.clone()], vec![kept.clone()], true)
    );
    assert_eq!(views(public(), 14), (vec![], vec![open, kept], true));
    // Where nothing is exposed or nothing is to be closed, they stay as they are.
    assert_eq!(views(Mapping::default(), 17), (vec![], vec![], false));
    let mut unsecured = public();
    unsecured.supabase.row_level_security = false;
    assert_eq!(views(unsecured, 17), (vec![], vec![], false));
}

#[test]
fn the_profile_decides() {
    let catalog = catalog(PgType::Uuid);
    let with = |profile, target: &Target| {
        let mapping = Mapping {
            profile,
            ..Mapping::default()
        };
        planner::plan(&catalog, &mapping, target)
            .unwrap()
            .supabase
            .is_some()
    };
    assert!(with(Profile::Auto, &supabase()) && !with(Profile::Auto, &Target::default()));
    assert!(!with(Profile::Plain, &supabase()) && with(Profile::Supabase, &Target::default()));
    // A plan for PostgreSQL is what it was before there were profiles: ledgers of earlier versions go on.
    let plain = planner::plan(&catalog, &Mapping::default(), &Target::default()).unwrap();
    assert!(!serde_json::to_string(&plain).unwrap().contains("supabase"));
}

#[test]
fn schemas_of_the_services_are_refused() {
    for schema in ["auth", "storage", "realtime", "vault", "extensions", "cron"] {
        let mapping = Mapping {
            schemas: [("app".to_owned(), schema.to_owned())].into(),
            ..Mapping::default()
        };
        let error = planner::plan(&catalog(PgType::Uuid), &mapping, &supabase()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error
                .to_string()
                .contains(&format!("the schema {schema} is Supabase's own")),
            "{error}"
        );
        // Elsewhere it is a name like any other.
        planner::plan(&catalog(PgType::Uuid), &mapping, &Target::default()).unwrap();
    }
}

#[test]
fn drafts_know_whose_a_row_is() {
    let mut mapping = Mapping {
        accounts: Some(AccountsMapping {
            table: "app.User".into(),
            ..AccountsMapping::default()
        }),
        ..Mapping::default()
    };
    mapping.supabase.policies = Policies::Stubs;
    let plan = plan(&catalog(PgType::Uuid), mapping);
    let drafts: Vec<&str> = plan
        .manual
        .iter()
        .filter(|w| w.kind == "policy")
        .map(|w| w.definition.lines().nth(2).unwrap().trim())
        .collect();
    assert_eq!(
        drafts,
        [
            r#"using ((select auth.uid()) = "id");"#,
            r#"using ((select auth.uid()) = "owner_id");"#
        ]
    );
}

#[test]
fn accounts_are_found_by_name() {
    let mut mapping = Mapping {
        accounts: Some(AccountsMapping {
            table: "app.User".into(),
            ..AccountsMapping::default()
        }),
        ..Mapping::default()
    };
    let accounts = plan(&catalog(PgType::Uuid), mapping.clone())
        .supabase
        .unwrap()
        .accounts
        .unwrap();
    assert_eq!(accounts.id, r#"account."id""#);
    assert_eq!(accounts.email.as_deref(), Some(r#"account."email"::text"#));
    assert_eq!(
        accounts.password.as_deref(),
        Some(r#"account."Password-Hash"::text"#)
    );
    let created = r#"account."created_at"::timestamp at time zone 'UTC'"#;
    assert_eq!(accounts.created_at.as_deref(), Some(created));
    assert_eq!(
        accounts.email_confirmed_at,
        Some(format!(
            r#"case when account."email_verified" then coalesce({created}, now()) end"#
        ))
    );
    assert_eq!(
        accounts.user_metadata,
        [("full_name".to_owned(), r#"account."full_name""#.to_owned())]
    );
    assert_eq!((accounts.phone, accounts.identities), (None, None));
    // A person decides otherwise.
    if let Some(wanted) = &mut mapping.accounts {
        (wanted.password, wanted.email_confirmed) = (Some(String::new()), Some("created_at".into()));
        wanted.user_metadata = Some(Vec::new());
    }
    let accounts = plan(&catalog(PgType::Uuid), mapping)
        .supabase
        .unwrap()
        .accounts
        .unwrap();
    assert_eq!((accounts.password, accounts.user_metadata.len()), (None, 0));
    assert_eq!(accounts.email_confirmed_at.as_deref(), Some(created));
}

#[test]
fn accounts_that_cannot_be_made_are_refused() {
    let refusal = |id, wanted: AccountsMapping, target: &Target| {
        let mapping = Mapping {
            accounts: Some(wanted),
            ..Mapping::default()
        };
        let error = planner::plan(&catalog(id), &mapping, target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let named = |table: &str| AccountsMapping {
        table: table.into(),
        ..AccountsMapping::default()
    };
    let text = refusal(PgType::Int8, named("app.User"), &supabase());
    assert!(
        text.contains("its key id is bigint, and an account's is a uuid"),
        "{text}"
    );
    let text = refusal(PgType::Uuid, named("app.Users"), &supabase());
    assert!(text.contains("which the plan does not have"), "{text}");
    let text = refusal(PgType::Uuid, named("app.Note"), &supabase());
    assert!(text.contains("no primary key of one column"), "{text}");
    let wanted = AccountsMapping {
        created_at: Some("full_name".into()),
        ..named("app.User")
    };
    let text = refusal(PgType::Uuid, wanted, &supabase());
    assert!(
        text.contains("full_name is text, and a point in time is wanted"),
        "{text}"
    );
    let text = refusal(PgType::Uuid, named("app.User"), &Target::default());
    assert!(text.contains("the destination is not Supabase"), "{text}");
}
