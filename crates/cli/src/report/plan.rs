//! A plan as a person reads it, and as machines do.

use std::collections::BTreeMap;

use migrate_core::catalog::Fidelity;
use migrate_core::declared::RightKind;
use migrate_core::plan::{Plan, TablePlan, Watermark};
use serde_json::{Value, json};

use super::number;
use super::table::{Side, render};
use super::text::printable;
use crate::ui::{Style, Ui};

/// Names given for one remark, unless `-v` asks for all.
const FEW: usize = 4;

/// A column whose type does not hold exactly what the source's does.
struct Inexact {
    native: String,
    ty: String,
    /// What is changed; `None` where every value fits and the type allows more.
    loss: Option<String>,
    columns: Vec<String>,
}

/// How much of everything a plan creates, for one line.
pub(crate) fn counts(plan: &Plan) -> Vec<(&str, u64)> {
    let sum = |f: fn(&TablePlan) -> usize| plan.tables.iter().map(|t| f(t) as u64).sum::<u64>();
    vec![
        ("schema", plan.schemas.len() as u64),
        ("extension", plan.extensions.len() as u64),
        ("collation", plan.collations.len() as u64),
        ("domain", plan.domains.len() as u64),
        ("sequence", plan.sequences.len() as u64),
        ("table", plan.tables.len() as u64),
        ("primary key", sum(|t| usize::from(t.primary_key.is_some()))),
        ("unique constraint", sum(|t| t.uniques.len())),
        ("foreign key", sum(|t| t.foreign_keys.len())),
        ("check", sum(|t| t.checks.len())),
        ("index", sum(|t| t.indexes.len())),
        (
            "generated column",
            sum(|t| t.columns.iter().filter(|c| c.generated.is_some()).count()),
        ),
        ("view", plan.views.len() as u64),
    ]
}

/// `12 tables, 12 primary keys, 40 indexes`.
pub(crate) fn counted(plan: &Plan) -> String {
    let mut kinds = counts(plan);
    for object in &plan.declared.objects {
        let noun = match object.kind.as_str() {
            // What is said of an object that is counted already.
            "sequence option" | "index option" | "index partition" | "clustering" | "replica identity"
            | "row security" => continue,
            "statistics" => "statistics object",
            kind => kind,
        };
        match kinds.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, n)) => *n += 1,
            None => kinds.push((noun, 1)),
        }
    }
    let statements = |owner: bool| {
        let rights = plan.declared.rights.iter();
        let of_kind = rights.filter(|r| (r.kind == RightKind::Owner) == owner);
        of_kind.map(|r| r.sql.matches(";\n").count() as u64 + 1).sum()
    };
    kinds.push(("grant", statements(false)));
    kinds.push(("owner", statements(true)));
    let parts: Vec<String> = kinds
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(noun, n)| number::of(n, noun))
        .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Rows and bytes of the source, as far as known.
pub(crate) fn size(plan: &Plan) -> String {
    let rows: Option<u64> = plan.tables.iter().map(|t| t.rows).sum();
    let bytes: Option<u64> = plan.tables.iter().map(|t| t.bytes).sum();
    let parts: Vec<String> = rows
        .map(|n| number::of(n, "row"))
        .into_iter()
        .chain(bytes.map(number::bytes))
        .collect();
    parts.join(", ")
}

/// `9 procedures, 3 triggers`.
pub(crate) fn manual_counts(plan: &Plan) -> BTreeMap<&str, u64> {
    let mut kinds = BTreeMap::new();
    for work in &plan.manual {
        *kinds.entry(work.kind.as_str()).or_default() += 1;
    }
    kinds
}

fn inexact(plan: &Plan) -> Vec<Inexact> {
    let mut groups: Vec<Inexact> = Vec::new();
    for table in &plan.tables {
        for column in &table.columns {
            let loss = match &column.fidelity {
                Fidelity::Exact => continue,
                Fidelity::Widened => None,
                Fidelity::Lossy(what) => Some(what.clone()),
            };
            let ty = column.ty.to_string();
            let name = format!("{}.{}", table.source, column.source);
            match groups
                .iter_mut()
                .find(|g| g.native == column.native && g.ty == ty && g.loss == loss)
            {
                Some(group) => group.columns.push(name),
                None => groups.push(Inexact {
                    native: column.native.clone(),
                    ty,
                    loss,
                    columns: vec![name],
                }),
            }
        }
    }
    // Losses first.
    groups.sort_by_key(|g| g.loss.is_none());
    groups
}

