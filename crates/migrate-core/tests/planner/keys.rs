//! Old keys to new.

use migrate_core::catalog::{Catalog, Column, Identity, Part};
use migrate_core::encode::{DEFAULT_NAMESPACE, table_namespace};
use migrate_core::mapping::Mapping;
use migrate_core::pg_type::PgType;
use uuid::Uuid;

use crate::build::*;

fn numbered(name: &str) -> Column {
    Column {
        identity: Some(Identity {
            seed: 1,
            increment: 1,
            last: None,
        }),
        ..int(name)
    }
}

fn nullable(column: Column) -> Column {
    Column {
        nullable: true,
        ..column
    }
}

/// Offices, doctors who work in them and have a chief, notes of which a part of the key is a doctor.
fn clinic() -> Catalog {
    let mut office = table("public.office", vec![numbered("id"), col("name", PgType::Text)]);
    office.primary_key = Some(key("office_pkey", &["id"]));
    let mut doctor = table(
        "public.doctor",
        vec![numbered("id"), int("office_id"), nullable(int("chief_id"))],
    );
    doctor.primary_key = Some(key("doctor_pkey", &["id"]));
    doctor.foreign_keys = vec![
        fk("doctor_office", &["office_id"], "public.office", &["id"]),
        fk("doctor_chief", &["chief_id"], "public.doctor", &["id"]),
    ];
    doctor.indexes = vec![index("doctor_office_idx", &["office_id"])];
    let mut note = table("public.note", vec![int("doctor_id"), int("number")]);
    note.primary_key = Some(key("note_pkey", &["doctor_id", "number"]));
    note.foreign_keys = vec![fk("note_doctor", &["doctor_id"], "public.doctor", &["id"])];
    catalog(vec![office, doctor, note])
}

fn mapping(toml: &str) -> Mapping {
    Mapping::from_toml(toml).expect("a test writes a mapping")
}

#[test]
fn keys_and_what_refers_to_them_become_uuids() {
    let plan = plan(&clinic(), &mapping("keys = \"uuid\""));
    let office = planned(&plan, "public.office");
    assert_eq!(
        columns(office),
        [
            "id uuid default gen_random_uuid()",
            "legacy_id integer",
            "name text"
        ]
    );
    let legacy = &office.columns[1];
    assert_eq!(
        (legacy.nullable, legacy.is_derived(), &legacy.identity),
        (true, true, &None)
    );
    assert_eq!(legacy.part, Some(Part::Legacy { of: "id".into() }));
    let unique: Vec<_> = office
        .indexes
        .iter()
        .map(|i| (i.name.as_str(), i.unique))
        .collect();
    assert_eq!(unique, [("office_legacy_id_key", true)]);
    let doctor = planned(&plan, "public.doctor");
    assert_eq!(
        columns(doctor),
        [
            "id uuid default gen_random_uuid()",
            "legacy_id integer",
            "office_id uuid",
            "chief_id uuid"
        ]
    );
    assert_eq!(
        columns(planned(&plan, "public.note")),
        ["doctor_id uuid", "number integer"]
    );
    let namespace = |table: &str, column: usize| {
        planned(&plan, table).columns[column]
            .rekey
            .as_ref()
            .map(|r| r.namespace)
    };
    let offices = Some(table_namespace(DEFAULT_NAMESPACE, &name("public.office")));
    assert_eq!(
        (namespace("public.office", 0), namespace("public.doctor", 2)),
        (offices, offices)
    );
    assert_eq!(namespace("public.doctor", 3), namespace("public.doctor", 0));
    assert_eq!(namespace("public.note", 0), namespace("public.doctor", 0));
    assert_eq!(doctor.foreign_keys.len(), 2);
    assert_eq!(
        doctor
            .delivered()
            .map(|c| format!("{} {}", c.source, c.ty))
            .collect::<Vec<_>>(),
        ["id integer", "office_id integer", "chief_id integer"]
    );
    assert_eq!(manual(&plan), [""; 0]);
    assert_eq!(
        notes(&plan, "public.office"),
        ["key id becomes uuid (version 5), and with it public.doctor.office_id"]
    );
}

