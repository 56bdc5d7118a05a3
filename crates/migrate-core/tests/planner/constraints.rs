//! Keys, foreign keys and checks.

use migrate_core::catalog::{Action, Catalog, Column, Fidelity};
use migrate_core::mapping::Mapping;
use migrate_core::pg_type::PgType;
use migrate_core::plan::Target;
use migrate_core::planner;
use migrate_core::template::Translation;

use crate::build::*;

fn nullable(column: Column) -> Column {
    Column {
        nullable: true,
        ..column
    }
}

#[test]
fn one_null_stays_one_null_where_postgresql_can_say_so() {
    let mut t = table("dbo.T", vec![int("a"), nullable(int("b"))]);
    t.primary_key = Some(key("PK", &["a"]));
    t.uniques = vec![
        key("UQ_a", &["a"]),
        key("UQ_b", &["b"]),
        key("UQ_ab", &["a", "b"]),
    ];
    let mut unique = index("IX_b", &["b"]);
    unique.unique = true;
    t.indexes = vec![unique, index("IX_plain", &["b"])];
    let catalog = catalog(vec![t]);
    let said = "the source allows one NULL in this key; PostgreSQL before 15 allows many";
    for version in [14, 15, 18] {
        let new = version >= 15;
        let plan = planner::plan(
            &catalog,
            &Mapping::default(),
            &Target {
                version,
                ..Target::default()
            },
        )
        .unwrap();
        let t = &plan.tables[0];
        assert!(!t.primary_key.as_ref().unwrap().nulls_not_distinct);
        let uniques: Vec<bool> = t.uniques.iter().map(|k| k.nulls_not_distinct).collect();
        assert_eq!(uniques, [false, new, new]);
        let indexes: Vec<bool> = t.indexes.iter().map(|i| i.nulls_not_distinct).collect();
        assert_eq!(indexes, [new, false]);
        let noted: Vec<(&str, &str)> = plan
            .notes
            .iter()
            .map(|n| (n.object.as_str(), n.text.as_str()))
            .collect();
        let expected = [("dbo.T.UQ_b", said), ("dbo.T.UQ_ab", said), ("dbo.T.IX_b", said)];
        assert_eq!(noted, if new { vec![] } else { expected.to_vec() });
    }
}

#[test]
fn foreign_keys_keep_columns_actions_and_order() {
    let mut a = table("dbo.A", vec![int("x"), int("y")]);
    a.primary_key = Some(key("PK", &["y", "x"]));
    let mut b = table("hr.B", vec![int("p"), int("q")]);
    b.foreign_keys = vec![fk("FK", &["p", "q"], "dbo.A", &["y", "x"])];
    b.foreign_keys[0].on_delete = Action::Cascade;
    b.foreign_keys[0].on_update = Action::SetNull;
    b.foreign_keys[0].comment = Some("why".into());
    let plan = plan(&catalog(vec![b, a]), &Mapping::default());
    let f = &plan.tables[0].foreign_keys[0];
    assert_eq!(
        (
            f.columns.join(","),
            f.references.to_string(),
            f.referenced_columns.join(",")
        ),
        ("p,q".into(), "dbo.A".into(), "y,x".into())
    );
    assert_eq!(
        (f.on_delete, f.on_update, f.validate),
        (Action::Cascade, Action::SetNull, true)
    );
    assert_eq!(f.comment.as_deref(), Some("why"));
}

fn constrained() -> Catalog {
    let mut t = table("dbo.T", vec![int("a"), int("b")]);
    t.primary_key = Some(key("PK", &["a"]));
    t.foreign_keys = vec![fk("FK", &["b"], "dbo.T", &["a"])];
    t.checks = vec![check("CK", expr("dbo.T", "{a} > 0"))];
    catalog(vec![t])
}

#[test]
fn what_the_source_never_checked_is_not_validated() {
    let mut catalog = constrained();
    catalog.tables[0].foreign_keys[0].trusted = false;
    catalog.tables[0].checks[0].trusted = false;
    let plan = plan(&catalog, &Mapping::default());
    let t = &plan.tables[0];
    assert_eq!((t.foreign_keys[0].validate, t.checks[0].validate), (false, false));
    let said = "the source never checked existing rows against it; it is created NOT VALID";
    assert_eq!(notes(&plan, "dbo.T.FK"), [said]);
    assert_eq!(notes(&plan, "dbo.T.CK"), [said]);
    assert_eq!(plan.manual, []);
}

#[test]
fn what_the_source_does_not_enforce_is_work_by_hand() {
    let mut catalog = constrained();
    catalog.tables[0].foreign_keys[0].enabled = false;
    catalog.tables[0].checks[0].enabled = false;
    catalog.tables[0].checks.push(check(
        "CK_2",
        untranslated("isdate(a)=1", "isdate has no counterpart"),
    ));
    let plan = plan(&catalog, &Mapping::default());
    let t = &plan.tables[0];
    assert_eq!((t.foreign_keys.len(), t.checks.len()), (0, 0));
    assert_eq!(
        manual(&plan),
        [
            "foreign key dbo.T.FK: it is disabled in the source",
            "check dbo.T.CK: it is disabled in the source",
            "check dbo.T.CK_2: isdate has no counterpart",
        ]
    );
    assert_eq!(plan.manual[1].definition, "[{a} > 0]");
    assert_eq!(plan.manual[2].definition, "isdate(a)=1");
}

