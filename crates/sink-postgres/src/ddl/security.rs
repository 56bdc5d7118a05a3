//! What Supabase's API may see of a plan's tables and views: row-level security and grants.

use migrate_core::plan::{Plan, TargetName, quote_ident};
use migrate_core::supabase::SupabasePlan;

use super::{Phase, Step};

/// The roles that the API acts as: nobody in particular, somebody who signed in, the application's own server.
const ROLES: &str = "anon, authenticated, service_role";

/// Closes and grants tables, in the transaction that creates them: there is no moment at which they are open.
pub(super) fn steps(plan: &Plan, supabase: &SupabasePlan) -> Vec<Step> {
    let mut steps = Vec::new();
    let exposed = |name: &TargetName| supabase.exposed.contains(&name.schema);
    if supabase.grants {
        // The schema public comes with it.
        for schema in supabase.exposed.iter().filter(|s| *s != "public") {
            let quoted = quote_ident(schema);
            let sql = format!("grant usage on schema {quoted} to {ROLES}");
            steps.push(Step::new(
                "access",
                &quoted,
                format!("access to schema {schema}"),
                Phase::Before,
                sql,
            ));
        }
    }
    for table in plan.tables.iter().map(|t| &t.target).filter(|t| exposed(t)) {
        let statements = of_table(table, supabase);
        if !statements.is_empty() {
            let subject = format!("access to table {table}");
            steps.push(Step::new(
                "access",
                &table.quoted(),
                subject,
                Phase::Before,
                statements.join(";\n"),
            ));
        }
    }
    let sequences = plan.sequences.iter().map(|s| &s.name).filter(|s| exposed(s));
    for sequence in sequences.filter(|_| supabase.grants) {
        let name = sequence.quoted();
        let sql = format!("grant all on sequence {name} to {ROLES}");
        steps.push(Step::new(
            "access",
            &name,
            format!("access to sequence {sequence}"),
            Phase::Before,
            sql,
        ));
    }
    steps
}

/// What follows a table's creation, wherever that is.
pub(super) fn of_table(table: &TargetName, supabase: &SupabasePlan) -> Vec<String> {
    let name = table.quoted();
    let mut statements = Vec::new();
    if supabase.secured.contains(table) {
        statements.push(format!("alter table {name} enable row level security"));
    }
    if supabase.grants && supabase.exposed.contains(&table.schema) {
        statements.push(format!("grant all on table {name} to {ROLES}"));
    }
    statements
}

/// What follows a view's creation, in its own transaction. It may be a materialized one.
pub(super) fn after_view(view: &TargetName, supabase: &SupabasePlan) -> String {
    let name = view.quoted();
    let mut sql = String::new();
    if supabase.invoker_views.contains(view) {
        sql.push_str(&format!(";\nalter view {name} set (security_invoker = true)"));
    }
    let granted = supabase.grants && supabase.exposed.contains(&view.schema);
    let closed = supabase.closed_views.contains(view);
    if closed {
        // The project's default privileges have granted it by now.
        sql.push_str(&format!(";\nrevoke all on {name} from anon, authenticated"));
    }
    if granted {
        let roles = if closed { "service_role" } else { ROLES };
        sql.push_str(&format!(";\ngrant all on {name} to {roles}"));
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> TargetName {
        TargetName {
            schema: "public".into(),
            name: name.into(),
        }
    }

    #[test]
    fn what_no_row_level_security_closes_is_the_service_roles_alone() {
        let mut supabase = SupabasePlan {
            extension_schema: "extensions".into(),
            exposed: vec!["public".into()],
            secured: Vec::new(),
            grants: true,
            invoker_views: vec![name("v")],
            closed_views: vec![name("m")],
            accounts: None,
        };
        assert_eq!(
            after_view(&name("v"), &supabase),
            ";\nalter view \"public\".\"v\" set (security_invoker = true);\n\
             grant all on \"public\".\"v\" to anon, authenticated, service_role"
        );
        assert_eq!(
            after_view(&name("m"), &supabase),
            ";\nrevoke all on \"public\".\"m\" from anon, authenticated;\ngrant all on \"public\".\"m\" to service_role"
        );
        supabase.grants = false;
        assert_eq!(
            after_view(&name("m"), &supabase),
            ";\nrevoke all on \"public\".\"m\" from anon, authenticated"
        );
    }
}
