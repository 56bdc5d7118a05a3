//! Indexes for the time of a round.
//!
//! For each row that goes PostgreSQL looks for rows that refer to it: without an index over the referring columns, in the whole
//! table, once for each. An index is made in a time in which a few dozens of such scans are, so that tables without one get it
//! before anything is changed, and lose it at the end of the same transaction.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::postgres::types::Oid;
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{During, execute};

use crate::connect::statement;

/// Rows that may go without an index.
pub(super) const FEW: u64 = 64;

/// Foreign keys to `$1` from `$2` whose columns no index begins with; not those of tables of a few pages, nor of partitioned ones,
/// whose partitions have their own.
const NOT_INDEXED: &str = "
    select distinct on (k.conrelid, k.conkey)
           format('create index %I on %s (%s)', 'migrate_lent_' || k.oid, k.conrelid::regclass, columns.names) as make,
           format('drop index %I.%I', n.nspname, 'migrate_lent_' || k.oid) as remove
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select string_agg(quote_ident(a.attname), ', ' order by given.place) as names
        from unnest(k.conkey) with ordinality as given (number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = given.number
    ) as columns
    where k.contype = 'f' and k.confrelid = any ($1::oid[]) and k.conrelid = any ($2::oid[])
      and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
      and c.relkind = 'r' and pg_relation_size(c.oid) > 8 * current_setting('block_size')::integer
      and pg_has_role(c.relowner, 'usage') and has_schema_privilege(n.oid, 'create')
      and not exists (
          select from pg_index i
          join pg_class x on x.oid = i.indexrelid
          join pg_am m on m.oid = x.relam
          where i.indrelid = c.oid and i.indisvalid and i.indpred is null and m.amname in ('btree', 'hash')
            and i.indnkeyatts >= cardinality(k.conkey)
            and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
    order by k.conrelid, k.conkey, k.oid";

/// What is to be removed at the end.
pub(super) struct Lent {
    remove: Vec<String>,
}

/// Lends indexes to tables among `locked` that refer to those of which rows will go. The caller has a transaction open, and
/// nothing changed in it: PostgreSQL makes no index where foreign keys are still to be looked at.
pub(super) async fn lend(connection: &mut PgConnection, losing: &[Oid], locked: &[Oid]) -> Result<Lent> {
    let mut lent = Lent { remove: Vec::new() };
    if losing.is_empty() {
        return Ok(lent);
    }
    let missing = sqlx::query(NOT_INDEXED)
        .persistent(false)
        .bind(losing)
        .bind(locked)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for row in missing {
        let make: String = row.try_get("make").map_err(statement)?;
        execute(connection, "savepoint lent", During::Statement).await?;
        // It only saves time: where there is no room for it, or no order of the values, it is done without.
        let end = match execute(connection, make, During::Statement).await {
            Ok(_) => {
                lent.remove.push(row.try_get("remove").map_err(statement)?);
                "release savepoint lent"
            }
            Err(_) => "rollback to savepoint lent; release savepoint lent",
        };
        execute(connection, end, During::Statement).await?;
    }
    Ok(lent)
}

impl Lent {
    /// Takes the indexes back, once every foreign key was looked at.
    pub(super) async fn end(self, connection: &mut PgConnection) -> Result<()> {
        for statement in self.remove {
            execute(connection, statement, During::Statement).await?;
        }
        Ok(())
    }
}
