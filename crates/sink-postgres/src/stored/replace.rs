//! Changing exact rows, and no others.

use migrate_core::plan::{TablePlan, quote_ident};
use migrate_core::stored::RowChange;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe};
use migrate_pg_client::{Connector, During, execute};

use super::rows_as_text;
use crate::connect::{Shared, statement};

/// Makes the changes in one transaction, and returns the connection.
///
/// Where the role may, the transaction acts as replication does: triggers, and the checks and actions of foreign keys, which
/// are triggers too, do not fire. Elsewhere rows are updated in place, a row that others refer to with an action is not
/// removed, and user triggers fire.
pub(super) async fn replace(
    shared: &Shared,
    mut connection: PgConnection,
    table: &TablePlan,
    changes: &[RowChange],
) -> Result<PgConnection> {
    match in_transaction(shared, &mut connection, table, changes).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            // Closing the connection ends the transaction.
            Connector::disconnect(connection).await;
            Err(match error.kind() {
                // Somebody wrote to the same rows meanwhile.
                ErrorKind::Resources | ErrorKind::Internal if error.is_transient() => {
                    Error::destination(ErrorKind::Conflict, error.to_string())
                }
                _ => error,
            })
        }
    }
}

async fn in_transaction(
    shared: &Shared,
    connection: &mut PgConnection,
    table: &TablePlan,
    changes: &[RowChange],
) -> Result<()> {
    shared.begin(connection).await?;
    let silent = acts_as_replication(connection).await?;
    for name in ["pg_temp.migrate_before", "pg_temp.migrate_after"] {
        rows_as_text::create(connection, table, name).await?;
    }
    let alike = rows_as_text::alike(changes.iter().filter_map(|c| c.before.as_deref()))?;
    // Both sides of a change carry the change's number.
    let numbers = changes.iter().enumerate().filter(|(_, c)| c.before.is_some());
    let before = numbers
        .zip(alike)
        .map(|((n, _), (_, like, row))| (n as i32, like, row));
    rows_as_text::fill(connection, "pg_temp.migrate_before", before).await?;
    let after = changes
        .iter()
        .enumerate()
        .filter_map(|(n, c)| Some((n as i32, 0, c.after.as_deref()?)));
    rows_as_text::fill(connection, "pg_temp.migrate_after", after).await?;
    let wanted = changes.iter().filter(|c| c.before.is_some()).count() as u64;
    if find(connection, table).await? != wanted {
        return Err(Error::destination(
            ErrorKind::Conflict,
            "a row is not as it was a moment ago: somebody changed it meanwhile",
        )
        .at("table", &table.target));
    }
    if silent {
        delete(connection, table, "true").await?;
        insert(connection, table, "true").await?;
    } else {
        let replaced = "migrate_n in (select migrate_n from pg_temp.migrate_after)";
        refuse_actions(connection, table, replaced).await?;
        delete(connection, table, &format!("not {replaced}")).await?;
        update(connection, table).await?;
        insert(
            connection,
            table,
            "migrate_n not in (select migrate_n from pg_temp.migrate_before)",
        )
        .await?;
    }
    execute(connection, "commit", During::Rows).await.map(drop)
}

/// Whether triggers are out of the way for this transaction.
async fn acts_as_replication(connection: &mut PgConnection) -> Result<bool> {
    execute(connection, "savepoint quietly", During::Statement).await?;
    let allowed = execute(
        connection,
        "set local session_replication_role = replica",
        During::Statement,
    )
    .await
    .is_ok();
    let end = if allowed {
        "release savepoint quietly"
    } else {
        "rollback to savepoint quietly; release savepoint quietly"
    };
    execute(connection, end, During::Statement).await?;
    Ok(allowed)
}

