//! What rows need: schemas, extensions, collations, domains, sequences, tables without keys.

use migrate_core::declared::Moment;
use migrate_core::plan::{CollationPlan, DomainPlan, Plan, SequencePlan, quote_ident, quote_literal};

use super::{Phase, Step, comment, declared, security, table};

/// Statements that create everything that rows need, in order, comments included. Schemas and extensions may be there
/// already; `extension_schema` is where missing extensions go, unless the plan says it.
pub fn pre_data(plan: &Plan, extension_schema: Option<&str>) -> Vec<Step> {
    let step = |kind: &str, name: &dyn std::fmt::Display, quoted: String, sql: String| {
        Step::new(kind, &quoted, format!("{kind} {name}"), Phase::Before, sql)
    };
    let supabase = plan.supabase.as_ref();
    let extension_schema = supabase.map(|s| s.extension_schema.as_str()).or(extension_schema);
    let mut steps = Vec::new();
    for schema in &plan.schemas {
        steps.push(step(
            "schema",
            schema,
            quote_ident(schema),
            format!("create schema if not exists {}", quote_ident(schema)),
        ));
    }
    for extension in &plan.extensions {
        let declared = plan.declared.extensions.get(extension).map(String::as_str);
        let place = declared
            .or(extension_schema)
            .map(|s| format!(" with schema {}", quote_ident(s)))
            .unwrap_or_default();
        let sql = format!("create extension if not exists {}{place}", quote_ident(extension));
        steps.push(step("extension", extension, quote_ident(extension), sql));
    }
    for collation in &plan.collations {
        steps.push(step(
            "collation",
            &collation.name,
            collation.name.quoted(),
            create_collation(collation),
        ));
    }
    for domain in &plan.domains {
        steps.push(step(
            "domain",
            &domain.name,
            domain.name.quoted(),
            create_domain(domain),
        ));
    }
    steps.extend(declared::steps(plan, Moment::BeforeTables, Phase::Before));
    for sequence in &plan.sequences {
        steps.push(step(
            "sequence",
            &sequence.name,
            sequence.name.quoted(),
            create_sequence(sequence),
        ));
    }
    for table in declared::in_order(plan) {
        steps.push(step(
            "table",
            &table.target,
            table.target.quoted(),
            table::create(table, plan.declared.table(&table.target)),
        ));
    }
    steps.extend(declared::steps(plan, Moment::AfterTables, Phase::Before));
    steps.extend(supabase.into_iter().flat_map(|s| security::steps(plan, s)));
    steps
}

/// Collations exist for comparing without regard to case or accents, which ICU does for nondeterministic ones only.
fn create_collation(collation: &CollationPlan) -> String {
    format!(
        "create collation {} (provider = icu, locale = {}, deterministic = false)",
        collation.name.quoted(),
        quote_literal(&collation.locale)
    )
}

fn create_domain(domain: &DomainPlan) -> String {
    let name = domain.name.quoted();
    format!(
        "create domain {name} as {}{}",
        domain.ty,
        comment(&format!("domain {name}"), domain.comment.as_ref())
    )
}

fn create_sequence(sequence: &SequencePlan) -> String {
    let name = sequence.name.quoted();
    format!(
        "create sequence {name} as {} {}{}{}",
        sequence.ty,
        table::sequence_options(
            &sequence.ty,
            sequence.start,
            sequence.increment,
            sequence.min,
            sequence.max
        ),
        if sequence.cycle { " cycle" } else { "" },
        comment(&format!("sequence {name}"), sequence.comment.as_ref())
    )
}