#[test]
fn the_namespaces_are_those_that_the_documentation_states() {
    let domains = Uuid::parse_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap();
    assert_eq!(DEFAULT_NAMESPACE, Uuid::new_v5(&domains, b"migrate.mapping"));
    let plan = plan(
        &clinic(),
        &mapping("keys = \"uuid\"\nkey_namespace = \"00000000-0000-0000-0000-000000000001\""),
    );
    let expected = Uuid::new_v5(&Uuid::from_u128(1), b"public.office");
    let rekey = planned(&plan, "public.office").columns[0].rekey.clone().unwrap();
    assert_eq!((rekey.namespace, rekey.old), (expected, PgType::Int4));
}

#[test]
fn a_plan_without_new_keys_is_as_before() {
    let before = plan(&clinic(), &Mapping::default());
    let text = serde_json::to_string(&before).unwrap();
    assert!(!text.contains("rekey"), "{text}");
    assert_eq!(before, plan(&clinic(), &mapping("keys = \"keep\"")));
}

#[test]
fn single_tables_decide_for_themselves() {
    let plan_ = plan(&clinic(), &mapping("[tables.\"public.office\"]\nkey = \"uuid\""));
    assert_eq!(
        columns(planned(&plan_, "public.doctor")),
        ["id integer", "office_id uuid", "chief_id integer"]
    );
    let kept = plan(
        &clinic(),
        &mapping("keys = \"uuid\"\nlegacy = \"all\"\n[tables.\"public.doctor\"]\nkey = \"keep\""),
    );
    assert_eq!(
        columns(planned(&kept, "public.doctor")),
        [
            "id integer",
            "office_id uuid",
            "legacy_office_id integer",
            "chief_id integer"
        ]
    );
    let e = refused(&clinic(), &mapping("[tables.\"public.note\"]\nkey = \"uuid\""));
    assert!(e.to_string().contains("not one column"), "{e}");
}

#[test]
fn text_keys_wait_to_be_asked() {
    let mut catalog = clinic();
    let mut session = table("public.session", vec![col("token", PgType::Varchar(Some(40)))]);
    session.primary_key = Some(key("session_pkey", &["token"]));
    catalog.tables.push(session);
    let kept = plan(&catalog, &mapping("keys = \"uuid\""));
    assert_eq!(columns(planned(&kept, "public.session")), ["token varchar(40)"]);
    assert_eq!(
        notes(&kept, "public.session"),
        ["key token is varchar(40) and stays; key = \"uuid\" under the table rewrites it"]
    );
    let asked = plan(&catalog, &mapping("[tables.\"public.session\"]\nkey = \"uuid\""));
    assert_eq!(
        columns(planned(&asked, "public.session")),
        ["token uuid", "legacy_token varchar(40)"]
    );
}

#[test]
fn a_key_that_is_a_reference_has_the_new_keys_of_what_it_refers_to() {
    let mut catalog = clinic();
    let mut surgeon = table("public.surgeon", vec![int("doctor_ptr_id")]);
    surgeon.primary_key = Some(key("surgeon_pkey", &["doctor_ptr_id"]));
    surgeon.foreign_keys = vec![fk("surgeon_doctor", &["doctor_ptr_id"], "public.doctor", &["id"])];
    let mut surgery = table("public.surgery", vec![int("surgeon_id")]);
    surgery.foreign_keys = vec![fk(
        "surgery_surgeon",
        &["surgeon_id"],
        "public.surgeon",
        &["doctor_ptr_id"],
    )];
    catalog.tables.extend([surgeon, surgery]);
    let with = plan(&catalog, &mapping("keys = \"uuid\""));
    let doctors = Some(name("public.doctor"));
    for table in ["public.surgeon", "public.surgery"] {
        let rekey = planned(&with, table).columns[0].rekey.as_ref();
        assert_eq!(rekey.map(|r| r.table.clone()), doctors, "{table}");
    }
    assert_eq!(
        columns(planned(&with, "public.surgeon")),
        ["doctor_ptr_id uuid", "legacy_doctor_ptr_id integer"]
    );
    let e = refused(
        &catalog,
        &mapping("keys = \"uuid\"\n[tables.\"public.doctor\"]\nkey = \"keep\""),
    );
    assert!(
        e.to_string()
            .contains("refers to public.doctor.id, which is kept"),
        "{e}"
    );
}