#[test]
fn differences_in_meaning_reach_the_reader() {
    let mut catalog = constrained();
    if let Translation::Done { notes, .. } = &mut catalog.tables[0].checks[0].expression.translation {
        notes.push("trailing spaces count here".into());
    }
    let plan = plan(&catalog, &Mapping::default());
    assert_eq!(notes(&plan, "dbo.T.CK"), ["trailing spaces count here"]);
}

#[test]
fn constraints_of_one_table_have_different_names() {
    let mut t = table("dbo.T", vec![int("a")]);
    t.primary_key = Some(key("X", &["a"]));
    t.foreign_keys = vec![fk("X", &["a"], "dbo.T", &["a"])];
    t.checks = vec![check("X", expr("dbo.T", "{a} > 0"))];
    let mut u = t.clone();
    u.name = name("dbo.U");
    u.primary_key = None;
    let plan = plan(&catalog(vec![t, u]), &Mapping::default());
    let names = |i: usize| {
        let t = &plan.tables[i];
        (t.foreign_keys[0].name.clone(), t.checks[0].name.clone())
    };
    assert_eq!(names(0), ("X_2".into(), "X_3".into()));
    // Foreign keys and checks are named within their table.
    assert_eq!(names(1), ("X".into(), "X_2".into()));
    assert_eq!(
        notes(&plan, "dbo.U.X"),
        ["is called \"X_2\": \"X\" is too long for PostgreSQL, or taken in the table"]
    );
}

#[test]
fn foreign_keys_that_postgresql_would_refuse_are_foreseen() {
    let n = PgType::Numeric(Some((10, 2)));
    let v = PgType::Varchar(Some(5));
    for (from, to, possible) in [
        (PgType::Int2, PgType::Int8, true),
        (PgType::Int8, PgType::Int2, true),
        (PgType::Int4, n.clone(), true),
        (n.clone(), PgType::Int4, false),
        (PgType::Int4, PgType::Float8, true),
        (PgType::Float4, PgType::Int4, false),
        (PgType::Float4, PgType::Float8, true),
        (n.clone(), n.clone(), true),
        (v.clone(), PgType::Text, true),
        (PgType::Text, PgType::Char(3), true),
        (PgType::Citext, PgType::Text, true),
        (PgType::Text, PgType::Citext, false),
        (PgType::Citext, PgType::Char(3), false),
        (v, PgType::Uuid, false),
        (PgType::Uuid, PgType::Uuid, true),
        (PgType::Date, PgType::Timestamp(3), true),
        (PgType::TimestampTz(6), PgType::Date, true),
        (PgType::Time(3), PgType::Time(6), true),
        (PgType::Time(3), PgType::Date, false),
        (PgType::Bool, PgType::Int4, false),
        (PgType::Bytea, PgType::Bytea, true),
    ] {
        let mut a = table("dbo.A", vec![col("x", from.clone())]);
        a.foreign_keys = vec![fk("FK", &["x"], "dbo.B", &["y"])];
        let mut b = table("dbo.B", vec![col("y", to.clone())]);
        b.primary_key = Some(key("PK", &["y"]));
        let plan = plan(&catalog(vec![a, b]), &Mapping::default());
        assert_eq!(
            plan.tables[0].foreign_keys.len(),
            usize::from(possible),
            "{from} to {to}"
        );
        let refused = format!(
            "foreign key dbo.A.FK: PostgreSQL does not compare x of type {from} with y of type {to}; give both one type"
        );
        assert_eq!(manual(&plan), if possible { vec![] } else { vec![refused] });
    }
}

#[test]
fn a_key_over_values_that_lose_digits_is_pointed_out() {
    let mut at = col("at", PgType::Timestamp(6));
    at.fidelity = Fidelity::Lossy("the 7th digit of fractional seconds is rounded".into());
    let mut moment = col("moment", PgType::TimestampTz(3));
    moment.utc_offset = true;
    moment.fidelity = Fidelity::Lossy("the original offset from UTC is not kept".into());
    let mut t = table("dbo.T", vec![at, moment, int("id")]);
    t.primary_key = Some(key("PK", &["id", "at"]));
    t.uniques = vec![key("UQ", &["moment", "id"])];
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    assert_eq!(
        notes(&plan, "dbo.T.PK"),
        ["rows whose at differ only in what is lost become duplicates, and the key is then refused"]
    );
    assert_eq!(notes(&plan, "dbo.T.UQ"), [""; 0]);
}
