//! Which table's rows are accounts, and how they become Supabase's.
//!
//! Names are those of the frameworks' own tables: NextAuth's and Prisma's `User` and `Account`, ASP.NET Identity's
//! `AspNetUsers` and `AspNetUserLogins`, Django's `auth_user` and `socialaccount_socialaccount`.

use crate::catalog::ObjectName;
use crate::error::{Error, ErrorKind, Result};
use crate::pg_type::PgType;
use crate::plan::{ColumnPlan, Note, Plan, TablePlan, quote_ident};
use crate::supabase::{AccountsMapping, AccountsPlan, IdentitiesMapping, IdentitiesPlan};

const TABLES: [&str; 4] = ["users", "user", "authuser", "aspnetusers"];
const EMAIL: [&str; 4] = ["email", "emailaddress", "mail", "useremail"];
const PHONE: [&str; 3] = ["phone", "phonenumber", "mobile"];
const PASSWORD: [&str; 5] = [
    "passwordhash",
    "password",
    "encryptedpassword",
    "hashedpassword",
    "passhash",
];
const EMAIL_CONFIRMED: [&str; 6] = [
    "emailverified",
    "emailverifiedat",
    "emailconfirmed",
    "emailconfirmedat",
    "isemailverified",
    "isverified",
];
const PHONE_CONFIRMED: [&str; 4] = [
    "phoneverified",
    "phonenumberconfirmed",
    "phoneconfirmedat",
    "phoneverifiedat",
];
const CREATED: [&str; 5] = ["createdat", "datejoined", "createdon", "created", "registeredat"];
const UPDATED: [&str; 4] = ["updatedat", "modifiedat", "updatedon", "updated"];
const SIGNED_IN: [&str; 5] = [
    "lastsigninat",
    "lastloginat",
    "lastlogin",
    "lastsignin",
    "lastseenat",
];
const USER_DATA: [&str; 13] = [
    "name",
    "fullname",
    "displayname",
    "username",
    "firstname",
    "lastname",
    "givenname",
    "familyname",
    "image",
    "picture",
    "avatarurl",
    "locale",
    "nickname",
];
const APP_DATA: [&str; 5] = ["role", "roles", "isadmin", "isstaff", "issuperuser"];
const IDENTITY_TABLES: [&str; 6] = [
    "account",
    "accounts",
    "aspnetuserlogins",
    "socialaccountsocialaccount",
    "useridentities",
    "identities",
];
const IDENTITY_USER: [&str; 2] = ["userid", "accountid"];
const IDENTITY_PROVIDER: [&str; 3] = ["provider", "loginprovider", "providerid"];
const IDENTITY_SUBJECT: [&str; 6] = [
    "provideraccountid",
    "providerkey",
    "uid",
    "provideruserid",
    "subject",
    "accountid",
];

/// A name without what differs between conventions: `email_verified` and `emailVerified` are one.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn by_name<'t>(table: &'t TablePlan, names: &[&str]) -> Option<&'t ColumnPlan> {
    names
        .iter()
        .find_map(|name| table.columns.iter().find(|c| plain(&c.source) == *name))
}

/// The key's column, if there is one and it is a `uuid`.
fn key_of(table: &TablePlan) -> Option<&ColumnPlan> {
    let key = table.primary_key.as_ref().filter(|k| k.columns.len() == 1)?;
    table
        .columns
        .iter()
        .find(|c| Some(&c.name) == key.columns.first())
}

/// Says in the plan's notes that a table looks like accounts. Nothing is done until the plan file says so.
pub(super) fn propose(plan: &mut Plan) {
    let found = TABLES.iter().find_map(|name| {
        plan.tables
            .iter()
            .find(|t| plain(&t.source.name) == *name && by_name(t, &EMAIL).is_some())
    });
    let Some(table) = found else { return };
    let text = match key_of(table) {
        Some(key) if key.ty == PgType::Uuid => format!(
            "looks like the application's accounts: to make them accounts that Supabase signs in, with the same ids, write \
             [accounts] and table = \"{}\" into the plan file",
            table.source
        ),
        _ => "looks like the application's accounts, but Supabase's have uuid keys and this table has none: they cannot be \
              made from it as it is"
            .to_owned(),
    };
    let object = table.source.to_string();
    plan.notes.push(Note { object, text });
}