#[test]
fn references_that_only_the_plan_names() {
    let mut catalog = clinic();
    catalog
        .tables
        .push(table("public.log", vec![int("office"), int("who")]));
    let toml = "keys = \"uuid\"\n[tables.\"public.log\"]\n\
                columns.office = { references = \"public.office\", foreign_key = true }\n\
                columns.who = { references = \"public.doctor\", legacy = true }\n";
    let with = plan(&catalog, &mapping(toml));
    let log = planned(&with, "public.log");
    assert_eq!(columns(log), ["office uuid", "who uuid", "legacy_who integer"]);
    let keys: Vec<_> = log
        .foreign_keys
        .iter()
        .map(|k| (k.name.as_str(), k.references.name.as_str()))
        .collect();
    assert_eq!(keys, [("log_office_fkey", "office")]);
    let e = refused(
        &catalog,
        &mapping("[tables.\"public.log\"]\ncolumns.office = { references = \"public.ofice\" }"),
    );
    assert!(
        e.to_string().contains("`public.ofice`, which is not part of it"),
        "{e}"
    );
}

#[test]
fn expressions_go_on_reading_old_values() {
    let mut catalog = clinic();
    let doctor = &mut catalog.tables[1];
    doctor.checks = vec![
        check("positive", expr("public.doctor", "{id} > 0")),
        check("not_own_chief", expr("public.doctor", "{chief_id} <> {id}")),
        check("has_office", expr("public.doctor", "({office_id}) is not null")),
        check("few_offices", expr("public.doctor", "{office_id} < 100")),
    ];
    doctor.columns[1].default = Some(expr("public.doctor", "7"));
    doctor.columns[2].default = Some(expr("public.doctor", "next_chief()"));
    let with = plan(&catalog, &mapping("keys = \"uuid\""));
    let checks: Vec<_> = planned(&with, "public.doctor")
        .checks
        .iter()
        .map(|c| c.expression.as_str())
        .collect();
    assert_eq!(
        checks,
        [
            "\"legacy_id\" > 0",
            "\"chief_id\" <> \"id\"",
            "(\"office_id\") is not null"
        ]
    );
    assert_eq!(
        manual(&with),
        [
            "default public.doctor.chief_id: it gives old keys, and the column's keys are rewritten",
            "check public.doctor.few_offices: it reads old keys in office_id, which are rewritten and not kept; \
             columns.office_id = { legacy = true } keeps them",
        ]
    );
    let offices = table_namespace(DEFAULT_NAMESPACE, &name("public.office"));
    assert_eq!(
        planned(&with, "public.doctor").columns[2].default,
        Some(format!("'{}'::uuid", Uuid::new_v5(&offices, b"7")))
    );
}

#[test]
fn a_pair_of_columns_becomes_foreign_keys() {
    let mut catalog = clinic();
    let mut log = table(
        "public.log",
        vec![
            int("content_type_id"),
            col("object_id", PgType::Text),
            col("text", PgType::Text),
        ],
    );
    log.primary_key = Some(key("log_pkey", &["object_id"]));
    catalog.tables.push(log);
    let pair = "[[tables.\"public.log\".polymorphic]]\ntype = \"content_type_id\"\nid = \"object_id\"\n\
                targets = { 7 = \"public.office\", 8 = \"public.doctor\" }\n";
    let with = plan(&catalog, &mapping(&format!("keys = \"uuid\"\n{pair}")));
    let log = planned(&with, "public.log");
    assert_eq!(
        columns(log),
        [
            "content_type_id integer",
            "object_id text",
            "text text",
            "object_office_id uuid",
            "object_doctor_id uuid"
        ]
    );
    let keys: Vec<_> = log
        .foreign_keys
        .iter()
        .map(|k| (k.columns[0].as_str(), k.references.name.as_str()))
        .collect();
    assert_eq!(
        keys,
        [("object_office_id", "office"), ("object_doctor_id", "doctor")]
    );
    assert_eq!(
        log.checks[0].expression,
        "num_nonnulls(\"object_office_id\", \"object_doctor_id\") <= 1"
    );
    // Without new keys the columns hold the old ones.
    let kept = plan(&catalog, &mapping(pair));
    assert_eq!(
        columns(planned(&kept, "public.log"))[3..],
        ["object_office_id integer", "object_doctor_id integer"]
    );
    let e = refused(&catalog, &mapping(&pair.replace("public.doctor", "public.note")));
    assert!(
        e.to_string().contains("without a primary key of one column"),
        "{e}"
    );
}
