//! What a server is and can do.

use std::collections::{BTreeMap, BTreeSet};

use migrate_core::plan::{Target, Who};
use migrate_core::{Error, ErrorKind, Result};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::classify::{During, classify};
use crate::connect::{Connector, Sessions, execute};
use crate::query::query;

/// The oldest major version that is supported.
pub const OLDEST_VERSION: u32 = 14;

/// What a server said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the plan depends on.
    pub target: Target,
    /// The version as the server spells it.
    pub version: String,
    /// The database's name.
    pub database: String,
    /// The database's encoding.
    pub encoding: String,
    /// Who is connected.
    pub user: String,
    /// Whether that is a superuser.
    pub superuser: bool,
    /// Whether the user may create schemas and trusted extensions in the database.
    pub may_create: bool,
    /// Whether the server follows another one and refuses writes.
    pub standby: bool,
    /// Whether the database belongs to Supabase.
    pub supabase: bool,
    /// Whether a pooler hands each transaction to another server process.
    pub transaction_pooler: bool,
    /// Whether transactions are read-only unless they say otherwise (`default_transaction_read_only`).
    pub read_only: bool,
    /// The schema in which new extensions are put.
    pub extension_schema: Option<String>,
}

/// An extension that is not installed is usable if the user may create it; Supabase lets its users create those on its
/// list without being superusers.
const QUESTIONS: &str = "
    with usable as (
        select extname::text as name from pg_extension
        union
        select name::text from pg_available_extension_versions
        where not superuser or trusted
           or (select rolsuper from pg_roles where rolname = current_user)
           or exists (select from pg_roles where rolname = 'supabase_admin')
    )
    select current_setting('server_version_num')::int as version_num,
           current_setting('server_version') as version,
           current_database()::text as database,
           current_setting('server_encoding') as encoding,
           current_user::text as current_role,
           (select rolsuper from pg_roles where rolname = current_user) as superuser,
           has_database_privilege(current_database(), 'CREATE') as may_create,
           pg_is_in_recovery() as standby,
           exists (select from usable where name = 'citext') as citext,
           exists (select from usable where name = 'postgis') as postgis,
           exists (select from pg_collation where collprovider = 'i') as icu,
           (select count(*) = 4
            from pg_roles
            where rolname in ('supabase_admin', 'anon', 'authenticated', 'service_role')) as supabase,
           (select array_agg(rolname::text) from pg_roles) as roles,
           (select array_agg(rolname::text) from pg_roles where pg_has_role(oid, 'member')) as acts_as,
           (select nspname::text from pg_namespace where nspname in ('extensions', 'public') order by nspname limit 1)
             as extension_schema";

impl Connector {
    /// Asks the server what it is and can do. Changes nothing.
    ///
    /// # Errors
    /// As [`connect`](Self::connect). A server that is too old is not an error here: see [`Facts::check`].
    pub async fn probe(&self) -> Result<Facts> {
        let (facts, connection) = self.probe_and_stay().await?;
        if let Some(connection) = connection {
            Self::disconnect(connection).await;
        }
        Ok(facts)
    }

    /// The same, with the connection that was asked over: set up as [`connect`](Self::connect) does, with no transaction open.
    /// There is none where a pooler lends sessions.
    ///
    /// # Errors
    /// As [`probe`](Self::probe).
    pub async fn probe_and_stay(&self) -> Result<(Facts, Option<PgConnection>)> {
        let outcome = self.explore().await;
        outcome.map_err(|e: Error| e.at("server", self.target().describe()))
    }

