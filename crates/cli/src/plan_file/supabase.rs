//! Decisions about a Supabase destination.

use migrate_core::mapping::Mapping;
use migrate_core::plan::Plan;
use migrate_core::supabase::{AccountsMapping, Policies, Profile, SupabaseMapping};

use super::comments::Writer;
use super::toml_text::{string, strings};

pub(super) fn profile(choice: Profile) -> &'static str {
    match choice {
        Profile::Auto => "auto",
        Profile::Plain => "plain",
        Profile::Supabase => "supabase",
    }
}

fn policies(choice: Policies) -> &'static str {
    match choice {
        Policies::None => "none",
        Policies::Stubs => "stubs",
    }
}

/// Nothing for other destinations, unless somebody decided something.
pub(super) fn write(out: &mut Writer, mapping: &Mapping, plan: &Plan) {
    if plan.supabase.is_none() && mapping.supabase == SupabaseMapping::default() && mapping.accounts.is_none()
    {
        return;
    }
    let choices = &mapping.supabase;
    out.comment("What the project's API may see. Tables in the exposed schemas are closed by row-level security before anybody");
    out.comment("can read a row; `policies` may be \"none\" or \"stubs\", which drafts some below, for a person to run.");
    out.line("[supabase]");
    out.line(&format!("expose = {}", strings(&choices.expose)));
    out.line(&format!("row_level_security = {}", choices.row_level_security));
    out.line(&format!("grants = {}", choices.grants));
    out.line(&format!("policies = \"{}\"", policies(choices.policies)));
    out.blank();
    out.comment("Which table's rows become accounts that Supabase signs in, with the same ids. What is not named here is found by");
    out.comment(
        "name, and \"\" is none; docs/supabase.md has every key. Without this section no account is made.",
    );
    match &mapping.accounts {
        Some(accounts) => section(out, accounts),
        None => {
            let proposed = plan.notes.iter().find(|n| n.text.contains("write [accounts]"));
            out.comment("[accounts]");
            let table = proposed.map_or("dbo.User", |note| note.object.as_str());
            out.comment(&format!("table = {}", string(table)));
        }
    }
    out.blank();
}

fn section(out: &mut Writer, accounts: &AccountsMapping) {
    out.line("[accounts]");
    out.line(&format!("table = {}", string(&accounts.table)));
    for (key, value) in [
        ("id", &accounts.id),
        ("email", &accounts.email),
        ("phone", &accounts.phone),
        ("password", &accounts.password),
        ("email_confirmed", &accounts.email_confirmed),
        ("phone_confirmed", &accounts.phone_confirmed),
        ("created_at", &accounts.created_at),
        ("updated_at", &accounts.updated_at),
        ("last_sign_in_at", &accounts.last_sign_in_at),
    ] {
        if let Some(value) = value {
            out.line(&format!("{key} = {}", string(value)));
        }
    }
    for (key, list) in [
        ("user_metadata", &accounts.user_metadata),
        ("app_metadata", &accounts.app_metadata),
    ] {
        if let Some(list) = list {
            out.line(&format!("{key} = {}", strings(list)));
        }
    }
    let Some(identities) = &accounts.identities else {
        return;
    };
    let mut members = vec![format!("table = {}", string(&identities.table))];
    for (key, value) in [
        ("user", &identities.user),
        ("provider", &identities.provider),
        ("subject", &identities.subject),
    ] {
        members.extend(value.as_ref().map(|v| format!("{key} = {}", string(v))));
    }
    out.line(&format!("identities = {{ {} }}", members.join(", ")));
}
