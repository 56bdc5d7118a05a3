//! `migrate.round` and `migrate.change`: what later runs brought.

use std::collections::BTreeMap;

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::chunk::Checkpoint;
use migrate_core::digest::Digest;
use migrate_core::round::TableChanges;
use migrate_core::stored::LaterChanges;
use migrate_core::{Error, ErrorKind};
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::sqlx::{self, Row};
use migrate_pg_client::{During, execute, query, query_scalar};

use crate::connect::statement;

const LEFT_BEHIND: &str = "
    select c.relname::text
    from pg_class c
    where c.relnamespace = 'migrate'::regnamespace and c.relkind = 'r'
      and c.relname ~ '^(rows|keys|gone)_[0-9a-f]{16}$'";

const FORGET: [&str; 2] = [
    "delete from migrate.quarantine where ordinal >= 1073741824",
    "delete from migrate.chunk where ordinal >= 1073741824",
];

/// Removes what a round staged that did not come to its end. The caller has a transaction open.
pub(crate) async fn forget_unapplied(connection: &mut PgConnection) -> Result<()> {
    let tables: Vec<String> = query_scalar(LEFT_BEHIND)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for table in tables {
        execute(
            connection,
            format!("drop table migrate.{table}"),
            During::Statement,
        )
        .await?;
    }
    for sql in FORGET {
        execute(connection, sql.to_owned(), During::Statement).await?;
    }
    Ok(())
}

const CHECKPOINTS: &str =
    "select source_schema, source_name, checkpoint from migrate.table_state where checkpoint is not null";

/// Up to where each table was read.
pub(crate) async fn checkpoints(connection: &mut PgConnection) -> Result<BTreeMap<ObjectName, Checkpoint>> {
    let rows = query(CHECKPOINTS)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let read = |row: &PgRow| Ok((table_of(row)?, Checkpoint(row.try_get("checkpoint")?)));
    rows.iter()
        .map(read)
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}

fn table_of(row: &PgRow) -> sqlx::Result<ObjectName> {
    Ok(ObjectName {
        schema: row.try_get("source_schema")?,
        name: row.try_get("source_name")?,
    })
}

const CHANGES: &str = "
    select source_schema, source_name, inserted, updated, deleted, quarantined, digest
    from migrate.change";

/// What all rounds made of each table.
pub(crate) async fn changes(connection: &mut PgConnection) -> Result<BTreeMap<ObjectName, LaterChanges>> {
    let mut tables: BTreeMap<ObjectName, LaterChanges> = BTreeMap::new();
    for row in query(CHANGES).fetch_all(connection).await.map_err(statement)? {
        let count = |name| row.try_get::<i64, _>(name).map_err(statement);
        let (inserted, deleted) = (count("inserted")?, count("deleted")?);
        let digest: String = row.try_get("digest").map_err(statement)?;
        let sum = u128::from_str_radix(&digest, 16).map_err(|e| {
            Error::destination(ErrorKind::Conflict, "a round's digest in the ledger is damaged").because(e)
        })?;
        let change = LaterChanges {
            inserted: inserted as u64,
            updated: count("updated")? as u64,
            deleted: deleted as u64,
            quarantined: count("quarantined")?,
            digest: Digest {
                rows: (inserted - deleted) as u64,
                sum,
            },
        };
        let table = table_of(&row).map_err(statement)?;
        tables.entry(table).or_default().merge(&change);
    }
    Ok(tables)
}

const BEGIN: &str = "
    insert into migrate.round (number, deletes)
    select coalesce(max(number), 0) + 1, $1 from migrate.round
    returning number";

const CHANGE: &str = "
    insert into migrate.change
        (round, source_schema, source_name, whole, inserted, updated, deleted, quarantined, digest)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Notes a round, and what it made of tables. The caller has the transaction open that does so.
pub(crate) async fn note(
    connection: &mut PgConnection,
    tables: &[TableChanges],
    deletes: bool,
) -> Result<i32> {
    let number: i32 = query_scalar(BEGIN)
        .bind(deletes)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    for table in tables.iter().filter(|t| t.changes != LaterChanges::default()) {
        query(CHANGE)
            .bind(number)
            .bind(&table.source.schema)
            .bind(&table.source.name)
            .bind(table.whole)
            .bind(table.changes.inserted as i64)
            .bind(table.changes.updated as i64)
            .bind(table.changes.deleted as i64)
            .bind(table.changes.quarantined)
            .bind(format!("{:032x}", table.changes.digest.sum))
            .execute(&mut *connection)
            .await
            .map_err(statement)?;
    }
    Ok(number)
}

const MOVE_ON: &str =
    "update migrate.table_state set checkpoint = $3 where source_schema = $1 and source_name = $2";

/// The next round of the table goes on from here.
pub(crate) async fn move_on(
    connection: &mut PgConnection,
    table: &ObjectName,
    checkpoint: Option<&Checkpoint>,
) -> Result<()> {
    query(MOVE_ON)
        .bind(&table.schema)
        .bind(&table.name)
        .bind(checkpoint.map(|c| c.0.as_str()))
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Rows that a round refused are known by a place of their own once it is applied.
const KEEP_REFUSED: &str = "update migrate.quarantine set ordinal = -1 where ordinal >= 1073741824";

const FORGET_CHUNKS: &str = "delete from migrate.chunk where ordinal >= 1073741824";

/// Ends the staging. The caller has the transaction open that applies the round.
pub(crate) async fn applied(connection: &mut PgConnection) -> Result<()> {
    execute(connection, KEEP_REFUSED.to_owned(), During::Statement).await?;
    execute(connection, FORGET_CHUNKS.to_owned(), During::Statement)
        .await
        .map(drop)
}
