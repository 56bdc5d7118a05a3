//! `migrate.table_state` and `migrate.chunk`: splits and receipts.

use std::collections::BTreeMap;
use std::time::Duration;

use migrate_core::catalog::ObjectName;
use migrate_core::chunk::{Checkpoint, Chunk, ChunkId, Cursor, Receipt, Window};
use migrate_core::digest::Digest;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::query;
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::sqlx::{self, Row};

use crate::connect::statement;

const SPLIT: &str = "
    insert into migrate.table_state (source_schema, source_name, checkpoint)
    values ($1, $2, $3)
    on conflict do nothing";

const INSERT: &str = "
    insert into migrate.chunk (source_schema, source_name, ordinal, token, expected_rows, expected_bytes)
    select $1, $2, ordinal, token, expected_rows, expected_bytes
    from unnest($3::int[], $4::text[], $5::bigint[], $6::bigint[])
      as new (ordinal, token, expected_rows, expected_bytes)";

/// Chunks that one statement inserts.
const SLICE: usize = 2_000;

/// Stores a table's split. The caller has a transaction open.
///
/// The same split that is stored already, by a call whose outcome was not heard of, is as good as a new one.
///
/// # Errors
/// [`Internal`](ErrorKind::Internal) if the table was split otherwise before: a table is split once in a migration's life.
pub(crate) async fn register(
    connection: &mut PgConnection,
    table: &ObjectName,
    chunks: &[Chunk],
    checkpoint: Option<&Checkpoint>,
) -> Result<()> {
    let new = query(SPLIT)
        .bind(&table.schema)
        .bind(&table.name)
        .bind(checkpoint.map(|c| c.0.as_str()))
        .execute(&mut *connection)
        .await
        .map_err(statement)?;
    if new.rows_affected() == 0 {
        let stored = read(connection).await?.remove(table).unwrap_or_default();
        let untouched = stored.iter().all(|(_, receipt)| *receipt == Receipt::default());
        if untouched && stored.iter().map(|(chunk, _)| chunk).eq(chunks) {
            return Ok(());
        }
        return Err(Error::new(ErrorKind::Internal, "the table was split before").at("table", table));
    }
    insert(connection, table, chunks, 0).await
}

/// Ordinals from here on are those of a later round, which is not applied yet.
pub(crate) const LATER: u32 = 1 << 30;

const FORGET_STAGED: &str = "delete from migrate.chunk where source_schema = $1 and source_name = $2 and ordinal between $3 and $3 + 536870911";

/// Forgets a table's chunks of a round, of one kind: those with ordinals from `first` on.
pub(crate) async fn forget_staged(
    connection: &mut PgConnection,
    table: &ObjectName,
    first: u32,
) -> Result<()> {
    query(FORGET_STAGED)
        .bind(&table.schema)
        .bind(&table.name)
        .bind(first as i32)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Stores chunks, with `first` added to their ordinals.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    table: &ObjectName,
    chunks: &[Chunk],
    first: u32,
) -> Result<()> {
    let foreign = chunks.iter().find(|c| &c.id.table != table);
    if let Some(foreign) = foreign {
        return Err(Error::new(ErrorKind::Internal, "a chunk of another table").at("chunk", &foreign.id));
    }
    for slice in chunks.chunks(SLICE) {
        query(INSERT)
            .bind(&table.schema)
            .bind(&table.name)
            .bind(
                slice
                    .iter()
                    .map(|c| (first + c.id.ordinal) as i32)
                    .collect::<Vec<_>>(),
            )
            .bind(slice.iter().map(|c| c.token.as_str()).collect::<Vec<_>>())
            .bind(slice.iter().map(|c| c.rows.map(|n| n as i64)).collect::<Vec<_>>())
            .bind(
                slice
                    .iter()
                    .map(|c| c.bytes.map(|n| n as i64))
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *connection)
            .await
            .map_err(statement)?;
    }
    Ok(())
}

