//! What a server is and can do.

use migrate_core::plan::Target;
use migrate_core::{Error, ErrorKind, Result};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::classify::{During, classify};
use crate::connect::Connector;

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
           exists (select from pg_roles where rolname = 'supabase_admin') as supabase,
           (select nspname::text from pg_namespace where nspname in ('extensions', 'public') order by nspname limit 1)
             as extension_schema,
           pg_backend_pid() as pid";

impl Connector {
    /// Asks the server what it is and can do. Changes nothing.
    ///
    /// # Errors
    /// As [`connect`](Self::connect). A server that is too old is not an error here: see [`Facts::check`].
    pub async fn probe(&self) -> Result<Facts> {
        let mut connection = self.connect().await?;
        let outcome = self.ask(&mut connection).await;
        Self::disconnect(connection).await;
        outcome.map_err(|e| e.at("server", self.target().describe()))
    }

    async fn ask(&self, connection: &mut PgConnection) -> Result<Facts> {
        let row = sqlx::query(QUESTIONS)
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| classify(e, During::Statement))?;
        // Without libxml the cast itself fails.
        let xml = sqlx::query("select '<a/>'::xml::text")
            .fetch_one(&mut *connection)
            .await
            .is_ok();
        let facts = read(&row, xml).map_err(|e| classify(e, During::Statement))?;
        let pid: i32 = row.try_get("pid").map_err(|e| classify(e, During::Statement))?;
        Ok(Facts {
            transaction_pooler: self.is_shared(pid).await?,
            ..facts
        })
    }

    /// Whether a second connection, open at the same time, is served by the same process as the first: only a pooler
    /// that hands out its server connections transaction by transaction does that.
    async fn is_shared(&self, pid: i32) -> Result<bool> {
        let mut second = self.connect().await?;
        let other = sqlx::query_scalar::<_, i32>("select pg_backend_pid()")
            .fetch_one(&mut second)
            .await;
        Self::disconnect(second).await;
        other
            .map(|other| other == pid)
            .map_err(|e| classify(e, During::Statement))
    }
}

fn read(row: &sqlx::postgres::PgRow, xml: bool) -> sqlx::Result<Facts> {
    let version_num: i32 = row.try_get("version_num")?;
    Ok(Facts {
        target: Target {
            version: version_num.unsigned_abs() / 10_000,
            xml,
            postgis: row.try_get("postgis")?,
            citext: row.try_get("citext")?,
            icu: row.try_get("icu")?,
        },
        version: row.try_get("version")?,
        database: row.try_get("database")?,
        encoding: row.try_get("encoding")?,
        user: row.try_get("current_role")?,
        superuser: row.try_get::<Option<bool>, _>("superuser")?.unwrap_or(false),
        may_create: row.try_get("may_create")?,
        standby: row.try_get("standby")?,
        supabase: row.try_get("supabase")?,
        transaction_pooler: false,
        extension_schema: row.try_get("extension_schema")?,
    })
}

impl Facts {
    /// Whether a migration can be written here.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for an old server, another encoding than UTF-8 or a transaction pooler;
    /// [`Permission`](ErrorKind::Permission) for a standby or a user who may not create schemas.
    pub fn check(&self) -> Result<()> {
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
        if self.transaction_pooler {
            return Err(Error::destination(
                ErrorKind::Unsupported,
                "a pooler in transaction mode stands before the server, and a migration needs sessions of its own",
            )
            .hint("connect to the server itself or to a pooler in session mode (Supabase: port 5432 instead of 6543)"));
        }
        if self.standby {
            return Err(Error::destination(
                ErrorKind::Permission,
                "the server is a standby and refuses writes",
            )
            .hint("connect to the primary"));
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
        let pooled = Facts {
            transaction_pooler: true,
            ..fine()
        };
        assert_eq!(pooled.check().unwrap_err().kind(), ErrorKind::Unsupported);
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
