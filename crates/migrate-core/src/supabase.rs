//! What is particular about Supabase: what a person decides about it, and what a plan does there.
//!
//! A project's database belongs to its services in part. Tables in the schemas that the API exposes can be read by
//! anybody with the project's public key unless row-level security says otherwise, and people sign in against tables of
//! the sign-in service. (<https://supabase.com/docs/guides/database>)

use serde::{Deserialize, Serialize};

use crate::plan::TargetName;

/// Schemas that belong to the project's services and extensions. What is in them is theirs to create, alter and drop.
pub const OWNED_SCHEMAS: [&str; 20] = [
    "_analytics",
    "_realtime",
    "_supavisor",
    "auth",
    "cron",
    "dbdev",
    "extensions",
    "graphql",
    "graphql_public",
    "net",
    "pgbouncer",
    "pgmq",
    "pgsodium",
    "pgsodium_masks",
    "pgtle",
    "realtime",
    "storage",
    "supabase_functions",
    "supabase_migrations",
    "vault",
];

/// What kind of destination a plan is made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Supabase, if the destination says that it is.
    #[default]
    Auto,
    /// PostgreSQL and nothing else.
    Plain,
    /// Supabase, whatever the destination says.
    Supabase,
}

/// What is proposed for tables that row-level security closes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policies {
    /// Nothing.
    #[default]
    None,
    /// Drafts of policies, for a person to look at and run: nothing is created.
    Stubs,
}

/// Decisions about a Supabase destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SupabaseMapping {
    /// Schemas that the project's API exposes.
    pub expose: Vec<String>,
    /// Whether tables in those schemas get row-level security.
    pub row_level_security: bool,
    /// Whether the API's roles are granted what they have on tables that are made in the dashboard.
    pub grants: bool,
    /// What is proposed for tables that nobody may read then.
    pub policies: Policies,
}

impl Default for SupabaseMapping {
    fn default() -> Self {
        Self {
            expose: vec!["public".to_owned(), "graphql_public".to_owned()],
            row_level_security: true,
            grants: true,
            policies: Policies::None,
        }
    }
}

/// Which table's rows become accounts of the sign-in service. Columns by their names in the source; what is not named is
/// found by name, and an empty name means that there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsMapping {
    /// The table, by its name in the source.
    pub table: String,
    /// The key, a `uuid` in the destination: it becomes the account's, so that foreign keys to it hold.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The password's hash.
    pub password: Option<String>,
    /// When, or whether, the e-mail address was confirmed.
    pub email_confirmed: Option<String>,
    /// When, or whether, the phone number was confirmed.
    pub phone_confirmed: Option<String>,
    /// When the account was made.
    pub created_at: Option<String>,
    /// When it was changed last.
    pub updated_at: Option<String>,
    /// When its owner signed in last.
    pub last_sign_in_at: Option<String>,
    /// Columns that the account's owner sees and may change (`raw_user_meta_data`).
    pub user_metadata: Option<Vec<String>>,
    /// Columns that only the application may change (`raw_app_meta_data`).
    pub app_metadata: Option<Vec<String>>,
    /// Where identities at other providers are kept.
    pub identities: Option<IdentitiesMapping>,
}

/// A table of identities at sign-in providers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitiesMapping {
    /// The table, by its name in the source; empty if there is none.
    pub table: String,
    /// The account's key.
    pub user: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// What the provider calls the person.
    pub subject: Option<String>,
}

/// What a plan does at Supabase, besides what it does anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupabasePlan {
    /// Where extensions go.
    pub extension_schema: String,
    /// Schemas of the plan that the API exposes.
    pub exposed: Vec<String>,
    /// Tables that get row-level security, before anybody can see a row.
    pub secured: Vec<TargetName>,
    /// Whether the API's roles are granted what the dashboard grants them, on everything in the exposed schemas.
    pub grants: bool,
    /// Views that read with the rights of whoever asks, not of their owner.
    pub invoker_views: Vec<TargetName>,
    /// Views that only the service role may read, because others would read past row-level security: all of them on
    /// PostgreSQL 14, materialized ones on any.
    pub closed_views: Vec<TargetName>,
    /// Accounts to make.
    pub accounts: Option<AccountsPlan>,
}

/// Accounts to make from the rows of a table. Expressions are SQL over the table, which is called `account`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsPlan {
    /// The table.
    pub table: TargetName,
    /// The key, a `uuid`.
    pub id: String,
    /// The e-mail address as text.
    pub email: Option<String>,
    /// The phone number as text.
    pub phone: Option<String>,
    /// The password's hash as text.
    pub password: Option<String>,
    /// When the address was confirmed, as `timestamptz`; NULL where it was not.
    pub email_confirmed_at: Option<String>,
    /// When the number was confirmed.
    pub phone_confirmed_at: Option<String>,
    /// When the account was made.
    pub created_at: Option<String>,
    /// When it was changed last.
    pub updated_at: Option<String>,
    /// When its owner signed in last.
    pub last_sign_in_at: Option<String>,
    /// Names and values of what the owner sees.
    pub user_metadata: Vec<(String, String)>,
    /// Names and values of what only the application changes.
    pub app_metadata: Vec<(String, String)>,
    /// Identities at other providers.
    pub identities: Option<IdentitiesPlan>,
}

/// Identities to make from the rows of a table, which is called `identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitiesPlan {
    /// The table.
    pub table: TargetName,
    /// The account's key, a `uuid`.
    pub user: String,
    /// The provider's name as text.
    pub provider: String,
    /// What the provider calls the person, as text.
    pub subject: String,
}
