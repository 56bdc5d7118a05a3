//! What a plan does at Supabase: what it must not touch, and what the API may see.

use crate::error::{Error, ErrorKind, Result};
use crate::mapping::Mapping;
use crate::plan::{ManualWork, Note, Plan, TablePlan, Target, TargetName, quote_ident};
use crate::supabase::{OWNED_SCHEMAS, Policies, Profile, SupabasePlan};

use super::accounts;

/// Where a project's extensions live.
const EXTENSIONS: &str = "extensions";

/// Columns that usually say whose a row is, in the order of preference.
const OWNERS: [&str; 6] = [
    "userid",
    "ownerid",
    "profileid",
    "accountid",
    "authorid",
    "createdby",
];

/// Whether the plan is for a Supabase project.
pub(super) fn is_chosen(mapping: &Mapping, target: &Target) -> bool {
    match mapping.profile {
        Profile::Auto => target.supabase,
        Profile::Plain => false,
        Profile::Supabase => true,
    }
}

/// Lays what is particular about Supabase over a plan that is otherwise made.
pub(super) fn apply(plan: &mut Plan, mapping: &Mapping) -> Result<()> {
    if !is_chosen(mapping, &plan.target) {
        return match &mapping.accounts {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Config,
                "the plan file has [accounts], and the destination is not Supabase",
            )
            .hint("name the destination when planning, or say --profile supabase; or remove the section")),
        };
    }
    check_owned(plan)?;
    let choices = &mapping.supabase;
    let is_exposed = |name: &TargetName| choices.expose.contains(&name.schema);
    let exposed: Vec<String> = plan
        .schemas
        .iter()
        .filter(|s| choices.expose.contains(s))
        .cloned()
        .collect();
    let tables = plan.tables.iter().map(|t| &t.target).filter(|t| is_exposed(t));
    let secured: Vec<TargetName> = if choices.row_level_security {
        tables.cloned().collect()
    } else {
        Vec::new()
    };
    let declared = |kind: &'static str| {
        let objects = plan.declared.objects.iter().filter(move |o| o.kind == kind);
        objects.filter_map(|o| o.relation.as_ref())
    };
    let views = plan.views.iter().map(|v| &v.target).chain(declared("view"));
    let views = views.filter(|v| is_exposed(v));
    let materialized: Vec<TargetName> = declared("materialized view")
        .filter(|v| choices.row_level_security && is_exposed(v))
        .cloned()
        .collect();
    // Views read with their owner's rights, whom row-level security does not bind, unless they are told otherwise.
    let (invoker_views, mut closed_views) = match (choices.row_level_security, plan.target.version >= 15) {
        (false, _) => (Vec::new(), Vec::new()),
        (true, true) => (views.cloned().collect(), Vec::new()),
        (true, false) => (Vec::new(), views.cloned().collect()),
    };
    for view in &materialized {
        let text = "a materialized view holds rows that no row-level security can close: anon and authenticated may not read it";
        note(plan, format!("materialized view {view}"), text);
    }
    closed_views.extend(materialized);
    let accounts = match &mapping.accounts {
        Some(wanted) => Some(accounts::resolve(wanted, plan)?),
        None => {
            accounts::propose(plan);
            None
        }
    };
    note_exposure(plan, &exposed, choices.row_level_security);
    if choices.row_level_security {
        let key = accounts
            .as_ref()
            .map(|a| (a.table.clone(), a.id_column().clone()));
        for table in &secured {
            leave_to_a_person(plan, table, choices.policies, key.as_ref());
        }
    }
    plan.supabase = Some(SupabasePlan {
        extension_schema: EXTENSIONS.to_owned(),
        exposed,
        secured,
        grants: choices.grants,
        invoker_views,
        closed_views,
        accounts,
    });
    Ok(())
}

