//! Indexes that are not constraints.

use migrate_core::catalog::{Index, IndexColumn};
use migrate_core::mapping::Mapping;
use migrate_core::naming::Naming;
use migrate_core::pg_type::PgType;
use migrate_core::template::Translation;

use crate::build::*;

#[test]
fn filters_stored_columns_and_directions_are_kept() {
    let mut t = table(
        "dbo.T",
        vec![int("A"), int("B"), int("C"), col("D", PgType::Varchar(Some(256)))],
    );
    let mut filter = expr("dbo.T", "{C} is not null");
    if let Translation::Done { notes, .. } = &mut filter.translation {
        notes.push("compares exactly".into());
    }
    t.indexes = vec![Index {
        columns: vec![
            IndexColumn {
                name: "B".into(),
                descending: true,
            },
            IndexColumn {
                name: "A".into(),
                descending: false,
            },
        ],
        include: strings(&["D", "C"]),
        unique: true,
        filter: Some(filter),
        comment: Some("why".into()),
        ..index("IX", &[])
    }];
    let plan = plan(
        &catalog(vec![t]),
        &Mapping {
            naming: Naming::Lower,
            ..Default::default()
        },
    );
    let i = &plan.tables[0].indexes[0];
    assert_eq!(i.name, "ix");
    assert_eq!(i.columns, [("b".to_owned(), true), ("a".to_owned(), false)]);
    assert_eq!(i.include, ["d", "c"]);
    assert!(i.unique && !i.nulls_not_distinct);
    assert_eq!(i.filter.as_deref(), Some("\"c\" is not null"));
    assert_eq!(i.comment.as_deref(), Some("why"));
    assert_eq!(notes(&plan, "dbo.T.IX"), ["compares exactly"]);
}

#[test]
fn indexes_that_cannot_be_are_work_by_hand() {
    let mut t = table("dbo.T", vec![int("a")]);
    t.indexes = vec![
        Index {
            disabled: true,
            unique: true,
            ..index("IX_off", &["a"])
        },
        Index {
            filter: Some(changing("dbo.T", "{a} < now()")),
            ..index("IX_now", &["a"])
        },
        Index {
            filter: Some(untranslated("a = dbo.f()", "no functions")),
            ..index("IX_f", &["a"])
        },
    ];
    t.indexes[0].columns[0].descending = true;
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    assert_eq!(plan.tables[0].indexes, []);
    assert_eq!(
        manual(&plan),
        [
            "index dbo.T.IX_off: it is disabled in the source",
            "index dbo.T.IX_now: its condition is not immutable in PostgreSQL",
            "index dbo.T.IX_f: no functions",
        ]
    );
    assert_eq!(plan.manual[0].definition, "unique index IX_off (a desc)");
    assert_eq!(plan.manual[2].definition, "index IX_f (a) where a = dbo.f()");
}

#[test]
fn stored_columns_that_may_not_fit_are_left_out() {
    let wide = [
        PgType::Varchar(Some(257)),
        PgType::Char(300),
        PgType::Varchar(None),
        PgType::Text,
        PgType::Bytea,
        PgType::Jsonb,
        PgType::Xml,
    ];
    let narrow = [
        PgType::Int8,
        PgType::Varchar(Some(256)),
        PgType::Uuid,
        PgType::Numeric(Some((38, 4))),
    ];
    let named = |types: &[PgType], prefix: &str| -> Vec<_> {
        types
            .iter()
            .enumerate()
            .map(|(i, t)| col(&format!("{prefix}{i}"), t.clone()))
            .collect()
    };
    let mut columns = vec![int("a")];
    columns.extend(named(&wide, "w"));
    columns.extend(named(&narrow, "n"));
    let mut t = table("dbo.T", columns);
    t.indexes = vec![Index {
        include: strings(&["w0", "n0", "w1", "n1", "w2", "w3", "n2", "w4", "w5", "n3", "w6"]),
        ..index("IX", &["a"])
    }];
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    assert_eq!(plan.tables[0].indexes[0].include, ["n0", "n1", "n2", "n3"]);
    assert_eq!(
        notes(&plan, "dbo.T.IX"),
        [
            "does not include w0, w1, w2, w3, w4, w5, w6: a PostgreSQL index entry is limited to about 2,700 bytes"
        ]
    );
}

#[test]
fn an_index_has_room_for_32_columns() {
    let names: Vec<String> = (0..40).map(|i| format!("c{i}")).collect();
    let mut t = table("dbo.T", names.iter().map(|n| int(n)).collect());
    t.indexes = vec![Index {
        include: names[2..].to_vec(),
        ..index("IX", &["c0", "c1"])
    }];
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    let i = &plan.tables[0].indexes[0];
    assert_eq!(i.columns.len() + i.include.len(), 32);
    assert_eq!(i.include.last().map(String::as_str), Some("c31"));
    assert_eq!(
        notes(&plan, "dbo.T.IX"),
        [
            "does not include c32, c33, c34, c35, c36, c37, c38, c39: a PostgreSQL index has at most 32 columns"
        ]
    );
}

#[test]
fn an_index_over_an_expression_keeps_its_method() {
    let mut t = table("dbo.T", vec![text("body", true)]);
    let mut words = index("words", &[]);
    words.using = Some("gin".into());
    words.expression = Some(expr("dbo.T", "to_tsvector('simple', {body})"));
    let mut moody = index("moody", &[]);
    moody.expression = Some(changing("dbo.T", "now()"));
    t.indexes = vec![words, moody];
    let plan = plan(&catalog(vec![t]), &Mapping::default());
    let kept = &plan.tables[0].indexes;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].using.as_deref(), kept[0].expression.as_deref()),
        (Some("gin"), Some("to_tsvector('simple', \"body\")"))
    );
    assert_eq!(
        manual(&plan),
        ["index dbo.T.moody: its condition is not immutable in PostgreSQL"]
    );
}
