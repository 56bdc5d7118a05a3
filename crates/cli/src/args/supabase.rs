//! What a person decides about a Supabase destination, as far as flags say it.

use clap::{Args, ValueEnum};
use migrate_core::mapping::Mapping;
use migrate_core::supabase::{AccountsMapping, Policies, Profile};

/// Decisions about Supabase, which win over the plan file's.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Supabase (wins over the plan file)")]
pub(crate) struct SupabaseArgs {
    /// What kind of destination the plan is made for [default: auto, which asks the destination]
    #[arg(long, value_enum, value_name = "KIND")]
    profile: Option<ProfileArg>,
    /// A schema that the project's API exposes; can be given several times [default: public, graphql_public]
    #[arg(long, value_name = "SCHEMA")]
    expose: Vec<String>,
    /// Do not close tables in exposed schemas by row-level security: anybody with the project's public key reads and
    /// changes their rows
    #[arg(long)]
    no_row_level_security: bool,
    /// What is proposed for tables that row-level security closes [default: none]
    #[arg(long, value_enum, value_name = "CHOICE")]
    policies: Option<PoliciesArg>,
    /// Make the project's accounts from this table, such as dbo.User, with what is found in it by name
    #[arg(long, value_name = "TABLE")]
    accounts: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileArg {
    /// Supabase, if the destination is
    Auto,
    /// PostgreSQL and nothing else
    Plain,
    /// Supabase, whatever the destination says
    Supabase,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PoliciesArg {
    /// Nothing
    None,
    /// Drafts of policies in plan and report; none is created
    Stubs,
}

impl SupabaseArgs {
    /// Lays the flags over a mapping.
    pub(super) fn apply(&self, mapping: &mut Mapping) {
        if let Some(choice) = self.profile {
            mapping.profile = match choice {
                ProfileArg::Auto => Profile::Auto,
                ProfileArg::Plain => Profile::Plain,
                ProfileArg::Supabase => Profile::Supabase,
            };
        }
        if !self.expose.is_empty() {
            mapping.supabase.expose.clone_from(&self.expose);
        }
        if self.no_row_level_security {
            mapping.supabase.row_level_security = false;
        }
        if let Some(choice) = self.policies {
            mapping.supabase.policies = match choice {
                PoliciesArg::None => Policies::None,
                PoliciesArg::Stubs => Policies::Stubs,
            };
        }
        if let Some(table) = &self.accounts {
            // What the file says of the same table's columns stays.
            let same = mapping.accounts.as_ref().is_some_and(|a| &a.table == table);
            if !same {
                mapping.accounts = Some(AccountsMapping {
                    table: table.clone(),
                    ..AccountsMapping::default()
                });
            }
        }
    }
}
