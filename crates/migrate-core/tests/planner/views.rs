//! Views, and what makes two plans the same.

use migrate_core::catalog::Catalog;
use migrate_core::mapping::Mapping;
use migrate_core::naming::Naming;
use migrate_core::plan::{ManualWork, Note, Plan};
use migrate_core::template::Translation;

use crate::build::*;

fn with_views() -> Catalog {
    let mut catalog = catalog(vec![
        table("dbo.T", vec![int("RowId"), int("b")]),
        table("dbo.U", vec![int("x")]),
    ]);
    catalog.views = vec![
        view(
            "dbo.Top",
            &["TheId"],
            expr("dbo.T", "select {RowId} from {@dbo.T}"),
        ),
        view(
            "dbo.Broken",
            &["x"],
            untranslated("select top 1 with ties", "`with ties` has no counterpart"),
        ),
        view(
            "dbo.OnBroken",
            &["x"],
            expr("dbo.Broken", "select {x} from {@dbo.Broken}"),
        ),
        view(
            "dbo.OnThat",
            &["x"],
            expr("dbo.OnBroken", "select {x} from {@dbo.OnBroken}"),
        ),
        view(
            "dbo.OnTop",
            &["x"],
            expr("dbo.Top", "select {TheId} from {@dbo.Top}"),
        ),
        view("dbo.OnU", &["x"], expr("dbo.U", "select {x} from {@dbo.U}")),
    ];
    catalog
}

#[test]
fn views_follow_the_names_of_what_they_read() {
    let mut catalog = with_views();
    if let Translation::Done { notes, .. } = &mut catalog.views[0].query.translation {
        notes.push("rows come in another order".into());
    }
    let mapping = Mapping {
        naming: Naming::Snake,
        schemas: [("dbo".into(), "public".into())].into(),
        ..Default::default()
    };
    let plan = plan(&catalog, &mapping);
    let printed: Vec<String> = plan
        .views
        .iter()
        .map(|v| format!("{} ({}) {}", v.target, v.columns.join(","), v.query))
        .collect();
    assert_eq!(
        printed,
        [
            "public.top (the_id) select \"row_id\" from \"public\".\"t\"",
            "public.on_top (x) select \"the_id\" from \"public\".\"top\"",
            "public.on_u (x) select \"x\" from \"public\".\"u\"",
        ]
    );
    assert_eq!(notes(&plan, "dbo.Top"), ["rows come in another order"]);
}

#[test]
fn a_view_that_is_dropped_takes_those_that_read_it_along() {
    let plan = plan(
        &with_views(),
        &Mapping {
            exclude: strings(&["dbo.U"]),
            ..Default::default()
        },
    );
    let left_out = "it uses a table or column that the plan leaves out";
    assert_eq!(
        manual(&plan),
        [
            "view dbo.Broken: `with ties` has no counterpart".to_owned(),
            format!("view dbo.OnBroken: {left_out}"),
            format!("view dbo.OnThat: {left_out}"),
            format!("view dbo.OnU: {left_out}"),
        ]
    );
    assert_eq!(plan.manual[0].definition, "select top 1 with ties");
    let kept: Vec<String> = plan.views.iter().map(|v| v.target.to_string()).collect();
    assert_eq!(kept, ["dbo.Top", "dbo.OnTop"]);
}

#[test]
fn the_fingerprint_is_of_what_will_be_done_alone() {
    let catalog = with_views();
    let first = plan(&catalog, &Mapping::default());
    let again = plan(&catalog, &Mapping::default());
    assert_eq!(first, again);
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.fingerprint().len(), 32);

    let reworded: [fn(&mut Plan); 5] = [
        |p| {
            p.notes.push(Note {
                object: "x".into(),
                text: "y".into(),
            })
        },
        |p| p.manual.clear(),
        |p| {
            let [kind, name, definition, reason] = ["trigger", "t", "d", "r"].map(String::from);
            p.manual.push(ManualWork {
                kind,
                name,
                definition,
                reason,
            });
        },
        |p| p.excluded.push(name("dbo.Z")),
        |p| {
            p.tables[0].rows = Some(7);
            p.tables[1].bytes = Some(8);
        },
    ];
    for change in reworded {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(other, first);
        assert_eq!(other.fingerprint(), first.fingerprint());
    }

    let done_otherwise: [fn(&mut Plan); 8] = [
        |p| p.source.fingerprint.push('x'),
        |p| p.target.version = 14,
        |p| p.tables[0].target.name.push('x'),
        |p| p.tables[0].columns[0].nullable = true,
        |p| p.tables[0].filter = Some("x > 1".into()),
        |p| p.tables.swap(0, 1),
        |p| p.views.truncate(1),
        |p| p.schemas.push("x".into()),
    ];
    for change in done_otherwise {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(other.fingerprint(), first.fingerprint());
    }
}

#[test]
fn a_plan_survives_being_written_down() {
    let first = plan(&with_views(), &Mapping::default());
    let text = serde_json::to_string(&first).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, first);
    assert_eq!(read.fingerprint(), first.fingerprint());
}
