//! Every table and every column.

use migrate_core::catalog::{Catalog, Column, Fidelity, Table};
use migrate_core::mapping::{ColumnMapping, Mapping, Polymorphic, TableMapping};
use migrate_core::plan::{ColumnPlan, Plan, TablePlan};

use super::TABLE_FINGERPRINT;
use super::comments::Writer;
use super::options;
use super::toml_text::{key, string};
use crate::fingerprint;
use crate::report::number;

pub(super) fn write(out: &mut Writer, mapping: &Mapping, catalog: &Catalog, plan: &Plan, filter: bool) {
    out.comment("Tables, by their names in the source. For each you can say:");
    out.comment("  skip = true                          leave it out");
    out.comment("  name = \"table\" or \"schema.table\"     call it so");
    if filter {
        out.comment(
            "  where = \"condition\"                  copy only rows that meet it (in the source's language)",
        );
    }
    out.comment("  nul = \"reject\", \"strip\", \"replace\"   as above, for this table");
    out.comment(
        "  key = \"keep\", \"uuid\"                as `keys` above, for this table; takes text keys too",
    );
    if let Some(version) = &catalog.row_version {
        out.comment(&format!(
            "  watermark = \"{version}\" or \"column\"      by what --incremental finds the rows that changed"
        ));
        out.comment("  overlap = 300                        and how far before its last value it begins: seconds, or numbers");
    }
    out.comment(
        "  polymorphic = [{ type = \"X_type\", id = \"X_id\", targets = { \"VALUE\" = \"schema.table\" } }]",
    );
    out.comment(
        "                                       a pair of columns becomes a foreign key for each target",
    );
    out.comment("and for each column:");
    out.comment("  columns.X.skip = true                leave it out");
    out.comment("  columns.X.name = \"column\"            call it so");
    out.comment("  columns.X.type = \"type\"              give it this PostgreSQL type");
    out.comment(
        "  columns.X.round = true               let decimals be rounded to that type's scale, and count them",
    );
    out.comment("  columns.X.nul = \"strip\"              as above, for this column");
    out.comment(
        "  columns.X.references = \"schema.table\"  it holds keys of that table: rewritten with them",
    );
    out.comment("  columns.X.foreign_key = true         and that becomes a foreign key");
    out.comment("  columns.X.legacy = true              keep its old keys too, where they are rewritten");
    out.comment("Commented types are those that the run will use. `widened`: every value fits, and the type allows more;");
    out.comment("`not exact`: something is changed, and counted where it happens.");
    out.blank();
    for table in &catalog.tables {
        let name = table.name.to_string();
        let decided = mapping.tables.get(&name);
        let planned = plan.table(&table.name);
        if decided.is_some() || planned.is_some() {
            one(out, table, &decided.cloned().unwrap_or_default(), planned);
        }
    }
    // Decisions about tables that the source does not have are kept: the planner will say so.
    for (name, decided) in &mapping.tables {
        if !catalog.tables.iter().any(|t| t.name.to_string() == *name) {
            header(out, name, decided);
            for (column, decided) in &decided.columns {
                out.line(&decision(column, decided));
            }
            out.blank();
        }
    }
}

fn one(out: &mut Writer, table: &Table, decided: &TableMapping, planned: Option<&TablePlan>) {
    header(out, &table.name.to_string(), decided);
    let mut facts = Vec::new();
    if let Some(plan) = planned {
        facts.push(format!("becomes {}", plan.target.quoted()));
    }
    facts.extend(table.rows.map(|n| number::of(n, "row")));
    facts.extend(table.bytes.map(number::bytes));
    facts.push(format!("{TABLE_FINGERPRINT}{}", fingerprint::of_table(table)));
    out.comment(&facts.join("; "));
    let lines: Vec<(String, String)> = table
        .columns
        .iter()
        .map(|column| {
            let plan = planned.and_then(|p| p.columns.iter().find(|c| c.source == column.name));
            let about = about(column, plan);
            let name = key(&column.name);
            let left = match (decided.columns.get(&column.name), plan) {
                (Some(choice), _) => decision(&column.name, choice),
                (None, None) => format!("# columns.{name}: not in the destination;"),
                (None, Some(plan)) if plan.generated.is_some() => format!("# columns.{name}:"),
                (None, Some(plan)) => {
                    // The type that a person may choose is the one before keys are rewritten.
                    let ty = plan.rekey.as_ref().map_or(&plan.ty, |rekey| &rekey.old);
                    format!("# columns.{name}.type = {}", string(&ty.to_string()))
                }
            };
            (left, super::toml_text::comment(&about))
        })
        .collect();
    // One long name must not push all others to the right.
    let width = lines
        .iter()
        .map(|(l, _)| l.chars().count())
        .filter(|w| *w <= 56)
        .max()
        .unwrap_or(0);
    for (left, about) in lines {
        out.line(&format!("{left:<width$}  # {about}"));
    }
    // As with tables: the planner will say that the source has no such column.
    for (name, choice) in decided
        .columns
        .iter()
        .filter(|(name, _)| table.column(name).is_none())
    {
        out.line(&decision(name, choice));
    }
    out.blank();
}