fn check_owned(plan: &Plan) -> Result<()> {
    let Some(schema) = plan.schemas.iter().find(|s| OWNED_SCHEMAS.contains(&s.as_str())) else {
        return Ok(());
    };
    let table = plan.tables.iter().find(|t| &t.target.schema == schema);
    let error = Error::new(
        ErrorKind::Config,
        format!("the schema {schema} is Supabase's own, and nothing is created, altered or dropped there"),
    )
    .hint(format!(
        "give it another name: `--schema {schema}=app_{schema}`, or under [schemas] in the plan file; or leave its tables out: \
         `--exclude '{schema}.*'`"
    ));
    Err(match table {
        Some(table) => error.at("table", &table.source),
        None => error,
    })
}

fn note(plan: &mut Plan, object: impl ToString, text: impl Into<String>) {
    plan.notes.push(Note {
        object: object.to_string(),
        text: text.into(),
    });
}

fn note_exposure(plan: &mut Plan, exposed: &[String], secured: bool) {
    let hidden: Vec<String> = plan
        .schemas
        .iter()
        .filter(|s| !exposed.contains(s))
        .cloned()
        .collect();
    for schema in hidden {
        let text = "the project's API does not expose this schema, so only SQL reaches its tables; `--schema NAME=public` puts \
                    them where it does";
        note(plan, format!("schema {schema}"), text);
    }
    if !secured {
        for schema in exposed {
            let text = "its tables get no row-level security, as the plan says: anybody with the project's public key reads and \
                        changes all of their rows";
            note(plan, format!("schema {schema}"), text);
        }
    }
}

/// A table that nobody but the service role may read until there is a policy.
fn leave_to_a_person(
    plan: &mut Plan,
    table: &TargetName,
    policies: Policies,
    accounts: Option<&(TargetName, String)>,
) {
    let Some(planned) = plan.tables.iter().find(|t| &t.target == table) else {
        return;
    };
    let work = (policies == Policies::Stubs).then(|| ManualWork {
        kind: "policy".to_owned(),
        name: table.to_string(),
        definition: draft(planned, accounts),
        reason: "row-level security is on, and nobody but the service role reads the table until there is a policy: a draft"
            .to_owned(),
    });
    match work {
        Some(work) => plan.manual.push(work),
        None => {
            let text = "row-level security is on and there is no policy: nobody but the service role reads it through the API \
                        (--policies stubs drafts some)";
            note(plan, table, text);
        }
    }
}

/// A policy by which people see their own rows, where a column says whose they are.
fn draft(table: &TablePlan, accounts: Option<&(TargetName, String)>) -> String {
    let name = table.target.quoted();
    let uuid = |column: &str| {
        table
            .columns
            .iter()
            .any(|c| c.name == column && c.ty == crate::pg_type::PgType::Uuid)
    };
    let own = accounts
        .filter(|(target, _)| target == &table.target)
        .map(|(_, key)| key.clone());
    let by_key = || {
        let (target, key) = accounts?;
        let foreign = table.foreign_keys.iter().find(|f| {
            &f.references == target && f.columns.len() == 1 && f.referenced_columns.first() == Some(key)
        })?;
        foreign.columns.first().cloned()
    };
    let by_name = || {
        OWNERS.iter().find_map(|owner| {
            let columns = table.columns.iter().map(|c| &c.name);
            columns
                .filter(|c| uuid(c))
                .find(|c| accounts::plain(c) == *owner)
                .cloned()
        })
    };
    match own.or_else(by_key).or_else(by_name).filter(|c| uuid(c)) {
        Some(column) => {
            let column = quote_ident(&column);
            format!(
                "create policy \"people read their own rows\" on {name}\n    for select to authenticated\n    \
                 using ((select auth.uid()) = {column});\n\
                 create policy \"people change their own rows\" on {name}\n    for update to authenticated\n    \
                 using ((select auth.uid()) = {column}) with check ((select auth.uid()) = {column});"
            )
        }
        None => format!(
            "-- No column says whose a row is. If everybody who has signed in may read the table:\n\
             create policy \"everybody reads\" on {name}\n    for select to authenticated\n    using (true);"
        ),
    }
}
