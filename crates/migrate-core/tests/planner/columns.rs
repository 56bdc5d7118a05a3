//! Defaults and computed columns.

use migrate_core::catalog::{Catalog, Column, Fidelity, Part};
use migrate_core::mapping::{Mapping, Offsets};
use migrate_core::naming::Naming;
use migrate_core::pg_type::PgType;
use migrate_core::template::Translation;

use crate::build::*;

fn one(columns: Vec<Column>) -> Catalog {
    catalog(vec![table("dbo.T", columns)])
}

#[test]
fn a_default_follows_its_column_to_another_type() {
    let mut column = int("c");
    let mut default = expr("dbo.T", "1 + 1");
    if let Translation::Done { notes, .. } = &mut default.translation {
        notes.push("rounds down".into());
    }
    column.default = Some(default);
    let catalog = one(vec![column]);
    let kept = plan(&catalog, &Mapping::default());
    assert_eq!(columns(&kept.tables[0]), ["c integer default 1 + 1"]);
    assert_eq!(notes(&kept, "dbo.T.c"), ["default [1 + 1]: rounds down"]);

    let moved = plan(
        &catalog,
        &deciding("dbo.T", "c", of_type(PgType::Numeric(Some((10, 2))))),
    );
    assert_eq!(
        columns(&moved.tables[0]),
        ["c numeric(10,2) default (1 + 1)::numeric(10,2)"]
    );
}

#[test]
fn a_default_without_translation_is_work_by_hand() {
    let mut column = int("c");
    column.default = Some(untranslated(
        "(dbo.next())",
        "functions of the source are not moved",
    ));
    let plan = plan(&one(vec![column]), &Mapping::default());
    assert_eq!(columns(&plan.tables[0]), ["c integer"]);
    assert_eq!(
        manual(&plan),
        ["default dbo.T.c: functions of the source are not moved"]
    );
    assert_eq!(plan.manual[0].definition, "(dbo.next())");
}

#[test]
fn computed_columns_are_generated_or_listed() {
    let computed = |name: &str, e| Column {
        computed: Some(e),
        default: Some(expr("dbo.T", "7")),
        ..int(name)
    };
    let catalog = one(vec![
        int("Qty"),
        computed("Twice", expr("dbo.T", "{Qty} * 2")),
        computed("Age", changing("dbo.T", "now() - {Qty}")),
        int("last"),
        computed(
            "Blob",
            untranslated("(dbo.f([Qty]))", "functions of the source are not moved"),
        ),
    ]);
    let plan = plan(
        &catalog,
        &Mapping {
            naming: Naming::Lower,
            ..Default::default()
        },
    );
    let t = &plan.tables[0];
    let printed: Vec<String> = t
        .columns
        .iter()
        .map(|c| format!("{} {}", c.name, c.generated.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(printed, ["qty -", "twice \"qty\" * 2", "last -"]);
    assert_eq!(t.columns[1].default, None);
    assert_eq!(
        manual(&plan),
        [
            "computed column dbo.T.Age: PostgreSQL stores generated columns, and so wants expressions whose result never \
         changes",
            "computed column dbo.T.Blob: functions of the source are not moved",
        ]
    );
    // Generated columns are not copied: they are no field of a tuple.
    let copied: Vec<&str> = t.copied().map(|c| c.name.as_str()).collect();
    assert_eq!(copied, ["qty", "last"]);
    assert_eq!(t.copied_positions(&strings(&["last", "qty"])), Some(vec![1, 0]));
    assert_eq!(t.copied_positions(&strings(&["twice"])), None);
}

#[test]
fn what_needs_a_computed_column_that_is_gone_is_listed_too() {
    let gone = Column {
        computed: Some(untranslated("x", "no")),
        ..int("c")
    };
    let mut t = table("dbo.T", vec![int("a"), gone]);
    t.checks = vec![check("CK", expr("dbo.T", "{c} > 0"))];
    t.indexes = vec![index("IX", &["c"])];
    let mut catalog = catalog(vec![t]);
    catalog.views = vec![view("dbo.V", &["c"], expr("dbo.T", "select {c} from {@dbo.T}"))];
    let plan = plan(&catalog, &Mapping::default());
    assert_eq!(
        manual(&plan),
        [
            "computed column dbo.T.c: no",
            "index dbo.T.IX: column c is not in the destination",
            "check dbo.T.CK: column dbo.T.c is not in the destination",
            "view dbo.V: column dbo.T.c is not in the destination",
        ]
    );
}

#[test]
fn a_computed_columns_type_is_not_a_matter_of_encoding() {
    let computed = Column {
        computed: Some(expr("dbo.T", "1")),
        ..int("c")
    };
    let mapping = deciding("dbo.T", "c", of_type(PgType::Bytea));
    let plan = plan(&one(vec![int("a"), computed]), &mapping);
    assert_eq!(columns(&plan.tables[0]), ["a integer", "c bytea"]);
}

#[test]
fn an_offset_that_is_kept_becomes_a_column_of_its_own() {
    let mut written = col("At", PgType::TimestampTz(6));
    written.utc_offset = true;
    written.fidelity = Fidelity::Lossy("the offset is lost, and the 7th digit".into());
    let mut taken = int("At_offset");
    taken.nullable = true;
    let catalog = one(vec![int("id"), written, taken]);
    let dropped = plan(&catalog, &Mapping::default());
    assert_eq!(
        columns(&dropped.tables[0]),
        ["id integer", "At timestamptz", "At_offset integer"]
    );

    let keep = Mapping {
        offsets: Offsets::Keep,
        ..Mapping::default()
    };
    let kept = plan(&catalog, &keep);
    assert_eq!(
        columns(&kept.tables[0]),
        [
            "id integer",
            "At timestamptz",
            "At_offset_2 smallint",
            "At_offset integer"
        ]
    );
    assert_eq!(
        kept.tables[0].columns[2].part,
        Some(Part::UtcOffset { of: "At".into() })
    );
    assert_eq!(
        kept.tables[0].columns[1].fidelity,
        Fidelity::Lossy("the 7th digit of fractional seconds is rounded".into())
    );
}