const FORGET: [&str; 3] = [
    "delete from migrate.quarantine where source_schema = $1 and source_name = $2",
    "delete from migrate.chunk where source_schema = $1 and source_name = $2",
    "delete from migrate.table_state where source_schema = $1 and source_name = $2",
];

/// Forgets a table's split, receipts and rows in quarantine. The caller has a transaction open.
pub(crate) async fn forget(connection: &mut PgConnection, table: &ObjectName) -> Result<()> {
    for sql in FORGET {
        sqlx::query(sql)
            .persistent(false)
            .bind(&table.schema)
            .bind(&table.name)
            .execute(&mut *connection)
            .await
            .map_err(statement)?;
    }
    Ok(())
}

const READ_SPLITS: &str = "select source_schema, source_name from migrate.table_state";

const READ: &str = "
    select source_schema, source_name, ordinal, token, expected_rows, expected_bytes,
           read, filtered, quarantined, written, digest, bytes, cursor, done, conversions::text as conversions
    from migrate.chunk
    where ordinal < 1073741824
    order by source_schema, source_name, ordinal";

/// Every split table's chunks with their receipts.
pub(crate) async fn read(
    connection: &mut PgConnection,
) -> Result<BTreeMap<ObjectName, Vec<(Chunk, Receipt)>>> {
    let splits = query(READ_SPLITS)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    let mut tables = BTreeMap::new();
    for row in &splits {
        tables.insert(table_of(row).map_err(statement)?, Vec::new());
    }
    for row in query(READ).fetch_all(connection).await.map_err(statement)? {
        let chunk = chunk_of(&row).map_err(statement)?;
        let receipt = receipt_of(&row)?;
        tables
            .entry(chunk.id.table.clone())
            .or_default()
            .push((chunk, receipt));
    }
    Ok(tables)
}

const TOOK: &str = "
    select t.source_schema, t.source_name,
           greatest(extract(epoch from max(c.changed_at) - min(t.split_at)), 0)::float8 as seconds
    from migrate.table_state t
    join migrate.chunk c using (source_schema, source_name)
    where c.ordinal < 1073741824
    group by t.source_schema, t.source_name";

/// How long each table took, from its split to its last receipt.
pub(crate) async fn took(connection: &mut PgConnection) -> Result<BTreeMap<ObjectName, Duration>> {
    let rows = sqlx::query(TOOK)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            let seconds: f64 = row.try_get("seconds")?;
            Ok((
                table_of(row)?,
                Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            ))
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}

fn table_of(row: &PgRow) -> sqlx::Result<ObjectName> {
    Ok(ObjectName {
        schema: row.try_get("source_schema")?,
        name: row.try_get("source_name")?,
    })
}

fn chunk_of(row: &PgRow) -> sqlx::Result<Chunk> {
    let count = |name| row.try_get::<Option<i64>, _>(name).map(|n| n.map(|n| n as u64));
    Ok(Chunk {
        id: ChunkId {
            table: table_of(row)?,
            ordinal: row.try_get::<i32, _>("ordinal")? as u32,
        },
        token: row.try_get("token")?,
        rows: count("expected_rows")?,
        bytes: count("expected_bytes")?,
    })
}

fn receipt_of(row: &PgRow) -> Result<Receipt> {
    let count = |name| row.try_get::<i64, _>(name).map(|n| n as u64).map_err(statement);
    let text = |name| row.try_get::<String, _>(name).map_err(statement);
    let unreadable = |what| {
        Error::destination(
            ErrorKind::Conflict,
            format!("a chunk's {what} in the ledger is damaged"),
        )
    };
    Ok(Receipt {
        read: count("read")?,
        filtered: count("filtered")?,
        quarantined: count("quarantined")?,
        digest: Digest {
            rows: count("written")?,
            sum: u128::from_str_radix(&text("digest")?, 16).map_err(|e| unreadable("digest").because(e))?,
        },
        bytes: count("bytes")?,
        cursor: row
            .try_get::<Option<String>, _>("cursor")
            .map_err(statement)?
            .map(Cursor),
        done: row.try_get("done").map_err(statement)?,
        conversions: serde_json::from_str(&text("conversions")?)
            .map_err(|e| unreadable("conversions").because(e))?,
    })
}

