//! Accounts of Supabase's sign-in service, made from the rows of a table that was copied.
//!
//! What the service keeps is its own business, and this is written for its tables as they are (github.com/supabase/auth,
//! `migrations` and `internal/models`): an account is a row of `auth.users` with the text columns that it reads into
//! strings not NULL, and a row of `auth.identities` for each way to sign in.

use migrate_core::plan::quote_literal;
use migrate_core::supabase::{AccountsPlan, IdentitiesPlan};

use super::{Phase, Step};

/// Hashes that the service verifies (`internal/crypto/password.go`), each as a regular expression and how it is taken
/// from what frameworks store: Django puts the hasher's name before the hash.
const KNOWN_HASHES: [(&str, &str); 5] = [
    (r"^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$", "hash"),
    (
        r"^\$argon2id?\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$",
        "hash",
    ),
    (
        r"^\$fbscrypt\$v=1,n=[0-9]+,r=[0-9]+,p=[0-9]+(,ss=[^,$]+)?(,sk=[^,$]+)?\$[^$]+\$[^$]+$",
        "hash",
    ),
    (
        r"^argon2\$argon2id?\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$",
        "substr(hash, 7)",
    ),
    (
        r"^bcrypt\$\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$",
        "substr(hash, 8)",
    ),
];

/// Other hashes, by what they begin with or look like, and what they are called.
const OTHER_HASHES: [(&str, &str); 9] = [
    (r"^pbkdf2_sha256\$", "pbkdf2_sha256 (Django)"),
    (r"^pbkdf2_sha1\$", "pbkdf2_sha1 (Django)"),
    (r"^bcrypt_sha256\$", "bcrypt_sha256 (Django)"),
    (r"^scrypt", "scrypt"),
    (r"^\$scrypt\$|^[0-9a-f]{32}:[0-9a-f]{128}$", "scrypt"),
    (r"^\$argon2", "argon2 in a variant that is not verified"),
    (r"^AQAAAA", "ASP.NET Identity (PBKDF2)"),
    (r"^[0-9a-fA-F]{32}$|^md5\$", "MD5"),
    (r"^[0-9a-fA-F]{40}$|^[0-9a-fA-F]{64}$|^sha1\$", "a plain SHA hash"),
];

/// What sources call a provider, without punctuation, and what the service does.
const PROVIDERS: [(&str, &str); 26] = [
    ("apple", "apple"),
    ("auth0", "auth0"),
    ("azure", "azure"),
    ("azuread", "azure"),
    ("bitbucket", "bitbucket"),
    ("discord", "discord"),
    ("facebook", "facebook"),
    ("figma", "figma"),
    ("github", "github"),
    ("gitlab", "gitlab"),
    ("google", "google"),
    ("kakao", "kakao"),
    ("keycloak", "keycloak"),
    ("linkedin", "linkedin_oidc"),
    ("linkedinoauth2", "linkedin_oidc"),
    ("linkedinoidc", "linkedin_oidc"),
    ("microsoft", "azure"),
    ("microsoftentraid", "azure"),
    ("notion", "notion"),
    ("openidconnectlinkedin", "linkedin_oidc"),
    ("slack", "slack_oidc"),
    ("spotify", "spotify"),
    ("twitch", "twitch"),
    ("twitter", "twitter"),
    ("workos", "workos"),
    ("zoom", "zoom"),
];

/// Providers that stand for an e-mail address or a password, which every account has already.
pub(crate) const OWN_PROVIDERS: &str =
    "'credentials', 'credential', 'email', 'nodemailer', 'resend', 'sendgrid'";

/// Makes the accounts, and notes in the ledger what became of each row.
pub(super) fn step(plan: &AccountsPlan) -> Step {
    let mut statements = vec![
        CREATE.to_owned(),
        decide(plan),
        create_users(plan),
        own_identities(plan),
    ];
    if let Some(identities) = &plan.identities {
        statements.push(other_identities(identities, plan));
    }
    statements.push(NAME_PROVIDERS.to_owned());
    Step::new(
        "accounts",
        &plan.table.quoted(),
        format!("accounts from {}", plan.table),
        Phase::Accounts,
        statements.join(";\n\n"),
    )
}

const CREATE: &str = "\
create table if not exists migrate.account (
    id       uuid primary key,
    outcome  text not null,
    password text not null
);
comment on table migrate.account is 'Rows that were to become accounts: what became of each, and whether its password was kept'";