/// The plan for a person.
pub(crate) fn print(plan: &Plan, ui: &Ui) -> String {
    let style = ui.out_style();
    let mut out = Vec::new();
    let source = &plan.source;
    out.push(format!(
        "{} {} into PostgreSQL {}",
        style.bold("Plan:"),
        printable(&describe_source(&source.name, &source.version)),
        plan.target.version
    ));
    let size = size(plan);
    if !size.is_empty() {
        out.push(format!("Moves {size}."));
    }
    out.push(format!("Creates {}.", counted(plan)));
    if !plan.extensions.is_empty() {
        out.push(format!("Extensions: {}.", plan.extensions.join(", ")));
    }
    out.push(String::new());
    out.push(tables(plan));
    inexact_part(plan, ui, style, &mut out);
    later_part(plan, ui, style, &mut out);
    notes_part(plan, ui, style, &mut out);
    manual_part(plan, ui, style, &mut out);
    if !plan.excluded.is_empty() {
        let names: Vec<String> = plan.excluded.iter().map(ToString::to_string).collect();
        out.push(format!("\n{} {}", style.bold("Left out:"), few(&names, ui)));
    }
    out.join("\n")
}

/// `shop.bacpac (SQL Server 16.0)`, without what is not known.
pub(crate) fn describe_source(name: &str, version: &str) -> String {
    let version = version.lines().next().unwrap_or_default().trim();
    if version.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({version})")
    }
}

fn tables(plan: &Plan) -> String {
    let rows = plan.tables.iter().map(|t| {
        let constraints =
            t.uniques.len() + t.foreign_keys.len() + t.checks.len() + usize::from(t.primary_key.is_some());
        vec![
            t.source.to_string(),
            t.target.to_string(),
            t.rows.map(number::count).unwrap_or_else(|| "?".to_owned()),
            t.bytes.map(number::bytes).unwrap_or_else(|| "?".to_owned()),
            t.columns.len().to_string(),
            constraints.to_string(),
            t.indexes.len().to_string(),
        ]
    });
    let columns = [
        ("table", Side::Left),
        ("becomes", Side::Left),
        ("rows", Side::Right),
        ("size", Side::Right),
        ("columns", Side::Right),
        ("constraints", Side::Right),
        ("indexes", Side::Right),
    ];
    render(&columns, rows)
}

fn inexact_part(plan: &Plan, ui: &Ui, style: Style, out: &mut Vec<String>) {
    let (lossy, wider): (Vec<Inexact>, Vec<Inexact>) =
        inexact(plan).into_iter().partition(|g| g.loss.is_some());
    if !lossy.is_empty() {
        let columns: usize = lossy.iter().map(|g| g.columns.len()).sum();
        out.push(format!(
            "\n{} {}",
            style.yellow("Not exact:"),
            number::of(columns as u64, "column")
        ));
        for group in lossy {
            let what = group.loss.unwrap_or_default();
            out.push(format!(
                "  {} -> {}: {}",
                printable(&group.native),
                group.ty,
                printable(&what)
            ));
            out.push(format!("      {}", few(&group.columns, ui)));
        }
    }
    if !wider.is_empty() {
        out.push(format!(
            "\n{} every value fits, and PostgreSQL's type allows more",
            style.bold("Wider:")
        ));
        let mut families: Vec<(String, Vec<String>)> = Vec::new();
        for group in wider {
            let family = format!("{} -> {}", family(&group.native), family(&group.ty));
            match families.iter_mut().find(|(f, _)| *f == family) {
                Some((_, columns)) => columns.extend(group.columns),
                None => families.push((family, group.columns)),
            }
        }
        for (family, columns) in families {
            let list = if ui.verbose > 0 {
                format!(": {}", few(&columns, ui))
            } else {
                String::new()
            };
            out.push(format!(
                "  {}, {}{list}",
                printable(&family),
                number::of(columns.len() as u64, "column")
            ));
        }
    }
}