/// What the plan file says about accounts, with columns and expressions of the destination.
pub(super) fn resolve(wanted: &AccountsMapping, plan: &mut Plan) -> Result<AccountsPlan> {
    let table = table_named(plan, &wanted.table)?;
    let id = match &wanted.id {
        Some(name) => named(table, name)?,
        None => key_of(table)
            .ok_or_else(|| config(table, "it has no primary key of one column: name it as `id`"))?,
    };
    if id.ty != PgType::Uuid {
        return Err(config(
            table,
            format!("its key {} is {}, and an account's is a uuid", id.source, id.ty),
        )
        .hint("accounts can be made once the key is a uuid in the destination"));
    }
    let choose = |choice: &Option<String>, names: &[&str]| -> Result<Option<&ColumnPlan>> {
        match choice.as_deref() {
            Some("") => Ok(None),
            Some(name) => named(table, name).map(Some),
            None => Ok(by_name(table, names)),
        }
    };
    let text = |choice: &Option<String>, names: &[&str]| -> Result<Option<String>> {
        choose(choice, names)?
            .map(|c| as_text(table, c, "account"))
            .transpose()
    };
    let moment = |choice: &Option<String>, names: &[&str]| -> Result<Option<String>> {
        choose(choice, names)?.map(|c| as_moment(table, c)).transpose()
    };
    let email = text(&wanted.email, &EMAIL)?;
    let phone = text(&wanted.phone, &PHONE)?;
    if email.is_none() && phone.is_none() {
        return Err(config(
            table,
            "it has neither an e-mail address nor a phone number: name one as `email` or `phone`",
        ));
    }
    let created_at = moment(&wanted.created_at, &CREATED)?;
    let since = created_at.as_deref().unwrap_or("now()");
    let confirmed = |choice: &Option<String>, names: &[&str]| -> Result<Option<String>> {
        match choose(choice, names)? {
            Some(c) if c.ty == PgType::Bool => {
                let column = quote_ident(&c.name);
                Ok(Some(format!(
                    "case when account.{column} then coalesce({since}, now()) end"
                )))
            }
            Some(c) => as_moment(table, c).map(Some),
            None => Ok(None),
        }
    };
    let metadata = |choice: &Option<Vec<String>>, names: &[&str]| -> Result<Vec<(String, String)>> {
        let columns: Vec<&ColumnPlan> = match choice {
            Some(list) => list
                .iter()
                .map(|name| named(table, name))
                .collect::<Result<_>>()?,
            None => names.iter().filter_map(|n| by_name(table, &[n])).collect(),
        };
        let column = |c: &ColumnPlan| {
            (
                metadata_name(&c.source),
                format!("account.{}", quote_ident(&c.name)),
            )
        };
        Ok(columns.into_iter().map(column).collect())
    };
    let accounts = AccountsPlan {
        table: table.target.clone(),
        id: format!("account.{}", quote_ident(&id.name)),
        email,
        phone,
        password: text(&wanted.password, &PASSWORD)?,
        email_confirmed_at: confirmed(&wanted.email_confirmed, &EMAIL_CONFIRMED)?,
        phone_confirmed_at: confirmed(&wanted.phone_confirmed, &PHONE_CONFIRMED)?,
        updated_at: moment(&wanted.updated_at, &UPDATED)?,
        last_sign_in_at: moment(&wanted.last_sign_in_at, &SIGNED_IN)?,
        user_metadata: metadata(&wanted.user_metadata, &USER_DATA)?,
        app_metadata: metadata(&wanted.app_metadata, &APP_DATA)?,
        identities: identities(wanted.identities.as_ref(), plan, table)?,
        created_at,
    };
    let object = table.source.to_string();
    let found = [
        ("e-mail address", accounts.email.is_some()),
        ("phone number", accounts.phone.is_some()),
        ("password", accounts.password.is_some()),
        (
            "confirmation",
            accounts.email_confirmed_at.is_some() || accounts.phone_confirmed_at.is_some(),
        ),
        ("identities", accounts.identities.is_some()),
    ];
    let list = |there: bool| {
        let names = found.iter().filter(|(_, is)| *is == there).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    plan.notes.push(Note {
        object: object.clone(),
        text: format!(
            "its rows become Supabase's accounts, with: {}; without: {}. Sessions do not: everybody signs in again, and rows of \
             session tables are kept as they are",
            list(true),
            if found.iter().all(|(_, is)| *is) { "nothing".to_owned() } else { list(false) }
        ),
    });
    if accounts.email_confirmed_at.is_none() && accounts.email.is_some() {
        plan.notes.push(Note {
            object,
            text: "no column says which e-mail addresses are confirmed: none will be, and their owners confirm them at their first \
                   sign-in"
                .to_owned(),
        });
    }
    Ok(accounts)
}

impl AccountsPlan {
    /// The key's column, without quotes.
    pub(super) fn id_column(&self) -> String {
        let quoted = self.id.strip_prefix("account.").unwrap_or(&self.id);
        quoted.trim_matches('"').replace("\"\"", "\"")
    }
}

fn identities(
    wanted: Option<&IdentitiesMapping>,
    plan: &Plan,
    accounts: &TablePlan,
) -> Result<Option<IdentitiesPlan>> {
    let found = |t: &&TablePlan| {
        t.source.schema == accounts.source.schema
            && by_name(t, &IDENTITY_USER).is_some_and(|c| c.ty == PgType::Uuid)
            && by_name(t, &IDENTITY_PROVIDER).is_some()
            && by_name(t, &IDENTITY_SUBJECT).is_some()
    };
    let table = match wanted {
        Some(wanted) if wanted.table.is_empty() => return Ok(None),
        Some(wanted) => table_named(plan, &wanted.table)?,
        None => {
            let named = IDENTITY_TABLES.iter().find_map(|name| {
                let mut tables = plan.tables.iter().filter(|t| plain(&t.source.name) == *name);
                tables.find(found)
            });
            match named {
                Some(table) => table,
                None => return Ok(None),
            }
        }
    };
    let choose = |choice: Option<&String>, names: &[&str], what: &str| -> Result<&ColumnPlan> {
        match choice {
            Some(name) => named(table, name),
            None => by_name(table, names)
                .ok_or_else(|| config(table, format!("no column of it looks like the {what}: name it"))),
        }
    };
    let user = choose(
        wanted.and_then(|w| w.user.as_ref()),
        &IDENTITY_USER,
        "account's key (`user`)",
    )?;
    if user.ty != PgType::Uuid {
        return Err(config(
            table,
            format!("{} is {}, and an account's key is a uuid", user.source, user.ty),
        ));
    }
    let provider = choose(
        wanted.and_then(|w| w.provider.as_ref()),
        &IDENTITY_PROVIDER,
        "`provider`",
    )?;
    let subject = choose(
        wanted.and_then(|w| w.subject.as_ref()),
        &IDENTITY_SUBJECT,
        "provider's name for the person (`subject`)",
    )?;
    Ok(Some(IdentitiesPlan {
        table: table.target.clone(),
        user: format!("identity.{}", quote_ident(&user.name)),
        provider: as_text(table, provider, "identity")?,
        subject: as_text(table, subject, "identity")?,
    }))
}

fn table_named<'p>(plan: &'p Plan, name: &str) -> Result<&'p TablePlan> {
    let same = |source: &ObjectName| source.to_string() == name;
    plan.tables.iter().find(|t| same(&t.source)).ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            format!("[accounts] names the table `{name}`, which the plan does not have"),
        )
        .hint("write it as the source does, as `schema.table`")
    })
}