/// `null` where the plan has no expression, of the type.
fn or_null<'e>(expression: Option<&'e String>, ty: &str) -> std::borrow::Cow<'e, str> {
    match expression {
        Some(expression) => expression.into(),
        None => format!("null::{ty}").into(),
    }
}

/// Rows as the service spells them: addresses in lower case, numbers without their plus, and nothing longer than its
/// columns take (255 characters).
fn candidates(plan: &AccountsPlan) -> String {
    let known: Vec<String> = KNOWN_HASHES
        .iter()
        .map(|(pattern, take)| format!("when hash ~ {} then {take}", quote_literal(pattern)))
        .collect();
    format!(
        "select id, case when length(email) <= 255 then email end as email, phone, hash,\n               \
             case when length(hash) > 255 then null\n                    {known} end as kept\n        \
         from (\n            \
             select {id} as id,\n                   \
                 nullif(lower(btrim({email})), '') as email,\n                   \
                 nullif(ltrim(regexp_replace({phone}, '[ ()/.-]', '', 'g'), '+'), '') as phone,\n                   \
                 nullif({password}, '') as hash\n            \
             from {table} as account\n        ) as read",
        known = known.join("\n                    "),
        id = plan.id,
        email = or_null(plan.email.as_ref(), "text"),
        phone = or_null(plan.phone.as_ref(), "text"),
        password = or_null(plan.password.as_ref(), "text"),
        table = plan.table.quoted(),
    )
}

/// What becomes of each row. Nothing that is there is changed, and of two rows with one address the first becomes an
/// account.
fn decide(plan: &AccountsPlan) -> String {
    let other: Vec<String> = OTHER_HASHES
        .iter()
        .map(|(pattern, name)| {
            format!(
                "when hash ~ {} then {}",
                quote_literal(pattern),
                quote_literal(name)
            )
        })
        .collect();
    format!(
        "insert into migrate.account (id, outcome, password)\n\
         select id,\n       \
             case when email is null and phone is null then 'no e-mail address and no phone number'\n            \
                  when exists (select from auth.users as there where there.id = one.id) then 'an account with its id was there'\n            \
                  when email is not null and (nth_email > 1 or exists (\n                \
                      select from auth.users as there where lower(there.email) = one.email and not there.is_sso_user))\n                \
                      then 'another account has its e-mail address'\n            \
                  when phone is not null and (nth_phone > 1 or exists (\n                \
                      select from auth.users as there where there.phone = one.phone))\n                \
                      then 'another account has its phone number'\n            \
                  else 'created' end,\n       \
             case when hash is null then 'none'\n            \
                  when kept is not null then 'kept'\n            \
                  {other}\n            \
                  else 'a hash of an unknown kind' end\n\
         from (\n    \
             select *, row_number() over (partition by email order by id) as nth_email,\n           \
                    row_number() over (partition by phone order by id) as nth_phone\n    \
             from (\n        {candidates}\n    ) as candidate\n) as one\n\
         where id is not null\n\
         on conflict (id) do nothing",
        other = other.join("\n                 "),
        candidates = candidates(plan),
    )
}

fn object(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return "'{}'::jsonb".to_owned();
    }
    let members: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}, {value}", quote_literal(name)))
        .collect();
    format!("jsonb_strip_nulls(jsonb_build_object({}))", members.join(", "))
}

fn create_users(plan: &AccountsPlan) -> String {
    format!(
        "insert into auth.users (\n    \
             instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, phone, phone_confirmed_at,\n    \
             confirmation_token, recovery_token, email_change_token_new, email_change_token_current, email_change,\n    \
             phone_change, phone_change_token, reauthentication_token,\n    \
             last_sign_in_at, raw_app_meta_data, raw_user_meta_data, is_super_admin, created_at, updated_at)\n\
         select '00000000-0000-0000-0000-000000000000', made.id, 'authenticated', 'authenticated', made.email,\n       \
             coalesce(made.kept, ''), {confirmed}, made.phone, {phone_confirmed},\n       \
             '', '', '', '', '', '', '', '',\n       \
             {signed_in}, {app}, {user}, false, coalesce({created}, now()), coalesce({updated}, {created}, now())\n\
         from (\n        {candidates}\n) as made\n\
         join migrate.account as decided on decided.id = made.id and decided.outcome = 'created'\n\
         join {table} as account on {id} = made.id",
        confirmed = or_null(plan.email_confirmed_at.as_ref(), "timestamptz"),
        phone_confirmed = or_null(plan.phone_confirmed_at.as_ref(), "timestamptz"),
        signed_in = or_null(plan.last_sign_in_at.as_ref(), "timestamptz"),
        app = object(&plan.app_metadata),
        user = object(&plan.user_metadata),
        created = or_null(plan.created_at.as_ref(), "timestamptz"),
        updated = or_null(plan.updated_at.as_ref(), "timestamptz"),
        candidates = candidates(plan),
        table = plan.table.quoted(),
        id = plan.id,
    )
}