const OPEN: &str = "
    update migrate.chunk as chunk
    set attempt = attempt + 1
    where source_schema = $1 and source_name = $2 and ordinal = $3
      and (select epoch from migrate.run) = $4
    returning attempt, read, filtered, quarantined, written, digest, bytes, cursor, done,
              conversions::text as conversions,
              (select count(*) = 1
               from migrate.chunk as other
               where other.source_schema = $1 and other.source_name = $2) as alone";

/// A chunk as a writer finds it.
pub(crate) struct Opened {
    /// The number under which this writer may commit.
    pub(crate) attempt: i64,
    pub(crate) receipt: Receipt,
    /// Whether it is its table's only chunk.
    pub(crate) alone: bool,
}

/// Opens a chunk, which shuts out its earlier writers.
pub(crate) async fn open(connection: &mut PgConnection, chunk: &ChunkId, epoch: i64) -> Result<Opened> {
    let row = query(OPEN)
        .bind(&chunk.table.schema)
        .bind(&chunk.table.name)
        .bind(chunk.ordinal as i32)
        .bind(epoch)
        .fetch_optional(&mut *connection)
        .await
        .map_err(statement)?;
    let Some(row) = row else {
        super::run::hold(connection, epoch).await?;
        return Err(Error::new(ErrorKind::Internal, "the chunk was never registered").at("chunk", chunk));
    };
    Ok(Opened {
        attempt: row.try_get("attempt").map_err(statement)?,
        alone: row.try_get("alone").map_err(statement)?,
        receipt: receipt_of(&row)?,
    })
}

const CLOSE: &str = "
    update migrate.chunk
    set read = $5, filtered = $6, quarantined = $7, written = $8, digest = $9, bytes = $10,
        cursor = $11, done = $12, conversions = $13::json,
        window_from = coalesce(window_from, $14), window_to = coalesce($15, window_to), changed_at = now()
    where source_schema = $1 and source_name = $2 and ordinal = $3
      and attempt = $4
      and (select epoch from migrate.run) = $16";

/// Writes a chunk's receipt. The caller has a transaction open.
///
/// # Errors
/// [`Fenced`](ErrorKind::Fenced) if another writer opened the chunk since `attempt`.
pub(crate) async fn close(
    connection: &mut PgConnection,
    chunk: &ChunkId,
    attempt: i64,
    epoch: i64,
    receipt: &Receipt,
    window: &Window,
) -> Result<()> {
    let conversions = serde_json::to_string(&receipt.conversions)
        .map_err(|e| Error::new(ErrorKind::Internal, "counts cannot be written as JSON").because(e))?;
    let done = query(CLOSE)
        .bind(&chunk.table.schema)
        .bind(&chunk.table.name)
        .bind(chunk.ordinal as i32)
        .bind(attempt)
        .bind(receipt.read as i64)
        .bind(receipt.filtered as i64)
        .bind(receipt.quarantined as i64)
        .bind(receipt.digest.rows as i64)
        .bind(format!("{:032x}", receipt.digest.sum))
        .bind(receipt.bytes as i64)
        .bind(receipt.cursor.as_ref().map(|c| c.0.as_str()))
        .bind(receipt.done)
        .bind(conversions)
        .bind(window.from.as_ref().map(|p| p.0.as_str()))
        .bind(window.to.as_ref().map(|p| p.0.as_str()))
        .bind(epoch)
        .execute(connection)
        .await
        .map_err(statement)?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(Error::destination(ErrorKind::Fenced, "another writer took the chunk over").at("chunk", chunk))
}
