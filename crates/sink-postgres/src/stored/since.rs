//! Whether rows were written after the migration was completed.
//!
//! When a migration is completed the ledger keeps the snapshot of that moment (`pg_current_snapshot()`). A row whose
//! inserting transaction (`xmin`) is not visible in it was written later. Row headers hold the lower half of a transaction's
//! number only; the upper one is that of the latest transaction before now with this lower half, which is right for
//! two thousand million transactions.

use migrate_core::Result;
use migrate_core::plan::TablePlan;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe, Row};
use migrate_pg_client::{During, execute};

use super::rows_as_text;
use crate::connect::{Shared, statement};
use crate::ledger::event;

const COMPLETED: &str = "select text from migrate.event where kind = $1 order by id desc limit 1";

pub(super) async fn written_after(
    shared: &Shared,
    connection: &mut PgConnection,
    table: &TablePlan,
    rows: &[&[u8]],
) -> Result<Vec<Option<bool>>> {
    let mut answers = vec![None; rows.len()];
    let completed: Option<String> = sqlx::query_scalar(COMPLETED)
        .persistent(false)
        .bind(event::snapshot_kind())
        .fetch_optional(&mut *connection)
        .await
        .map_err(statement)?;
    let Some(completed) = completed else {
        return Ok(answers);
    };
    shared.begin(connection).await?;
    rows_as_text::create(connection, table, "pg_temp.migrate_rows").await?;
    rows_as_text::fill(
        connection,
        "pg_temp.migrate_rows",
        rows_as_text::alike(rows.iter().copied())?.into_iter(),
    )
    .await?;
    let question = format!(
        "with now as (select pg_snapshot_xmax(pg_current_snapshot())::text::numeric as next),
              found as (
                  select k.migrate_n, k.migrate_like, t.xmin::text::numeric as low,
                         row_number() over (partition by k.migrate_n order by t.ctid) - 1 as place
                  from pg_temp.migrate_rows k
                  join {table} t on {same}
              )
         select migrate_n,
                case when low < 3 then false
                     else not pg_visible_in_snapshot(
                         (next - 1 - mod(next - 1 - low + 4294967296 * 2, 4294967296))::text::xid8, $1::pg_snapshot)
                end as later
         from found, now
         where place = migrate_like",
        table = table.target.quoted(),
        same = rows_as_text::same(table)
    );
    let found = sqlx::query(AssertSqlSafe(question))
        .persistent(false)
        .bind(completed)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for row in &found {
        let n: i32 = row.try_get("migrate_n").map_err(statement)?;
        if let Some(answer) = usize::try_from(n).ok().and_then(|n| answers.get_mut(n)) {
            *answer = row.try_get("later").map_err(statement)?;
        }
    }
    execute(connection, "rollback", During::Statement).await?;
    Ok(answers)
}