    async fn explore(&self) -> Result<(Facts, Option<PgConnection>)> {
        let mut connection = self.connect_plainly().await?;
        let (read_only, transaction_pooler) = self.look(&mut connection).await?;
        // As for Supabase: nothing is written here.
        let connector = if transaction_pooler {
            Self::disconnect(connection).await;
            let connector = self.knowing(Sessions::Shared, true);
            connection = connector.connect().await?;
            connector
        } else {
            self.set_up(&mut connection).await?;
            self.knowing(Sessions::Own, true)
        };
        let facts = connector.ask(&mut connection).await?;
        let supabase = facts.supabase || self.is_supabase();
        let facts = Facts {
            transaction_pooler,
            read_only,
            supabase,
            target: Target {
                supabase,
                ..facts.target
            },
            ..facts
        };
        if transaction_pooler {
            Self::disconnect(connection).await;
            return Ok((facts, None));
        }
        if !supabase {
            Self::let_write(&mut connection).await?;
        }
        Ok((facts, Some(connection)))
    }

    /// What has to be asked before any setting is made: whether writes are refused, and by whom the connection is served.
    async fn look(&self, plain: &mut PgConnection) -> Result<(bool, bool)> {
        let read_only = text(plain, "show default_transaction_read_only").await? == "on";
        let pooled = self.sessions() == Sessions::Shared || self.is_shared(plain).await?;
        Ok((read_only, pooled))
    }

    /// Whether the server's process changes under a connection, or serves two of them that are open at the same time:
    /// only a pooler that hands out its server connections transaction by transaction does that.
    async fn is_shared(&self, first: &mut PgConnection) -> Result<bool> {
        const PID: &str = "select pg_backend_pid()";
        let before = text(first, PID).await?;
        let mut second = self.connect_plainly().await?;
        let outcome = async {
            // The second keeps what it was given, so that the first has to be given another.
            execute(&mut second, "begin", During::Statement).await?;
            let other = text(&mut second, PID).await?;
            let after = text(first, PID).await?;
            Ok(other == before || after != before)
        };
        let outcome = outcome.await;
        Self::disconnect(second).await;
        outcome
    }

    async fn ask(&self, connection: &mut PgConnection) -> Result<Facts> {
        self.begin(connection).await?;
        let row = query(QUESTIONS)
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| classify(e, During::Statement))?;
        // Without libxml the cast itself fails, and the transaction with it.
        let xml = query("select '<a/>'::xml::text")
            .fetch_one(&mut *connection)
            .await
            .is_ok();
        execute(connection, "rollback", During::Statement).await?;
        read(&row, xml).map_err(|e| classify(e, During::Statement))
    }
}

/// The one value of a question, asked in one message.
async fn text(connection: &mut PgConnection, question: &'static str) -> Result<String> {
    let row = sqlx::raw_sql(question)
        .fetch_one(connection)
        .await
        .map_err(|e| classify(e, During::Statement))?;
    // What comes without parameters comes as text, whatever its type.
    let value = row
        .try_get_raw(0)
        .and_then(|v| v.as_str().map(str::to_owned).map_err(sqlx::Error::Decode));
    value.map_err(|e| classify(e, During::Statement))
}

fn roles(row: &sqlx::postgres::PgRow) -> sqlx::Result<BTreeMap<String, bool>> {
    let all: Vec<String> = row.try_get("roles")?;
    let acts_as: BTreeSet<String> = row.try_get::<Vec<String>, _>("acts_as")?.into_iter().collect();
    Ok(all
        .into_iter()
        .map(|role| {
            let may = acts_as.contains(&role);
            (role, may)
        })
        .collect())
}

fn read(row: &sqlx::postgres::PgRow, xml: bool) -> sqlx::Result<Facts> {
    let version_num: i32 = row.try_get("version_num")?;
    let superuser = row.try_get::<Option<bool>, _>("superuser")?.unwrap_or(false);
    Ok(Facts {
        target: Target {
            version: version_num.unsigned_abs() / 10_000,
            xml,
            postgis: row.try_get("postgis")?,
            citext: row.try_get("citext")?,
            icu: row.try_get("icu")?,
            supabase: row.try_get("supabase")?,
            who: Some(Who {
                user: row.try_get("current_role")?,
                superuser,
                roles: roles(row)?,
            }),
        },
        version: row.try_get("version")?,
        database: row.try_get("database")?,
        encoding: row.try_get("encoding")?,
        user: row.try_get("current_role")?,
        superuser,
        may_create: row.try_get("may_create")?,
        standby: row.try_get("standby")?,
        supabase: row.try_get("supabase")?,
        transaction_pooler: false,
        read_only: false,
        extension_schema: row.try_get("extension_schema")?,
    })
}