fn named<'t>(table: &'t TablePlan, name: &str) -> Result<&'t ColumnPlan> {
    table
        .columns
        .iter()
        .find(|c| c.source == name)
        .ok_or_else(|| config(table, format!("it has no column `{name}` in the plan")))
}

fn config(table: &TablePlan, what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("accounts cannot be made from the table {}: {what}", table.source),
    )
}

fn as_text(table: &TablePlan, column: &ColumnPlan, alias: &str) -> Result<String> {
    match column.ty {
        PgType::Bytea | PgType::Json | PgType::Jsonb | PgType::Geometry | PgType::Geography => Err(config(
            table,
            format!("{} is {}, and text is wanted", column.source, column.ty),
        )),
        _ => Ok(format!("{alias}.{}::text", quote_ident(&column.name))),
    }
}

fn as_moment(table: &TablePlan, column: &ColumnPlan) -> Result<String> {
    let name = quote_ident(&column.name);
    match column.ty {
        // What has no zone is taken for UTC, as everywhere else.
        PgType::Timestamp(_) | PgType::Date => Ok(format!("account.{name}::timestamp at time zone 'UTC'")),
        PgType::TimestampTz(_) => Ok(format!("account.{name}")),
        _ => Err(config(
            table,
            format!(
                "{} is {}, and a point in time is wanted",
                column.source, column.ty
            ),
        )
        .hint("name another column, or \"\" for none")),
    }
}

/// Members of metadata as Supabase's own libraries spell them.
fn metadata_name(column: &str) -> String {
    match plain(column).as_str() {
        "image" | "picture" | "avatarurl" => "avatar_url".to_owned(),
        "fullname" => "full_name".to_owned(),
        _ => column.to_owned(),
    }
}