/// A type without its modifiers: `nvarchar(50)` is one of `nvarchar(n)`.
fn family(ty: &str) -> String {
    match ty.split_once('(') {
        Some((name, _)) => format!("{name}(n)"),
        None => ty.to_owned(),
    }
}

/// How `--incremental` finds what changed, where it can.
fn later_part(plan: &Plan, ui: &Ui, style: Style, out: &mut Vec<String>) {
    let mut ways: Vec<(String, Vec<String>)> = Vec::new();
    if plan.tables.iter().all(|t| t.watermark.is_none()) {
        return;
    }
    for table in &plan.tables {
        let way = match (&table.watermark, table.row_key()) {
            (_, None) => "copied whole again, because nothing names a row".to_owned(),
            (Some(Watermark::RowVersion), _) => "by the versions of rows".to_owned(),
            (Some(Watermark::Column { name, overlap }), _) => {
                format!(
                    "by {}, beginning {overlap} before its last value",
                    printable(name)
                )
            }
            (None, _) => "compared whole".to_owned(),
        };
        match ways.iter_mut().find(|(w, _)| *w == way) {
            Some((_, tables)) => tables.push(table.source.to_string()),
            None => ways.push((way, vec![table.source.to_string()])),
        }
    }
    out.push(format!(
        "\n{} what changed is found",
        style.bold("Later runs (--incremental):")
    ));
    for (way, tables) in ways {
        out.push(format!("  {way}: {}", few(&tables, ui)));
    }
}

fn notes_part(plan: &Plan, ui: &Ui, style: Style, out: &mut Vec<String>) {
    // A loss of a type is told above, with its columns.
    let told: Vec<String> = inexact(plan).iter().filter_map(|g| g.loss.clone()).collect();
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for note in &plan.notes {
        if told.iter().any(|loss| note.text.ends_with(loss.as_str())) {
            continue;
        }
        match groups.iter_mut().find(|(text, _)| *text == note.text) {
            Some((_, objects)) => objects.push(note.object.clone()),
            None => groups.push((&note.text, vec![note.object.clone()])),
        }
    }
    if groups.is_empty() {
        return;
    }
    out.push(format!("\n{}", style.bold("To know:")));
    for (text, objects) in groups {
        out.push(format!("  {}: {}", few(&objects, ui), printable(text)));
    }
}

fn manual_part(plan: &Plan, ui: &Ui, style: Style, out: &mut Vec<String>) {
    if plan.manual.is_empty() {
        return;
    }
    out.push(format!(
        "\n{} {}; their definitions are in the plan file (-o) and in --json",
        style.bold("For a person:"),
        number::of(plan.manual.len() as u64, "object")
    ));
    for (kind, n) in manual_counts(plan) {
        out.push(format!("  {}", number::of(n, &printable(kind))));
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for work in plan.manual.iter().filter(|w| w.kind == kind) {
            match reasons.iter_mut().find(|(reason, _)| *reason == work.reason) {
                Some((_, names)) => names.push(work.name.clone()),
                None => reasons.push((&work.reason, vec![work.name.clone()])),
            }
        }
        for (reason, names) in reasons {
            out.push(format!("      {}: {}", few(&names, ui), printable(reason)));
        }
    }
}

/// The first few names, and how many more there are.
fn few(names: &[String], ui: &Ui) -> String {
    let most = if ui.verbose > 0 { names.len() } else { FEW };
    // One more name is as short as saying that there is one more.
    let shown = if names.len() <= most + 1 {
        names.len()
    } else {
        most
    };
    let list = names[..shown]
        .iter()
        .map(|n| printable(n))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() - shown {
        0 => list,
        rest => format!("{list} and {rest} more"),
    }
}

/// The plan for machines: all of it, with a summary.
pub(crate) fn as_json(plan: &Plan) -> Value {
    json!({
        "fingerprint": plan.fingerprint(),
        "summary": summary_json(plan),
        "plan": plan,
    })
}

