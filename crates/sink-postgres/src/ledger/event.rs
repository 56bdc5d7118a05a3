//! `migrate.event`: the audit trail.

use migrate_core::stored::ProofNote;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::query;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use super::rfc3339;
use crate::connect::statement;
use crate::status::{HistoryEntry, LedgerEvent};

const INSERT: &str = "insert into migrate.event (kind, text) values ($1, $2)";

/// Notes that something happened. Never with a row's values.
pub(crate) async fn note(connection: &mut PgConnection, kind: &'static str, text: &str) -> Result<()> {
    query(INSERT)
        .bind(kind)
        .bind(text)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// A ledger that was begun by a version that did not note who did something.
const UPGRADE: &str = "
    alter table migrate.event
    add column if not exists who text default session_user || ' by ' || current_setting('application_name')
                                              || coalesce(' from ' || host(inet_client_addr()), '')";

const OLD: &str = "
    select not exists (select from pg_attribute where attrelid = 'migrate.event'::regclass and attname = 'who')";

/// Makes sure that events say who. The caller has a transaction open.
pub(crate) async fn upgrade(connection: &mut PgConnection) -> Result<()> {
    let old: bool = migrate_pg_client::query_scalar(OLD)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if old {
        migrate_pg_client::execute(connection, UPGRADE, migrate_pg_client::During::Statement).await?;
    }
    Ok(())
}

/// All that the ledger knows, in order: events, each with who; what each table and each step took.
const HISTORY: &str = concat!(
    "select ",
    rfc3339!("at"),
    " as at, kind, text, who, took_ms, rows
    from (
        select at, kind, text, to_jsonb(event) ->> 'who' as who, null::bigint as took_ms, null::bigint as rows, 0 as place
        from migrate.event
        where kind not in ('proof', 'snapshot')
        union all
        select max(chunk.changed_at), case when bool_and(chunk.done) then 'table copied' else 'table copied in part' end,
               chunk.source_schema || '.' || chunk.source_name, null,
               greatest(extract(epoch from max(chunk.changed_at) - min(state.split_at)) * 1000, 0)::bigint,
               sum(chunk.written)::bigint, 1
        from migrate.chunk
        join migrate.table_state as state using (source_schema, source_name)
        group by chunk.source_schema, chunk.source_name
        union all
        select at, case when done then 'step done' else 'step open' end,
               subject || coalesce(': ' || reason, ''), null, took_ms, null, 2
        from migrate.step
    ) as history
    order by history.at, place, text"
);

/// All that happened, in order.
pub(crate) async fn history(connection: &mut PgConnection) -> Result<Vec<HistoryEntry>> {
    let rows = query(HISTORY).fetch_all(connection).await.map_err(statement)?;
    rows.iter()
        .map(|row| {
            let count = |name| row.try_get::<Option<i64>, _>(name).map(|n| n.map(|n| n as u64));
            Ok(HistoryEntry {
                at: row.try_get("at")?,
                kind: row.try_get("kind")?,
                text: row.try_get("text")?,
                who: row.try_get("who")?,
                took_ms: count("took_ms")?,
                rows: count("rows")?,
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}

/// How the events are called that tell later proofs what an earlier one found.
const PROOF: &str = "proof";

/// How the event is called that holds the transactions that were over when the migration was completed.
const SNAPSHOT: &str = "snapshot";

/// Keeps that a proof was made.
pub(crate) async fn note_proof(connection: &mut PgConnection, proof: &ProofNote) -> Result<()> {
    let text = serde_json::to_string(proof)
        .map_err(|e| Error::new(ErrorKind::Internal, "a note cannot be written as JSON").because(e))?;
    note(connection, PROOF, &text).await
}

const PROOFS: &str = concat!(
    "select ",
    rfc3339!("at"),
    " as at, text from migrate.event where kind = $1 order by id"
);

/// Proofs that were made, the oldest first. What another version wrote differently is passed over.
pub(crate) async fn proofs(connection: &mut PgConnection) -> Result<Vec<ProofNote>> {
    let rows = sqlx::query(PROOFS)
        .persistent(false)
        .bind(PROOF)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let mut proofs = Vec::new();
    for row in &rows {
        let (at, text): (String, String) = (
            row.try_get("at").map_err(statement)?,
            row.try_get("text").map_err(statement)?,
        );
        if let Ok(proof) = serde_json::from_str::<ProofNote>(&text) {
            proofs.push(ProofNote { at, ..proof });
        }
    }
    Ok(proofs)
}

const NOTE_SNAPSHOT: &str = "insert into migrate.event (kind, text) values ($1, pg_current_snapshot()::text)";

/// Keeps which transactions are over by now.
pub(crate) async fn note_snapshot(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(NOTE_SNAPSHOT)
        .persistent(false)
        .bind(SNAPSHOT)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// The name of that event, for queries.
pub(crate) fn snapshot_kind() -> &'static str {
    SNAPSHOT
}

const LAST: &str = concat!(
    "select ",
    rfc3339!("at"),
    " as at, kind, text from (select * from migrate.event where kind not in ('proof', 'snapshot') order by id desc limit $1) as latest order by id"
);

/// The latest events, the oldest of them first.
pub(crate) async fn last(connection: &mut PgConnection, count: i64) -> Result<Vec<LedgerEvent>> {
    let rows = query(LAST)
        .bind(count)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(LedgerEvent {
                at: row.try_get("at")?,
                kind: row.try_get("kind")?,
                text: row.try_get("text")?,
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}