impl Facts {
    /// Whether what a migration wrote can be read here.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for an old server or another encoding than UTF-8.
    pub fn check_reading(&self) -> Result<()> {
        if self.target.version < OLDEST_VERSION {
            return Err(Error::destination(
                ErrorKind::Unsupported,
                format!(
                    "the server is PostgreSQL {}; the oldest supported version is {OLDEST_VERSION}",
                    self.version
                ),
            ));
        }
        if self.encoding != "UTF8" {
            return Err(Error::destination(
                ErrorKind::Unsupported,
                format!(
                    "the database's encoding is {}, which cannot hold all text",
                    self.encoding
                ),
            )
            .hint("create the database with: create database NAME encoding 'UTF8' template template0"));
        }
        Ok(())
    }

    /// Whether a migration can be written here.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for an old server or another encoding than UTF-8;
    /// [`Permission`](ErrorKind::Permission) for a standby, a user who may not create schemas, or a Supabase project that
    /// has gone read-only; that one is [`Resources`](ErrorKind::Resources).
    pub fn check(&self) -> Result<()> {
        self.check_reading()?;
        if self.standby {
            return Err(Error::destination(
                ErrorKind::Permission,
                "the server is a standby and refuses writes",
            )
            .hint("connect to the primary"));
        }
        if self.supabase && self.read_only {
            return Err(Error::destination(
                ErrorKind::Resources,
                "the Supabase project is read-only, which it becomes when its disk is 95 % full",
            )
            .hint("make the disk larger (Settings, Compute and Disk), or free space; then run the same command again"));
        }
        if !self.may_create {
            return Err(Error::destination(
                ErrorKind::Permission,
                format!(
                    "the user {} may not create schemas in the database {}",
                    self.user, self.database
                ),
            )
            .hint("let the database's owner run: grant create on database NAME to USER"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Facts {
        Facts {
            target: Target::default(),
            version: "18.0".into(),
            database: "shop".into(),
            encoding: "UTF8".into(),
            user: "app".into(),
            superuser: false,
            may_create: true,
            standby: false,
            supabase: false,
            transaction_pooler: false,
            read_only: false,
            extension_schema: Some("public".into()),
        }
    }

    #[test]
    fn unfit_servers_are_refused() {
        assert!(fine().check().is_ok());
        let old = Facts {
            target: Target {
                version: 13,
                ..Target::default()
            },
            ..fine()
        };
        assert_eq!(old.check().unwrap_err().kind(), ErrorKind::Unsupported);
        let latin = Facts {
            encoding: "LATIN1".into(),
            ..fine()
        };
        assert_eq!(latin.check().unwrap_err().kind(), ErrorKind::Unsupported);
        let full = Facts {
            supabase: true,
            read_only: true,
            ..fine()
        };
        assert_eq!(full.check().unwrap_err().kind(), ErrorKind::Resources);
        // Elsewhere that is a default like any other.
        let default = Facts {
            read_only: true,
            ..fine()
        };
        assert!(default.check().is_ok());
        let pooled = Facts {
            transaction_pooler: true,
            ..fine()
        };
        assert!(pooled.check().is_ok());
        let standby = Facts {
            standby: true,
            ..fine()
        };
        assert_eq!(standby.check().unwrap_err().kind(), ErrorKind::Permission);
        let guest = Facts {
            may_create: false,
            ..fine()
        };
        assert_eq!(
            guest.check().unwrap_err().to_string(),
            "the user app may not create schemas in the database shop"
        );
    }
}