/// Numbers, and everything that a person has to know or do.
pub(crate) fn summary_json(plan: &Plan) -> Value {
    let counts: serde_json::Map<String, Value> = counts(plan)
        .into_iter()
        .map(|(noun, n)| (noun.replace(' ', "_"), n.into()))
        .collect();
    let inexact: Vec<Value> = inexact(plan)
        .into_iter()
        .map(|g| {
            json!({
                "native": g.native,
                "type": g.ty,
                "fidelity": if g.loss.is_some() { "lossy" } else { "widened" },
                "reason": g.loss,
                "columns": g.columns,
            })
        })
        .collect();
    json!({
        "fingerprint": plan.fingerprint(),
        "creates": counts,
        "extensions": plan.extensions,
        "rows": plan.tables.iter().map(|t| t.rows).sum::<Option<u64>>(),
        "source_bytes": plan.tables.iter().map(|t| t.bytes).sum::<Option<u64>>(),
        "not_exact": inexact,
        "notes": plan.notes,
        "manual": plan.manual,
        "excluded": plan.excluded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{ColorWhen, GlobalArgs};
    use migrate_core::catalog::{ManualObject, ObjectName};
    use migrate_core::mapping::Mapping;
    use migrate_core::memory::MemorySource;
    use migrate_core::pg_type::PgType;
    use migrate_core::plan::Target;

    fn ui(verbose: u8) -> Ui {
        Ui::new(&GlobalArgs {
            json: false,
            quiet: false,
            verbose,
            color: ColorWhen::Never,
        })
    }

    fn plan() -> Plan {
        let mut source = MemorySource::new("shop");
        for table in ["A", "B", "C", "D", "E", "F"] {
            source = source.table(
                ObjectName::new("dbo", table),
                &[("id", PgType::Int4), ("at", PgType::Timestamp(6))],
                vec![],
            );
        }
        let catalog = source.catalog_mut();
        for table in &mut catalog.tables {
            table.columns[0].fidelity = Fidelity::Widened;
            table.columns[0].native = "numeric(5,0)".to_owned();
            table.columns[1].native = "datetime2(7)".to_owned();
            table.columns[1].fidelity = Fidelity::Lossy("the 7th digit is rounded".to_owned());
        }
        for name in ["dbo.p1", "dbo.p2"] {
            catalog.manual.push(ManualObject {
                kind: "procedure".to_owned(),
                name: name.to_owned(),
                definition: "create procedure".to_owned(),
                reason: "T-SQL procedures are not translated".to_owned(),
            });
        }
        migrate_core::planner::plan(catalog, &Mapping::default(), &Target::default()).unwrap()
    }

    #[test]
    fn a_person_sees_what_is_created_changed_and_left_to_do() {
        let text = print(&plan(), &ui(0));
        for line in [
            "Plan: shop into PostgreSQL 18",
            "Creates 1 schema, 6 tables, 6 primary keys.",
            "Not exact: 6 columns",
            "  datetime2(7) -> timestamp: the 7th digit is rounded",
            "      dbo.A.at, dbo.B.at, dbo.C.at, dbo.D.at and 2 more",
            "  numeric(n) -> integer, 6 columns",
            "  2 procedures",
            "      dbo.p1, dbo.p2: T-SQL procedures are not translated",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} is missing in\n{text}");
        }
        assert!(
            !text.contains("To know:"),
            "the note about each column repeats the list\n{text}"
        );
        assert!(print(&plan(), &ui(1)).contains("dbo.E.at, dbo.F.at"));
    }

    #[test]
    fn machines_get_everything() {
        let value = as_json(&plan());
        assert_eq!(value["summary"]["creates"]["primary_key"], 6);
        assert_eq!(
            value["summary"]["not_exact"][0]["columns"]
                .as_array()
                .unwrap()
                .len(),
            6
        );
        assert_eq!(value["summary"]["not_exact"][1]["fidelity"], "widened");
        assert_eq!(value["summary"]["manual"][0]["definition"], "create procedure");
        assert_eq!(value["fingerprint"], value["summary"]["fingerprint"]);
        assert_eq!(value["plan"]["tables"].as_array().unwrap().len(), 6);
    }
}
