//! What tables do by themselves, out of the way for one transaction: triggers and rules do not fire, row security hides nothing,
//! and foreign keys are looked at once, at the end.
//!
//! Only what the tables' owner may do: no right to act as replication is asked for.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{During, execute};

use crate::connect::statement;

/// Triggers and rules that fire, and row security that binds the owner; each with the statement that ends it and the one
/// that begins it again.
const HABITS: &str = "
    select format('alter table %s disable trigger %I', g.tgrelid::regclass, g.tgname) as stop,
           format('alter table %s enable %strigger %I', g.tgrelid::regclass,
                  case g.tgenabled when 'A' then 'always ' else '' end, g.tgname) as start
    from pg_trigger g
    where g.tgrelid = any ($1::oid[]) and not g.tgisinternal and g.tgenabled in ('O', 'A')
    union all
    select format('alter table %s disable rule %I', r.ev_class::regclass, r.rulename),
           format('alter table %s enable %srule %I', r.ev_class::regclass,
                  case r.ev_enabled when 'A' then 'always ' else '' end, r.rulename)
    from pg_rewrite r
    where r.ev_class = any ($1::oid[]) and r.ev_enabled in ('O', 'A')
    union all
    select format('alter table %s no force row level security', c.oid::regclass),
           format('alter table %s force row level security', c.oid::regclass)
    from pg_class c
    where c.oid = any ($1::oid[]) and c.relforcerowsecurity";

/// Foreign keys from and to the tables, or what they are partitions of, that are looked at after each statement.
const FOREIGN_KEYS: &str = "
    with touched as (
        select oid from unnest($1::oid[]) as given (oid)
        union
        select ancestor.relid
        from pg_class c
        cross join lateral pg_partition_ancestors(c.oid) as ancestor (relid)
        where c.oid = any ($1::oid[]) and c.relispartition
    )
    select format('alter table %s alter constraint %I deferrable initially deferred', k.conrelid::regclass, k.conname) as stop,
           format('alter table %s alter constraint %I not deferrable', k.conrelid::regclass, k.conname) as start
    from pg_constraint k
    where k.contype = 'f' and k.conparentid = 0 and not k.condeferrable
      and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
      and (k.conrelid in (select oid from touched) or k.confrelid in (select oid from touched))";

/// What is to be done at the end.
pub(super) struct Quiet {
    begin_again: Vec<String>,
}

/// Quietens the tables. The caller has a transaction open, and the tables locked.
pub(super) async fn quieten(
    connection: &mut PgConnection,
    tables: &[sqlx::postgres::types::Oid],
) -> Result<Quiet> {
    let mut begin_again = Vec::new();
    for question in [HABITS, FOREIGN_KEYS] {
        let rows = sqlx::query(question)
            .persistent(false)
            .bind(tables)
            .fetch_all(&mut *connection)
            .await
            .map_err(statement)?;
        for row in rows {
            let stop: String = row.try_get("stop").map_err(statement)?;
            execute(connection, stop, During::Statement).await?;
            begin_again.push(row.try_get("start").map_err(statement)?);
        }
    }
    execute(connection, "set constraints all deferred", During::Statement).await?;
    Ok(Quiet { begin_again })
}

impl Quiet {
    /// Looks at all that was put off, and puts everything back.
    pub(super) async fn end(self, connection: &mut PgConnection) -> Result<()> {
        execute(connection, "set constraints all immediate", During::Rows)
            .await
            .map_err(|e| {
                e.hint(
                    "nothing was changed; a row that is referred to may be in quarantine, or missing because it was \
                     removed here: `migrate validate SOURCE` shows the rows that differ",
                )
            })?;
        for statement in self.begin_again {
            execute(connection, statement, During::Statement).await?;
        }
        Ok(())
    }
}