/// The way to sign in that is the service's own: by address or number. Whoever only ever came from another provider has
/// none there either.
fn own_identities(plan: &AccountsPlan) -> String {
    let elsewhere = match &plan.identities {
        Some(identities) => format!(
            "not exists (\n    select from {table} as identity\n    where {user} = made.id and {provider} is not null)",
            table = identities.table.quoted(),
            user = identities.user,
            provider = provider(identities),
        ),
        None => "true".to_owned(),
    };
    format!(
        "insert into auth.identities (provider_id, user_id, provider, identity_data, last_sign_in_at, created_at, updated_at)\n\
         select made.id::text, made.id, case when made.email is null then 'phone' else 'email' end,\n       \
             jsonb_strip_nulls(jsonb_build_object(\n           \
                 'sub', made.id, 'email', made.email, 'phone', made.phone,\n           \
                 'email_verified', made.email_confirmed_at is not null,\n           \
                 'phone_verified', made.phone_confirmed_at is not null)),\n       \
             made.last_sign_in_at, made.created_at, made.updated_at\n\
         from auth.users as made\n\
         join migrate.account as decided on decided.id = made.id and decided.outcome = 'created'\n\
         where decided.password <> 'none' or {elsewhere}\n\
         on conflict (provider_id, provider) do nothing"
    )
}

/// The service's name for a provider; NULL for one that it does not know, or that is no other provider at all.
pub(crate) fn provider(identities: &IdentitiesPlan) -> String {
    let known: Vec<String> = PROVIDERS
        .iter()
        .map(|(theirs, ours)| format!("when '{theirs}' then '{ours}'"))
        .collect();
    format!(
        "case regexp_replace(lower({}), '[^a-z0-9]', '', 'g') {} end",
        identities.provider,
        known.join(" ")
    )
}

fn other_identities(identities: &IdentitiesPlan, plan: &AccountsPlan) -> String {
    let name = plan
        .user_metadata
        .iter()
        .find(|(name, _)| name == "name" || name == "full_name")
        .map_or_else(
            || "null::text".to_owned(),
            |(name, _)| format!("made.raw_user_meta_data ->> {}", quote_literal(name)),
        );
    format!(
        "insert into auth.identities (provider_id, user_id, provider, identity_data, last_sign_in_at, created_at, updated_at)\n\
         select {subject}, made.id, {provider},\n       \
             jsonb_strip_nulls(jsonb_build_object(\n           \
                 'sub', {subject}, 'provider_id', {subject}, 'email', made.email, 'name', {name},\n           \
                 'email_verified', made.email_confirmed_at is not null, 'phone_verified', false)),\n       \
             made.last_sign_in_at, made.created_at, made.updated_at\n\
         from {table} as identity\n\
         join auth.users as made on made.id = {user}\n\
         join migrate.account as decided on decided.id = made.id and decided.outcome = 'created'\n\
         where {provider} is not null and {subject} is not null\n\
         on conflict (provider_id, provider) do nothing",
        subject = identities.subject,
        provider = provider(identities),
        table = identities.table.quoted(),
        user = identities.user,
    )
}

/// What the service notes of the ways to sign in, the first of them on its own.
const NAME_PROVIDERS: &str = "\
update auth.users as made
set raw_app_meta_data = made.raw_app_meta_data || jsonb_build_object('provider', ways.list ->> 0, 'providers', ways.list)
from (
    select identity.user_id, jsonb_agg(distinct identity.provider) as list
    from auth.identities as identity
    join migrate.account as decided on decided.id = identity.user_id and decided.outcome = 'created'
    group by identity.user_id
) as ways
where ways.user_id = made.id";