/// Finds and locks the rows that go. How many there are.
async fn find(connection: &mut PgConnection, table: &TablePlan) -> Result<u64> {
    let same = rows_as_text::same(table);
    let table = table.target.quoted();
    // Locking first: whoever writes to one of the rows meanwhile is waited for, and what he wrote is seen below.
    let lock = format!("select 1 from {table} t join pg_temp.migrate_before k on {same} for update of t");
    sqlx::query(AssertSqlSafe(lock))
        .persistent(false)
        .execute(&mut *connection)
        .await
        .map_err(statement)?;
    let places = format!(
        "create temp table migrate_places on commit drop as
         select migrate_n, place
         from (select k.migrate_n, k.migrate_like, t.ctid as place,
                      row_number() over (partition by k.migrate_n order by t.ctid) - 1 as rank
               from {table} t
               join pg_temp.migrate_before k on {same}) as found
         where rank = migrate_like"
    );
    execute(connection, places, During::Rows).await?;
    let count: i64 = sqlx::query_scalar("select count(*) from pg_temp.migrate_places")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(statement)?;
    Ok(count as u64)
}

async fn delete(connection: &mut PgConnection, table: &TablePlan, which: &str) -> Result<()> {
    let statement = format!(
        "delete from {} t using pg_temp.migrate_places p where t.ctid = p.place and {which}",
        table.target.quoted()
    );
    execute(connection, statement, During::Rows).await.map(drop)
}

async fn insert(connection: &mut PgConnection, table: &TablePlan, which: &str) -> Result<()> {
    let columns: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
    let columns = columns.join(", ");
    let statement = format!(
        "insert into {} ({columns}) overriding system value select {columns} from pg_temp.migrate_after where {which}",
        table.target.quoted()
    );
    execute(connection, statement, During::Rows).await.map(drop)
}

/// A change whose row stays what it is to others.
async fn update(connection: &mut PgConnection, table: &TablePlan) -> Result<()> {
    let columns: Vec<String> = table.copied().map(|c| quote_ident(&c.name)).collect();
    let values: Vec<String> = columns.iter().map(|c| format!("k.{c}")).collect();
    let statement = format!(
        "update {} t set ({}) = row({})
         from pg_temp.migrate_places p
         join pg_temp.migrate_after k using (migrate_n)
         where t.ctid = p.place",
        table.target.quoted(),
        columns.join(", "),
        values.join(", ")
    );
    execute(connection, statement, During::Rows).await.map(drop)
}

const ACTIONS: &str = "
    select conrelid::regclass::text as child,
           string_agg(format('c.%I = t.%I', a.attname, b.attname), ' and ' order by k.place) as meets
    from pg_constraint
    cross join lateral unnest(conkey, confkey) with ordinality as k (own, other, place)
    join pg_attribute a on a.attrelid = conrelid and a.attnum = k.own
    join pg_attribute b on b.attrelid = confrelid and b.attnum = k.other
    where contype = 'f' and confrelid = $1::regclass and confdeltype in ('c', 'n', 'd')
    group by pg_constraint.oid, conrelid";

/// Fails if a row to be removed is referred to by rows that would go or change with it.
async fn refuse_actions(connection: &mut PgConnection, table: &TablePlan, replaced: &str) -> Result<()> {
    let keys: Vec<(String, String)> = sqlx::query_as(ACTIONS)
        .persistent(false)
        .bind(table.target.quoted())
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for (child, meets) in keys {
        let question = format!(
            "select exists (select from {} t join pg_temp.migrate_places p on t.ctid = p.place and not {replaced}
             join {child} c on {meets})",
            table.target.quoted()
        );
        let referred: bool = sqlx::query_scalar(AssertSqlSafe(question))
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(statement)?;
        if referred {
            return Err(Error::destination(
                ErrorKind::Conflict,
                format!(
                    "a row that should not be there is referred to by rows of {child}, which would go with it"
                ),
            )
            .at("table", &table.target)
            .hint("a role that may set session_replication_role can remove it alone"));
        }
    }
    Ok(())
}