fn header(out: &mut Writer, name: &str, decided: &TableMapping) {
    out.line(&format!("[tables.{}]", key(name)));
    if decided.skip {
        out.line("skip = true");
    }
    if let Some(name) = &decided.name {
        out.line(&format!("name = {}", string(name)));
    }
    if let Some(filter) = &decided.filter {
        out.line(&format!("where = {}", string(filter)));
    }
    if let Some(policy) = decided.nul {
        out.line(&format!("nul = \"{}\"", options::nul(policy)));
    }
    if let Some(choice) = &decided.key {
        out.line(&format!("key = {}", options::keys(choice)));
    }
    if let Some(watermark) = &decided.watermark {
        out.line(&format!("watermark = {}", string(watermark)));
    }
    if let Some(overlap) = decided.overlap {
        out.line(&format!("overlap = {overlap}"));
    }
    if !decided.polymorphic.is_empty() {
        let pairs: Vec<String> = decided.polymorphic.iter().map(pair).collect();
        out.line(&format!("polymorphic = [{}]", pairs.join(", ")));
    }
}

fn pair(pair: &Polymorphic) -> String {
    let targets: Vec<String> = pair
        .targets
        .iter()
        .map(|(value, table)| format!("{} = {}", key(value), string(table)))
        .collect();
    format!(
        "{{ type = {}, id = {}, targets = {{ {} }} }}",
        string(&pair.kind),
        string(&pair.id),
        targets.join(", ")
    )
}

/// The line of TOML for a column that something is decided about.
fn decision(name: &str, choice: &ColumnMapping) -> String {
    let mut members = Vec::new();
    if choice.skip {
        members.push("skip = true".to_owned());
    }
    members.extend(choice.name.as_ref().map(|n| format!("name = {}", string(n))));
    members.extend(
        choice
            .ty
            .as_ref()
            .map(|t| format!("type = {}", string(&t.to_string()))),
    );
    members.extend(choice.nul.map(|p| format!("nul = \"{}\"", options::nul(p))));
    if choice.round {
        members.push("round = true".to_owned());
    }
    members.extend(
        choice
            .references
            .as_ref()
            .map(|t| format!("references = {}", string(t))),
    );
    if choice.foreign_key {
        members.push("foreign_key = true".to_owned());
    }
    members.extend(choice.legacy.map(|keeps| format!("legacy = {keeps}")));
    let inside = if members.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", members.join(", "))
    };
    format!("columns.{} = {inside}", key(name))
}

/// What a person should know of a column: the source's type, and everything that is not plain about the mapping.
fn about(column: &Column, plan: Option<&ColumnPlan>) -> String {
    let mut facts = vec![match &column.alias {
        Some(alias) => format!("{} ({alias})", column.native),
        None => column.native.clone(),
    }];
    if !column.nullable {
        facts[0].push_str(" not null");
    }
    if column.identity.is_some() {
        facts.push("identity".to_owned());
    }
    if let Some(computed) = &column.computed {
        facts.push(format!("computed as {}", one_line(&computed.native)));
    }
    if let Some(plan) = plan {
        if let Some(sql) = &plan.generated {
            facts.push(format!("generated as {}", one_line(sql)));
        }
        if plan.name != column.name {
            facts.push(format!("becomes \"{}\"", plan.name));
        }
        if let Some(rekey) = &plan.rekey {
            facts.push(format!("rewritten to {}, as a key of {}", plan.ty, rekey.table));
        }
        if let Some(domain) = &plan.domain {
            facts.push(format!("domain {domain}"));
        }
        if let Some(collation) = &plan.collation {
            facts.push(format!("collation {collation}"));
        }
        match &plan.fidelity {
            Fidelity::Exact => {}
            Fidelity::Widened => facts.push("widened".to_owned()),
            Fidelity::Lossy(what) => facts.push(format!("not exact: {what}")),
        }
    }
    facts.join("; ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
